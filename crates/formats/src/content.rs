//! What a file is, by its first bytes.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::FormatError;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Folder,
    Safetensors,
    /// A ZIP file.
    Archive,
    /// A pickle.
    Pickle,
    Onnx,
    Burn,
    /// Text, which may be a graph.
    Text,
}

/// The first bytes of a file of Burn.
const BURN: &[u8] = &0x4255_524e_u32.to_le_bytes();

/// The bytes that tell.
const HEAD: u64 = 300;

/// Where a TAR file says that it is one.
const TAR: usize = 257;

/// Tells what a file is.
///
/// # Errors
/// It cannot be read, or is nothing that has a network.
pub(crate) fn content(path: &Path) -> Result<Content, FormatError> {
    let unread = |error| FormatError::io("read", path, error);
    // This is checked before the file is opened, because opening a pipe waits for a writer.
    let found = fs::metadata(path).map_err(unread)?;
    if found.is_dir() {
        return Ok(Content::Folder);
    }
    if !found.is_file() {
        return Err(FormatError::format(path, "it is a pipe or a device; name a file"));
    }
    let mut head = vec![];
    let file = File::open(path).map_err(unread)?;
    file.take(HEAD).read_to_end(&mut head).map_err(unread)?;
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let is_named = |name: &str| extension.as_ref().is_some_and(|extension| extension == name);
    // The last letter of the head may be cut off.
    let is_text = |head: &[u8]| {
        let error = std::str::from_utf8(head).err();
        error.is_none_or(|error| error.error_len().is_none()) && !head.contains(&0)
    };
    Ok(match &head[..] {
        [] => return Err(FormatError::format(path, "the file is empty")),
        head if head.starts_with(b"PK\x03\x04") => Content::Archive,
        head if head.starts_with(BURN) => Content::Burn,
        head if head.get(8) == Some(&b'{') && head[3..8] == [0; 5] => Content::Safetensors,
        [0x80, 1..=5, ..] => Content::Pickle,
        head if head.get(TAR..TAR + 5) == Some(b"ustar") => {
            let reason = "it is a TAR file, as PyTorch wrote before 2017; save it again";
            return Err(FormatError::format(path, reason));
        }
        _ if is_named("onnx") => Content::Onnx,
        _ if is_named("safetensors") => Content::Safetensors,
        head if is_text(head) => Content::Text,
        // The first field of a model is the version of the format.
        [0x08, 1..=20, ..] => Content::Onnx,
        _ => {
            let expected = "expected a run folder, safetensors, a state dict of PyTorch, or ONNX";
            return Err(FormatError::format(
                path,
                format!("it is no file with a network; {expected}"),
            ));
        }
    })
}

/// Returns whether a file is an ONNX file, by its first bytes.
pub fn is_onnx(path: &Path) -> bool {
    content(path).is_ok_and(|content| content == Content::Onnx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_first_bytes_and_not_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.bin");
        let of = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            content(&path).map_err(|error| error.to_string())
        };
        assert_eq!(of(b"PK\x03\x04rest"), Ok(Content::Archive));
        assert_eq!(of(b"\x80\x02rest"), Ok(Content::Pickle));
        assert_eq!(
            of(&[&[8, 0, 0, 0, 0, 0, 0, 0][..], b"{}      "].concat()),
            Ok(Content::Safetensors)
        );
        assert_eq!(of(b"NRUB\0\0"), Ok(Content::Burn));
        assert_eq!(of(b"input = { channels = 3 }"), Ok(Content::Text));
        let letters = "a".to_owned() + &"é".repeat(HEAD as usize);
        assert_eq!(of(letters.as_bytes()), Ok(Content::Text));
        assert_eq!(of(b"\x08\x08\x12\x07pytorch\x3a\x00"), Ok(Content::Onnx));
        assert!(of(b"").unwrap_err().contains("the file is empty"));
        assert!(of(b"\xff\xfe\x00").unwrap_err().contains("no file with a network"));
        let tar = [&[b'a'; 257][..], b"ustar"].concat();
        assert!(of(&tar).unwrap_err().contains("TAR file"));
        assert_eq!(content(folder.path()).unwrap(), Content::Folder);
        let none = content(&folder.path().join("none")).unwrap_err().to_string();
        assert!(none.starts_with("cannot read") && none.ends_with("none"), "{none}");
    }
}
