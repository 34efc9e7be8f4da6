//! The networks of a run, and where their weights are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rayclip_data::{MANIFEST, Manifest};
use rayclip_report::Run;
use rayclip_run_folder::presets::{self, Layers};
use rayclip_run_folder::read::network_widths;
use rayclip_run_folder::{Method, Outcome, ReplicaSummary, RunConfig, paths};
use rayclip_trainer::KeptNetwork;

/// A network of a run.
pub(super) struct Candidate {
    pub(super) network: KeptNetwork,
    /// Weights and biases.
    pub(super) parameters: usize,
    /// The accuracy of the same replica before the first clip, on the images that decide.
    pub(super) before: Option<f64>,
    pub(super) weights: Weights,
}

/// Where the weights of a network are.
pub(super) enum Weights {
    /// In a separate file.
    File(PathBuf),
    /// In `network.safetensors`, at this index.
    Final(usize),
    /// They were not kept.
    Gone,
}

/// All networks of a run.
pub(super) struct Pool {
    pub(super) config: RunConfig,
    pub(super) candidates: Vec<Candidate>,
    /// Whether the run has held-out images.
    pub(super) held_out: bool,
    /// Whether the run is from before networks were kept.
    pub(super) is_old: bool,
    /// The manifest, if the run is finished.
    pub(super) manifest: Option<Manifest>,
    /// Networks that the manifest names, but that no longer exist.
    pub(super) missing: Vec<PathBuf>,
}

impl Candidate {
    /// Returns the accuracy that decides.
    pub(super) fn accuracy(&self, held_out: bool) -> Option<f64> {
        if held_out { self.network.validation } else { Some(self.network.test) }
    }

    /// Returns the number of hidden neurons.
    pub(super) fn neurons(&self) -> usize {
        self.network.widths.iter().sum()
    }
}

impl Pool {
    /// Reads the networks of the run in a folder, finished or not.
    ///
    /// # Errors
    /// It is not the folder of a run, a file that `pick` needs is damaged, or the configuration cannot be read.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let manifest = verified(folder)?;
        let (run, _) = Run::read_what_is_there(folder)?;
        let file = folder.join(paths::CONFIG);
        let config =
            presets::resolve(&Layers { file: Some(&file), is_recorded: true, ..Layers::default() })
                .with_context(|| format!("the configuration of {}", folder.display()))?;
        let held_out = config.data.validation > 0.0;
        let is_old = !folder.join(paths::NETWORKS).is_dir();
        let replicas: BTreeMap<usize, &ReplicaSummary> =
            run.summary.iter().flat_map(|s| &s.replicas).map(|r| (r.replica, r)).collect();
        let mut candidates = starts(&run, &replicas, held_out);
        candidates.extend(trained(&run, &replicas, held_out, is_old));
        let left: BTreeSet<&str> = manifest.iter().flat_map(Manifest::names).collect();
        let mut missing = vec![];
        for candidate in &mut candidates {
            let KeptNetwork { method, seed, clip, .. } = candidate.network;
            let name = paths::network(method, seed, clip);
            let path = folder.join(&name);
            if path.is_file() {
                candidate.weights = Weights::File(path);
            } else if left.contains(name.as_str()) {
                missing.push(path);
            }
        }
        Ok(Self { config, candidates, held_out, is_old, manifest, missing })
    }

    /// Keeps only the networks of a method and of a seed.
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

/// Returns the manifest of a finished run.
///
/// # Errors
/// A file that `pick` needs does not match the manifest, or the manifest cannot be read.
fn verified(folder: &Path) -> anyhow::Result<Option<Manifest>> {
    let manifest = Manifest::read(folder)
        .with_context(|| format!("cannot read {}", folder.join(MANIFEST).display()))?;
    for name in [paths::CONFIG, paths::SUMMARY, paths::CYCLES] {
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

/// Returns the networks before the first clip.
fn starts(
    run: &Run,
    replicas: &BTreeMap<usize, &ReplicaSummary>,
    held_out: bool,
) -> Vec<Candidate> {
    let start = |replica: &&ReplicaSummary| {
        let network = KeptNetwork {
            method: replica.method.parse().ok()?,
            seed: replica.seed,
            clip: None,
            widths: run.groups.widths.clone(),
            test: replica.accuracy_before?,
            validation: replica.validation_before,
        };
        let (parameters, before) = (run.parameters_before()?, before(replica, held_out));
        Some(Candidate { network, parameters, before, weights: Weights::Gone })
    };
    replicas.values().filter_map(start).collect()
}

/// Returns the networks after the training that follows a clip. A run of an old version (`is_old`) has only the last
/// one of each replica, in `network.safetensors`.
fn trained(
    run: &Run,
    replicas: &BTreeMap<usize, &ReplicaSummary>,
    held_out: bool,
    is_old: bool,
) -> Vec<Candidate> {
    let widths = network_widths(&run.rows, &run.groups);
    let last = run.cycles().checked_sub(1);
    let mut trained = BTreeMap::new();
    for row in &run.rows {
        let (Some(test), Ok(method), Some(widths)) = (
            row.accuracy_after_training,
            row.method.parse::<Method>(),
            widths.get(&(row.cycle, row.replica)),
        ) else {
            continue;
        };
        let network = KeptNetwork {
            method,
            seed: row.seed,
            clip: Some(row.cycle),
            widths: widths.clone(),
            test,
            validation: row.validation_after_training,
        };
        let replica = replicas.get(&row.replica);
        let index = replica.filter(|r| r.outcome == Outcome::Finished).and_then(|r| r.network);
        let weights = match index.filter(|_| is_old && Some(row.cycle) == last) {
            Some(index) => Weights::Final(index),
            None => Weights::Gone,
        };
        let before = replica.and_then(|replica| before(replica, held_out));
        let candidate = Candidate { network, parameters: row.parameters, before, weights };
        trained.insert((row.replica, row.cycle), candidate);
    }
    trained.into_values().collect()
}

fn before(replica: &ReplicaSummary, held_out: bool) -> Option<f64> {
    if held_out { replica.validation_before } else { replica.accuracy_before }
}
