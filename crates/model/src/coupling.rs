//! Channels that must be clipped together, and everything that a clip of them cuts.

use std::fmt;

use burn::tensor::{Int, Tensor, TensorData};

use crate::graph::Value;

/// Channels of a network that can only be clipped together. Channel `c` of everything named here is the same
/// neuron, or cannot exist without it.
///
/// A hidden layer of a perceptron is a group: columns of the weight that makes it, entries of the bias that follows
/// it, rows of the weight that uses it. Layers whose results are added are one group. Normalisations and depthwise
/// convolutions follow the channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of the first node that makes the channels; `input` for the channels of the images, if no node makes
    /// channels that belong to them.
    pub name: String,
    /// Number of channels.
    pub width: usize,
    /// Why the channels cannot be clipped; `None` if they can.
    pub fixed: Option<Reason>,
    /// Weights that make the channels: their columns.
    pub makes: Vec<Tie>,
    /// Parameters and state that are cut with the channels: their columns.
    pub follows: Vec<Tie>,
    /// Weights that use the channels: their rows. A group that is not fixed has at least one.
    pub uses: Vec<Tie>,
    /// Where these weights read the channels, in the order of the values.
    pub readings: Vec<Reading>,
}

/// The channels of a group in a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// The name of the parameter.
    pub parameter: String,
    /// Whether the channels are rows or columns.
    pub axis: Axis,
    /// Which rows or columns.
    pub span: Span,
}

/// An axis of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The inputs of a weight.
    Rows,
    /// The outputs of a weight.
    Columns,
}

/// The positions of channels along an axis: channel `c` of repeat `r` is at `offset + r · stride + c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The position of channel 0 in the first repeat.
    pub offset: usize,
    /// The distance between repeats: the channels of a position. If there is only one repeat, the number of
    /// channels.
    pub stride: usize,
    /// The number of repeats: the positions that were flattened.
    pub repeat: usize,
}

/// A value in which weights read the channels of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// Where the channels lie in the value.
    pub span: Span,
    /// Numbers of the nodes whose weights read the channels there.
    pub users: Vec<usize>,
}

/// Why the channels of a group cannot be clipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// They are the channels of the images.
    Input,
    /// They are added to or multiplied by channels that do not line up with them.
    Misaligned {
        /// The node that combines them.
        node: String,
    },
    /// A normalisation mixes them with channels that stay.
    Normalised {
        /// The node that normalises them.
        node: String,
    },
    /// They are flattened a second time, so that a channel lies at positions of positions.
    FlattenedTwice {
        /// The node that flattens them.
        node: String,
    },
    /// They are the output.
    Output,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => write!(f, "the channels are those of the images"),
            Self::Misaligned { node } => {
                write!(f, "node {node} combines the channels with others that do not line up")
            }
            Self::Normalised { node } => {
                write!(f, "node {node} normalises the channels together")
            }
            Self::FlattenedTwice { node } => {
                write!(f, "node {node} flattens the channels a second time")
            }
            Self::Output => write!(f, "the channels are the output"),
        }
    }
}

impl Group {
    /// Returns everything that a clip cuts.
    pub fn ties(&self) -> impl Iterator<Item = &Tie> {
        self.makes.iter().chain(&self.follows).chain(&self.uses)
    }
}

impl Axis {
    /// Returns the dimension in a tensor `[replica, rows, columns]`.
    pub fn dimension(self) -> usize {
        match self {
            Self::Rows => 1,
            Self::Columns => 2,
        }
    }
}

impl Span {
    /// Returns the span of channels that lie side by side, without repeats.
    pub(crate) fn once(offset: usize, width: usize) -> Self {
        Self { offset, stride: width, repeat: 1 }
    }

    /// Returns the position of channel 0 in every repeat.
    pub fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.repeat).map(move |repeat| self.offset + repeat * self.stride)
    }

    /// Selects the `width` channels at this span along the last axis. Returns the tensor itself if these are all
    /// its entries.
    ///
    /// # Shapes
    /// `[replica, rows, entry] → [replica, rows · repeat, width]`, the repeats of a row one after the other.
    pub fn channels(self, values: Tensor<3>, width: usize) -> Tensor<3> {
        let Self { offset, stride, repeat } = self;
        let [replicas, rows, entries] = values.dims();
        if repeat == 1 && width == entries {
            return values;
        }
        if repeat == 1 {
            return values.narrow(2, offset, width);
        }
        let extents = [replicas, rows * repeat, width];
        if stride == width && repeat * width == entries {
            return values.reshape(extents);
        }
        let ids = self.starts().flat_map(|start| start..start + width);
        let ids: Vec<i32> = ids.map(|id| id as i32).collect();
        let ids = TensorData::new(ids, [repeat * width]);
        let ids = Tensor::<1, Int>::from_data(ids, &values.device());
        values.select(2, ids).reshape(extents)
    }
}

impl Reading {
    /// Selects the channels of the group from the value. Returns the value itself if these are all its channels.
    ///
    /// # Shapes
    /// `[replica, image · position, channel] → [replica, image · position · repeat, width]`, image by image and
    /// position by position.
    pub fn channels(&self, values: Tensor<3>, width: usize) -> Tensor<3> {
        self.span.channels(values, width)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn channels(span: Span, width: usize) -> Vec<Vec<f32>> {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let values = TensorData::new(values, [1, 2, 6]);
        let values = Tensor::<3>::from_data(values, &Device::flex());
        let reading = Reading { value: Value::Input, span, users: vec![] };
        let channels: Vec<f32> = reading.channels(values, width).into_data().try_to_vec().unwrap();
        channels.chunks(width).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn a_reading_hands_out_the_channels_of_its_group() {
        let rows = |first: [usize; 2], width: usize| -> Vec<Vec<f32>> {
            first.iter().map(|row| (*row..row + width).map(|id| id as f32).collect()).collect()
        };
        assert_eq!(channels(Span::once(0, 6), 6), rows([0, 6], 6));
        assert_eq!(channels(Span::once(1, 2), 2), rows([1, 7], 2));
        // Three positions of two channels: all of them, and the second alone.
        let all = Span { offset: 0, stride: 2, repeat: 3 };
        assert_eq!(channels(all, 2), [rows([0, 2], 2), rows([4, 6], 2), rows([8, 10], 2)].concat());
        let second = Span { offset: 1, stride: 2, repeat: 3 };
        assert_eq!(
            channels(second, 1),
            [rows([1, 3], 1), rows([5, 7], 1), rows([9, 11], 1)].concat()
        );
    }

    #[test]
    fn a_reason_says_what_is_in_the_way() {
        let reason = Reason::Misaligned { node: "add".into() };
        assert!(reason.to_string().contains("node add"));
        assert!(Reason::Input.to_string().contains("images"));
        assert!(Reason::Output.to_string().contains("output"));
    }
}
