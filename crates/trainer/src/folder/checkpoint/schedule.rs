//! When checkpoints are taken, and how many are kept.

use std::str::FromStr;
use std::time::Duration;

/// How often checkpoints are taken within a cycle. Before and after a clip, there is always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After this many batches.
    Batches(usize),
    /// After the batch in which this much time has passed.
    Time(Duration),
}

impl FromStr for Every {
    type Err = String;

    /// Parses `200`, `200 batches`, `5 minutes` or `5m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let expected = || format!("expected batches or minutes, such as 200 or 5m, found `{text}`");
        let number: u64 = number.parse().map_err(|_| expected())?;
        match unit.trim() {
            _ if number == 0 => Err("expected at least 1".into()),
            "" | "batch" | "batches" => Ok(Self::Batches(number.try_into().unwrap_or(usize::MAX))),
            "m" | "min" | "minute" | "minutes" => {
                Ok(Self::Time(Duration::from_secs(number.saturating_mul(60))))
            }
            _ => Err(expected()),
        }
    }
}

/// When checkpoints are taken, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How often within a cycle.
    pub every: Every,
    /// How many of the latest are kept, at least one.
    pub keep: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { every: Every::Time(Duration::from_mins(5)), keep: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_in_batches_or_minutes() {
        let minutes = |count| Ok(Every::Time(Duration::from_mins(count)));
        assert_eq!("200".parse(), Ok(Every::Batches(200)));
        assert_eq!("200 batches".parse(), Ok(Every::Batches(200)));
        assert_eq!("5m".parse(), minutes(5));
        assert_eq!("1 minute".parse(), minutes(1));
        for wrong in ["", "m", "0", "0m", "-3", "3h", "1.5m"] {
            assert!(wrong.parse::<Every>().is_err(), "{wrong}");
        }
        let huge = "99999999999999999999m".parse::<Every>().unwrap_err();
        assert!(huge.contains("batches or minutes"), "{huge}");
    }
}
