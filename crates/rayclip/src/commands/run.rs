//! `rayclip run`: trains and clips with one method, and prints a final table.

use std::process::ExitCode;

use rayclip_report::{MARGIN, Run, closing_table, recommended_sentence};
use rayclip_run_folder::presets::Setting;

use super::compare;
use super::configure::{flag, methods, resolve};
use super::train::{TrainArgs, Trained, closing_line, train};
use crate::args::RunArgs;
use crate::progress::Mode;
use crate::{device, output};

/// Does a run and prints its results.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let method = args.method.as_ref().map(|method| methods(std::slice::from_ref(method)));
    let flags = [
        method.map(|setting| Setting { origin: "--method".into(), ..setting }),
        args.seed.map(|seed| flag("seed", "seed", seed as i64)),
        args.replicas.map(|count| flag("replicas", "replicas", count as i64)),
    ];
    let config = resolve(&args.config, vec![], flags.into_iter().flatten().collect())?;
    let mode = args.out.show.mode();
    let methods: Vec<String> = config.compression.methods.iter().map(ToString::to_string).collect();
    let what = format!("{}-{}-seed{}", methods.join("-"), config.preset, config.seed);
    let trained = train(
        config,
        device::choose,
        TrainArgs { options: args.options.options(), out: &args.out, stem: &what },
    )?;
    match methods.len() {
        1 => close(&trained, mode)?,
        _ => compare::close(&trained, None, MARGIN, mode)?,
    }
    Ok(trained.exit_code())
}

/// Prints the results of a run of one method.
pub(crate) fn close(trained: &Trained, mode: Mode) -> anyhow::Result<()> {
    let run = Run::read(&trained.folder)?;
    if mode == Mode::Lines {
        output::result(&format!("test accuracy on {}", run.data.title()));
        output::result(&closing_table(&run).to_terminal().to_string());
        if let Some(sentence) = recommended_sentence(&run) {
            output::sentence(&sentence);
        }
    }
    closing_line(&run, &trained.folder, mode);
    Ok(())
}
