//! Loads the network that arguments name: from a file of any kind, or from the folder of a run.

use std::path::Path;

use anyhow::{Context, ensure};
use rayclip_formats::{Choice, Format, LoadOptions, Loaded};
use rayclip_model::Shape;

use super::folders::check_run;
use crate::args::{FileArgs, ImageShape, WhichArgs};
use crate::output;

/// Loads a network, and tells what its file does not say.
pub(super) fn load(path: &Path, which: &WhichArgs) -> anyhow::Result<Loaded> {
    let WhichArgs { method, seed, replica, of_file } = which;
    let choice = match replica {
        Some(name) => named(name)?,
        None => Choice { method: method.clone(), seed: *seed, ..Choice::default() },
    };
    chosen(path, choice, of_file)
}

/// As [`load`], for a replica by name.
pub(super) fn load_replica(
    path: &Path,
    replica: Option<&str>,
    of_file: &FileArgs,
) -> anyhow::Result<Loaded> {
    chosen(path, replica.map(named).transpose()?.unwrap_or_default(), of_file)
}

fn chosen(path: &Path, choice: Choice, of_file: &FileArgs) -> anyhow::Result<Loaded> {
    if !path.exists() {
        // The folder of a run has no extension.
        ensure!(path.extension().is_none(), "{}: there is no such file", path.display());
        check_run(path)?;
    }
    let FileArgs { graph, input } = of_file;
    let shape = |shape: &ImageShape| {
        let ImageShape { height, width, channels } = *shape;
        Shape { height, width, channels }
    };
    let input = input.as_ref().map(shape);
    let loaded = rayclip_formats::load(path, &LoadOptions { graph: graph.clone(), choice, input })?;
    for note in &loaded.notes {
        output::note(&format!("note: {note}"));
    }
    Ok(loaded)
}

/// Returns the format of a file that a flag names.
pub(super) fn format_of(flag: &str, path: &Path) -> anyhow::Result<Format> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let format = [Format::Onnx, Format::Safetensors].into_iter().find(|f| f.name() == ending);
    format.with_context(|| {
        format!(
            "{flag}: expected a name that ends in .onnx or .safetensors, found {}; `rayclip export` writes other \
             formats",
            path.display()
        )
    })
}

/// Returns the choice of a replica by its name.
fn named(name: &str) -> anyhow::Result<Choice> {
    let found = name
        .rsplit_once("_seed_")
        .and_then(|(method, seed)| Some((method.to_owned(), seed.parse().ok()?)));
    let (method, seed) = found.with_context(|| {
        format!("--replica: expected METHOD_seed_SEED, such as dtc_seed_0, found {name}")
    })?;
    Ok(Choice { method: Some(method), seed: Some(seed), ..Choice::default() })
}
