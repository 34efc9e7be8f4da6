//! Channels that must be clipped together, computed from the operations of a file.
//!
//! Any operation may be in a file. Those that are known hand channels on, combine them or mix them; what an unknown
//! one touches is fixed. Weights, biases and statistics are tensors of the file. Along each dimension of a tensor lie
//! the channels of some groups, so a clip of a group cuts all its tensors in the same way.

mod axes;
mod groups;
mod rules;
mod trace;

use std::fmt;

pub use axes::Span;
pub(crate) use axes::{Along, Axes, Piece};
pub use trace::name_of;
pub(crate) use trace::{Product, Rewrite, Stored, Trace, Value};

/// Channels that can only be clipped together. Channel `c` of everything named here is the same neuron, or cannot
/// exist without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of the first weight that makes the channels, without `.weight`, or the name of its node.
    pub name: String,
    /// Number of channels.
    pub width: usize,
    /// Why the channels cannot be clipped; `None` if they can.
    pub fixed: Option<Reason>,
    /// The tensors that a clip cuts, in the order of the nodes that read them.
    pub ties: Vec<Tie>,
}

/// The channels of a group in a tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// The name of the tensor.
    pub tensor: String,
    /// The dimension along which the channels lie.
    pub dimension: usize,
    /// Where they lie.
    pub span: Span,
    /// What the tensor does with the channels.
    pub role: Role,
}

/// What a tensor does with channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A weight that makes them.
    Makes,
    /// A bias, a statistic, a depthwise filter: it has numbers for every channel.
    Follows,
    /// A weight that reads them.
    Uses,
}

/// Why the channels of a group cannot be clipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// They are an input of the model.
    Input,
    /// They are an output of the model.
    Output,
    /// A node combines them with channels that do not line up with them.
    Misaligned {
        /// The node.
        node: String,
    },
    /// A node mixes them, so that each depends on all.
    Mixed {
        /// The node.
        node: String,
        /// Its operation.
        op: String,
    },
    /// A node takes some of them by their numbers.
    Picked {
        /// The node.
        node: String,
        /// Its operation.
        op: String,
    },
    /// A node gives them other extents, in which a channel has no place of its own.
    Reshaped {
        /// The node.
        node: String,
    },
    /// A convolution joins them in several parts.
    Grouped {
        /// The node.
        node: String,
        /// The number of parts.
        parts: usize,
    },
    /// A node has a weight that is computed by other nodes.
    ComputedWeight {
        /// The node.
        node: String,
    },
    /// A node computes with their number.
    Counted {
        /// The node.
        node: String,
        /// Its operation.
        op: String,
    },
    /// The operation of a node is not known.
    Unknown {
        /// The node.
        node: String,
        /// Its operation.
        op: String,
    },
    /// Their number is known only when the model runs.
    Extent {
        /// The node.
        node: String,
    },
    /// A weight is not made of floats.
    NotFloat {
        /// The tensor.
        tensor: String,
        /// What its elements are.
        element: String,
    },
    /// The file puts channels side by side too often to keep track of them.
    TooMany {
        /// The node where there were too many.
        node: String,
    },
    /// No weight makes them.
    NotMade,
    /// No weight reads them.
    NotRead,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => write!(f, "the channels are an input of the network"),
            Self::Output => write!(f, "the channels are an output of the network"),
            Self::Misaligned { node } => {
                write!(f, "node {node} combines the channels with others that do not line up")
            }
            Self::Mixed { node, op } => write!(f, "node {node} ({op}) mixes the channels"),
            Self::Picked { node, op } => {
                write!(f, "node {node} ({op}) takes channels by their numbers")
            }
            Self::Reshaped { node } => {
                write!(f, "node {node} reshapes the channels together with other extents")
            }
            Self::Grouped { node, parts } => {
                write!(f, "node {node} is a convolution in {parts} groups")
            }
            Self::ComputedWeight { node } => {
                write!(f, "the weight of node {node} is computed by other nodes")
            }
            Self::Counted { node, op } => {
                write!(f, "node {node} ({op}) computes with the number of channels")
            }
            Self::Unknown { node, op } => {
                write!(f, "the operation {op} of node {node} is not known")
            }
            Self::Extent { node } => {
                write!(
                    f,
                    "at node {node}, the number of channels is known only when the network runs"
                )
            }
            Self::NotFloat { tensor, element } => {
                write!(f, "the elements of tensor {tensor} are {element}, not floats")
            }
            Self::TooMany { node } => {
                write!(f, "at node {node}, too many parts lie side by side")
            }
            Self::NotMade => write!(f, "no weight makes the channels"),
            Self::NotRead => write!(f, "no weight reads the channels"),
        }
    }
}

#[cfg(test)]
mod tests;
