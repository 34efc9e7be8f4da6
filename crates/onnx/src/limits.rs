//! Limits of a file, checked before memory is allocated.

use bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The most bytes of a file: protocol buffers cannot be larger.
pub(crate) const MOST_BYTES: u64 = (1 << 31) - 1;

/// The most bytes of all weights in other files together, 16 GiB.
pub(crate) const MOST_EXTERNAL_BYTES: u64 = 1 << 34;

/// The most messages and texts in a file. Each takes two hundred bytes of memory at most, but only two in the file.
const MOST_ITEMS: usize = 4 << 20;

/// The most numbers of a shape.
pub(crate) const MOST_DIMENSIONS: usize = 64;

/// The kinds of messages whose parts are counted.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Anything else: its parts are counted as one.
    Leaf,
}

impl Kind {
    /// Returns the kind of the message with a field number; `None` if it is a text or a number.
    fn part(self, tag: u32) -> Option<Self> {
        let kind = match (self, tag) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Graph, 11..=13) | (Self::Function, 12) => Self::ValueInfo,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::ValueInfo, 2) | (Self::Attribute, 14 | 15) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            _ => return None,
        };
        Some(kind)
    }
}

/// Refuses a file with more messages and texts than fit into memory.
///
/// # Errors
/// The reason.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut items = 0;
    // Nesting is limited by `prost`, which decodes the file later; here, a level is a part of the bytes of the last.
    count(Kind::Model, bytes, &mut items, 0)
}

fn count(kind: Kind, mut bytes: &[u8], items: &mut usize, depth: usize) -> Result<(), String> {
    const DEEPEST: usize = 100;
    if depth > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    let damaged = |_| "not an ONNX file, or a damaged one".to_owned();
    while bytes.has_remaining() {
        let (tag, wire) = decode_key(&mut bytes).map_err(damaged)?;
        if wire != WireType::LengthDelimited {
            skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(damaged)?;
            continue;
        }
        let length = decode_varint(&mut bytes).map_err(damaged)?;
        let part = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
        let (part, rest) = part.ok_or("not an ONNX file, or a truncated one")?;
        bytes = rest;
        *items += 1;
        if *items > MOST_ITEMS {
            return Err(format!("it has more than {MOST_ITEMS} nodes, weights and names"));
        }
        match kind.part(tag) {
            Some(inner) => count(inner, part, items, depth + 1)?,
            None if is_small_message(kind, tag) => count(Kind::Leaf, part, items, depth + 1)?,
            None => {}
        }
    }
    Ok(())
}

/// Returns whether a field holds a small message, such as a key with a value.
fn is_small_message(kind: Kind, tag: u32) -> bool {
    matches!(
        (kind, tag),
        (Kind::Model, 8 | 14 | 20 | 26)
            | (Kind::Graph, 14..=16)
            | (Kind::Function, 9 | 14)
            | (Kind::Node, 9 | 10)
            | (Kind::Attribute, 22 | 23)
            | (Kind::Tensor, 3 | 13 | 16)
            | (Kind::ValueInfo, 4)
            | (Kind::Type, 4 | 5 | 8 | 9)
            | (Kind::Shape, 1)
    )
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{Graph, Model, Node};

    #[test]
    fn a_file_of_empty_messages_is_refused_before_they_are_made() {
        let model = |nodes: usize| {
            let node = vec![Node::default(); nodes];
            Model { graph: Some(Graph { node, ..Graph::default() }), ..Model::default() }
        };
        check(&model(1000).encode_to_vec()).unwrap();
        // Two bytes are an empty node.
        let nodes = [0x0a, 0].repeat(MOST_ITEMS + 1);
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(nodes.len() as u64, &mut file);
        file.extend(nodes);
        assert!(check(&file).unwrap_err().contains("more than 4194304"));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let node = Node { op_type: Some("Relu".into()), ..Node::default() };
        let graph = Graph { node: vec![node], ..Graph::default() };
        let bytes = Model { graph: Some(graph), ..Model::default() }.encode_to_vec();
        check(&bytes).unwrap();
        assert!(check(&bytes[..bytes.len() - 1]).unwrap_err().contains("truncated"));
        assert!(check(b"not a network").is_err());
    }
}
