//! The few things of Python that the pickle of a state dict names, and what they stand for.

use std::rc::Rc;

use super::pickle::{Fault, Id, Node, damaged};
use super::storage::{Element, Storage, TensorRef};

/// What a call gives.
pub(super) enum Called {
    Node(Node),
    /// One of the objects.
    Same(Id),
    /// A dictionary.
    Pairs(Vec<(Id, Id)>),
}

/// The most characters of the name of a storage.
const MOST_KEY: usize = 1000;

/// The place of the marks of a tensor among the arguments of its call.
const MARKS: usize = 6;

/// The module of the functions that make tensors of storages.
const TENSORS: &str = "torch._utils._rebuild_";

/// Classes of dictionaries.
const DICTIONARIES: [&str; 5] = [
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
    "builtins.dict",
    "__builtin__.dict",
];

/// What checkpoints hold beside tensors. It is read as an object that nothing is known of.
const VALUES: [&str; 16] = [
    "torch.Size",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.dtype",
    "numpy.ndarray",
    "_codecs.encode",
    "argparse.Namespace",
    "types.SimpleNamespace",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
];

/// Plain types of Python.
const TYPES: [&str; 10] =
    ["set", "frozenset", "list", "tuple", "int", "float", "bool", "str", "bytes", "bytearray"];

/// Returns whether a state dict may name this.
pub(super) fn is_harmless(name: &str) -> bool {
    let of = |module: &str| name.strip_prefix(module);
    let is_element = |name: &str| Element::of_storage(name).is_some() || is_element_type(name);
    is_dictionary(name)
        || VALUES.contains(&name)
        || name.starts_with(TENSORS)
        || of("torch.").is_some_and(is_element)
        || ["builtins.", "__builtin__."]
            .into_iter()
            .filter_map(of)
            .any(|name| TYPES.contains(&name))
}

pub(super) fn is_dictionary(name: &str) -> bool {
    DICTIONARIES.contains(&name)
}

/// Returns whether a name of PyTorch is a type of elements, such as `float32`, or a way to quantise them.
fn is_element_type(name: &str) -> bool {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_scheme = ["per_tensor_", "per_channel_"].iter().any(|kind| name.starts_with(kind));
    is_scheme
        || [
            "float", "bfloat", "int", "uint", "qint", "quint", "complex", "bool", "double", "half",
            "long",
        ]
        .contains(&letters)
}

/// Returns what the call of a function with arguments gives.
pub(super) fn call(nodes: &[Node], name: &str, arguments: Id) -> Result<Called, Fault> {
    let Node::Tuple(arguments) = &nodes[arguments] else {
        return Err(damaged("a call has no arguments"));
    };
    let other = Ok(Called::Node(Node::Other));
    let made = |tensor: TensorRef| Called::Node(Node::Tensor(Rc::new(tensor)));
    match name {
        _ if is_dictionary(name) => Ok(dictionary(nodes, arguments)),
        "torch.nn.parameter.Parameter" => {
            arguments.first().map_or(other, |id| Ok(Called::Same(*id)))
        }
        _ => match name.strip_prefix(TENSORS) {
            Some("tensor" | "tensor_v2") => tensor(nodes, arguments).map(made),
            Some("parameter" | "parameter_with_state") => {
                let data = arguments.first().copied();
                data.map(Called::Same).ok_or_else(|| damaged("a parameter has no tensor"))
            }
            Some("qtensor") => quantised(nodes, arguments).map(made),
            Some(kind) => Err(Fault::Damaged(format!("a {kind} is a tensor that cannot be read"))),
            None if is_harmless(name) => other,
            None if name.starts_with("__torch__") => Err(Fault::WholeModule(name.to_owned())),
            None => Err(Fault::Code(name.to_owned())),
        },
    }
}

/// Returns the dictionary of a list of pairs, or the dictionary that is given.
fn dictionary(nodes: &[Node], arguments: &[Id]) -> Called {
    let pair = |id: &Id| match &nodes[*id] {
        Node::Tuple(pair) | Node::List(pair) => match pair[..] {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    };
    match arguments.last().map(|id| (id, &nodes[*id])) {
        Some((_, Node::List(pairs))) => Called::Pairs(pairs.iter().filter_map(pair).collect()),
        Some((id, Node::Dict(_))) => Called::Same(*id),
        _ => Called::Node(Node::Dict(vec![])),
    }
}

/// Returns the tensor of a storage, an offset, extents and strides. What may follow: whether it has a gradient, hooks,
/// and marks.
fn tensor(nodes: &[Node], arguments: &[Id]) -> Result<TensorRef, Fault> {
    let [storage, offset, extents, strides, ..] = *arguments else {
        return Err(damaged("a tensor lacks its storage or its extents"));
    };
    let Node::Storage(storage) = &nodes[storage] else {
        return Err(damaged("a tensor has no storage"));
    };
    let numbers = |id: Id| match &nodes[id] {
        Node::Tuple(ids) | Node::List(ids) => ids.iter().map(|id| count(nodes, *id)).collect(),
        _ => Err(damaged("the extents of a tensor are no numbers")),
    };
    let is_mark = |id: &Id| match &nodes[*id] {
        Node::None => false,
        Node::Dict(marks) => !marks.is_empty(),
        _ => true,
    };
    let tensor = TensorRef {
        storage: storage.clone(),
        offset: count(nodes, offset)?,
        extents: numbers(extents)?,
        strides: numbers(strides)?,
        is_marked: arguments.get(MARKS).is_some_and(is_mark),
    };
    tensor.check().map_err(Fault::Damaged)?;
    Ok(tensor)
}

/// Returns a tensor of quantised numbers, which keeps its name and extents so that a message can have them.
fn quantised(nodes: &[Node], arguments: &[Id]) -> Result<TensorRef, Fault> {
    let mut tensor = tensor(nodes, arguments)?;
    tensor.storage.element = tensor.storage.element.quantised();
    Ok(tensor)
}

fn count(nodes: &[Node], id: Id) -> Result<usize, Fault> {
    match nodes[id] {
        Node::Int(number) => usize::try_from(number).map_err(|_| damaged("an extent is negative")),
        _ => Err(damaged("an extent is no number")),
    }
}

/// Returns what the reference to something outside the pickle stands for: a storage.
pub(super) fn persistent(nodes: &[Node], id: Id) -> Result<Node, Fault> {
    let Node::Tuple(parts) = &nodes[id] else {
        return Err(damaged("it refers to what is no storage"));
    };
    let text = |id: &Id| match &nodes[*id] {
        Node::Text(text) if text.len() <= MOST_KEY => Some(text.clone()),
        Node::Int(number) => Some(number.to_string()),
        _ => None,
    };
    match (parts.first().and_then(text).as_deref(), parts.as_slice()) {
        (Some("storage"), [_, class, key, _, length, rest @ ..]) => {
            if rest.first().is_some_and(|view| !matches!(nodes[*view], Node::None)) {
                return Err(damaged("a storage is a part of another one; save it again"));
            }
            let class = match &nodes[*class] {
                Node::Global(name) | Node::Text(name) => {
                    name.rsplit('.').next().unwrap_or_default()
                }
                _ => return Err(damaged("a storage has no class")),
            };
            let element = Element::of_storage(class)
                .ok_or_else(|| Fault::Damaged(format!("it has the unknown storage {class}")))?;
            let key = text(key).ok_or_else(|| damaged("a storage has no name"))?;
            Ok(Node::Storage(Storage { key, element, length: count(nodes, *length)? }))
        }
        (Some("module"), [_, class, ..]) => {
            let class = match &nodes[*class] {
                Node::Global(name) => name.clone(),
                _ => "a class".into(),
            };
            Err(Fault::WholeModule(class))
        }
        _ => Err(damaged("it refers to what is no storage")),
    }
}
