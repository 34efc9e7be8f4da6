//! A number for all channels of images, or one for each.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number for all channels, or one for each. In files and metadata, it is a number or a list.
///
/// An image with height and width has one number per channel, and a vector one for each of its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list with one number per channel")]
pub enum PerChannel {
    /// The number of all channels.
    All(f64),
    /// The number of each channel.
    Each(Vec<f64>),
}

impl PerChannel {
    /// Returns the numbers: one, or as many as there are channels.
    pub fn numbers(&self) -> &[f64] {
        match self {
            Self::All(number) => std::slice::from_ref(number),
            Self::Each(numbers) => numbers,
        }
    }

    /// Returns whether it can be used for images with this many channels.
    pub fn fits(&self, channels: usize) -> bool {
        match self {
            Self::All(_) => true,
            Self::Each(numbers) => numbers.len() == channels,
        }
    }
}

impl From<f64> for PerChannel {
    fn from(number: f64) -> Self {
        Self::All(number)
    }
}

impl From<Vec<f64>> for PerChannel {
    /// One channel needs no list.
    fn from(numbers: Vec<f64>) -> Self {
        if let [number] = numbers[..] { Self::All(number) } else { Self::Each(numbers) }
    }
}

impl Display for PerChannel {
    /// Writes it as JSON, with as many digits as the numbers need.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(number) => write!(f, "{number:?}"),
            Self::Each(numbers) => write!(f, "{numbers:?}"),
        }
    }
}

impl FromStr for PerChannel {
    type Err = ();

    /// Reads what [`Display`] writes, to the bit.
    fn from_str(text: &str) -> Result<Self, ()> {
        let list = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let number = |text: &str| match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(()),
        };
        match list {
            None => number(text).map(Self::All),
            Some(list) => list.split(',').map(number).collect::<Result<_, _>>().map(Self::Each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_a_number_in_files() {
        for (text, numbers) in [("0.1307", &[0.1307][..]), ("[0.5, 0.25]", &[0.5, 0.25])] {
            let read: PerChannel = serde_json::from_str(text).unwrap();
            assert_eq!((read.numbers(), read.to_string()), (numbers, text.to_owned()));
        }
        assert_eq!(serde_json::to_string(&PerChannel::All(0.5)).unwrap(), "0.5");
        assert_eq!(PerChannel::from(vec![0.5]), PerChannel::All(0.5));
        // JSON is read with an error in the last digit.
        for numbers in [PerChannel::All(0.1 + 0.2), PerChannel::Each(vec![0.41 + 1e-16, 1e-300])] {
            assert_eq!(numbers.to_string().parse(), Ok(numbers));
        }
        assert!(
            ["", "[", "[]", "a", "[1, b]", "1e999"]
                .iter()
                .all(|text| text.parse::<PerChannel>().is_err())
        );
        let refused = serde_json::from_str::<PerChannel>("\"many\"").unwrap_err().to_string();
        assert!(refused.contains("a list with one number per channel"), "{refused}");
    }
}
