//! `rayclip clip`: clips a network in a file once, by its weights alone.

mod shown;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use rayclip_formats::{ExportOptions, Format, export, is_onnx};
use rayclip_trainer::{
    CHANNELS_KEY, Clipped, OneShot, TrainerError, channel_map, clip_model, clip_network,
};
use serde_json::Value;

use super::network_file;
use crate::args::ClipArgs;
use crate::{device, output};

/// Clips a network, writes it, and prints a table of before and after.
pub(crate) fn clip(args: &ClipArgs) -> anyhow::Result<()> {
    let how = how(args)?;
    let format = check_out(args)?;
    let (clipped, map) =
        if is_onnx(&args.file) { onnx(args, &how, format) } else { other(args, &how, format) }?;
    rayclip_data::write_whole(&map_file(&args.out), map.to_string().as_bytes())?;
    let bytes = [&args.file, &args.out].map(|file| {
        let found = fs::metadata(file).ok().filter(fs::Metadata::is_file);
        found.map(|file| file.len())
    });
    if args.json {
        output::result(&shown::json(args, &clipped, bytes).to_string());
    } else {
        shown::print(args, &clipped, bytes);
    }
    Ok(())
}

/// Clips an ONNX file, whatever it computes, and writes it. Returns the map of the channels too.
fn onnx(args: &ClipArgs, how: &OneShot, format: Format) -> anyhow::Result<(Clipped, Value)> {
    ensure!(
        format == Format::Onnx,
        "--out: of an ONNX file, the smaller network is an ONNX file too: name one that ends in .onnx; `rayclip \
         export` writes it in other formats"
    );
    ensure!(
        args.of_file.graph.is_none() && args.of_file.input.is_none() && args.replica.is_none(),
        "an ONNX file says what it computes: leave out --graph, --input and --replica"
    );
    let mut model = rayclip_onnx::read(&args.file)?;
    let device = device::choose(args.device)?.device;
    let clipped = clip_model(&mut model, how, file_name(args).as_deref(), &device);
    let clipped = clipped.map_err(|error| refused(args, error))?;
    rayclip_onnx::write(&model, &args.out)?;
    Ok(clipped)
}

/// Clips a network of a run, or of a file of which rayclip knows what it computes, and writes it. Returns the map of
/// the channels too.
fn other(args: &ClipArgs, how: &OneShot, format: Format) -> anyhow::Result<(Clipped, Value)> {
    let mut loaded =
        network_file::load_replica(&args.file, args.replica.as_deref(), &args.of_file)?;
    ensure!(args.bind.is_empty(), "--bind is for ONNX files: leave it out");
    let device = device::choose(args.device)?.device;
    let (graph, tensors, clipped) = clip_network(&loaded.graph, &loaded.tensors, how, &device)
        .map_err(|error| refused(args, error))?;
    let before = loaded.about.get(CHANNELS_KEY).map(String::as_str);
    let map = channel_map(&clipped, how, file_name(args).as_deref(), before);
    // What was measured on the larger network is not known of the smaller one.
    loaded.about.retain(|key, _| !key.starts_with("accuracy"));
    loaded.about.insert(CHANNELS_KEY.to_owned(), map.to_string());
    (loaded.graph, loaded.tensors) = (graph, tensors);
    export(&loaded, format, ExportOptions::default())?.write(&args.out, args.force)?;
    Ok((clipped, map))
}

fn file_name(args: &ClipArgs) -> Option<String> {
    args.file.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn refused(args: &ClipArgs, error: TrainerError) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("clipping {}", output::path(&args.file)))
}

/// Returns the file with the original numbers of the channels.
fn map_file(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".channels.json");
    out.with_file_name(name)
}

/// Refuses to overwrite files. Returns the format of the smaller network.
fn check_out(args: &ClipArgs) -> anyhow::Result<Format> {
    let format = network_file::format_of("--out", &args.out)?;
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
    Ok(format)
}

/// Returns how the network is clipped.
fn how(args: &ClipArgs) -> anyhow::Result<OneShot> {
    Ok(OneShot {
        method: args.method.parse().map_err(|reason| anyhow::anyhow!("--method: {reason}"))?,
        seed: args.seed,
        keep: args.keep,
        target_macs: args.target_macs,
        target_parameters: args.target_parameters,
        only: args.groups.clone(),
        protect: args.protect.clone(),
        round_to: args.round_to,
        min_width: args.min_width,
        bound: args.bind.iter().cloned().collect(),
    })
}
