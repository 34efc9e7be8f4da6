//! Reads numbers from a file directly into memory, without a copy of the file.

use std::io::{self, Read};

/// The most numbers of one array: 4 GiB in f64, as the solver stores them.
pub(crate) const MOST_NUMBERS: usize = 1 << 29;

/// Bytes per read. It is a multiple of both sizes of numbers.
const AT_ONCE: usize = 1 << 16;

/// The layout of numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// Whether a number has eight bytes, or four.
    pub(crate) double: bool,
    /// Whether the most significant byte comes first.
    pub(crate) big_endian: bool,
}

impl Words {
    /// Returns the bytes of a number.
    pub(crate) fn size(self) -> usize {
        if self.double { 8 } else { 4 }
    }

    /// Reads `count` numbers. `index_of` maps the position of a number to its index; it must be a permutation.
    ///
    /// # Errors
    /// There are more numbers than a problem can have, there is not enough memory, or the source ends too soon.
    pub(crate) fn read(
        self,
        source: &mut impl Read,
        count: usize,
        index_of: impl Fn(usize) -> usize,
    ) -> Result<Vec<f64>, String> {
        check_count(count)?;
        let mut values: Vec<f64> = Vec::new();
        let bytes = || format!("{count} numbers need {} bytes of memory", 8 * count);
        values.try_reserve_exact(count).map_err(|_| format!("{}, more than is free", bytes()))?;
        values.resize(count, 0.0);
        let mut buffer = vec![0; AT_ONCE];
        let mut done = 0;
        while done < count {
            let now = (count - done).min(AT_ONCE / self.size());
            let words = &mut buffer[..now * self.size()];
            source.read_exact(words).map_err(|error| reason(&error))?;
            for (at, word) in words.chunks_exact(self.size()).enumerate() {
                values[index_of(done + at)] = self.number(word);
            }
            done += now;
        }
        Ok(values)
    }

    fn number(self, word: &[u8]) -> f64 {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        if self.big_endian {
            bytes[..word.len()].reverse();
        }
        if self.double {
            f64::from_le_bytes(bytes)
        } else {
            f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        }
    }
}

/// Checks the number of numbers.
///
/// # Errors
/// There are more numbers than a problem can have.
pub(crate) fn check_count(count: usize) -> Result<(), String> {
    if count <= MOST_NUMBERS {
        Ok(())
    } else {
        Err(format!("{count} numbers in one array; at most {MOST_NUMBERS} are supported"))
    }
}

/// Returns the message for a file that cannot be read to its end.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "it ends before the numbers that its header announces".into()
        }
        _ => format!("reading it failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind_are_read_across_buffers() {
        let values: Vec<f64> = (0..40_000).map(|i| f64::from(i) * 0.5 - 7.0).collect();
        for (double, big_endian) in [(true, false), (true, true), (false, false), (false, true)] {
            let words = Words { double, big_endian };
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| {
                    let mut bytes = if double {
                        value.to_le_bytes().to_vec()
                    } else {
                        (*value as f32).to_le_bytes().to_vec()
                    };
                    if big_endian {
                        bytes.reverse();
                    }
                    bytes
                })
                .collect();
            assert_eq!(words.read(&mut &bytes[..], values.len(), |at| at).unwrap(), values);
            let last = values.len() - 1;
            let turned = words.read(&mut &bytes[..], values.len(), |at| last - at).unwrap();
            assert_eq!(turned[0], values[last]);
            let short = words.read(&mut &bytes[1..], values.len(), |at| at).unwrap_err();
            assert!(short.contains("ends before"), "{short}");
        }
        let words = Words { double: false, big_endian: false };
        assert!(words.read(&mut io::empty(), MOST_NUMBERS + 1, |at| at).is_err());
    }
}
