//! The keys of a configuration that results depend on, and the differences between two configurations.

use std::collections::BTreeMap;

use rayclip_data::plain_within;
use toml::Table;

use super::RunConfig;
use super::document::leaves;
use super::presets;
use crate::error::RunFolderError;

/// Keys that may differ when a run resumes. If the device differs, the run says so: the CPU backends and a GPU give
/// different bits. Images are identified by their SHA-256, not by their path.
const FREE: [&str; 2] = ["device", "data.source"];

/// The maximum number of characters of a value in a message.
const SHOWN: usize = 80;

/// The maximum number of differences in a message.
const MOST: usize = 12;

/// Dotted keys and their values as TOML.
pub type Settings = BTreeMap<String, String>;

/// Returns every key of `config` that results depend on, with its value.
///
/// # Errors
/// The configuration cannot be written as TOML.
pub fn settings(config: &RunConfig) -> Result<Settings, RunFolderError> {
    let table = Table::try_from(config).map_err(|error| RunFolderError::Encode {
        what: "the configuration",
        reason: error.to_string(),
    })?;
    let all = leaves(&table).into_iter().filter(|(key, _)| !FREE.contains(&key.as_str()));
    Ok(all.map(|(key, value)| (key, value.to_string())).collect())
}

/// Adds the keys of the default preset that `settings` lack: an earlier rayclip did not have them, and its runs did
/// what these values say.
pub fn with_defaults(mut settings: Settings) -> Settings {
    for key in presets::keys().unwrap_or_default() {
        if let (false, Some(value)) = (FREE.contains(&key.as_str()), presets::default_value(&key)) {
            settings.entry(key).or_insert_with(|| value.to_string());
        }
    }
    settings
}

/// A configuration and its name in messages.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// For example `config.toml`.
    pub name: &'a str,
    /// Its keys.
    pub settings: &'a Settings,
}

/// Returns the keys in which two configurations differ, each with both values.
pub fn differences(here: Named<'_>, there: Named<'_>) -> Vec<String> {
    let (own, theirs) = (here.settings, there.settings);
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
        format!("{name} ({own} in {}, {theirs} in {})", here.name, there.name)
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
    use crate::config::presets::{Layers, Setting, resolve};

    fn lines(own: &Settings, theirs: &Settings) -> Vec<String> {
        differences(Named { name: "a", settings: own }, Named { name: "b", settings: theirs })
    }

    fn with(settings: &[&str]) -> Settings {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        super::settings(&resolve(&Layers { settings, ..Layers::default() }).unwrap()).unwrap()
    }

    #[test]
    fn every_key_counts_but_those_that_no_result_depends_on() {
        let own = with(&[]);
        let table: Table =
            include_str!("../../../../assets/presets/corrected.toml").parse().unwrap();
        let keys: Vec<String> = leaves(&table).into_iter().map(|(key, _)| key).collect();
        assert!(keys.len() > 20);
        for key in &keys {
            assert_eq!(own.contains_key(key), !FREE.contains(&key.as_str()), "{key}");
        }
        assert_eq!(lines(&own, &with(&["device=flex", "data.source=elsewhere"])), [""; 0]);
        assert_eq!(lines(&own, &with(&["seed=3"])), ["seed (0 in a, 3 in b)"]);
    }

    #[test]
    fn a_key_that_an_earlier_version_did_not_have_has_its_default() {
        let now = with(&["seed=3"]);
        let mut before = now.clone();
        before.remove("network.name").unwrap();
        assert_eq!(lines(&now, &super::with_defaults(before.clone())), [""; 0]);
        before.remove("seed");
        assert_eq!(lines(&now, &super::with_defaults(before)), ["seed (3 in a, 0 in b)"]);
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
