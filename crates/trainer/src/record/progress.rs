//! How far a run is, and what it took.

use std::time::{Duration, Instant, SystemTime};

use rayclip_model::{Mlp, MlpShape};

use super::Record;
use crate::energy::Energy;
use crate::events::{Event, Observer, Progress};
use crate::{Outcome, Summary, ladder};

/// While batches are trained on, the progress is written this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl<'a> Record<'a> {
    /// The observer, and this record kept up to date by what it is told.
    pub(crate) fn watching<'r>(&'r mut self, observer: &'r mut dyn Observer) -> Watching<'r, 'a> {
        Watching { record: self, observer }
    }

    /// How far the run is, and what it took.
    pub(super) fn progress(&mut self) -> Progress {
        // A clock that is before 1970 says nothing.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = self.progress.energy.as_ref().map_or(0.0, |energy| energy.joules);
        let energy = self.energy.energy();
        Progress {
            updated: now.as_secs_f64(),
            seconds: self.progress.seconds + self.began.elapsed().as_secs_f64(),
            energy: energy.map(|energy| Energy { joules: energy.joules + before, ..energy }),
            ..self.progress.clone()
        }
    }

    /// The summary of a run that is not at its end.
    pub(crate) fn summary(&mut self) -> Summary {
        let before = self.description.shape.clone();
        let network =
            self.finished.first().map(|(_, network)| network).or(self.unfinished.as_ref());
        let clips = self.rows.keys().map(|(cycle, ..)| cycle + 1).max().unwrap_or(0);
        let after = network.map_or_else(|| self.stopped_at(clips), Mlp::shape);
        Summary {
            version: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Running,
            error: None,
            without: vec![],
            progress: self.progress(),
            device: self.device.clone(),
            clips,
            data: self.data.clone(),
            widths_before: self.config.network.hidden.clone(),
            parameters_before: before.parameters(),
            parameters_after: after.parameters(),
            widths: after.hidden,
            replicas: self.replicas.clone(),
        }
    }
}

impl Record<'_> {
    /// The smallest networks of a run whose replicas have stopped, or else those of its beginning.
    fn stopped_at(&self, clips: usize) -> MlpShape {
        let first = self.description.shape.clone();
        let stopped = self.replicas.iter().any(|replica| replica.outcome == Outcome::Stopped);
        let last = clips.checked_sub(1).filter(|_| stopped);
        match last.and_then(|clip| ladder(self.config).get(clip).cloned()) {
            Some(hidden) => MlpShape { hidden, ..first },
            None => first,
        }
    }
}

/// An observer whose run is recorded.
pub(crate) struct Watching<'r, 'a> {
    record: &'r mut Record<'a>,
    observer: &'r mut dyn Observer,
}

impl Observer for Watching<'_, '_> {
    fn notify(&mut self, event: &Event<'_>) {
        if let Event::Batch { cycle, widths } = event {
            let record = &mut *self.record;
            let progress = &mut record.progress;
            (progress.cycle, progress.widths) = (*cycle, widths.to_vec());
            progress.batches_done += 1;
            if record.heard.elapsed() > HEARTBEAT {
                let progress = record.progress();
                // A disk that is full refuses the next checkpoint too, and that ends the run.
                let _refused = record.folder.write_progress(&progress);
                record.heard = Instant::now();
            }
        }
        self.observer.notify(event);
    }

    fn interrupted(&self) -> bool {
        self.observer.interrupted()
    }
}
