//! Decoded images in the user's cache folder: a safetensors file for every folder of images.
//!
//! The file is named by the SHA-256 of the names and contents of all images and of the options. So it never is out of
//! date; it can be removed at any time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::decoding::{DecodedSet, Decoding, Summary};
use crate::arrays::TensorFile;
use crate::dataset::Split;
use crate::dir::Dir;
use crate::error::DataError;
use crate::stored::Stored;
use crate::values::Values;
use crate::whole;

const IMAGES: [&str; 2] = ["train.images", "test.images"];
const LABELS: [&str; 2] = ["train.labels", "test.labels"];
const BAD: &str = "bad";
const SHAPE: &str = "shape";

/// Bytes of the header, with its length. The header is written last, so its place is kept free.
const HEADER_BYTES: usize = 1 << 12;

fn path(key: &str) -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("rayclip").join("images").join(format!("{key}.safetensors")))
}

/// Opens decoded images; `None` if there are none, or if the file is damaged. They are read if they take at most
/// `memory` bytes; otherwise they stay in the file.
pub(super) fn open(key: &str, memory: usize) -> Option<DecodedSet> {
    let path = path(key)?;
    let header = TensorFile::open(&path).ok()?;
    let file = Arc::new(whole::open(&path).ok()?);
    let read = |name: &str| {
        let (start, length) = header.bytes(name)?;
        read_at(&file, start, length).ok()
    };
    let image_shape: Vec<usize> = serde_json::from_str(header.entry(SHAPE)?).ok()?;
    let pixels = image_shape.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent))?;
    let sizes = IMAGES.map(|name| header.bytes(name).map(|(_, length)| length));
    let in_memory = sizes[0]?.checked_add(sizes[1]?)? <= memory;
    let split = |index: usize| {
        let (start, length) = header.bytes(IMAGES[index])?;
        let labels = read(LABELS[index])?;
        let is_whole = pixels > 0 && labels.len().checked_mul(pixels) == Some(length);
        let images = if in_memory {
            read_at(&file, start, length).ok()?.into()
        } else {
            let (file, path) = (Arc::clone(&file), path.clone());
            Values::Stored(Stored::new(file, path, start, pixels, labels.len()))
        };
        is_whole.then_some(Split { images, labels })
    };
    let (train, test) = (split(0)?, split(1)?);
    Some(DecodedSet { image_shape, train, test, bad: serde_json::from_slice(&read(BAD)?).ok()? })
}

fn read_at(mut file: &File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Decodes images into the cache. If they cannot be written, nothing is left of them, and there is no error: they are
/// decoded again the next time.
///
/// # Errors
/// As [`Decoding::decode_all`].
pub(super) fn fill(key: &str, decoding: &Decoding<'_>) -> Result<(), DataError> {
    let Some(path) = path(key) else { return Ok(()) };
    let Ok((folder, name)) = Dir::of_file(&path) else { return Ok(()) };
    let mut refused = None;
    let written = folder.write_with(name, false, |file| {
        let summary = write_images(file, decoding);
        let summary = summary.map_err(|error| {
            refused = Some(error);
            io::Error::other("the images are not decoded")
        })?;
        write_rest(file, &summary)
    });
    match (written, refused) {
        // What cannot be written is not an error of the images.
        (Ok(()), _) | (Err(_), None | Some(DataError::Io { .. })) => Ok(()),
        (Err(_), Some(error)) => Err(error),
    }
}

fn write_images(file: &mut File, decoding: &Decoding<'_>) -> Result<Summary, DataError> {
    let failed = |error| DataError::io("keep", Path::new(IMAGES[0]), error);
    let mut writer = BufWriter::new(file);
    writer.write_all(&[b' '; HEADER_BYTES]).map_err(failed)?;
    let summary = decoding.decode_all(|pixels| writer.write_all(pixels))?;
    writer.flush().map_err(failed)?;
    Ok(summary)
}

/// Writes everything but the images, and then the header.
fn write_rest(file: &mut File, summary: &Summary) -> io::Result<()> {
    let Summary { image_shape, train_labels, test_labels, bad } = summary;
    let bad = serde_json::to_vec(bad)?;
    for bytes in [train_labels, test_labels, &bad] {
        file.write_all(bytes)?;
    }
    let pixels: usize = image_shape.iter().product();
    let tensors = [
        (IMAGES[0], train_labels.len() * pixels),
        (IMAGES[1], test_labels.len() * pixels),
        (LABELS[0], train_labels.len()),
        (LABELS[1], test_labels.len()),
        (BAD, bad.len()),
    ];
    let mut end = 0;
    let tensors = tensors.map(|(name, length)| {
        let data_offsets = (end, end + length);
        end += length;
        (name.to_owned(), TensorInfo { dtype: Dtype::U8, shape: vec![length], data_offsets })
    });
    let shape = HashMap::from([(SHAPE.to_owned(), serde_json::to_string(image_shape)?)]);
    let header = Metadata::new(Some(shape), tensors.to_vec()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    let length = HEADER_BYTES - size_of::<u64>();
    if header.len() > length {
        return Err(io::Error::other("the header has no place"));
    }
    header.resize(length, b' ');
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&(length as u64).to_le_bytes())?;
    file.write_all(&header)
}
