//! The numbers of images or of the rows of a table.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::stored::Stored;

/// The numbers of all images of a split, one image after the other.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Pixels from 0 to 255.
    Bytes(Vec<u8>),
    /// Pixels that stay in a file.
    Stored(Stored),
    /// Finite numbers of any size, such as the columns of a table.
    Floats(Vec<f32>),
}

/// The type of [`Values`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// Pixels from 0 to 255.
    #[default]
    Bytes,
    /// Numbers of any size.
    Floats,
}

impl ValueType {
    /// Whether they are pixels from 0 to 255.
    pub fn is_bytes(&self) -> bool {
        *self == Self::Bytes
    }
}

impl Values {
    /// Returns their type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Bytes(_) | Self::Stored(_) => ValueType::Bytes,
            Self::Floats(_) => ValueType::Floats,
        }
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Stored(stored) => stored.len(),
            Self::Floats(floats) => floats.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns them if they are bytes in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Stored(_) | Self::Floats(_) => None,
        }
    }

    /// Returns them if they are floats.
    pub fn floats(&self) -> Option<&[f32]> {
        match self {
            Self::Floats(floats) => Some(floats),
            Self::Bytes(_) | Self::Stored(_) => None,
        }
    }

    /// Returns the images with the numbers `ids`; each has `length` values.
    pub(crate) fn pick(&self, ids: &[usize], length: usize) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(picked(bytes, ids, length)),
            Self::Stored(stored) => Self::Stored(stored.pick(ids)),
            Self::Floats(floats) => Self::Floats(picked(floats, ids, length)),
        }
    }

    /// Adds them to a hash. Bytes and floats give different hashes.
    ///
    /// # Errors
    /// They stay in a file, and it cannot be read.
    pub(crate) fn hash(&self, hash: &mut Sha256) -> Result<(), DataError> {
        match self {
            Self::Bytes(bytes) => hash.update(bytes),
            Self::Stored(stored) => return stored.for_each_chunk(|bytes| hash.update(bytes)),
            Self::Floats(floats) => {
                hash.update(b"f32");
                for float in floats {
                    hash.update(float.to_le_bytes());
                }
            }
        }
        Ok(())
    }
}

fn picked<T: Copy>(values: &[T], ids: &[usize], length: usize) -> Vec<T> {
    let mut picked = Vec::with_capacity(ids.len() * length);
    for id in ids {
        picked.extend_from_slice(&values[id * length..(id + 1) * length]);
    }
    picked
}

impl From<Vec<u8>> for Values {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<f32>> for Values {
    fn from(floats: Vec<f32>) -> Self {
        Self::Floats(floats)
    }
}
