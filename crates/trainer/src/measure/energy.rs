//! Energy from the machine's own counters: RAPL for processor packages, NVML for NVIDIA cards.
//!
//! Both count the whole package or card, including other processes.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use nvml_wrapper::Nvml;
use rayclip_run_folder::Energy;

use crate::device::is_host;

/// Where Linux exposes RAPL, for Intel and AMD processors.
const POWERCAP: &str = "/sys/class/powercap";

/// Adds up the counters since the meter was created.
pub(crate) struct EnergyMeter {
    packages: Vec<Package>,
    cards: Option<Cards>,
    /// Joules at the last [`EnergyMeter::lap`].
    last: f64,
}

/// A processor package.
struct Package {
    name: String,
    counter: PathBuf,
    /// The value after which the counter wraps to 0, in microjoules.
    range: u64,
    last: u64,
    microjoules: u64,
}

/// All NVIDIA cards of the machine: no driver says which card the device is.
struct Cards {
    nvml: Nvml,
    count: u32,
    /// In millijoules.
    first: u64,
    last: u64,
}

impl EnergyMeter {
    /// Opens the counters of this machine; those of the cards only if the device is not the CPU.
    pub(crate) fn start(device: &Device) -> Self {
        let cards = (!is_host(device)).then(Cards::start).flatten();
        Self { packages: packages(Path::new(POWERCAP)), cards, last: 0.0 }
    }

    /// Returns the energy so far; `None` if no counter can be read.
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

    /// Returns the joules since the last lap, without starting a new lap.
    pub(crate) fn since_lap(&mut self) -> Option<f64> {
        Some(self.energy()?.joules - self.last)
    }

    /// Returns the joules since the last lap, and starts a new lap.
    pub(crate) fn lap(&mut self) -> Option<f64> {
        let joules = self.energy()?.joules;
        let lap = joules - self.last;
        self.last = joules;
        Some(lap)
    }
}

/// Finds the packages below a folder of the kernel. Their subzones are left out: the packages include them.
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
    /// Returns the microjoules since the start. Assumes that the counter wrapped at most once since the last
    /// reading. A counter that can no longer be read adds nothing.
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
        // A subzone of package 0, and another interface to the same counter.
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
