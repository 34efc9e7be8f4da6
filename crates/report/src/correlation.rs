//! Whether measurement entropy goes with accuracy, and whether noise of the same size does as well.
//!
//! Every correlation is over the cycles of one seed; its estimate is over the seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::comparison::{Comparison, Measure};
use crate::entropy::{DRAWS, Noise, WIDTHS, gibbs, noise};
use crate::published::smooth;
use crate::rays::LayerRays;
use crate::statistics::{Estimate, pearson};

/// Which weight sums were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The incoming ones, `y_previous`.
    Previous,
    /// The outgoing ones, `y_next`.
    Next,
}

impl Side {
    /// Both, in the order of the files.
    pub const BOTH: [Self; 2] = [Self::Previous, Self::Next];

    /// As the paper writes the vector.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Previous => "y_prev",
            Self::Next => "y_next",
        }
    }
}

/// What stands for the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The entropy of the measurements.
    Measured,
    /// log₂ n, the most that n entries can have.
    #[serde(rename = "log2_n")]
    Log2N,
    /// The entropy of uniform noise of n entries, a mean over draws.
    Uniform,
    /// That of Gaussian noise of the same root mean square.
    Gaussian,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Measured, Self::Log2N, Self::Uniform, Self::Gaussian];

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Log2N => "log₂ n",
            Self::Uniform => "uniform noise",
            Self::Gaussian => "Gaussian noise",
        }
    }
}

/// A line of `entropy.csv`: one vector of one cycle at one bin width.
#[derive(Debug, Clone, Serialize)]
pub struct EntropyRow {
    /// The method that measured.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The hidden layer.
    pub layer: usize,
    /// The cycle.
    pub cycle: usize,
    /// Fraction of the layer's first width that is gone after its clip.
    pub sparsity: f64,
    /// Which vector.
    pub side: Side,
    /// Width of a bin.
    pub bin_width: f64,
    /// Entries of the vector.
    pub n: usize,
    /// Those inside the range of the histogram.
    pub inside: usize,
    /// Its entropy in bits; none where no entry is inside.
    pub bits: Option<f64>,
    /// log₂ n.
    pub log2_n: f64,
    /// Mean entropy of uniform noise over the draws.
    pub uniform: Option<f64>,
    /// Its standard deviation over the draws.
    pub uniform_deviation: Option<f64>,
    /// Likewise of Gaussian noise.
    pub gaussian: Option<f64>,
    /// Its standard deviation over the draws.
    pub gaussian_deviation: Option<f64>,
}

/// Vectors of one layer of one seed down the ladder.
pub(crate) struct Track<'a> {
    /// The method that measured.
    pub(crate) method: &'a str,
    /// Its seed.
    pub(crate) seed: u64,
    /// The hidden layer.
    pub(crate) layer: usize,
    /// By cycle: sparsity, both vectors.
    pub(crate) vectors: BTreeMap<usize, (f64, &'a [Vec<f64>; 2])>,
}

/// The tracks of some rays.
pub(crate) fn tracks(rays: &[LayerRays]) -> Vec<Track<'_>> {
    let mut tracks: BTreeMap<(&str, usize, u64), Track<'_>> = BTreeMap::new();
    for LayerRays { method, seed, layer, cycle, sparsity, y, .. } in rays {
        let track = tracks.entry((method, *layer, *seed)).or_insert_with(|| Track {
            method,
            seed: *seed,
            layer: *layer,
            vectors: BTreeMap::new(),
        });
        track.vectors.insert(*cycle, (*sparsity, y));
    }
    tracks.into_values().collect()
}

/// Entropies of one vector track at one bin width: by cycle, of the vector and of every draw of noise.
struct Entropies {
    measured: BTreeMap<usize, f64>,
    log2_n: BTreeMap<usize, f64>,
    /// By draw.
    noise: BTreeMap<Noise, Vec<BTreeMap<usize, f64>>>,
}

/// The entropies of all tracks, and their correlations with the accuracies of `accuracies`.
pub(crate) fn entropies_and_correlations(
    tracks: &[Track<'_>],
    accuracies: &[Accuracies],
) -> (Vec<EntropyRow>, Vec<CorrelationRow>) {
    let mut rows = vec![];
    let mut pool = Pool::default();
    for track in tracks {
        for (place, side) in Side::BOTH.into_iter().enumerate() {
            let drawn = draws(track, place);
            for width in WIDTHS {
                let entropies = entropies(track, (place, side), &drawn, width, &mut rows);
                for accuracies in accuracies {
                    let Some(by_seed) = accuracies.by_seed.get(&track.seed) else { continue };
                    let key = (track.method.to_owned(), track.layer, side, width.to_bits());
                    pool.add(key, accuracies, by_seed, &entropies);
                }
            }
        }
    }
    (rows, pool.rows())
}

/// By cycle, noise in the place of one vector of a track.
fn draws(track: &Track<'_>, side: usize) -> BTreeMap<(usize, Noise), Vec<Vec<f64>>> {
    let kinds = [Noise::Uniform, Noise::Gaussian];
    let of_cycle = |(&cycle, (_, y)): (&usize, &(f64, &[Vec<f64>; 2]))| {
        // Every vector has noise of its own.
        let seed =
            track.seed.wrapping_mul(1 << 20) ^ ((track.layer * 4096 + cycle) * 2 + side) as u64;
        kinds.map(|kind| ((cycle, kind), noise(&y[side], kind, seed)))
    };
    track.vectors.iter().flat_map(of_cycle).collect()
}

fn entropies(
    track: &Track<'_>,
    (place, side): (usize, Side),
    drawn: &BTreeMap<(usize, Noise), Vec<Vec<f64>>>,
    bin_width: f64,
    rows: &mut Vec<EntropyRow>,
) -> Entropies {
    let empty = || vec![BTreeMap::new(); DRAWS];
    let mut found = Entropies {
        measured: BTreeMap::new(),
        log2_n: BTreeMap::new(),
        noise: [(Noise::Uniform, empty()), (Noise::Gaussian, empty())].into(),
    };
    for (&cycle, (sparsity, y)) in &track.vectors {
        let y = &y[place];
        let log2_n = (y.len() as f64).log2();
        let entropy = gibbs(y, bin_width);
        found.log2_n.insert(cycle, log2_n);
        found.measured.extend(entropy.bits.map(|bits| (cycle, bits)));
        let mut of_noise = |kind: Noise| {
            let mut all = vec![];
            let into = found.noise.get_mut(&kind).expect("both kinds are there");
            for (draw, into) in drawn[&(cycle, kind)].iter().zip(into) {
                if let Some(bits) = gibbs(draw, bin_width).bits {
                    into.insert(cycle, bits);
                    all.push(bits);
                }
            }
            Estimate::of(&all)
        };
        let (uniform, gaussian) = (of_noise(Noise::Uniform), of_noise(Noise::Gaussian));
        rows.push(EntropyRow {
            method: track.method.to_owned(),
            seed: track.seed,
            layer: track.layer,
            cycle,
            sparsity: *sparsity,
            side,
            bin_width,
            n: y.len(),
            inside: entropy.inside,
            bits: entropy.bits,
            log2_n,
            uniform: uniform.map(|estimate| estimate.mean),
            uniform_deviation: uniform.and_then(|estimate| estimate.deviation),
            gaussian: gaussian.map(|estimate| estimate.mean),
            gaussian_deviation: gaussian.and_then(|estimate| estimate.deviation),
        });
    }
    found
}

/// Accuracies of a method right after the clip, raw or smoothed.
pub(crate) struct Accuracies {
    /// The method.
    pub(crate) method: String,
    /// Whether they are smoothed as the paper smooths.
    pub(crate) smoothed: bool,
    /// By seed and cycle.
    pub(crate) by_seed: BTreeMap<u64, BTreeMap<usize, f64>>,
}

impl Accuracies {
    /// Those of all methods of a comparison, raw and smoothed.
    pub(crate) fn of(comparison: &Comparison) -> Vec<Self> {
        let of_method = |(place, method): (usize, &String)| {
            let mut by_seed: BTreeMap<u64, BTreeMap<usize, f64>> = BTreeMap::new();
            for cycle in comparison.rungs.keys() {
                let values = comparison.values(Measure::AccuracyAfterClip, *cycle, place);
                for (seed, accuracy) in values {
                    by_seed.entry(seed).or_default().insert(*cycle, accuracy);
                }
            }
            let sparsity = |cycle: &usize| comparison.rungs[cycle].sparsity;
            Self::raw_and_smoothed(method, by_seed, sparsity)
        };
        comparison.methods.iter().enumerate().flat_map(of_method).collect()
    }

    /// Raw accuracies, and the same smoothed over `sparsity`.
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

/// A line of `correlations.csv`: Pearson's r over the cycles, its estimate over the seeds.
#[derive(Debug, Clone, Serialize)]
pub struct CorrelationRow {
    /// The method that measured.
    pub method: String,
    /// The hidden layer.
    pub layer: usize,
    /// Which vector.
    pub side: Side,
    /// Width of a bin.
    pub bin_width: f64,
    /// The method whose accuracy right after the clip it is with.
    pub accuracy_of: String,
    /// Whether that is smoothed as the paper smooths.
    pub smoothed: bool,
    /// What stands for the vector.
    pub source: Source,
    /// Cycles that have both, in the seed that has fewest.
    pub cycles: usize,
    /// Seeds.
    pub seeds: usize,
    /// Mean r over the seeds (of noise, over draws and seeds).
    pub r: f64,
    /// Ends of its 95 % interval over the seeds; none of one seed.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// Of noise: standard deviation over the draws, a mean over the seeds.
    pub draw_deviation: Option<f64>,
    /// Mean of measured r minus this r, paired by seed.
    pub excess: Option<f64>,
    /// Ends of its 95 % interval.
    pub excess_low: Option<f64>,
    /// See `excess_low`.
    pub excess_high: Option<f64>,
}

type Vector = (String, usize, Side, u64);

/// Correlations by vector, accuracy and source, of every seed.
#[derive(Default)]
struct Pool {
    all: BTreeMap<(Vector, String, bool), BTreeMap<Source, Vec<One>>>,
}

/// A correlation of one seed.
#[derive(Clone, Copy)]
struct One {
    r: f64,
    cycles: usize,
    draw_deviation: Option<f64>,
}

impl Pool {
    fn add(
        &mut self,
        vector: Vector,
        accuracies: &Accuracies,
        accuracy: &BTreeMap<usize, f64>,
        entropies: &Entropies,
    ) {
        let r = |bits: &BTreeMap<usize, f64>| {
            let both = bits.iter().filter_map(|(cycle, bits)| Some((*bits, *accuracy.get(cycle)?)));
            let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
            Some(One { r: pearson(&x, &y)?, cycles: x.len(), draw_deviation: None })
        };
        let of_noise = |kind| {
            let all: Vec<One> = entropies.noise[&kind].iter().filter_map(r).collect();
            let estimate = Estimate::of(&all.iter().map(|one| one.r).collect::<Vec<_>>())?;
            let cycles = all.iter().map(|one| one.cycles).min().unwrap_or(0);
            Some(One { r: estimate.mean, cycles, draw_deviation: estimate.deviation })
        };
        let found = [
            r(&entropies.measured),
            r(&entropies.log2_n),
            of_noise(Noise::Uniform),
            of_noise(Noise::Gaussian),
        ];
        // A seed without one of them is no pair.
        let [Some(measured), Some(log2_n), Some(uniform), Some(gaussian)] = found else { return };
        let key = (vector, accuracies.method.clone(), accuracies.smoothed);
        let sources = self.all.entry(key).or_default();
        for (source, one) in Source::ALL.into_iter().zip([measured, log2_n, uniform, gaussian]) {
            sources.entry(source).or_default().push(one);
        }
    }

    fn rows(self) -> Vec<CorrelationRow> {
        let of_key = |((vector, accuracy_of, smoothed), sources): (
            (Vector, String, bool),
            BTreeMap<Source, Vec<One>>,
        )| {
            let measured = sources[&Source::Measured].clone();
            let (method, layer, side, bits) = vector;
            sources
                .into_iter()
                .map(|(source, all)| {
                    let r: Vec<f64> = all.iter().map(|one| one.r).collect();
                    let estimate = Estimate::of(&r).expect("a source is there with its first seed");
                    let pairs = measured.iter().zip(&all).map(|(m, one)| m.r - one.r);
                    let excess = Estimate::of(&pairs.collect::<Vec<_>>());
                    let excess = excess.filter(|_| source != Source::Measured);
                    let deviations: Vec<f64> =
                        all.iter().filter_map(|one| one.draw_deviation).collect();
                    CorrelationRow {
                        method: method.clone(),
                        layer,
                        side,
                        bin_width: f64::from_bits(bits),
                        accuracy_of: accuracy_of.clone(),
                        smoothed,
                        source,
                        cycles: all.iter().map(|one| one.cycles).min().unwrap_or(0),
                        seeds: estimate.n,
                        r: estimate.mean,
                        low: estimate.low,
                        high: estimate.high,
                        draw_deviation: Estimate::of(&deviations).map(|estimate| estimate.mean),
                        excess: excess.map(|estimate| estimate.mean),
                        excess_low: excess.and_then(|estimate| estimate.low),
                        excess_high: excess.and_then(|estimate| estimate.high),
                    }
                })
                .collect::<Vec<_>>()
        };
        self.all.into_iter().flat_map(of_key).collect()
    }
}
