//! The settings of a run: which of them have an effect, and the command that repeats the run.

use std::collections::BTreeMap;

use rayclip_run_folder::config::{Algorithm, CountKind, DeviceChoice, Measured, Normalization};
use rayclip_run_folder::presets::{RESOLVED, preset_table};
use rayclip_run_folder::{Method, RunConfig};
use toml::{Table, Value};

use crate::read::run::Run;

/// Returns all settings by their dotted keys.
pub(crate) fn values(config: &Table) -> BTreeMap<String, &Value> {
    let sections = config.iter().flat_map(|(key, value)| match value {
        Value::Table(inner) => {
            inner.iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect()
        }
        value => vec![(key.clone(), value)],
    });
    sections.collect()
}

/// Returns whether a setting has any effect on a run. Unknown keys count as having an effect, and so do all keys of
/// an incomplete configuration.
pub(crate) fn has_effect(run: &Run, key: &str) -> bool {
    let Some(settings) = &run.settings else { return true };
    let methods = &settings.compression.methods;
    let any = |some: &[Method]| methods.iter().any(|method| some.contains(method));
    let dtc = methods.iter().any(|method| method.is_dtc());
    let clips = methods.iter().any(|method| !method.is_from_scratch());
    let solves = dtc || any(&[Method::DataLasso]);
    match key {
        "data.mean" | "data.deviation" => settings.data.normalization == Normalization::Fixed,
        "training.moments"
        | "compression.clip"
        | "compression.merge"
        | "compression.compensate"
        | "compression.rescale" => clips,
        "training.temperature" => settings.training.distillation > 0.0,
        "compression.domain" => methods.iter().any(|m| matches!(m, Method::Dtc(None, ..))),
        "compression.reduction" => methods.iter().any(|m| matches!(m, Method::Dtc(_, None, _))),
        "measurement.of" => methods.iter().any(|m| matches!(m, Method::Dtc(_, _, None))),
        "compression.lambda" | "measurement.matrix" | "measurement.count" => dtc,
        "measurement.ratio" => dtc && settings.measurement.count == CountKind::Rounded,
        "compression.calibration_batches" => {
            any(&[Method::Taylor, Method::Activation, Method::DataLasso])
                || methods
                    .iter()
                    .any(|method| settings.measured_by(*method) == Some(Measured::Activations))
                || (settings.compression.repairs() && clips)
        }
        "compression.scratch_at"
        | "compression.budget"
        | "compression.training_flops"
        | "compression.teacher_flops"
        | "compression.teacher_once" => methods.iter().any(|method| method.is_from_scratch()),
        "solver.algorithm" | "solver.tolerance" => solves,
        "solver.max_iterations" => solves && !is_exact(settings),
        _ => true,
    }
}

/// Returns whether the solver's algorithm needs no iteration limit. On a CPU, `auto` chooses an exact algorithm.
fn is_exact(settings: &RunConfig) -> bool {
    match settings.solver.algorithm {
        Algorithm::Homotopy | Algorithm::Ssnal => true,
        Algorithm::Auto => matches!(settings.device, DeviceChoice::Flex | DeviceChoice::Ndarray),
        Algorithm::Descent | Algorithm::Halpern | Algorithm::Fista => false,
    }
}

/// Returns the command that repeats a run, quoted for a shell, with what differs from its preset. Returns `None` if
/// the configuration does not say enough.
pub(crate) fn command(run: &Run) -> Option<String> {
    let settings = run.settings.as_ref()?;
    let RunConfig { preset: name, seed, replicas, .. } = settings;
    let preset = preset_table(name).ok()?;
    let (own, defaults) = (values(&run.config), values(&preset));
    let methods: Vec<String> =
        settings.compression.methods.iter().map(ToString::to_string).collect();
    let mut words: Vec<String> = vec!["rayclip".into()];
    if let [method] = methods.as_slice() {
        words.extend(["run", "--preset", name, "--method", method].map(str::to_owned));
        words.extend(["--seed".to_owned(), seed.to_string()]);
        if *replicas > 1 {
            words.extend(["--replicas".to_owned(), replicas.to_string()]);
        }
    } else {
        words.extend(["compare", "--preset", name, "--methods"].map(str::to_owned));
        words.push(methods.join(","));
        let end = seed.checked_add(*replicas as u64)?;
        words.extend(["--seeds".to_owned(), format!("{seed}..{end}")]);
    }
    words.extend(["--data".to_owned(), settings.data.source.clone()]);
    let said = ["preset", "seed", "replicas", "compression.methods", "data.source"];
    let said = [&said[..], &RESOLVED].concat();
    for (key, value) in own.iter().filter(|(key, _)| !said.contains(&key.as_str())) {
        let is_default = defaults.get(key) == Some(value) || is_auto(run, key, &defaults);
        if !is_default {
            words.extend(flag(key, value));
        }
    }
    let command: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    // A terminal into which the command is pasted would obey a control character.
    Some(command.join(" ")).filter(|command| !command.contains(char::is_control))
}

/// Returns whether a key has the value that the preset's `auto` means for images with rows and columns.
fn is_auto(run: &Run, key: &str, defaults: &BTreeMap<String, &Value>) -> bool {
    let is_auto = defaults.get(key).and_then(|value| value.as_str()) == Some("auto");
    let is_image = run.data.image_shape.as_ref().is_some_and(|shape| shape.len() > 1);
    let normalization = run.settings.as_ref().map(|settings| settings.data.normalization);
    key == "data.normalization"
        && is_auto
        && is_image
        && normalization == Some(Normalization::TrainingPixels)
}

/// Returns the flag that sets a key.
fn flag(key: &str, value: &Value) -> [String; 2] {
    match (key, value) {
        ("network.hidden", Value::Array(widths)) => {
            let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
            ["--hidden".into(), widths.join(",")]
        }
        ("network.name", Value::String(name)) => ["--network".into(), name.clone()],
        ("device", Value::String(device)) => ["--device".into(), device.clone()],
        (key, Value::String(text)) if is_plain(text) => ["--set".into(), format!("{key}={text}")],
        (key, value) => ["--set".into(), format!("{key}={value}")],
    }
}

/// Returns whether a text is a word that TOML cannot read as another type, as names of settings are.
fn is_plain(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_word)
        && !["true", "false", "inf", "nan"].contains(&text)
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::presets::{self, PRESETS};

    use super::*;
    use crate::read::sample::run_of;

    /// Returns a run of a preset, with some lines replaced.
    fn run(changes: &[(&str, &str)]) -> Run {
        let mut text = format!("preset = \"corrected\"\n{}", PRESETS[0].1);
        for (line, own) in changes {
            let begin = text.find(&format!("\n{line} = ")).unwrap() + 1;
            let end = begin + text[begin..].find('\n').unwrap();
            text.replace_range(begin..end, own);
        }
        of(&text)
    }

    /// Returns a run whose configuration file is this text.
    fn of(text: &str) -> Run {
        let file = rayclip_run_folder::read::config(text.as_bytes()).unwrap();
        Run { config: file.table, settings: file.config, ..run_of(vec![]) }
    }

    #[test]
    fn the_command_has_what_differs_from_the_preset() {
        assert_eq!(
            command(&run(&[])).unwrap(),
            "rayclip run --preset corrected --method dtc --seed 0 --data digits"
        );
        let many = run(&[
            ("seed", "seed = 3"),
            ("replicas", "replicas = 4"),
            ("device", "device = \"flex\""),
            ("source", "source = \"my data/it's\""),
            ("hidden", "hidden = [24, 12]"),
            ("loss", "loss = \"batch-axis\""),
            ("learning_rate", "learning_rate = 0.0025"),
            ("scratch_at", "scratch_at = [31, 20]"),
            ("methods", "methods = [\"dtc-l1\", \"scratch\"]"),
        ]);
        assert_eq!(
            command(&many).unwrap(),
            r"rayclip compare --preset corrected --methods dtc-l1,scratch --seeds 3..7 --data 'my data/it'\''s' --set 'compression.scratch_at=[31, 20]' --device flex --hidden 24,12 --set training.learning_rate=0.0025 --set training.loss=batch-axis"
        );
        let resolved = run(&[("normalization", "normalization = \"training-pixels\"")]);
        assert_eq!(command(&resolved), command(&run(&[])));
        let own = run(&[("normalization", "normalization = \"channels\"")]);
        assert!(command(&own).unwrap().ends_with(" --set data.normalization=channels"));
        assert_eq!(command(&run(&[("source", "source = \"a\\nb\"")])), None);
        assert_eq!(command(&run_of(vec![])), None);
    }

    #[test]
    fn settings_of_what_is_not_done_have_no_effect() {
        let without = |run: &Run| -> Vec<String> {
            let all = values(&run.config).into_keys();
            all.filter(|key| !has_effect(run, key)).collect()
        };
        let l2 = run(&[("methods", "methods = [\"l2\"]")]);
        let expected = [
            "compression.budget",
            "compression.calibration_batches",
            "compression.domain",
            "compression.lambda",
            "compression.reduction",
            "compression.scratch_at",
            "compression.teacher_flops",
            "compression.teacher_once",
            "compression.training_flops",
            "data.deviation",
            "data.mean",
            "measurement.count",
            "measurement.matrix",
            "measurement.of",
            "measurement.ratio",
            "solver.algorithm",
            "solver.max_iterations",
            "solver.tolerance",
            "training.temperature",
        ];
        assert_eq!(without(&l2), expected);
        let all = run(&[
            ("methods", "methods = [\"dtc\", \"taylor\", \"scratch\"]"),
            ("normalization", "normalization = \"fixed\""),
            ("distillation", "distillation = 0.5"),
        ]);
        assert_eq!(without(&all), [""; 0]);
        let exact = run(&[
            ("methods", "methods = [\"dtc-coefficient\", \"dtc-neuron-l1\"]"),
            ("device", "device = \"flex\""),
            ("count", "count = \"supplement\""),
        ]);
        let expected = [
            "compression.budget",
            "compression.calibration_batches",
            "compression.domain",
            "compression.scratch_at",
            "compression.teacher_flops",
            "compression.teacher_once",
            "compression.training_flops",
            "data.deviation",
            "data.mean",
            "measurement.ratio",
            "solver.max_iterations",
            "training.temperature",
        ];
        assert_eq!(without(&exact), expected);
        assert_eq!(without(&of("a = 1\n[compression]\nlambda = 2")), [""; 0]);
    }

    #[test]
    fn what_is_resolved_with_the_images_is_not_asked_for() {
        let text = PRESETS[0].1.replace("name = \"mlp\"", "name = \"lenet5\"");
        let text = text
            .replace("groups = []", "groups = [\"conv1\"]")
            .replace("widths = []", "widths = [20]");
        let text = text
            .replace("ladder = []", "ladder = [[18]]")
            .replace("target_macs = 0.0", "target_macs = 0.5");
        let command = command(&of(&format!("preset = \"corrected\"\n{text}"))).unwrap();
        assert!(
            command.ends_with(" --set compression.target_macs=0.5 --network lenet5"),
            "{command}"
        );
    }

    #[test]
    fn every_preset_is_known() {
        for name in presets::names() {
            let text = preset_table(name).unwrap().to_string();
            let command = command(&of(&format!("preset = \"{name}\"\n{text}"))).unwrap();
            let (method, data) = if name == "cifar10" { ("l2", name) } else { ("dtc", "digits") };
            let compared =
                |methods| format!("compare --preset {name} --methods {methods} --seeds 0..1");
            let expected = match name {
                "recommended" => compared("l2,scratch"),
                _ if name.starts_with("recipe-") => compared("l2,random,scratch"),
                _ => format!("run --preset {name} --method {method} --seed 0"),
            };
            assert_eq!(command, format!("rayclip {expected} --data {data}"));
        }
    }
}
