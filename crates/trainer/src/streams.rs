//! All randomness of a run: one counter-based stream for every purpose and position.
//!
//! A stream is `ChaCha8` keyed with (seed, purpose, position). A replica is identified by its seed
//! alone, so it draws the same numbers alone and in a batch, on any device, in any order.
//!
//! # References
//! Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3* (SC 2011), for keyed
//! counters; Bernstein, *`ChaCha`, a variant of Salsa20* (2008).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purpose of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Initial weights; position: layer.
    Weights = 1,
    /// Order of the images; position: epoch.
    BatchOrder = 2,
    /// Measurement matrix; position: cycle, group.
    Measurement = 3,
    /// Order among equal scores; position: cycle, group.
    Ties = 4,
    /// Scores of the random criterion; position: cycle, group.
    RandomScores = 5,
    /// Images for criteria that need activations; position: cycle, batch.
    Calibration = 6,
    /// Factors of a dropout; position: batch, node.
    Dropout = 7,
    /// Shifts and mirrors of training images; position: batch.
    Augmentation = 8,
    /// The seed of a further copy of a network that trains; position: copy.
    Copies = 9,
    /// First centres of clusters of neurons; position: cycle, group.
    Clusters = 10,
}

/// Returns the stream of a replica for a purpose and a position.
pub(crate) fn stream(seed: u64, purpose: Purpose, position: [usize; 2]) -> ChaCha8Rng {
    let words = [seed, purpose as u64, position[0] as u64, position[1] as u64];
    let mut key = [0_u8; 32];
    for (bytes, word) in key.chunks_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, purpose, position| stream(seed, purpose, position).next_u64();
        let base = first(1, Purpose::Ties, [2, 3]);
        assert_eq!(base, first(1, Purpose::Ties, [2, 3]));
        for other in [
            first(2, Purpose::Ties, [2, 3]),
            first(1, Purpose::Weights, [2, 3]),
            first(1, Purpose::Ties, [3, 3]),
            first(1, Purpose::Ties, [2, 2]),
        ] {
            assert_ne!(base, other);
        }
    }
}
