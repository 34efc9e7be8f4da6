//! What a benchmark runs on.

use std::time::Duration;

use indicatif::ProgressBar;
use rayclip_report::Ceilings;
use rayclip_run_folder::config::DeviceChoice;

use super::ceilings;
use crate::device::{self, Chosen};
use crate::output;
use crate::progress::bar_style;

/// A device, and the fastest of its single operations so far. Other programs can only make an operation slower, so they
/// are timed again after every case.
pub(super) struct Machine {
    pub(super) chosen: Chosen,
    pub(super) ceilings: Ceilings,
    bar: ProgressBar,
}

impl Machine {
    /// Chooses the device and measures it. `told` says whether people read what is printed.
    pub(super) fn measure(device: DeviceChoice, told: bool) -> anyhow::Result<Self> {
        let chosen = device::choose_fast(device)?;
        if told {
            output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
        }
        let ceilings = ceilings::measure(&chosen.device)?;
        let bar = if told { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Ok(Self { chosen, ceilings, bar })
    }

    /// Shows how many of so many cases are timed.
    pub(super) fn expect(&self, cases: usize) {
        self.bar.set_style(bar_style("cases"));
        self.bar.set_length(cases as u64);
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// Times a case, and the single operations after it.
    pub(super) fn time<T>(
        &mut self,
        case: &str,
        time: impl FnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.bar.set_message(format!("  {case}"));
        let timed = time(self).map_err(|error| error.context(case.to_owned()))?;
        self.ceilings = self.ceilings.best(ceilings::measure(&self.chosen.device)?);
        self.bar.inc(1);
        Ok(timed)
    }

    /// Ends the bar: results follow.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
