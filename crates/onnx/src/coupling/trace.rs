//! The walk through the nodes: what lies along every dimension of every value.

use std::collections::{BTreeMap, HashMap};

use super::rules::{self, Counts};
use super::{Along, Axes, Reason, Role};
use crate::coupling::axes::{Cuts, Origin};
use crate::proto::{Graph, Node, Tensor};
use crate::shapes::{Dim, Shapes};
use crate::tensor::ElementType;

/// How often the trace begins again because axes must be cut. Each time, at least one more is cut.
const MOST_TRACES: usize = 100;

/// The most pieces of all values together. A Concat of a value with itself doubles them; real files have a few for
/// every node.
const MOST_PIECES: usize = 1 << 22;

/// What is known of a value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A tensor of the file, perhaps with other dimensions: dimension `d` is `dimensions[d]` of the tensor; `None` if
    /// it was added, with an extent of 1.
    Stored { tensor: String, dimensions: Vec<Option<usize>> },
    /// What nodes compute, or an input.
    Computed(Vec<Along>),
}

/// A tensor of the file: an initializer, or the value of a Constant node.
pub(crate) struct Stored {
    pub(crate) extents: Vec<usize>,
    pub(crate) element: ElementType,
    /// What lies along each dimension, once a node has read it.
    pub(crate) along: Vec<Option<(Along, Role)>>,
    /// The order in which tensors were first read.
    pub(crate) order: Option<usize>,
    /// The first node that reads it.
    pub(crate) reader: Option<usize>,
}

/// A product of numbers along dimensions: a convolution or a matrix product.
pub(crate) struct Product {
    pub(crate) node: usize,
    /// What its multiply-accumulates are the product of.
    pub(crate) factors: Vec<(Along, Dim)>,
    /// A constant factor: the taps of a window.
    pub(crate) taps: usize,
}

/// A constant that names numbers of channels, and must be written anew after a clip.
pub(crate) enum Rewrite {
    /// The input `input` of a node is the shape of its first output.
    Shape { node: usize, input: usize },
    /// A Split has outputs of these extents.
    Split { node: usize, parts: Vec<Along> },
    /// A Slice begins after `before` and takes `inside`, along the entry `entry` of its axes.
    Slice { node: usize, entry: usize, before: Along, inside: Along },
    /// A depthwise convolution has as many groups as channels.
    Groups { node: usize, channels: Along },
}

/// The walk through the nodes.
pub(crate) struct Trace<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) shapes: &'a Shapes,
    pub(crate) opset: i64,
    pub(crate) axes: Axes,
    pub(crate) tensors: BTreeMap<String, Stored>,
    pub(crate) products: Vec<Product>,
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) values: HashMap<String, Value>,
    /// What the entries of integers count.
    pub(super) counts: HashMap<String, Counts>,
    read: usize,
    /// The pieces of all values so far.
    pieces: usize,
    /// The node that is being traced.
    pub(super) number: usize,
}

impl<'a> Trace<'a> {
    /// Walks through the nodes, again and again until no more axes must be cut.
    pub(crate) fn of(graph: &'a Graph, shapes: &'a Shapes, opset: i64) -> Self {
        let mut cuts = Cuts::default();
        for _ in 1..MOST_TRACES {
            let trace = Self::once(graph, shapes, opset, cuts.clone());
            if *trace.axes.cuts() == cuts {
                return trace;
            }
            cuts = trace.axes.into_cuts();
        }
        Self::once(graph, shapes, opset, cuts)
    }

    fn once(graph: &'a Graph, shapes: &'a Shapes, opset: i64, cuts: Cuts) -> Self {
        let mut trace = Self {
            graph,
            shapes,
            opset,
            axes: Axes::with_cuts(cuts),
            tensors: BTreeMap::new(),
            products: vec![],
            rewrites: vec![],
            values: HashMap::new(),
            counts: HashMap::new(),
            read: 0,
            pieces: 0,
            number: 0,
        };
        for tensor in &graph.initializer {
            trace.store(tensor.name.as_deref().unwrap_or_default(), tensor);
        }
        for input in &graph.input {
            let name = input.name.as_deref().unwrap_or_default();
            if !trace.values.contains_key(name) {
                trace.set_fixed(name, &Reason::Input);
            }
        }
        for (number, node) in graph.node.iter().enumerate() {
            trace.number = number;
            rules::apply(&mut trace, node);
        }
        for output in &graph.output {
            trace.fix_value(output.name.as_deref().unwrap_or_default(), &Reason::Output);
        }
        trace
    }

    /// Adds a tensor of the file under the name of a value.
    pub(super) fn store(&mut self, name: &str, tensor: &Tensor) {
        let Ok(extents) = tensor.extents() else { return };
        let dimensions = (0..extents.len()).map(Some).collect();
        let stored = Stored {
            along: vec![None; extents.len()],
            element: tensor.element_type(),
            extents,
            order: None,
            reader: None,
        };
        self.tensors.insert(name.to_owned(), stored);
        self.values.insert(name.to_owned(), Value::Stored { tensor: name.to_owned(), dimensions });
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Sets what is known of a value. If there are too many pieces, they are fixed.
    pub(super) fn set(&mut self, name: &str, mut value: Value) {
        if let Value::Computed(all) = &mut value {
            self.pieces += all.iter().map(|along| along.pieces().len()).sum::<usize>();
            if self.pieces > MOST_PIECES {
                let reason = Reason::TooMany { node: self.node_name() };
                for along in all.iter_mut() {
                    self.axes.fix_along(along, &reason);
                    *along = Along::Fixed(reason.clone());
                }
            }
        }
        if !name.is_empty() {
            self.values.insert(name.to_owned(), value);
        }
    }

    /// Sets what lies along the dimensions of the first output of a node.
    pub(super) fn set_output(&mut self, node: &Node, along: Vec<Along>) {
        if let Some(output) = node.output.first() {
            self.set(output, Value::Computed(along));
        }
    }

    /// Sets a value along whose dimensions nothing can be clipped. Without a rank, there is nothing to set.
    pub(super) fn set_fixed(&mut self, name: &str, reason: &Reason) {
        if let Some(shape) = self.shapes.of(name) {
            let along = vec![Along::Fixed(reason.clone()); shape.len()];
            self.set(name, Value::Computed(along));
        }
    }

    /// Sets all outputs of a node to values along which nothing can be clipped.
    pub(super) fn set_fixed_outputs(&mut self, node: &Node, reason: &Reason) {
        for output in &node.output {
            self.set_fixed(output, reason);
        }
    }

    /// Returns the number of dimensions of a value, if it is known.
    pub(super) fn rank(&self, name: &str) -> Option<usize> {
        match self.value(name) {
            Some(Value::Stored { dimensions, .. }) => Some(dimensions.len()),
            Some(Value::Computed(along)) => Some(along.len()),
            None => self.shapes.of(name).map(<[Dim]>::len),
        }
    }

    /// Returns an extent of a value.
    pub(super) fn extent(&self, name: &str, dimension: usize) -> Option<Dim> {
        match self.value(name) {
            Some(Value::Stored { tensor, dimensions }) => match dimensions.get(dimension)? {
                Some(of_tensor) => Some(Dim::Known(self.tensors[tensor].extents[*of_tensor])),
                None => Some(Dim::Known(1)),
            },
            _ => self.shapes.of(name)?.get(dimension).copied(),
        }
    }

    /// Returns the extent of a dimension, if it is a number.
    pub(super) fn known(&self, name: &str, dimension: usize) -> Option<usize> {
        match self.extent(name, dimension) {
            Some(Dim::Known(extent)) => Some(extent),
            _ => None,
        }
    }

    pub(super) fn is_stored(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Stored { .. }))
    }

    /// Returns what lies along a dimension of a value. A dimension of a tensor that nothing has read yet gets axes of
    /// its own.
    pub(super) fn along(&mut self, name: &str, dimension: usize, role: Role) -> Along {
        let reason = || Reason::Unknown { node: name.to_owned(), op: "?".into() };
        match self.values.get(name) {
            Some(Value::Computed(along)) => {
                along.get(dimension).cloned().unwrap_or_else(|| Along::Fixed(reason()))
            }
            Some(Value::Stored { tensor, dimensions }) => {
                let (tensor, of_tensor) = (tensor.clone(), dimensions.get(dimension).copied());
                match of_tensor.flatten() {
                    Some(of_tensor) => self.along_tensor(&tensor, of_tensor, role),
                    None => Along::Fixed(reason()),
                }
            }
            None => Along::Fixed(reason()),
        }
    }

    fn along_tensor(&mut self, tensor: &str, dimension: usize, role: Role) -> Along {
        let Some(stored) = self.tensors.get(tensor) else {
            return Along::Fixed(Reason::NotMade);
        };
        if let Some(Some((along, _))) = stored.along.get(dimension) {
            return along.clone();
        }
        let origin = Origin { tensor: tensor.to_owned(), dimension };
        let along = Along::Channels(self.axes.of_tensor(&origin, stored.extents[dimension]));
        self.tie(tensor, dimension, along.clone(), role);
        along
    }

    fn tie(&mut self, tensor: &str, dimension: usize, along: Along, role: Role) {
        let (read, number) = (&mut self.read, self.number);
        if let Some(stored) = self.tensors.get_mut(tensor) {
            stored.along[dimension] = Some((along, role));
            stored.order.get_or_insert_with(|| {
                *read += 1;
                *read
            });
            stored.reader.get_or_insert(number);
        }
    }

    /// Says that along a dimension of a value lies the same as `along`.
    pub(super) fn bind(&mut self, name: &str, dimension: usize, along: &Along, role: Role) {
        let misaligned = self.misaligned();
        if let Some(Value::Stored { tensor, dimensions }) = self.values.get(name) {
            let Some(of_tensor) = dimensions.get(dimension).copied().flatten() else { return };
            let tensor = tensor.clone();
            let stored = &self.tensors[&tensor];
            let is_new = stored.along[of_tensor].is_none();
            let fits =
                self.extent_of(along).is_none_or(|extent| extent == stored.extents[of_tensor]);
            if is_new && fits {
                return self.tie(&tensor, of_tensor, along.clone(), role);
            }
        }
        let found = self.along(name, dimension, role);
        self.axes.combine(&found, along, &misaligned);
    }

    /// Returns the positions along pieces; `None` if nothing can be clipped there.
    fn extent_of(&self, along: &Along) -> Option<usize> {
        match along {
            Along::Channels(pieces) => {
                let of_piece = |piece: &super::Piece| {
                    self.axes.width(piece.axis) * piece.span.block * piece.span.repeat
                };
                Some(pieces.iter().map(of_piece).sum())
            }
            Along::Fixed(_) => None,
        }
    }

    /// Fixes everything along all dimensions of a value.
    pub(super) fn fix_value(&mut self, name: &str, reason: &Reason) {
        for dimension in 0..self.rank(name).unwrap_or_default() {
            self.fix(name, dimension, reason);
        }
    }

    /// Fixes everything along a dimension of a value. In a tensor that nothing else cuts, nothing is noted.
    pub(super) fn fix(&mut self, name: &str, dimension: usize, reason: &Reason) {
        if let Some(Value::Stored { tensor, dimensions }) = self.values.get(name) {
            let Some(of_tensor) = dimensions.get(dimension).copied().flatten() else { return };
            let tensor = tensor.clone();
            if self.tensors[&tensor].along[of_tensor].is_none() {
                let along = Along::Fixed(reason.clone());
                return self.tie(&tensor, of_tensor, along, Role::Follows);
            }
        }
        let along = self.along(name, dimension, Role::Follows);
        self.axes.fix_along(&along, reason);
    }

    /// Returns the name of the node that is being traced, or what it makes.
    pub(super) fn node_name(&self) -> String {
        self.graph.node.get(self.number).map(name_of).unwrap_or_default()
    }

    pub(super) fn misaligned(&self) -> Reason {
        Reason::Misaligned { node: self.node_name() }
    }

    pub(super) fn mixed(&self) -> Reason {
        Reason::Mixed { node: self.node_name(), op: self.op() }
    }

    pub(super) fn picked(&self) -> Reason {
        Reason::Picked { node: self.node_name(), op: self.op() }
    }

    pub(super) fn reshaped(&self) -> Reason {
        Reason::Reshaped { node: self.node_name() }
    }

    pub(super) fn op(&self) -> String {
        self.graph.node[self.number].op().to_owned()
    }
}

/// Returns the name of a node, or else what it makes.
pub fn name_of(node: &Node) -> String {
    let named = node.name.clone().filter(|name| !name.is_empty());
    named.or_else(|| node.output.first().cloned()).unwrap_or_default()
}
