//! `rayclip clip`: clips a network in a file once, by its weights alone.

mod map;
mod shown;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::config::Method;
use rayclip_run_folder::presets::{self, Layers, Setting};
use rayclip_trainer::{ClipOptions, clip_model};
use toml::Value;

use super::configure::flag;
use crate::args::ClipArgs;
use crate::{device, output};

/// Clips a network, writes it, and prints a table of before and after.
pub(crate) fn clip(args: &ClipArgs) -> anyhow::Result<()> {
    let config = config(args)?;
    check_out(args)?;
    let mut model = rayclip_onnx::read(&args.file)?;
    let device = device::choose(args.device)?.device;
    let bound = args.bind.iter().cloned().collect();
    let options = ClipOptions { config: &config, only: &args.groups, bound: &bound };
    let clipped = clip_model(&mut model, &options, &device).map_err(|error| {
        anyhow::Error::new(error).context(format!("clipping {}", output::path(&args.file)))
    })?;
    let map = map::json(args, &config, &clipped, &model);
    map::remember(&mut model, &map);
    rayclip_onnx::write(&model, &args.out)?;
    rayclip_data::write_whole(&map_file(&args.out), map.to_string().as_bytes())?;
    let bytes = [&args.file, &args.out].map(|file| fs::metadata(file).map(|file| file.len()).ok());
    if args.json {
        output::result(&shown::json(args, &clipped, bytes).to_string());
    } else {
        shown::print(args, &clipped, bytes);
    }
    Ok(())
}

/// Returns the file with the original numbers of the channels.
fn map_file(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".channels.json");
    out.with_file_name(name)
}

/// Refuses to overwrite files.
fn check_out(args: &ClipArgs) -> anyhow::Result<()> {
    let is_onnx =
        |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    ensure!(
        is_onnx(&args.out),
        "--out: expected a name that ends in .onnx, found {}",
        args.out.display()
    );
    if let (Ok(file), Ok(out)) = (args.file.canonicalize(), args.out.canonicalize()) {
        ensure!(
            file != out,
            "--out: {} is the network itself; name another file",
            args.out.display()
        );
    }
    for file in [args.out.clone(), map_file(&args.out)] {
        if !args.force && fs::symlink_metadata(&file).is_ok() {
            bail!(
                "{} exists; nothing was overwritten: name another file, or add --force",
                file.display()
            );
        }
    }
    Ok(())
}

/// Returns the configuration of the clip.
fn config(args: &ClipArgs) -> anyhow::Result<RunConfig> {
    let method: Method =
        args.method.parse().map_err(|reason| anyhow::anyhow!("--method: {reason}"))?;
    ensure!(
        method.ranks_by_weights(),
        "--method: {method} needs images, but clip looks at weights alone; use l2, l1, magnitude, dtc or random, or \
         rayclip compress"
    );
    let globs = |globs: &[String]| globs.iter().cloned().map(Value::String).collect::<Vec<Value>>();
    let mut settings: Vec<Setting> = vec![
        flag("method", "compression.methods", vec![Value::String(args.method.clone())]),
        flag("seed", "seed", args.seed as i64),
        flag("round-to", "compression.round_to", args.round_to as i64),
        flag("min-width", "compression.min_width", args.min_width as i64),
        flag("protect", "compression.protect", globs(&args.protect)),
    ];
    settings.extend(args.keep.map(|keep| flag("keep", "compression.keep", keep)));
    settings
        .extend(args.target_macs.map(|macs| flag("target-macs", "compression.target_macs", macs)));
    let parameters = args.target_parameters;
    settings.extend(
        parameters.map(|part| flag("target-parameters", "compression.target_parameters", part)),
    );
    Ok(presets::resolve(&Layers { settings, ..Layers::default() })?)
}
