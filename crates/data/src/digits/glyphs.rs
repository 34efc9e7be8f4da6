//! The strokes of the digits, from `assets/digits.toml`.

use serde::Deserialize;

use super::CLASSES;
use crate::error::DataError;

const ASSET: &str = include_str!("../../../../assets/digits.toml");

/// A point of the unit square, x to the right, y downwards.
pub(super) type Point = [f32; 2];
/// The control points of one stroke.
pub(super) type Stroke = Vec<Point>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    glyph: Vec<Glyph>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Glyph {
    digit: usize,
    strokes: Vec<Stroke>,
}

/// The ways of writing each digit.
pub(super) struct Glyphs {
    ways: [Vec<Vec<Stroke>>; CLASSES],
}

impl Glyphs {
    /// Returns the built-in glyphs.
    pub(super) fn built_in() -> Result<Self, DataError> {
        let file: File =
            toml::from_str(ASSET).map_err(|error| DataError::Strokes(error.to_string()))?;
        let mut ways = [const { Vec::new() }; CLASSES];
        for Glyph { digit, strokes } in file.glyph {
            if digit >= CLASSES || strokes.is_empty() || strokes.iter().any(|s| s.len() < 2) {
                return Err(DataError::Strokes(format!(
                    "a glyph of {digit} is not one of the digits 0 to 9 with strokes of two points"
                )));
            }
            ways[digit].push(strokes);
        }
        match ways.iter().position(Vec::is_empty) {
            Some(digit) => Err(DataError::Strokes(format!("there is no glyph of {digit}"))),
            None => Ok(Self { ways }),
        }
    }

    /// Returns all ways of writing `digit`; there is at least one.
    pub(super) fn ways_to_write(&self, digit: usize) -> &[Vec<Stroke>] {
        &self.ways[digit]
    }
}
