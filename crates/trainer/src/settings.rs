//! The keys of a configuration that results depend on, and what two configurations differ in.

use std::collections::BTreeMap;

use rayclip_data::plain_within;
use toml::Table;

use crate::presets::leaves;
use crate::{RunConfig, TrainerError};

/// Keys that no result depends on: the CPU backends and a GPU give their own bits, which is told where a run
/// is resumed; images are known by their SHA-256, wherever they lie.
const FREE: [&str; 2] = ["device", "data.source"];

/// Characters of a value that a message shows.
const SHOWN: usize = 80;

/// Differences that a message names.
const MOST: usize = 12;

/// Dotted keys and their values as TOML.
pub(crate) type Settings = BTreeMap<String, String>;

/// Every key of `config` that results depend on.
///
/// # Errors
/// The configuration cannot be written as TOML.
pub(crate) fn settings(config: &RunConfig) -> Result<Settings, TrainerError> {
    let table = Table::try_from(config).map_err(|error| TrainerError::Encode {
        what: "the configuration",
        reason: error.to_string(),
    })?;
    let all = leaves(&table).into_iter().filter(|(key, _)| !FREE.contains(&key.as_str()));
    Ok(all.map(|(key, value)| (key, value.to_string())).collect())
}

/// What two configurations differ in, each with its name: every key with both values.
pub(crate) fn differences(
    (here, own): (&str, &Settings),
    (there, theirs): (&str, &Settings),
) -> Vec<String> {
    let shown = |value: Option<&String>| {
        value.map_or("none".to_owned(), |value| plain_within(value, SHOWN))
    };
    let mut keys: Vec<&String> = own.keys().chain(theirs.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| own.get(*key) != theirs.get(*key));
    let line = |key: &&String| {
        let name = plain_within(key, SHOWN);
        let (own, theirs) = (shown(own.get(*key)), shown(theirs.get(*key)));
        format!("{name} ({own} in {here}, {theirs} in {there})")
    };
    let mut lines: Vec<String> = keys.iter().take(MOST).map(line).collect();
    if keys.len() > MOST {
        lines.push(format!("{} more", keys.len() - MOST));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, Setting, resolve};

    fn lines(own: &Settings, theirs: &Settings) -> Vec<String> {
        differences(("a", own), ("b", theirs))
    }

    fn with(settings: &[&str]) -> Settings {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        super::settings(&resolve(&Layers { settings, ..Layers::default() }).unwrap()).unwrap()
    }

    #[test]
    fn every_key_counts_but_those_that_no_result_depends_on() {
        let own = with(&[]);
        let table: Table = include_str!("../../../assets/presets/corrected.toml").parse().unwrap();
        let keys: Vec<String> = leaves(&table).into_iter().map(|(key, _)| key).collect();
        assert!(keys.len() > 20);
        for key in &keys {
            assert_eq!(own.contains_key(key), !FREE.contains(&key.as_str()), "{key}");
        }
        assert_eq!(lines(&own, &with(&["device=flex", "data.source=elsewhere"])), [""; 0]);
        assert_eq!(lines(&own, &with(&["seed=3"])), ["seed (0 in a, 3 in b)"]);
    }

    #[test]
    fn differences_are_shown_in_full_and_as_text() {
        let own = Settings::from([("a".into(), "1".into()), ("b".into(), "\"x\"".into())]);
        let theirs = Settings::from([
            ("b".into(), format!("\"\u{1b}[2J\n{}\"", "y".repeat(1 << 20))),
            ("c".into(), "[1, 2]".into()),
        ]);
        let all = lines(&own, &theirs);
        assert_eq!(all[0], "a (1 in a, none in b)");
        assert!(all[1].starts_with("b (\"x\" in a, \"\u{fffd}[2J\u{fffd}y"), "{}", all[1]);
        assert!(all[1].chars().count() < 120, "{}", all[1]);
        assert_eq!(all[2], "c (none in a, [1, 2] in b)");
        let many = (0..100).map(|n| (format!("{n:03}"), String::new())).collect();
        assert_eq!(lines(&many, &Settings::new()).last().unwrap(), "88 more");
    }
}
