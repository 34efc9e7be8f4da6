//! The findings of the runs, in sentences.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::compare::comparison::Comparison;
use crate::compare::sentences::{NORMAL, verdict_sentence};
use crate::compare::statistics::holm;
use crate::compare::verdict::{Difference, ENTROPY_SHARE, LEAST_SEEDS, SIGNIFICANCE};
use crate::entropy::correlation::{CorrelationRow, Source};
use crate::entropy::gibbs::PUBLISHED_WIDTH;
use crate::facts::Facts;
use crate::page::measures::MEASURES;

/// The smallest number of clips for a verdict on a correlation. With fewer, the interval covers most of the range
/// from −1 to 1.
const LEAST_CYCLES: usize = 8;

/// Returns the findings in sentences.
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
                     images: other images may not show them."
                ));
            }
        }
    }
    lines.extend(entropy_sentences(facts));
    lines.extend(cost_sentence(facts));
    html! {
        @if !lines.is_empty() {
            div.shows id="shows" { b { "Findings" } ul { @for line in lines { li { (line) } } } }
        }
    }
}

/// Returns whether a difference is found and smaller than the error of the test images.
fn is_small(row: &Difference) -> bool {
    row.is_found() && row.image_error.is_some_and(|error| row.mean.abs() < NORMAL * error)
}

/// Says what the smallest network cost. Methods with the same cost share a part of the sentence.
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
        "Operations of training down to {neurons} neurons, as a fraction of those of the full width on as many \
         batches: {}.",
        parts.join("; ")
    ))
}

/// Says whether the measured entropy correlates with the accuracy better than the entropy of noise.
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
                row.source == Source::Gaussian && row.is_of_same_vector(measured)
            };
            Some((*measured, *rows.iter().find(is_null)?))
        })
        .collect();
    // The entropies are their own family. They have the share of the page that the accuracies leave.
    let is_tested =
        |null: &CorrelationRow| null.seeds >= LEAST_SEEDS && null.cycles >= LEAST_CYCLES;
    let p_of = |null: &CorrelationRow| null.p.filter(|_| is_tested(null));
    let p: Vec<f64> = pairs.iter().filter_map(|(_, null)| p_of(null)).collect();
    let mut adjusted = holm(&p).into_iter();
    let significance = SIGNIFICANCE * ENTROPY_SHARE;
    let verdict = |null: &CorrelationRow| {
        let p = p_of(null).and_then(|_| adjusted.next());
        match (p, null.excess) {
            (None, _) if null.seeds >= LEAST_SEEDS && null.cycles < LEAST_CYCLES => {
                "With fewer than eight clips there is no verdict."
            }
            (None, _) => "With fewer than three seeds there is no verdict.",
            (Some(p), Some(excess)) if p < significance && excess > 0.0 => {
                "The measured r is higher."
            }
            (Some(p), _) if p < significance => "The measured r is lower.",
            _ => "The two cannot be told apart.",
        }
    };
    let verdicts: Vec<&str> = pairs.iter().map(|(_, null)| *null).map(verdict).collect();
    let pairs = pairs.into_iter().zip(verdicts);
    pairs.map(|((measured, null), verdict)| sentence(facts, measured, null, verdict)).collect()
}

/// Returns the sentence about a measured vector and noise instead of it.
fn sentence(
    facts: &Facts,
    measured: &CorrelationRow,
    null: &CorrelationRow,
    verdict: &str,
) -> String {
    let given = |row: &CorrelationRow| {
        row.partial.map_or(String::new(), |r| format!(" (given log₂ n {r:.3})"))
    };
    format!(
        "Entropy of {} of {}{} with its smoothed accuracy: r = {:.3}{}. Gaussian noise with n and the root mean \
         square of the measured vector: r = {:.3}{}. {verdict}",
        measured.side.symbol(),
        measured.method,
        facts.of_group(&measured.group),
        measured.r,
        given(measured),
        null.r,
        given(null),
    )
}

/// Names every method that is found to differ from the baseline, with the widths and the range of the differences.
fn found<'a>(comparison: &Comparison, all: impl Iterator<Item = &'a Difference>) -> Vec<String> {
    let mut groups: BTreeMap<(usize, &str), Vec<&Difference>> = BTreeMap::new();
    for difference in all {
        let position = comparison.methods.iter().position(|method| *method == difference.method);
        let verdict = if difference.mean > 0.0 { "higher" } else { "lower" };
        groups.entry((position.unwrap_or(0), verdict)).or_default().push(difference);
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
            group: "layer_0".into(),
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
        assert!(sentences(&[0.006])[0].ends_with("The measured r is higher."));
        let mut few = [
            row(Side::Next, Source::Measured, None),
            row(Side::Next, Source::Gaussian, Some(0.001)),
        ];
        for row in &mut few {
            row.cycles = 7;
        }
        let facts = Facts { correlations: few.into(), ..Facts::default() };
        assert!(
            entropy_sentences(&facts)[0]
                .ends_with("With fewer than eight clips there is no verdict.")
        );
        for sentence in sentences(&[0.006, 0.008]) {
            assert!(sentence.ends_with("The two cannot be told apart."), "{sentence}");
        }
    }
}
