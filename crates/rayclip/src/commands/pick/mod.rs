//! `rayclip pick`: writes one network of a run to a file.

mod candidates;
mod choice;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use self::candidates::{Candidate, Pool, Weights};
use self::choice::Wish;
use super::folders::check_run;
use crate::args::PickArgs;
use crate::{files, output};

/// Picks a network, prints its row and writes it. The exit code is 1 if no network meets the conditions.
pub(crate) fn pick(args: &PickArgs) -> anyhow::Result<ExitCode> {
    let wish = Wish::of(args)?;
    check_run(&args.run)?;
    let mut pool = Pool::read(&args.run)?;
    pool.restrict(args.method.as_deref(), args.seed)?;
    ensure!(
        pool.candidates.iter().any(|candidate| !matches!(candidate.weights, Weights::Gone)),
        "{} has no network to pick: the run has not come far enough, or its networks were removed",
        args.run.display()
    );
    note_gaps(&pool, &args.run);
    let chosen_on = wish.chosen_on(&pool);
    let Some(best) = wish.best(&pool) else {
        let nearest = wish.nearest(&pool);
        output::note(&format!(
            "no network {}{}; the nearest one:",
            wish.text(pool.held_out),
            wish.not_kept(&pool)
        ));
        if args.json {
            print_json("nothing-qualifies", nearest, chosen_on, None);
        } else if let Some(nearest) = nearest {
            output::result(&table(nearest).to_string());
        }
        return Ok(ExitCode::from(1));
    };
    if let Some(better) = wish.better_without_weights(&pool, best) {
        output::note(&format!(
            "a network with {} hidden neurons would be the choice, but its weights were not kept (see \
             --keep-networks)",
            better.neurons()
        ));
    }
    let bytes = weights::read(&args.run, best, &pool)?;
    let file = args.out.clone().unwrap_or_else(|| default_name(best));
    write(&file, &bytes)?;
    if args.json {
        print_json("picked", Some(best), chosen_on, Some(&file));
        return Ok(ExitCode::SUCCESS);
    }
    output::result(&table(best).to_string());
    output::result(match chosen_on {
        "size" => "chosen by its size alone: its test accuracy is an unbiased estimate",
        "validation" => "chosen on held-out images: its test accuracy is an unbiased estimate",
        _ => {
            "chosen on the test images, because no images were held out (--validation):\n\
             its test accuracy is too high on average"
        }
    });
    output::result(&format!("written to {}", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Tells which networks of the run cannot be picked.
fn note_gaps(pool: &Pool, run: &Path) {
    if let Some(first) = pool.missing.first() {
        let (count, first) = (pool.missing.len(), output::path(first));
        output::note(&format!(
            "missing: {count} networks that the run had kept, such as {first}; they are left out; restore them from a \
             copy"
        ));
    }
    if pool.is_old {
        output::note(&format!(
            "{} is from before networks/ was kept: it has only the last network of each replica",
            run.display()
        ));
    }
}

/// Returns the default file name: `dtc_seed_0_57.safetensors`, or `dtc_seed_0_57x30.safetensors` for two groups.
fn default_name(candidate: &Candidate) -> PathBuf {
    let network = &candidate.network;
    let widths: Vec<String> = network.widths.iter().map(ToString::to_string).collect();
    format!("{}_seed_{}_{}.safetensors", network.method, network.seed, widths.join("x")).into()
}

fn table(candidate: &Candidate) -> Table {
    let Candidate { network, parameters, .. } = candidate;
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["method", "seed", "clip", "neurons", "parameters", "test", "validation"]);
    let widths: Vec<String> = network.widths.iter().map(ToString::to_string).collect();
    let accuracy =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    table.add_row([
        network.method.to_string(),
        network.seed.to_string(),
        network.clip.map_or("none".to_owned(), |clip| clip.to_string()),
        widths.join(" × "),
        parameters.to_string(),
        accuracy(Some(network.test)),
        accuracy(network.validation),
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn print_json(event: &str, candidate: Option<&Candidate>, chosen_on: &str, file: Option<&Path>) {
    let network = candidate.map_or(Value::Null, |Candidate { network, parameters, .. }| {
        json!({
            "method": network.method.to_string(),
            "seed": network.seed,
            "clip": network.clip,
            "widths": network.widths,
            "neurons": network.widths.iter().sum::<usize>(),
            "parameters": parameters,
            "accuracy_test": network.test,
            "accuracy_validation": network.validation,
        })
    });
    let line = json!({ "event": event, "network": network, "chosen_on": chosen_on, "file": file });
    output::result(&line.to_string());
}

/// Writes a file that does not exist, or has the same content already.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let Err(error) = files::write_new(path, bytes) else { return Ok(()) };
    if fs::symlink_metadata(path).is_err() {
        return Err(error).with_context(|| format!("writing {}", path.display()));
    }
    let there = rayclip_data::read_whole(path, bytes.len() as u64);
    if !there.is_ok_and(|there| there == bytes) {
        bail!(
            "{} exists and is not this network; nothing was overwritten: name another file with --out",
            path.display()
        );
    }
    Ok(())
}
