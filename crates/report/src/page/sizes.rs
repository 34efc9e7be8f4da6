//! Says in a sentence which network is the smallest that is still good.

use std::collections::BTreeSet;

use maud::{Markup, html};
use rayclip_run_folder::read::described;

use crate::compare::measure::Measure;
use crate::compare::statistics::Estimate;
use crate::facts::Facts;
use crate::read::run::Run;

/// The accuracy that a smaller network may lose and still be good.
const LOSS: f64 = 0.01;

/// Compares the first network of a run with one method with the smallest network that is still good.
pub(super) fn sizes(facts: &Facts) -> Markup {
    html! { @if let Some(sentence) = sentence(facts) { p id="sizes" { (sentence) } } }
}

fn sentence(facts: &Facts) -> Option<String> {
    let comparison =
        facts.comparison.as_ref().filter(|comparison| comparison.methods.len() == 1)?;
    let run = facts.runs.first()?;
    let before: Vec<f64> = facts.runs.iter().flat_map(accuracies_before).collect();
    let first = Estimate::of(&before)?;
    let mean = |cycle| comparison.estimate(Measure::AccuracyAfterTraining, cycle, 0);
    let rungs = comparison.rungs.values();
    let trained = rungs.filter_map(|rung| Some((rung, mean(rung.cycle)?.mean)));
    let good = trained.filter(|(_, accuracy)| *accuracy >= first.mean - LOSS);
    let smallest = good.min_by_key(|(rung, _)| rung.neurons());
    let full = format!(
        "The network of {} has an accuracy of {:.4} before the first clip.",
        described(&run.groups.widths, "hidden neurons"),
        first.mean
    );
    let Some((rung, accuracy)) = smallest else {
        return Some(format!("{full} No smaller network comes within {LOSS} of it."));
    };
    let share = run.parameters_before().filter(|count| *count > 0).map(|count| {
        let percent = 100.0 * rung.parameters as f64 / count as f64;
        format!(" and {percent:.1} % of the parameters")
    });
    Some(format!(
        "{full} The smallest network within {LOSS} of it (chosen on the test images) has {}{}: \
         {accuracy:.4}.",
        described(&rung.widths, "neurons"),
        share.unwrap_or_default()
    ))
}

/// Returns the accuracies before the first clip, one per replica. The groups of a replica have the same accuracy.
fn accuracies_before(run: &Run) -> Vec<f64> {
    let mut known = BTreeSet::new();
    let of_replicas = run.cycle(0).filter(|row| known.insert(row.replica));
    of_replicas.filter_map(|row| row.accuracy_before_clip).collect()
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::CycleRow;

    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::read::sample::{clip, run_of};

    #[test]
    fn the_smallest_network_that_is_as_good_is_named() {
        let of = |after: [f64; 3]| {
            let clips =
                [(0, 100, 50), (1, 50, 25), (2, 25, 12)].map(|(cycle, before, width)| CycleRow {
                    accuracy_after_training: Some(after[cycle]),
                    ..clip(0, cycle, before, width, 0.5)
                });
            let run = run_of(clips.to_vec());
            let comparison = Comparison::of(std::slice::from_ref(&run)).ok();
            sentence(&Facts { comparison, runs: vec![run], ..Facts::default() }).unwrap()
        };
        let found = of([0.91, 0.895, 0.7]);
        assert!(found.contains("The network of 100 hidden neurons has an accuracy of 0.9000"));
        assert!(found.ends_with("has 25 neurons and 25.0 % of the parameters: 0.8950."), "{found}");
        assert!(of([0.8, 0.7, 0.6]).ends_with("No smaller network comes within 0.01 of it."));
    }
}
