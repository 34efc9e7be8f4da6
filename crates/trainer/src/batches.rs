//! Which images make up a batch.

use rand::seq::SliceRandom;

use crate::config::OrderKind;
use crate::streams::{Purpose, stream};

/// The order of the training images, for every replica.
#[derive(Debug)]
pub(crate) struct BatchOrder {
    kind: OrderKind,
    seeds: Vec<u64>,
    images: usize,
    batch_size: usize,
    /// The epoch that `permutations` are of.
    epoch: Option<usize>,
    permutations: Vec<Vec<usize>>,
}

impl BatchOrder {
    pub(crate) fn new(kind: OrderKind, seeds: &[u64], images: usize, batch_size: usize) -> Self {
        Self { kind, seeds: seeds.to_vec(), images, batch_size, epoch: None, permutations: vec![] }
    }

    /// The image numbers of batch `batch` of cycle `cycle`, one list a replica, or a single list that
    /// is every replica's.
    pub(crate) fn batch(
        &mut self,
        cycle: usize,
        batches_per_cycle: usize,
        batch: usize,
    ) -> Vec<Vec<usize>> {
        let position = match self.kind {
            OrderKind::Shuffled => cycle * batches_per_cycle + batch,
            OrderKind::Sequential => batch,
        };
        let batches_per_epoch = self.images.div_ceil(self.batch_size);
        let (epoch, index) = (position / batches_per_epoch, position % batches_per_epoch);
        let range = index * self.batch_size..((index + 1) * self.batch_size).min(self.images);
        match self.kind {
            OrderKind::Sequential => vec![range.collect()],
            OrderKind::Shuffled => {
                self.shuffle_for(epoch);
                self.permutations.iter().map(|order| order[range.clone()].to_vec()).collect()
            }
        }
    }

    /// Goes on with some of the replicas.
    pub(crate) fn keep_replicas(&mut self, replicas: &[usize]) {
        self.seeds = replicas.iter().map(|replica| self.seeds[*replica]).collect();
        if self.epoch.is_some() {
            let kept =
                replicas.iter().map(|replica| std::mem::take(&mut self.permutations[*replica]));
            self.permutations = kept.collect();
        }
    }

    fn shuffle_for(&mut self, epoch: usize) {
        if self.epoch == Some(epoch) {
            return;
        }
        self.epoch = Some(epoch);
        let permutation = |seed: &u64| {
            let mut order: Vec<usize> = (0..self.images).collect();
            order.shuffle(&mut stream(*seed, Purpose::BatchOrder, [epoch, 0]));
            order
        };
        self.permutations = self.seeds.iter().map(permutation).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_every_image_once_and_goes_on_across_cycles() {
        let mut order = BatchOrder::new(OrderKind::Shuffled, &[3, 4], 10, 4);
        let first: Vec<_> = [(0, 0), (0, 1), (1, 0)]
            .into_iter()
            .map(|(cycle, batch)| order.batch(cycle, 2, batch))
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
        assert_ne!(order.batch(1, 2, 1), first[0]);
    }

    #[test]
    fn the_replicas_that_are_left_see_what_they_would_have_seen() {
        let mut three = BatchOrder::new(OrderKind::Shuffled, &[3, 4, 5], 10, 4);
        let mut two = BatchOrder::new(OrderKind::Shuffled, &[3, 5], 10, 4);
        three.batch(0, 9, 0);
        three.keep_replicas(&[0, 2]);
        for batch in 0..9 {
            assert_eq!(three.batch(0, 9, batch), two.batch(0, 9, batch));
        }
    }

    #[test]
    fn a_sequential_order_begins_anew_in_every_cycle() {
        let mut order = BatchOrder::new(OrderKind::Sequential, &[3, 4], 10, 4);
        assert_eq!(order.batch(7, 5, 0), [[0, 1, 2, 3]]);
        assert_eq!(order.batch(7, 5, 2), [[8, 9]]);
        assert_eq!(order.batch(7, 5, 3), [[0, 1, 2, 3]]);
    }
}
