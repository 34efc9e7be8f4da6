//! Presets and how a configuration is put together: preset, then file, then flags.

use std::path::Path;

use rayclip_data::plain;
use toml::{Table, Value};

use crate::{RunConfig, TrainerError, nearest};

/// Name and content of every preset; the first is the default.
const PRESETS: [(&str, &str); 3] = [
    ("corrected", include_str!("../../../assets/presets/corrected.toml")),
    ("paper", include_str!("../../../assets/presets/paper.toml")),
    ("supplement", include_str!("../../../assets/presets/supplement.toml")),
];

/// Names of the presets; the first is the default.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.into_iter().map(|(name, _)| name)
}

/// What a configuration is made of, besides the preset's defaults.
#[derive(Debug, Default)]
pub struct Layers<'a> {
    /// The preset asked for; a file's key `preset` counts where this is `None`.
    pub preset: Option<&'a str>,
    /// What the command prefers to the preset, where neither a file nor a setting says otherwise.
    pub defaults: Vec<Setting>,
    /// A configuration file.
    pub file: Option<&'a Path>,
    /// Single keys, `a.b = value`, later ones over earlier ones; each with where it came from.
    pub settings: Vec<Setting>,
}

/// One key that is set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Dotted, for example `training.batch_size`.
    pub key: String,
    /// The value.
    pub value: Value,
    /// For messages, for example `--hidden`.
    pub origin: String,
}

impl Setting {
    /// Reads `key=value`; a value that is not TOML is taken as a string.
    ///
    /// # Errors
    /// There is no `=`, or nothing before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| format!("`{text}` is not of the form key=value"))?;
        let value = value.trim();
        let value =
            value.parse::<Value>().unwrap_or_else(|_| Value::String(value.trim().to_owned()));
        Ok(Self { key: key.trim().to_owned(), value, origin: "--set".into() })
    }
}

/// Puts a configuration together and checks it.
///
/// # Errors
/// A file that cannot be read, an unknown preset or key (with the nearest known one), a value of the
/// wrong type or out of range.
pub fn resolve(layers: &Layers<'_>) -> Result<RunConfig, TrainerError> {
    let file = layers.file.map(read_table).transpose()?.unwrap_or_default();
    let origin = layers.file.map(|path| path.display().to_string()).unwrap_or_default();
    resolve_table((layers.preset, &layers.defaults), (file, &origin), &layers.settings)
}

/// As [`resolve`], with the content of a file; `origin` is what messages call it.
pub(crate) fn resolve_table(
    (preset, defaults): (Option<&str>, &[Setting]),
    (mut file, origin): (Table, &str),
    settings: &[Setting],
) -> Result<RunConfig, TrainerError> {
    let preset_of_file = file.remove("preset");
    let name = match (preset, &preset_of_file) {
        (Some(name), Some(Value::String(of_file))) if name != of_file => {
            // A run folder's file holds every key: its values would win over the preset's.
            let reason =
                format!("{name} was asked for, but the file says {of_file}; leave one of them out");
            return Err(TrainerError::Value { key: "preset".into(), reason });
        }
        (Some(name), _) => name,
        (None, Some(Value::String(name))) => name,
        (None, Some(_)) => {
            let reason = "expected the name of a preset".into();
            return Err(TrainerError::Value { key: "preset".into(), reason });
        }
        (None, None) => PRESETS[0].0,
    };
    let mut table = preset_table(name)?;
    for setting in defaults {
        insert(&mut table, setting)?;
    }
    for (key, value) in leaves(&file) {
        insert(&mut table, &Setting { key, value, origin: origin.to_owned() })?;
    }
    for setting in settings {
        if setting.key == "preset" {
            let reason = format!("{} cannot change it; --preset or a file can", setting.origin);
            return Err(TrainerError::Value { key: "preset".into(), reason });
        }
        insert(&mut table, setting)?;
    }
    table.insert("preset".into(), Value::String(name.to_owned()));
    let given = leaves(&file).into_iter().map(|(key, _)| (key, origin));
    let given: Vec<(String, &str)> =
        given.chain(settings.iter().map(|s| (s.key.clone(), s.origin.as_str()))).collect();
    let of_preset = leaves(&preset_table(name)?);
    let config: RunConfig = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        let default = of_preset.iter().find(|(other, _)| *other == key).map(|(_, value)| value);
        let reason = in_words(error.into_inner().message(), default);
        blame(TrainerError::Value { key, reason }, &given)
    })?;
    config.validate().map_err(|error| blame(error, &given))?;
    Ok(config)
}

/// Names who gave a key the value that is refused; `given` are the keys with their files and flags, later
/// ones over earlier ones.
fn blame(error: TrainerError, given: &[(String, &str)]) -> TrainerError {
    let TrainerError::Value { key, reason } = error else { return error };
    // An entry of a list has a number after its key.
    let is_of = |of: &str| {
        key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    };
    match given.iter().rev().find(|(of, _)| is_of(of)) {
        Some((_, origin)) => TrainerError::Setting { key, origin: (*origin).to_owned(), reason },
        None => TrainerError::Value { key, reason },
    }
}

/// What serde says of a value, in the words of a configuration file; with what the preset has, or the name
/// that was meant.
fn in_words(message: &str, default: Option<&Value>) -> String {
    let types = [
        ("f64", "a number"),
        ("usize", "a whole number that is not negative"),
        ("u64", "a whole number that is not negative"),
        ("a boolean", "true or false"),
        ("a sequence", "a list in brackets"),
        ("a string", "a text in quotes"),
    ];
    let split = message.split_once(": ").and_then(|(kind, rest)| {
        let (found, expected) = rest.split_once(", expected ")?;
        kind.starts_with("invalid").then_some((found, expected))
    });
    if let Some((found, expected)) = split {
        let expected = types.iter().find(|(name, _)| *name == expected).map_or(expected, |t| t.1);
        let default = default.map(|value| format!("; the preset has {value}")).unwrap_or_default();
        return format!("expected {expected}, found {found}{default}");
    }
    // "unknown variant `x`, expected `y` or `z`"
    let mut names = message.split('`').skip(1).step_by(2);
    let found = names.next().unwrap_or_default().to_owned();
    let nearest =
        if message.starts_with("unknown variant") { nearest(&found, names) } else { None };
    let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("{message}{nearest}")
}

/// Dotted names of all keys but `preset`.
///
/// # Errors
/// A preset that was built in is damaged.
pub fn keys() -> Result<Vec<String>, TrainerError> {
    Ok(leaves(&preset_table(PRESETS[0].0)?).into_iter().map(|(key, _)| key).collect())
}

fn preset_table(name: &str) -> Result<Table, TrainerError> {
    let (_, text) = PRESETS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
        TrainerError::UnknownPreset {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })?;
    text.parse().map_err(|error: toml::de::Error| TrainerError::Value {
        key: "preset".into(),
        reason: format!("{name} is not valid TOML: {error}"),
    })
}

/// The most bytes of a configuration file; a whole one has two thousand. Dotted keys are longer together
/// than the file: as the square of its length at worst.
const MOST_BYTES: u64 = 1 << 16;

pub(crate) fn read_table(path: &Path) -> Result<Table, TrainerError> {
    let bytes = rayclip_data::read_whole(path, MOST_BYTES);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    let text = text.map_err(|source| TrainerError::Io {
        action: "read the configuration",
        path: path.to_path_buf(),
        source,
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().and_then(|span| place(&text, span.start));
        let reason = plain(error.message());
        let reason = at.map_or(reason.clone(), |(line, column)| {
            format!("line {line}, column {column}: {reason}")
        });
        TrainerError::Syntax { path: path.to_path_buf(), reason }
    })
}

/// Line and column of a byte of a text, both from 1 on.
fn place(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.rsplit('\n').next().unwrap_or(before);
    Some((before.matches('\n').count() + 1, line.chars().count() + 1))
}

/// Dotted keys and values of a table.
pub(crate) fn leaves(table: &Table) -> Vec<(String, Value)> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Table(inner) if !inner.is_empty() => leaves(inner)
                .into_iter()
                .map(|(rest, value)| (format!("{key}.{rest}"), value))
                .collect(),
            value => vec![(key.clone(), value.clone())],
        })
        .collect()
}

/// Sets one key, which the table must have.
fn insert(table: &mut Table, setting: &Setting) -> Result<(), TrainerError> {
    if setting.value.as_table().is_some_and(Table::is_empty)
        && table.get(&setting.key).is_some_and(Value::is_table)
    {
        return Ok(());
    }
    if let Some(value) = leaf_mut(table, &setting.key) {
        *value = setting.value.clone();
        return Ok(());
    }
    let nearest = leaves(table)
        .into_iter()
        .map(|(key, _)| (strsim::jaro_winkler(&short(&key), &short(&setting.key)), key))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
        .unwrap_or_default();
    let (key, origin) = (setting.key.clone(), setting.origin.clone());
    Err(TrainerError::UnknownKey { key, nearest, origin })
}

/// The value of a dotted key; nothing where there is none, or a section.
fn leaf_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    if let Some((section, rest)) = key.split_once('.') {
        return leaf_mut(table.get_mut(section)?.as_table_mut()?, rest);
    }
    table.get_mut(key).filter(|value| value.as_table().is_none_or(Table::is_empty))
}

/// What follows the last dot: sections are often left out or wrong.
fn short(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Algorithm, LossKind, Side};

    fn with(settings: &[&str]) -> Result<RunConfig, TrainerError> {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() })
    }

    #[test]
    fn every_preset_is_complete_and_valid() {
        for name in names() {
            let layers = Layers { preset: Some(name), ..Layers::default() };
            assert_eq!(resolve(&layers).unwrap().preset, name);
        }
        let layers = Layers { preset: Some("supplement"), ..Layers::default() };
        let supplement = resolve(&layers).unwrap();
        assert_eq!(supplement.training.loss, LossKind::BatchAxis);
        assert_eq!(supplement.compression.clip, Side::Largest);
    }

    #[test]
    fn a_resolved_configuration_resolves_to_itself() {
        let config = with(&["network.hidden=[64, 32]", "compression.methods=['l2']"]).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), toml::to_string(&config).unwrap()).unwrap();
        let again = resolve(&Layers { file: Some(file.path()), ..Layers::default() }).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn a_commands_default_yields_to_everything_but_the_preset() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let resolved = |text: &str, settings: &[&str]| {
            std::fs::write(file.path(), text).unwrap();
            let parse = |text: &&str| Setting::parse(text).unwrap();
            let layers = Layers {
                defaults: vec![parse(&"seed=5")],
                file: Some(file.path()),
                settings: settings.iter().map(parse).collect(),
                ..Layers::default()
            };
            resolve(&layers).unwrap().seed
        };
        assert_eq!(
            [resolved("", &[]), resolved("seed = 6", &[]), resolved("", &["seed=7"])],
            [5, 6, 7]
        );
    }

    #[test]
    fn later_layers_win() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "preset = \"paper\"\nseed = 4\n[solver]\nalgorithm = \"fista\"\n",
        )
        .unwrap();
        let settings = vec![Setting::parse("seed=9").unwrap()];
        let config =
            resolve(&Layers { file: Some(file.path()), settings, ..Layers::default() }).unwrap();
        assert_eq!((config.preset.as_str(), config.seed), ("paper", 9));
        assert_eq!(config.solver.algorithm, Algorithm::Fista);
    }

    #[test]
    fn says_which_key_is_wrong_and_what_was_meant() {
        let cases: [(&str, &[&str]); 13] = [
            ("preset=paper", &["preset", "--preset"]),
            ("training.batchsize=3", &["training.batchsize", "training.batch_size", "--set"]),
            ("lamda=3", &["lamda", "compression.lambda"]),
            ("training=3", &["unknown key `training`"]),
            (
                "training.batch_size=many",
                &["--set: ", "`training.batch_size`", "whole number", "\"many\"", "has 512"],
            ),
            ("training.moments=forget", &["training.moments", "forget", "carry"]),
            ("training.moments=rest", &["--set: ", "`carry` or `reset`", "did you mean `reset`?"]),
            ("compression.keep=abc", &["--set: ", "`compression.keep`", "a number", "has 0.9"]),
            ("seed=-1", &["--set: ", "`seed`", "not negative", "-1"]),
            ("training.batch_size=0", &["training.batch_size", "at least 1"]),
            ("network.hidden=[512, 0]", &["network.hidden", "at least 1"]),
            ("network.hidden=[8]", &["nothing to compress", "min_width"]),
            ("compression.keep=1.5", &["--set: ", "`compression.keep`", "between 0 and 1"]),
        ];
        for (setting, parts) in cases {
            let message = with(&[setting]).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{setting}: {message}");
            }
        }
    }

    #[test]
    fn a_file_that_contradicts_the_flag_or_has_an_unknown_section_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = |preset, text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let layers = Layers { preset, file: Some(file.path()), ..Layers::default() };
            resolve(&layers).map(|_| ()).map_err(|error| error.to_string())
        };
        let message = refused(Some("paper"), "preset = \"supplement\"").unwrap_err();
        assert!(message.contains("paper") && message.contains("supplement"), "{message}");
        assert!(refused(None, "[compresion]").unwrap_err().contains("compresion"));
        assert!(refused(Some("paper"), "preset = \"paper\"\n[compression]").is_ok());
    }

    #[test]
    fn a_setting_without_a_key_is_refused() {
        assert!(Setting::parse("nothing").is_err() && Setting::parse("=3").is_err());
    }
}
