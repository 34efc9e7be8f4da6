//! `rayclip run`: one method, and a closing table.

use std::process::ExitCode;

use rayclip_report::{Comparison, Run, closing_table};
use rayclip_trainer::presets::Setting;

use super::compare;
use super::configure::{flag, methods, resolve};
use super::train::{exit_code, train};
use crate::args::RunArgs;
use crate::progress::Mode;
use crate::{device, output};

/// Does a run and prints how it went.
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
    let (summary, folder) = train(config, device::choose, args.config.at_once, (&args.out, &what))?;
    match mode {
        Mode::Json | Mode::Bars => {}
        Mode::Quiet => output::result(&folder.display().to_string()),
        Mode::Lines => {
            let run = Run::read(&folder)?;
            match methods.len() {
                1 => output::result(&closing_table(&run).to_string()),
                _ if run.clips.is_empty() => {}
                _ => compare::show(&Comparison::of(&[run])?, None, mode),
            }
            output::result(&format!(
                "training {:.1} s, compressing {:.2} s; run folder: {}",
                summary.train_seconds,
                summary.compress_seconds,
                folder.display()
            ));
        }
    }
    Ok(exit_code(&summary))
}
