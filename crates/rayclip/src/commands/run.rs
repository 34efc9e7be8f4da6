//! `rayclip run`: configuration, data, device, run folder, cycles, table.

use std::path::Path;
use std::process::ExitCode;

use rayclip_data::Source;
use rayclip_report::{Run, closing_table};
use rayclip_trainer::presets::{self, Layers, Setting};
use rayclip_trainer::{Outcome, RunConfig, RunDir};
use toml::Value;

use crate::args::RunArgs;
use crate::interrupt::{self, Interrupt};
use crate::progress::{Mode, Progress};
use crate::{device, output};

/// Where runs go that are not given a folder.
const RUNS: &str = "runs";

/// Does a run and prints how it went.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = resolve(args)?;
    let mode = match (args.json, args.quiet) {
        (true, _) => Mode::Json,
        (_, true) => Mode::Quiet,
        _ => Mode::Lines,
    };
    let mut progress = Progress::new(mode, Interrupt::listen()?);
    let source = Source::from_name(&config.data.source);
    let dataset = progress.while_loading(|report| source.load(report))?;
    let chosen = device::choose(config.device)?;
    if mode != Mode::Quiet {
        output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        output::note(&format!(
            "data: {}, {} + {} images of {:?}, {} classes",
            dataset.name,
            dataset.train.len(),
            dataset.test.len(),
            dataset.image_shape,
            dataset.classes
        ));
    }
    let folder = match &args.out {
        Some(path) => RunDir::create(path, &config)?,
        None => RunDir::create_numbered(Path::new(RUNS), &stem(&config, &dataset.name), &config)?,
    };
    let device = (&chosen.device, chosen.name.as_str());
    let summary = rayclip_trainer::run(&config, dataset, device, &folder, &mut progress)?;
    progress.finish(&summary, folder.path());
    let path = folder.path().display();
    match mode {
        Mode::Json => {}
        Mode::Quiet => output::result(&path.to_string()),
        Mode::Lines => {
            output::result(&closing_table(&Run::read(folder.path())?).to_string());
            output::result(&format!(
                "training {:.1} s, compressing {:.2} s; run folder: {path}",
                summary.train_seconds, summary.compress_seconds
            ));
        }
    }
    Ok(match summary.outcome {
        Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
        _ => ExitCode::SUCCESS,
    })
}

/// The configuration that the arguments ask for.
fn resolve(args: &RunArgs) -> anyhow::Result<RunConfig> {
    let mut settings = Vec::new();
    for text in &args.settings {
        settings.push(Setting::parse(text).map_err(|reason| anyhow::anyhow!("--set: {reason}"))?);
    }
    let mut flag = |name: &str, key: &str, value: Option<Value>| {
        settings.extend(value.map(|value| Setting {
            key: key.to_owned(),
            value,
            origin: format!("--{name}"),
        }));
    };
    let text = |value: &Option<String>| value.clone().map(Value::String);
    flag("method", "compression.method", text(&args.method));
    flag("data", "data.source", text(&args.data));
    flag("device", "device", text(&args.device));
    flag("seed", "seed", args.seed.map(|seed| Value::Integer(seed as i64)));
    flag("replicas", "replicas", args.replicas.map(|count| Value::Integer(count as i64)));
    let hidden: Vec<Value> = args.hidden.iter().map(|m| Value::Integer(*m as i64)).collect();
    flag("hidden", "network.hidden", (!hidden.is_empty()).then_some(Value::Array(hidden)));
    let layers = Layers { preset: args.preset.as_deref(), file: args.config.as_deref(), settings };
    Ok(presets::resolve(&layers)?)
}

/// What a run folder is called: `digits-dtc-corrected-seed0`.
fn stem(config: &RunConfig, data: &str) -> String {
    let method = config.compression.method.name();
    format!("{data}-{method}-{}-seed{}", config.preset, config.seed)
}
