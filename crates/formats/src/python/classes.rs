//! The classes of a generated file. Parts of a network that differ only in numbers share a class.

use std::collections::BTreeMap;

use super::parts::Part;
use super::text::{INPUTS, Made, Meaning, Parameter, Signature, Symbol, prefixed};
use super::words::{camel, class_name, is_identifier, quoted};

/// The most paths that the description of a class lists.
const SHOWN: usize = 4;

/// What a class consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) modules: Vec<Assigned>,
    /// The lines of `forward`; none if it is a sequence.
    pub(super) forward: Vec<String>,
    /// The channels of its result, if they have a symbol.
    pub(super) outputs: Option<Symbol>,
}

/// A module, and the statement around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assigned {
    before: String,
    made: Made,
    after: &'static str,
}

impl Assigned {
    /// Assigns a module to an attribute.
    pub(super) fn to(name: &str, made: Made) -> Self {
        if is_identifier(name) {
            return Self { before: format!("self.{name} = "), made, after: "" };
        }
        Self { before: format!("self.add_module({}, ", quoted(name)), made, after: ")" }
    }

    /// Gives modules to the constructor of a sequence.
    pub(super) fn constructor(items: Vec<(String, Made)>) -> Self {
        let made = Made::Container { open: "super().__init__(".into(), close: ")", items };
        Self { before: String::new(), made, after: "" }
    }
}

/// An object of a class, with its numbers.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) class: usize,
    pub(super) path: String,
    pub(super) values: BTreeMap<Symbol, usize>,
    /// The objects in it, each with the prefix of its numbers.
    pub(super) objects: Vec<(Symbol, Object)>,
}

/// A class.
struct Class {
    content: Content,
    /// A name for it, which others may have too.
    name: String,
    /// The names of its parts.
    children: Vec<String>,
}

/// All classes; those of inner objects come first.
#[derive(Default)]
pub(super) struct Classes(Vec<Class>);

impl Classes {
    /// Returns the number of the class with this content, for a part of the network.
    pub(super) fn class_of(&mut self, content: Content, part: &Part) -> usize {
        let known = self.0.iter().position(|class| class.content == content);
        known.unwrap_or_else(|| {
            let name = if part.path.is_empty() { "Network".into() } else { class_name(&part.path) };
            let children = part.children.iter().map(|child| child.name.clone()).collect();
            self.0.push(Class { content, name, children });
            self.0.len() - 1
        })
    }

    /// Returns the text of all classes, for the objects that a network consists of.
    pub(super) fn text(&self, network: Object, description: &str) -> String {
        let mut objects = vec![];
        flatten(network, &mut objects);
        let names = self.names();
        let mut signatures: Vec<Signature> =
            names.into_iter().map(|name| Signature { name, ..Signature::default() }).collect();
        let mut texts = vec![];
        for (class, Class { content, .. }) in self.0.iter().enumerate() {
            complete(&mut objects, class, &signatures);
            let own: Vec<&Flat> = objects.iter().filter(|object| object.class == class).collect();
            let mut symbols = vec![];
            for assigned in &content.modules {
                assigned.made.symbols(&signatures, &mut symbols);
            }
            symbols.retain(|symbol| {
                let first = own[0].values.get(symbol);
                own.iter().any(|object| object.values.get(symbol) != first)
            });
            set_parameters(&mut signatures[class], symbols, content.outputs.as_ref(), &own);
            let is_last = class + 1 == self.0.len();
            let about = if is_last { description.to_owned() } else { paths(&own) };
            texts.push(self.class(class, &signatures, &own[0].values, &about));
        }
        texts.join("\n\n\n")
    }

    /// Names the classes. Those that share a name are told apart by a part that only one has, or are numbered.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        for (number, class) in self.0.iter().enumerate() {
            let mut name = class.name.clone();
            if names.contains(&name) {
                let alike = || self.0[..number].iter().filter(|other| other.name == class.name);
                let own = class.children.iter().find(|child| {
                    child.contains(|c: char| c.is_ascii_alphabetic())
                        && !alike().any(|other| other.children.contains(child))
                });
                let with = own.map(|child| format!("{name}With{}", camel(child)));
                let numbered = (2..).map(|number| format!("{}{number}", class.name));
                let mut candidates = with.into_iter().chain(numbered);
                name = candidates.find(|name| !names.contains(name)).unwrap_or(name);
            }
            names.push(name);
        }
        names
    }

    fn class(
        &self,
        class: usize,
        signatures: &[Signature],
        values: &BTreeMap<Symbol, usize>,
        about: &str,
    ) -> String {
        let Content { modules, forward, .. } = &self.0[class].content;
        let signature = &signatures[class];
        let Signature { name, parameters, .. } = signature;
        let meaning = Meaning { signature, values, classes: signatures };
        let is_sequence = forward.is_empty();
        let base = if is_sequence { "nn.Sequential" } else { "nn.Module" };
        let head = parameters.iter().map(|parameter| parameter.name.as_str());
        let head = std::iter::once("self").chain(head).collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "class {name}({base}):\n    \"\"\"{about}\"\"\"\n\n    def __init__({head}):\n"
        );
        if !is_sequence {
            text += "        super().__init__()\n";
        }
        for Assigned { before, made, after } in modules {
            text += &made.text(before, after, 8, &meaning);
            text.push('\n');
        }
        if !is_sequence {
            text += "\n    def forward(self, x):\n";
            for line in forward {
                text.extend(["        ", line, "\n"]);
            }
        }
        text.trim_end().to_owned()
    }
}

/// Makes parameters of the symbols that have several numbers. Those that have the same number in every object are one
/// parameter. Strides come last.
fn set_parameters(
    signature: &mut Signature,
    mut symbols: Vec<Symbol>,
    outputs: Option<&Symbol>,
    objects: &[&Flat],
) {
    symbols.sort_by_key(|symbol| symbol != INPUTS);
    let same = |one: &Symbol, other: &Symbol| {
        one.contains(':') == other.contains(':')
            && objects.iter().all(|object| object.values.get(one) == object.values.get(other))
    };
    let mut own: Vec<Symbol> = vec![];
    for symbol in &symbols {
        if !own.iter().any(|known| same(known, symbol)) {
            own.push(symbol.clone());
        }
    }
    own.sort_by_key(|symbol| symbol.contains(':'));
    let is_output = |symbol: &Symbol| outputs.is_some_and(|outputs| same(symbol, outputs));
    let is_stride = |symbol: &Symbol| symbol.contains(':');
    let is_inner = |symbol: &&Symbol| *symbol != INPUTS && !is_stride(symbol) && !is_output(symbol);
    let inner = own.iter().filter(is_inner).count();
    let strides = own.iter().filter(|symbol| is_stride(symbol)).count();
    let mut taken = vec![];
    for symbol in &own {
        let mut name = match symbol {
            symbol if symbol == INPUTS => INPUTS.to_owned(),
            symbol if is_stride(symbol) && strides == 1 => "stride".to_owned(),
            symbol if is_output(symbol) => "outputs".to_owned(),
            symbol if is_inner(&symbol) && inner == 1 => "hidden".to_owned(),
            symbol => symbol.replace(':', "_"),
        };
        while taken.contains(&name) {
            name.push('_');
        }
        taken.push(name.clone());
        for alike in symbols.iter().filter(|other| same(symbol, other)) {
            signature.names.insert(alike.clone(), name.clone());
        }
        signature.parameters.push(Parameter { symbol: symbol.clone(), name });
    }
}

/// An object beside all others.
struct Flat {
    class: usize,
    path: String,
    values: BTreeMap<Symbol, usize>,
    /// The places of the objects in it, with their prefixes.
    objects: Vec<(Symbol, usize)>,
}

/// Adds an object and all in it to a list. Returns its place.
fn flatten(object: Object, all: &mut Vec<Flat>) -> usize {
    let Object { class, path, values, objects } = object;
    let inner = objects.into_iter().map(|(prefix, object)| (prefix, flatten(object, all)));
    let objects = inner.collect();
    all.push(Flat { class, path, values, objects });
    all.len() - 1
}

/// Gives the objects of a class the numbers that the objects in them are made with.
fn complete(objects: &mut [Flat], class: usize, signatures: &[Signature]) {
    for place in 0..objects.len() {
        if objects[place].class != class {
            continue;
        }
        for (prefix, inner) in objects[place].objects.clone() {
            for Parameter { symbol, .. } in &signatures[objects[inner].class].parameters {
                let value = objects[inner].values.get(symbol).copied();
                if let Some(value) = value.filter(|_| symbol != INPUTS) {
                    objects[place].values.insert(prefixed(&prefix, symbol), value);
                }
            }
        }
    }
}

/// Describes a class by the modules that are its objects.
fn paths(objects: &[&Flat]) -> String {
    let mut paths: Vec<&str> = objects.iter().map(|object| object.path.as_str()).collect();
    let more = paths.len().saturating_sub(SHOWN);
    paths.truncate(SHOWN);
    let last = match more {
        0 => paths.pop().unwrap_or_default().to_owned(),
        1 => "another one".to_owned(),
        more => format!("{more} others"),
    };
    let text = match paths.as_slice() {
        [] => last,
        paths => format!("{} and {last}", paths.join(", ")),
    };
    format!("{}.", text.replace(['"', '\\'], "'"))
}
