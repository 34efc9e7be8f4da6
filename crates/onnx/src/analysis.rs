//! What a file computes, as far as it matters for a clip: groups of channels, sizes, and what a clip changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::coupling::{Along, Group, Product, Reason, Rewrite, Stored, Trace, Value};
use crate::proto::{Graph, Model, Node};
use crate::shapes::{Dim, Integer, Shapes};
use crate::sharing::Copies;

/// The analysis of a model.
pub struct Analysis {
    groups: Vec<Group>,
    /// The width of every axis, and the number of its group.
    pub(crate) axes: Vec<(usize, Option<usize>)>,
    pub(crate) tensors: BTreeMap<String, Stored>,
    pub(crate) values: BTreeMap<String, Vec<Along>>,
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) shapes: Shapes,
    products: Vec<Product>,
    /// Symbols of the number of images, which count as one.
    images: BTreeSet<u32>,
    /// Tensors that do not count as parameters: running statistics, and copies.
    uncounted: BTreeSet<String>,
}

/// The size of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Numbers in the weights; running statistics do not count.
    pub parameters: usize,
    /// Multiply-accumulates of convolutions and matrix products for one image; `None` if an extent is known only when
    /// the model runs.
    pub macs: Option<usize>,
}

impl Analysis {
    /// Analyses a model. `bound` gives numbers to extents that have a name in the file. Copies of vectors are not
    /// counted as parameters.
    pub fn of(model: &Model, bound: &BTreeMap<String, usize>, copies: &Copies) -> Self {
        let shapes = Shapes::infer(model, bound);
        let empty = Graph::default();
        let graph = model.graph.as_ref().unwrap_or(&empty);
        let mut trace = Trace::of(graph, &shapes, model.opset());
        let (groups, numbers) = trace.groups();
        let widths = (0..trace.axes.len()).map(|axis| trace.axes.width(axis));
        let axes = widths.zip(numbers).collect();
        let Trace { tensors, products, rewrites, values, .. } = trace;
        let along = |tensor: &str, dimension: Option<usize>| {
            let tied = dimension.and_then(|dimension| tensors[tensor].along[dimension].clone());
            tied.map_or(Along::Fixed(Reason::NotMade), |(along, _)| along)
        };
        let values = values.into_iter().map(|(name, value)| match value {
            Value::Computed(along) => (name, along),
            Value::Stored { tensor, dimensions } => {
                let all = dimensions.iter().map(|dimension| along(&tensor, *dimension));
                (name, all.collect())
            }
        });
        let values = values.collect();
        Self {
            groups,
            axes,
            tensors,
            values,
            rewrites,
            products,
            images: images(graph, &shapes),
            uncounted: statistics(graph).chain(copies.names().map(ToOwned::to_owned)).collect(),
            shapes,
        }
    }

    /// Returns the groups of channels, in the order of their first weights.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the numbers of the groups that can be clipped.
    pub fn free(&self) -> Vec<usize> {
        let numbers = 0..self.groups.len();
        numbers.filter(|number| self.groups[*number].fixed.is_none()).collect()
    }

    /// Returns the extents of a value, as far as they are known; `None` if not even their number is.
    pub fn extents(&self, value: &str) -> Option<Vec<Option<usize>>> {
        let known = |dim: &Dim| match dim {
            Dim::Known(extent) => Some(*extent),
            Dim::Symbol(_) => None,
        };
        Some(self.shapes.of(value)?.iter().map(known).collect())
    }

    /// Returns the extents of a value as text: numbers, the names of extents that are known only when the model runs,
    /// and `?` for those without a name.
    pub fn extents_as_text(&self, value: &str) -> Vec<String> {
        let text = |dim: &Dim| match dim {
            Dim::Known(extent) => extent.to_string(),
            Dim::Symbol(symbol) => self.shapes.symbol_name(*symbol).unwrap_or("?").to_owned(),
        };
        self.shapes
            .of(value)
            .map_or_else(|| vec!["?".to_owned()], |dims| dims.iter().map(text).collect())
    }

    /// Returns whether a value is a tensor of the file.
    pub fn is_stored(&self, value: &str) -> bool {
        self.tensors.contains_key(value)
    }

    /// Returns the integers of a value that is a constant of the file.
    pub fn constant_integers(&self, value: &str) -> Option<Vec<i64>> {
        let integers = self.shapes.integers(value).filter(|integers| integers.is_constant)?;
        let number = |integer: &Integer| match integer {
            Integer::Value(value) => Some(*value),
            _ => None,
        };
        integers.values.iter().map(number).collect()
    }

    /// Returns the size of the model if some groups, by their numbers, have other widths.
    pub fn size(&self, widths: &BTreeMap<usize, usize>) -> Size {
        let macs = self.products.iter().map(|product| self.macs_of(product, widths));
        let macs = macs.reduce(|sum, macs| sum?.checked_add(macs?)).unwrap_or(Some(0));
        let numbers = self.tensors.iter().filter(|(name, stored)| {
            stored.element.is_float()
                && !stored.extents.is_empty()
                && !self.uncounted.contains(*name)
        });
        let numbers = numbers.map(|(_, stored)| self.numbers(stored, widths));
        Size { parameters: numbers.fold(0, usize::saturating_add), macs }
    }

    /// Returns the size of every node, in order, as [`size`](Self::size) counts it. A tensor counts where it is first
    /// read.
    pub fn node_sizes(&self, nodes: usize) -> Vec<Size> {
        let mut sizes = vec![Size { parameters: 0, macs: Some(0) }; nodes];
        let widths = BTreeMap::new();
        for product in &self.products {
            sizes[product.node].macs = self.macs_of(product, &widths);
        }
        for (name, stored) in &self.tensors {
            let is_counted = stored.element.is_float() && !self.uncounted.contains(name);
            if let Some(size) =
                stored.reader.filter(|_| is_counted).and_then(|node| sizes.get_mut(node))
            {
                size.parameters += self.numbers(stored, &widths);
            }
        }
        sizes
    }

    fn numbers(&self, stored: &Stored, widths: &BTreeMap<usize, usize>) -> usize {
        let extents = stored.extents.iter().zip(&stored.along);
        let extent = |(extent, along): (&usize, &Option<(Along, _)>)| {
            along.as_ref().and_then(|(along, _)| self.extent(along, widths)).unwrap_or(*extent)
        };
        extents.map(extent).fold(1, usize::saturating_mul)
    }

    fn macs_of(&self, product: &Product, widths: &BTreeMap<usize, usize>) -> Option<usize> {
        product.factors.iter().try_fold(product.taps, |macs, (along, dim)| {
            let extent = match (self.extent(along, widths), dim) {
                (Some(extent), _) => extent,
                (None, Dim::Known(extent)) => *extent,
                (None, Dim::Symbol(symbol)) if self.images.contains(symbol) => 1,
                (None, Dim::Symbol(_)) => return None,
            };
            macs.checked_mul(extent)
        })
    }

    /// Returns the positions along a dimension if some groups have other widths; `None` if nothing can be clipped
    /// there.
    pub(crate) fn extent(&self, along: &Along, widths: &BTreeMap<usize, usize>) -> Option<usize> {
        match along {
            Along::Channels(pieces) => {
                let positions = pieces.iter().map(|piece| {
                    let (width, group) = self.axes[piece.axis];
                    let width = group.and_then(|group| widths.get(&group)).unwrap_or(&width);
                    width * piece.span.block * piece.span.repeat
                });
                Some(positions.sum())
            }
            Along::Fixed(_) => None,
        }
    }
}

/// Returns the symbols of the first extents of the inputs.
fn images(graph: &Graph, shapes: &Shapes) -> BTreeSet<u32> {
    let first = |name: &str| match shapes.of(name)?.first()? {
        Dim::Symbol(symbol) => Some(*symbol),
        Dim::Known(_) => None,
    };
    graph.input.iter().filter_map(|input| first(input.name())).collect()
}

/// Returns the running statistics of all batch normalisations.
fn statistics(graph: &Graph) -> impl Iterator<Item = String> {
    let norms = graph.node.iter().filter(|node| node.op() == "BatchNormalization");
    let of_node = |node: &Node| node.input.iter().skip(3).cloned().collect::<Vec<_>>();
    norms.flat_map(of_node)
}
