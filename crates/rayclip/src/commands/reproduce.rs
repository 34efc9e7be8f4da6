//! `rayclip reproduce`: the paper's methods with every preset, beside what was published.

use std::process::ExitCode;

use rayclip_report::{
    Comparison, Measure, Run, Series, table_1, verdict_sentence, write_comparison,
};
use rayclip_trainer::presets::{self, Layers};
use toml::Value;

use super::cells::{Cells, End, lock};
use super::compare::METHODS;
use super::configure::{flag, methods, parse_settings, seeds};
use crate::args::ReproduceArgs;
use crate::progress::Mode;
use crate::{interrupt, output};

/// Runs what is not there yet, and prints published, recorded and own accuracies side by side.
pub(crate) fn reproduce(args: &ReproduceArgs) -> anyhow::Result<ExitCode> {
    let recorded = args.recorded.as_deref().map(Series::recorded).transpose()?;
    let recorded = recorded.map(|series| series.smoothed());
    let mut settings = parse_settings(&args.settings)?;
    let own = ["compression.methods", "data.source", "device", "seed", "replicas"];
    if let Some(setting) = settings.iter().find(|setting| own.contains(&setting.key.as_str())) {
        anyhow::bail!(
            "--set {}: reproduce has the flags --data, --device and --seeds, and its own methods",
            setting.key
        );
    }
    let mut runner = Cells::new(args.device, args.at_once, Mode::Lines)?;
    let _lock = lock(&args.out)?;
    settings.extend([
        methods(&METHODS.map(str::to_owned)),
        flag("data", "data.source", Value::String(args.data.clone())),
        runner.device(args.device),
    ]);
    settings.extend(seeds(args.seeds));
    let mut whole = true;
    let columns = match &recorded {
        Some(_) => "published | recorded | here",
        None => "published | here (--recorded FILE sets the author's recorded run beside them)",
    };
    // The author's code first: it is what was published.
    let mut names: Vec<&str> = presets::names().collect();
    names.reverse();
    for name in names {
        let layers = Layers { preset: Some(name), settings: settings.clone(), ..Layers::default() };
        let config = presets::resolve(&layers)?;
        let folder = args.out.join(name);
        if !runner.is_finished(&config, &folder)? {
            match runner.run(&config, &folder)? {
                End::Interrupted => return Ok(ExitCode::from(interrupt::EXIT_CODE)),
                End::Failed(error) => anyhow::bail!("preset {name}: {error}"),
                End::Done => {}
            }
        }
        let comparison = Comparison::of(&[Run::read(&folder)?])?;
        write_comparison(&comparison, &folder)?;
        for text in &comparison.missing {
            output::note(&format!("missing: {text}"));
            whole = false;
        }
        output::result(&format!(
            "\npreset {name}, right after the clip, smoothed as in Table I: {columns}; ± is half the \
             95 % interval over the {} seeds",
            args.seeds.count
        ));
        match table_1(&comparison, recorded.as_ref()) {
            Some(table) => output::result(&table.to_string()),
            None => output::result(
                "the images are not MNIST, or the ladder is not the paper's: nothing published stands \
                 beside this run",
            ),
        }
        let dtc = comparison.method("dtc")?;
        output::result(&format!(
            "before smoothing, {}",
            verdict_sentence(&comparison, Measure::AccuracyAfterClip, dtc)
        ));
    }
    output::result(&format!("run folders: {}", args.out.display()));
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
