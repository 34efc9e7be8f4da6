//! Energy by the machine's own counters: RAPL for the processor packages, NVML for NVIDIA cards.
//!
//! Both count what the whole package or card takes, whoever has work on it.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use nvml_wrapper::Nvml;
use serde::Serialize;

use crate::device::is_host;

/// Where Linux shows RAPL, of Intel and AMD processors alike.
const POWERCAP: &str = "/sys/class/powercap";

/// What a run took.
#[derive(Debug, Clone, Serialize)]
pub struct Energy {
    /// Joules of all sources together.
    pub joules: f64,
    /// The counters that they were read from.
    pub sources: Vec<String>,
}

/// Adds up what the counters tell since it was made.
pub(crate) struct EnergyMeter {
    packages: Vec<Package>,
    cards: Option<Cards>,
    /// At the last [`EnergyMeter::lap`].
    last: f64,
}

/// A processor package.
struct Package {
    name: String,
    counter: PathBuf,
    /// Where the counter starts again at 0, in microjoules.
    range: u64,
    last: u64,
    microjoules: u64,
}

/// All NVIDIA cards of the machine: which of them computes, no driver tells.
struct Cards {
    nvml: Nvml,
    count: u32,
    /// In millijoules.
    first: u64,
    last: u64,
}

impl EnergyMeter {
    /// The counters of this machine; those of the cards where the device is one.
    pub(crate) fn start(device: &Device) -> Self {
        let cards = (!is_host(device)).then(Cards::start).flatten();
        Self { packages: packages(Path::new(POWERCAP)), cards, last: 0.0 }
    }

    /// What was taken so far; nothing where no counter can be read.
    pub(crate) fn energy(&mut self) -> Option<Energy> {
        let packages = self
            .packages
            .iter_mut()
            .map(|package| (package.read() as f64 * 1e-6, format!("RAPL {}", package.name)));
        let cards = self.cards.iter_mut().map(|cards| {
            cards.last = cards.read().unwrap_or(cards.last);
            let joules = cards.last.saturating_sub(cards.first) as f64 * 1e-3;
            (joules, format!("NVML, {} cards", cards.count))
        });
        let (joules, sources): (Vec<f64>, Vec<String>) = packages.chain(cards).unzip();
        (!sources.is_empty()).then(|| Energy { joules: joules.iter().sum(), sources })
    }

    /// Joules since the last lap, which goes on.
    pub(crate) fn since_lap(&mut self) -> Option<f64> {
        Some(self.energy()?.joules - self.last)
    }

    /// Joules since the last lap.
    pub(crate) fn lap(&mut self) -> Option<f64> {
        let joules = self.energy()?.joules;
        let lap = joules - self.last;
        self.last = joules;
        Some(lap)
    }
}

/// The packages under a folder of the kernel; their parts are among them already.
fn packages(powercap: &Path) -> Vec<Package> {
    let Ok(entries) = fs::read_dir(powercap) else { return vec![] };
    let mut zones: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    zones.sort();
    let is_package = |zone: &&PathBuf| {
        let name = zone.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("intel-rapl:") && name.matches(':').count() == 1
    };
    let package = |zone: &PathBuf| {
        let counter = zone.join("energy_uj");
        let last = number(&counter)?;
        let range = number(&zone.join("max_energy_range_uj"))?;
        let name = fs::read_to_string(zone.join("name")).ok()?.trim().to_owned();
        Some(Package { name, counter, range, last, microjoules: 0 })
    };
    zones.iter().filter(is_package).filter_map(package).collect()
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

impl Package {
    /// Microjoules since the start. The counter is taken to have started again once at most; one that
    /// cannot be read any more stands still.
    fn read(&mut self) -> u64 {
        let now = number(&self.counter).unwrap_or(self.last);
        let end = if now >= self.last { now } else { now.saturating_add(self.range) };
        let passed = end.saturating_sub(self.last);
        self.microjoules = self.microjoules.saturating_add(passed);
        self.last = now;
        self.microjoules
    }
}

impl Cards {
    fn start() -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        let count = nvml.device_count().ok().filter(|count| *count > 0)?;
        let mut cards = Self { nvml, count, first: 0, last: 0 };
        cards.first = cards.read()?;
        cards.last = cards.first;
        Some(cards)
    }

    fn read(&self) -> Option<u64> {
        let of_card = |card| self.nvml.device_by_index(card).ok()?.total_energy_consumption().ok();
        (0..self.count).map(of_card).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_added_up_across_the_counters_end() {
        let folder = tempfile::tempdir().unwrap();
        let zone = |name: &str, microjoules: &str| {
            let zone = folder.path().join(name);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("energy_uj"), microjoules).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "10000000\n").unwrap();
            fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        };
        zone("intel-rapl:0", "9000000\n");
        zone("intel-rapl:1", "1000000\n");
        // A part of package 0, and another interface to the same counter.
        zone("intel-rapl:0:0", "5\n");
        zone("intel-rapl-mmio:0", "5\n");
        let mut meter = EnergyMeter { packages: packages(folder.path()), cards: None, last: 0.0 };
        zone("intel-rapl:1", "3000000\n");
        assert_eq!(meter.lap(), Some(2.0));
        zone("intel-rapl:0", "500000\n");
        assert_eq!(meter.lap(), Some(1.5));
        zone("intel-rapl:0", "no number");
        assert_eq!(meter.lap(), Some(0.0));
        let energy = meter.energy().unwrap();
        assert_eq!(energy.joules, 3.5);
        assert_eq!(energy.sources, ["RAPL intel-rapl:0", "RAPL intel-rapl:1"]);
    }

    #[test]
    fn without_a_counter_there_is_no_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut meter = EnergyMeter { packages: packages(folder.path()), cards: None, last: 0.0 };
        assert!(meter.lap().is_none() && meter.energy().is_none());
        assert!(packages(&folder.path().join("missing")).is_empty());
    }
}
