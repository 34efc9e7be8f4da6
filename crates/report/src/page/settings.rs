//! The settings that have an effect.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::facts::Facts;
use crate::read::settings::{has_effect, values};

pub(super) fn settings(facts: &Facts) -> Markup {
    if facts.runs.is_empty() {
        return html! {};
    }
    let all: Vec<_> = facts.runs.iter().map(|run| values(&run.config)).collect();
    let known: BTreeSet<&String> = all.iter().flat_map(|settings| settings.keys()).collect();
    let acts = |key: &&String| facts.runs.iter().any(|run| has_effect(run, key));
    let keys: Vec<&String> = known.iter().copied().filter(acts).collect();
    html! {
        @if keys.is_empty() {
            p.soft { "No settings could be read." }
        } @else {
            div.wide { table.settings {
                thead { tr {
                    th { "key" }
                    @for run in &facts.runs { th { (run.folder.display()) } }
                } }
                tbody { @for key in &keys { tr {
                    td { code { (key) } }
                    @for settings in &all {
                        td { (settings.get(*key).map_or("–".into(), ToString::to_string)) }
                    }
                } } }
            } }
            @if keys.len() < known.len() {
                p.soft {
                    "Settings of unused methods and solvers are left out: " (known.len() - keys.len())
                    " of " (known.len()) ". config.toml has all of them."
                }
            }
        }
    }
}
