//! MNIST by name. It is downloaded once into the user's cache folder, and needs no network afterwards. The SHA-256 of
//! the uncompressed files are checked.
//!
//! # References
//! LeCun, Cortes, Burges, *The MNIST database of handwritten digits* (1998).

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;

use crate::dataset::Dataset;
use crate::digest::sha256_of;
use crate::error::DataError;
use crate::folder::{self, Parts};
use crate::progress::Progress;
use crate::whole::{read_whole, write_whole};

/// The environment variable for a cache folder other than that of the system.
pub const CACHE_VARIABLE: &str = "RAYCLIP_CACHE";

/// Name, SHA-256 and length of the uncompressed file.
const FILES: [(&str, &str, u64); 4] = [
    (
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        47_040_016,
    ),
    (
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        60_008,
    ),
    (
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        7_840_016,
    ),
    (
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        10_008,
    ),
];

const MIRRORS: [&str; 2] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
];

/// The most bytes of a file, in the cache or in a download; the longest has 47 million.
const MOST_BYTES: u64 = 64 << 20;

/// Reads MNIST from the cache, and downloads missing files.
///
/// # Errors
/// A file is not in the cache and cannot be downloaded from a mirror, or the cache cannot be written.
pub fn load(progress: &Progress<'_>) -> Result<Dataset, DataError> {
    let cache = cache_folder();
    let fetched = |number: usize| {
        progress(number as u64, 8);
        let (name, digest, length) = FILES[number];
        fetch(&cache, name, digest, length)
    };
    let parts = Parts {
        train_images: fetched(0)?,
        train_labels: fetched(1)?,
        test_images: fetched(2)?,
        test_labels: fetched(3)?,
    };
    folder::read("mnist", &parts, &|done, _| progress(4 + done, 8))
}

/// The digest of the data set. It shows that published figures are for the same images.
pub const DIGEST: &str = "b8f4baefa5883d5257b89651ebf847663643cd7946d2c971f714bc407c06e6d9";

fn cache_folder() -> PathBuf {
    std::env::var_os(CACHE_VARIABLE)
        .map(PathBuf::from)
        .or_else(|| dirs::cache_dir().map(|cache| cache.join("rayclip")))
        .unwrap_or_else(|| PathBuf::from(".rayclip-cache"))
        .join("mnist")
}

/// Returns the path of an intact copy of the file `name` in `folder`, gzipped or not. Downloads it if there is none.
fn fetch(
    folder: &Path,
    name: &'static str,
    digest: &str,
    length: u64,
) -> Result<PathBuf, DataError> {
    let gzipped = folder.join(format!("{name}.gz"));
    let mut damaged = String::new();
    for candidate in [gzipped.clone(), folder.join(name)] {
        match read_whole(&candidate, MOST_BYTES) {
            Ok(bytes) if sha256_of_content(&bytes, length).as_deref() == Some(digest) => {
                return Ok(candidate);
            }
            Ok(_) => damaged = format!("{} is damaged; ", candidate.display()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                damaged = format!("{} is damaged; ", candidate.display());
            }
            Err(source) => return Err(DataError::io("read", candidate, source)),
        }
    }
    fs::create_dir_all(folder).map_err(|source| DataError::io("create", folder, source))?;
    let mut reason = String::new();
    for mirror in MIRRORS {
        match download(&format!("{mirror}/{name}.gz")) {
            Ok(bytes) if sha256_of_content(&bytes, length).as_deref() == Some(digest) => {
                write_whole(&gzipped, &bytes)
                    .map_err(|source| DataError::io("write", &gzipped, source))?;
                return Ok(gzipped);
            }
            Ok(_) => reason = format!("{mirror}: the SHA-256 of the file is not {digest}"),
            Err(error) => reason = format!("{mirror}: {error}"),
        }
    }
    let (folder, reason) = (folder.to_path_buf(), damaged + &reason);
    Err(DataError::Unavailable { file: name, folder, reason })
}

/// Downloads the file at `url`. The URL and all redirects must be HTTPS.
fn download(url: &str) -> Result<Vec<u8>, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .https_only(true)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(Duration::from_mins(5)))
        .build()
        .into();
    agent.get(url).call()?.body_mut().with_config().limit(MOST_BYTES).read_to_vec()
}

/// Returns the digest of the content, decompressed if it is gzipped; `None` for a damaged gzip file. It does not read
/// far beyond `length`.
fn sha256_of_content(bytes: &[u8], length: u64) -> Option<String> {
    let limit = length + 1;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        sha256_of(MultiGzDecoder::new(bytes).take(limit)).ok()
    } else {
        sha256_of(bytes.take(limit)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_with_the_right_digest_is_not_downloaded() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("labels"), b"abc").unwrap();
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            fetch(folder.path(), "labels", digest, 3).unwrap(),
            folder.path().join("labels")
        );
    }

    #[test]
    fn nothing_is_asked_for_without_encryption() {
        let error = download("http://127.0.0.1:9/train-images-idx3-ubyte.gz").unwrap_err();
        assert!(matches!(error, ureq::Error::RequireHttpsOnly(_)), "{error}");
        assert!(MIRRORS.iter().all(|mirror| mirror.starts_with("https://")));
    }

    #[test]
    fn a_gzipped_file_is_not_unpacked_beyond_its_length() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![0; 1 << 24]).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(sha256_of_content(&gzip, 3), sha256_of_content(&[0; 9], 3));
    }

    #[test]
    fn the_digest_is_of_the_uncompressed_content() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"abc").unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(sha256_of_content(&gzip, 3), sha256_of_content(b"abc", 3));
        assert_ne!(sha256_of_content(b"abcd", 3), sha256_of_content(b"abc", 3));
    }
}
