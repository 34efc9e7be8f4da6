//! The page: all figures, tables, verdicts and settings in one file that needs no other.

mod about;
pub(crate) mod draw;
mod findings;
mod measures;
mod missing;
mod settings;
mod sizes;
mod tables;
mod terms;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::ReportError;
use crate::facts::Facts;
use crate::figures::figure::Figure;
use crate::page::about::{about, title};
use crate::page::draw::Drawing;
use crate::page::findings::shows;
use crate::page::missing::gaps;
use crate::page::settings::settings;
use crate::page::sizes::sizes;
use crate::page::tables::{correlations, costs, differences, estimates, table_1, ties};
use crate::page::terms::terms;

const STYLE: &str = include_str!("../../../../assets/report/page.css");

/// A section of the page: anchor, heading, content.
type Section = (&'static str, &'static str, Markup);

/// Returns the page. `drawings` has one entry per figure, `None` for a figure without panels.
///
/// # Errors
/// A figure of the page is missing in `figures`.
pub(crate) fn page(
    facts: &Facts,
    figures: &[Figure],
    drawings: &[Option<Drawing>],
) -> Result<String, ReportError> {
    let figure = |name: &'static str| -> Result<Markup, ReportError> {
        let mut all = figures.iter().zip(drawings);
        let found = all.find(|(figure, _)| figure.name == name);
        let (figure, drawing) = found.ok_or_else(|| ReportError::Figure {
            figure: name,
            reason: "it does not exist".into(),
        })?;
        Ok(draw::figure(figure, drawing.as_ref()))
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

/// Returns the sections that have content.
fn sections(
    facts: &Facts,
    figure: impl Fn(&'static str) -> Result<Markup, ReportError>,
) -> Result<Vec<Section>, ReportError> {
    let is_alone = facts.comparison.as_ref().is_none_or(|comparison| comparison.methods.len() < 2);
    // The page of one method starts with its main result: how small the network can be.
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
        ("groups", "Groups", figure("group_widths")?),
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
        ("cost", "Cost", html! { (figure("cost")?) (costs(facts)) }),
        ("training", "Training", figure("loss")?),
        ("settings", "Settings", settings(facts)),
    ];
    Ok(all.into_iter().filter(|(_, _, content)| !content.0.is_empty()).collect())
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
