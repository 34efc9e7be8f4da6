//! `rayclip resume`: resumes a run from its last checkpoint.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use rayclip_data::Source;
use rayclip_report::MARGIN;
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::config::DeviceChoice;
use rayclip_run_folder::presets::{self, Layers};
use rayclip_trainer::RunDir;

use super::folders::check_run;
use super::train::{TrainArgs, train_on};
use super::{compare, run};
use crate::args::{OutArgs, ResumeArgs, ShowArgs};
use crate::{device, output};

/// Resumes a run, and prints its results.
pub(crate) fn resume(args: &ResumeArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.run;
    check_run(folder)?;
    if RunDir::restore_config(folder)? {
        output::note(&format!(
            "restored: {} was damaged or missing",
            folder.join("config.toml").display()
        ));
    }
    let file = folder.join("config.toml");
    anyhow::ensure!(
        file.exists(),
        "{} is not the folder of a run: it has no config.toml",
        folder.display()
    );
    let config =
        presets::resolve(&Layers { file: Some(&file), is_recorded: true, ..Layers::default() })
            .with_context(|| format!("the configuration of {}", folder.display()))?;
    let ShowArgs { quiet, json } = args.show;
    let show = ShowArgs { quiet, json };
    let mode = show.mode();
    let out = OutArgs { out: Some(folder.clone()), show, ..OutArgs::default() };
    let several = config.compression.methods.len() > 1;
    // `config.toml` names the device that the run was started on. Only an older rayclip may have written `auto`.
    let choose = |choice: DeviceChoice| device::choose(choice);
    let (source, options) = (images(folder, &config)?, args.safety.options(None));
    let trained =
        train_on(&source, config, choose, TrainArgs { options, out: &out, stem: "resume" })?;
    if several {
        compare::close(&trained, None, MARGIN, mode)?;
    } else {
        run::close(&trained, mode)?;
    }
    Ok(trained.exit_code())
}

/// Returns the source of the images of the run in `folder`: the folder or file in which the run found them,
/// otherwise the one that its configuration names.
///
/// # Errors
/// Neither exists.
pub(crate) fn images(folder: &Path, config: &RunConfig) -> anyhow::Result<Source> {
    let source = Source::from_name(&config.data.source);
    let (Source::Path(given), Some(found)) = (&source, RunDir::data_folder(folder)) else {
        return Ok(source);
    };
    anyhow::ensure!(
        found.exists() || given.exists(),
        "the images of {} are no longer in {}: put them back, or set data.source in its config.toml to \
         where they are",
        folder.display(),
        found.display()
    );
    Ok(if found.exists() { Source::Path(found) } else { source })
}
