//! The networks from which others learn: the original network of a run, or else the network of each seed before the first
//! clip.

use burn::tensor::Tensor;
use rayclip_model::{Population, select_replicas};
use rayclip_run_folder::Replica;

use super::trainees::Trainees;

/// The networks from which others learn.
pub(super) struct Teacher {
    networks: Population,
    /// The seed of each network; `None` if there is one network for all seeds.
    seeds: Option<Vec<u64>>,
}

/// The networks from which the networks of a cycle learn. Those that train on the same batches learn from one.
pub(super) struct Lesson {
    networks: Population,
    /// For each network, the index of one that learns from it.
    learners: Vec<usize>,
    /// For each network that learns, the index of the one from which it learns.
    of: Vec<usize>,
}

impl Teacher {
    /// Everybody learns from one network.
    pub(super) fn original(network: &Population) -> Self {
        Self { networks: network.clone(), seeds: None }
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
        Self { networks, seeds: Some(distinct.replicas().iter().map(|r| r.seed).collect()) }
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
        Self::of_seeds(self.networks.keep_replicas(&kept), replicas)
    }

    /// Returns the networks from which the networks of a cycle learn. `replicas` are those of the chunk.
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
        let networks =
            self.networks.keep_replicas(&learners.iter().map(teacher).collect::<Vec<_>>());
        Lesson { networks, learners, of: batches.first() }
    }
}

impl Lesson {
    /// Returns the logits for the batches of the networks that learn, `[network, image, class]`.
    ///
    /// # Shapes
    /// `images`: `[network or 1, image, pixel]`.
    pub(super) fn logits(&self, images: &Tensor<3>) -> Tensor<3> {
        let images = match images.dims() {
            [1, ..] => images.clone(),
            _ => select_replicas(images, &self.learners),
        };
        select_replicas(&self.networks.forward(images), &self.of)
    }
}
