//! `rayclip export`: writes a network in another format.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use burn::tensor::Device;
use rayclip_data::{Dataset, LoadOptions as DataOptions, Source, ValueType};
use rayclip_formats::{
    ExportOptions, Format, ImageDescription, LoadOptions, Loaded, export as encode,
    largest_difference, load,
};

use super::folders::check_data;
use super::network_file;
use crate::args::ExportArgs;
use crate::output;

/// The most images that a network is verified with.
const IMAGES: usize = 256;

/// The largest difference of scores that rounding explains.
const TOLERANCE: f32 = 1e-4;

/// Writes a network, and verifies it if asked to. The exit code is 1 if the written network has other scores.
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let format: Format = args.to.parse().ok().context("the format has a name")?;
    ensure!(
        format == Format::Onnx || !args.with_preprocessing,
        "--with-preprocessing needs --to onnx: only an ONNX file has its normalisation in the graph"
    );
    args.check.data.as_deref().map(check_data).transpose()?;
    let loaded = network_file::load(&args.network, &args.which)?;
    let pixels = args.check.data.as_deref().map(|name| pixels(name, args, &loaded)).transpose()?;
    let options = ExportOptions {
        with_preprocessing: args.with_preprocessing,
        fold_batch_norm: args.fold_batch_norm,
    };
    let exported = encode(&loaded, format, options)?;
    for note in &exported.notes {
        output::note(&format!("note: {note}"));
    }
    let written = exported.write(&args.out, args.force)?;
    for path in &written {
        output::result(&format!("written: {}", output::path(path)));
    }
    // The folder may have other files with networks.
    match (pixels, written.first()) {
        (Some(pixels), Some(file)) => verify(&loaded, file, &pixels),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Returns normalised images of a data set for a network.
fn pixels(name: &str, args: &ExportArgs, loaded: &Loaded) -> anyhow::Result<Vec<f32>> {
    let size = match loaded.images.as_ref().map(|images| images.shape.as_slice()) {
        Some([height, width] | [height, width, _]) => Some([*height, *width]),
        None if loaded.graph.input.positions() > 1 => {
            Some([loaded.graph.input.height, loaded.graph.input.width])
        }
        _ => None,
    };
    let options = DataOptions {
        label_column: args.check.label_column.clone(),
        resize: size,
        ..DataOptions::default()
    };
    let dataset = Source::from_name(name).load(&options, &|_, _| ())?;
    let count = dataset.test.len().min(IMAGES);
    Ok(images(loaded, &dataset)?.normalised(&dataset.test.images, count)?)
}

/// Reads a written file again, and compares its scores with those of the network that it was made from.
fn verify(loaded: &Loaded, file: &Path, pixels: &[f32]) -> anyhow::Result<ExitCode> {
    let again = load(file, &LoadOptions::default()).context("reading the written network again")?;
    let device = Device::flex();
    let [one, other] = [loaded, &again].map(|network| network.population(&device));
    let difference = largest_difference(&one?, &other?, pixels)?;
    let count = pixels.len() / loaded.graph.input.numbers();
    output::result(&format!("largest difference of the scores of {count} images: {difference:e}"));
    if difference <= TOLERANCE {
        return Ok(ExitCode::SUCCESS);
    }
    output::note(&format!("the written network is not the same: more than {TOLERANCE:e}"));
    Ok(ExitCode::from(1))
}

/// Returns how the images of a data set are normalised for a network.
fn images(loaded: &Loaded, dataset: &Dataset) -> anyhow::Result<ImageDescription> {
    let values = dataset.test.images.value_type();
    // Where the file says nothing, any images tell whether two networks are the same.
    let plain = ImageDescription {
        shape: dataset.image_shape.clone(),
        class_names: vec![],
        mean: 0.0.into(),
        deviation: 1.0.into(),
        values,
    };
    let images = loaded.images.clone().unwrap_or(plain);
    let (found, expected) = (&dataset.image_shape, loaded.graph.input);
    ensure!(
        found.iter().product::<usize>() == expected.numbers(),
        "--data has images of shape {found:?}, but the network reads {expected}"
    );
    let kind = |values: ValueType| if values.is_bytes() { "bytes" } else { "floats" };
    ensure!(
        images.values == values,
        "--data has {}, but the network reads {}",
        kind(values),
        kind(images.values)
    );
    Ok(images)
}
