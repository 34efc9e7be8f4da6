//! What the runs show, in sentences.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::MEASURES;
use crate::comparison::Comparison;
use crate::entropy::PUBLISHED_WIDTH;
use crate::entropy::correlation::{CorrelationRow, Source};
use crate::facts::Facts;
use crate::sentences::{NORMAL, verdict_sentence};
use crate::statistics::holm;
use crate::verdict::{Difference, ENTROPY_SHARE, LEAST_SEEDS, SIGNIFICANCE};

/// Clips that a correlation is over, at least, to have a verdict: over fewer, its interval holds most of what there
/// is between −1 and 1.
const LEAST_CYCLES: usize = 8;

/// The findings in sentences.
pub(super) fn shows(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let mut lines = vec![];
    if comparison.methods.len() > 1 {
        let family = comparison.family(facts.baseline);
        for (measure, when) in MEASURES {
            let sentence = verdict_sentence(comparison, measure, facts.baseline);
            lines.extend(sentence.map(|sentence| format!("{when}: {sentence}.")));
            let own = family.iter().filter(|row| row.measure == measure && row.is_found());
            lines.extend(
                found(comparison, own).iter().map(|difference| format!("{when}: {difference}.")),
            );
            let by_images =
                family.iter().filter(|row| row.measure == measure && is_small(row)).count();
            if by_images > 0 {
                lines.push(format!(
                    "{when}: {by_images} of the differences found are smaller than the 95 % error of the test \
                     images: others may not show them."
                ));
            }
        }
    }
    lines.extend(entropy_sentences(facts));
    lines.extend(cost_sentence(facts));
    html! {
        @if !lines.is_empty() {
            div.shows id="shows" { b { "What it shows" } ul { @for line in lines { li { (line) } } } }
        }
    }
}

/// Whether a difference that is found is smaller than what other test images would make.
fn is_small(row: &Difference) -> bool {
    row.is_found() && row.image_error.is_some_and(|error| row.mean.abs() < NORMAL * error)
}

/// What the smallest network took, method by method that differs.
fn cost_sentence(facts: &Facts) -> Option<String> {
    let neurons = facts.costs.iter().map(|row| row.neurons).min()?;
    let mut parts: Vec<(String, Vec<&str>)> = vec![];
    for row in facts.costs.iter().filter(|row| row.neurons == neurons) {
        let fraction = format!("{:.1} %", 100.0 * (1.0 - row.saved?));
        match parts.iter_mut().find(|(known, _)| *known == fraction) {
            Some((_, methods)) => methods.push(&row.method),
            None => parts.push((fraction, vec![&row.method])),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(part, methods)| format!("{}: {part}", methods.join(", ")))
        .collect();
    Some(format!(
        "Of the operations that the full width takes on as many batches, training down to {neurons} neurons \
         takes — {}.",
        parts.join("; ")
    ))
}

/// Whether the entropy goes with the accuracy better than that of noise does.
fn entropy_sentences(facts: &Facts) -> Vec<String> {
    let of_paper = |row: &&CorrelationRow| {
        row.bin_width == PUBLISHED_WIDTH && row.smoothed && row.accuracy_of == row.method
    };
    let rows: Vec<&CorrelationRow> = facts.correlations.iter().filter(of_paper).collect();
    let pair = |measured: &&&CorrelationRow| measured.source == Source::Measured;
    let pairs: Vec<(&CorrelationRow, &CorrelationRow)> = rows
        .iter()
        .filter(pair)
        .filter_map(|measured| {
            let is_null = |row: &&&CorrelationRow| {
                row.source == Source::Gaussian && same_vector(row, measured)
            };
            Some((*measured, *rows.iter().find(is_null)?))
        })
        .collect();
    let layers = rows.iter().map(|row| row.layer + 1).max().unwrap_or(0);
    // The entropies are a family of their own, with the share of the page that the accuracies leave.
    let is_tested =
        |null: &CorrelationRow| null.seeds >= LEAST_SEEDS && null.cycles >= LEAST_CYCLES;
    let p_of = |null: &CorrelationRow| null.p.filter(|_| is_tested(null));
    let p: Vec<f64> = pairs.iter().filter_map(|(_, null)| p_of(null)).collect();
    let mut adjusted = holm(&p).into_iter();
    let significance = SIGNIFICANCE * ENTROPY_SHARE;
    let sentence = |(measured, null): (&CorrelationRow, &CorrelationRow)| {
        let p = p_of(null).and_then(|_| adjusted.next());
        let verdict = match (p, null.excess) {
            (None, _) if null.seeds >= LEAST_SEEDS && null.cycles < LEAST_CYCLES => {
                "Fewer than eight clips give no verdict."
            }
            (None, _) => "Fewer than three seeds give no verdict.",
            (Some(p), Some(excess)) if p < significance && excess > 0.0 => {
                "The measured one is higher."
            }
            (Some(p), _) if p < significance => "The measured one is lower.",
            _ => "The two cannot be told apart.",
        };
        let layer = if layers > 1 { format!(", layer {}", measured.layer) } else { String::new() };
        let given = |row: &CorrelationRow| {
            row.partial.map_or(String::new(), |r| format!(" (given log₂ n {r:.3})"))
        };
        format!(
            "Entropy of {} of {}{layer} and its smoothed accuracy: r = {:.3}{}; of Gaussian noise that takes n \
             and its root mean square from the measured vector: r = {:.3}{}. {verdict}",
            measured.side.symbol(),
            measured.method,
            measured.r,
            given(measured),
            null.r,
            given(null),
        )
    };
    pairs.into_iter().map(sentence).collect()
}

/// Whether two rows are of one vector and accuracy.
pub(super) fn same_vector(a: &CorrelationRow, b: &CorrelationRow) -> bool {
    let key = |row: &CorrelationRow| (row.layer, row.side, row.bin_width.to_bits(), row.smoothed);
    key(a) == key(b) && (&a.method, &a.accuracy_of) == (&b.method, &b.accuracy_of)
}

/// Every method that is found to differ from the baseline: where, and by how much at least and at most.
fn found<'a>(comparison: &Comparison, all: impl Iterator<Item = &'a Difference>) -> Vec<String> {
    let mut groups: BTreeMap<(usize, &str), Vec<&Difference>> = BTreeMap::new();
    for difference in all {
        let place = comparison.methods.iter().position(|method| *method == difference.method);
        let verdict = if difference.mean > 0.0 { "higher" } else { "lower" };
        groups.entry((place.unwrap_or(0), verdict)).or_default().push(difference);
    }
    let sentence = |((_, verdict), all): ((usize, &str), Vec<&Difference>)| {
        let neurons: Vec<String> = all.iter().map(|d| d.neurons.to_string()).collect();
        let sizes = all.iter().map(|difference| difference.mean.abs());
        let (least, most) = sizes
            .fold((f64::INFINITY, 0.0_f64), |(low, high), size| (low.min(size), high.max(size)));
        let range =
            if all.len() > 1 { format!("{least:.4} to {most:.4}") } else { format!("{least:.4}") };
        let (method, baseline) = (&all[0].method, &all[0].baseline);
        format!(
            "{method} is {verdict} than {baseline} at {} neurons, by {range}",
            neurons.join(", ")
        )
    };
    groups.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tracks::Side;

    fn row(side: Side, source: Source, p: Option<f64>) -> CorrelationRow {
        CorrelationRow {
            method: "dtc".into(),
            layer: 0,
            side,
            bin_width: PUBLISHED_WIDTH,
            accuracy_of: "dtc".into(),
            smoothed: true,
            source,
            cycles: 9,
            seeds: 5,
            r: 0.9,
            low: None,
            high: None,
            partial: None,
            partial_low: None,
            partial_high: None,
            draw_deviation: None,
            excess: p.map(|_| 0.1),
            excess_low: None,
            excess_high: None,
            p,
        }
    }

    #[test]
    fn verdicts_on_entropies_are_held_to_holm() {
        let sentences = |p: &[f64]| {
            let vectors = Side::BOTH.into_iter().zip(p).flat_map(|(side, p)| {
                [row(side, Source::Measured, None), row(side, Source::Gaussian, Some(*p))]
            });
            let facts = Facts { correlations: vectors.collect(), ..Facts::default() };
            entropy_sentences(&facts)
        };
        assert!(sentences(&[0.006])[0].ends_with("The measured one is higher."));
        let mut few = [
            row(Side::Next, Source::Measured, None),
            row(Side::Next, Source::Gaussian, Some(0.001)),
        ];
        for row in &mut few {
            row.cycles = 7;
        }
        let facts = Facts { correlations: few.into(), ..Facts::default() };
        assert!(entropy_sentences(&facts)[0].ends_with("Fewer than eight clips give no verdict."));
        for sentence in sentences(&[0.006, 0.008]) {
            assert!(sentence.ends_with("The two cannot be told apart."), "{sentence}");
        }
    }
}
