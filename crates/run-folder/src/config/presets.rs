//! Presets, and how a configuration is put together: the preset, then a file, then flags.

use std::path::Path;

use toml::{Table, Value};

pub use super::document::Setting;

use super::RunConfig;
use super::document::{Document, insert, leaves};
use crate::error::RunFolderError;
use crate::nearest::nearest;

/// Name and content of every preset; the first is the default. One with the key `base` has the values of another
/// preset, except for its own.
pub const PRESETS: [(&str, &str); 8] = [
    ("corrected", include_str!("../../../../assets/presets/corrected.toml")),
    ("paper", include_str!("../../../../assets/presets/paper.toml")),
    ("supplement", include_str!("../../../../assets/presets/supplement.toml")),
    ("cifar10", include_str!("../../../../assets/presets/cifar10.toml")),
    ("recipe-batches", include_str!("../../../../assets/presets/recipe-batches.toml")),
    ("recipe-operations", include_str!("../../../../assets/presets/recipe-operations.toml")),
    ("recipe-parent", include_str!("../../../../assets/presets/recipe-parent.toml")),
    ("recommended", include_str!("../../../../assets/presets/recommended.toml")),
];

/// Keys that rayclip sets when it sees the images.
pub const RESOLVED: [&str; 8] = [
    "network.groups",
    "network.widths",
    "network.digest",
    "network.weights",
    "compression.ladder",
    "compression.training_flops",
    "compression.teacher_flops",
    "compression.teacher_once",
];

/// The key of the methods.
const METHODS: &str = "compression.methods";

/// Returns the names of the presets; the first is the default.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.into_iter().map(|(name, _)| name)
}

/// The parts of a configuration; later parts override earlier ones.
#[derive(Debug, Default)]
pub struct Layers<'a> {
    /// The requested preset. If `None`, the key `preset` of the file counts.
    pub preset: Option<&'a str>,
    /// Defaults of the command. They override the preset, but not the file or the settings. A preset that compares
    /// several methods keeps them, unless the command takes only one.
    pub defaults: Vec<Setting>,
    /// A configuration file.
    pub file: Option<&'a Path>,
    /// Whether the file is that of a run that is resumed: what rayclip resolved with the images then still counts.
    /// Otherwise the keys of [`RESOLVED`] in the file are ignored, and resolved anew.
    pub is_recorded: bool,
    /// Single keys, `a.b = value`, each with its origin. Later ones override earlier ones.
    pub settings: Vec<Setting>,
}

/// Puts a configuration together and validates it.
///
/// # Errors
/// A file cannot be read, a preset or key is unknown (the error has the nearest known one), or a value has the
/// wrong type or is out of range.
pub fn resolve(layers: &Layers<'_>) -> Result<RunConfig, RunFolderError> {
    resolve_document(layers, layers.file.map(Document::read).transpose()?.unwrap_or_default())
}

/// Like [`resolve`], with a file that was already read.
pub(super) fn resolve_document(
    layers: &Layers<'_>,
    document: Document,
) -> Result<RunConfig, RunFolderError> {
    let Layers { preset, defaults, settings, .. } = layers;
    let Document { table: mut file, origin } = document;
    let preset_of_file = file.remove("preset");
    let name = match (*preset, &preset_of_file) {
        (Some(name), Some(Value::String(of_file))) if name != of_file => {
            // The file of a run folder has every key, so its values would override the whole preset.
            let reason =
                format!("--preset says {name}, but the file says {of_file}; leave one of them out");
            return Err(RunFolderError::Value { key: "preset".into(), reason });
        }
        (Some(name), _) => name,
        (None, Some(Value::String(name))) => name,
        (None, Some(_)) => {
            let reason = "expected the name of a preset".into();
            return Err(RunFolderError::Value { key: "preset".into(), reason });
        }
        (None, None) => PRESETS[0].0,
    };
    let mut table = preset_table(name)?;
    let is_comparison = |methods: Option<Value>| {
        methods.is_some_and(|methods| methods.as_array().is_some_and(|all| all.len() > 1))
    };
    let compares = is_comparison(value_in(name, METHODS));
    for setting in defaults {
        if !(compares && setting.key == METHODS && is_comparison(Some(setting.value.clone()))) {
            insert(&mut table, setting)?;
        }
    }
    for (key, value) in leaves(&file) {
        if !layers.is_recorded && RESOLVED.contains(&key.as_str()) {
            continue;
        }
        insert(&mut table, &Setting { key, value, origin: origin.clone() })?;
    }
    for setting in settings {
        if setting.key == "preset" {
            let reason = format!(
                "{} cannot set it; use --preset, or the key preset of a file",
                setting.origin
            );
            return Err(RunFolderError::Value { key: "preset".into(), reason });
        }
        insert(&mut table, setting)?;
    }
    table.insert("preset".into(), Value::String(name.to_owned()));
    let given = leaves(&file).into_iter().map(|(key, _)| (key, origin.as_str()));
    let given: Vec<(String, &str)> =
        given.chain(settings.iter().map(|s| (s.key.clone(), s.origin.as_str()))).collect();
    let of_preset = leaves(&preset_table(name)?);
    let config: RunConfig = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        let default = of_preset.iter().find(|(other, _)| *other == key).map(|(_, value)| value);
        let reason = in_words(error.into_inner().message(), default);
        blame(RunFolderError::Value { key, reason }, &given)
    })?;
    config.validate().map_err(|error| blame(error, &given))?;
    Ok(config)
}

/// Adds to an error where the refused value came from. `given` are the keys with their files and flags; later ones
/// override earlier ones.
fn blame(error: RunFolderError, given: &[(String, &str)]) -> RunFolderError {
    let RunFolderError::Value { key, reason } = error else { return error };
    // An entry of a list has an index after its key.
    let is_of = |of: &str| {
        key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    };
    match given.iter().rev().find(|(of, _)| is_of(of)) {
        Some((_, origin)) => RunFolderError::Setting { key, origin: (*origin).to_owned(), reason },
        None => RunFolderError::Value { key, reason },
    }
}

/// Rewrites a message of serde for users of a configuration file. Adds the value of the preset, or the most similar
/// name.
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

/// Returns the dotted names of all keys but `preset`.
///
/// # Errors
/// A built-in preset is damaged.
pub fn keys() -> Result<Vec<String>, RunFolderError> {
    Ok(leaves(&preset_table(PRESETS[0].0)?).into_iter().map(|(key, _)| key).collect())
}

/// Returns the value of a dotted key in the default preset; `None` if the key is unknown.
pub fn default_value(key: &str) -> Option<Value> {
    value_in(PRESETS[0].0, key)
}

/// Returns the value of a dotted key in a preset; `None` if the key or the preset is unknown.
fn value_in(preset: &str, key: &str) -> Option<Value> {
    let all = leaves(&preset_table(preset).ok()?);
    all.into_iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

/// Returns all values of a preset, as in a configuration file.
///
/// # Errors
/// There is no such preset, or a built-in one is damaged.
pub fn preset_table(name: &str) -> Result<Table, RunFolderError> {
    let (_, text) = PRESETS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
        RunFolderError::UnknownPreset {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })?;
    let mut own: Table = text.parse().map_err(|error: toml::de::Error| RunFolderError::Value {
        key: "preset".into(),
        reason: format!("{name} is not valid TOML: {error}"),
    })?;
    let Some(Value::String(base)) = own.remove("base") else { return Ok(own) };
    let mut table = preset_table(&base)?;
    for (key, value) in leaves(&own) {
        insert(&mut table, &Setting { key, value, origin: name.to_owned() })?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Algorithm, LossKind, Side};

    fn with(settings: &[&str]) -> Result<RunConfig, RunFolderError> {
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
    fn what_another_run_resolved_with_its_images_does_not_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[network]\nname = 'lenet5'\ngroups = ['conv1']\nwidths = [20]\ndigest = 'a'\nweights = 'b'\n\
                    [compression]\ntarget_macs = 0.5\nladder = [[18]]\n";
        std::fs::write(file.path(), text).unwrap();
        let widths = |is_recorded| {
            let layers = Layers { file: Some(file.path()), is_recorded, ..Layers::default() };
            let config = resolve(&layers).unwrap();
            assert_eq!(
                (config.network.name.as_str(), config.compression.target_macs),
                ("lenet5", 0.5)
            );
            assert_eq!(config.network.weights.is_empty(), !is_recorded);
            (config.network.widths, config.compression.ladder)
        };
        assert_eq!([widths(true), widths(false)], [(vec![20], vec![vec![18]]), (vec![], vec![])]);
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
    fn a_preset_that_compares_keeps_its_methods_unless_a_command_takes_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "preset = \"recipe-parent\"").unwrap();
        let methods = |default: &str| {
            let defaults = vec![Setting::parse(&format!("compression.methods={default}")).unwrap()];
            let layers = Layers { defaults, file: Some(file.path()), ..Layers::default() };
            resolve(&layers).unwrap().compression.methods.len()
        };
        assert_eq!([methods("['dtc', 'random']"), methods("['l2']")], [3, 1]);
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
    fn a_default_has_the_type_of_its_key() {
        assert!(default_value("seed").unwrap().is_integer());
        assert!(default_value("compression.lambda").unwrap().is_float());
        assert!(default_value("network.hidden").unwrap().is_array());
        assert_eq!(default_value("compression"), None);
    }

    #[test]
    fn a_setting_without_a_key_is_refused() {
        assert!(Setting::parse("nothing").is_err() && Setting::parse("=3").is_err());
    }
}
