//! What `summary.json` and `progress.json` say of a run.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_data::{plain, plain_within};
use serde::Deserialize;

use crate::clips::{Clip, SCRATCH};
use crate::limits;

/// The images of a run.
#[derive(Debug, Clone, Deserialize)]
pub struct Data {
    /// The name that they were asked for by.
    pub name: String,
    /// SHA-256 of shape, images and labels; empty where it is not known.
    pub digest: String,
    /// Images that accuracies are of; 0 where it is not known.
    pub test: usize,
    /// Images held out to choose settings by.
    pub validation: usize,
    /// Images trained on.
    pub train: Option<usize>,
    /// Extents of an image.
    pub image_shape: Option<Vec<usize>>,
    /// Classes.
    pub classes: Option<usize>,
}

impl Data {
    /// What the built-in digits are called, so that nobody takes them for a benchmark.
    pub const SYNTHETIC: &str = "synthetic digits";

    /// Gives the built-in digits their name; a folder that is called as they are keeps its own.
    pub(crate) fn say_what_is_synthetic(&mut self, source: Option<String>) {
        let source = source.unwrap_or_else(|| self.name.clone());
        if self.name == "digits" && source == "digits" {
            Self::SYNTHETIC.clone_into(&mut self.name);
        }
    }

    /// Whether the images were drawn by rayclip.
    pub(crate) fn is_synthetic(&self) -> bool {
        self.name == Self::SYNTHETIC
    }

    /// Whether they are those of MNIST, whatever folder they come from.
    pub(crate) fn is_mnist(&self) -> bool {
        self.digest == rayclip_data::mnist::DIGEST
    }

    /// Their name in a title.
    pub fn title(&self) -> &str {
        if self.is_mnist() { "MNIST" } else { &self.name }
    }
}

/// What `summary.json` says of the run as a whole.
#[derive(Debug, Clone, Deserialize)]
pub struct Summary {
    /// Version of the engine that wrote it.
    pub version: String,
    /// `running`, `finished`, `interrupted`, `failed` or `diverged`.
    pub outcome: String,
    /// The error, where it failed.
    pub error: Option<String>,
    /// Backend and adapter.
    pub device: String,
}

/// How far a run is, and what it took: `progress.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Progress {
    /// The cycle of the last batch.
    pub cycle: usize,
    /// Neurons of every hidden layer in it.
    pub widths: Vec<usize>,
    /// Batches done, each by a chunk of replicas.
    pub batches_done: usize,
    /// Batches of the whole run.
    pub batches: usize,
    /// When this was written, in seconds since 1970.
    pub updated: f64,
    /// How often the run was resumed from a checkpoint.
    pub resumed: usize,
    /// Seconds of all training.
    pub train_seconds: f64,
    /// Seconds of all scoring, clipping and rebuilding.
    pub compress_seconds: f64,
    /// Seconds from the first batch on.
    pub seconds: f64,
    /// What it took.
    pub energy: Option<Energy>,
}

/// What a run took.
#[derive(Debug, Clone, Deserialize)]
pub struct Energy {
    /// Joules of all sources together.
    pub joules: f64,
    /// The counters that they were read from.
    pub sources: Vec<String>,
}

/// `summary.json`.
#[derive(Deserialize)]
pub(crate) struct SummaryFile {
    clips: Option<usize>,
    pub(crate) widths_before: Vec<usize>,
    pub(crate) parameters_before: usize,
    pub(crate) data: Data,
    replicas: Vec<Replica>,
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

#[derive(Deserialize)]
struct Replica {
    #[serde(rename = "replica")]
    number: usize,
    method: String,
    seed: u64,
    outcome: String,
    divergence: Option<Divergence>,
}

#[derive(Deserialize)]
struct Divergence {
    cycle: usize,
    reason: String,
}

impl SummaryFile {
    /// Reads the file, with numbers within the [`limits`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut file: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        file.make_plain();
        let Self { widths_before, parameters_before, data, .. } = &file;
        check_widths(widths_before)?;
        let pixels = data
            .image_shape
            .as_ref()
            .map(|shape| shape.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent)));
        check_counts(&[
            ("parameters_before", *parameters_before),
            ("data.test", data.test),
            ("data.validation", data.validation),
            ("data.train", data.train.unwrap_or(0)),
            ("data.classes", data.classes.unwrap_or(0)),
            ("data.image_shape", pixels.map_or(0, |pixels| pixels.unwrap_or(usize::MAX))),
        ])?;
        Ok(file)
    }

    /// What is shown of it is text.
    fn make_plain(&mut self) {
        let Self { data, summary, .. } = self;
        let Summary { version, outcome, device, error } = summary;
        for text in [&mut data.name, &mut data.digest, version, outcome, device] {
            *text = plain(text);
        }
        *error = error.as_deref().map(|text| plain_within(text, limits::ERROR));
    }

    /// Replicas that did not get to the end, and why: a line for all of one reason.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut groups: BTreeMap<String, Vec<&Replica>> = BTreeMap::new();
        for replica in &self.replicas {
            if let Some(reason) = replica.missing(false) {
                groups.entry(reason).or_default().push(replica);
            }
        }
        let mut groups: Vec<(String, Vec<&Replica>)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, replicas)| replicas[0].number);
        let line = |(reason, replicas): (String, Vec<&Replica>)| match replicas.as_slice() {
            [Replica { number, method, seed, .. }] => {
                format!("replica {number} ({method}, seed {seed}) {reason}")
            }
            some => {
                let reason = some[0].missing(true).unwrap_or(reason);
                let (count, all) = (some.len(), self.replicas.len());
                format!("{count} of {all} replicas ({}) {reason}", names(some))
            }
        };
        let shown = |group| plain_within(&line(group), limits::ERROR);
        groups.into_iter().map(shown).collect()
    }

    /// Said where replicas that got to their end lack a clip.
    pub(crate) fn lost(&self, clips: &[Clip]) -> Option<String> {
        let mut cycles: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for clip in clips {
            cycles.entry(clip.replica).or_default().insert(clip.cycle);
        }
        let finished = |r: &&Replica| r.outcome == "finished" && r.method != SCRATCH;
        let lacks = self.replicas.iter().filter(finished).filter(|replica| {
            cycles.get(&replica.number).map_or(0, BTreeSet::len) < self.clips.unwrap_or(0)
        });
        let count = lacks.count();
        (count > 0).then(|| format!("rows of {count} finished replicas are missing"))
    }
}

impl Progress {
    /// Reads the file, with numbers within the [`limits`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut file: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        for source in file.energy.iter_mut().flat_map(|energy| &mut energy.sources) {
            *source = plain(source);
        }
        check_widths(&file.widths)?;
        check_counts(&[
            ("cycle", file.cycle),
            ("batches_done", file.batches_done),
            ("batches", file.batches),
            ("resumed", file.resumed),
        ])?;
        let amounts = [
            ("updated", file.updated, limits::TIME),
            ("train_seconds", file.train_seconds, limits::TIME),
            ("compress_seconds", file.compress_seconds, limits::TIME),
            ("seconds", file.seconds, limits::TIME),
            ("energy.joules", file.energy.as_ref().map_or(0.0, |e| e.joules), limits::AMOUNT),
        ];
        let amount = amounts.into_iter().find(|(_, value, most)| !(0.0..=*most).contains(value));
        amount.map_or(Ok(file), |(key, ..)| Err(no_run_has(key)))
    }
}

fn check_widths(widths: &[usize]) -> Result<(), String> {
    if limits::are_widths(widths) {
        return Ok(());
    }
    let shown: Vec<_> = widths.iter().take(limits::LAYERS).collect();
    Err(format!("no network has hidden layers of {shown:?} neurons"))
}

fn check_counts(counts: &[(&str, usize)]) -> Result<(), String> {
    let beyond = counts.iter().find(|(_, count)| *count > limits::COUNT);
    beyond.map_or(Ok(()), |(key, _)| Err(no_run_has(key)))
}

fn no_run_has(key: &str) -> String {
    format!("{key} is a number that no run has")
}

impl Replica {
    /// Why it, or it and others, did not get to the end; nothing if it did.
    fn missing(&self, others: bool) -> Option<String> {
        let (is, its) = if others { ("are", "their") } else { ("is", "its") };
        match (&self.divergence, self.outcome.as_str()) {
            (Some(Divergence { cycle, reason }), _) => {
                Some(format!("diverged in cycle {cycle}: {reason}"))
            }
            // One that stopped did all that `compression.until_accuracy` asked of it.
            (None, "finished" | "stopped") => None,
            (None, "running") => {
                Some(format!("{is} not at {its} end: the run goes on, or was killed"))
            }
            (None, outcome) => Some(format!("did not get to {its} end: {outcome}")),
        }
    }
}

/// Methods and seeds of some replicas.
fn names(replicas: &[&Replica]) -> String {
    let mut methods: Vec<(&str, Vec<u64>)> = vec![];
    for Replica { method, seed, .. } in replicas {
        match methods.last_mut().filter(|(last, _)| last == method) {
            Some((_, seeds)) => seeds.push(*seed),
            None => methods.push((method, vec![*seed])),
        }
    }
    let seeds = |seeds: &[u64]| match seeds {
        [only] => format!("seed {only}"),
        [first, .., last] if last.checked_sub(*first) == Some(seeds.len() as u64 - 1) => {
            format!("seeds {first} to {last}")
        }
        many if many.len() > 12 => format!("{} seeds", many.len()),
        some => {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("seeds {}", some.join(", "))
        }
    };
    let all = methods.iter().map(|(method, all)| format!("{method}, {}", seeds(all)));
    all.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_digits_are_called_synthetic_and_no_other_data_are() {
        let title = |name: &str, source: Option<&str>| {
            let text = format!(r#"{{"name":"{name}","digest":"","test":1,"validation":0}}"#);
            let mut data: Data = serde_json::from_str(&text).unwrap();
            data.say_what_is_synthetic(source.map(str::to_owned));
            data.title().to_owned()
        };
        assert_eq!(title("digits", Some("digits")), "synthetic digits");
        assert_eq!(title("digits", None), "synthetic digits");
        assert_eq!(title("digits", Some("mine/digits")), "digits");
        assert_eq!(title("mnist", Some("mnist")), "mnist");
    }

    #[test]
    fn replicas_that_miss_their_end_for_one_reason_are_one_line() {
        let replica = |(number, method, seed, outcome): (usize, &str, u64, &str)| Replica {
            number,
            method: method.into(),
            seed,
            outcome: outcome.into(),
            divergence: None,
        };
        let file = |replicas: &[(usize, &str, u64, &str)]| {
            let text = r#"{"widths_before":[4],"parameters_before":9,"replicas":[],"data":{"name":"d",
                "digest":"","test":1,"validation":0},"version":"","device":"","outcome":"interrupted"}"#;
            let mut file = SummaryFile::parse(text.as_bytes()).unwrap();
            file.replicas = replicas.iter().copied().map(replica).collect();
            file
        };
        let stopped = "interrupted";
        let some = [
            (0, "dtc", 0, stopped),
            (1, "dtc", 1, stopped),
            (2, "dtc", 2, stopped),
            (3, "l2", 0, "finished"),
            (4, "l2", 1, stopped),
            (5, "l2", 2, "running"),
        ];
        let expected = [
            "4 of 6 replicas (dtc, seeds 0 to 2; l2, seed 1) did not get to their end: interrupted",
            "replica 5 (l2, seed 2) is not at its end: the run goes on, or was killed",
        ];
        assert_eq!(file(&some).missing(), expected);
        assert!(file(&[(0, "d\u{1b}c", 0, stopped)]).missing()[0].contains("d\u{fffd}c"));
    }
}
