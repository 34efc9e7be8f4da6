//! One ranking of all neurons of a network (`compression.ranking = "global"`): how many neurons of every group a clip
//! keeps.
//!
//! Scores of different groups have different scales. So the scores of a group are divided by their root mean square
//! before they are ranked together.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::SliceRandom;
use rayclip_model::Graph;
use rayclip_run_folder::config::{CompressionConfig, Ranking, Side};

use super::groups::Widths;
use super::size::Resizable;
use crate::error::TrainerError;

/// Distributes clips over the groups of a network. The ladder says how large the network is after each clip: as large
/// as if every group had its own ranking.
#[derive(Clone)]
pub(crate) struct GlobalRanking {
    /// The least width of every group.
    floors: Vec<usize>,
    /// Widths are multiples of this number.
    round_to: usize,
    budget: Budget,
    side: Side,
}

/// What the ladder bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Budget {
    Neurons,
    Macs,
    Parameters,
}

/// Scores of a network, `[neuron]` by the index of the group.
pub(crate) type Scores = BTreeMap<usize, Vec<f64>>;

impl GlobalRanking {
    /// Returns the ranking of a run whose first network is `graph` and whose ladder ends with the widths `last`;
    /// `None` if every group has its own ranking.
    ///
    /// # Errors
    /// A name fits no group.
    pub(crate) fn of(
        compression: &CompressionConfig,
        graph: &Graph,
        last: &[usize],
    ) -> Result<Option<Self>, TrainerError> {
        if compression.ranking == Ranking::Group {
            return Ok(None);
        }
        let budget = if compression.target_parameters > 0.0 {
            Budget::Parameters
        } else if compression.has_target() {
            // A network with fewer operations is taken for a faster one: networks are not timed during a run.
            Budget::Macs
        } else {
            Budget::Neurons
        };
        Ok(Some(Self {
            floors: Widths::of(compression, graph)?.floors(last),
            round_to: compression.round_to,
            budget,
            side: compression.clip,
        }))
    }

    /// Returns the indices of the groups that are ranked.
    pub(crate) fn groups(&self, first: &[usize]) -> Vec<usize> {
        (0..first.len()).filter(|group| self.floors[*group] < first[*group]).collect()
    }

    /// Returns the width of every group of a network after a clip. The network is at most as large as the one of the
    /// ladder, and no neuron more is clipped than that takes. `ties` orders equal scores.
    ///
    /// # Errors
    /// The network has more operations than can be counted.
    pub(crate) fn widths(
        &self,
        graph: &Graph,
        scores: &Scores,
        of_ladder: &Graph,
        ties: &mut impl Rng,
    ) -> Result<Vec<usize>, TrainerError> {
        let (before, order) = (graph.widths(), self.order(scores, ties));
        let most = self.size(of_ladder, &of_ladder.widths())?;
        let after = |clipped: usize| {
            let mut widths = before.clone();
            for group in &order[..clipped] {
                widths[*group] -= 1;
            }
            let rounded = |(after, before): (&usize, &usize)| {
                after.next_multiple_of(self.round_to).min(*before)
            };
            widths.iter().zip(&before).map(rounded).collect::<Vec<usize>>()
        };
        // The more neurons are clipped, the smaller is the network.
        let (mut few, mut many) = (0, order.len());
        while few < many {
            let middle = usize::midpoint(few, many);
            if self.size(graph, &after(middle))? <= most {
                many = middle;
            } else {
                few = middle + 1;
            }
        }
        Ok(after(few))
    }

    /// Returns the groups of the neurons in the order in which they are clipped. No group is clipped below its least
    /// width.
    fn order(&self, scores: &Scores, ties: &mut impl Rng) -> Vec<usize> {
        let normalized = |(group, scores): (&usize, &Vec<f64>)| {
            let squares: f64 = scores.iter().map(|score| score * score).sum();
            let scale = (squares / scores.len() as f64).sqrt();
            let scale = if scale > 0.0 { scale } else { 1.0 };
            scores.iter().map(|score| (score / scale, *group)).collect::<Vec<_>>()
        };
        let mut all: Vec<(f64, usize)> = scores.iter().flat_map(normalized).collect();
        all.shuffle(ties);
        all.sort_by(|(a, _), (b, _)| match self.side {
            Side::Smallest => a.total_cmp(b),
            Side::Largest => b.total_cmp(a),
        });
        let room = |(group, scores): (&usize, &Vec<f64>)| {
            (*group, scores.len().saturating_sub(self.floors[*group]))
        };
        let mut room: BTreeMap<usize, usize> = scores.iter().map(room).collect();
        let is_clipped = |group: &usize| {
            let left = room.entry(*group).or_default();
            let is_clipped = *left > 0;
            *left = left.saturating_sub(1);
            is_clipped
        };
        all.into_iter().map(|(_, group)| group).filter(is_clipped).collect()
    }

    fn size(&self, graph: &Graph, widths: &[usize]) -> Result<usize, TrainerError> {
        Ok(match self.budget {
            Budget::Neurons => widths.iter().sum(),
            Budget::Macs => Resizable::macs(graph, widths)?,
            Budget::Parameters => Resizable::parameters(graph, widths)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};
    use rayclip_run_folder::ladder;

    use super::super::resolve_ladder;
    use super::*;
    use crate::streams::{Purpose, stream};

    fn graph() -> Graph {
        Graph::perceptron(20, &[8, 6], 4, true)
    }

    /// Returns the ranking, and the network of the ladder after the first clip.
    fn ranking(settings: &[&str]) -> (GlobalRanking, Graph) {
        let all = ["network.hidden=[8, 6]", "compression.ranking=global", "compression.keep=0.5"];
        let settings = all.iter().chain(&["compression.min_width=2"]).chain(settings);
        let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
        let mut config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let timer = &mut |_: &[Graph], _: usize| panic!("nothing is timed");
        resolve_ladder(&mut config.compression, &graph(), None, timer).unwrap();
        let ladder = ladder(&config);
        let ranking = GlobalRanking::of(&config.compression, &graph(), ladder.last().unwrap());
        (ranking.unwrap().unwrap(), graph().with_widths(&ladder[0]))
    }

    /// The scores of the first group are a hundred times as large as those of the second one.
    const FIRST: [f64; 8] = [100.0, 900.0, 800.0, 700.0, 600.0, 500.0, 400.0, 300.0];
    const SECOND: [f64; 6] = [1.0, 2.0, 9.0, 1.5, 0.5, 2.5];

    fn widths((global, of_ladder): &(GlobalRanking, Graph)) -> Vec<usize> {
        let scores = BTreeMap::from([(0, FIRST.to_vec()), (1, SECOND.to_vec())]);
        let mut ties = stream(0, Purpose::Ties, [0, 2]);
        assert_eq!(global.groups(&[8, 6]), [0, 1]);
        global.widths(&graph(), &scores, of_ladder, &mut ties).unwrap()
    }

    #[test]
    fn the_weakest_neurons_of_all_groups_go_and_the_scale_of_a_group_does_not_count() {
        // With a ranking per group, 4 + 3 of 8 + 6 neurons are left.
        let ranking = ranking(&[]);
        assert_eq!(ranking.1.widths(), [4, 3]);
        // The root mean squares are 593 and 3.97. Seven neurons go: five of the second group (0.13 to 0.63 times the
        // root mean square), and two of the first one (0.17 and 0.51). The next would be its 400 (0.67).
        assert_eq!(widths(&ranking), [6, 1]);
    }

    #[test]
    fn a_group_keeps_its_least_width_and_multiples() {
        let floor = ranking(&["compression.min_width_of=['layer_1=3']"]);
        assert_eq!(widths(&floor)[1], 3);
        let multiples = ranking(&["compression.round_to=2"]);
        let widths = widths(&multiples);
        assert!(widths.iter().all(|width| width % 2 == 0), "{widths:?}");
        let planned: usize = multiples.1.widths().iter().sum();
        assert!(widths.iter().sum::<usize>() <= planned, "{widths:?}");
    }

    #[test]
    fn a_target_bounds_what_it_names() {
        for key in ["macs", "parameters"] {
            let target = format!("compression.target_{key}=0.5");
            let ranking = ranking(&[&target, "compression.steps=1"]);
            let (planned, widths) = (ranking.1.widths(), widths(&ranking));
            let of = |widths: &[usize]| {
                let size = graph().size(widths).unwrap();
                if key == "macs" { size.macs } else { size.parameters }
            };
            assert!(of(&widths) <= of(&planned));
            let more: Vec<usize> = widths.iter().map(|width| width + 1).collect();
            assert!(of(&more) > of(&planned), "{widths:?} {planned:?}");
        }
    }
}
