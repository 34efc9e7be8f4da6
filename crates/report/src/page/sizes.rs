//! Accuracy against size in a sentence: how small a network is still as good.

use maud::{Markup, html};

use crate::Estimate;
use crate::comparison::Measure;
use crate::facts::Facts;
use crate::ladder::joined;

/// What a smaller network may lose and still be called as good.
const LOSS: f64 = 0.01;

/// The first network of a run of one method, and the smallest that is as good.
pub(super) fn sizes(facts: &Facts) -> Markup {
    html! { @if let Some(sentence) = sentence(facts) { p id="sizes" { (sentence) } } }
}

fn sentence(facts: &Facts) -> Option<String> {
    let comparison =
        facts.comparison.as_ref().filter(|comparison| comparison.methods.len() == 1)?;
    let run = facts.runs.first()?;
    let before: Vec<f64> = facts
        .runs
        .iter()
        .flat_map(|run| run.cycle(0))
        .filter(|clip| clip.layer == 0)
        .filter_map(|clip| clip.accuracy_before_clip)
        .collect();
    let first = Estimate::of(&before)?;
    let mean = |cycle| comparison.estimate(Measure::AccuracyAfterTraining, cycle, 0);
    let rungs = comparison.rungs.values();
    let trained = rungs.filter_map(|rung| Some((rung, mean(rung.cycle)?.mean)));
    let good = trained.filter(|(_, accuracy)| *accuracy >= first.mean - LOSS);
    let smallest = good.min_by_key(|(rung, _)| rung.neurons());
    let full = format!(
        "The network of {} hidden neurons has an accuracy of {:.4} before the first clip.",
        joined(&run.widths_before),
        first.mean
    );
    let Some((rung, accuracy)) = smallest else {
        return Some(format!("{full} No smaller one comes within {LOSS} of it."));
    };
    let share = run.parameters_before.filter(|count| *count > 0).map(|count| {
        let percent = 100.0 * rung.parameters as f64 / count as f64;
        format!(" and {percent:.1} % of the parameters")
    });
    Some(format!(
        "{full} The smallest that comes within {LOSS} of it (on the test images, which it is chosen by here) has \
         {} neurons{}: {accuracy:.4}.",
        rung.label(),
        share.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{clip, run_of};
    use crate::{Clip, Comparison};

    #[test]
    fn the_smallest_network_that_is_as_good_is_named() {
        let of = |after: [f64; 3]| {
            let clips =
                [(0, 100, 50), (1, 50, 25), (2, 25, 12)].map(|(cycle, before, width)| Clip {
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
        assert!(of([0.8, 0.7, 0.6]).ends_with("No smaller one comes within 0.01 of it."));
    }
}
