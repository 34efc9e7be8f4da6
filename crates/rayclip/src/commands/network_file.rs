//! Loads the network that arguments name: from a file of any kind, or from the folder of a run.

use std::path::Path;

use anyhow::ensure;
use rayclip_formats::{Choice, LoadOptions, Loaded};
use rayclip_model::Shape;

use super::folders::check_run;
use crate::args::{ImageShape, WhichArgs};
use crate::output;

/// Loads a network, and tells what its file does not say.
pub(super) fn load(path: &Path, which: &WhichArgs) -> anyhow::Result<Loaded> {
    if !path.exists() {
        // The folder of a run has no extension.
        ensure!(path.extension().is_none(), "{}: there is no such file", path.display());
        check_run(path)?;
    }
    let loaded = rayclip_formats::load(path, &options(which)?)?;
    for note in &loaded.notes {
        output::note(&format!("note: {note}"));
    }
    Ok(loaded)
}

/// Returns what the arguments say about a network.
fn options(which: &WhichArgs) -> anyhow::Result<LoadOptions> {
    let WhichArgs { method, seed, replica, graph, input } = which;
    let named = replica.as_deref().map(|name| (name, named(name)));
    let (method, seed) = match named {
        Some((name, found)) => {
            ensure!(
                found.is_some(),
                "--replica: expected METHOD_seed_SEED, such as dtc_seed_0, found {name}"
            );
            found.unzip()
        }
        None => (method.clone(), *seed),
    };
    let shape = |shape: &ImageShape| {
        let ImageShape { height, width, channels } = *shape;
        Shape { height, width, channels }
    };
    Ok(LoadOptions {
        graph: graph.clone(),
        choice: Choice { method, seed, ..Choice::default() },
        input: input.as_ref().map(shape),
    })
}

/// Returns method and seed of the name of a replica.
fn named(name: &str) -> Option<(String, u64)> {
    let (method, seed) = name.rsplit_once("_seed_")?;
    Some((method.to_owned(), seed.parse().ok()?))
}
