//! `rayclip.clip`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::Device;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayclip_onnx::{decode, encode, read};
use rayclip_trainer::{ClippedGroup, ModelSize, OneShot, clip_model};
use serde_json::json;

use crate::arrays::value_error;

/// An ONNX model.
#[derive(FromPyObject)]
pub(crate) enum Source {
    /// The bytes of a file.
    Bytes(Vec<u8>),
    /// A file, which may have weights in other files of its folder.
    File(PathBuf),
}

/// The options of a clip.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    method: String,
    seed: i64,
    keep: Option<f64>,
    target_macs: Option<f64>,
    target_parameters: Option<f64>,
    groups: Vec<String>,
    protect: Vec<String>,
    round_to: i64,
    min_width: i64,
    bind: BTreeMap<String, i64>,
}

impl Options {
    /// # Errors
    /// There is no such method, or a number is negative.
    fn how(self) -> PyResult<OneShot> {
        let bound = self.bind.into_iter();
        let bound = bound.map(|(name, extent)| Ok((name.clone(), count(&name, extent)?)));
        Ok(OneShot {
            method: self.method.parse().map_err(value_error)?,
            seed: count("seed", self.seed)? as u64,
            keep: self.keep,
            target_macs: self.target_macs,
            target_parameters: self.target_parameters,
            only: self.groups,
            protect: self.protect,
            round_to: count("round_to", self.round_to)?,
            min_width: count("min_width", self.min_width)?,
            bound: bound.collect::<PyResult<_>>()?,
        })
    }
}

/// # Errors
/// The number is negative.
fn count(name: &str, number: i64) -> PyResult<usize> {
    usize::try_from(number)
        .map_err(|_| value_error(format!("{name}: expected no negative number, found {number}")))
}

/// Clips a model. Returns the bytes of the smaller one, and what was clipped as JSON.
///
/// # Errors
/// A `ValueError` says what is wrong with the model or with an option.
#[pyfunction]
pub(crate) fn clip(
    py: Python<'_>,
    model: Source,
    options: Options,
) -> PyResult<(Bound<'_, PyBytes>, String)> {
    let how = options.how()?;
    let done = py.detach(|| clipped(model, &how));
    let (bytes, report) = done?;
    Ok((PyBytes::new(py, &bytes), report))
}

fn clipped(source: Source, how: &OneShot) -> PyResult<(Vec<u8>, String)> {
    let (mut model, name) = match source {
        Source::Bytes(bytes) => (decode(bytes).map_err(value_error)?, None),
        Source::File(path) => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            (read(&path).map_err(value_error)?, name)
        }
    };
    let clipped = clip_model(&mut model, how, name.as_deref(), &Device::flex());
    let (clipped, channels) = clipped.map_err(value_error)?;
    let group = |group: &ClippedGroup| {
        let ClippedGroup { name, width, kept, fixed, .. } = group;
        json!({ "name": name, "before": width, "kept": kept, "fixed": fixed })
    };
    let sizes =
        |number: fn(ModelSize) -> Option<usize>| [number(clipped.before), number(clipped.after)];
    let report = json!({
        "groups": clipped.groups.iter().map(group).collect::<Vec<_>>(),
        "channels": channels,
        "parameters": sizes(|size| Some(size.parameters)),
        "macs": sizes(|size| size.macs),
    });
    Ok((encode(&model).map_err(value_error)?, report.to_string()))
}
