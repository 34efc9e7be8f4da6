//! Code that the fuzz targets share.

mod memory;

use std::path::{Path, PathBuf};

/// Returns a temporary folder, in memory if possible.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).unwrap()
}

/// Splits the input at lines with a single `%` and writes each part into the file with its name. If a part is
/// missing, removes the file.
pub fn write_parts<const N: usize>(folder: &Path, names: [&str; N], input: &[u8]) -> [PathBuf; N] {
    let mut rest = Some(input);
    let mut index = 0;
    names.map(|name| {
        index += 1;
        let path = folder.join(name);
        let Some(bytes) = rest.take() else {
            let _ = std::fs::remove_file(&path);
            return path;
        };
        let end = bytes.windows(3).position(|window| window == b"\n%\n");
        let part = match end {
            Some(end) if index < N => {
                rest = Some(&bytes[end + 3..]);
                &bytes[..end]
            }
            _ => bytes,
        };
        std::fs::write(&path, part).unwrap();
        path
    })
}
