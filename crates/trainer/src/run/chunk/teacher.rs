//! The networks from which others learn: the original network of a run, or else the network of each seed before the first
//! clip.
//!
//! Where training images are not changed at random, a teacher always says the same of an image. Then its logits for all
//! images are computed once and kept.

use burn::tensor::{Int, Tensor, TensorData};
use rayclip_model::{Population, select_replicas};
use rayclip_run_folder::Replica;

use super::trainees::Trainees;
use crate::data::DeviceImages;
use crate::error::TrainerError;

/// The networks from which others learn.
pub(super) struct Teacher {
    networks: Population,
    /// The seed of each network; `None` if there is one network for all seeds.
    seeds: Option<Vec<u64>>,
    /// Their logits for all training images, `[network, image, class]`, if they are kept.
    logits: Option<Tensor<3>>,
}

/// What the networks of a cycle learn from. Those that train on the same batches learn from one network.
pub(super) struct Lesson {
    source: Source,
    /// For each teacher, the index of a network that learns from it.
    learners: Vec<usize>,
    /// For each network that learns, the index of its teacher.
    of: Vec<usize>,
}

enum Source {
    /// The teachers.
    Networks(Population),
    /// Logits for all images, `[network, image, class]`, and the network of each teacher.
    Logits(Tensor<3>, Vec<usize>),
}

impl Teacher {
    /// Everybody learns from one network.
    pub(super) fn original(network: &Population) -> Self {
        Self { networks: network.clone(), seeds: None, logits: None }
    }

    /// The replicas of a seed learn from the network of the first of them.
    pub(super) fn by_seed(networks: &Population, replicas: &[Replica]) -> Self {
        let distinct = Trainees::by_seed(replicas);
        Self::of_seeds(networks.keep_replicas(&distinct.owners()), replicas)
    }

    /// The replicas of a seed learn from one network. `networks` are those of the distinct seeds, in the order of the
    /// replicas.
    pub(super) fn of_seeds(networks: Population, replicas: &[Replica]) -> Self {
        let distinct = Trainees::by_seed(replicas);
        let seeds = distinct.replicas().iter().map(|replica| replica.seed).collect();
        Self { networks, seeds: Some(seeds), logits: None }
    }

    /// Computes the logits for all training images, in batches of a size, and keeps them.
    ///
    /// # Errors
    /// The images cannot be read.
    pub(super) fn remember(
        self,
        images: &DeviceImages,
        batch_size: usize,
    ) -> Result<Self, TrainerError> {
        let mut all = vec![];
        for first in (0..images.len()).step_by(batch_size) {
            let indices = (first..images.len().min(first + batch_size)).collect();
            all.push(self.networks.forward(images.batch(&[indices])?.images));
        }
        Ok(Self { logits: Some(Tensor::cat(all, 1)), ..self })
    }

    /// Returns the networks of a checkpoint; `None` if everybody learns from the original network, which the run folder
    /// has.
    pub(super) fn to_save(&self) -> Option<&Population> {
        self.seeds.is_some().then_some(&self.networks)
    }

    /// Drops the networks of other seeds than those of the replicas.
    pub(super) fn keep_seeds_of(self, replicas: &[Replica]) -> Self {
        let Some(seeds) = &self.seeds else { return self };
        let distinct = Trainees::by_seed(replicas);
        let index = |replica: &Replica| seeds.iter().position(|seed| *seed == replica.seed);
        let kept: Vec<usize> = distinct.replicas().iter().filter_map(index).collect();
        let logits = self.logits.map(|logits| select_replicas(&logits, &kept));
        Self { logits, ..Self::of_seeds(self.networks.keep_replicas(&kept), replicas) }
    }

    /// Returns what the networks of a cycle learn from. `replicas` are those of the chunk.
    pub(super) fn lesson(&self, trainees: &Trainees, replicas: &[Replica]) -> Lesson {
        // Replicas of a seed train on the same batches, so the scores of their teacher are the same.
        let batches = Trainees::by_seed(trainees.replicas());
        let learners = batches.owners();
        let owners = trainees.owners();
        let teacher = |learner: &usize| {
            let seed = replicas[owners[*learner]].seed;
            let of_seed = |seeds: &Vec<u64>| seeds.iter().position(|other| *other == seed);
            self.seeds.as_ref().and_then(of_seed).unwrap_or(0)
        };
        let teachers: Vec<usize> = learners.iter().map(teacher).collect();
        let source = match &self.logits {
            None => Source::Networks(self.networks.keep_replicas(&teachers)),
            Some(logits) => Source::Logits(logits.clone(), teachers),
        };
        Lesson { source, learners, of: batches.first() }
    }
}

impl Lesson {
    /// Returns the logits of the teachers for the batches of the networks that learn, `[network, image, class]`.
    ///
    /// # Shapes
    /// `images`: `[network or 1, image, pixel]`; `order`: `[network or 1][image]`, their indices.
    pub(super) fn logits(&self, images: &Tensor<3>, order: &[Vec<usize>]) -> Tensor<3> {
        let logits = match &self.source {
            Source::Networks(networks) => networks.forward(match images.dims() {
                [1, ..] => images.clone(),
                _ => select_replicas(images, &self.learners),
            }),
            Source::Logits(logits, teachers) => {
                let of_batch = |(learner, teacher): (&usize, &usize)| {
                    let order = order.get(*learner).unwrap_or(&order[0]);
                    let ids: Vec<i32> = order.iter().map(|image| *image as i32).collect();
                    let ids = TensorData::new(ids, [order.len()]);
                    let ids = Tensor::<1, Int>::from_data(ids, &logits.device());
                    logits.clone().narrow(0, *teacher, 1).select(1, ids)
                };
                Tensor::cat(self.learners.iter().zip(teachers).map(of_batch).collect(), 0)
            }
        };
        select_replicas(&logits, &self.of)
    }
}
