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
    /// The nodes in it that need no module, and whose names are below that of a module.
    pub(super) loose: Vec<usize>,
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

/// Returns the first part of a name, and the others.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)))
}

/// Returns the first module that a name is below.
fn module_above<'a>(name: &'a str, modules: &BTreeSet<&str>) -> Option<&'a str> {
    let mut above = name.match_indices('.').map(|(end, _)| &name[..end]);
    above.find(|above| modules.contains(above))
}

impl Part {
    /// Returns the tree of a graph.
    ///
    /// # Errors
    /// A name is none that modules can have.
    pub(super) fn tree(graph: &Graph) -> Result<Self, String> {
        let modules = graph.nodes.iter().filter(|node| is_module(node.op));
        let modules: BTreeSet<&str> = modules.map(|node| node.name.as_str()).collect();
        let mut root = Self::new("", "");
        for (number, node) in graph.nodes.iter().enumerate() {
            let above = module_above(&node.name, &modules).filter(|_| !is_module(node.op));
            match above {
                Some(module) => root.insert_beside(module, number),
                None => root.insert(&node.name, number),
            }
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
            loose: vec![],
            nodes: BTreeSet::new(),
            has_modules: false,
        }
    }

    fn insert(&mut self, name: &str, number: usize) {
        let (first, rest) = split(name);
        let child = self.child(first);
        match rest {
            Some(rest) => child.insert(rest, number),
            None => child.node = Some(number),
        }
    }

    /// Adds a node that needs no module to the part with the module of a name.
    fn insert_beside(&mut self, module: &str, number: usize) {
        match split(module) {
            (first, Some(rest)) => self.child(first).insert_beside(rest, number),
            (_, None) => self.loose.push(number),
        }
    }

    /// Returns the child with a name, which is added if there is none.
    fn child(&mut self, name: &str) -> &mut Self {
        let place = self.children.iter().position(|child| child.name == name);
        let place = place.unwrap_or_else(|| {
            let path = if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            };
            self.children.push(Self::new(name, &path));
            self.children.len() - 1
        });
        &mut self.children[place]
    }

    /// Adds what is known only when all nodes are there.
    fn complete(&mut self, graph: &Graph) -> Result<(), String> {
        self.nodes.extend(&self.loose);
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
