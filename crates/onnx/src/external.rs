//! Weights in other files: read from the folder of the model, and from nowhere else.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path};

use rayclip_data::plain;

use crate::error::OnnxError;
use crate::limits::MOST_EXTERNAL_BYTES;
use crate::proto::{Graph, Tensor};

/// Loads the numbers of all tensors that are in other files, so that all are in memory.
///
/// # Errors
/// A file is outside the folder of the model, lacks numbers, or cannot be read.
pub(crate) fn load(graph: &mut Graph, model: &Path) -> Result<(), OnnxError> {
    let mut left = MOST_EXTERNAL_BYTES;
    let in_nodes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let in_nodes = in_nodes.filter_map(|attribute| attribute.t.as_mut());
    for tensor in graph.initializer.iter_mut().chain(in_nodes).filter(|t| t.is_external()) {
        let name = plain(tensor.name.as_deref().unwrap_or_default());
        let fault =
            |reason: String| OnnxError::format(model, format!("the tensor {name}: {reason}"));
        let place = Place::of(tensor).map_err(fault)?;
        left = left.checked_sub(place.length).ok_or_else(|| {
            fault(format!(
                "its numbers and those before it take more than {MOST_EXTERNAL_BYTES} bytes"
            ))
        })?;
        let bytes = place.read(model).map_err(fault)?;
        tensor.set_payload(bytes.into());
    }
    Ok(())
}

/// Where the numbers of a tensor are.
struct Place {
    file: String,
    offset: u64,
    length: u64,
}

impl Place {
    fn of(tensor: &Tensor) -> Result<Self, String> {
        let entry = |key: &str| {
            let mut entries = tensor.external_data.iter();
            entries.find(|entry| entry.key.as_deref() == Some(key)).and_then(|e| e.value.clone())
        };
        let number = |key: &str| {
            entry(key).map(|text| text.parse::<u64>().map_err(|_| wrong(key, &text))).transpose()
        };
        let file = entry("location").ok_or("it names no file for its numbers")?;
        let mut parts = Path::new(&file).components();
        if !parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            let file = plain(&file);
            return Err(format!("its numbers are in {file}, outside the folder of the model"));
        }
        let offset = number("offset")?.unwrap_or(0);
        let size = tensor.element_type().bytes();
        let size = size.ok_or_else(|| format!("its elements are {}", tensor.element_type()))?;
        let needed = tensor.elements()?.checked_mul(size).ok_or("it is too large")? as u64;
        match number("length")? {
            Some(length) if length != needed => Err(format!(
                "its file has {length} bytes for it, but {} {:?} has {needed}",
                tensor.element_type(),
                tensor.dims,
            )),
            _ => Ok(Self { file, offset, length: needed }),
        }
    }

    /// Reads the numbers. A link may lead elsewhere, so what it leads to must be in the folder too.
    fn read(&self, model: &Path) -> Result<Vec<u8>, String> {
        let named = plain(&self.file);
        let failed = |error: io::Error| format!("{named}, which has its numbers: {error}");
        let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(failed)?;
        let path = folder.join(&self.file).canonicalize().map_err(failed)?;
        if !path.starts_with(&folder) {
            return Err(format!("its numbers are in {named}, a link out of the folder"));
        }
        if !path.is_file() {
            return Err(format!("{named}, which should have its numbers, is not a file"));
        }
        let mut file = File::open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        if self.offset.checked_add(self.length).is_none_or(|end| end > there) {
            let Self { offset, length, .. } = self;
            return Err(format!(
                "its numbers are the {length} bytes after {offset} of {named}, which has {there} bytes"
            ));
        }
        let mut bytes = vec![0; self.length as usize];
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

fn wrong(key: &str, text: &str) -> String {
    format!("the {key} of its numbers is {}, expected a number", plain(text))
}
