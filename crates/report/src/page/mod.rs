//! The page: every figure, table, verdict and setting in one file that needs no other.

mod about;
mod findings;
mod missing;
mod settings;
mod sizes;
mod tables;
mod terms;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::about::{about, title};
use self::findings::shows;
use self::missing::gaps;
use self::settings::settings;
use self::sizes::sizes;
use self::tables::{correlations, costs, differences, estimates, table_1, ties};
use self::terms::terms;
use crate::ReportError;
use crate::comparison::Measure;
use crate::facts::Facts;
use crate::figure::Figure;
use crate::plot::{PHONE, SCREEN, svg};

/// What is estimated and compared, and when it is measured.
const MEASURES: [(Measure, &str); 2] = [
    (Measure::AccuracyAfterTraining, "After the training that follows"),
    (Measure::AccuracyAfterClip, "Right after the clip"),
];

const STYLE: &str = include_str!("../../../../assets/report/page.css");

/// A figure, drawn for a screen and for a phone; nothing in place of one without panels.
pub(crate) type Drawings = Option<[String; 2]>;

/// The drawings of a figure.
///
/// # Errors
/// It cannot be drawn.
pub(crate) fn drawings(figure: &Figure) -> Result<Drawings, ReportError> {
    let both = || -> Result<_, ReportError> { Ok([svg(figure, &SCREEN)?, svg(figure, &PHONE)?]) };
    (!figure.panels.is_empty()).then(both).transpose()
}

/// A part of the page: anchor, heading, content.
type Section = (&'static str, &'static str, Markup);

/// The page with its drawings, one pair a figure.
///
/// # Errors
/// A figure of the page is not among them.
pub(crate) fn page(
    facts: &Facts,
    figures: &[Figure],
    drawings: &[Drawings],
) -> Result<String, ReportError> {
    let figure = |name: &'static str| -> Result<Markup, ReportError> {
        let mut all = figures.iter().zip(drawings);
        let found = all.find(|(figure, _)| figure.name == name);
        let (figure, drawings) = found.ok_or_else(|| ReportError::Figure {
            figure: name,
            reason: "it was not made".into(),
        })?;
        Ok(draw(figure, drawings.as_ref()))
    };
    let sections = sections(facts, figure)?;
    let title = title(facts);
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
                    (about(facts))
                    nav { @for (anchor, heading, _) in &sections { a href={ "#" (anchor) } { (heading) } } }
                }
                main {
                    (gaps(facts, figures))
                    @for (anchor, heading, content) in sections { h2 id=(anchor) { (heading) } (content) }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// The sections that have something to show.
fn sections(
    facts: &Facts,
    figure: impl Fn(&'static str) -> Result<Markup, ReportError>,
) -> Result<Vec<Section>, ReportError> {
    let is_alone = facts.comparison.as_ref().is_none_or(|comparison| comparison.methods.len() < 2);
    // A run of one method begins with what it is for: how small the network can be.
    let (before, after) =
        if is_alone { (None, Some(shows(facts))) } else { (Some(shows(facts)), None) };
    let accuracy = html! {
        @if let Some(shows) = before { (shows) }
        (figure("accuracy_after_training")?) (sizes(facts))
        @if let Some(shows) = after { (shows) }
        (figure("accuracy")?) (figure("accuracy_closeup")?)
        (estimates(facts)) (table_1(facts))
    };
    let all = [
        ("accuracy", "Accuracy against size", accuracy),
        ("terms", "Methods and terms", terms(facts)),
        (
            "verdicts",
            "What can be told apart",
            html! { (figure("differences")?) (differences(facts)) },
        ),
        (
            "rays",
            "Weight rays and measurements",
            html! { (figure("weight_rays")?) (figure("measurements")?) (ties(facts)) },
        ),
        (
            "entropy",
            "Gibbs entropy and its null",
            html! { (figure("gibbs_entropy")?) (correlations(facts)) },
        ),
        ("cost", "What it cost", html! { (figure("cost")?) (costs(facts)) }),
        ("training", "Training", figure("loss")?),
        ("settings", "Settings", settings(facts)),
    ];
    Ok(all.into_iter().filter(|(_, _, content)| !content.0.is_empty()).collect())
}

fn draw(figure: &Figure, drawings: Option<&[String; 2]>) -> Markup {
    html! {
        @match drawings {
            Some([screen, phone]) => {
                figure id={ "figure-" (figure.name) } {
                    div.screen role="img" aria-label=(figure.title) { (PreEscaped(screen)) }
                    div.phone role="img" aria-label=(figure.title) { (PreEscaped(phone)) }
                    figcaption { (figure.caption) }
                }
            }
            None if !figure.caption.is_empty() => {
                p.soft id={ "figure-" (figure.name) } {
                    (figure.title) ": not shown. " (figure.caption)
                }
            }
            None => {}
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
