//! The page: every figure, table, verdict and setting in one file that needs no other.

mod findings;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::findings::shows;
use self::tables::{correlations, costs, differences, estimates, settings, table_1, ties};
use crate::comparison::Measure;
use crate::facts::Facts;
use crate::figure::Figure;
use crate::{Progress, ReportError};

/// What is estimated and compared, and when it is measured.
const MEASURES: [(Measure, &str); 2] = [
    (Measure::AccuracyAfterTraining, "After the training that follows"),
    (Measure::AccuracyAfterClip, "Right after the clip"),
];

const STYLE: &str = include_str!("../../../../assets/report/page.css");

/// Sections of the page: anchor and heading.
const SECTIONS: [(&str, &str); 7] = [
    ("accuracy", "Accuracy"),
    ("verdicts", "What can be told apart"),
    ("rays", "Weight rays and measurements"),
    ("entropy", "Gibbs entropy and its null"),
    ("cost", "What it cost"),
    ("training", "Training"),
    ("settings", "Settings"),
];

/// The page with its drawings, one a figure; nothing in the place of a figure that has a gap.
///
/// # Errors
/// A figure of the page is not among them.
pub(crate) fn page(
    facts: &Facts,
    figures: &[Figure],
    drawings: &[Option<String>],
) -> Result<String, ReportError> {
    let figure = |name: &'static str| -> Result<Markup, ReportError> {
        let mut all = figures.iter().zip(drawings);
        let found = all.find(|(figure, _)| figure.name == name);
        let (figure, drawing) = found.ok_or_else(|| ReportError::Figure {
            figure: name,
            reason: "it was not made".into(),
        })?;
        Ok(draw(figure, drawing.as_deref()))
    };
    let title = title(facts);
    let [accuracy, verdicts, rays, entropy, cost, training, set] =
        SECTIONS.map(|(anchor, heading)| html! { h2 id=(anchor) { (heading) } });
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("rayclip ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    (runs(facts))
                    nav { @for (anchor, heading) in SECTIONS { a href={ "#" (anchor) } { (heading) } } }
                }
                main {
                    (gaps(facts))
                    (shows(facts))
                    (accuracy) (figure("accuracy_after_training")?)
                    (figure("accuracy")?) (figure("accuracy_closeup")?)
                    (estimates(facts)) (table_1(facts))
                    (verdicts) (figure("differences")?) (differences(facts))
                    (rays) (figure("weight_rays")?) (figure("measurements")?) (ties(facts))
                    (entropy) (figure("gibbs_entropy")?) (correlations(facts))
                    (cost) (figure("cost")?) (costs(facts))
                    (training) (figure("loss")?)
                    (set) (settings(facts))
                }
            }
        }
    };
    Ok(page.into_string())
}

fn title(facts: &Facts) -> String {
    match (&facts.comparison, facts.runs.first()) {
        (Some(comparison), Some(run)) => {
            format!("{} on {}", comparison.methods.join(", "), run.data.name)
        }
        (None, Some(run)) => format!("A run on {} without a clip yet", run.data.name),
        (_, None) => "The recorded run".into(),
    }
}

fn runs(facts: &Facts) -> Markup {
    html! {
        @for run in &facts.runs {
            p.soft {
                code { (run.folder.display()) }
                @if let Some(summary) = &run.summary {
                    ": " (summary.outcome) " on " (summary.device) ", rayclip " (summary.version)
                    @if let Some(progress) = &run.progress { (took(progress)) }
                    "."
                }
            }
        }
    }
}

fn took(progress: &Progress) -> Markup {
    html! {
        ", training " (format!("{:.1}", progress.train_seconds)) " s, compressing "
        (format!("{:.2}", progress.compress_seconds)) " s, in all "
        (format!("{:.1}", progress.seconds)) " s"
        @match &progress.energy {
            Some(energy) => {
                ", " (format!("{:.0}", energy.joules)) " J (" (energy.sources.join(", ")) ")"
            }
            None => ", energy not known: no counter of the machine could be read",
        }
        @match progress.resumed {
            0 => {}
            1 => ", resumed once from a checkpoint",
            times => { ", resumed " (times) " times from a checkpoint" }
        }
    }
}

fn draw(figure: &Figure, drawing: Option<&str>) -> Markup {
    html! {
        @match drawing {
            Some(svg) => {
                figure id={ "figure-" (figure.name) } {
                    div role="img" aria-label=(figure.title) { (PreEscaped(svg)) }
                    figcaption { (figure.caption) }
                }
            }
            None => {
                div.gap id={ "figure-" (figure.name) } {
                    b { (figure.title) ": not shown. " } (figure.caption)
                }
            }
        }
    }
}

/// What is missing: in the page for as long as it is missing in the folder.
fn gaps(facts: &Facts) -> Markup {
    let missing = facts.comparison.iter().flat_map(|comparison| &comparison.missing);
    let lines: Vec<Markup> = facts
        .gaps
        .iter()
        .map(|gap| html! { code { (gap.path.display()) } ": " (gap.reason) })
        .chain(missing.map(|text| html! { (text) }))
        .collect();
    html! {
        @if !lines.is_empty() {
            div.gap id="gaps" { b { "Not whole" } ul { @for line in lines { li { (line) } } } }
        }
        @for comparison in facts.comparison.iter().filter(|c| !c.differing.is_empty()) {
            div.shows {
                b { "The runs differ in" } ul { @for text in &comparison.differing { li { (text) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_one_of_its_figures_is_refused() {
        let refused = page(&Facts::default(), &[], &[]).unwrap_err().to_string();
        assert!(refused.contains("the figure accuracy"), "{refused}");
    }
}
