//! Times whole runs of the release binary, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::release;

#[derive(Args)]
pub(crate) struct RunsArgs {
    /// Folder with the four MNIST files; without it, only the default run is timed
    #[arg(long, value_name = "DIR")]
    mnist: Option<PathBuf>,
    /// How often each run is done; the table shows the median
    #[arg(long, default_value_t = 3)]
    times: usize,
    /// Backends to time
    #[arg(long, value_delimiter = ',', default_value = "ndarray,flex")]
    devices: Vec<String>,
}

struct Measured {
    seconds: f64,
    compress_share: f64,
    peak_mebibytes: Option<f64>,
    accuracy: f64,
}

pub(crate) fn bench(args: &RunsArgs) -> anyhow::Result<()> {
    ensure!(args.times > 0, "--times must be at least 1");
    let binary = release::build()?;
    let mut cases = vec![("default run", vec![])];
    if let Some(folder) = &args.mnist {
        let folder = folder.display().to_string();
        let flags = ["--preset", "supplement", "--method", "dtc", "--data", folder.as_str()];
        cases.push(("MNIST, preset supplement, dtc", flags.map(str::to_owned).to_vec()));
    }
    let mut measured: Vec<Vec<Measured>> =
        cases.iter().flat_map(|_| &args.devices).map(|_| vec![]).collect();
    // The cases alternate, so that a slower machine slows all of them equally.
    for _ in 0..args.times {
        let each = cases.iter().flat_map(|case| args.devices.iter().map(move |d| (case, d)));
        for ((case, device), results) in each.zip(&mut measured) {
            results.push(run_once(&binary, &case.1, device)?);
        }
    }
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["run", "device", "seconds", "compressing", "peak memory", "last accuracy"]);
    let each = cases.iter().flat_map(|case| args.devices.iter().map(move |device| (case, device)));
    for ((case, device), results) in each.zip(&measured) {
        table.add_row([
            case.0.to_owned(),
            device.clone(),
            format!("{:.1}", median(results, |m| Some(m.seconds)).unwrap_or(f64::NAN)),
            median(results, |m| Some(m.compress_share))
                .map_or("–".into(), |share| format!("{:.2} %", 100.0 * share)),
            median(results, |m| m.peak_mebibytes)
                .map_or("–".into(), |mib| format!("{mib:.0} MiB")),
            format!("{:.4}", median(results, |m| Some(m.accuracy)).unwrap_or(f64::NAN)),
        ]);
    }
    #[expect(clippy::print_stdout, reason = "the table is the result of the task")]
    {
        println!("{table}");
    }
    Ok(())
}

fn run_once(binary: &Path, flags: &[String], device: &str) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("run");
    let began = Instant::now();
    let mut child = Command::new(binary)
        .args(["run", "--quiet", "--device", device, "--out"])
        .arg(&out)
        .args(flags)
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start the release binary")?;
    let peak_mebibytes = release::watch(&mut child)?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(child.wait()?.success(), "rayclip {flags:?} on {device} failed");
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("summary.json"))?)?;
    let progress: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("progress.json"))?)?;
    let number =
        |key: &str| progress[key].as_f64().with_context(|| format!("no {key} in progress.json"));
    let (training, compressing) = (number("train_seconds")?, number("compress_seconds")?);
    Ok(Measured {
        seconds,
        compress_share: compressing / (training + compressing),
        peak_mebibytes,
        accuracy: summary["replicas"][0]["accuracy_after"]
            .as_f64()
            .context("no accuracy in summary")?,
    })
}

fn median(of: &[Measured], value: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = of.iter().map(value).collect::<Option<_>>()?;
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
