//! The tables of the page.

use maud::{Markup, html};

use super::MEASURES;
use super::findings::same_vector;
use crate::Estimate;
use crate::cost::CostRow;
use crate::cost::widths::WidthRow;
use crate::entropy::PUBLISHED_WIDTH;
use crate::entropy::correlation::{CorrelationRow, Source};
use crate::entropy::tracks::Side;
use crate::facts::Facts;
use crate::published::{METHODS, Series, smoothed};
use crate::sentences::{family_sentence, sampling_sentence, verdict_sentence};
use crate::ties::{TiesRow, ties_sentence};
use crate::verdict::Difference;

/// An estimate, with its number of seeds where it has fewer than `most`.
fn estimate(estimate: Option<Estimate>, most: usize) -> Markup {
    let Some(estimate) = estimate else { return html! { td { "–" } } };
    html! {
        td data-value=(estimate.mean) {
            (format!("{:.4}", estimate.mean))
            @if let Some(half) = estimate.half_width() { " ± " (format!("{half:.4}")) }
            @if estimate.n < most { br; (estimate.n) " of " (most) " seeds" }
        }
    }
}

fn head(columns: &[String]) -> Markup {
    html! { thead { tr { @for column in columns { th { (column) } } } } }
}

fn names(first: &[&str], rest: &[String]) -> Vec<String> {
    first.iter().map(|name| (*name).to_owned()).chain(rest.iter().cloned()).collect()
}

pub(super) fn estimates(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    html! {
        @for (measure, when) in MEASURES {
            h3 {
                (when)
                @match comparison.seeds() {
                    1 => ", one seed",
                    count => { ": mean ± half the 95 % interval over " (count) " seeds" }
                }
            }
            div.wide { table {
                (head(&names(&["neurons", "sparsity"], &comparison.methods)))
                tbody { @for rung in comparison.shown() { tr {
                    td { (rung.label()) } (rounded(Some(rung.sparsity), 4))
                    @for method in 0..comparison.methods.len() {
                        (estimate(comparison.estimate(measure, rung.cycle, method), comparison.seeds()))
                    }
                } } }
            } }
            // Of methods that are compared it stands below, beside the differences.
            @if comparison.compared(measure, facts.baseline).is_empty() {
                @if let Some(sentence) = sampling_sentence(comparison, measure, facts.baseline) {
                    p.soft { (sentence) "." }
                }
            }
        }
        p.soft { "All widths: statistics.csv." }
    }
}

pub(super) fn table_1(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let Some(published) = Series::beside(comparison) else {
        return html! {
            p.soft {
                "Table I of the paper does not stand here: it is of MNIST, down the ladder from 512 neurons."
            }
        };
    };
    let of_method = |(theirs, name): (usize, &&'static str)| {
        Some((theirs, *name, smoothed(comparison, comparison.method(name).ok()?)))
    };
    let methods: Vec<_> = METHODS.iter().enumerate().filter_map(of_method).collect();
    if methods.is_empty() {
        return html! {};
    }
    let columns: Vec<String> = methods
        .iter()
        .flat_map(|(_, name, _)| [format!("{name}, paper"), format!("{name}, here")])
        .collect();
    html! {
        h3 { "Table I of the paper, smoothed right after the clip: published (one run) and here" }
        div.wide { table {
            (head(&names(&["sparsity"], &columns)))
            tbody { @for (sparsity, _) in published.curve(0) { tr {
                (rounded(Some(sparsity), 4))
                @for (theirs, _, ours) in &methods {
                    (rounded(published.at(sparsity, *theirs), 4))
                    @let ours = ours.iter().find(|(s, _)| (s - sparsity).abs() < 1e-4);
                    (estimate(ours.map(|(_, estimate)| *estimate), comparison.seeds()))
                }
            } } }
        } }
    }
}

pub(super) fn differences(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let baseline = &comparison.methods[facts.baseline];
    let family = comparison.family(facts.baseline);
    html! {
        @for (measure, when) in MEASURES {
            @let others = comparison.compared(measure, facts.baseline);
            @let others: Vec<&String> = others.iter().map(|m| &comparison.methods[*m]).collect();
            @let columns: Vec<String> = others.iter().map(|m| format!("{m} − {baseline}")).collect();
            @if !others.is_empty() {
                h3 { (when) }
                @if let Some(sentence) = verdict_sentence(comparison, measure, facts.baseline) {
                    p { (sentence) "." }
                }
                div.wide { table {
                    (head(&names(&["neurons"], &columns)))
                    tbody { @for rung in comparison.shown() { tr {
                        td { (rung.label()) }
                        @for other in &others {
                            (difference(family.iter().find(|row| {
                                (row.measure, row.cycle) == (measure, rung.cycle) && row.method == **other
                            })))
                        }
                    } } }
                } }
                @if let Some(sentence) = sampling_sentence(comparison, measure, facts.baseline) {
                    p.soft { (sentence) "." }
                }
            }
        }
        @if comparison.methods.len() > 1 {
            @if let Some(sentence) = family_sentence(comparison, facts.baseline) {
                p.soft { (sentence) "." }
            }
            p.soft { "Every method with every other, at all widths: differences.csv." }
        }
    }
}

fn difference(difference: Option<&Difference>) -> Markup {
    html! {
        @match difference {
            Some(row) => {
                td data-value=(row.mean) .found[row.is_found()] {
                    (format!("{:+.4}", row.mean))
                    @if let Some(half) = row.half_width() { " ± " (format!("{half:.4}")) }
                    br; (row.text())
                }
            }
            None => td { "–" },
        }
    }
}

/// Neurons that a method does not tell apart, at the widths that are shown.
pub(super) fn ties(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let shown: Vec<usize> = comparison.shown().iter().map(|rung| rung.cycle).collect();
    let is_shown = |row: &&TiesRow| shown.contains(&row.cycle) && row.most > 0.0;
    let layers = facts.ties.iter().map(|row| row.layer + 1).max().unwrap_or(0);
    html! {
        @if let Some(sentence) = ties_sentence(&facts.ties) {
            h3 { "Neurons that are not told apart" }
            p { (sentence) "." }
            div.wide { table {
                (head(&names(&["method", "neurons ranked", "fraction with the score of another"], &[])))
                tbody { @for row in facts.ties.iter().filter(is_shown) { tr {
                    td { (row.method) @if layers > 1 { ", layer " (row.layer) } }
                    (count(Some(row.neurons))) (rounded(Some(row.fraction), 3))
                } } }
            } }
            p.soft { "All widths: ties.csv." }
        }
    }
}

pub(super) fn correlations(facts: &Facts) -> Markup {
    let recorded = facts.recorded.iter().map(|r| ("The recorded run", r.correlations.as_slice()));
    let own = std::iter::once(("These runs", facts.correlations.as_slice()));
    let groups: Vec<_> = own.chain(recorded).filter(|(_, rows)| !rows.is_empty()).collect();
    let columns =
        ["entropy of", "accuracy of", "bins", "cycles", "seeds"].map(str::to_owned).into_iter();
    let columns: Vec<String> =
        columns.chain(Source::ALL.map(|source| source.text().to_owned())).collect();
    html! {
        @for (whose, rows) in groups {
            @let layers = rows.iter().map(|row| row.layer + 1).max().unwrap_or(0);
            h3 { (whose) ": Pearson correlation of the entropy with the accuracy right after the clip" }
            @for smoothed in [true, false] {
                p { @if smoothed { "Accuracy smoothed as in the paper:" } @else { "Accuracy as it is:" } }
                div.wide { table {
                    (head(&columns))
                    tbody { @for vector in vectors(rows, smoothed) { (correlation(&vector, layers)) } }
                } }
            }
            p.soft {
                "With the 95 % interval over the seeds (Fisher's z); of one seed, noise with the deviation over \
                 the draws. Below it the partial correlation given log₂ n: what is left when the part that goes \
                 with the number of measurements is taken away. Gaussian noise takes n and its root mean square \
                 from the measured vector, uniform noise n alone. The accuracy falls down the ladder, and so does log₂ n, whatever is measured: a \
                 correlation says something only where it is above those to its right. log₂ inside is the bound \
                 of the entries within [−50, 50]. Cycles in which none lies there have no entropy and are left \
                 out, everywhere; draws of noise may lack some more. Other bin widths and methods: \
                 correlations.csv."
            }
        }
    }
}

/// Rows of one vector and accuracy, of all sources: what the page shows of `correlations.csv`.
fn vectors(rows: &[CorrelationRow], smoothed: bool) -> Vec<Vec<&CorrelationRow>> {
    let shown = |row: &&CorrelationRow| {
        let known = row.accuracy_of == row.method || METHODS.contains(&row.accuracy_of.as_str());
        // The published bins for all; every width for a method with its own accuracy.
        let own = row.accuracy_of == row.method && row.side == Side::Next;
        row.smoothed == smoothed && known && (row.bin_width == PUBLISHED_WIDTH || own)
    };
    let rows: Vec<&CorrelationRow> = rows.iter().filter(shown).collect();
    rows.chunk_by(|a, b| same_vector(a, b)).map(<[_]>::to_vec).collect()
}

fn correlation(vector: &[&CorrelationRow], layers: usize) -> Markup {
    let CorrelationRow { method, layer, side, bin_width, accuracy_of, seeds, .. } = vector[0];
    let of = |source| vector.iter().find(|row| row.source == source);
    let fewest = vector.iter().map(|row| row.cycles).min().unwrap_or(0);
    let cycles = if fewest < vector[0].cycles {
        format!("{fewest}–{}", vector[0].cycles)
    } else {
        fewest.to_string()
    };
    html! {
        tr {
            td { (side.symbol()) " of " (method) @if layers > 1 { ", layer " (layer) } }
            td { (accuracy_of) } td { (bin_width) } td { (cycles) } td { (seeds) }
            @for source in Source::ALL {
                @match of(source) {
                    Some(row) => (r(row)),
                    None => td { "–" },
                }
            }
        }
    }
}

/// A correlation with its interval, which is not symmetric; of one seed, with the deviation over draws.
fn r(row: &CorrelationRow) -> Markup {
    html! {
        td data-value=(row.r) {
            (format!("{:.4}", row.r))
            @match (row.low, row.high, row.draw_deviation) {
                (Some(low), Some(high), _) => { br; (format!("{low:.3} … {high:.3}")) }
                (_, _, Some(deviation)) => { " ± " (format!("{deviation:.4}")) }
                _ => {}
            }
            @if let Some(partial) = row.partial { br; "given log₂ n: " (format!("{partial:.3}")) }
        }
    }
}

pub(super) fn costs(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    let shown: Vec<usize> = comparison.shown().iter().map(|rung| rung.cycle).collect();
    let widths = facts.widths.iter().filter(|row| row.cycle.is_none_or(|c| shown.contains(&c)));
    let costs = facts.costs.iter().filter(|row| shown.contains(&row.cycle));
    let batch = facts.widths.iter().find_map(|row| row.batch);
    let batch = batch.map_or("time, a batch".into(), |images| format!("time, {images} images"));
    html! {
        h3 { "The networks" @if facts.runs.len() > 1 { ", as timed by the first run" } }
        div.wide { table {
            (head(&names(&["neurons", "parameters", "bytes (f32)", "MACs an image", "time, one image"], &[batch])))
            tbody { @for row in widths { (width(row)) } }
        } }
        h3 { "Training them, until right after the clip" }
        div.wide { table {
            (head(&names(
                &["method", "neurons", "batches", "training FLOPs", "solve FLOPs", "full width", "saved",
                  "training s (share)", "full width s (share, estimate)", "scoring s", "of it solver s",
                  "joules (share)"],
                &[],
            )))
            tbody { @for row in costs { (cost(row)) } }
        } }
        p.soft {
            "FLOPs are those of the matrix products. A share is what the replicas that trained at once took, \
             divided by their number: methods that trained together have the same, and it is no measurement of \
             one of them. Scoring and its solver are measured for each method alone, for one replica. The \
             seconds of the full width are those of the first cycle for every cycle. Joules are of the whole \
             machine, where a counter tells. scratch pays for one network of that width. All widths: \
             widths.csv and costs.csv."
        }
    }
}

fn count(value: Option<usize>) -> Markup {
    html! {
        @match value {
            Some(value) => td data-value=(value) { (value) },
            None => td { "–" },
        }
    }
}

fn large(value: Option<f64>) -> Markup {
    html! {
        @match value {
            Some(value) => td data-value=(value) { (format!("{value:.3e}")) },
            None => td { "–" },
        }
    }
}

fn rounded(value: Option<f64>, digits: usize) -> Markup {
    html! {
        @match value {
            Some(value) => td data-value=(value) { (format!("{value:.digits$}")) },
            None => td { "–" },
        }
    }
}

/// Milliseconds, in a unit that shows them.
fn time(milliseconds: Option<f64>) -> Markup {
    html! {
        @match milliseconds {
            Some(value) => td data-value=(value) { (with_unit(value)) },
            None => td { "–" },
        }
    }
}

fn with_unit(milliseconds: f64) -> String {
    match milliseconds {
        short if short < 0.1 => format!("{:.1} µs", 1e3 * short),
        short if short < 1.0 => format!("{:.0} µs", 1e3 * short),
        long => format!("{long:.2} ms"),
    }
}

fn width(row: &WidthRow) -> Markup {
    html! {
        tr {
            td { (row.widths) }
            (count(row.parameters)) (count(row.bytes)) (count(row.macs))
            (time(row.latency_ms)) (time(row.batch_latency_ms))
        }
    }
}

fn cost(row: &CostRow) -> Markup {
    html! {
        tr {
            td { (row.method) } td { (row.neurons) } (count(row.batches))
            (large(row.training_flops)) (large(Some(row.solve_flops))) (large(row.full_width_flops))
            (rounded(row.saved, 3)) (rounded(row.train_seconds_share, 1))
            (rounded(row.full_width_seconds_share, 1)) (rounded(row.score_seconds, 2))
            (rounded(row.solve_seconds, 2)) (rounded(row.joules_share, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_that_shows_them() {
        let times = [0.003_12, 0.25, 3.25, 250.0].map(with_unit);
        assert_eq!(times, ["3.1 µs", "250 µs", "3.25 ms", "250.00 ms"]);
    }
}
