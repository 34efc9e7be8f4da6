//! `rayclip reproduce`: the paper's methods with every preset, beside what was published.

use std::process::ExitCode;

use rayclip_report::{
    Comparison, Measure, Run, Series, table_1, verdict_sentence, write_comparison,
};
use rayclip_trainer::presets::{self, Layers, Setting};
use toml::Value;

use super::cells::{Cells, End};
use super::compare::METHODS;
use super::configure::{flag, methods};
use crate::args::ReproduceArgs;
use crate::progress::Mode;
use crate::{interrupt, output};

/// Runs what is not there yet, and prints published, recorded and own accuracies side by side.
pub(crate) fn reproduce(args: &ReproduceArgs) -> anyhow::Result<ExitCode> {
    let recorded = args.recorded.as_deref().map(Series::recorded).transpose()?;
    let mut runner = Cells::new(args.device, args.at_once, Mode::Lines)?;
    let mut settings = Vec::new();
    for text in &args.settings {
        settings.push(Setting::parse(text).map_err(|reason| anyhow::anyhow!("--set: {reason}"))?);
    }
    settings.extend([
        methods(&METHODS.map(str::to_owned)),
        flag("data", "data.source", Value::String(args.data.clone())),
        runner.device(args.device),
    ]);
    settings.extend(args.seeds.settings());
    let columns = match &recorded {
        Some(_) => "published | recorded | here",
        None => "published | here (--recorded FILE sets the author's recorded run beside them)",
    };
    // The author's code first: it is what was published.
    let mut names: Vec<&str> = presets::names().collect();
    names.reverse();
    for name in names {
        let layers = Layers { preset: Some(name), file: None, settings: settings.clone() };
        let config = presets::resolve(&layers)?;
        let folder = args.out.join(name);
        match runner.run(&config, &folder)? {
            End::Interrupted => return Ok(ExitCode::from(interrupt::EXIT_CODE)),
            End::Failed(error) => anyhow::bail!("preset {name}: {error}"),
            End::Kept | End::Done => {}
        }
        let comparison = Comparison::of(&[Run::read(&folder)?])?;
        write_comparison(&comparison, &folder)?;
        for text in &comparison.missing {
            output::note(&format!("missing: {text}"));
        }
        output::result(&format!(
            "\npreset {name}, right after the clip, smoothed as in Table I: {columns}; ± is half the \
             95 % interval over {} seeds",
            args.seeds.count
        ));
        match table_1(&comparison, recorded.as_ref()) {
            Some(table) => output::result(&table.to_string()),
            None => output::result("the ladder is not the paper's: Table I does not apply"),
        }
        let dtc = comparison.method("dtc")?;
        output::result(&format!(
            "before smoothing, {}",
            verdict_sentence(&comparison, Measure::AccuracyAfterClip, dtc)
        ));
    }
    output::result(&format!("run folders: {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}
