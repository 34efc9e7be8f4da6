//! `rayclip resume`: a run goes on from its last checkpoint.

use std::process::ExitCode;

use anyhow::Context;
use rayclip_report::MARGIN;
use rayclip_trainer::config::DeviceChoice;
use rayclip_trainer::presets::{self, Layers};

use super::train::train;
use super::{compare, run};
use crate::args::{OutArgs, ResumeArgs, ShowArgs};
use crate::device;

/// Goes on with a run, and prints how it went.
pub(crate) fn resume(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.run;
    let file = folder.join("config.toml");
    anyhow::ensure!(
        file.exists(),
        "{} is not the folder of a run: it has no config.toml",
        folder.display()
    );
    let config = presets::resolve(&Layers { file: Some(&file), ..Layers::default() })
        .with_context(|| format!("the configuration of {}", folder.display()))?;
    let ShowArgs { quiet, json } = args.show;
    let show = ShowArgs { quiet, json };
    let mode = show.mode();
    let out = OutArgs { out: Some(folder.clone()), show, ..OutArgs::default() };
    let several = config.compression.methods.len() > 1;
    // A run is resumed where it was begun; only one of an older rayclip may say `auto`.
    let choose = |choice: DeviceChoice| device::choose(choice);
    let trained = train(config, choose, args.safety.conduct(None), (&out, "resume"))?;
    if several {
        compare::close(&trained, None, MARGIN, mode)?;
    } else {
        run::close(&trained, mode)?;
    }
    Ok(trained.exit_code())
}
