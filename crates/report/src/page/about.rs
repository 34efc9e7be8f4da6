//! The head of the page: the run, its data, its command, and the source of the method.

use chrono::DateTime;
use maud::{Markup, html};
use rayclip_run_folder::read::described;
use rayclip_run_folder::{DataSummary, Progress};

use crate::facts::Facts;
use crate::read::run::Run;
use crate::read::settings::command;

/// The paper that describes the method.
const PAPER: &str = "https://arxiv.org/abs/2505.23869";

pub(super) fn title(facts: &Facts) -> String {
    match (&facts.comparison, facts.runs.first()) {
        (Some(comparison), Some(run)) => {
            format!("{} on {}", comparison.methods.join(", "), run.data.title())
        }
        (None, Some(run)) => format!("A run on {} without a clip yet", run.data.title()),
        (_, None) => "The recorded run".into(),
    }
}

/// Says what was done, in one paragraph; then lists the details.
pub(super) fn about(facts: &Facts) -> Markup {
    html! {
        @if let Some(lead) = lead(facts) {
            p { (lead) " " a href="#terms" { "What the words mean" } "." }
        }
        dl.about {
            @if let Some(run) = facts.runs.first() { dt { "Data" } dd id="data" { (data(run)) } }
            @for run in &facts.runs {
                dt { "Run" } dd { (ended(run)) }
                @match command(run) {
                    Some(command) => { dt { "Command" } dd { code.command { (command) } } }
                    None => { dt { "Command" } dd { "unknown: config.toml does not give it" } }
                }
            }
            dt { "Method" }
            dd {
                "Dual Tomographic Compression: M. Süzen, Gibbs randomness-compression proposition, "
                a href=(PAPER) { "arXiv:2505.23869" } ". This page is by "
                a href=(env!("CARGO_PKG_REPOSITORY")) { "rayclip" } " " (env!("CARGO_PKG_VERSION")) "."
            }
        }
    }
}

/// Says how many networks were trained, and from which size to which.
fn lead(facts: &Facts) -> Option<String> {
    let (comparison, run) = (facts.comparison.as_ref()?, facts.runs.first()?);
    let networks = match (comparison.methods.len(), comparison.seeds()) {
        (1, 1) => "one network".to_owned(),
        (1, seeds) => format!("{seeds} networks, one per seed,"),
        (methods, 1) => format!("networks by {methods} methods"),
        (methods, seeds) => {
            format!("networks by {methods} methods, with up to {seeds} seeds each,")
        }
    };
    let (them, they) = if comparison.methods.len() * comparison.seeds() == 1 {
        ("it", "it")
    } else {
        ("them", "they")
    };
    let last = comparison.rungs.values().next_back()?;
    let test = match run.data.test {
        0 => String::new(),
        count => format!(
            " Accuracies are those on the {count} test images of {}, unless stated otherwise.",
            run.data.title()
        ),
    };
    Some(format!(
        "rayclip trained {networks} and made {them} smaller while {they} trained: clip by clip, from {} \
         to {}.{test}",
        described(&run.groups.widths, "hidden neurons"),
        last.label()
    ))
}

/// Describes the images: name, sizes and origin.
fn data(run: &Run) -> Markup {
    let DataSummary { digest, test, validation, train, image_shape, classes, .. } = &run.data;
    let pixels = |shape: &Vec<usize>| {
        let extents: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let unit = if shape.len() == 1 { "numbers" } else { "pixels" };
        format!("{} {unit}", extents.join(" × "))
    };
    html! {
        (run.data.title()) ": " (origin(run)) ". "
        @match train {
            Some(train) => (train),
            None => "An unknown number of",
        }
        " images to train on, "
        @if *validation > 0 { (validation) " held out to choose settings, " }
        (test) " to test"
        @if let Some(shape) = image_shape { "; " (pixels(shape)) }
        @if let Some(classes) = classes { ", " (classes) " classes" }
        @if !digest.is_empty() { "; SHA-256 " code { (digest.chars().take(16).collect::<String>()) "…" } }
        "."
    }
}

fn origin(run: &Run) -> String {
    if run.data.is_synthetic() {
        "drawn by rayclip from strokes, and easier than real images: accuracies on them do not carry over"
            .into()
    } else if run.data.is_mnist() {
        "handwritten digits, by LeCun, Cortes and Burges (1998)".into()
    } else {
        match run.setting("data", "source").and_then(toml::Value::as_str) {
            Some(source) => format!("IDX files of the folder {source}"),
            None => "of unknown origin".into(),
        }
    }
}

/// Says how a run ended, when, where, and at what cost.
fn ended(run: &Run) -> Markup {
    html! {
        code { (run.folder.display()) }
        @if let Some(summary) = &run.summary {
            ": " (summary.outcome) " on " (summary.device) " by rayclip " (summary.version)
        }
        @if let Some(progress) = &run.progress { (took(progress)) }
        "."
    }
}

fn took(progress: &Progress) -> Markup {
    html! {
        @if let Some(date) = date(progress.updated) { ", last updated at " (date) }
        ", training " (format!("{:.1}", progress.train_seconds)) " s, compressing "
        (format!("{:.2}", progress.compress_seconds)) " s, in total "
        (format!("{:.1}", progress.seconds)) " s"
        @match &progress.energy {
            Some(energy) => {
                ", " (format!("{:.0}", energy.joules)) " J (" (energy.sources.join(", ")) ")"
            }
            None => ", energy unknown: no counter of the machine could be read",
        }
        @match progress.resumed {
            0 => {}
            1 => ", resumed once from a checkpoint",
            times => { ", resumed " (times) " times from a checkpoint" }
        }
    }
}

/// Returns a time in seconds since 1970 as date and time of day; `None` if the clock was not set.
fn date(seconds: f64) -> Option<String> {
    let date = DateTime::from_timestamp(seconds as i64, 0).filter(|_| seconds >= 1.0)?;
    Some(date.format("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::read::sample::{clip, run_of};

    fn text(run: Run) -> String {
        let comparison = Comparison::of(std::slice::from_ref(&run)).ok();
        about(&Facts { runs: vec![run], comparison, ..Facts::default() }).into_string()
    }

    #[test]
    fn a_time_is_a_date() {
        assert_eq!(date(1_700_000_000.9).as_deref(), Some("2023-11-14 22:13 UTC"));
        assert_eq!(date(951_827_696.0).as_deref(), Some("2000-02-29 12:34 UTC"));
        assert_eq!((date(0.0), date(1e12).is_some()), (None, true));
    }

    #[test]
    fn data_are_told_with_sizes_and_origin() {
        let run = || run_of(vec![clip(0, 0, 100, 50, 0.9)]);
        let mut own = run();
        own.config = "[data]\nsource = \"a/b\"".parse().unwrap();
        own.data.digest = "0123456789abcdefghi".into();
        let page = text(own);
        for part in [
            "d: IDX files of the folder a/b. 15 images to train on, 10000 to test; 2 × 5 pixels, 2 classes",
            "<code>0123456789abcdef…</code>",
            "one network and made it smaller while it trained",
            "from 100 hidden neurons to 50.",
            "href=\"https://arxiv.org/abs/2505.23869\"",
            "unknown",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let mut digits = run();
        digits.data.name = DataSummary::SYNTHETIC.into();
        digits.data.validation = 5;
        let page = text(digits);
        for part in [
            "drawn by rayclip from strokes",
            "15 images to train on, 5 held out",
            "of synthetic digits",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let mut mnist = run();
        mnist.data.digest = rayclip_data::mnist::DIGEST.into();
        assert!(text(mnist).contains("MNIST: handwritten digits, by LeCun"));
    }
}
