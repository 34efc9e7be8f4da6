//! Parsers of arguments that several commands have.

use std::str::FromStr;

use clap::builder::TypedValueParser;
use rayclip_data::PerChannel;
use rayclip_run_folder::config::DeviceChoice;

use super::DEVICES;

/// A range of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) count: usize,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text;
        let number = |text: &str| {
            let seed = text.trim().parse::<u64>().ok().filter(|seed| i64::try_from(*seed).is_ok());
            seed.ok_or_else(|| {
                let expected = "expected a range of seeds such as 0..20 (0 to 19), 0..=19, or one number";
                let ends: Option<Vec<u64>> =
                    whole.split(['-', ':', ',']).map(|end| end.trim().parse().ok()).collect();
                match ends.as_deref() {
                    Some([first, end]) => format!(
                        "{expected}; did you mean {first}..{end} (without {end}) or {first}..={end} (with it)?"
                    ),
                    _ => expected.to_owned(),
                }
            })
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
            Ok(0) => Err(format!(
                "the range {text} holds no seed; for the seed {first} alone, write {first}"
            )),
            _ => Err("the range holds more than 100000 seeds".into()),
        }
    }
}

/// Parses one seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    const MOST: u64 = i64::MAX as u64;
    if let Ok(seed @ 0..=MOST) = text.parse() {
        return Ok(seed);
    }
    let below = text.strip_prefix('-').is_some_and(|rest| rest.parse::<f64>().is_ok());
    let nearest = if below { "; the nearest is 0" } else { "" };
    Err(format!("expected a whole number from 0 to {MOST}{nearest}"))
}

/// Parses the number of neurons of one hidden layer.
pub(crate) fn width(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| {
        let expected = "expected numbers of neurons separated by commas, such as 512,256";
        let widths: Option<Vec<usize>> = text
            .split(['x', 'X', '×', ';', '-', ' '])
            .map(|part| part.trim().parse().ok())
            .collect();
        match widths {
            Some(widths) => {
                let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
                format!("{expected}; did you mean {}?", widths.join(","))
            }
            None => expected.to_owned(),
        }
    })
}

/// Parses a fraction: at least 0 and below 1.
pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match (text.parse(), percent) {
        (Ok(fraction), _) if (0.0..1.0).contains(&fraction) => Ok(fraction),
        (_, Some(percent)) => Err(format!(
            "expected a fraction, at least 0 and below 1; did you mean {}?",
            percent / 100.0
        )),
        _ => Err("expected a fraction, at least 0 and below 1, such as 0.1".into()),
    }
}

/// Parses a part of a whole: less than all of it, and more than nothing.
pub(crate) fn part(text: &str) -> Result<f64, String> {
    match fraction(text)? {
        0.0 => Err("expected a part above 0 and below 1, such as 0.5".into()),
        part => Ok(part),
    }
}

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("expected a number, at least 1".into()),
    }
}

/// Returns the parser of `--device`.
pub(crate) fn device_choice() -> impl TypedValueParser<Value = DeviceChoice> {
    DEVICES.try_map(|name| device(&name))
}

pub(super) fn device(name: &str) -> Result<DeviceChoice, toml::de::Error> {
    toml::Value::String(name.to_owned()).try_into()
}

/// Parses a number, or one per channel.
pub(crate) fn numbers(text: &str) -> Result<PerChannel, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
    let expected =
        "expected a number, or one per channel separated by commas, such as 0.485,0.456,0.406";
    numbers.map(PerChannel::from).ok_or_else(|| expected.to_owned())
}

/// Reads a positive number.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| "expected a positive number".into())
}

/// Parses a positive number, or one per channel.
pub(crate) fn positive_numbers(text: &str) -> Result<PerChannel, String> {
    let numbers = numbers(text)?;
    if numbers.numbers().iter().all(|number| *number > 0.0) {
        return Ok(numbers);
    }
    Err("expected positive numbers: pixels are divided by them".into())
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
        let meant = seeds("0-5").unwrap_err();
        assert!(meant.contains("0..5 (without 5) or 0..=5 (with it)"), "{meant}");
    }

    #[test]
    fn a_number_is_for_all_channels_or_for_each() {
        assert_eq!(numbers("0.5"), Ok(PerChannel::All(0.5)));
        assert_eq!(numbers("-0.5, 1"), Ok(PerChannel::Each(vec![-0.5, 1.0])));
        for text in ["", "a", "1,,2", "NaN", "1e999"] {
            assert!(numbers(text).unwrap_err().contains("0.485,0.456"), "{text}");
        }
        assert!(positive_numbers("1,0").unwrap_err().contains("positive"));
        assert!(positive_numbers("1,0.1").is_ok());
    }
}
