//! What is missing: one line, for as long as it is missing in the folder, and the particulars behind it.

use maud::{Markup, html};

use crate::Run;
use crate::facts::Facts;
use crate::figure::Figure;
use crate::report::missing;

/// The line; nothing where nothing is missing.
pub(super) fn gaps(facts: &Facts, figures: &[Figure]) -> Markup {
    let undrawn: Vec<&Figure> = figures.iter().filter(|figure| figure.is_missing).collect();
    let mut lines = missing(facts);
    let count = lines.len();
    lines.extend(undrawn.iter().map(|figure| format!("{}: {}", figure.title, figure.caption)));
    html! {
        @match lines.as_slice() {
            [] => {}
            [line] => { div.gap id="gaps" { b { "Not whole. " } (line) } }
            _ => {
                div.gap id="gaps" { details {
                    summary { b { "Not whole. " } (sentence(facts, count, undrawn.len())) }
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

/// How far the runs got, and how much is missing.
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

/// How far a run got that is not at its end.
fn end(run: &Run, facts: &Facts) -> Option<String> {
    let outcome = run.summary.as_ref()?.outcome.as_str();
    let far = run.progress.as_ref().filter(|progress| progress.batches > 0).map(|progress| {
        let percent = 100.0 * progress.batches_done as f64 / progress.batches as f64;
        format!(", after {:.0} % of its batches", percent.min(100.0))
    });
    let what = match outcome {
        "finished" => return None,
        "running" => "goes on, or was killed",
        "interrupted" => "was interrupted",
        "diverged" => "diverged",
        _ => "failed",
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
    use super::*;
    use crate::summary::{Progress, Summary};
    use crate::table::tests::{clip, run_of};
    use crate::{Comparison, Gap};

    #[test]
    fn whatever_is_missing_is_one_line() {
        let mut run = run_of(vec![clip(0, 0, 100, 50, 0.9)]);
        run.missing = (0..12).map(|replica| format!("replica {replica} is not there")).collect();
        run.summary = Some(Summary {
            version: String::new(),
            outcome: "interrupted".into(),
            error: None,
            device: String::new(),
        });
        let progress = r#"{"cycle":1,"widths":[4],"batches_done":30,"batches":120,"updated":1,"resumed":0,
            "train_seconds":1,"compress_seconds":0,"seconds":1}"#;
        run.progress = Some(Progress::parse(progress.as_bytes()).unwrap());
        let comparison = Comparison::of(std::slice::from_ref(&run)).ok();
        let gap = Gap { path: "rays".into(), reason: "cannot be read".into() };
        let mut facts = Facts { comparison, runs: vec![run], gaps: vec![gap], ..Facts::default() };
        let figures = [Figure::gap("cost", "Cost", "None."), Figure::left_out("loss", "Loss", "")];
        let page = gaps(&facts, &figures).into_string();
        let line = "<b>Not whole. </b>The run was interrupted, after 25 % of its batches; 13 things are \
                    missing, one figure is not drawn.</summary>";
        assert!(page.contains(line), "{page}");
        assert_eq!((page.matches("class=\"gap\"").count(), page.matches("<li>").count()), (1, 14));
        assert!(page.contains("<li>Cost: None.</li>") && !page.contains("Loss"), "{page}");
        facts.comparison = None;
        let page = gaps(&facts, &[]).into_string();
        assert!(
            page.contains("<b>Not whole. </b>rays: cannot be read") && !page.contains("<details")
        );
        facts.gaps.clear();
        assert_eq!(gaps(&facts, &[]).into_string(), "");
    }
}
