//! Values of arguments that several commands take.

use std::str::FromStr;

use rayclip_trainer::config::DeviceChoice;

/// A range of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: usize,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let seed = text.trim().parse::<u64>().ok().filter(|seed| i64::try_from(*seed).is_ok());
            seed.ok_or_else(|| "expected a range of seeds such as 0..20".to_owned())
        };
        let (first, end) = match text.split_once("..") {
            None => (number(text)?, number(text)? + 1),
            Some((first, last)) => match last.strip_prefix('=') {
                Some(last) => (number(first)?, number(last)? + 1),
                None => (number(first)?, number(last)?),
            },
        };
        match usize::try_from(end.saturating_sub(first)) {
            Ok(count @ 1..=100_000) => Ok(Self { first, count }),
            Ok(0) => Err(format!("the range holds no seed: {first}..{end} ends before it begins")),
            _ => Err("the range holds more than 100000 seeds".into()),
        }
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("expected a number, at least 1".into()),
    }
}

pub(crate) fn device_choice(name: &str) -> Result<DeviceChoice, String> {
    let value = toml::Value::String(name.to_owned());
    value.try_into().map_err(|_| "there are auto, wgpu, ndarray, flex and cuda".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| (seeds.first, seeds.count));
        assert_eq!(seeds("0..20"), Ok((0, 20)));
        assert_eq!(seeds("3..=5"), Ok((3, 3)));
        assert_eq!(seeds("7"), Ok((7, 1)));
        assert!(seeds("5..5").unwrap_err().contains("no seed"));
        assert!(seeds("5..2").unwrap_err().contains("no seed"));
        assert!(seeds("a..b").unwrap_err().contains("0..20"));
    }
}
