//! What the fuzz targets share.

mod memory;

use std::path::{Path, PathBuf};

/// A folder that costs no disk, where there is one.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    tempfile::tempdir_in(parent).unwrap()
}

/// The input cut at lines of a single `%`, each part written into a file of these names; a part that is not
/// there leaves none.
pub fn write_parts<const N: usize>(folder: &Path, names: [&str; N], input: &[u8]) -> [PathBuf; N] {
    let mut rest = Some(input);
    let mut place = 0;
    names.map(|name| {
        place += 1;
        let path = folder.join(name);
        let Some(bytes) = rest.take() else {
            let _ = std::fs::remove_file(&path);
            return path;
        };
        let end = bytes.windows(3).position(|window| window == b"\n%\n");
        let part = match end {
            Some(end) if place < N => {
                rest = Some(&bytes[end + 3..]);
                &bytes[..end]
            }
            _ => bytes,
        };
        std::fs::write(&path, part).unwrap();
        path
    })
}
