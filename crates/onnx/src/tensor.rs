//! The numbers of a tensor: its extents, its bytes, and a part of it along an axis.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use half::{bf16, f16};

use crate::limits::MOST_DIMENSIONS;
use crate::proto::Tensor;

/// The type of the elements of a tensor, by its number in ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementType(pub i32);

impl ElementType {
    /// 32-bit floats.
    pub const FLOAT: Self = Self(1);
    /// 64-bit integers.
    pub const INT64: Self = Self(7);

    /// The names of all types; the number of a type is its place.
    const NAMES: [&'static str; 24] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
    ];

    /// Returns the bytes of an element; `None` if elements are texts, less than a byte, or unknown.
    pub fn bytes(self) -> Option<usize> {
        match self.0 {
            2 | 3 | 9 | 17..=20 => Some(1),
            4 | 5 | 10 | 16 => Some(2),
            1 | 6 | 12 => Some(4),
            7 | 11 | 13 | 14 => Some(8),
            15 => Some(16),
            _ => None,
        }
    }

    /// Returns whether its elements are real numbers with at least 16 bits.
    pub fn is_float(self) -> bool {
        matches!(self.0, 1 | 10 | 11 | 16)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = usize::try_from(self.0).ok().and_then(|number| Self::NAMES.get(number));
        match name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl Tensor {
    /// Creates a tensor of 64-bit integers.
    pub fn of_integers(name: &str, dims: Vec<i64>, values: &[i64]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::of_bytes(name, dims, ElementType::INT64, bytes)
    }

    /// Creates a tensor of 32-bit floats.
    pub fn of_floats(name: &str, dims: Vec<i64>, values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::of_bytes(name, dims, ElementType::FLOAT, bytes)
    }

    fn of_bytes(name: &str, dims: Vec<i64>, element: ElementType, bytes: Vec<u8>) -> Self {
        Self {
            name: Some(name.to_owned()),
            dims,
            data_type: Some(element.0),
            raw_data: Some(bytes.into()),
            ..Self::default()
        }
    }

    /// Returns the type of its elements.
    pub fn element_type(&self) -> ElementType {
        ElementType(self.data_type.unwrap_or_default())
    }

    /// Returns its extents.
    ///
    /// # Errors
    /// One is negative, or there are too many. The reason names neither file nor tensor.
    pub fn extents(&self) -> Result<Vec<usize>, String> {
        if self.dims.len() > MOST_DIMENSIONS {
            return Err(format!("it has {} extents", self.dims.len()));
        }
        let extent = |extent: &i64| {
            usize::try_from(*extent).map_err(|_| format!("its extents are {:?}", self.dims))
        };
        self.dims.iter().map(extent).collect()
    }

    /// Returns the number of its elements.
    ///
    /// # Errors
    /// Its extents are wrong, or too large to count.
    pub fn elements(&self) -> Result<usize, String> {
        let product = self.extents()?.into_iter().try_fold(1_usize, usize::checked_mul);
        product.ok_or_else(|| format!("its extents {:?} are too large", self.dims))
    }

    /// Returns whether its numbers are in another file.
    pub(crate) fn is_external(&self) -> bool {
        self.data_location == Some(1)
    }

    /// Returns its numbers as bytes, little-endian.
    ///
    /// # Errors
    /// The elements have no whole bytes, or there are more or fewer bytes than its extents ask for.
    pub fn payload(&self) -> Result<Cow<'_, [u8]>, String> {
        let element = self.element_type();
        let size =
            element.bytes().ok_or_else(|| format!("its elements are {element}, not numbers"))?;
        let bytes: Cow<'_, [u8]> = match &self.raw_data {
            Some(raw) => Cow::Borrowed(raw),
            None => Cow::Owned(self.typed_payload(size)),
        };
        let expected = self.elements()?.checked_mul(size);
        if expected != Some(bytes.len()) {
            return Err(format!(
                "it has {} bytes, but {element} {:?} has {}",
                bytes.len(),
                self.dims,
                expected.map_or("too many".to_owned(), |bytes| bytes.to_string()),
            ));
        }
        Ok(bytes)
    }

    /// Returns the bytes of the field of its type. Elements with less than 32 bits are in the field for 32 bits.
    fn typed_payload(&self, size: usize) -> Vec<u8> {
        match self.data_type.unwrap_or_default() {
            1 | 14 => self.float_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            11 | 15 => self.double_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            7 => self.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            13 => self.uint64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
            12 => self.uint64_data.iter().flat_map(|value| (*value as u32).to_le_bytes()).collect(),
            _ => {
                let low = |value: &i32| value.to_le_bytes().into_iter().take(size);
                self.int32_data.iter().flat_map(low).collect()
            }
        }
    }

    /// Returns its numbers as 32-bit floats.
    ///
    /// # Errors
    /// Its elements are not floats, or their number does not match its extents.
    pub fn floats(&self) -> Result<Vec<f32>, String> {
        let element = self.element_type();
        if !element.is_float() {
            return Err(format!("its elements are {element}, expected float32"));
        }
        let bytes = self.payload()?;
        Ok(match element.0 {
            10 => two(&bytes).map(|word| f16::from_le_bytes(word).to_f32()).collect(),
            16 => two(&bytes).map(|word| bf16::from_le_bytes(word).to_f32()).collect(),
            11 => eight(&bytes).map(|word| f64::from_le_bytes(word) as f32).collect(),
            _ => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        })
    }

    /// Returns its numbers as 64-bit integers.
    ///
    /// # Errors
    /// Its elements are not integers of 32 or 64 bits, or their number does not match its extents.
    pub fn integers(&self) -> Result<Vec<i64>, String> {
        let bytes = self.payload()?;
        match self.data_type {
            Some(7) => Ok(eight(&bytes).map(i64::from_le_bytes).collect()),
            Some(6) => {
                let words = bytes.as_chunks::<4>().0.iter();
                Ok(words.map(|word| i64::from(i32::from_le_bytes(*word))).collect())
            }
            _ => Err(format!("its elements are {}, expected int64", self.element_type())),
        }
    }

    /// Keeps the entries `kept` along an axis, in this order.
    ///
    /// # Errors
    /// There is no such axis or entry, or its numbers cannot be read.
    pub fn keep(&mut self, axis: usize, kept: &[usize]) -> Result<(), String> {
        let extents = self.extents()?;
        let size = self.element_type().bytes().unwrap_or_default();
        let extent = *extents.get(axis).ok_or_else(|| format!("it has no axis {axis}"))?;
        if let Some(entry) = kept.iter().find(|entry| **entry >= extent) {
            return Err(format!("it has no entry {entry} along axis {axis}"));
        }
        let inner = extents[axis + 1..].iter().product::<usize>() * size;
        let outer: usize = extents[..axis].iter().product();
        let mut left = Vec::with_capacity(outer * kept.len() * inner);
        let bytes = self.payload()?;
        if inner > 0 {
            for block in bytes.chunks_exact(extent * inner) {
                for run in runs(kept) {
                    left.extend_from_slice(&block[run.start * inner..run.end * inner]);
                }
            }
        }
        drop(bytes);
        self.dims[axis] = kept.len() as i64;
        self.set_payload(left.into());
        Ok(())
    }

    /// Replaces its numbers.
    pub(crate) fn set_payload(&mut self, bytes: Bytes) {
        let Self { float_data, int32_data, int64_data, double_data, uint64_data, .. } = self;
        float_data.clear();
        int32_data.clear();
        int64_data.clear();
        double_data.clear();
        uint64_data.clear();
        self.external_data.clear();
        self.data_location = None;
        self.raw_data = Some(bytes);
    }
}

/// Returns the ranges of consecutive numbers in a list.
fn runs(entries: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> {
    entries.chunk_by(|one, next| one + 1 == *next).map(|run| run[0]..run[0] + run.len())
}

fn two(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    bytes.as_chunks::<2>().0.iter().copied()
}

fn eight(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    bytes.as_chunks::<8>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(dims: &[i64]) -> Tensor {
        let count: i64 = dims.iter().product();
        let values: Vec<f32> = (0..count).map(|value| value as f32).collect();
        Tensor::of_floats("w", dims.to_vec(), &values)
    }

    #[test]
    fn entries_are_kept_along_any_axis() {
        let mut rows = numbers(&[3, 2]);
        rows.keep(0, &[0, 2]).unwrap();
        assert_eq!((rows.dims.clone(), rows.floats().unwrap()), (vec![2, 2], vec![0., 1., 4., 5.]));
        let mut columns = numbers(&[2, 3]);
        columns.keep(1, &[2]).unwrap();
        assert_eq!(columns.floats().unwrap(), [2., 5.]);
        let mut middle = numbers(&[2, 3, 2]);
        middle.keep(1, &[1, 2]).unwrap();
        assert_eq!(middle.floats().unwrap(), [2., 3., 4., 5., 8., 9., 10., 11.]);
        assert!(middle.keep(1, &[2]).is_err() && middle.keep(3, &[0]).is_err());
    }

    #[test]
    fn numbers_of_every_field_are_read() {
        let typed = Tensor { dims: vec![2], data_type: Some(1), ..Tensor::default() };
        let typed = Tensor { float_data: vec![1.5, -2.0], ..typed };
        assert_eq!(typed.floats().unwrap(), [1.5, -2.0]);
        // 1.5 as float16, in the field for 32 bits and in raw bytes.
        let half = Tensor { dims: vec![1], data_type: Some(10), ..Tensor::default() };
        let low = Tensor { int32_data: vec![0x3e00], ..half.clone() };
        let raw = Tensor { raw_data: Some(vec![0, 0x3e].into()), ..half };
        assert_eq!([low.floats().unwrap(), raw.floats().unwrap()], [[1.5], [1.5]]);
        let whole = Tensor { dims: vec![], data_type: Some(7), ..Tensor::default() };
        assert_eq!(Tensor { int64_data: vec![-3], ..whole }.integers().unwrap(), [-3]);
    }

    #[test]
    fn wrong_tensors_are_refused_with_what_was_found() {
        let reason = |tensor: Tensor| tensor.floats().unwrap_err();
        let short = Tensor { dims: vec![9], ..numbers(&[2]) };
        assert!(reason(short).contains("it has 8 bytes, but float32 [9] has 36"));
        let huge = Tensor { dims: vec![i64::MAX, 8], ..numbers(&[2]) };
        assert!(reason(huge).contains("too large"));
        let negative = Tensor { dims: vec![-1], ..numbers(&[2]) };
        assert!(reason(negative).contains("[-1]"));
        let quantised = Tensor { data_type: Some(3), ..numbers(&[2]) };
        assert!(reason(quantised).contains("int8, expected float32"));
    }
}
