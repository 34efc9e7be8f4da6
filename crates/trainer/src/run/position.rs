//! The position of a run, and what follows the training of a cycle.

use rayclip_run_folder::{Cycles, Method, RunConfig};
use serde::{Deserialize, Serialize};

/// The position of a run. Clipped chunks come first, then chunks that train from scratch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Whether the chunk trains from scratch.
    pub(crate) scratch: bool,
    /// The index of the chunk among those of its kind.
    pub(crate) chunk: usize,
    /// For a chunk that trains from scratch: the index of its clip in the list of clips of `scratch`.
    pub(crate) rung: usize,
    /// The cycle.
    pub(crate) cycle: usize,
    /// Batches of the cycle that are done.
    pub(crate) done: usize,
}

impl Position {
    /// Returns the start of a clipped chunk.
    pub(crate) fn of_chunk(chunk: usize) -> Self {
        Self { chunk, ..Self::default() }
    }

    /// Returns the start of a network of a chunk that trains from scratch.
    pub(crate) fn of_scratch(chunk: usize, rung: usize) -> Self {
        Self { scratch: true, chunk, rung, ..Self::default() }
    }

    /// Returns whether its chunk and rung come before those of another position.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let key = |position: &Self| (position.scratch, position.chunk, position.rung);
        key(self) < key(other)
    }
}

/// The schedule that a chunk follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrainingSchedule {
    /// The ladder: a clip after every cycle, until all groups are small enough.
    Ladder,
    /// Fresh networks with the widths after `clip`. They train for the budget that the others spent up to this
    /// clip, `clip + 1` cycles, and for one more cycle.
    Scratch {
        /// The clip.
        clip: usize,
        /// What they learn from.
        teacher: ScratchTeacher,
    },
}

/// What fresh networks learn from, besides the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScratchTeacher {
    /// Nothing.
    None,
    /// The original network of the run.
    Original,
    /// The network before the first clip. It is trained in the first cycle, in their place.
    FirstCycle,
}

/// What follows the training of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterCycle {
    /// The next cycle.
    Train,
    /// The networks are measured, like the others right after a clip.
    Measure {
        /// The clip.
        clip: usize,
    },
    /// The networks are tested, as after the training that follows a clip, or (`None`) before the first clip.
    Test {
        /// The clip.
        clip: Option<usize>,
    },
}

impl TrainingSchedule {
    /// Returns the schedule of fresh networks of a method with the widths after `clip`.
    pub(crate) fn scratch(config: &RunConfig, method: Method, clip: usize) -> Self {
        let teacher = match method {
            _ if config.trains_teacher(method) => ScratchTeacher::FirstCycle,
            Method::ScratchDistilled => ScratchTeacher::Original,
            _ => ScratchTeacher::None,
        };
        Self::Scratch { clip, teacher }
    }

    /// Returns whether the network of a cycle is the teacher of those after it.
    pub(crate) fn trains_teacher(self, cycle: usize) -> bool {
        let trains = matches!(self, Self::Scratch { teacher: ScratchTeacher::FirstCycle, .. });
        trains && cycle == 0
    }

    /// Returns whether its networks learn, in a cycle, from a network before the first clip that this run has trained.
    pub(crate) fn learns_from_first_cycle(self, cycle: usize, config: &RunConfig) -> bool {
        let learns = match self {
            Self::Ladder => config.training.distillation > 0.0 && !config.network.pretrained,
            Self::Scratch { teacher, .. } => teacher == ScratchTeacher::FirstCycle,
        };
        learns && cycle > 0
    }

    /// Returns whether its networks learn from the original network of the run.
    pub(crate) fn learns_from_original(self, config: &RunConfig) -> bool {
        match self {
            Self::Ladder => config.training.distillation > 0.0 && config.network.pretrained,
            Self::Scratch { teacher, .. } => teacher == ScratchTeacher::Original,
        }
    }

    /// Returns the clip whose widths the networks start with; `None` for the widths before the first clip.
    pub(crate) fn first_rung(self) -> Option<usize> {
        match self {
            Self::Ladder => None,
            Self::Scratch { .. } if self.trains_teacher(0) => None,
            Self::Scratch { clip, .. } => Some(clip),
        }
    }

    /// Returns the clip whose widths the networks have in a cycle; `None` before the first clip.
    pub(crate) fn rung(self, cycle: usize) -> Option<usize> {
        match self {
            Self::Ladder => cycle.checked_sub(1),
            Self::Scratch { .. } if self.trains_teacher(cycle) => None,
            Self::Scratch { clip, .. } => Some(clip),
        }
    }

    /// Returns the number of cycles, on a ladder of `clips` clips.
    pub(crate) fn cycles(self, clips: usize) -> usize {
        match self {
            Self::Ladder => clips + 1,
            Self::Scratch { clip, .. } => clip + 2,
        }
    }

    /// Returns the number of batches in every cycle.
    pub(crate) fn batches_of_cycles(self, config: &RunConfig) -> Cycles {
        let of_scratch = |clip, method| Cycles::of_scratch(config, clip, method);
        match self {
            Self::Ladder => Cycles::of(config),
            Self::Scratch { clip, teacher: ScratchTeacher::None } => {
                of_scratch(clip, Method::Scratch)
            }
            Self::Scratch { clip, .. } => of_scratch(clip, Method::ScratchDistilled),
        }
    }

    /// Returns what follows the training of a cycle.
    pub(crate) fn after_cycle(self, cycle: usize) -> AfterCycle {
        match self {
            Self::Scratch { clip, .. } if cycle < clip => AfterCycle::Train,
            Self::Scratch { clip, .. } if cycle == clip => AfterCycle::Measure { clip },
            schedule => AfterCycle::Test { clip: schedule.rung(cycle) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_trains_with_the_budget_and_a_cycle_more() {
        let scratch = TrainingSchedule::Scratch { clip: 2, teacher: ScratchTeacher::None };
        let after: Vec<AfterCycle> = (0..4).map(|cycle| scratch.after_cycle(cycle)).collect();
        let expected = [
            AfterCycle::Train,
            AfterCycle::Train,
            AfterCycle::Measure { clip: 2 },
            AfterCycle::Test { clip: Some(2) },
        ];
        assert_eq!(after, expected);
        let ladder = TrainingSchedule::Ladder;
        assert_eq!(ladder.after_cycle(0), AfterCycle::Test { clip: None });
        assert_eq!(ladder.after_cycle(3), AfterCycle::Test { clip: Some(2) });
    }

    #[test]
    fn chunks_that_are_clipped_come_before_those_from_scratch() {
        let order = [
            Position::of_chunk(0),
            Position::of_chunk(1),
            Position::of_scratch(0, 0),
            Position::of_scratch(0, 1),
            Position::of_scratch(1, 0),
        ];
        assert!(order.is_sorted_by(|a, b| a.is_before(b) && !b.is_before(a)));
        let later = Position { cycle: 7, done: 3, ..order[0] };
        assert!(!order[0].is_before(&later) && !later.is_before(&order[0]));
    }
}
