//! SHA-256 of files and data.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::whole;

/// Bytes of a file that are in memory while it is hashed.
const BUFFER: usize = 1 << 16;

/// Returns the SHA-256 of the concatenated parts, in hexadecimal.
pub fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hexadecimal(hash)
}

/// Returns the SHA-256 of the content of the file `path`, in hexadecimal. The memory does not depend on its size.
///
/// # Errors
/// The file system reports an error, or it is a folder, a pipe or a device ([`io::ErrorKind::InvalidInput`]).
pub fn sha256_file(path: &Path) -> io::Result<String> {
    sha256_of(whole::open(path)?)
}

/// Returns the SHA-256 of the content of a reader, in the same way.
///
/// # Errors
/// The reader fails.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(hash)),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns the result of a hash, in hexadecimal.
pub fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_digest_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 3, BUFFER - 1, BUFFER, 3 * BUFFER + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(sha256_file(&path).unwrap(), sha256([bytes.as_slice()]), "{length} bytes");
        }
        let none = sha256_file(&folder.path().join("none")).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
        let refused = sha256_file(folder.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}
