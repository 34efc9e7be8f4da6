//! The images of each batch.

use rand::seq::SliceRandom;
use rayclip_run_folder::config::OrderKind;
use rayclip_run_folder::epochs::{BatchRange, Epochs};

use crate::streams::{Purpose, stream};

/// The order of the training images, for every replica.
#[derive(Debug)]
pub(crate) struct BatchOrder {
    epochs: Epochs,
    seeds: Vec<u64>,
    /// The epoch of `permutations`.
    epoch: Option<usize>,
    permutations: Vec<Vec<usize>>,
}

impl BatchOrder {
    /// Creates the order of some epochs, for replicas with these seeds.
    pub(crate) fn new(epochs: Epochs, seeds: Vec<u64>) -> Self {
        Self { epochs, seeds, epoch: None, permutations: vec![] }
    }

    /// Returns the image numbers of batch `batch` of cycle `cycle`: one list per replica, or a single list for all
    /// replicas.
    pub(crate) fn batch(&mut self, cycle: usize, batch: usize) -> Vec<Vec<usize>> {
        let BatchRange { epoch, images } = self.epochs.batch(cycle, batch);
        match self.epochs.order() {
            OrderKind::Sequential => vec![images.collect()],
            OrderKind::Shuffled => {
                self.shuffle_for(epoch);
                self.permutations.iter().map(|order| order[images.clone()].to_vec()).collect()
            }
        }
    }

    fn shuffle_for(&mut self, epoch: usize) {
        if self.epoch == Some(epoch) {
            return;
        }
        self.epoch = Some(epoch);
        let permutation = |seed: &u64| {
            let mut order: Vec<usize> = (0..self.epochs.images()).collect();
            order.shuffle(&mut stream(*seed, Purpose::BatchOrder, [epoch, 0]));
            order
        };
        self.permutations = self.seeds.iter().map(permutation).collect();
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    /// Batches of four images, from ten images.
    fn order(kind: &str, batches_per_cycle: usize, seeds: &[u64]) -> BatchOrder {
        let settings = [
            format!("training.order={kind}"),
            "training.batch_size=4".to_owned(),
            format!("training.batches_per_cycle={batches_per_cycle}"),
        ];
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        BatchOrder::new(Epochs::of(&config, 10).unwrap(), seeds.to_vec())
    }

    #[test]
    fn an_epoch_sees_every_image_once_and_continues_across_cycles() {
        let mut order = order("shuffled", 2, &[3, 4]);
        let first: Vec<_> = [(0, 0), (0, 1), (1, 0)]
            .into_iter()
            .map(|(cycle, batch)| order.batch(cycle, batch))
            .collect();
        assert_eq!(first.iter().map(|batch| batch[0].len()).collect::<Vec<_>>(), [4, 4, 2]);
        for replica in 0..2 {
            let mut seen: Vec<usize> =
                first.iter().flat_map(|batch| batch[replica].clone()).collect();
            assert_ne!(seen, (0..10).collect::<Vec<_>>());
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(first[0][0], first[0][1]);
        assert_ne!(order.batch(1, 1), first[0]);
    }

    #[test]
    fn a_sequential_order_starts_over_in_every_cycle() {
        let mut order = order("sequential", 5, &[3, 4]);
        assert_eq!(order.batch(7, 0), [[0, 1, 2, 3]]);
        assert_eq!(order.batch(7, 2), [[8, 9]]);
        assert_eq!(order.batch(7, 3), [[0, 1, 2, 3]]);
    }
}
