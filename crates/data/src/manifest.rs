//! `manifest.json`: the SHA-256 of every file of a finished run, and copies of its small files.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::digest::sha256_of;
use crate::whole::open;
use crate::whole::read_whole;

/// The name of the file.
pub const MANIFEST: &str = "manifest.json";

/// The version of the format. It is increased if an older rayclip would misread the file.
const FORMAT: u32 = 1;

/// The most bytes of a manifest, and of a file that it has a copy of.
const LIMIT: u64 = 64 << 20;
const COPY_LIMIT: u64 = 1 << 20;

/// The content of a folder when its run was finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The SHA-256 in hexadecimal, by the path in the folder, with `/` between its parts.
    files: BTreeMap<String, String>,
    /// The text of small files. It restores them byte for byte.
    #[serde(default)]
    copies: BTreeMap<String, String>,
}

impl Manifest {
    /// Makes the manifest of the files `names` in `folder`, with copies of the files in `copied`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(folder: &Path, names: &[String], copied: &[&str]) -> io::Result<Self> {
        let mut manifest = Self { format: FORMAT, files: BTreeMap::new(), copies: BTreeMap::new() };
        for name in names {
            let path = folder.join(name);
            if copied.contains(&name.as_str())
                && let Ok(bytes) = read_whole(&path, COPY_LIMIT)
                && let Ok(text) = String::from_utf8(bytes)
            {
                manifest.copies.insert(name.clone(), text);
            }
            manifest.files.insert(name.clone(), sha256_of(open(&path)?)?);
        }
        Ok(manifest)
    }

    /// Reads the manifest of a folder; `None` if it has none.
    ///
    /// # Errors
    /// It cannot be read, or is not a manifest ([`ErrorKind::InvalidData`]).
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        let bytes = match read_whole(&folder.join(MANIFEST), LIMIT) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let damaged = |reason: String| io::Error::new(ErrorKind::InvalidData, reason);
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("it is damaged: {error}")))?;
        if manifest.format != FORMAT {
            let format = manifest.format;
            return Err(damaged(format!(
                "it has format {format}; this rayclip reads format {FORMAT}"
            )));
        }
        let stays = |name: &&String| {
            let mut steps = Path::new(name).components().peekable();
            steps.peek().is_some() && steps.all(|step| matches!(step, Component::Normal(_)))
        };
        match manifest.files.keys().find(|name| !stays(name)) {
            Some(name) => {
                Err(damaged(format!("it names {name:?}, which is not a file of the folder")))
            }
            None => Ok(Some(manifest)),
        }
    }

    /// Returns the bytes of the manifest.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn encode(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Returns the names of the files, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the copy of a file, if there is an intact one.
    pub fn copy(&self, name: &str) -> Option<&[u8]> {
        let copy = self.copies.get(name)?.as_bytes();
        (Some(&sha256([copy])) == self.files.get(name)).then_some(copy)
    }

    /// Whether bytes are those of a file; also true if the manifest does not name the file.
    pub fn agrees(&self, name: &str, bytes: &[u8]) -> bool {
        self.files.get(name).is_none_or(|digest| sha256([bytes]) == *digest)
    }

    /// Returns what is wrong with a file of the folder; `None` if it is unchanged, or not named.
    pub fn problem(&self, folder: &Path, name: &str) -> Option<String> {
        let digest = self.files.get(name)?;
        match open(&folder.join(name)).and_then(sha256_of) {
            Ok(found) if found == *digest => None,
            Ok(_) => Some(format!("it is damaged: its SHA-256 is not that in {MANIFEST}")),
            Err(error) if error.kind() == ErrorKind::NotFound => Some("it is missing".to_owned()),
            Err(error) => Some(format!("it cannot be read: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_not_as_it_was_is_known_and_a_copy_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("kept")).unwrap();
        fs::write(at("kept/a.json"), "{}").unwrap();
        fs::write(at("summary.json"), "whole").unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        let names = ["kept/a.json", "summary.json"].map(str::to_owned);
        let manifest = Manifest::of(folder.path(), &names, &["summary.json"]).unwrap();
        fs::write(at(MANIFEST), manifest.encode().unwrap()).unwrap();
        let read = Manifest::read(folder.path()).unwrap().unwrap();
        assert_eq!(read, manifest);
        let problems =
            || read.names().map(|name| read.problem(folder.path(), name)).collect::<Vec<_>>();
        assert_eq!(problems(), [None, None]);
        fs::write(at("kept/a.json"), "[]").unwrap();
        fs::remove_file(at("summary.json")).unwrap();
        let found: Vec<String> = problems().into_iter().flatten().collect();
        let [damaged, missing] = &found[..] else { panic!("{found:?}") };
        assert!(damaged.contains("SHA-256") && missing.contains("missing"), "{damaged} {missing}");
        assert_eq!(read.copy("summary.json"), Some(&b"whole"[..]));
        assert_eq!(read.copy("kept/a.json"), None);
        assert!(read.agrees("other", b"x") && !read.agrees("summary.json", b"x"));
    }

    #[test]
    fn a_manifest_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &str| {
            fs::write(folder.path().join(MANIFEST), text).unwrap();
            Manifest::read(folder.path()).unwrap_err().to_string()
        };
        assert!(refused("{").contains("damaged"));
        assert!(refused(r#"{"format":2,"files":{}}"#).contains("format 2"));
        for name in ["../x", "/etc/passwd", "", "a/../../x"] {
            let message = refused(&format!(r#"{{"format":1,"files":{{"{name}":""}}}}"#));
            assert!(message.contains("not a file of the folder"), "{name}: {message}");
        }
        // A copy that somebody changed is not used.
        let text = r#"{"format":1,"files":{"a":"00"},"copies":{"a":"x"}}"#;
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap().unwrap().copy("a"), None);
    }
}
