//! Shifts and mirrors training images, so that networks do not learn them by heart.

use rand::RngExt;
use rayclip_model::Shape;
use rayclip_run_folder::Replica;
use rayclip_run_folder::config::TrainingConfig;

use crate::streams::{Purpose, stream};

/// How training images are changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Augmentation {
    shift: usize,
    flip: bool,
}

/// The change of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// Rows and columns by which the image moves; what comes in from outside is black.
    pub(crate) shift: [isize; 2],
    /// Whether left and right are swapped, before the shift.
    pub(crate) flip: bool,
}

impl Augmentation {
    /// Returns the changes that are configured; `None` if there are none.
    pub(crate) fn of(training: &TrainingConfig) -> Option<Self> {
        let TrainingConfig { shift, flip, .. } = *training;
        (shift > 0 || flip).then_some(Self { shift, flip })
    }

    /// Draws the changes of a batch, `[replica][image]`, from the replicas' own streams. `batch` counts all batches
    /// of a replica.
    pub(crate) fn draw(
        self,
        replicas: &[Replica],
        batch: usize,
        images: usize,
    ) -> Vec<Vec<Change>> {
        let most = self.shift as i64;
        let of_replica = |replica: &Replica| {
            let mut rng = stream(replica.seed, Purpose::Augmentation, [batch, 0]);
            let mut change = || Change {
                shift: [(); 2].map(|()| rng.random_range(-most..=most) as isize),
                flip: self.flip && rng.random(),
            };
            (0..images).map(|_| change()).collect()
        };
        replicas.iter().map(of_replica).collect()
    }
}

impl Change {
    /// Returns, for every position of the changed image, the position of the image that is there; `None` for what
    /// comes from outside.
    pub(crate) fn sources(self, shape: Shape) -> impl Iterator<Item = Option<usize>> {
        let Shape { height, width, .. } = shape;
        let from = move |at: usize, shift: isize, extent: usize| {
            at.checked_add_signed(-shift).filter(|source| *source < extent)
        };
        (0..height * width).map(move |position| {
            let row = from(position / width, self.shift[0], height)?;
            let column = from(position % width, self.shift[1], width)?;
            let column = if self.flip { width - 1 - column } else { column };
            Some(row * width + column)
        })
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::Method;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    fn sources(shift: [isize; 2], flip: bool) -> Vec<Option<usize>> {
        Change { shift, flip }.sources(Shape { height: 2, width: 3, channels: 1 }).collect()
    }

    #[test]
    fn an_image_is_mirrored_and_then_shifted() {
        assert_eq!(sources([0, 0], false), [0, 1, 2, 3, 4, 5].map(Some));
        assert_eq!(sources([0, 0], true), [2, 1, 0, 5, 4, 3].map(Some));
        assert_eq!(sources([1, 0], false)[..3], [None; 3]);
        assert_eq!(sources([1, 0], false)[3..], [0, 1, 2].map(Some));
        assert_eq!(sources([0, -1], true), [Some(1), Some(0), None, Some(4), Some(3), None]);
    }

    #[test]
    fn a_replica_draws_the_same_changes_beside_others_as_alone() {
        let settings = ["training.shift=2", "training.flip=true"];
        let settings = settings.map(|text| Setting::parse(text).unwrap()).to_vec();
        let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let augmentation = Augmentation::of(&config.training).unwrap();
        let replica = |seed: usize| Replica {
            number: seed,
            seed_index: seed,
            method: Method::L2,
            seed: seed as u64,
        };
        let both = augmentation.draw(&[replica(0), replica(1)], 7, 50);
        assert_eq!(augmentation.draw(&[replica(1)], 7, 50)[0], both[1]);
        assert_ne!(both[0], both[1]);
        assert_ne!(augmentation.draw(&[replica(1)], 8, 50)[0], both[1]);
        let seen = |of: fn(&Change) -> isize| {
            let mut seen: Vec<isize> = both.iter().flatten().map(of).collect();
            seen.sort_unstable();
            seen.dedup();
            seen
        };
        assert_eq!(seen(|change| change.shift[0]), [-2, -1, 0, 1, 2]);
        assert_eq!(seen(|change| isize::from(change.flip)), [0, 1]);
        let plain = resolve(&Layers::default()).unwrap();
        assert!(Augmentation::of(&plain.training).is_none());
    }
}
