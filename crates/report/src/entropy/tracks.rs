//! Entropies of everything that `dtc` measured, and of noise instead.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::statistics::Estimate;
use crate::entropy::gibbs::gibbs;
use crate::entropy::noise::{DRAWS, Noise, noise};
use crate::read::rays::ClipRays;

/// The weight sums that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The incoming weight sums, `y_previous`.
    Previous,
    /// The outgoing weight sums, `y_next`.
    Next,
}

impl Side {
    /// Both sides, in the order of the files.
    pub const BOTH: [Self; 2] = [Self::Previous, Self::Next];

    /// Returns the vector's name as the paper writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Previous => "y_prev",
            Self::Next => "y_next",
        }
    }
}

/// A line of `entropy.csv`: one vector of one cycle at one bin width.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntropyRow {
    /// The method that measured.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The group.
    pub group: String,
    /// The cycle.
    pub cycle: usize,
    /// Fraction of the group's first neurons that are gone after the clip.
    pub sparsity: f64,
    /// The measured vector.
    pub side: Side,
    /// Width of a bin.
    pub bin_width: f64,
    /// Number of entries of the vector.
    pub n: usize,
    /// Number of entries inside the range of the histogram.
    pub inside: usize,
    /// Its entropy in bits; `None` if no entry is inside.
    pub bits: Option<f64>,
    /// log₂ n, the largest entropy of n entries.
    pub log2_n: f64,
    /// log₂ of the number of entries inside, their largest entropy; `None` if no entry is inside.
    pub log2_inside: Option<f64>,
    /// Mean entropy of uniform noise over the draws.
    pub uniform: Option<f64>,
    /// Its standard deviation over the draws.
    pub uniform_deviation: Option<f64>,
    /// Mean entropy of Gaussian noise over the draws.
    pub gaussian: Option<f64>,
    /// Its standard deviation over the draws.
    pub gaussian_deviation: Option<f64>,
}

/// Vectors of one group of one seed, for all clips.
pub(crate) struct Track<'a> {
    /// The method that measured.
    pub(crate) method: &'a str,
    /// Its seed.
    pub(crate) seed: u64,
    /// The group.
    pub(crate) group: &'a str,
    /// Its index among the groups of the network.
    pub(crate) position: usize,
    /// By cycle: sparsity, and both vectors.
    pub(crate) vectors: BTreeMap<usize, (f64, &'a [Vec<f64>; 2])>,
}

/// Returns the tracks of some rays.
pub(crate) fn tracks(rays: &[ClipRays]) -> Vec<Track<'_>> {
    let mut tracks: BTreeMap<(&str, usize, u64), Track<'_>> = BTreeMap::new();
    for ClipRays { method, seed, group, position, cycle, sparsity, y, .. } in rays {
        let track = tracks.entry((method, *position, *seed)).or_insert_with(|| Track {
            method,
            seed: *seed,
            group,
            position: *position,
            vectors: BTreeMap::new(),
        });
        track.vectors.insert(*cycle, (*sparsity, y));
    }
    tracks.into_values().collect()
}

/// Noise instead of one vector of a track, by cycle and kind.
pub(crate) type Drawn = BTreeMap<(usize, Noise), Vec<Vec<f64>>>;

/// Draws noise instead of one vector of a track. Vectors of the same seed, group, cycle and side have the same
/// draws, no matter which method measured them.
pub(crate) fn draws(track: &Track<'_>, side: usize) -> Drawn {
    let of_cycle = |(&cycle, (_, y)): (&usize, &(f64, &[Vec<f64>; 2]))| {
        let stream = ((track.position << 20) + cycle) as u64 * 2 + side as u64;
        Noise::ALL.map(|kind| ((cycle, kind), noise(&y[side], kind, track.seed, stream)))
    };
    track.vectors.iter().flat_map(of_cycle).collect()
}

/// Entropies of one vector of a track at one bin width, by cycle. A cycle without an entropy is left out.
pub(crate) struct Entropies {
    pub(crate) measured: BTreeMap<usize, f64>,
    pub(crate) log2_n: BTreeMap<usize, f64>,
    pub(crate) log2_inside: BTreeMap<usize, f64>,
    /// Of both kinds of noise in their order, `[kind][draw]`.
    pub(crate) noise: [Vec<BTreeMap<usize, f64>>; 2],
}

impl Entropies {
    /// Computes the entropies, and one row per cycle.
    pub(crate) fn of(
        track: &Track<'_>,
        index: usize,
        side: Side,
        drawn: &Drawn,
        bin_width: f64,
    ) -> (Self, Vec<EntropyRow>) {
        let mut found = Self {
            measured: BTreeMap::new(),
            log2_n: BTreeMap::new(),
            log2_inside: BTreeMap::new(),
            noise: Noise::ALL.map(|_| vec![BTreeMap::new(); DRAWS]),
        };
        let mut rows = vec![];
        for (&cycle, (sparsity, y)) in &track.vectors {
            let y = &y[index];
            let log2 = |count: usize| (count as f64).log2();
            let entropy = gibbs(y, bin_width);
            let log2_inside = entropy.bits.map(|_| log2(entropy.inside));
            found.log2_n.insert(cycle, log2(y.len()));
            found.log2_inside.extend(log2_inside.map(|bits| (cycle, bits)));
            found.measured.extend(entropy.bits.map(|bits| (cycle, bits)));
            let [uniform, gaussian] = Noise::ALL
                .map(|kind| found.add_noise(kind, cycle, &drawn[&(cycle, kind)], bin_width));
            rows.push(EntropyRow {
                method: track.method.to_owned(),
                seed: track.seed,
                group: track.group.to_owned(),
                cycle,
                sparsity: *sparsity,
                side,
                bin_width,
                n: y.len(),
                inside: entropy.inside,
                bits: entropy.bits,
                log2_n: log2(y.len()),
                log2_inside,
                uniform: uniform.map(|estimate| estimate.mean),
                uniform_deviation: uniform.and_then(|estimate| estimate.deviation),
                gaussian: gaussian.map(|estimate| estimate.mean),
                gaussian_deviation: gaussian.and_then(|estimate| estimate.deviation),
            });
        }
        (found, rows)
    }

    /// Adds the entropies of draws in a cycle. Returns their estimate over the draws that have an entropy.
    fn add_noise(
        &mut self,
        kind: Noise,
        cycle: usize,
        draws: &[Vec<f64>],
        bin_width: f64,
    ) -> Option<Estimate> {
        let mut all = vec![];
        for (draw, into) in draws.iter().zip(&mut self.noise[kind as usize]) {
            if let Some(bits) = gibbs(draw, bin_width).bits {
                into.insert(cycle, bits);
                all.push(bits);
            }
        }
        Estimate::of(&all)
    }
}
