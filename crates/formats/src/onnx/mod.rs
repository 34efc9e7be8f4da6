//! ONNX files: written from a graph, and read as one.

mod builder;
mod export;
mod import;
mod preprocessing;

use std::collections::BTreeMap;
use std::path::Path;

use rayclip_onnx::{Analysis, Copies};

use crate::error::FormatError;
use crate::fit::check;
use crate::images::ImageDescription;
use crate::loaded::{Kind, Loaded, Source};
use crate::metadata::FORMAT;
use crate::network_file;

pub use export::OnnxOptions;
pub(crate) use export::export;
pub use import::{Affine, Imported, import};

/// Reads a network from an ONNX file. What rayclip wrote into its metadata is taken, and a normalisation inside the
/// graph is taken out.
///
/// # Errors
/// The file cannot be read, or has operations that are not computed here.
pub(crate) fn load(path: &Path) -> Result<Loaded, FormatError> {
    let mut model = rayclip_onnx::read(path)?;
    let entries = model.metadata_props.iter();
    let entries = entries.filter_map(|entry| Some((entry.key.clone()?, entry.value.clone()?)));
    let own = network_file::is_own(path, entries.collect())?;
    let mut about = own.unwrap_or_default();
    let mut notes = vec![];
    if preprocessing::take_out(&mut model) {
        about.remove(preprocessing::INSIDE);
        notes.push(
            "the normalisation is inside the graph of the file; it is read as that of the images"
                .into(),
        );
    }
    let analysis = Analysis::of(&model, &BTreeMap::new(), &Copies::default());
    let imported = import(&model, &analysis)
        .map_err(|obstacles| FormatError::NotComputed { path: path.into(), obstacles })?;
    let Imported { graph, tensors, preprocessing, notes: of_import } = imported;
    notes.extend(of_import);
    check(&graph, &tensors, path)?;
    if let Some(preprocessing) = preprocessing {
        notes.push(left_out(&preprocessing));
    }
    let images = images(&mut about, &graph).map_err(|reason| FormatError::format(path, reason))?;
    about.remove(FORMAT);
    let source = Source { path: path.into(), kind: Kind::Onnx };
    Ok(Loaded { graph, tensors, images, about, notes, source })
}

/// Says what a file does with the pixels before its first layer, which is left out.
fn left_out(preprocessing: &Affine) -> String {
    let what = "what the file does with the pixels before its first layer is left out";
    let Some((mean, deviation)) = preprocessing.statistics() else {
        return format!("{what}, and no mean and deviation do the same");
    };
    let listed = |numbers: &[f64], over: f64| {
        let numbers = numbers.iter().map(|number| format!("{}", (number / over) as f32));
        numbers.collect::<Vec<_>>().join(",")
    };
    let flags =
        |over: f64| format!("--mean {} --std {}", listed(&mean, over), listed(&deviation, over));
    format!(
        "{what}: it is {} if the file reads pixels from 0 to 1, and {} if it reads them from 0 to 255",
        flags(1.0),
        flags(255.0)
    )
}

fn images(
    about: &mut BTreeMap<String, String>,
    graph: &rayclip_model::Graph,
) -> Result<Option<ImageDescription>, String> {
    ImageDescription::take(about, graph)
}
