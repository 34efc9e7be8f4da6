//! Times replicas that train together, relative to one alone.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::release;

#[derive(Args)]
pub(crate) struct ReplicasArgs {
    /// Neurons of the hidden layer
    #[arg(long, value_delimiter = ',', default_value = "512,300,150,80,40,15")]
    widths: Vec<usize>,
    /// Another network than mlp, instead of widths
    #[arg(long)]
    network: Option<String>,
    /// Images per batch
    #[arg(long, default_value_t = 512)]
    batch_size: usize,
    /// Replicas that train together; the others are compared with 1
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,6,12")]
    at_once: Vec<usize>,
    /// Replicas of a run
    #[arg(long, default_value_t = 12)]
    replicas: usize,
    /// How often each run is done; the table shows the median ratio
    #[arg(long, default_value_t = 3)]
    times: usize,
    /// Backend to time
    #[arg(long, default_value = "flex")]
    device: String,
    /// Data to train on
    #[arg(long, default_value = "digits")]
    data: String,
}

pub(crate) fn bench(args: &ReplicasArgs) -> anyhow::Result<()> {
    ensure!(args.times > 0 && !args.at_once.is_empty(), "there is nothing to time");
    let binary = release::build()?;
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let columns = args.at_once.iter().map(|count| format!("{count} together"));
    let header = ["network".to_owned(), "alone, ms per batch".to_owned()];
    table.set_header(header.into_iter().chain(columns));
    for network in Network::all(args) {
        let mut alone = vec![];
        let mut ratios = vec![vec![]; args.at_once.len()];
        for _ in 0..args.times {
            // The runs alternate, so that a slower machine slows all of them equally.
            let one = seconds(&binary, args, &network, 1)?;
            alone.push(one);
            for (ratios, count) in ratios.iter_mut().zip(&args.at_once) {
                let many =
                    if *count == 1 { one } else { seconds(&binary, args, &network, *count)? };
                ratios.push(many / one);
            }
        }
        let cells = ratios.iter_mut().map(|ratios| format!("{:.2}", median(ratios)));
        let a_batch = 1e3 * median(&mut alone) / (2 * BATCHES * args.replicas) as f64;
        table.add_row([network.name, format!("{a_batch:.2}")].into_iter().chain(cells));
    }
    #[expect(clippy::print_stdout, reason = "the table is the result of the task")]
    {
        println!("{table}");
    }
    Ok(())
}

/// Batches before the clip, and after it.
const BATCHES: usize = 60;

/// A network that is clipped once.
struct Network {
    name: String,
    flags: Vec<String>,
}

impl Network {
    fn all(args: &ReplicasArgs) -> Vec<Self> {
        if let Some(name) = &args.network {
            let flags = ["--network", name, "--target-macs", "0.9", "--steps", "1"];
            let flags = flags.map(str::to_owned).to_vec();
            return vec![Self { name: name.clone(), flags }];
        }
        let of_width = |width: &usize| Self {
            name: width.to_string(),
            flags: vec![
                "--hidden".into(),
                width.to_string(),
                "--min-width".into(),
                (width - 1).to_string(),
            ],
        };
        args.widths.iter().map(of_width).collect()
    }
}

/// Returns the seconds of training of all replicas.
fn seconds(
    binary: &Path,
    args: &ReplicasArgs,
    network: &Network,
    at_once: usize,
) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("run");
    let status = Command::new(binary)
        .args(["run", "--quiet", "--method", "random", "--device", &args.device])
        .args(["--data", &args.data])
        .args(&network.flags)
        .args(["--replicas", &args.replicas.to_string(), "--at-once", &at_once.to_string()])
        .args(["--set", &format!("training.batch_size={}", args.batch_size)])
        .args(["--set", &format!("training.batches_per_cycle={BATCHES}"), "--out"])
        .arg(&out)
        .stdout(Stdio::null())
        .status()
        .context("cannot start the release binary")?;
    ensure!(status.success(), "a run of {} failed", network.name);
    let progress: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("progress.json"))?)?;
    progress["train_seconds"].as_f64().context("no train_seconds in progress.json")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
