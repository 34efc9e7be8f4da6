//! A first look at every image file: its content, as a hash, and its channels.

use std::path::Path;

use rayon::prelude::*;

use super::decode::{FILE_BYTES, channels};
use super::listing::{Item, Listing};
use crate::digest::sha256;
use crate::error::DataError;
use crate::load_options::LoadOptions;
use crate::whole::read_whole;

/// The version of the decoded images. Raise it when the same images would be decoded or stored differently.
const VERSION: u32 = 2;

/// What a first look at a folder of images shows.
pub(super) struct LookedAt {
    /// The SHA-256 of names, contents and options: the name of the decoded images.
    pub(super) key: String,
    /// The most channels of an image.
    pub(super) channels: usize,
}

impl LookedAt {
    /// Looks at every file.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn of(
        folder: &Path,
        listing: &Listing,
        options: &LoadOptions,
    ) -> Result<Self, DataError> {
        let look = |item: &Item| {
            let path = folder.join(&item.path);
            let bytes = read_whole(&path, FILE_BYTES)
                .map_err(|source| DataError::io("read", &path, source))?;
            let digest = sha256([bytes.as_slice()]);
            let line =
                format!("{} {} {} {digest}\n", item.path.display(), item.class, item.is_test);
            Ok((line, channels(&bytes).unwrap_or(1)))
        };
        let (lines, channels): (Vec<String>, Vec<usize>) = listing
            .items
            .par_iter()
            .map(look)
            .collect::<Result<Vec<_>, DataError>>()?
            .into_iter()
            .unzip();
        let options = format!("{VERSION} {:?} {:?}\n", options.on_bad, options.resize);
        let key =
            sha256(std::iter::once(options.as_bytes()).chain(lines.iter().map(String::as_bytes)));
        Ok(Self { key, channels: channels.into_iter().max().unwrap_or(1) })
    }
}
