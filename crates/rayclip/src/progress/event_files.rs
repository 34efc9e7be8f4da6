//! The TensorBoard event files of a run in progress.

use std::path::{Path, PathBuf};

use rayclip_data::Dir;
use rayclip_report::{EventFiles, ReportError, Run};
use rayclip_run_folder::paths::EVENTS;
use rayclip_run_folder::{CycleRow, TimingRow};

/// The event files in a run folder.
pub(super) struct RunEvents {
    run: PathBuf,
    files: EventFiles,
    /// Whether the rows that a resumed run already had are written.
    is_caught_up: bool,
}

impl RunEvents {
    pub(super) fn new(run: &Path) -> Self {
        let files = EventFiles::new(Dir::from(run).join(EVENTS));
        Self { run: run.to_path_buf(), files, is_caught_up: false }
    }

    /// Writes the rows of a clip.
    pub(super) fn cycle(
        &mut self,
        rows: &[CycleRow],
        timings: &[TimingRow],
    ) -> Result<(), ReportError> {
        if !self.is_caught_up {
            self.is_caught_up = true;
            self.files.write_whole_rows(&Run::read(&self.run)?)?;
        }
        self.files.write_rows(rows, timings)
    }

    /// Writes the summary of the finished run.
    pub(super) fn finish(&mut self) -> Result<(), ReportError> {
        self.files.write_run(&Run::read(&self.run)?)
    }
}
