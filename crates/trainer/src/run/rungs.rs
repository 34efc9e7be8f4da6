//! The networks of the ladder: their sizes, and the training that leads to them.

use std::borrow::Cow;

use rayclip_model::{Graph, Macs};
use rayclip_run_folder::epochs::Epochs;
use rayclip_run_folder::{Cycles, RunConfig, ladder, limits, operations};

use super::position::{ScratchTeacher, TrainingSchedule};
use super::widths::GlobalRanking;
use crate::error::TrainerError;

/// The network before the first clip, and the networks after every clip.
#[derive(Clone)]
pub(crate) struct Rungs {
    first: Rung,
    after: Vec<Rung>,
    groups: Vec<String>,
    epochs: Epochs,
    global: Option<GlobalRanking>,
    teaching: Teaching,
}

/// What the training costs besides that of the networks alone.
#[derive(Clone)]
struct Teaching {
    /// Floating-point operations of the first network for each image that others learn from it; 0 if none do.
    flops: Option<f64>,
    /// Training images whose logits are computed once; `None` if they are computed for each batch.
    images: Option<usize>,
    /// Whether they learn in the first cycle too.
    from_first_cycle: bool,
    /// Copies of a clipped network that train together.
    copies: usize,
}

/// One of these networks.
#[derive(Clone)]
pub(crate) struct Rung {
    pub(crate) graph: Graph,
    /// Neurons of every group.
    pub(crate) widths: Vec<usize>,
    /// Weights and biases.
    pub(crate) parameters: usize,
    /// Multiply-accumulates to classify an image; `None` if there are too many to count.
    pub(crate) macs: Option<usize>,
    /// Floating-point operations to train on an image; `None` if there are too many to count.
    pub(crate) training_flops: Option<f64>,
}

/// The training of a network up to a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    pub(crate) batches: Option<usize>,
    pub(crate) images: Option<usize>,
    pub(crate) training_flops: Option<f64>,
    /// The operations for the network before the first clip, on the same images.
    pub(crate) full_width_flops: Option<f64>,
}

impl Rungs {
    /// Computes the rungs of a run whose first network is `graph`, with `images` training images.
    ///
    /// # Errors
    /// There is no image, or the configuration names no group of the network.
    pub(crate) fn of(
        config: &RunConfig,
        graph: &Graph,
        images: usize,
    ) -> Result<Self, TrainerError> {
        let ladder = ladder(config);
        let last = ladder.last().cloned().unwrap_or_else(|| graph.widths());
        let after = ladder.iter().map(|widths| Rung::of(graph.with_widths(widths)));
        let first = Rung::of(graph.clone());
        let epochs = Epochs::of(config, images).ok_or(TrainerError::NoImages)?;
        Ok(Self {
            teaching: Teaching {
                flops: teacher_flops(config, &first),
                images: remembers(config, graph, &epochs).then_some(images),
                from_first_cycle: config.learns_in(0),
                copies: config.training.soup,
            },
            first,
            after: after.collect(),
            global: GlobalRanking::of(&config.compression, graph, &last)?,
            groups: graph.free_groups().into_iter().map(|group| group.name).collect(),
            epochs,
        })
    }

    /// Returns how clips are distributed over the groups; `None` if every group has its own ranking. With a global
    /// ranking, a network has its own widths, and those of the ladder say how large it may be.
    pub(crate) fn global(&self) -> Option<&GlobalRanking> {
        self.global.as_ref()
    }

    /// Sets the widths of a network after a clip.
    pub(crate) fn set(&mut self, clip: usize, widths: &[usize]) {
        self.after[clip] = Rung::of(self.first.graph.with_widths(widths));
    }

    /// Returns the rungs of a network with these widths after its first clips.
    pub(crate) fn of_network(&self, widths: &[Vec<usize>]) -> Self {
        let mut own = self.clone();
        for (clip, widths) in widths.iter().enumerate().take(self.after.len()) {
            own.set(clip, widths);
        }
        own
    }

    /// Returns the network before the first clip.
    pub(crate) fn first(&self) -> &Rung {
        &self.first
    }

    /// Returns the networks after every clip.
    pub(crate) fn after(&self) -> &[Rung] {
        &self.after
    }

    /// Returns the rungs of a schedule, with its cycles.
    pub(crate) fn of_schedule(
        &self,
        schedule: TrainingSchedule,
        config: &RunConfig,
    ) -> Cow<'_, Self> {
        match schedule {
            TrainingSchedule::Ladder => Cow::Borrowed(self),
            TrainingSchedule::Scratch { .. } => {
                let epochs = self.epochs.in_cycles(schedule.batches_of_cycles(config));
                Cow::Owned(Self { epochs, ..self.clone() })
            }
        }
    }

    /// Returns the epochs of the training images.
    pub(crate) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Returns whether the logits of a teacher for all training images are computed once.
    pub(crate) fn remembers_teacher(&self) -> bool {
        self.teaching.images.is_some()
    }

    /// Returns the number of batches in every cycle.
    pub(crate) fn cycles(&self) -> &Cycles {
        self.epochs.cycles()
    }

    /// Returns the names of the groups that can be clipped.
    pub(crate) fn group_names(&self) -> &[String] {
        &self.groups
    }

    /// Returns the bytes that a table of a run with so many replicas may have.
    pub(crate) fn most_table_bytes(&self, replicas: usize) -> u64 {
        limits::table_bytes(replicas, self.after.len(), self.groups.len())
    }

    /// Returns the network after a clip, or (`None`) before the first clip.
    ///
    /// # Panics
    /// If there is no such clip.
    pub(crate) fn at(&self, clip: Option<usize>) -> &Rung {
        clip.map_or(&self.first, |clip| &self.after[clip])
    }

    /// Returns the smallest network.
    pub(crate) fn last(&self) -> &Rung {
        self.after.last().unwrap_or(&self.first)
    }

    /// Returns the training of a network of a schedule, up to a clip.
    pub(crate) fn spent(&self, schedule: TrainingSchedule, clip: usize) -> Spent {
        let cycles = 0..clip + 1;
        let copies = |cycle: usize| match schedule {
            TrainingSchedule::Ladder if cycle > 0 => self.teaching.copies,
            _ => 1,
        };
        let images = |cycle| self.epochs.images_in(cycle)?.checked_mul(copies(cycle));
        let batches = |cycle| self.cycles().batches(cycle).checked_mul(copies(cycle));
        let flops = |cycle: usize, per_image: Option<f64>| Some(per_image? * images(cycle)? as f64);
        let learns = |cycle: usize| match schedule {
            TrainingSchedule::Scratch { teacher: ScratchTeacher::None, .. } => false,
            _ => cycle > 0 || self.teaching.from_first_cycle,
        };
        // Logits that are computed once, for all images.
        let once = match self.teaching.images {
            Some(images) if cycles.clone().any(|c| learns(c) && self.cycles().batches(c) > 0) => {
                self.teaching.flops.map(|flops| flops * images as f64)
            }
            _ => Some(0.0),
        };
        let own = |cycle| {
            let each = learns(cycle) && !self.remembers_teacher();
            let teacher = if each { self.teaching.flops } else { Some(0.0) };
            Some(self.at(schedule.rung(cycle)).training_flops? + teacher?)
        };
        let training_flops = cycles.clone().map(|cycle| flops(cycle, own(cycle)));
        Spent {
            batches: sum(cycles.clone().map(batches)),
            images: sum(cycles.clone().map(images)),
            training_flops: training_flops.chain([once]).sum(),
            full_width_flops: cycles.map(|cycle| flops(cycle, self.first.training_flops)).sum(),
        }
    }
}

/// Adds up; `None` if a number is missing, or if there are too many to count.
fn sum(mut counts: impl Iterator<Item = Option<usize>>) -> Option<usize> {
    counts.try_fold(0_usize, |sum, count| sum.checked_add(count?))
}

/// Resolves the floating-point operations on which a budget depends, with the number of training images.
///
/// # Errors
/// There are too many to count.
pub(crate) fn resolve_flops(
    config: &mut RunConfig,
    graph: &Graph,
    images: usize,
) -> Result<(), TrainerError> {
    let first = Rung::of(graph.clone());
    let epochs = Epochs::of(config, images).ok_or(TrainerError::NoImages)?;
    let teacher = teacher_flops(config, &first);
    let after = ladder(config).into_iter().map(|widths| Rung::of(graph.with_widths(&widths)));
    let flops = std::iter::once(first).chain(after).map(|rung| rung.training_flops);
    let flops: Option<Vec<f64>> = flops.collect();
    let (flops, teacher) = flops.zip(teacher).ok_or_else(|| {
        TrainerError::fault("the network has more operations than can be counted")
    })?;
    let once = remembers(config, graph, &epochs);
    let compression = &mut config.compression;
    compression.training_flops = flops;
    (compression.teacher_flops, compression.teacher_once) =
        if once { (0.0, teacher * images as f64) } else { (teacher, 0.0) };
    Ok(())
}

/// Returns the floating-point operations of the first network for each image, if the others learn from it.
fn teacher_flops(config: &RunConfig, original: &Rung) -> Option<f64> {
    let learns = config.training.distillation > 0.0;
    if learns { original.macs.map(operations::forward_flops) } else { Some(0.0) }
}

/// Bytes of the logits of all teachers that are kept.
const MOST_LOGITS: usize = 256 << 20;

/// Returns whether the logits of a teacher for all training images are computed once: if images are not changed at random,
/// and if this is less work than to compute them for each batch.
fn remembers(config: &RunConfig, graph: &Graph, epochs: &Epochs) -> bool {
    let (training, images) = (&config.training, epochs.images());
    let numbers = images.saturating_mul(graph.outputs()).saturating_mul(config.replicas);
    let bytes = numbers.saturating_mul(size_of::<f32>());
    let changes = training.shift > 0 || training.flip;
    let is_less = learning_images(config, epochs).is_none_or(|learnt| learnt >= images);
    training.distillation > 0.0 && !changes && bytes <= MOST_LOGITS && is_less
}

/// Returns the number of images on which the copies of a clipped network learn from another network; `None` if there are
/// too many to count.
fn learning_images(config: &RunConfig, epochs: &Epochs) -> Option<usize> {
    let cycles = (0..=ladder(config).len()).filter(|cycle| config.learns_in(*cycle));
    sum(cycles.map(|cycle| epochs.images_in(cycle)?.checked_mul(config.copies_in(cycle))))
}

impl Rung {
    fn of(graph: Graph) -> Self {
        let macs = graph.macs();
        let training_flops = |Macs { all, first }| operations::training_flops(all, first);
        Self {
            widths: graph.widths(),
            parameters: graph.parameters(),
            macs: macs.map(|macs| macs.all),
            training_flops: macs.map(training_flops),
            graph,
        }
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::Method;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    #[test]
    fn a_clipped_network_pays_for_all_its_widths_and_a_fresh_one_for_its_own() {
        let settings = [
            "network.hidden=[13]",
            "training.batch_size=5",
            "training.batches_per_cycle=3",
            "compression.keep=0.5",
            "compression.min_width=3",
        ];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        // Batches of 5, 5, 2 images: twelve per cycle. 13 → 6 → 3 neurons.
        let rungs = Rungs::of(&config, &Graph::perceptron(10, &[13], 2, true), 12).unwrap();
        assert_eq!(rungs.after().iter().map(|r| r.widths[0]).collect::<Vec<_>>(), [6, 3]);
        let flops = |width: f64| 12.0 * (4.0 * 10.0 + 6.0 * 2.0) * width;
        let spent = rungs.spent(TrainingSchedule::Ladder, 1);
        assert_eq!((spent.batches, spent.images), (Some(6), Some(24)));
        assert_eq!(spent.training_flops, Some(flops(13.0) + flops(6.0)));
        assert_eq!(spent.full_width_flops, Some(2.0 * flops(13.0)));
        let schedule = TrainingSchedule::scratch(&config, Method::Scratch, 1);
        let scratch = rungs.of_schedule(schedule, &config).spent(schedule, 1);
        assert_eq!(scratch.training_flops, Some(2.0 * flops(3.0)));
        assert_eq!(scratch.full_width_flops, spent.full_width_flops);
        assert_eq!((rungs.at(Some(1)).macs, rungs.first().macs), (Some(36), Some(156)));
        assert_eq!(rungs.last().parameters, 11 * 3 + 4 * 2);
        assert!(Rungs::of(&config, &Graph::perceptron(10, &[13], 2, true), 0).is_err());
    }

    #[test]
    fn on_a_budget_of_operations_fresh_networks_spend_as_many() {
        for (more, copies) in
            [("training.shift=0", 1), ("training.shift=1", 1), ("training.shift=0", 2)]
        {
            let copies = format!("training.soup={copies}");
            let settings = [
                "network.hidden=[40]",
                "training.batch_size=5",
                "training.batches_per_cycle=60",
                "training.distillation=0.5",
                "compression.budget=operations",
                "compression.keep=0.5",
                "compression.min_width=12",
                more,
                &copies,
            ];
            let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
            let mut config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
            // 40 → 20 → 10 neurons; sixty batches are a multiple of the epochs of thirty images.
            let graph = Graph::perceptron(10, &[40], 2, true);
            resolve_flops(&mut config, &graph, 30).unwrap();
            let rungs = Rungs::of(&config, &graph, 30).unwrap();
            assert_eq!(rungs.remembers_teacher(), more.ends_with('0'));
            let clipped = rungs.spent(TrainingSchedule::Ladder, 1).training_flops.unwrap();
            for method in [Method::Scratch, Method::ScratchDistilled] {
                let schedule = TrainingSchedule::scratch(&config, method, 1);
                let spent = rungs.of_schedule(schedule, &config).spent(schedule, 1);
                let ratio = spent.training_flops.unwrap() / clipped;
                assert!((ratio - 1.0).abs() < 0.02, "{more}, {copies}, {method}: {ratio}");
            }
        }
    }
}
