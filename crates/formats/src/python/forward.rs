//! The lines of `forward`: steps that read only each other are joined, and names of values that nothing reads any more
//! are used again.

use std::collections::BTreeMap;

use rayclip_model::Value;

use super::operations::{self, Expression};
use super::parts::Unit;
use super::scope::{Network, is_main};
use super::text::COLUMNS;
use crate::ranks::Rank;

/// The names of values, in the order in which they are used.
const NAMES: [&str; 6] = ["x", "y", "z", "u", "v", "w"];

/// What the first line of a method is indented by.
const INDENT: usize = 8;

/// A step of a computation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The node with its result.
    pub(super) result: usize,
    pub(super) what: What,
    /// The module that it calls, if it has one.
    pub(super) module: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It computes the node with its result.
    Node,
    /// It computes a unit from a value.
    Unit(Value),
}

/// An expression that has no name yet.
struct Pending {
    value: Value,
    expression: Expression,
    /// The values whose names are in it.
    reads: Vec<Value>,
    is_main: bool,
}

/// Lines that grow.
struct Lines<'a> {
    network: &'a Network<'a>,
    done: Vec<String>,
    /// The names of values.
    names: BTreeMap<Value, String>,
    /// How often values will still be read.
    left: BTreeMap<Value, usize>,
    pending: Option<Pending>,
}

/// Returns the lines of the method that computes a unit by some steps, without its head. The result is held as `to`.
pub(super) fn lines(network: &Network<'_>, steps: &[Step], unit: Unit, to: Rank) -> Vec<String> {
    let mut left: BTreeMap<Value, usize> = BTreeMap::from([(Value::Node(unit.exit), 1)]);
    for value in steps.iter().flat_map(|step| step.reads(network)) {
        *left.entry(value).or_default() += 1;
    }
    let names = BTreeMap::from([(unit.entry, NAMES[0].to_owned())]);
    let mut lines = Lines { network, done: vec![], names, left, pending: None };
    for (place, step) in steps.iter().enumerate() {
        lines.step(step, steps.get(place + 1));
    }
    lines.end(unit, to)
}

impl Step {
    fn reads(&self, network: &Network<'_>) -> Vec<Value> {
        match self.what {
            What::Node => network.graph.nodes[self.result].inputs.clone(),
            What::Unit(entry) => vec![entry],
        }
    }

    fn is_main(&self, network: &Network<'_>) -> bool {
        match self.what {
            What::Unit(_) => true,
            What::Node => is_main(network.graph.nodes[self.result].op),
        }
    }
}

impl Lines<'_> {
    fn step(&mut self, step: &Step, next: Option<&Step>) {
        let network = self.network;
        let is_main = step.is_main(network);
        let repeats =
            step.what == What::Node && operations::repeats(network.graph.nodes[step.result].op);
        if self.pending.as_ref().is_some_and(|pending| (is_main && pending.is_main) || repeats) {
            self.name_pending();
        }
        let (mut expression, mut reads) = self.expression(step);
        if expression.text.chars().count() + INDENT + "return ".len() > COLUMNS
            && self.pending.is_some()
        {
            self.name_pending();
            (expression, reads) = self.expression(step);
        }
        for value in step.reads(network) {
            if let Some(left) = self.left.get_mut(&value) {
                *left -= 1;
            }
        }
        let has_main = is_main || self.pending.as_ref().is_some_and(|pending| pending.is_main);
        self.pending = None;
        let value = Value::Node(step.result);
        let pending = Pending { value, expression, reads, is_main: has_main };
        let is_read_next = next.is_none_or(|next| next.reads(network).contains(&value));
        let is_once = self.left.get(&value) == Some(&1);
        self.pending = Some(pending);
        if !(is_once && is_read_next) {
            self.name_pending();
        }
    }

    /// Returns the expression of a step, and the values whose names are in it.
    fn expression(&self, step: &Step) -> (Expression, Vec<Value>) {
        let network = self.network;
        let mut reads = vec![];
        let mut read = |value: Value| match &self.pending {
            Some(pending) if pending.value == value => {
                reads.extend(&pending.reads);
                pending.expression.clone()
            }
            _ => {
                reads.push(value);
                Expression::new(self.names.get(&value).cloned().unwrap_or_default())
            }
        };
        let expression = match step.what {
            What::Unit(entry) => {
                let x = read(entry);
                Expression::new(format!("{}({})", step.module, x.text))
            }
            What::Node => {
                let node = &network.graph.nodes[step.result];
                let held = |value: &Value| {
                    let needed = network.ranks.needed(step.result, node, *value);
                    read(*value).held(network.ranks.at(*value), needed)
                };
                let values = node.inputs.iter().map(held).collect();
                operations::expression(node.op, network.place(step.result), &step.module, values)
            }
        };
        (expression, reads)
    }

    /// Gives the pending expression a name: one of those in it whose value nothing reads any more, or a new one.
    fn name_pending(&mut self) {
        let Some(Pending { value, expression, reads, .. }) = self.pending.take() else { return };
        let is_read = |value: &Value| self.left.get(value).is_some_and(|left| *left > 0);
        let free = reads.iter().find(|value| !is_read(value));
        let name = free.and_then(|value| self.names.get(value)).cloned();
        self.names.retain(|value, _| is_read(value));
        let is_used = |name: &str| self.names.values().any(|used| used == name);
        let name = name.filter(|name| !is_used(name)).unwrap_or_else(|| {
            let more = (1..).map(|number| format!("x{number}"));
            let mut names = NAMES.into_iter().map(str::to_owned).chain(more);
            names.find(|name| !is_used(name)).unwrap_or_default()
        });
        self.done.push(format!("{name} = {}", expression.text));
        self.names.insert(value, name);
    }

    fn end(mut self, unit: Unit, to: Rank) -> Vec<String> {
        let exit = Value::Node(unit.exit);
        let result = match self.pending.take() {
            Some(pending) => pending.expression,
            None => Expression::new(self.names.get(&exit).cloned().unwrap_or_default()),
        };
        let result = result.held(self.network.ranks.at(exit), to);
        self.done.push(format!("return {}", result.text));
        self.done
    }
}
