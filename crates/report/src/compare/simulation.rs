//! Measures how often a verdict is false, on simulated pages. Their methods are equal or differ by a known amount.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayclip_run_folder::CycleRow;

use crate::compare::comparison::Comparison;
use crate::compare::measure::Measure;
use crate::compare::power::detectable;
use crate::compare::verdict::{Difference, Verdict};
use crate::read::run::Run;
use crate::read::sample::{clip, run_of};

const METHODS: [&str; 4] = ["dtc", "magnitude", "random", "scratch"];
const WIDTHS: usize = 15;
const SEEDS: usize = 5;

/// How accuracies vary between seeds.
struct Noise {
    /// Standard deviation of an accuracy.
    deviation: f64,
    /// Correlation of the accuracies of one network at two widths.
    shared: f64,
    /// Whether one value in ten has five times the deviation.
    outliers: bool,
    /// Number of test images; accuracies are multiples of 1 / `images`.
    images: usize,
    /// How far the first method is above the others.
    effect: f64,
}

const NOISE: Noise =
    Noise { deviation: 0.004, shared: 0.0, outliers: false, images: 10_000, effect: 0.0 };

/// Returns a page with fifteen halvings of a group, four methods and five seeds.
fn page() -> Comparison {
    let widths = |cycle: usize| 1 << (WIDTHS - cycle);
    let replicas = METHODS.iter().flat_map(|method| (0..SEEDS).map(move |seed| (*method, seed)));
    let clips = replicas.enumerate().flat_map(|(replica, (method, seed))| {
        (0..WIDTHS).map(move |cycle| CycleRow {
            method: method.into(),
            seed: seed as u64,
            accuracy_after_training: Some(0.9),
            ..clip(replica, cycle, widths(cycle), widths(cycle + 1), 0.9)
        })
    });
    let mut run: Run = run_of(clips.collect());
    run.groups.widths = vec![1 << WIDTHS];
    let comparison = Comparison::of(&[run]).unwrap();
    assert_eq!(comparison.shown().len(), WIDTHS);
    comparison
}

/// Draws new accuracies for a page.
fn draw(page: &mut Comparison, noise: &Noise, rng: &mut ChaCha8Rng) {
    let normal = |rng: &mut ChaCha8Rng| -> f64 { StandardNormal.sample(rng) };
    let (own, shared) = ((1.0 - noise.shared).sqrt(), noise.shared.sqrt());
    let mut of_network = vec![0.0; METHODS.len() * SEEDS];
    for value in &mut of_network {
        *value = shared * normal(rng);
    }
    page.data.test = noise.images;
    for ((_, _, method), values) in &mut page.values {
        for (seed, value) in values {
            let scale = if noise.outliers && rng.random_range(0..10) == 0 { 5.0 } else { 1.0 };
            let sum = of_network[method * SEEDS + *seed as usize] + own * normal(rng);
            let effect = if *method == 0 { noise.effect } else { 0.0 };
            let accuracy = 0.97 + effect + noise.deviation * scale * sum;
            *value = (accuracy * noise.images as f64).round() / noise.images as f64;
        }
    }
}

/// Returns the fraction of pages with a false verdict.
fn rate(pages: usize, noise: &Noise, is_false: fn(&Difference) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let mut page = page();
    let mut count = 0;
    for _ in 0..pages {
        draw(&mut page, noise, &mut rng);
        let family = page.family(0);
        // Three other methods after training; right after the clip without `scratch`.
        assert_eq!(family.len(), (3 + 2) * WIDTHS);
        count += usize::from(family.iter().any(is_false));
    }
    count as f64 / pages as f64
}

#[test]
fn one_page_in_twenty_with_a_false_finding_at_most() {
    let rate = rate(4000, &NOISE, Difference::is_found);
    // It is not far below the bound either: the intervals are no longer than necessary.
    assert!((0.02..=0.05).contains(&rate), "{rate}");
}

#[test]
fn so_it_is_where_accuracies_depend_have_outliers_or_are_coarse() {
    for (name, noise) in [
        ("widths that depend on each other", Noise { shared: 0.9, ..NOISE }),
        ("outliers", Noise { outliers: true, ..NOISE }),
        ("two hundred images", Noise { images: 200, ..NOISE }),
        ("fifty images, hardly any spread", Noise { images: 50, deviation: 0.008, ..NOISE }),
    ] {
        let rate = rate(300, &noise, Difference::is_found);
        assert!(rate <= 0.05, "{name}: {rate}");
    }
}

#[test]
fn a_difference_of_the_margin_is_seldom_called_equal() {
    // All others are exactly one margin below the first method, which is the baseline. So they are neither within
    // the margin nor higher.
    let noise = Noise { effect: 0.005, deviation: 0.0002, images: 1_000_000, ..NOISE };
    let is_false =
        |row: &Difference| row.within_margin == Some(true) || row.verdict == Some(Verdict::Higher);
    let rate = rate(1000, &noise, is_false);
    // Two one-sided tests at 0.02 / k each; only one of them can fail.
    assert!((0.005..=0.04).contains(&rate), "{rate}");
    // If there is no difference, equality is found.
    let none = Noise { effect: 0.0, ..noise };
    assert!(self::rate(20, &none, |row| row.verdict == Some(Verdict::Equal)) > 0.9);
}

#[test]
fn differences_of_the_detectable_size_are_found_in_four_cases_of_five() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut page = page();
    // A paired difference of two networks has √2 times the deviation of one network.
    let size = detectable(SEEDS, 0.04 / 75.0).unwrap();
    let effect = size * NOISE.deviation * 2_f64.sqrt() / (SEEDS as f64).sqrt();
    let noise = Noise { effect, images: 10_000_000, ..NOISE };
    let (mut found, mut all) = (0, 0);
    for _ in 0..200 {
        draw(&mut page, &noise, &mut rng);
        let family = page.family(0);
        all += family.len();
        found += family.iter().filter(|row| row.verdict == Some(Verdict::Lower)).count();
        assert!(family.iter().all(|row| row.measure != Measure::ValidationAfterClip));
    }
    let power = found as f64 / all as f64;
    assert!((power - 0.8).abs() < 0.02, "{power}");
}
