//! Completes folders of version 0.1. They do not say what networks and training cost, so it is computed here, once,
//! when they are read. Version 0.1 trains only perceptrons.
//!
//! Rows of a later version are complete and are not changed.

use std::collections::BTreeMap;

use super::{Groups, rungs};
use crate::config::RunConfig;
use crate::config::ladder::hidden_group;
use crate::cycles::Cycles;
use crate::data::DataSummary;
use crate::epochs::Epochs;
use crate::rows::CycleRow;
use crate::summary::Summary;
use crate::{limits, operations};

/// Renames the column of layers in a table of clips that version 0.1 wrote, to `group`. Returns `None` for a table
/// of a later version.
pub(super) fn with_groups(csv: &[u8]) -> Option<Vec<u8>> {
    let end = csv.iter().position(|byte| *byte == b'\n').unwrap_or(csv.len());
    let header = std::str::from_utf8(&csv[..end]).ok()?.trim_end();
    let columns: Vec<&str> = header.split(',').collect();
    if columns.contains(&"group") || !columns.contains(&"layer") {
        return None;
    }
    let rename = |column| if column == "layer" { "group" } else { column };
    let header = columns.into_iter().map(rename).collect::<Vec<_>>().join(",");
    Some([header.as_bytes(), &csv[end..]].concat())
}

/// Names the groups of rows that were read from [`with_groups`].
pub(super) fn name_groups(rows: &mut [CycleRow]) {
    for row in rows {
        row.group = hidden_group(&row.group);
    }
}

/// Returns the kept neurons by group. Version 0.1 lists them by layer.
pub(super) fn groups_of_layers(layers: Vec<Vec<usize>>) -> BTreeMap<String, Vec<usize>> {
    layers.into_iter().enumerate().map(|(layer, kept)| (hidden_group(layer), kept)).collect()
}

/// The sizes of a perceptron without its hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Perceptron {
    inputs: usize,
    classes: usize,
}

impl Perceptron {
    /// Returns the perceptron for some images; `None` if their shape or classes are not known, or on overflow.
    fn of(data: &DataSummary) -> Option<Self> {
        let shape = data.image_shape.as_ref()?;
        let inputs = shape.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent))?;
        Some(Self { inputs, classes: data.classes? })
    }

    /// Returns the multiply-accumulates to classify an image, and those of the first layer among them; `None` on
    /// overflow.
    fn macs(self, widths: &[usize]) -> Option<(usize, usize)> {
        let from = std::iter::once(self.inputs).chain(widths.iter().copied());
        let to = widths.iter().copied().chain(std::iter::once(self.classes));
        let mut products = from.zip(to).map(|(from, to)| from.checked_mul(to));
        let first = products.next()??;
        let all = products.try_fold(first, |sum, product| sum.checked_add(product?))?;
        Some((all, first))
    }

    /// Returns the floating-point operations to train on one image.
    fn training_flops(self, widths: &[usize]) -> Option<f64> {
        let (all, first) = self.macs(widths)?;
        Some(operations::training_flops(all, first))
    }
}

/// Adds what version 0.1 leaves out of a summary: the names of the groups, and bytes and multiply-accumulates of the
/// network before the first clip. A summary that names its groups is not changed.
pub fn complete_summary(summary: &mut Summary) {
    if !summary.groups.is_empty() {
        return;
    }
    summary.groups = (0..summary.widths_before.len()).map(hidden_group).collect();
    summary.bytes_before = operations::bytes(summary.parameters_before);
    let perceptron = Perceptron::of(&summary.data);
    summary.macs_before = perceptron.and_then(|p| Some(p.macs(&summary.widths_before)?.0));
}

/// Fills the columns that version 0.1 does not have, from the rest of the folder: the groups, the images and the
/// configuration. A column stays empty if these do not say enough, or on overflow.
///
/// The sums are those of the cost ledger of version 0.1. A clipped network has the operations of every cycle with
/// the widths before its clip. A fresh network has the operations of all cycles with its own widths.
pub fn complete_rows(
    rows: &mut [CycleRow],
    groups: &Groups,
    data: &DataSummary,
    config: Option<&RunConfig>,
) {
    let perceptron = Perceptron::of(data);
    let ladder = rungs(rows, groups);
    let ladder: Ladder = ladder.into_iter().map(|(cycle, rung)| (cycle, rung.widths)).collect();
    let ledger = config.and_then(|config| {
        let epochs = Epochs::of(config, data.train?)?;
        Some(Ledger::new(perceptron, &epochs, &groups.widths, &ladder))
    });
    for row in rows {
        row.bytes = operations::bytes(row.parameters);
        let widths = ladder.get(&row.cycle);
        row.macs = perceptron.zip(widths).and_then(|(p, widths)| Some(p.macs(widths)?.0));
        if let Some(ledger) = &ledger {
            ledger.fill(row);
        }
    }
}

/// The widths after every clip, by cycle.
type Ladder = BTreeMap<usize, Vec<usize>>;

/// The cost of training up to every clip, by cycle.
struct Ledger {
    cycles: Cycles,
    images: Vec<Option<usize>>,
    /// Floating-point operations to train a network that is clipped.
    clipped: Vec<Option<f64>>,
    /// Floating-point operations to train the network before the first clip.
    full_width: Vec<Option<f64>>,
    /// Floating-point operations to train a fresh network with the widths after the clip.
    scratch: BTreeMap<usize, Option<f64>>,
}

impl Ledger {
    fn new(
        perceptron: Option<Perceptron>,
        epochs: &Epochs,
        first: &[usize],
        ladder: &Ladder,
    ) -> Self {
        let cycles = ladder.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let cycles = 0..cycles.min(limits::CYCLES);
        let images: Vec<Option<usize>> =
            cycles.clone().map(|cycle| epochs.images_in(cycle)).collect();
        let per_image = |widths: Option<&[usize]>| perceptron?.training_flops(widths?);
        let flops = |cycle: usize, per_image: Option<f64>| Some(per_image? * images[cycle]? as f64);
        // In a cycle, a network is trained with the widths after the previous clip.
        let before = |cycle: usize| match cycle.checked_sub(1) {
            None => Some(first),
            Some(clip) => ladder.get(&clip).map(Vec::as_slice),
        };
        let scratch = ladder.range(cycles.clone()).map(|(&cycle, widths)| {
            let own = per_image(Some(widths));
            (cycle, (0..=cycle).map(|cycle| flops(cycle, own)).sum())
        });
        let full = per_image(Some(first));
        Self {
            cycles: epochs.cycles().clone(),
            clipped: running(cycles.clone().map(|cycle| flops(cycle, per_image(before(cycle))))),
            full_width: running(cycles.map(|cycle| flops(cycle, full))),
            scratch: scratch.collect(),
            images: images
                .iter()
                .scan(Some(0_usize), |sum, images| {
                    *sum = sum.zip(*images).and_then(|(sum, images)| sum.checked_add(images));
                    Some(*sum)
                })
                .collect(),
        }
    }

    fn fill(&self, row: &mut CycleRow) {
        let cycle = row.cycle;
        let trained = self.clipped.get(cycle).copied().flatten();
        let fresh = self.scratch.get(&cycle).copied().flatten();
        row.batches = cycle.checked_add(1).and_then(|next| self.cycles.batches_before(next));
        row.images = self.images.get(cycle).copied().flatten();
        row.training_flops = if row.is_scratch() { fresh } else { trained };
        row.full_width_flops = self.full_width.get(cycle).copied().flatten();
    }
}

/// Returns the running sums of some numbers; `None` from the first unknown number on.
fn running(values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
    let add = |sum: &mut Option<f64>, value: Option<f64>| {
        *sum = sum.zip(value).map(|(sum, value)| sum + value);
        Some(*sum)
    };
    values.scan(Some(0.0), add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::METHOD_SCRATCH;
    use crate::config::presets::{Layers, Setting, resolve};
    use crate::read;

    /// The table of a run of 12 → 8 → 3 → 2 that version 0.1 wrote. Layer 1 is small enough from the start.
    const CYCLES: &str = "replica,method,seed,cycle,layer,width_before,width_after,sparsity,\
        accuracy_after_clip,parameters\n\
        0,dtc,0,0,0,8,6,0.25,0.5,96\n0,dtc,0,1,0,6,4,0.5,0.5,66\n\
        1,scratch,0,1,0,6,4,0.5,0.5,66\n1,scratch,0,1,1,3,3,0,0.5,66\n";

    const SUMMARY: &str = r#"{"version":"0.1.0","outcome":"finished","device":"flex","clips":2,
        "widths_before":[8,3],"parameters_before":126,"replicas":[],"data":{"name":"d","digest":"",
        "test":9,"validation":0,"train":13,"image_shape":[3,4],"classes":2}}"#;

    fn config() -> RunConfig {
        let settings =
            ["network.hidden=[8,3]", "training.batch_size=5", "training.batches_per_cycle=4"];
        let settings = [&settings[..], &["compression.min_width=4"]].concat();
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    /// Reads the rows and the summary.
    fn read(cycles: &str) -> (read::Cycles, Summary) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cycles.csv"), cycles).unwrap();
        (read::cycles(folder.path()).unwrap(), read::summary(SUMMARY.as_bytes()).unwrap())
    }

    fn complete(cycles: &mut read::Cycles, summary: &mut Summary, config: Option<&RunConfig>) {
        complete_summary(summary);
        complete_rows(&mut cycles.rows, &Groups::of_summary(summary), &summary.data, config);
    }

    #[test]
    fn what_an_old_folder_does_not_say_is_computed() {
        let (mut cycles, mut summary) = read(CYCLES);
        assert!(cycles.is_version_0_1);
        complete(&mut cycles, &mut summary, Some(&config()));
        assert_eq!(summary.groups, ["layer_0", "layer_1"]);
        assert_eq!((summary.bytes_before, summary.macs_before), (Some(4 * 126), Some(126)));
        let [first, last, fresh, again] = cycles.rows.as_slice() else { panic!() };
        // 12 · 6 + 6 · 3 + 3 · 2, and 12 · 4 + 4 · 3 + 3 · 2.
        assert_eq!((first.macs, last.macs, fresh.macs), (Some(96), Some(66), Some(66)));
        assert_eq!((first.bytes, fresh.bytes), (Some(4 * 96), Some(4 * 66)));
        // Batches of 5, 5, 3 | 5, 5, 3 | … images, four per cycle.
        assert_eq!((first.batches, last.batches), (Some(4), Some(8)));
        assert_eq!((first.images, last.images, fresh.images), (Some(18), Some(36), Some(36)));
        let flops = |hidden: f64| 4.0 * 12.0 * hidden + 6.0 * (hidden * 3.0 + 6.0);
        assert_eq!(first.training_flops, Some(18.0 * flops(8.0)));
        assert_eq!(last.training_flops, Some(18.0 * flops(8.0) + 18.0 * flops(6.0)));
        assert_eq!(fresh.training_flops, Some(18.0 * flops(4.0) + 18.0 * flops(4.0)));
        assert_eq!(last.full_width_flops, Some(36.0 * flops(8.0)));
        assert_eq!(fresh.full_width_flops, last.full_width_flops);
        assert_eq!((again.macs, again.training_flops), (fresh.macs, fresh.training_flops));
        assert_eq!(again.method, METHOD_SCRATCH);
    }

    #[test]
    fn what_does_not_follow_stays_empty() {
        let found = |change: fn(&mut Summary), config: Option<&RunConfig>| {
            let (mut cycles, mut summary) = read(CYCLES);
            change(&mut summary);
            complete(&mut cycles, &mut summary, config);
            let row = cycles.rows.swap_remove(1);
            (row.bytes, row.macs, row.batches, row.training_flops.is_some())
        };
        let (bytes, macs, batches) = (Some(264), Some(66), Some(8));
        assert_eq!(found(|_| (), Some(&config())), (bytes, macs, batches, true));
        assert_eq!(found(|_| (), None), (bytes, macs, None, false));
        let without = |change| found(change, Some(&config()));
        assert_eq!(without(|summary| summary.data.train = None), (bytes, macs, None, false));
        assert_eq!(without(|summary| summary.data.classes = None), (bytes, None, batches, false));
        let huge = |summary: &mut Summary| summary.data.image_shape = Some(vec![1 << 40, 1 << 40]);
        assert_eq!(without(huge), (bytes, None, batches, false));
    }

    #[test]
    fn what_cannot_be_counted_is_not_known() {
        let perceptron = Perceptron { inputs: usize::MAX / 2, classes: 2 };
        assert_eq!((perceptron.macs(&[4]), perceptron.training_flops(&[4])), (None, None));
        assert_eq!(perceptron.training_flops(&[1]), Some(2_f64.powi(65)));
        let perceptron = Perceptron { inputs: 10, classes: 2 };
        assert_eq!(perceptron.macs(&[]), Some((20, 20)));
        assert_eq!(perceptron.training_flops(&[7, 3]), Some(f64::from(4 * 70 + 6 * 21 + 6 * 6)));
        // A cycle that no ladder has is not counted.
        let (mut cycles, mut summary) = read(CYCLES);
        cycles.rows[1].cycle = usize::MAX;
        complete(&mut cycles, &mut summary, Some(&config()));
        let row = &cycles.rows[1];
        assert_eq!((row.batches, row.training_flops), (None, None));
    }

    #[test]
    fn a_folder_that_names_its_groups_is_not_of_version_0_1() {
        let (cycles, mut summary) = read(&CYCLES.replace(",layer,", ",group,"));
        assert!(!cycles.is_version_0_1);
        summary.groups = vec!["a".into(), "b".into()];
        let named = summary.clone();
        complete_summary(&mut summary);
        assert_eq!(summary, named);
        assert_eq!(with_groups(b"cycle,layer\r\n1,2").unwrap(), b"cycle,group\n1,2");
        assert_eq!((with_groups(b""), with_groups(b"layer,group\n")), (None, None));
    }
}
