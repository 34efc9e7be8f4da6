//! Says what is missing: one line, with details.

use maud::{Markup, html};
use rayclip_run_folder::Outcome;

use crate::facts::{Facts, missing};
use crate::figures::figure::Figure;
use crate::read::run::Run;

/// Returns the line; empty if nothing is missing.
pub(super) fn gaps(facts: &Facts, figures: &[Figure]) -> Markup {
    let undrawn: Vec<&Figure> = figures.iter().filter(|figure| figure.is_missing).collect();
    let mut lines = missing(facts);
    let count = lines.len();
    lines.extend(undrawn.iter().map(|figure| format!("{}: {}", figure.title, figure.caption)));
    html! {
        @match lines.as_slice() {
            [] => {}
            [line] => {
                div.gap id="gaps" {
                    b { "Incomplete. " }
                    @for far in facts.runs.iter().filter_map(|run| end(run, facts)) { (far) ": " }
                    (line)
                }
            }
            _ => {
                div.gap id="gaps" { details {
                    summary { b { "Incomplete. " } (sentence(facts, count, undrawn.len())) }
                    ul { @for line in &lines { li { (line) } } }
                } }
            }
        }
        @for comparison in facts.comparison.iter().filter(|c| !c.differing.is_empty()) {
            div.shows {
                b { "The runs differ in" } ul { @for text in &comparison.differing { li { (text) } } }
            }
        }
    }
}

/// Says how far the runs got, and how much is missing.
fn sentence(facts: &Facts, count: usize, undrawn: usize) -> String {
    let mut parts: Vec<String> = facts.runs.iter().filter_map(|run| end(run, facts)).collect();
    let things = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("one {one}")),
        count => Some(format!("{count} {many}")),
    };
    let missing = things(count, "thing is missing", "things are missing");
    let undrawn = things(undrawn, "figure is not drawn", "figures are not drawn");
    let rest: Vec<String> = missing.into_iter().chain(undrawn).collect();
    if !rest.is_empty() {
        parts.push(rest.join(", "));
    }
    format!("{}.", parts.join("; "))
}

/// Says how far an unfinished run got.
fn end(run: &Run, facts: &Facts) -> Option<String> {
    let outcome = run.summary.as_ref()?.outcome;
    let far = run.progress.as_ref().filter(|progress| progress.batches > 0).map(|progress| {
        let percent = 100.0 * progress.batches_done as f64 / progress.batches as f64;
        format!(", after {:.0} % of its batches", percent.min(100.0))
    });
    let what = match outcome {
        Outcome::Finished => return None,
        Outcome::Running => "is in progress, or was killed",
        Outcome::Interrupted => "was interrupted",
        Outcome::Diverged => "diverged",
        Outcome::Stopped | Outcome::Failed => "failed",
    };
    let whose = if facts.runs.len() == 1 {
        "The run".to_owned()
    } else {
        format!("The run {}", run.folder.display())
    };
    Some(format!("{whose} {what}{}", far.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::Progress;

    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::read::sample::{clip, run_of};
    use rayclip_run_folder::read::Gap;

    #[test]
    fn whatever_is_missing_is_one_line() {
        let mut run = run_of(vec![clip(0, 0, 100, 50, 0.9)]);
        run.missing = (0..12).map(|replica| format!("replica {replica} is not there")).collect();
        run.summary.as_mut().unwrap().outcome = Outcome::Interrupted;
        run.progress = Some(Progress { batches_done: 30, batches: 120, ..Progress::default() });
        let comparison = Comparison::of(std::slice::from_ref(&run)).ok();
        let gap = Gap { path: "rays".into(), reason: "cannot be read".into() };
        let mut facts = Facts { comparison, runs: vec![run], gaps: vec![gap], ..Facts::default() };
        let figures = [Figure::gap("cost", "Cost", "None."), Figure::left_out("loss", "Loss", "")];
        let page = gaps(&facts, &figures).into_string();
        let line = "<b>Incomplete. </b>The run was interrupted, after 25 % of its batches; 13 things are \
                    missing, one figure is not drawn.</summary>";
        assert!(page.contains(line), "{page}");
        assert_eq!((page.matches("class=\"gap\"").count(), page.matches("<li>").count()), (1, 14));
        assert!(page.contains("<li>Cost: None.</li>") && !page.contains("Loss"), "{page}");
        facts.comparison = None;
        let page = gaps(&facts, &[]).into_string();
        assert!(
            page.contains("after 25 % of its batches: rays: cannot be read")
                && !page.contains("<details")
        );
        facts.gaps.clear();
        assert_eq!(gaps(&facts, &[]).into_string(), "");
    }
}
