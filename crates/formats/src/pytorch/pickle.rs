//! Reads the pickle of a PyTorch file as data. Nothing is imported and nothing is called: a pickle that asks for more
//! than tensors and plain values is refused, by the name of what it asks for.
//!
//! Objects are nodes of one list, and refer to each other by their number. So objects that contain each other need no
//! care, and neither does their depth.
//!
//! # References
//! `pickletools.py` of `CPython` documents the operations. PyTorch's `torch/_weights_only_unpickler.py` takes as few.

mod objects;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::storage::{Storage, TensorRef};

/// The most objects of a pickle. A tensor has about thirty.
const MOST_NODES: usize = 4 << 20;

/// The most bytes that are copied from one object to another. A tensor takes about fifty.
const MOST_COPIED: usize = 64 << 20;

/// The number of an object.
pub(super) type Id = usize;

/// An object.
#[derive(Debug, Clone)]
pub(super) enum Node {
    None,
    True,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// Something of a module of Python, by its full name.
    Global(String),
    Storage(Storage),
    Tensor(Rc<TensorRef>),
    /// Anything that no network needs.
    Other,
}

impl Node {
    /// Returns the bytes that are copied when it is made of other objects.
    fn copied(&self) -> usize {
        match self {
            Self::Dict(pairs) => size_of_val(pairs.as_slice()),
            Self::Global(name) => name.len(),
            Self::Storage(storage) => storage.key.len(),
            Self::Tensor(tensor) => {
                let TensorRef { storage, extents, strides, .. } = &**tensor;
                let numbers = size_of_val(extents.as_slice()) + size_of_val(strides.as_slice());
                storage.key.len() + numbers
            }
            _ => 0,
        }
    }
}

/// Why a pickle is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged(String),
    /// It asks for this code.
    Code(String),
    /// It holds an object of this class instead of tensors.
    WholeModule(String),
}

/// All objects of a pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

impl Pickle {
    /// Reads one pickle, and leaves what follows it.
    ///
    /// # Errors
    /// It is damaged, or asks for code.
    pub(super) fn read(bytes: &mut &[u8]) -> Result<Self, Fault> {
        let mut machine = Machine { bytes, ..Machine::default() };
        while !machine.step()? {}
        let root = machine.pop()?;
        if let Some(stranger) = machine.stranger {
            return Err(Fault::Code(stranger));
        }
        *bytes = machine.bytes;
        Ok(Self { nodes: machine.nodes, root })
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Returns the text with a number, if it is one.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The stack machine that a pickle is a program for.
#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack at every open mark.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
    /// The first thing of Python that it names and that no state dict needs.
    stranger: Option<String>,
    /// Bytes that were copied from one object to another.
    copied: usize,
}

impl<'a> Machine<'a> {
    /// Does one operation. Returns whether it was the last.
    fn step(&mut self) -> Result<bool, Fault> {
        let [operation] = self.word()?;
        match operation {
            b'.' => return Ok(true),
            0x80 => self.take(1).map(drop)?,
            0x95 => self.take(8).map(drop)?,
            b'c' | 0x93 | b'R' | b'b' | b'i' | b'o' | 0x81..=0x84 | 0x92 | b'P' | b'Q' => {
                self.object(operation)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'g' | b'h' | b'j' | b'p' | b'q' | b'r' | 0x94 => self.memory(operation)?,
            b')'
            | b']'
            | b'}'
            | 0x8f
            | 0x91
            | 0x85..=0x87
            | b't'
            | b'l'
            | b'd'
            | b'a'
            | b'e'
            | 0x90
            | b's'
            | b'u' => self.container(operation)?,
            _ => self.scalar(operation)?,
        }
        Ok(false)
    }

    fn scalar(&mut self, operation: u8) -> Result<(), Fault> {
        let node = match operation {
            b'N' => Node::None,
            b'K' => Node::Int(self.word::<1>()?[0].into()),
            b'M' => Node::Int(u16::from_le_bytes(self.word()?).into()),
            b'J' => Node::Int(i32::from_le_bytes(self.word()?).into()),
            b'I' | b'L' => {
                self.line()?.trim_end_matches('L').parse().map_or(Node::Other, Node::Int)
            }
            0x8a => {
                let length = self.length(1)?;
                integer(self.take(length)?)
            }
            0x8b => {
                let length = self.length(4)?;
                integer(self.take(length)?)
            }
            b'X' | b'T' => self.string(4)?,
            0x8c | b'U' => self.string(1)?,
            0x8d => self.string(8)?,
            b'V' => Node::Text(self.line()?),
            b'S' => Node::Text(self.line()?.trim_matches(['\'', '"']).to_owned()),
            b'C' => self.skip_bytes(1)?,
            b'B' => self.skip_bytes(4)?,
            0x8e | 0x96 => self.skip_bytes(8)?,
            b'G' => {
                self.take(8)?;
                Node::Other
            }
            b'F' => {
                self.line()?;
                Node::Other
            }
            0x88 => Node::True,
            0x89 => Node::Other,
            unknown => {
                return Err(Fault::Damaged(format!(
                    "it has the unknown operation 0x{unknown:02x}"
                )));
            }
        };
        self.push(node)
    }

    fn container(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            b')' => self.push(Node::Tuple(vec![])),
            b']' | 0x8f => self.push(Node::List(vec![])),
            b'}' => self.push(Node::Dict(vec![])),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Tuple(items))
            }
            b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Node::List(items))
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Dict(pairs(&items)?))
            }
            0x85..=0x87 => {
                let count = usize::from(operation - 0x84);
                let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                self.push(Node::Tuple(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.extend(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])
            }
            _ => {
                let items = self.pop_to_mark()?;
                self.insert(&items)
            }
        }
    }

    /// Adds items to the list on the stack.
    fn extend(&mut self, items: &[Id]) -> Result<(), Fault> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::List(list) => list.extend(items),
            // A subclass of list, whose items no network needs.
            Node::Other => {}
            _ => return Err(damaged("it appends to what is no list")),
        }
        Ok(())
    }

    /// Adds keys and values to the dictionary on the stack.
    fn insert(&mut self, items: &[Id]) -> Result<(), Fault> {
        let (top, pairs) = (self.top()?, pairs(items)?);
        match &mut self.nodes[top] {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Other => {}
            _ => return Err(damaged("it inserts into what is no dictionary")),
        }
        Ok(())
    }

    fn memory(&mut self, operation: u8) -> Result<(), Fault> {
        let place = match operation {
            b'g' | b'p' => self.line()?.parse().map_err(|_| damaged("a line is no number"))?,
            b'h' | b'q' => self.word::<1>()?[0].into(),
            0x94 => self.memo.len() as u32,
            _ => u32::from_le_bytes(self.word()?),
        };
        if [b'g', b'h', b'j'].contains(&operation) {
            let id = self.memo.get(&place).copied();
            self.stack.push(id.ok_or_else(|| damaged("it reads what it has not stored"))?);
        } else {
            let top = self.top()?;
            self.memo.insert(place, top);
        }
        Ok(())
    }

    /// Pushes an object that is made of others. A few bytes can ask for the same large one again and again.
    fn push_made(&mut self, node: Node) -> Result<(), Fault> {
        self.copied += node.copied();
        if self.copied > MOST_COPIED {
            return Err(damaged("it copies too many objects"));
        }
        self.push(node)
    }

    fn push(&mut self, node: Node) -> Result<(), Fault> {
        if self.nodes.len() >= MOST_NODES {
            return Err(Fault::Damaged(format!("it has more than {MOST_NODES} objects")));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// The height of the stack below which the innermost mark protects it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Fault> {
        let top = self.stack[self.floor().min(self.stack.len())..].last();
        top.copied().ok_or_else(|| damaged("its stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or_else(|| damaged("it has no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let parts = self.bytes.split_at_checked(count);
        let (part, rest) = parts.ok_or_else(|| damaged("it is truncated"))?;
        self.bytes = rest;
        Ok(part)
    }

    fn word<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let word = self.take(N)?.first_chunk();
        word.copied().ok_or_else(|| damaged("it is truncated"))
    }

    /// Reads a length of some bytes.
    fn length(&mut self, bytes: usize) -> Result<usize, Fault> {
        let read = self.take(bytes)?.iter().rev();
        let length = read.fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        usize::try_from(length).map_err(|_| damaged("it is truncated"))
    }

    fn string(&mut self, bytes: usize) -> Result<Node, Fault> {
        let length = self.length(bytes)?;
        Ok(Node::Text(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    fn skip_bytes(&mut self, bytes: usize) -> Result<Node, Fault> {
        let length = self.length(bytes)?;
        self.take(length)?;
        Ok(Node::Other)
    }

    fn line(&mut self) -> Result<String, Fault> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        let line = self.take(end.ok_or_else(|| damaged("it is truncated"))?)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
    }
}

pub(super) fn damaged(reason: &str) -> Fault {
    Fault::Damaged(reason.to_owned())
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    let (pairs, []) = items.as_chunks::<2>() else {
        return Err(damaged("a dictionary has a key without a value"));
    };
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

/// Returns a little-endian integer; those of more than 64 bits are nothing that a network needs.
fn integer(bytes: &[u8]) -> Node {
    let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
    let mut word = [fill; 8];
    match word.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return Node::Other,
    }
    Node::Int(i64::from_le_bytes(word))
}

#[cfg(test)]
mod tests;
