//! The tables of the page, with their headings and the text below them.

use maud::{Markup, html};

use crate::compare::sentences::{
    budget_sentence, family_sentence, sampling_sentence, verdict_sentence,
};
use crate::compare::ties::ties_sentence;
use crate::entropy::correlation::CorrelationRow;
use crate::facts::Facts;
use crate::page::draw::table;
use crate::page::measures::MEASURES;
use crate::paper::published::Series;
use crate::read::run::Run;
use crate::tables;

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
            (table(&tables::comparison::estimates_table(comparison, measure)))
            // If methods are compared, the sentence is below, beside the differences.
            @if comparison.compared(measure, facts.baseline).is_empty() {
                @if let Some(sentence) = sampling_sentence(comparison, measure, facts.baseline) {
                    p.soft { (sentence) "." }
                }
            }
        }
        p.soft { "All widths: statistics.csv." }
        @if let Some(alike) = facts.runs.iter().find_map(size_alike) {
            p.soft {
                "≈: with one ranking over all groups, every network has its own widths. Neurons and sizes are means \
                 over all networks after a clip. Alike is how many " (alike) " they may have: methods are compared at \
                 that size, not at one number of neurons. Each network: cycles.csv."
            }
        }
    }
}

/// Returns what the ladder of a run bounds, if its networks have their own widths.
fn size_alike(run: &Run) -> Option<&'static str> {
    let compression = &run.settings.as_ref().filter(|_| run.has_own_widths())?.compression;
    Some(if compression.target_parameters > 0.0 {
        "parameters"
    } else if compression.has_target() {
        "multiply-accumulates"
    } else {
        "hidden neurons"
    })
}

pub(super) fn table_1(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    if Series::beside(comparison).is_none() {
        return html! {
            p.soft {
                "Table I of the paper is not shown: it is for MNIST, with the ladder from 512 neurons."
            }
        };
    }
    html! {
        @if let Some(beside) = tables::table_1::table_1(comparison, None) {
            h3 { "Table I of the paper, right after the clip, smoothed: published (one run) and here" }
            (table(&beside))
        }
    }
}

pub(super) fn differences(facts: &Facts) -> Markup {
    let Some(comparison) = &facts.comparison else { return html! {} };
    html! {
        @for (measure, when) in MEASURES {
            @if !comparison.compared(measure, facts.baseline).is_empty() {
                h3 { (when) }
                @if let Some(sentence) = verdict_sentence(comparison, measure, facts.baseline) {
                    p { (sentence) "." }
                }
                (table(&tables::comparison::differences_table(comparison, measure, facts.baseline)))
                @if let Some(sentence) = sampling_sentence(comparison, measure, facts.baseline) {
                    p.soft { (sentence) "." }
                }
            }
        }
        @if comparison.methods.len() > 1 {
            @if let Some(sentence) = family_sentence(comparison, facts.baseline) {
                p.soft { (sentence) "." }
            }
            @if let Some(sentence) = budget_sentence(comparison) {
                p.soft { (sentence) "." }
            }
            p.soft { "All pairs of methods, at all widths: differences.csv." }
        }
    }
}

/// Shows the neurons with equal scores.
pub(super) fn ties(facts: &Facts) -> Markup {
    if facts.comparison.is_none() {
        return html! {};
    }
    html! {
        @if let Some(sentence) = ties_sentence(&facts.ties) {
            h3 { "Neurons with equal scores" }
            p { (sentence) "." }
            (table(&tables::ties::ties_table(facts)))
            p.soft { "All widths: ties.csv." }
        }
    }
}

pub(super) fn correlations(facts: &Facts) -> Markup {
    // The network of the recorded run has one group.
    let none = |_: &str| String::new();
    let own = correlations_of("These runs", &facts.correlations, |group| facts.of_group(group));
    let recorded = facts.recorded.as_ref();
    html! {
        (own)
        @if let Some(recorded) = recorded {
            (correlations_of("The recorded run", &recorded.correlations, none))
        }
    }
}

fn correlations_of(
    whose: &str,
    rows: &[CorrelationRow],
    of_group: impl Fn(&str) -> String,
) -> Markup {
    html! {
        @if !rows.is_empty() {
            h3 { (whose) ": Pearson correlation of the entropy with the accuracy right after the clip" }
            @for smoothed in [true, false] {
                p { @if smoothed { "Accuracy smoothed as in the paper:" } @else { "Raw accuracy:" } }
                (table(&tables::correlations::correlations_table(rows, smoothed, &of_group)))
            }
            p.soft {
                "With the 95 % interval over the seeds (Fisher's z); for one seed, noise has its deviation over \
                 the draws. Below it is the partial correlation given log₂ n: what is left when the part that \
                 goes with the number of measurements is removed. Gaussian noise takes n and the root mean \
                 square from the measured vector, uniform noise only n. While the accuracy falls, log₂ n falls \
                 too, whatever is measured: a correlation says something only if it is above those to its \
                 right. log₂ inside is the bound for the entries within [−50, 50]. Cycles without such an entry \
                 have no entropy and are left out everywhere; draws of noise may lack further cycles. Other bin \
                 widths and methods: correlations.csv."
            }
        }
    }
}

pub(super) fn costs(facts: &Facts) -> Markup {
    if facts.comparison.is_none() {
        return html! {};
    }
    html! {
        h3 { "The networks" @if facts.runs.len() > 1 { ", as timed by the first run" } }
        (table(&tables::costs::widths_table(facts)))
        h3 { "Training, up to right after the clip" }
        (table(&tables::costs::costs_table(facts)))
        p.soft {
            "FLOPs are those of the matrix products. A share is the cost of all replicas that trained together, \
             divided by their number. Methods that trained together have the same share; it does not measure \
             one of them. Scoring and its solver are measured for each method alone, for one replica. The \
             full width has the seconds of the first cycle in every cycle. Joules are those of the whole \
             machine, if a counter can be read. scratch pays for one network of that width. All widths: \
             widths.csv and costs.csv."
        }
    }
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::compare::measure::Measure;
    use crate::compare::ties::TiesRow;
    use crate::cost::costs::costs as all_costs;
    use crate::cost::widths::WidthRow;
    use crate::entropy::correlation::Source;
    use crate::entropy::tracks::Side;
    use crate::read::sample::{clip, run_of};
    use crate::tables::table::Table;

    fn facts() -> Facts {
        let rows = ["dtc", "l2"].into_iter().enumerate().flat_map(|(index, method)| {
            [0, 1, 2].map(|seed| CycleRow {
                method: method.into(),
                seed,
                batches: Some(7),
                training_flops: Some(3e9),
                full_width_flops: Some(4e9),
                ..clip(3 * index + seed as usize, 0, 100, 50, 0.9 - 0.01 * seed as f64)
            })
        });
        let run = run_of(rows.collect());
        let ties = TiesRow {
            method: "dtc".into(),
            group: "layer_0".into(),
            cycle: 0,
            neurons: 100,
            n: 3,
            fraction: 0.25,
            least: 0.0,
            most: 0.5,
        };
        let width = WidthRow {
            cycle: None,
            widths: "100".into(),
            neurons: 100,
            parameters: Some(1000),
            bytes: Some(4000),
            macs: None,
            latency_ms: Some(0.25),
            batch: Some(512),
            batch_latency_ms: Some(9.0),
        };
        Facts {
            comparison: Comparison::of(std::slice::from_ref(&run)).ok(),
            costs: all_costs(std::slice::from_ref(&run), |_, method| method.to_owned()),
            runs: vec![run],
            ties: vec![ties],
            widths: vec![width],
            ..Facts::default()
        }
    }

    fn correlation(source: Source) -> CorrelationRow {
        CorrelationRow {
            method: "dtc".into(),
            group: "layer_0".into(),
            side: Side::Next,
            bin_width: 0.2,
            accuracy_of: "dtc".into(),
            smoothed: true,
            source,
            cycles: 9,
            seeds: 3,
            r: 0.75,
            low: Some(0.5),
            high: Some(0.875),
            partial: Some(0.125),
            partial_low: None,
            partial_high: None,
            draw_deviation: None,
            excess: None,
            excess_low: None,
            excess_high: None,
            p: None,
        }
    }

    #[test]
    fn terminal_and_page_show_every_cell_of_every_table() {
        let facts = facts();
        let comparison = facts.comparison.as_ref().unwrap();
        let rows = [correlation(Source::Measured), correlation(Source::Log2N)];
        let all: [(Table, &str); 6] = [
            (
                tables::comparison::estimates_table(comparison, Measure::AccuracyAfterClip),
                "0.8900 ± 0.0248",
            ),
            (
                tables::comparison::differences_table(comparison, Measure::AccuracyAfterClip, 0),
                "+0.0000",
            ),
            (tables::ties::ties_table(&facts), "0.250"),
            (
                tables::correlations::correlations_table(&rows, true, |_| String::new()),
                "given log₂ n: 0.125",
            ),
            (tables::costs::widths_table(&facts), "250 µs"),
            (tables::costs::costs_table(&facts), "0.250"),
        ];
        for (data, expected) in &all {
            let (page, terminal) = (table(data).into_string(), data.to_string());
            assert!(terminal.contains(expected), "{expected}: {terminal}");
            assert!(!data.rows.is_empty(), "{terminal}");
            for cells in &data.rows {
                assert_eq!(cells.len(), data.columns.len(), "{terminal}");
                for line in cells.iter().flat_map(|cell| cell.text.split('\n')) {
                    assert!(terminal.contains(line), "{line}: {terminal}");
                    assert!(page.contains(line), "{line}: {page}");
                }
            }
        }
    }
}
