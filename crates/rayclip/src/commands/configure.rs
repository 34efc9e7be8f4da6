//! Makes a configuration from flags.

use rayclip_data::PerChannel;
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::presets::{self, Layers, Setting};
use toml::Value;

use super::folders::check_config;
use crate::args::{ConfigArgs, Seeds};

/// Returns the setting of a flag that sets a key.
pub(crate) fn flag(name: &str, key: &str, value: impl Into<Value>) -> Setting {
    Setting { key: key.to_owned(), value: value.into(), origin: format!("--{name}") }
}

/// Returns numbers as the value of a key.
fn per_channel(numbers: &PerChannel) -> Value {
    match numbers {
        PerChannel::All(number) => Value::Float(*number),
        PerChannel::Each(numbers) => {
            numbers.iter().copied().map(Value::Float).collect::<Vec<_>>().into()
        }
    }
}

/// Returns the setting of the flag `--methods`.
pub(crate) fn methods(names: &[String]) -> Setting {
    let names = names.iter().map(|name| Value::String(name.trim().to_owned())).collect();
    flag("methods", "compression.methods", Value::Array(names))
}

/// Returns the settings of the flag `--seeds`.
pub(crate) fn seeds(Seeds { first, count }: Seeds) -> [Setting; 2] {
    [flag("seeds", "seed", first as i64), flag("seeds", "replicas", count as i64)]
}

/// Returns the configuration from the arguments and the settings `more` of a command. They override the
/// command's `defaults`.
///
/// # Errors
/// As [`presets::resolve`], or a `--set` does not have the form key=value.
pub(crate) fn resolve(
    args: &ConfigArgs,
    defaults: Vec<Setting>,
    more: Vec<Setting>,
) -> anyhow::Result<RunConfig> {
    args.config.as_deref().map(check_config).transpose()?;
    let mut defaults = defaults;
    if args.pretrained {
        // A network with weights says how its images are normalised; some presets would say it first.
        defaults.push(flag("pretrained", "data.normalization", "auto"));
    }
    let layers = Layers {
        preset: args.preset.as_deref(),
        defaults,
        file: args.config.as_deref(),
        is_recorded: false,
        settings: settings(args, more)?,
    };
    Ok(presets::resolve(&layers)?)
}

/// Parses the `--set` arguments.
///
/// # Errors
/// One does not have the form key=value.
pub(crate) fn parse_settings(texts: &[String]) -> anyhow::Result<Vec<Setting>> {
    let parse =
        |text: &String| Setting::parse(text).map_err(|reason| anyhow::anyhow!("--set: {reason}"));
    texts.iter().map(parse).collect()
}

/// Returns the settings from the arguments: `--set` first, then the other flags.
pub(crate) fn settings(args: &ConfigArgs, more: Vec<Setting>) -> anyhow::Result<Vec<Setting>> {
    let mut settings = vec![];
    if args.target_macs.or(args.target_parameters).or(args.target_latency).is_some() {
        // It replaces the target of a preset or a file.
        let targets = ["target-macs", "target-parameters", "target-latency"];
        let key = |name: &str| format!("compression.{}", name.replace('-', "_"));
        settings.extend(targets.map(|name| flag(name, &key(name), 0.0)));
    }
    settings.extend(parse_settings(&args.settings)?);
    let text = |name: &str, key: &str, value: &Option<String>| {
        value.clone().map(|value| flag(name, key, value))
    };
    settings.extend(text("data", "data.source", &args.data));
    settings.extend(text("label-column", "data.label_column", &args.label_column));
    settings.extend(text("device", "device", &args.device));
    settings.extend(text("moments", "training.moments", &args.moments));
    settings.extend(text("ranking", "compression.ranking", &args.ranking));
    settings.extend(text("budget", "compression.budget", &args.budget));
    settings.extend(text("network", "network.name", &args.network));
    settings.extend(text("graph", "network.graph", &args.graph));
    settings.extend(args.pretrained.then(|| flag("pretrained", "network.pretrained", true)));
    settings.extend(args.mean.as_ref().map(|mean| flag("mean", "data.mean", per_channel(mean))));
    settings.extend(args.std.as_ref().map(|std| flag("std", "data.deviation", per_channel(std))));
    if args.mean.is_some() {
        settings.push(flag("mean", "data.normalization", "fixed"));
    }
    settings.extend(args.distill.map(|part| flag("distill", "training.distillation", part)));
    let temperature = args.temperature;
    settings.extend(temperature.map(|t| flag("temperature", "training.temperature", t)));
    settings.extend(args.target_macs.map(|f| flag("target-macs", "compression.target_macs", f)));
    let parameters = args.target_parameters;
    settings
        .extend(parameters.map(|f| flag("target-parameters", "compression.target_parameters", f)));
    let latency = args.target_latency;
    settings.extend(latency.map(|ms| flag("target-latency", "compression.target_latency", ms)));
    let images = args.latency_images;
    settings.extend(images.map(|n| flag("latency-images", "compression.latency_images", n as i64)));
    settings.extend(args.steps.map(|n| flag("steps", "compression.steps", n as i64)));
    settings.extend(args.round_to.map(|n| flag("round-to", "compression.round_to", n as i64)));
    if !args.protect.is_empty() {
        let globs: Vec<Value> = args.protect.iter().cloned().map(Value::String).collect();
        settings.push(flag("protect", "compression.protect", globs));
    }
    settings.extend(text("on-bad-image", "data.on_bad_image", &args.on_bad_image));
    settings.extend(args.resize.map(|size| {
        let sides = [size.height, size.width].map(|side| Value::Integer(side as i64));
        flag("resize", "data.resize", sides.to_vec())
    }));
    if !args.hidden.is_empty() {
        let widths: Vec<Value> = args.hidden.iter().map(|m| Value::Integer(*m as i64)).collect();
        settings.push(flag("hidden", "network.hidden", widths));
    }
    let repair = |name: &String| flag("repair", &format!("compression.{name}"), true);
    settings.extend(args.repair.iter().map(repair));
    if args.compensate {
        settings.push(flag("compensate", "compression.compensate", true));
    }
    settings.extend(args.soup.map(|copies| flag("soup", "training.soup", copies as i64)));
    if args.shared_measurements {
        settings.push(flag("shared-measurements", "measurement.matrix", "shared"));
    }
    settings.extend(args.keep.map(|f| flag("keep", "compression.keep", f)));
    settings.extend(args.min_width.map(|m| flag("min-width", "compression.min_width", m as i64)));
    let until = args.until_accuracy;
    settings.extend(until.map(|a| flag("until-accuracy", "compression.until_accuracy", a)));
    settings.extend(args.max_drop.map(|drop| flag("max-drop", "compression.max_drop", drop)));
    settings.extend(args.validation.map(|f| flag("validation", "data.validation", f)));
    settings.extend(more);
    Ok(settings)
}
