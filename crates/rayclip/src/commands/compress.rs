//! `rayclip compress`: makes a network in a file smaller in steps, with training between the clips.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use rayclip_formats::{ExportOptions, Format, LoadOptions, Loaded, export, load};
use rayclip_report::Run;
use rayclip_run_folder::presets::Setting;
use rayclip_run_folder::{Outcome, RunConfig};
use serde_json::{Value, json};

use super::configure::{flag, methods, resolve};
use super::network_file;
use super::train::{TrainArgs, Trained, closing_line, train};
use crate::args::CompressArgs;
use crate::progress::Mode;
use crate::{device, output, tables};

/// The fraction of the training images that is held out to judge the smaller networks by.
const VALIDATION: f64 = 0.1;

/// Clips to a target.
const STEPS: i64 = 4;

/// Images per batch.
const BATCH_SIZE: i64 = 128;

/// The learning rate after each clip; it falls to zero before the next one.
const LEARNING_RATE: f64 = 3e-3;

/// Batches after the last clip. Those between two clips are as in a run.
const FINAL_BATCHES: i64 = 1500;

/// Compresses a network and prints it beside the original. The exit code is 1 if no smaller network keeps the accuracy
/// that was asked for.
pub(crate) fn compress(args: &CompressArgs) -> anyhow::Result<ExitCode> {
    let config = config(args)?;
    let format = args.save.as_deref().map(saved_as).transpose()?;
    ensure!(args.file.exists(), "{}: there is no such file", args.file.display());
    let mode = args.out.show.mode();
    let of = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let (method, seed) = (&config.compression.methods[0], config.seed);
    let stem = format!("{of}-{method}-seed{seed}");
    let arguments = TrainArgs { options: args.options.options(), out: &args.out, stem: &stem };
    let trained = train(config, device::choose_fast, arguments)?;
    if trained.is_interrupted() {
        if let (Some(path), Mode::Lines) = (&args.save, mode) {
            let path = output::path(path);
            output::note(&format!(
                "{path} is not written yet: the same command goes on and writes it"
            ));
        }
        return Ok(trained.exit_code());
    }
    let result = Compressed::read(&trained)?;
    if let (Some(path), Some(format), true) = (&args.save, format, result.is_smaller()) {
        export(&result.network, format, ExportOptions::default())?.write(path, false)?;
    }
    let saved = args.save.as_deref().filter(|_| result.is_smaller());
    match mode {
        Mode::Json => output::result(&result.json(saved).to_string()),
        Mode::Lines => result.print(saved),
        _ => {}
    }
    closing_line(&result.run, &trained.folder, mode);
    Ok(if result.is_smaller() { trained.exit_code() } else { ExitCode::from(1) })
}

/// Returns the configuration of the run.
fn config(args: &CompressArgs) -> anyhow::Result<RunConfig> {
    let file = args.file.to_str().context("the name of the file is not UTF-8; rename it")?;
    ensure!(
        args.config.network.is_none(),
        "--network: the network is the file {file}; leave the flag out"
    );
    let has_target = args.config.target_macs.is_some()
        || args.config.target_parameters.is_some()
        || args.config.target_latency.is_some();
    let mut defaults = vec![
        // Some presets have a normalisation of their own.
        flag("normalization", "data.normalization", "auto"),
        methods(&["l2".to_owned()]),
        flag("validation", "data.validation", VALIDATION),
        // The network is trained already.
        flag("first-batches", "training.first_batches", vec![toml::Value::Integer(0)]),
        flag("final-batches", "training.final_batches", FINAL_BATCHES),
        flag("batch-size", "training.batch_size", BATCH_SIZE),
        flag("learning-rate", "training.learning_rate", LEARNING_RATE),
        flag("schedule", "training.schedule", "cosine"),
        flag("schedule-over", "training.schedule_over", "cycle"),
        flag("min-width", "compression.min_width", 1),
    ];
    defaults.extend(has_target.then(|| flag("steps", "compression.steps", STEPS)));
    let method = args.method.as_ref().map(|method| methods(std::slice::from_ref(method)));
    let more = [
        Some(flag("network", "network.name", file)),
        Some(flag("network", "network.pretrained", true)),
        method.map(|setting| Setting { origin: "--method".into(), ..setting }),
        args.seed.map(|seed| flag("seed", "seed", seed as i64)),
    ];
    let config = resolve(&args.config, defaults, more.into_iter().flatten().collect())?;
    ensure!(
        !config.compression.methods.iter().all(|method| method.is_from_scratch()),
        "--method: scratch trains fresh networks, and compress makes the network of {file} smaller; use `rayclip \
         compare --network {file} --pretrained` to see both"
    );
    ensure!(
        config.compression.methods.len() == 1 && config.replicas == 1,
        "compress makes one network smaller with one method; `rayclip compare --network {file} --pretrained` compares \
         methods and seeds"
    );
    Ok(config)
}

/// Returns the format of the file that is written at the end.
fn saved_as(path: &Path) -> anyhow::Result<Format> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    ensure!(
        folder.is_none_or(Path::is_dir),
        "--save: the folder of {} does not exist: make it, or name another file",
        path.display()
    );
    ensure!(
        fs::symlink_metadata(path).is_err(),
        "--save: {} exists; nothing was overwritten: name another file",
        path.display()
    );
    network_file::format_of("--save", path)
}

/// The result of a run of one network.
struct Compressed {
    run: Run,
    /// The smallest network that kept the accuracy.
    network: Loaded,
}

/// A network in numbers.
struct Numbers {
    parameters: Option<usize>,
    macs: Option<usize>,
    validation: Option<f64>,
    test: Option<f64>,
}

impl Compressed {
    fn read(trained: &Trained) -> anyhow::Result<Self> {
        let network = load(&trained.folder, &LoadOptions::default())?;
        Ok(Self { run: Run::read(&trained.folder)?, network })
    }

    /// Returns the clip that led to the network; `None` for the original.
    fn clip(&self) -> Option<usize> {
        self.network.about.get("cycle")?.parse().ok()
    }

    fn is_smaller(&self) -> bool {
        self.clip().is_some()
    }

    /// Returns the numbers of the original network, and of the result.
    fn numbers(&self) -> [Numbers; 2] {
        let Self { run, network } = self;
        let summary = run.summary.as_ref();
        let replica = summary.and_then(|summary| summary.replicas.first());
        let original = Numbers {
            parameters: run.parameters_before(),
            macs: summary.and_then(|summary| summary.macs_before),
            validation: replica.and_then(|replica| replica.validation_before),
            test: replica.and_then(|replica| replica.accuracy_before),
        };
        let number = |key: &str| network.about.get(key).and_then(|text| text.parse().ok());
        let smaller = Numbers {
            parameters: Some(network.graph.parameters()),
            macs: network.graph.macs().map(|macs| macs.all),
            validation: number("accuracy_validation"),
            test: number("accuracy_test"),
        };
        [original, smaller]
    }

    fn print(&self, saved: Option<&Path>) {
        let heads = ["", "parameters", "multiply-accumulates", "validation", "test"];
        let mut table = tables::table(&heads);
        let [original, smaller] = self.numbers();
        let accuracy =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let count = |value: Option<usize>, of: Option<usize>| match (value, of) {
            (Some(value), Some(of)) if of > 0 => {
                format!("{value} ({:.3})", value as f64 / of as f64)
            }
            (Some(value), _) => value.to_string(),
            (None, _) => "–".to_owned(),
        };
        let mut row = |name: &str, own: &Numbers| {
            table.add_row([
                name.to_owned(),
                count(own.parameters, original.parameters),
                count(own.macs, original.macs),
                accuracy(own.validation),
                accuracy(own.test),
            ]);
        };
        row("original", &original);
        if self.is_smaller() {
            row("smaller", &smaller);
        }
        tables::print(table, &[], &heads);
        if let Some(sentence) = self.sentence() {
            output::result(&sentence);
        }
        if let Some(path) = saved {
            output::result(&format!("written to {}", output::path(path)));
        }
    }

    /// Says why the result is not the last network of the ladder, or that there is none.
    fn sentence(&self) -> Option<String> {
        let replicas = self.run.summary.iter().flat_map(|summary| &summary.replicas);
        let stopped = replicas.map(|replica| replica.outcome).eq([Outcome::Stopped]);
        match self.clip() {
            None => Some("no smaller network kept the accuracy that was asked for".into()),
            Some(clip) if stopped => Some(format!(
                "the smallest network that kept the accuracy on the held-out images: that of clip {clip}"
            )),
            Some(_) => None,
        }
    }

    fn json(&self, saved: Option<&Path>) -> Value {
        let numbers = |numbers: &Numbers| {
            json!({
                "parameters": numbers.parameters,
                "macs": numbers.macs,
                "accuracy_validation": numbers.validation,
                "accuracy_test": numbers.test,
            })
        };
        let [original, smaller] = self.numbers();
        json!({
            "event": "compressed",
            "clip": self.clip(),
            "original": numbers(&original),
            "smaller": self.is_smaller().then(|| numbers(&smaller)),
            "widths": self.network.graph.widths(),
            "file": saved.map(output::path),
        })
    }
}
