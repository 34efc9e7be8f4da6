//! Goes through a graph in its order and collects what is known of every value.

use std::collections::{BTreeMap, HashMap};

use super::call::{Call, MOST_OUTPUTS};
use super::scopes::Scopes;
use super::symbols::Symbols;
use super::{Dim, Integer, Value, constants, elements, numbers, rules};
use crate::limits::MOST_DIMENSIONS;
use crate::proto::{self, Dim as WrittenDim, Graph, Model, Node, TypeValue, ValueInfo};
use crate::tensor::ElementType;

/// How deep a graph can be in others.
const DEEPEST: usize = 8;

/// Returns what is known of the values of a model, and the names of symbols.
pub(super) fn model(
    model: &Model,
    bound: &BTreeMap<String, usize>,
) -> (HashMap<String, Value>, HashMap<u32, String>) {
    let mut walk = Walk { scopes: Scopes::new(), symbols: Symbols::new(bound), depth: 0 };
    walk.scopes.enter();
    if let Some(graph) = &model.graph {
        walk.graph(graph);
    }
    let values = walk.scopes.leave().into_iter();
    (values.map(|(name, value)| (name.to_owned(), value)).collect(), walk.symbols.into_names())
}

struct Walk<'a> {
    scopes: Scopes<'a>,
    symbols: Symbols<'a>,
    depth: usize,
}

/// What the file says of values.
type Declared<'a> = HashMap<&'a str, &'a proto::Type>;

impl<'a> Walk<'a> {
    /// Adds the values of a graph to the innermost scope.
    fn graph(&mut self, graph: &'a Graph) {
        for tensor in &graph.initializer {
            self.scopes.insert(tensor.name(), constants::tensor(tensor));
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", proto::Tensor::name);
            self.scopes.insert(name, constants::sparse(sparse));
        }
        // Until IR version 3, initializers are also inputs.
        for input in graph.input.iter().filter_map(declaration) {
            if !self.scopes.has(input.0) {
                let value = self.declared(Value::default(), input.1);
                self.scopes.insert(input.0, value);
            }
        }
        let declared = graph.value_info.iter().chain(&graph.output).filter_map(declaration);
        let declared: Declared<'a> = declared.collect();
        for node in &graph.node {
            let mut values = self.node(node).into_iter();
            for output in &node.output {
                let mut value = values.next().unwrap_or_default();
                if let Some(written) = declared.get(output.as_str()) {
                    value = self.declared(value, written);
                }
                if !output.is_empty() {
                    self.scopes.insert(output, value);
                }
            }
        }
    }

    /// Returns what the rules know of the outputs of a node.
    fn node(&mut self, node: &'a Node) -> Vec<Value> {
        if self.scopes.is_full() {
            return Vec::new();
        }
        match node.op() {
            "Constant" if node.has_standard_op() => return vec![constants::node(node)],
            "If" if node.has_standard_op() => return self.branches(node),
            _ => {}
        }
        let call = Call::new(node, &self.scopes);
        if let ("Identity", true, Some(value)) = (node.op(), node.has_standard_op(), call.value(0))
        {
            return vec![value.clone()];
        }
        let shapes = rules::shapes(&call, &mut self.symbols);
        let mut numbers = numbers::of(&call, &shapes, &mut self.symbols).into_iter();
        let shapes = shapes.into_iter().enumerate();
        let values = shapes.map(|(output, dims)| Value {
            dims,
            element: elements::of(&call, output),
            ..numbers.next().unwrap_or_default()
        });
        values.collect()
    }

    /// Returns what both branches of an If agree in; if the condition is known, what its branch says.
    fn branches(&mut self, node: &'a Node) -> Vec<Value> {
        let condition =
            Call::new(node, &self.scopes).integers(0).and_then(|all| all.values.first());
        let condition = condition.copied();
        match condition {
            Some(Integer::Value(0)) => self.branch(node, "else_branch"),
            Some(Integer::Value(_)) => self.branch(node, "then_branch"),
            _ => {
                let (yes, no) =
                    (self.branch(node, "then_branch"), self.branch(node, "else_branch"));
                let pairs = yes.into_iter().zip(no);
                pairs.map(|(yes, no)| self.either(&yes, &no)).collect()
            }
        }
    }

    fn branch(&mut self, node: &'a Node, name: &str) -> Vec<Value> {
        let graph = node.graph(name).filter(|_| self.depth < DEEPEST);
        let Some(graph) = graph else { return Vec::new() };
        self.depth += 1;
        self.scopes.enter();
        self.graph(graph);
        let outputs = graph.output.iter().take(node.output.len().min(MOST_OUTPUTS));
        let outputs = outputs.map(|output| self.scopes.get(output.name()).cloned());
        let outputs = outputs.map(Option::unwrap_or_default).collect();
        self.scopes.leave();
        self.depth -= 1;
        outputs
    }

    /// Returns what is known of a value that is one of two.
    fn either(&mut self, one: &Value, other: &Value) -> Value {
        let dims = match (&one.dims, &other.dims) {
            (Some(one), Some(other)) if one.len() == other.len() => {
                let same = |(one, other): (&Dim, &Dim)| {
                    if one == other { Some(*one) } else { self.symbols.fresh() }
                };
                one.iter().zip(other).map(same).collect()
            }
            _ => None,
        };
        let element = one.element.filter(|element| Some(*element) == other.element);
        Value { dims, element, ..Value::default() }
    }

    /// Adds what the file says of a value. A rule knows better, but the file can know numbers and names.
    fn declared(&mut self, mut value: Value, written: &'a proto::Type) -> Value {
        let Some(TypeValue::Tensor(tensor)) = &written.value else { return value };
        let element = tensor.elem_type.filter(|element| *element > 0).map(ElementType);
        value.element = value.element.or(element);
        let Some(shape) = tensor.shape.as_ref().filter(|s| s.dim.len() <= MOST_DIMENSIONS) else {
            return value;
        };
        match &mut value.dims {
            None => {
                let dims = shape.dim.iter().map(|dim| self.written(dim.value.as_ref()));
                value.dims = dims.collect();
            }
            Some(dims) if dims.len() == shape.dim.len() => {
                for (dim, written) in dims.iter_mut().zip(&shape.dim) {
                    *dim = match (*dim, &written.value) {
                        (Dim::Symbol(_), Some(WrittenDim::Value(extent))) => {
                            usize::try_from(*extent).map_or(*dim, Dim::Known)
                        }
                        (dim, Some(WrittenDim::Param(name))) => self.symbols.name(dim, name),
                        (dim, _) => dim,
                    };
                }
            }
            Some(_) => {}
        }
        value
    }

    /// Returns an extent that the file says.
    fn written(&mut self, dim: Option<&'a WrittenDim>) -> Option<Dim> {
        match dim {
            Some(WrittenDim::Value(extent)) => match usize::try_from(*extent) {
                Ok(extent) => Some(Dim::Known(extent)),
                Err(_) => self.symbols.fresh(),
            },
            Some(WrittenDim::Param(name)) => self.symbols.named(name),
            None => self.symbols.fresh(),
        }
    }
}

fn declaration(info: &ValueInfo) -> Option<(&str, &proto::Type)> {
    Some((info.name(), info.r#type.as_ref()?))
}
