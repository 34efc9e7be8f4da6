//! The archive that PyTorch writes since version 1.6: a pickle, and a file for every storage.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use rayclip_data::plain;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Fault, Pickle, damaged};
use super::{Found, MOST_PICKLE, tensors};

/// The name of the pickle; the folder before it is that of all files.
const PICKLE: &str = "data.pkl";

/// The most bytes of the file that names the order of bytes.
const MOST_WORD: usize = 64;

/// Reads the tensors of an archive.
pub(super) fn read(path: &Path) -> Result<Found, Fault> {
    let mut archive = Archive::open(path)?;
    if archive.has("constants.pkl") {
        return Err(Fault::WholeModule("TorchScript".into()));
    }
    if archive.has("byteorder") && archive.file("byteorder", MOST_WORD)? != b"little" {
        return Err(damaged("its numbers are big-endian; save it again on another machine"));
    }
    let pickle = archive.file(PICKLE, MOST_PICKLE)?;
    let pickle = Pickle::read(&mut pickle.as_slice())?;
    tensors(&pickle, |storage| {
        let bytes = storage.bytes().map_err(Fault::Damaged)?;
        archive.file(&format!("data/{}", storage.key), bytes)
    })
}

struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The folder of all files, with its slash.
    folder: String,
}

impl Archive {
    fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|error| Fault::Damaged(error.to_string()))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| Fault::Damaged(plain(&format!("a truncated archive ({error})"))))?;
        let folders = zip.file_names().filter_map(|name| name.strip_suffix(PICKLE));
        let folder = folders.min_by_key(|folder| folder.len()).map(str::to_owned);
        let folder = folder
            .ok_or_else(|| damaged("it is a ZIP file, but none of PyTorch: it has no data.pkl"))?;
        Ok(Self { zip, folder })
    }

    fn has(&self, name: &str) -> bool {
        let name = format!("{}{name}", self.folder);
        self.zip.file_names().any(|file| file == name)
    }

    /// Reads a file of at most `limit` bytes.
    fn file(&mut self, name: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        let full = format!("{}{name}", self.folder);
        let fault = |error: &dyn std::fmt::Display| {
            Fault::Damaged(plain(&format!("{name} in the archive cannot be read ({error})")))
        };
        let entry = self.zip.by_name(&full).map_err(|error| fault(&error))?;
        // PyTorch compresses nothing. What is compressed can have any size.
        if entry.compression() != CompressionMethod::Stored {
            return Err(fault(&"it is compressed"));
        }
        let found = entry.size();
        if found > limit as u64 {
            return Err(fault(&format!("it has {found} bytes, expected at most {limit}")));
        }
        let mut bytes = vec![];
        entry.take(limit as u64).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
        Ok(bytes)
    }
}
