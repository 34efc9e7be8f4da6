//! The settings of a run: which have an effect, and the command that repeats it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::Run;

/// The presets, which hold every default.
const PRESETS: [(&str, &str); 3] = [
    ("corrected", include_str!("../../../assets/presets/corrected.toml")),
    ("paper", include_str!("../../../assets/presets/paper.toml")),
    ("supplement", include_str!("../../../assets/presets/supplement.toml")),
];

/// All settings by their dotted keys.
pub(crate) fn values(config: &Table) -> BTreeMap<String, &Value> {
    let sections = config.iter().flat_map(|(key, value)| match value {
        Value::Table(inner) => {
            inner.iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect()
        }
        value => vec![(key.clone(), value)],
    });
    sections.collect()
}

/// Whether anything in a run depends on a setting; a key that is not known has an effect.
pub(crate) fn has_effect(run: &Run, key: &str) -> bool {
    let text = |section: &str, key: &str| run.setting(section, key).and_then(Value::as_str);
    let is = |section: &str, key: &str, value: &str| text(section, key) == Some(value);
    let methods = methods(run);
    let any = |names: &[&str]| methods.iter().any(|method| names.contains(method));
    let dtc = || methods.iter().filter(|method| method.split('-').next() == Some("dtc"));
    let lacks =
        |parts: &[&str]| dtc().any(|name| !name.split('-').any(|part| parts.contains(&part)));
    let clips = methods.iter().any(|method| *method != "scratch");
    let solves = dtc().next().is_some() || any(&["data-lasso"]);
    let compensates =
        run.setting("compression", "compensate").and_then(Value::as_bool).unwrap_or(false);
    match key {
        _ if methods.is_empty() => true,
        "data.mean" | "data.deviation" => is("data", "normalization", "fixed"),
        "training.moments" | "compression.clip" | "compression.compensate" => clips,
        "compression.domain" => lacks(&["neuron", "coefficient"]),
        "compression.reduction" => lacks(&["signed", "l1", "l2"]),
        "compression.lambda" | "measurement.matrix" | "measurement.count" => dtc().next().is_some(),
        "measurement.ratio" => dtc().next().is_some() && is("measurement", "count", "rounded"),
        "compression.calibration_batches" => {
            any(&["taylor", "activation", "data-lasso"]) || (compensates && clips)
        }
        "compression.scratch_at" => any(&["scratch"]),
        "solver.algorithm" | "solver.tolerance" => solves,
        "solver.max_iterations" => {
            let on_cpu = ["flex", "ndarray"]
                .map(Some)
                .contains(&run.config.get("device").and_then(Value::as_str));
            let algorithm = text("solver", "algorithm");
            // Of itself a CPU takes an algorithm that is exact.
            let is_exact = algorithm == Some("homotopy")
                || algorithm == Some("ssnal")
                || (algorithm == Some("auto") && on_cpu);
            solves && !is_exact
        }
        _ => true,
    }
}

fn methods(run: &Run) -> Vec<&str> {
    let named = run.setting("compression", "methods").and_then(Value::as_array);
    named.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The command that repeats a run, in words of a shell: what it has beyond its preset. Nothing where the
/// configuration does not tell.
pub(crate) fn command(run: &Run) -> Option<String> {
    let name = run.config.get("preset")?.as_str()?;
    let (_, preset) = PRESETS.iter().find(|(known, _)| *known == name)?;
    let preset: Table = preset.parse().ok()?;
    let (own, defaults) = (values(&run.config), values(&preset));
    let seed = u64::try_from(own.get("seed")?.as_integer()?).ok()?;
    let replicas = u64::try_from(own.get("replicas")?.as_integer()?).ok()?;
    let mut words: Vec<String> = vec!["rayclip".into()];
    match methods(run).as_slice() {
        [] => return None,
        [method] => {
            words.extend(["run", "--preset", name, "--method", *method].map(str::to_owned));
            words.extend(["--seed".to_owned(), seed.to_string()]);
            if replicas > 1 {
                words.extend(["--replicas".to_owned(), replicas.to_string()]);
            }
        }
        methods => {
            words.extend(["compare", "--preset", name, "--methods"].map(str::to_owned));
            words.push(methods.join(","));
            words
                .extend(["--seeds".to_owned(), format!("{seed}..{}", seed.checked_add(replicas)?)]);
        }
    }
    words.extend(["--data".to_owned(), own.get("data.source")?.as_str()?.to_owned()]);
    let said = ["preset", "seed", "replicas", "compression.methods", "data.source"];
    for (key, value) in own.iter().filter(|(key, _)| !said.contains(&key.as_str())) {
        if defaults.get(key) != Some(value) {
            words.extend(flag(key, value));
        }
    }
    let command: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    // A control character would be obeyed, by a terminal that the command is pasted into.
    Some(command.join(" ")).filter(|command| !command.contains(char::is_control))
}

/// The flag that sets a key.
fn flag(key: &str, value: &Value) -> [String; 2] {
    match (key, value) {
        ("network.hidden", Value::Array(widths)) => {
            let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
            ["--hidden".into(), widths.join(",")]
        }
        ("device", Value::String(device)) => ["--device".into(), device.clone()],
        (key, Value::String(text)) if is_plain(text) => ["--set".into(), format!("{key}={text}")],
        (key, value) => ["--set".into(), format!("{key}={value}")],
    }
}

/// Whether a text is a word that TOML does not take for anything else, as names of settings are.
fn is_plain(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_word)
        && !["true", "false", "inf", "nan"].contains(&text)
}

/// A word as a shell reads it.
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
    use super::*;
    use crate::table::tests::run_of;

    /// A run of a preset, with some lines in place of its own.
    fn run(changes: &[(&str, &str)]) -> Run {
        let mut text = format!("preset = \"corrected\"\n{}", PRESETS[0].1);
        for (line, own) in changes {
            let begin = text.find(&format!("\n{line} = ")).unwrap() + 1;
            let end = begin + text[begin..].find('\n').unwrap();
            text.replace_range(begin..end, own);
        }
        Run { config: text.parse().unwrap(), ..run_of(vec![]) }
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
            ("scratch_at", "scratch_at = [20, 9]"),
            ("methods", "methods = [\"dtc-l1\", \"scratch\"]"),
        ]);
        assert_eq!(
            command(&many).unwrap(),
            r"rayclip compare --preset corrected --methods dtc-l1,scratch --seeds 3..7 --data 'my data/it'\''s' --set 'compression.scratch_at=[20, 9]' --device flex --hidden 24,12 --set training.learning_rate=0.0025 --set training.loss=batch-axis"
        );
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
            "compression.calibration_batches",
            "compression.domain",
            "compression.lambda",
            "compression.reduction",
            "compression.scratch_at",
            "data.deviation",
            "data.mean",
            "measurement.count",
            "measurement.matrix",
            "measurement.ratio",
            "solver.algorithm",
            "solver.max_iterations",
            "solver.tolerance",
        ];
        assert_eq!(without(&l2), expected);
        let all = run(&[
            ("methods", "methods = [\"dtc\", \"taylor\", \"scratch\"]"),
            ("normalization", "normalization = \"fixed\""),
        ]);
        assert_eq!(without(&all), [""; 0]);
        let exact = run(&[
            ("methods", "methods = [\"dtc-coefficient\", \"dtc-neuron-l1\"]"),
            ("device", "device = \"flex\""),
            ("count", "count = \"supplement\""),
        ]);
        let expected = [
            "compression.calibration_batches",
            "compression.domain",
            "compression.scratch_at",
            "data.deviation",
            "data.mean",
            "measurement.ratio",
            "solver.max_iterations",
        ];
        assert_eq!(without(&exact), expected);
        let unknown = Run { config: "a = 1\n[compression]\nlambda = 2".parse().unwrap(), ..l2 };
        assert_eq!(without(&unknown), [""; 0]);
    }

    #[test]
    fn every_preset_is_known() {
        for (name, text) in PRESETS {
            let config: Table = format!("preset = \"{name}\"\n{text}").parse().unwrap();
            let command = command(&Run { config, ..run_of(vec![]) }).unwrap();
            let rest = format!("rayclip run --preset {name} --method dtc --seed 0 --data digits");
            assert_eq!(command, rest);
        }
    }
}
