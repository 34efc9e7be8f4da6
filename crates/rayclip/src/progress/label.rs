//! The lines that describe a chunk of a run, and the whole run.

use std::collections::BTreeSet;

use rayclip_run_folder::{Method, Replica, RunConfig};
use rayclip_trainer::Chunks;

/// Describes a chunk in the line above its rows.
pub(super) struct ChunkLabel<'a> {
    pub(super) number: usize,
    pub(super) is_scratch: bool,
    pub(super) replicas: &'a [Replica],
    pub(super) config: &'a RunConfig,
    pub(super) chunks: &'a Chunks,
    /// Clips of the run.
    pub(super) clips: usize,
}

impl ChunkLabel<'_> {
    /// Returns the seeds and methods of the chunk; for `scratch`, why it has few rows.
    pub(super) fn text(&self, room: usize) -> String {
        let Self { number, is_scratch, replicas, config, chunks, clips } = self;
        let of = if *is_scratch { chunks.scratch.len() } else { chunks.clipped.len() };
        let which = if of > 1 { format!("chunk {} of {of}: ", number + 1) } else { String::new() };
        let seeds = seeds(replicas, config);
        if *is_scratch {
            let rows = chunks.scratch_clips.len();
            let method = replicas.first().map_or(Method::Scratch, |replica| replica.method);
            let line =
                format!("{method}: {which}{seeds}; rows at {rows} of the {clips} clips only");
            let long = format!("{line} (compression.scratch_at)");
            let short = format!("{method}: rows at {rows} of {clips} clips only");
            let texts = [long, line].into_iter().find(|text| text.chars().count() <= room);
            return texts.unwrap_or(short);
        }
        let methods: BTreeSet<String> = replicas.iter().map(|r| r.method.to_string()).collect();
        let in_order = config.compression.methods.iter().map(ToString::to_string);
        let methods: Vec<String> = in_order.filter(|method| methods.contains(method)).collect();
        let named = match methods.as_slice() {
            [one] => format!("method {one}"),
            several => format!("methods {}", several.join(", ")),
        };
        let line = format!("{which}{seeds}, {named}");
        if line.chars().count() <= room {
            return line;
        }
        format!("{which}{seeds}, {} methods", methods.len())
    }
}

/// Returns the seeds of some replicas, such as `seeds 0–1 of 4` in a run with four seeds.
fn seeds(replicas: &[Replica], config: &RunConfig) -> String {
    let seeds: BTreeSet<u64> = replicas.iter().map(|replica| replica.seed).collect();
    let named = match (seeds.first(), seeds.last()) {
        (Some(first), Some(last)) if first != last => format!("seeds {first}–{last}"),
        (Some(only), _) => format!("seed {only}"),
        _ => "no seed".into(),
    };
    if seeds.len() == config.replicas { named } else { format!("{named} of {}", config.replicas) }
}

/// Returns one line that describes the whole run.
pub(super) fn whole(config: &RunConfig, chunks: &Chunks, clips: usize, batches: usize) -> String {
    let last = rayclip_run_folder::ladder(config).pop().unwrap_or_default();
    let neurons = |widths: &[usize]| widths.iter().sum::<usize>();
    let count = |count: usize, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    let methods = config.compression.methods.len();
    let networks = match (methods, config.replicas) {
        (1, replicas) => count(replicas, "network"),
        (methods, seeds) => format!("{} × {}", count(methods, "method"), count(seeds, "seed")),
    };
    let chunks = match (chunks.clipped.len(), chunks.scratch.len()) {
        (1, 0) | (0, 1) => String::new(),
        (chunks, 0) | (0, chunks) => format!(" in {chunks} chunks"),
        (clipped, scratch) => format!(" in {} and {scratch} of scratch", count(clipped, "chunk")),
    };
    format!(
        "whole: {networks}{chunks}, {} → {} neurons in {}, {batches} batches",
        neurons(config.network.first_widths()),
        neurons(&last),
        count(clips, "clip"),
    )
}

#[cfg(test)]
mod tests {
    use rayclip_trainer::PlannedChunk;

    use super::*;
    use rayclip_run_folder::presets::{Layers, Setting, resolve};

    fn config(settings: &[&str]) -> RunConfig {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    #[test]
    fn a_chunk_is_called_by_its_seeds_and_methods() {
        let config = config(&["replicas=4", "compression.methods=['dtc', 'l2', 'scratch']"]);
        let chunk = || PlannedChunk { replicas: 4, ..PlannedChunk::default() };
        let chunks = Chunks {
            clipped: vec![chunk(), chunk()],
            scratch: vec![vec![chunk(), chunk(), chunk()]],
            scratch_clips: vec![0, 6, 33],
        };
        let replicas = config.all_replicas();
        let first = [replicas[0], replicas[1], replicas[4], replicas[5]];
        let chunk = |number, is_scratch, replicas: &[Replica], room| {
            let clips = 34;
            let (config, chunks) = (&config, &chunks);
            ChunkLabel { number, is_scratch, replicas, config, chunks, clips }.text(room)
        };
        let long = "chunk 1 of 2: seeds 0–1 of 4, methods dtc, l2";
        assert_eq!(chunk(0, false, &first, 80), long);
        assert_eq!(chunk(0, false, &first, 40), "chunk 1 of 2: seeds 0–1 of 4, 2 methods");
        let one = "chunk 2 of 2: seed 3 of 4, method dtc";
        assert_eq!(chunk(1, false, &replicas[3..4], 80), one);
        let scratch = "scratch: seeds 0–3; rows at 3 of the 34 clips only (compression.scratch_at)";
        assert_eq!(chunk(0, true, &replicas[8..], 80), scratch);
        let narrow = "scratch: rows at 3 of 34 clips only";
        assert_eq!(chunk(0, true, &replicas[8..], 40), narrow);
        assert_eq!(
            whole(&config, &chunks, 34, 17_000),
            "whole: 3 methods × 4 seeds in 2 chunks and 1 of scratch, 512 → 9 neurons in 34 clips, 17000 batches"
        );
    }
}
