//! The layout of images and labels in arrays.

use crate::dataset::CLASSES;
use crate::npy::{Numbers, TypedArray};
use crate::values::Values;

/// The numbers of channels by which channels are recognised: grey, colour, colour with opacity.
const CHANNELS: [usize; 3] = [1, 3, 4];

/// Images, channels last.
pub(super) struct Images {
    pub(super) count: usize,
    /// The extents of one image; one channel is not an extent of its own.
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
}

/// Returns the images of an array.
///
/// # Errors
/// The reason: the type or the shape is not that of images, or a number is not finite.
pub(super) fn images(array: TypedArray) -> Result<Images, String> {
    let TypedArray { shape, numbers } = array;
    let values = match numbers {
        Numbers::Bytes(bytes) => Values::Bytes(bytes),
        Numbers::Floats(floats) => {
            check_finite(&floats, &shape)?;
            Values::Floats(floats)
        }
        Numbers::Integers(_) => {
            return Err(
                "it has integers that are not uint8; save pixels as uint8, and other numbers as \
                        float32"
                    .into(),
            );
        }
    };
    match shape[..] {
        [count, columns] => Ok(Images { count, shape: vec![columns], values }),
        [count, height, width] => Ok(Images { count, shape: vec![height, width], values }),
        [count, first, middle, last] => match [first, last].map(|of| CHANNELS.contains(&of)) {
            [true, true] => Err(format!(
                "it has shape {shape:?}: the channels can be its second extent or its last one; save the images as \
                 IDX files [n, height, width, channels]"
            )),
            [true, false] => {
                let values = channels_last(values, first, middle * last);
                Ok(Images { count, shape: extents(middle, last, first), values })
            }
            [false, _] => Ok(Images { count, shape: extents(first, middle, last), values }),
        },
        _ => Err(format!(
            "it has shape {shape:?}; expected images [n, height, width], [n, height, width, channels] or \
             [n, channels, height, width], or rows [n, columns]"
        )),
    }
}

fn extents(height: usize, width: usize, channels: usize) -> Vec<usize> {
    let mut extents = vec![height, width];
    extents.extend((channels > 1).then_some(channels));
    extents
}

fn check_finite(floats: &[f32], shape: &[usize]) -> Result<(), String> {
    let Some(at) = floats.iter().position(|float| !float.is_finite()) else { return Ok(()) };
    let image = at / shape.iter().skip(1).product::<usize>();
    Err(format!(
        "image {image} has a number that is not finite or too large for float32 ({}); remove or replace it",
        floats[at]
    ))
}

fn channels_last(values: Values, channels: usize, positions: usize) -> Values {
    match values {
        Values::Bytes(bytes) => Values::Bytes(transposed(&bytes, channels, positions)),
        Values::Floats(floats) => Values::Floats(transposed(&floats, channels, positions)),
        // Arrays are read into memory.
        Values::Stored(stored) => Values::Stored(stored),
    }
}

/// `[n, channels, positions] → [n, positions, channels]`.
fn transposed<T: Copy>(values: &[T], channels: usize, positions: usize) -> Vec<T> {
    let mut transposed = Vec::with_capacity(values.len());
    for image in values.chunks(channels * positions) {
        for position in 0..positions {
            let pixel = (0..channels).map(|channel| image[channel * positions + position]);
            transposed.extend(pixel);
        }
    }
    transposed
}

/// Returns the labels of an array.
///
/// # Errors
/// The reason: it has another shape than `[n]` or `[n, 1]`, or a label is not a whole number from 0 to 255.
pub(super) fn labels(array: TypedArray) -> Result<Vec<u8>, String> {
    let TypedArray { shape, numbers } = array;
    if !matches!(shape[..], [_] | [_, 1]) {
        return Err(format!("it has shape {shape:?}; expected one label per image, [n] or [n, 1]"));
    }
    match numbers {
        Numbers::Bytes(bytes) => Ok(bytes),
        Numbers::Integers(integers) => {
            let label =
                |(at, label): (usize, i64)| u8::try_from(label).map_err(|_| impossible(&label, at));
            integers.into_iter().enumerate().map(label).collect()
        }
        Numbers::Floats(floats) => {
            let label = |(at, label): (usize, f32)| {
                let is_label = label.fract() == 0.0 && (0.0..CLASSES as f32).contains(&label);
                is_label.then_some(label as u8).ok_or_else(|| impossible(&label, at))
            };
            floats.into_iter().enumerate().map(label).collect()
        }
    }
}

fn impossible(label: &dyn std::fmt::Display, at: usize) -> String {
    format!(
        "label {label} of image {at} is not a whole number from 0 to {}; number the classes from 0 (at most {CLASSES} \
         are possible)",
        CLASSES - 1
    )
}
