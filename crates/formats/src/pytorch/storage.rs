//! Storages, which have the numbers of tensors, and how a tensor lies in one.

use rayclip_data::arrays::MOST_BYTES;

use super::MOST_REPEATED;
use crate::state_dict::{Float, Numbers};

/// The most extents of a tensor.
const MOST_EXTENTS: usize = 64;

/// The elements of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float(Float),
    /// Another type: its name, and the bytes of an element.
    Other(&'static str, usize),
}

/// Numbers outside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) element: Element,
    /// The number of elements.
    pub(super) length: usize,
}

/// A tensor in a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorRef {
    pub(super) storage: Storage,
    /// The index of its first element.
    pub(super) offset: usize,
    pub(super) extents: Vec<usize>,
    /// Elements from one index along an axis to the next.
    pub(super) strides: Vec<usize>,
    /// Whether it is marked as the negative or the conjugate of these elements.
    pub(super) is_marked: bool,
}

impl Element {
    /// Returns the elements of a class of storages.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "DoubleStorage" => Self::Float(Float::F64),
            "FloatStorage" => Self::Float(Float::F32),
            "HalfStorage" => Self::Float(Float::F16),
            "BFloat16Storage" => Self::Float(Float::Bf16),
            "LongStorage" => Self::Other("int64", 8),
            "IntStorage" => Self::Other("int32", 4),
            "ShortStorage" => Self::Other("int16", 2),
            "CharStorage" => Self::Other("int8", 1),
            "ByteStorage" | "UntypedStorage" => Self::Other("uint8", 1),
            "BoolStorage" => Self::Other("bool", 1),
            "ComplexFloatStorage" => Self::Other("complex64", 8),
            "ComplexDoubleStorage" => Self::Other("complex128", 16),
            "QInt8Storage" => Self::Other("qint8", 1),
            "QUInt8Storage" => Self::Other("quint8", 1),
            "QInt32Storage" => Self::Other("qint32", 4),
            _ => return None,
        })
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Float(float) => float.bytes(),
            Self::Other(_, bytes) => bytes,
        }
    }

    /// Returns the elements as those of a quantised tensor.
    pub(super) fn quantised(self) -> Self {
        match self {
            Self::Other("uint8", bytes) => Self::Other("quint8", bytes),
            Self::Other("int8", bytes) => Self::Other("qint8", bytes),
            Self::Other("int32", bytes) => Self::Other("qint32", bytes),
            other => other,
        }
    }
}

impl Storage {
    /// Returns the number of its bytes, if there are not too many.
    pub(super) fn bytes(&self) -> Result<usize, String> {
        let bytes = self.length.checked_mul(self.element.bytes());
        bytes.filter(|bytes| *bytes as u64 <= MOST_BYTES).ok_or_else(|| {
            format!("a storage has {} elements; at most {MOST_BYTES} bytes are read", self.length)
        })
    }
}

impl TensorRef {
    /// Refuses a tensor that does not lie in its storage.
    ///
    /// # Errors
    /// The reason.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { storage, offset, extents, strides, .. } = self;
        let wrong = || {
            format!(
                "a tensor {extents:?} with strides {strides:?} at {offset} is not in its storage of {} elements",
                storage.length
            )
        };
        if extents.len() != strides.len() || extents.len() > MOST_EXTENTS {
            return Err(wrong());
        }
        let count = extents.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent));
        let count = count.ok_or_else(wrong)?;
        // A stride of 0 repeats elements, so that the number of elements is checked by itself.
        if count > storage.length.max(MOST_REPEATED) {
            return Err(format!(
                "a tensor {extents:?} repeats the {} elements of its storage too often; save tensor.clone()",
                storage.length
            ));
        }
        let last = extents.iter().zip(strides).try_fold(*offset, |last, (extent, stride)| {
            last.checked_add(extent.saturating_sub(1).checked_mul(*stride)?)
        });
        if count > 0 && last.is_none_or(|last| last >= storage.length) {
            return Err(wrong());
        }
        Ok(())
    }

    /// Returns the number of elements.
    pub(super) fn count(&self) -> usize {
        self.extents.iter().product()
    }

    /// Returns the numbers of the tensor, from the bytes of its storage.
    pub(super) fn numbers(&self, bytes: &[u8]) -> Numbers {
        let float = match self.storage.element {
            Element::Float(float) => float,
            Element::Other(name, _) => return Numbers::Other(name.to_owned()),
        };
        let count = self.count();
        let size = float.bytes();
        if self.is_contiguous() {
            let begin = self.offset * size;
            // A tensor without numbers may begin anywhere.
            let bytes = bytes.get(begin..begin + count * size).unwrap_or_default();
            return Numbers::Floats(float.read(bytes));
        }
        let mut index = vec![0; self.extents.len()];
        let mut gathered = Vec::with_capacity(count * size);
        for _ in 0..count {
            let at = index.iter().zip(&self.strides).map(|(index, stride)| index * stride);
            let at = (self.offset + at.sum::<usize>()) * size;
            gathered.extend_from_slice(&bytes[at..at + size]);
            for (index, extent) in index.iter_mut().zip(&self.extents).rev() {
                *index += 1;
                if *index < *extent {
                    break;
                }
                *index = 0;
            }
        }
        Numbers::Floats(float.read(&gathered))
    }

    /// Returns whether its elements follow each other, row by row.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        self.extents.iter().zip(&self.strides).rev().all(|(extent, stride)| {
            let fits = *extent == 1 || *stride == expected;
            expected = expected.saturating_mul(*extent);
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(offset: usize, extents: &[usize], strides: &[usize]) -> TensorRef {
        let storage = Storage { key: "0".into(), element: Element::Float(Float::F32), length: 6 };
        let (extents, strides) = (extents.to_vec(), strides.to_vec());
        TensorRef { storage, offset, extents, strides, is_marked: false }
    }

    fn read(tensor: &TensorRef) -> Vec<f32> {
        let bytes: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        tensor.check().unwrap();
        match tensor.numbers(&bytes) {
            Numbers::Floats(values) => values,
            Numbers::Other(kind) => panic!("{kind}"),
        }
    }

    #[test]
    fn a_view_is_gathered_row_by_row() {
        assert_eq!(read(&tensor(0, &[2, 3], &[3, 1])), [0., 1., 2., 3., 4., 5.]);
        assert_eq!(read(&tensor(0, &[3, 2], &[1, 3])), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(read(&tensor(2, &[2], &[3])), [2., 5.]);
        assert_eq!(read(&tensor(3, &[2, 1], &[0, 7])), [3., 3.]);
        assert_eq!(read(&tensor(4, &[], &[])), [4.]);
        // As `expand` and `unfold` repeat elements.
        assert_eq!(read(&tensor(3, &[7], &[0])), [3.; 7]);
        assert_eq!(read(&tensor(1, &[2, 4], &[1, 0])), [1., 1., 1., 1., 2., 2., 2., 2.]);
        assert_eq!(read(&tensor(0, &[4, 2], &[1, 1])), [0., 1., 1., 2., 2., 3., 3., 4.]);
        assert!(read(&tensor(9, &[0], &[1])).is_empty());
    }

    #[test]
    fn a_tensor_outside_its_storage_is_refused() {
        for wrong in [
            tensor(1, &[2, 3], &[3, 1]),
            tensor(6, &[7], &[0]),
            tensor(0, &[2], &[usize::MAX]),
            tensor(usize::MAX, &[1], &[1]),
            tensor(0, &[usize::MAX, 2], &[0, 0]),
            tensor(0, &[2], &[1, 1]),
        ] {
            assert!(wrong.check().unwrap_err().contains("not in its storage of 6"), "{wrong:?}");
        }
        let often = tensor(0, &[MOST_REPEATED + 1], &[0]).check().unwrap_err();
        assert!(often.contains("repeats the 6 elements of its storage too often"), "{often}");
    }
}
