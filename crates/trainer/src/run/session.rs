//! All effects of a run: the session records, writes, checkpoints and reports what a chunk returns.

use std::path::PathBuf;
use std::time::Duration;

use rayclip_model::Description;
use rayclip_run_folder::config::settings;
use rayclip_run_folder::write::RunFolder;
use rayclip_run_folder::{
    DataSummary, KeptRow, Outcome, Replica, RunConfig, Summary, operations, paths,
};
use tracing::info_span;

use super::chunk::{Advance, Chunk, Measured, Trained};
use super::events::{Event, Observer};
use super::files::LedgerFiles;
use super::finals::FinalNetworks;
use super::ledger::Ledger;
use super::meter::Meter;
use super::networks::{Keeping, NetworkFiles, TrainedNetworks};
use super::options::{Interrupter, OnDivergence};
use super::position::Position;
use super::rungs::{Rung, Rungs};
use super::state::{ChunkNumbers, State};
use crate::error::TrainerError;
use crate::folder::checkpoint::{Checkpoint, Checkpoints, HostTensors};

/// The part of a session that does not change during the run.
pub(crate) struct About<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) folder: &'a RunFolder,
    pub(crate) rungs: &'a Rungs,
    /// Describes one network before the first clip.
    pub(crate) description: &'a Description,
    pub(crate) data: &'a DataSummary,
    /// Backend and adapter.
    pub(crate) device: &'a str,
    pub(crate) keeping: Keeping,
    pub(crate) on_divergence: OnDivergence,
    pub(crate) interrupter: Interrupter,
    pub(crate) chunks: ChunkNumbers,
}

/// A run in progress.
pub(crate) struct Session<'a> {
    pub(crate) about: About<'a>,
    pub(crate) ledger: Ledger,
    pub(crate) files: LedgerFiles<'a>,
    pub(crate) finals: FinalNetworks,
    pub(crate) meter: Meter,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) observer: &'a mut dyn Observer,
    /// Where the current chunk started.
    pub(crate) position: Position,
}

impl Session<'_> {
    /// Marks the run as in progress, and makes the folder hold what the ledger holds. Removes the checkpoints in
    /// `unused`, which do not match the folder after that.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn begin(&mut self, unused: &[PathBuf]) -> Result<(), TrainerError> {
        for path in unused {
            self.checkpoints.remove(path);
        }
        self.network_files().cut(&self.ledger)?;
        self.files.cut(&self.ledger)?;
        let folder = self.about.folder;
        folder.remove(paths::WEIGHTS)?;
        folder.remove(paths::DESCRIPTION)?;
        let summary = self.summary();
        folder.write_progress(&summary.progress)?;
        Ok(folder.write_summary(&summary)?)
    }

    /// Returns whether the run should end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.about.interrupter.is_interrupted()
    }

    /// Notifies the observer.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        self.observer.notify(event);
    }

    /// Starts a chunk that was not resumed. The cost of the chunk before it does not count for it.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn begin_chunk(&mut self, chunk: &mut Chunk<'_>) -> Result<(), TrainerError> {
        self.meter.next_chunk();
        // From here on, it is fixed which replicas train together.
        self.checkpoint(chunk)
    }

    /// Records a step of a chunk and the time that it took. Returns the indices of the replicas that continue.
    ///
    /// # Errors
    /// The device fails, the file system refuses, or a replica diverges and that ends the run.
    pub(crate) fn record(
        &mut self,
        advance: Advance,
        elapsed: Duration,
        chunk: &mut Chunk<'_>,
    ) -> Result<Vec<usize>, TrainerError> {
        self.meter.count(elapsed, &advance);
        match advance {
            Advance::Batch => self.batch(chunk)?,
            Advance::Trained(trained) => return self.trained(&trained, chunk),
            Advance::Scored(_) => {
                if let Some((done, total)) = chunk.scoring() {
                    self.tell(&Event::Scoring { done, total });
                }
            }
            Advance::Clipped(kept) => self.clipped(chunk.cycle(), kept)?,
            Advance::Measured(measured) => self.measured(measured, chunk)?,
            Advance::Diverged(replicas) => self.diverged(chunk.cycle(), replicas)?,
            Advance::NextCycle | Advance::Done => {}
        }
        Ok((0..chunk.replicas().len()).collect())
    }

    fn batch(&mut self, chunk: &mut Chunk<'_>) -> Result<(), TrainerError> {
        let (cycle, widths) = (chunk.cycle(), chunk.graph()?.widths());
        self.meter.count_batch(cycle, widths.clone());
        self.checkpoints.count_batch();
        if let Some(progress) = self.meter.heartbeat() {
            // On a full disk, the next checkpoint fails too, and that ends the run.
            let _refused = self.about.folder.write_progress(&progress);
        }
        self.tell(&Event::Batch { cycle, widths: &widths });
        if !chunk.wants_batch() || self.checkpoints.is_due() {
            self.checkpoint(chunk)?;
        }
        Ok(())
    }

    fn trained(
        &mut self,
        trained: &Trained,
        chunk: &Chunk<'_>,
    ) -> Result<Vec<usize>, TrainerError> {
        let Trained { clip: rung, tested } = trained;
        let (replicas, network) = (chunk.replicas(), chunk.network()?);
        match rung {
            None => self.ledger.before_clips(replicas, &tested.accuracies),
            Some(clip) => {
                self.ledger.complete(*clip, replicas, Some(&tested.accuracies));
                self.complete_clip(*clip, chunk)?;
            }
        }
        let networks = TrainedNetworks { rung: *rung, replicas, network, tested };
        self.network_files().write(&networks, &self.ledger)?;
        let alive = |index: &usize| !self.ledger.has_fallen(replicas[*index].number, *rung);
        let alive: Vec<usize> = (0..replicas.len()).filter(alive).collect();
        let stopped = replicas.iter().enumerate().filter(|(index, _)| !alive.contains(index));
        for (index, replica) in stopped {
            self.ledger.stop(*replica);
            let (Some(cycle), Some(validation)) = (*rung, tested.accuracies[index].validation)
            else {
                continue;
            };
            let method = replica.method.to_string();
            let event = Event::Stopped { method: &method, seed: replica.seed, cycle, validation };
            self.observer.notify(&event);
        }
        Ok(alive)
    }

    /// Writes the complete rows of a clip, and notifies the observer.
    fn complete_clip(&mut self, clip: usize, chunk: &Chunk<'_>) -> Result<(), TrainerError> {
        let replicas: Vec<usize> = chunk.replicas().iter().map(|r| r.number).collect();
        let rows = self.ledger.rows_of(clip, &replicas);
        if rows.is_empty() {
            return Ok(());
        }
        // The observer may read the folder, so the rows are written first.
        self.files.complete_clip(&self.ledger)?;
        let (timings, widths) =
            (self.ledger.timings_of(clip, &replicas), chunk.network()?.graph().widths());
        self.tell(&Event::Cycle { rows: &rows, timings: &timings, widths: &widths });
        Ok(())
    }

    fn clipped(&mut self, cycle: usize, kept: Vec<KeptRow>) -> Result<(), TrainerError> {
        self.ledger.add_kept(cycle, kept);
        self.files.write_kept(cycle, &self.ledger)
    }

    fn measured(&mut self, measured: Measured, chunk: &mut Chunk<'_>) -> Result<(), TrainerError> {
        let Measured { clip, rows, rays } = measured;
        let timings = self.meter.timings(clip, chunk.replicas());
        self.ledger.add_rows(rows);
        self.ledger.add_rays(clip, rays);
        self.ledger.add_timings(timings);
        let replicas = chunk.replicas().iter().map(|replica| replica.number).collect();
        self.files.append_clip(clip, replicas, &self.ledger)?;
        if chunk.is_from_scratch() {
            return Ok(());
        }
        self.meter.next_cycle();
        self.checkpoint(chunk)
    }

    fn diverged(
        &mut self,
        cycle: usize,
        replicas: Vec<(Replica, String)>,
    ) -> Result<(), TrainerError> {
        let mut divergences = vec![];
        for (replica, reason) in replicas {
            let divergence = self.ledger.diverge(replica, cycle, reason);
            if self.about.on_divergence == OnDivergence::Stop {
                return Err(TrainerError::Diverged(divergence));
            }
            divergences.push(divergence);
        }
        let all = self.ledger.replicas();
        let left = all.iter().filter(|summary| summary.outcome != Outcome::Diverged).count();
        let replicas = all.len();
        for divergence in &divergences {
            self.tell(&Event::Diverged { divergence, left, replicas });
        }
        Ok(())
    }

    /// Records an interrupted chunk.
    ///
    /// # Errors
    /// The device fails, the file system refuses, or a replica diverges and that ends the run.
    pub(crate) fn interrupt(&mut self, mut chunk: Chunk<'_>) -> Result<(), TrainerError> {
        if self.checkpoints.is_behind() {
            self.checkpoint(&mut chunk)?;
        }
        let diverged = chunk.freeze_diverged()?;
        if !diverged.is_empty() {
            self.diverged(chunk.cycle(), diverged)?;
        }
        if chunk.replicas().is_empty() {
            return Ok(());
        }
        if let Some(clip) = chunk.clip_before() {
            self.complete_clip(clip, &chunk)?;
        }
        if !chunk.is_from_scratch() {
            let networks = chunk.network()?.clone();
            self.finals.interrupt(chunk.replicas(), networks, &mut self.ledger);
        }
        Ok(())
    }

    /// Records a chunk that is done.
    ///
    /// # Errors
    /// An error ended its last step.
    pub(crate) fn finish_chunk(&mut self, chunk: &Chunk<'_>) -> Result<(), TrainerError> {
        if chunk.replicas().is_empty() || !chunk.is_clipped()? {
            return Ok(());
        }
        let (replicas, networks) = (chunk.replicas(), chunk.network()?.clone());
        self.ledger.final_accuracies(chunk.clip_before(), replicas);
        self.ledger.finish(replicas);
        self.finals.finish(replicas, networks, &mut self.ledger);
        Ok(())
    }

    /// Takes a checkpoint.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    fn checkpoint(&mut self, chunk: &mut Chunk<'_>) -> Result<(), TrainerError> {
        let _span = info_span!("checkpoint").entered();
        let mut tensors = HostTensors::default();
        let about = &self.about;
        let state = State {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            device: about.device.to_owned(),
            data: about.data.digest.clone(),
            settings: settings(about.config)?,
            chunks: about.chunks.clone(),
            position: chunk.position(self.position),
            chunk: chunk.save(&mut tensors)?,
            ledger: self.ledger.save(&mut tensors),
            finished: self.finals.save(&mut tensors)?,
            keep_networks: about.keeping.policy,
            meter: self.meter.save(),
            // Last: the files that a checkpoint relies on are synced before it is written.
            written: self.files.sync(&self.ledger)?,
        };
        self.checkpoints.save(&Checkpoint { state, tensors })
    }

    /// Writes the final networks; nothing if every replica diverged.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn write_networks(&self) -> Result<(), TrainerError> {
        let Some(networks) = self.finals.networks() else { return Ok(()) };
        let (replicas, graph) = (networks.replicas(), networks.graph().clone());
        let description = Description { replicas, graph, ..self.about.description.clone() };
        let (weights, json) = rayclip_model::save(&networks, &description)?;
        self.about.folder.write(paths::WEIGHTS, &weights)?;
        Ok(self.about.folder.write(paths::DESCRIPTION, &json)?)
    }

    /// Returns the summary of a run in progress.
    pub(crate) fn summary(&mut self) -> Summary {
        let About { rungs, data, device, .. } = &self.about;
        let first = rungs.first();
        let after = self.finals.graph().unwrap_or_else(|| &self.smallest().graph);
        Summary {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            outcome: Outcome::Running,
            error: None,
            without: vec![],
            device: (*device).to_owned(),
            clips: Some(self.ledger.clips()),
            groups: rungs.group_names().to_vec(),
            widths_before: first.widths.clone(),
            widths: after.widths(),
            parameters_before: first.parameters,
            parameters_after: Some(after.parameters()),
            bytes_before: operations::bytes(first.parameters),
            macs_before: first.macs,
            data: (*data).clone(),
            replicas: self.ledger.replicas().to_vec(),
            progress: self.meter.progress(),
        }
    }

    /// Returns the smallest networks of a run with stopped replicas, otherwise the first networks.
    fn smallest(&self) -> &Rung {
        let stopped = self.ledger.replicas().iter().any(|r| r.outcome == Outcome::Stopped);
        let last = self.ledger.clips().checked_sub(1).filter(|_| stopped);
        self.about.rungs.at(last)
    }

    fn network_files(&self) -> NetworkFiles<'_> {
        let About { folder, config, description, keeping, .. } = &self.about;
        NetworkFiles { folder, config, description, keeping }
    }
}
