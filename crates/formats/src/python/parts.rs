//! The tree of modules that the names of nodes make, and which parts of it compute by themselves.

use std::collections::BTreeSet;

use rayclip_model::{Graph, Op, Value};

use super::words::is_module_name;

/// A part of the tree: a node, or what has names in common.
#[derive(Debug)]
pub(super) struct Part {
    /// The last part of its name.
    pub(super) name: String,
    /// Its whole name; empty for the root.
    pub(super) path: String,
    /// The node with this name.
    pub(super) node: Option<usize>,
    pub(super) children: Vec<Part>,
    /// The nodes in it; without its own, if it has children too.
    pub(super) nodes: BTreeSet<usize>,
    /// Whether one of them is a module of PyTorch.
    pub(super) has_modules: bool,
}

/// What computes by itself: it reads one value, and one of its values is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) entry: Value,
    pub(super) exit: usize,
}

/// Returns whether an operation needs a module: it has tensors, or another behaviour in training.
pub(super) fn is_module(op: Op) -> bool {
    matches!(
        op,
        Op::Linear { .. }
            | Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::Dropout { .. }
    )
}

impl Part {
    /// Returns the tree of a graph.
    ///
    /// # Errors
    /// A name is none that modules can have.
    pub(super) fn tree(graph: &Graph) -> Result<Self, String> {
        let mut root = Self::new("", "");
        for (number, node) in graph.nodes.iter().enumerate() {
            root.insert(&node.name, number);
        }
        root.complete(graph)?;
        Ok(root)
    }

    fn new(name: &str, path: &str) -> Self {
        let (name, path) = (name.to_owned(), path.to_owned());
        Self {
            name,
            path,
            node: None,
            children: vec![],
            nodes: BTreeSet::new(),
            has_modules: false,
        }
    }

    fn insert(&mut self, name: &str, number: usize) {
        let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
        let place = self.children.iter().position(|child| child.name == first);
        let place = place.unwrap_or_else(|| {
            let path = if self.path.is_empty() {
                first.to_owned()
            } else {
                format!("{}.{first}", self.path)
            };
            self.children.push(Self::new(first, &path));
            self.children.len() - 1
        });
        let child = &mut self.children[place];
        match rest {
            Some(rest) => child.insert(rest, number),
            None => child.node = Some(number),
        }
    }

    /// Adds what is known only when all nodes are there.
    fn complete(&mut self, graph: &Graph) -> Result<(), String> {
        for child in &mut self.children {
            child.complete(graph)?;
            self.nodes.extend(&child.nodes);
            self.nodes.extend(child.node);
            self.has_modules |= child.has_modules;
        }
        let own = self.node.map(|number| graph.nodes[number].op);
        let is_own_module = own.is_some_and(is_module);
        if is_own_module && self.has_modules {
            return Err(format!("{} is a module, and others are parts of its name", self.path));
        }
        if self.children.is_empty() {
            self.nodes.extend(self.node);
        }
        self.has_modules |= is_own_module;
        if self.has_modules && !self.path.is_empty() && !is_module_name(&self.name) {
            let Self { name, path, .. } = self;
            return Err(format!(
                "PyTorch allows no module with the name `{name}` of {path}; rename it"
            ));
        }
        Ok(())
    }

    /// Returns the unit that the nodes of the part are; `None` if they read several values, or several are read.
    pub(super) fn unit(&self, graph: &Graph) -> Option<Unit> {
        let is_inside = |value: &Value| match value {
            Value::Node(number) => self.nodes.contains(number),
            Value::Input => false,
        };
        let read = self.nodes.iter().flat_map(|number| &graph.nodes[*number].inputs);
        let entries: BTreeSet<Value> = read.filter(|value| !is_inside(value)).copied().collect();
        let outside = graph.nodes.iter().enumerate();
        let outside = outside.filter(|(number, _)| !self.nodes.contains(number));
        let used = outside.flat_map(|(_, node)| &node.inputs).chain([&graph.output]);
        let exits: BTreeSet<Value> = used.filter(|value| is_inside(value)).copied().collect();
        let (mut entries, mut exits) = (entries.into_iter(), exits.into_iter());
        match (entries.next(), entries.next(), exits.next(), exits.next()) {
            (Some(entry), None, Some(Value::Node(exit)), None) => Some(Unit { entry, exit }),
            _ => None,
        }
    }

    /// Returns the number that is its name.
    pub(super) fn index(&self) -> Option<usize> {
        let index: usize = self.name.parse().ok()?;
        (index.to_string() == self.name).then_some(index)
    }
}
