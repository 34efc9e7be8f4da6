//! The networks that a run had, and where their weights are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rayclip_data::{MANIFEST, Manifest};
use rayclip_report::{Run, rungs};
use rayclip_trainer::config::Method;
use rayclip_trainer::presets::{self, Layers};
use rayclip_trainer::{KeptNetwork, Outcome, ReplicaSummary, RunConfig, network_path};
use serde::Deserialize;

/// Bytes of the largest summary that is read: that of a hundred thousand replicas.
const MOST_SUMMARY_BYTES: u64 = 32 << 20;

/// A network that a run had.
pub(super) struct Candidate {
    pub(super) network: KeptNetwork,
    /// Weights and biases.
    pub(super) parameters: usize,
    /// Accuracy of the same replica before the first clip, on the images that networks are picked by.
    pub(super) before: Option<f64>,
    pub(super) weights: Weights,
}

/// Where the weights of a network are.
pub(super) enum Weights {
    /// In a file of their own.
    File(PathBuf),
    /// In `network.safetensors`, at this place.
    Final(usize),
    /// Nowhere any more.
    Gone,
}

/// All networks of a run.
pub(super) struct Pool {
    pub(super) config: RunConfig,
    pub(super) candidates: Vec<Candidate>,
    /// Whether there are images that were held out to choose by.
    pub(super) held_out: bool,
    /// Whether the run is of before networks were kept.
    pub(super) is_old: bool,
    /// What a finished run left.
    pub(super) manifest: Option<Manifest>,
    /// Networks that it left, and that are not there any more.
    pub(super) missing: Vec<PathBuf>,
}

impl Candidate {
    /// The accuracy that it is picked by.
    pub(super) fn accuracy(&self, held_out: bool) -> Option<f64> {
        if held_out { self.network.validation } else { Some(self.network.test) }
    }

    /// Hidden neurons.
    pub(super) fn neurons(&self) -> usize {
        self.network.widths.iter().sum()
    }
}

impl Pool {
    /// Those of the run in a folder, whether it is finished or not.
    ///
    /// # Errors
    /// It is not the folder of a run, a file by which networks are picked is damaged, or its configuration cannot
    /// be read.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let manifest = verified(folder)?;
        let (run, _) = Run::read_what_is_there(folder)?;
        let file = folder.join("config.toml");
        let config = presets::resolve(&Layers { file: Some(&file), ..Layers::default() })
            .with_context(|| format!("the configuration of {}", folder.display()))?;
        let held_out = config.data.validation > 0.0;
        let is_old = !folder.join("networks").is_dir();
        let replicas = replicas(folder);
        let mut candidates = starts(&run, &replicas, held_out);
        let rungs = rungs(&run);
        let mut trained = BTreeMap::new();
        for clip in &run.clips {
            let (Some(test), Ok(method)) =
                (clip.accuracy_after_training, clip.method.parse::<Method>())
            else {
                continue;
            };
            let Some(rung) = rungs.get(&clip.cycle) else { continue };
            let network = KeptNetwork {
                method,
                seed: clip.seed,
                clip: Some(clip.cycle),
                widths: rung.widths.clone(),
                test,
                validation: clip.validation_after_training,
            };
            let before = replicas.get(&clip.replica).and_then(|r| before(r, held_out));
            trained.insert((clip.replica, clip.cycle), (network, clip.parameters, before));
        }
        let last = rungs.keys().next_back().copied();
        candidates.extend(trained.into_iter().map(
            |((replica, cycle), (network, parameters, before))| {
                let finished = replicas.get(&replica).filter(|r| r.outcome == Outcome::Finished);
                let place = finished.and_then(|r| r.network).filter(|_| is_old);
                let weights = match place {
                    Some(place) if Some(cycle) == last => Weights::Final(place),
                    _ => Weights::Gone,
                };
                Candidate { network, parameters, before, weights }
            },
        ));
        let left: BTreeSet<&str> = manifest.iter().flat_map(Manifest::names).collect();
        let mut missing = vec![];
        for candidate in &mut candidates {
            let KeptNetwork { method, seed, clip, .. } = candidate.network;
            let name = network_path(method, seed, clip);
            let path = folder.join(&name);
            if path.is_file() {
                candidate.weights = Weights::File(path);
            } else if left.contains(name.as_str()) {
                missing.push(path);
            }
        }
        Ok(Self { config, candidates, held_out, is_old, manifest, missing })
    }

    /// Leaves those of a method and of a seed.
    ///
    /// # Errors
    /// The run has no such method or seed.
    pub(super) fn restrict(
        &mut self,
        method: Option<&str>,
        seed: Option<u64>,
    ) -> anyhow::Result<()> {
        let all = self.config.all_replicas();
        let mut methods: Vec<String> = all.iter().map(|r| r.method.to_string()).collect();
        methods.dedup();
        let mut seeds: Vec<u64> = all.iter().map(|replica| replica.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        if let Some(name) = method {
            let known = methods.join(", ");
            ensure!(
                methods.iter().any(|method| method == name),
                "--method {name}: the run has no such method; it has {known}"
            );
            self.candidates.retain(|candidate| candidate.network.method.to_string() == name);
        }
        if let Some(seed) = seed {
            let (first, last) = (seeds.first().unwrap_or(&0), seeds.last().unwrap_or(&0));
            ensure!(
                seeds.contains(&seed),
                "--seed {seed}: the run has no such seed; it has {}",
                if first == last { first.to_string() } else { format!("{first} to {last}") }
            );
            self.candidates.retain(|candidate| candidate.network.seed == seed);
        }
        Ok(())
    }
}

/// The manifest of a finished run.
///
/// # Errors
/// A file by which networks are picked is not as the run left it, or the manifest cannot be read.
fn verified(folder: &Path) -> anyhow::Result<Option<Manifest>> {
    let manifest = Manifest::read(folder)
        .with_context(|| format!("cannot read {}", folder.join(MANIFEST).display()))?;
    for name in ["config.toml", "summary.json", "cycles.csv"] {
        let Some(manifest) = &manifest else { continue };
        if let Some(problem) = manifest.problem(folder, name) {
            let remedy = match manifest.copy(name) {
                Some(_) => format!("`rayclip resume {}` restores it", folder.display()),
                None => "restore it from a copy".to_owned(),
            };
            bail!("{}: {problem}; {remedy}", folder.join(name).display());
        }
    }
    Ok(manifest)
}

/// The networks before the first clip.
fn starts(run: &Run, replicas: &BTreeMap<usize, ReplicaSummary>, held_out: bool) -> Vec<Candidate> {
    let start = |replica: &ReplicaSummary| {
        let network = KeptNetwork {
            method: replica.method.parse().ok()?,
            seed: replica.seed,
            clip: None,
            widths: run.widths_before.clone(),
            test: replica.accuracy_before?,
            validation: replica.validation_before,
        };
        let (parameters, before) = (run.parameters_before?, before(replica, held_out));
        Some(Candidate { network, parameters, before, weights: Weights::Gone })
    };
    replicas.values().filter_map(start).collect()
}

fn before(replica: &ReplicaSummary, held_out: bool) -> Option<f64> {
    if held_out { replica.validation_before } else { replica.accuracy_before }
}

/// What `summary.json` says of the replicas; nothing where it cannot be read.
fn replicas(folder: &Path) -> BTreeMap<usize, ReplicaSummary> {
    #[derive(Default, Deserialize)]
    struct Summary {
        replicas: Vec<ReplicaSummary>,
    }
    let bytes = rayclip_data::read_whole(&folder.join("summary.json"), MOST_SUMMARY_BYTES);
    let summary: Option<Summary> = bytes.ok().and_then(|b| serde_json::from_slice(&b).ok());
    let replicas = summary.unwrap_or_default().replicas;
    replicas.into_iter().map(|replica| (replica.replica, replica)).collect()
}
