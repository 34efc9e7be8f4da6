//! Correlates the entropy of measurements with accuracy, and the entropy of noise of the same size too.
//!
//! Every correlation uses the cycles of one seed in which the measured vector has an entropy. Its estimate is over
//! the seeds, by Fisher's z.
//!
//! While the accuracy falls, n falls too. n is the number of measurements, and log₂ n bounds their entropy. The
//! partial correlation given log₂ n is what is left of r when the linear effect of log₂ n on both is removed:
//!
//! ```text
//! r_ga·n = (r_ga − r_gn r_an) / √((1 − r_gn²)(1 − r_an²))
//! ```
//!
//! for the entropy g and the accuracy a; the index n stands for log₂ n.
//!
//! # References
//! Fisher, *On the "probable error" of a coefficient of correlation deduced from a small sample* (Metron 1,
//! 1921).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::statistics::{Estimate, partial, pearson};
use crate::entropy::gibbs::WIDTHS;
use crate::entropy::noise::Noise;
use crate::entropy::tracks::{Entropies, EntropyRow, Side, Track, draws};
use crate::paper::published::smooth;

/// A smaller difference of correlations is rounding.
const LEAST_EXCESS: f64 = 1e-6;

/// The values that are correlated with the accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The entropy of the measurements.
    Measured,
    /// log₂ n, the largest entropy of n entries.
    #[serde(rename = "log2_n")]
    Log2N,
    /// log₂ of the number of entries inside the range, their largest entropy.
    #[serde(rename = "log2_inside")]
    Log2Inside,
    /// The mean entropy of uniform noise with n entries, over draws.
    Uniform,
    /// The mean entropy of Gaussian noise with n entries and the same root mean square, over draws.
    Gaussian,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 5] =
        [Self::Measured, Self::Log2N, Self::Log2Inside, Self::Uniform, Self::Gaussian];

    /// Returns the source in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Log2N => "log₂ n",
            Self::Log2Inside => "log₂ inside",
            Self::Uniform => "uniform noise",
            Self::Gaussian => "Gaussian noise",
        }
    }
}

/// Accuracies of a method right after the clip, raw or smoothed.
pub(crate) struct Accuracies {
    /// The method.
    pub(crate) method: String,
    /// Whether they are smoothed as in the paper.
    pub(crate) smoothed: bool,
    /// Accuracies by seed and cycle.
    pub(crate) by_seed: BTreeMap<u64, BTreeMap<usize, f64>>,
}

impl Accuracies {
    /// Returns those of all methods of a comparison, raw and smoothed.
    pub(crate) fn of(comparison: &Comparison) -> Vec<Self> {
        let of_method = |(index, method): (usize, &String)| {
            let mut by_seed: BTreeMap<u64, BTreeMap<usize, f64>> = BTreeMap::new();
            for cycle in comparison.rungs.keys() {
                let values = comparison.values(Measure::AccuracyAfterClip, *cycle, index);
                for (seed, accuracy) in values {
                    by_seed.entry(seed).or_default().insert(*cycle, accuracy);
                }
            }
            let sparsity = |cycle: &usize| comparison.rungs[cycle].sparsity;
            Self::raw_and_smoothed(method, by_seed, sparsity)
        };
        comparison.methods.iter().enumerate().flat_map(of_method).collect()
    }

    /// Returns raw accuracies, and the same smoothed over `sparsity`.
    pub(crate) fn raw_and_smoothed(
        method: &str,
        raw: BTreeMap<u64, BTreeMap<usize, f64>>,
        sparsity: impl Fn(&usize) -> f64,
    ) -> [Self; 2] {
        let smoothed = |(seed, curve): (&u64, &BTreeMap<usize, f64>)| {
            let sparsities: Vec<f64> = curve.keys().map(&sparsity).collect();
            let smooth = smooth(&sparsities, &curve.values().copied().collect::<Vec<_>>());
            (*seed, curve.keys().copied().zip(smooth).collect())
        };
        let by_seed = raw.iter().map(smoothed).collect();
        let method = method.to_owned();
        [
            Self { method: method.clone(), smoothed: false, by_seed: raw },
            Self { method, smoothed: true, by_seed },
        ]
    }
}

/// A line of `correlations.csv`: Pearson's r over the cycles, estimated over the seeds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CorrelationRow {
    /// The method that measured.
    pub method: String,
    /// The group.
    pub group: String,
    /// The measured vector.
    pub side: Side,
    /// Width of a bin.
    pub bin_width: f64,
    /// The method whose accuracy right after the clip is correlated.
    pub accuracy_of: String,
    /// Whether this accuracy is smoothed as in the paper.
    pub smoothed: bool,
    /// The values that are correlated with the accuracy.
    pub source: Source,
    /// Number of cycles that have both, in the seed (and draw) with the fewest.
    pub cycles: usize,
    /// Number of seeds.
    pub seeds: usize,
    /// r over the seeds; for noise, of the means over the draws.
    pub r: f64,
    /// Ends of its 95 % interval over the seeds; `None` for one seed.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// Partial r given log₂ n, over the seeds; `None` for log₂ n itself, and if a seed has none.
    pub partial: Option<f64>,
    /// Ends of its 95 % interval over the seeds.
    pub partial_low: Option<f64>,
    /// See `partial_low`.
    pub partial_high: Option<f64>,
    /// For noise: standard deviation over the draws, as a mean over the seeds.
    pub draw_deviation: Option<f64>,
    /// Mean of the measured r minus this r, over the same cycles, paired by seed and draw.
    pub excess: Option<f64>,
    /// Ends of its 95 % interval.
    pub excess_low: Option<f64>,
    /// See `excess_low`.
    pub excess_high: Option<f64>,
    /// p-value of the paired t-test that `excess` is 0.
    pub p: Option<f64>,
}

impl CorrelationRow {
    /// Returns whether another row has the same vector and accuracy.
    pub(crate) fn is_of_same_vector(&self, other: &Self) -> bool {
        self.side == other.side
            && self.bin_width.to_bits() == other.bin_width.to_bits()
            && self.smoothed == other.smoothed
            && self.method == other.method
            && self.group == other.group
            && self.accuracy_of == other.accuracy_of
    }
}

/// Returns the entropies of all tracks, and their correlations with the accuracies.
pub(crate) fn entropies_and_correlations(
    tracks: &[Track<'_>],
    accuracies: &[Accuracies],
) -> (Vec<EntropyRow>, Vec<CorrelationRow>) {
    let mut rows = vec![];
    let mut pool: BTreeMap<Key, BTreeMap<Source, Vec<One>>> = BTreeMap::new();
    for track in tracks {
        for (index, side) in Side::BOTH.into_iter().enumerate() {
            let drawn = draws(track, index);
            for width in WIDTHS {
                let (entropies, own) = Entropies::of(track, index, side, &drawn, width);
                rows.extend(own);
                for accuracies in accuracies {
                    let Some(accuracy) = accuracies.by_seed.get(&track.seed) else { continue };
                    let key = Key {
                        method: track.method.to_owned(),
                        position: track.position,
                        group: track.group.to_owned(),
                        side,
                        bin_width: width.to_bits(),
                        accuracy_of: accuracies.method.clone(),
                        smoothed: accuracies.smoothed,
                    };
                    let sources = pool.entry(key).or_default();
                    for (source, one) in of_seed(&entropies, accuracy) {
                        sources.entry(source).or_default().push(one);
                    }
                }
            }
        }
    }
    let of_key = |(key, sources): (Key, BTreeMap<Source, Vec<One>>)| {
        let rows = sources.into_iter().filter_map(|(source, all)| row(&key, source, &all));
        rows.collect::<Vec<_>>()
    };
    (rows, pool.into_iter().flat_map(of_key).collect())
}

/// A vector, and the accuracies that it is correlated with. Vectors are sorted by the index of their group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    method: String,
    position: usize,
    group: String,
    side: Side,
    /// Bits of the bin width. The bits of positive numbers sort like the numbers.
    bin_width: u64,
    accuracy_of: String,
    smoothed: bool,
}

/// A correlation of one seed.
#[derive(Clone, Copy)]
struct One {
    r: f64,
    /// Partial correlation given log₂ n.
    partial: Option<f64>,
    cycles: usize,
    draw_deviation: Option<f64>,
    /// The measured correlation minus this one.
    excess: f64,
}

/// Returns the correlations of one seed with all sources that vary.
fn of_seed(entropies: &Entropies, accuracy: &BTreeMap<usize, f64>) -> Vec<(Source, One)> {
    let with = |bits: &BTreeMap<usize, f64>| pair(entropies, bits, accuracy);
    let noise = |kind| {
        let all: Vec<One> = entropies.noise[kind as usize].iter().filter_map(with).collect();
        let r = Estimate::of(&all.iter().map(|one| one.r).collect::<Vec<_>>())?;
        let excess = Estimate::of(&all.iter().map(|one| one.excess).collect::<Vec<_>>())?;
        let cycles = all.iter().map(|one| one.cycles).min().unwrap_or(0);
        let partial: Option<Vec<f64>> = all.iter().map(|one| one.partial).collect();
        let partial = partial.and_then(|all| Estimate::of(&all)).map(|partial| partial.mean);
        let (draw_deviation, excess) = (r.deviation, excess.mean);
        Some(One { r: r.mean, partial, cycles, draw_deviation, excess })
    };
    let all = [
        (Source::Measured, with(&entropies.measured)),
        (Source::Log2N, with(&entropies.log2_n)),
        (Source::Log2Inside, with(&entropies.log2_inside)),
        (Source::Uniform, noise(Noise::Uniform)),
        (Source::Gaussian, noise(Noise::Gaussian)),
    ];
    all.into_iter().filter_map(|(source, one)| Some((source, one?))).collect()
}

/// Returns the correlation of `bits` with the accuracy, compared with that of the measured entropies over the same
/// cycles.
fn pair(
    entropies: &Entropies,
    bits: &BTreeMap<usize, f64>,
    accuracy: &BTreeMap<usize, f64>,
) -> Option<One> {
    let all = |(cycle, measured): (&usize, &f64)| {
        let log2_n = *entropies.log2_n.get(cycle)?;
        Some([*measured, *bits.get(cycle)?, *accuracy.get(cycle)?, log2_n])
    };
    let rows: Vec<[f64; 4]> = entropies.measured.iter().filter_map(all).collect();
    let column = |index: usize| rows.iter().map(|row| row[index]).collect::<Vec<f64>>();
    let [measured, bits, accuracy, log2_n] = [0, 1, 2, 3].map(column);
    let r = pearson(&bits, &accuracy)?;
    let excess = pearson(&measured, &accuracy)? - r;
    let partial = partial(&bits, &accuracy, &log2_n);
    Some(One { r, partial, cycles: rows.len(), draw_deviation: None, excess })
}

/// Returns the row of a source; `None` if it has no seed.
fn row(key: &Key, source: Source, all: &[One]) -> Option<CorrelationRow> {
    let Key { method, group, side, bin_width, accuracy_of, smoothed, .. } = key.clone();
    // r = ±1 has no finite z.
    let z = |r: f64| r.clamp(-1.0 + 1e-12, 1.0 - 1e-12).atanh();
    let of_z = Estimate::of(&all.iter().map(|one| z(one.r)).collect::<Vec<_>>())?;
    let partials: Option<Vec<f64>> = all.iter().map(|one| one.partial.map(z)).collect();
    let partial = partials.and_then(|all| Estimate::of(&all));
    let excess = Estimate::of(&all.iter().map(|one| one.excess).collect::<Vec<_>>())?;
    let excess = excess.no_finer_than(LEAST_EXCESS);
    let excess = (source != Source::Measured).then_some(excess);
    let deviations: Vec<f64> = all.iter().filter_map(|one| one.draw_deviation).collect();
    Some(CorrelationRow {
        method,
        group,
        side,
        bin_width: f64::from_bits(bin_width),
        accuracy_of,
        smoothed,
        source,
        cycles: all.iter().map(|one| one.cycles).min().unwrap_or(0),
        seeds: of_z.n,
        r: of_z.mean.tanh(),
        low: of_z.low.map(f64::tanh),
        high: of_z.high.map(f64::tanh),
        partial: partial.map(|partial| partial.mean.tanh()),
        partial_low: partial.and_then(|partial| partial.low).map(f64::tanh),
        partial_high: partial.and_then(|partial| partial.high).map(f64::tanh),
        draw_deviation: Estimate::of(&deviations).map(|estimate| estimate.mean),
        excess: excess.map(|estimate| estimate.mean),
        excess_low: excess.and_then(|estimate| estimate.low),
        excess_high: excess.and_then(|estimate| estimate.high),
        p: excess.and_then(|estimate| estimate.p_of_zero()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64]) -> BTreeMap<usize, f64> {
        values.iter().copied().enumerate().collect()
    }

    fn entropies(measured: BTreeMap<usize, f64>, log2_n: BTreeMap<usize, f64>) -> Entropies {
        let log2_inside = log2_n.clone();
        Entropies { measured, log2_n, log2_inside, noise: [vec![], vec![]] }
    }

    #[test]
    fn a_null_is_taken_over_the_cycles_that_the_measurement_has() {
        let accuracy = curve(&[0.9, 0.8, 0.85, 0.5, 0.1]);
        let mut measured = curve(&[4.0, 3.0, 3.5, 2.0, 7.0]);
        measured.remove(&4);
        let null = curve(&[5.0, 4.0, 3.0, 2.0, 99.0]);
        let log2_n = curve(&[5.0, 4.5, 4.0, 3.0, 1.0]);
        let one = pair(&entropies(measured, log2_n.clone()), &null, &accuracy).unwrap();
        // numpy: corrcoef([5, 4, 3, 2], [.9, .8, .85, .5])[0, 1], and the same for [4, 3, 3.5, 2]
        assert_eq!(one.cycles, 4);
        assert!((one.r - 0.8261843893231646).abs() < 1e-12, "{}", one.r);
        assert!((one.r + one.excess - 0.9639588112890256).abs() < 1e-12, "{}", one.excess);
        // Over the same cycles. log₂ n has no partial correlation given itself.
        let given = partial(&[5.0, 4.0, 3.0, 2.0], &[0.9, 0.8, 0.85, 0.5], &[5.0, 4.5, 4.0, 3.0]);
        assert_eq!(one.partial, given);
        let measured = curve(&[4.0, 3.0, 3.5, 2.0, 7.0]);
        let of_itself = pair(&entropies(measured, log2_n.clone()), &log2_n, &accuracy).unwrap();
        assert_eq!(of_itself.partial, None);
    }

    #[test]
    fn intervals_of_a_correlation_are_correlations() {
        let one =
            |r, excess| One { r, partial: Some(r / 2.0), cycles: 9, draw_deviation: None, excess };
        let key = Key {
            method: "dtc".into(),
            position: 0,
            group: "layer_0".into(),
            side: Side::Next,
            bin_width: 0.2_f64.to_bits(),
            accuracy_of: "dtc".into(),
            smoothed: true,
        };
        let row = |source, all: &[One]| row(&key, source, all).unwrap();
        let wide = row(Source::Uniform, &[one(0.9, 1e-15), one(-0.2, 2e-15)]);
        let (low, high) = (wide.low.unwrap(), wide.high.unwrap());
        assert!(-1.0 < low && low < wide.r && wide.r < high && high < 1.0, "{low} {high}");
        // The rounding of two equal correlations is not a finding.
        assert!(wide.p.unwrap() > 0.5, "{:?}", wide.p);
        let above = row(Source::Gaussian, &[one(0.5, 0.1), one(0.5, 0.11), one(0.5, 0.12)]);
        assert!((above.excess.unwrap() - 0.11).abs() < 1e-12 && above.excess_low.unwrap() > 0.0);
        assert!(above.p.unwrap() < 0.01, "{:?}", above.p);
        let alone = row(Source::Measured, &[one(1.0, 0.0)]);
        assert!((alone.r - 1.0).abs() < 1e-9 && alone.low.is_none() && alone.p.is_none());
        assert!((alone.partial.unwrap() - 0.5).abs() < 1e-12 && alone.partial_low.is_none());
        let (low, high) = (wide.partial_low.unwrap(), wide.partial_high.unwrap());
        assert!(
            -1.0 < low && low < wide.partial.unwrap() && wide.partial.unwrap() < high && high < 1.0
        );
        // If a seed is missing, there is no estimate: it would be over other seeds.
        let lacking = [one(0.9, 0.0), One { partial: None, ..one(0.8, 0.0) }];
        assert_eq!(row(Source::Gaussian, &lacking).partial, None);
    }
}
