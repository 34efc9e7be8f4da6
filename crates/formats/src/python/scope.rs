//! What a class consists of: the modules that its constructor makes, and the steps of its `forward`.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_model::{Graph, Op, Value};

use super::classes::{Assigned, Classes, Content, Object};
use super::forward::{Step, What};
use super::operations::{self, Names, Place};
use super::parts::{Part, Unit, is_module};
use super::text::{INPUTS, Made, Segment, Symbol, Width, stride};
use super::words::{identifier, is_identifier, quoted};
use crate::ranks::{Rank, Ranks};

/// The most empty places of a sequence.
const MOST_GAPS: usize = 16;

/// The network that classes are made for.
pub(super) struct Network<'a> {
    pub(super) graph: &'a Graph,
    pub(super) ranks: Ranks,
}

/// How a part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A node that is a module.
    Leaf(usize),
    /// Nodes that need no module; they are written where they are used.
    Functions,
    Sequence(Unit),
    Class(Unit),
    /// A list or a dictionary of modules that are called one by one.
    Container,
}

impl Network<'_> {
    pub(super) fn place(&self, number: usize) -> Place {
        let node = &self.graph.nodes[number];
        let from = self.ranks.needed(number, node, node.inputs[0]);
        let to = self.ranks.at(Value::Node(number));
        Place { from, to }
    }

    fn form(&self, part: &Part) -> Form {
        match (part.node, part.children.is_empty(), part.has_modules) {
            (Some(node), true, true) => Form::Leaf(node),
            (_, _, false) => Form::Functions,
            _ => match part.unit(self.graph) {
                None => Form::Container,
                Some(unit) if self.is_sequence(part, unit) => Form::Sequence(unit),
                Some(unit) => Form::Class(unit),
            },
        }
    }

    /// Returns whether the children of a part are numbered modules, of which each reads what the one before it gives.
    pub(super) fn is_sequence(&self, part: &Part, unit: Unit) -> bool {
        let Some(children) = sequence(part) else { return false };
        let mut value = unit.entry;
        for (_, child) in children {
            if !child.children.is_empty() && child.node.is_some() {
                return false;
            }
            let next = match (child.node, child.unit(self.graph)) {
                (Some(number), _) => self.step_of_sequence(number, value),
                (None, Some(inner)) if inner.entry == value && child.has_modules => {
                    Some(inner.exit)
                }
                _ => None,
            };
            let Some(next) = next else { return false };
            value = Value::Node(next);
        }
        value == Value::Node(unit.exit)
    }

    /// Returns the node if a module computes it from a value, as it is held.
    fn step_of_sequence(&self, number: usize, value: Value) -> Option<usize> {
        let node = &self.graph.nodes[number];
        let place = self.place(number);
        let width = Width::of(INPUTS);
        let names = Names { input: width.clone(), output: width, stride: stride(INPUTS) };
        let is_module = operations::module(node.op, place, &names).is_some();
        let is_held = self.ranks.at(value) == place.from;
        (node.inputs[..] == [value] && is_module && is_held && operations::is_whole(node.op, place))
            .then_some(number)
    }
}

/// Returns the children of a part in the order of their numbers, if all have one and there is nothing else in it.
fn sequence(part: &Part) -> Option<Vec<(usize, &Part)>> {
    if !part.loose.is_empty() {
        return None;
    }
    let numbered = part.children.iter().map(|child| Some((child.index()?, child)));
    let mut children: Vec<(usize, &Part)> = numbered.collect::<Option<_>>()?;
    children.sort_by_key(|(index, _)| *index);
    let (last, _) = children.last()?;
    (*last < children.len() + MOST_GAPS).then_some(children)
}

/// A class that is being made.
pub(super) struct Scope<'n, 'c> {
    network: &'n Network<'n>,
    classes: &'c mut Classes,
    /// What the names of all nodes in it begin with.
    prefix: String,
    /// The channels of the values.
    widths: BTreeMap<Value, Width>,
    values: BTreeMap<Symbol, usize>,
    objects: Vec<(Symbol, Object)>,
    /// The objects of the parts that are classes, by path.
    made: BTreeMap<String, Segment>,
}

impl<'n, 'c> Scope<'n, 'c> {
    /// Makes the class of a part, whose result is held as `to`. Returns what it consists of, and the numbers of this
    /// object.
    pub(super) fn class(
        network: &'n Network<'n>,
        classes: &'c mut Classes,
        part: &Part,
        unit: Unit,
        to: Rank,
    ) -> (Content, Object) {
        let prefix = if part.path.is_empty() { String::new() } else { format!("{}.", part.path) };
        let mut scope = Scope {
            network,
            classes,
            prefix,
            widths: BTreeMap::from([(unit.entry, Width::of(INPUTS))]),
            values: BTreeMap::from([(INPUTS.to_owned(), network.ranks.shape(unit.entry).channels)]),
            objects: vec![],
            made: BTreeMap::new(),
        };
        scope.find_widths(part);
        let is_held = network.ranks.at(Value::Node(unit.exit)) == to;
        let outputs =
            match scope.widths.get(&Value::Node(unit.exit)).map(|width| width.0.as_slice()) {
                Some([(1, symbol)]) => Some(symbol.clone()),
                _ => None,
            };
        let content = if is_held && network.is_sequence(part, unit) {
            let items = scope.items(part);
            Content { modules: vec![Assigned::constructor(items)], forward: vec![], outputs }
        } else {
            let own = part.children.iter().filter(|child| child.has_modules);
            let modules = own.map(|child| Assigned::to(&child.name, scope.module(child))).collect();
            let mut steps = vec![];
            scope.steps(part, "self", true, &mut steps);
            steps.sort_by_key(|step| step.result);
            let forward = super::forward::lines(network, &steps, unit, to);
            Content { modules, forward, outputs }
        };
        let Scope { values, objects, .. } = scope;
        (content, Object { path: part.path.clone(), values, objects, class: 0 })
    }

    /// Finds the channels of all values, in topological order. Parts that are classes are made on the way.
    fn find_widths(&mut self, part: &Part) {
        let mut inner = vec![];
        self.inner_classes(part, &mut inner);
        let exits: BTreeMap<usize, &Part> =
            inner.iter().map(|(unit, part)| (unit.exit, *part)).collect();
        let hidden: BTreeSet<usize> =
            inner.iter().flat_map(|(_, part)| part.nodes.iter().copied()).collect();
        let units: BTreeMap<usize, Unit> =
            inner.iter().map(|(unit, _)| (unit.exit, *unit)).collect();
        for &number in &part.nodes {
            if let Some(inner) = exits.get(&number) {
                self.object(inner, units[&number]);
            } else if !hidden.contains(&number) {
                let width = self.width(number);
                self.widths.insert(Value::Node(number), width);
            }
        }
    }

    /// Finds the outermost parts in a part that are classes.
    fn inner_classes<'p>(&self, part: &'p Part, found: &mut Vec<(Unit, &'p Part)>) {
        for child in &part.children {
            match self.network.form(child) {
                Form::Class(unit) => found.push((unit, child)),
                Form::Sequence(_) | Form::Container => self.inner_classes(child, found),
                Form::Leaf(_) | Form::Functions => {}
            }
        }
    }

    /// Makes the class of a part, and an object of it.
    fn object(&mut self, part: &Part, unit: Unit) {
        let to = self.network.ranks.at(Value::Node(unit.exit));
        let (content, object) = Scope::class(self.network, self.classes, part, unit, to);
        let inputs = self.widths[&unit.entry].clone();
        let class = self.classes.class_of(content, part);
        let prefix = self.symbol(&part.path);
        let channels = self.network.ranks.shape(Value::Node(unit.exit)).channels;
        self.values.insert(prefix.clone(), channels);
        self.widths.insert(Value::Node(unit.exit), Width::of(&prefix));
        let segment = Segment::Object { class, inputs, prefix: prefix.clone() };
        self.made.insert(part.path.clone(), segment);
        self.objects.push((prefix, Object { class, ..object }));
    }

    /// Returns the channels of a node from those of its inputs.
    fn width(&mut self, number: usize) -> Width {
        let node = &self.network.graph.nodes[number];
        let of = |value: &Value| self.widths[value].clone();
        let first = of(&node.inputs[0]);
        match node.op {
            Op::Linear { outputs, .. } | Op::Conv2d { outputs, .. } => {
                let symbol = self.symbol(&node.name);
                self.values.insert(symbol.clone(), outputs);
                Width::of(&symbol)
            }
            Op::Concat => Width::sum(&node.inputs.iter().map(of).collect::<Vec<_>>()),
            Op::Flatten => first.times(self.network.ranks.shape(node.inputs[0]).positions()),
            _ => first,
        }
    }

    /// Returns a symbol for a path that no other has.
    fn symbol(&self, path: &str) -> Symbol {
        let mut symbol = identifier(path.strip_prefix(&self.prefix).unwrap_or(path));
        while self.values.contains_key(&symbol) {
            symbol.push('_');
        }
        symbol
    }

    /// Returns the expression that makes the module of a part.
    fn module(&mut self, part: &Part) -> Made {
        match self.network.form(part) {
            Form::Leaf(number) => self.leaf(number),
            Form::Sequence(_) => Made::Container {
                open: "nn.Sequential(".into(),
                close: ")",
                items: self.items(part),
            },
            Form::Class(_) => Made::Line(self.made.get(&part.path).cloned().into_iter().collect()),
            Form::Container => self.container(part),
            Form::Functions => Made::plain("nn.Identity()"),
        }
    }

    /// Returns the modules of a sequence. Numbers without a module have one that does nothing.
    fn items(&mut self, part: &Part) -> Vec<(String, Made)> {
        let children = sequence(part).unwrap_or_default();
        let last = children.last().map_or(0, |(index, _)| *index);
        let mut items: Vec<(String, Made)> =
            (0..=last).map(|_| (String::new(), Made::plain("nn.Identity()"))).collect();
        for (index, child) in children {
            items[index].1 = match (child.node, child.has_modules) {
                (Some(number), _) => self.leaf(number),
                _ => self.module(child),
            };
        }
        items
    }

    fn leaf(&mut self, number: usize) -> Made {
        let node = &self.network.graph.nodes[number];
        let [input, output] = [node.inputs[0], Value::Node(number)];
        let path = node.name.strip_prefix(&self.prefix).unwrap_or(&node.name);
        let stride = stride(&identifier(path));
        if let Op::Conv2d { slide, .. } | Op::DepthwiseConv2d { slide, .. } = node.op {
            self.values.insert(stride.clone(), slide.stride[0]);
        }
        let [input, output] = [input, output].map(|value| self.widths[&value].clone());
        let names = Names { input, output, stride };
        let module = operations::module(node.op, self.network.place(number), &names);
        module.unwrap_or_else(|| Made::plain("nn.Identity()"))
    }

    fn container(&mut self, part: &Part) -> Made {
        let own: Vec<&Part> = part.children.iter().filter(|child| child.has_modules).collect();
        let is_list = is_list(part);
        let mut items: Vec<(usize, (String, Made))> = vec![];
        for (place, child) in own.into_iter().enumerate() {
            let label = if is_list { String::new() } else { format!("{}: ", quoted(&child.name)) };
            items.push((child.index().unwrap_or(place), (label, self.module(child))));
        }
        if is_list {
            items.sort_by_key(|(index, _)| *index);
        }
        let items = items.into_iter().map(|(_, item)| item).collect();
        let (open, close) =
            if is_list { ("nn.ModuleList([", "])") } else { ("nn.ModuleDict({", "})") };
        Made::Container { open: open.into(), close, items }
    }

    /// Adds the steps of all nodes below a part, whose module is `access`.
    fn steps(&self, part: &Part, access: &str, is_class: bool, steps: &mut Vec<Step>) {
        let is_list = !is_class && is_list(part);
        let function = |result: usize| Step { result, what: What::Node, module: String::new() };
        steps.extend(part.loose.iter().copied().map(function));
        for child in &part.children {
            let name = &child.name;
            let module = match child.index() {
                Some(index) if is_list => format!("{access}[{index}]"),
                _ if is_class && is_identifier(name) => format!("{access}.{name}"),
                _ if is_class => format!("{access}._modules[{}]", quoted(name)),
                _ => format!("{access}[{}]", quoted(name)),
            };
            if let (Some(result), false) = (child.node, child.children.is_empty()) {
                steps.push(function(result));
            }
            match self.network.form(child) {
                Form::Leaf(result) => steps.push(Step { result, what: What::Node, module }),
                Form::Functions => steps.extend(child.nodes.iter().copied().map(function)),
                Form::Sequence(unit) | Form::Class(unit) => {
                    steps.push(Step { result: unit.exit, what: What::Unit(unit.entry), module });
                }
                Form::Container => self.steps(child, &module, false, steps),
            }
        }
    }
}

/// Returns whether the modules of a container are numbered from 0 on.
fn is_list(part: &Part) -> bool {
    let own = part.children.iter().filter(|child| child.has_modules);
    let mut indices: Vec<Option<usize>> = own.map(Part::index).collect();
    indices.sort_unstable();
    indices.iter().enumerate().all(|(place, index)| *index == Some(place))
}

/// Returns whether an operation is one that a line has at most one of.
pub(super) fn is_main(op: Op) -> bool {
    is_module(op) && !matches!(op, Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::Dropout { .. })
}
