//! What the runs show, in sentences.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::MEASURES;
use crate::comparison::{Comparison, Difference, Measure, Verdict};
use crate::correlation::{CorrelationRow, Source};
use crate::cost::CostRow;
use crate::entropy::PUBLISHED_WIDTH;
use crate::facts::Facts;
use crate::verdict_sentence;

/// The findings in sentences.
pub(super) fn shows(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let mut lines = vec![];
    if comparison.methods.len() > 1 {
        for (measure, when) in MEASURES {
            let sentence = verdict_sentence(comparison, measure, facts.baseline);
            lines.push(format!("{when}: {sentence}."));
            lines.extend(
                found(comparison, measure, facts.baseline)
                    .iter()
                    .map(|difference| format!("{when}: {difference}.")),
            );
        }
    }
    let all = facts.correlations.iter();
    let of_paper = |row: &&CorrelationRow| {
        row.bin_width == PUBLISHED_WIDTH && row.smoothed && row.accuracy_of == row.method
    };
    for measured in all.filter(of_paper).filter(|row| row.source == Source::Measured) {
        let null = same_vector(facts, measured).find(|row| row.source == Source::Gaussian);
        lines.extend(null.map(|null| {
            format!(
                "Entropy of {} of {}{} and its smoothed accuracy: r = {:.3}; of Gaussian noise of the same \
                 size: r = {:.3}.{}",
                measured.side.symbol(),
                measured.method,
                if measured.layer > 0 { format!(", layer {}", measured.layer) } else { String::new() },
                measured.r,
                null.r,
                excess_sentence(null)
            )
        }));
    }
    lines.extend(cost_sentence(facts));
    html! {
        @if !lines.is_empty() {
            div.shows id="shows" { b { "What it shows" } ul { @for line in lines { li { (line) } } } }
        }
    }
}

/// What the smallest network took, clipped and from scratch.
fn cost_sentence(facts: &Facts) -> Option<String> {
    let neurons = facts.costs.iter().map(|row| row.neurons).min()?;
    let fraction = |is_scratch: bool| {
        let of_kind = |row: &&CostRow| {
            row.neurons == neurons && row.method.starts_with("scratch") == is_scratch
        };
        facts.costs.iter().find(of_kind).and_then(|row| row.saved).map(|saved| 1.0 - saved)
    };
    let clipped = fraction(false)?;
    let scratch = fraction(true).map(|fraction| {
        format!("; a network of that width from scratch {:.1} %", 100.0 * fraction)
    });
    Some(format!(
        "Down to {neurons} neurons, clipping takes {:.1} % of the operations that the full width takes on the \
         same batches{}.",
        100.0 * clipped,
        scratch.unwrap_or_default()
    ))
}

/// Whether the measured correlation is above that of the noise.
fn excess_sentence(null: &CorrelationRow) -> &'static str {
    match (null.excess_low, null.excess_high) {
        (Some(low), _) if low > 0.0 => " The measured one is higher.",
        (_, Some(high)) if high < 0.0 => " The measured one is lower.",
        (Some(_), _) => " The two cannot be told apart.",
        _ => " One seed cannot tell them apart.",
    }
}

fn same_vector<'a>(
    facts: &'a Facts,
    of: &'a CorrelationRow,
) -> impl Iterator<Item = &'a CorrelationRow> {
    facts.correlations.iter().filter(move |row| {
        (&row.method, row.layer, row.side, row.bin_width.to_bits(), &row.accuracy_of, row.smoothed)
            == (&of.method, of.layer, of.side, of.bin_width.to_bits(), &of.accuracy_of, of.smoothed)
    })
}

/// Every method that is found to differ from the baseline: where, and by how much at least and at most.
fn found(comparison: &Comparison, measure: Measure, baseline: usize) -> Vec<String> {
    let shown = comparison.shown().into_iter();
    let all = shown.flat_map(|rung| comparison.differences_from(baseline, measure, rung.cycle));
    let mut groups: BTreeMap<(usize, &str), Vec<Difference>> = BTreeMap::new();
    for difference in all.filter(|difference| is_found(difference.verdict)) {
        let place = comparison.methods.iter().position(|method| *method == difference.method);
        let key = (place.unwrap_or(0), difference.verdict.text());
        groups.entry(key).or_default().push(difference);
    }
    let sentence = |((_, verdict), all): ((usize, &str), Vec<Difference>)| {
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

pub(super) fn is_found(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Higher | Verdict::Lower)
}
