//! Checks the files of a finished run against its manifest, so that a report shows what the run wrote.

use std::io::{self, ErrorKind};
use std::path::Path;

use rayclip_data::{MANIFEST, Manifest, read_whole};

use super::Gap;
use crate::limits;

/// Returns a small file of a run folder as it was written. If it is damaged or missing, returns the copy in the
/// manifest. Returns the file as it is if there is no copy, and `None` if there is neither.
///
/// # Errors
/// The file exists and cannot be read, or is too large.
pub fn stored(folder: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    let found = match read_whole(&folder.join(name), limits::SUMMARY_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // A damaged manifest proves nothing.
    let Ok(Some(manifest)) = Manifest::read(folder) else { return Ok(found) };
    let is_whole = found.as_ref().is_some_and(|bytes| manifest.agrees(name, bytes));
    let copy = if is_whole { None } else { manifest.copy(name) };
    Ok(copy.map(<[u8]>::to_vec).or(found))
}

/// The manifest of a run, if it has one, and the results of the checks.
#[derive(Debug)]
pub struct Verified<'a> {
    folder: &'a Path,
    manifest: Option<Manifest>,
    /// Damaged files.
    pub gaps: Vec<Gap>,
    /// Damaged files whose copies are shown.
    pub from_copies: Vec<Gap>,
}

impl<'a> Verified<'a> {
    /// Reads the manifest of a folder. If it cannot be read, it is a gap, and nothing is verified.
    pub fn of(folder: &'a Path) -> Self {
        let (manifest, gaps) = match Manifest::read(folder) {
            Ok(manifest) => (manifest, vec![]),
            Err(error) => {
                let reason = format!(
                    "{error}; restore it from a copy, or remove it: then nothing is verified"
                );
                (None, vec![Gap { path: folder.join(MANIFEST), reason }])
            }
        };
        Self { folder, manifest, gaps, from_copies: vec![] }
    }

    /// Returns a file of at most `limit` bytes. If it is damaged, returns the copy in the manifest.
    ///
    /// # Errors
    /// The file cannot be read, and there is no copy.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        let found = read_whole(&path, limit).map_err(|error| format!("cannot be read: {error}"));
        let Some(manifest) = &self.manifest else { return found };
        if found.as_ref().is_ok_and(|bytes| manifest.agrees(name, bytes)) {
            return found;
        }
        let Some(copy) = manifest.copy(name) else { return found };
        let folder = self.folder.display();
        let reason = format!(
            "it is damaged or missing; its copy in {MANIFEST} is shown, and `rayclip resume {folder}` restores it"
        );
        self.from_copies.push(Gap { path, reason });
        Ok(copy.to_vec())
    }

    /// Checks the files for which `is_shown` is true. A missing file that is a gap in `known` is not reported
    /// again.
    pub fn check(&mut self, is_shown: impl Fn(&str) -> bool, known: &[Gap]) {
        let Some(manifest) = &self.manifest else { return };
        for name in manifest.names().filter(|name| is_shown(name)) {
            let path = self.folder.join(name);
            let is = |gaps: &[Gap]| gaps.iter().any(|gap| gap.path == path);
            if is(&self.from_copies) || is(known) && !path.exists() {
                continue;
            }
            let Some(problem) = manifest.problem(self.folder, name) else { continue };
            let remedy = match manifest.copy(name) {
                Some(_) => format!("`rayclip resume {}` restores it", self.folder.display()),
                None => "restore it from a copy, or train again in another folder".to_owned(),
            };
            self.gaps.push(Gap { path, reason: format!("{problem}; {remedy}") });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::paths;
    use crate::write::RunFolder;

    #[test]
    fn a_file_that_is_damaged_or_missing_is_read_from_the_manifest() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, path) = (parent.path(), parent.path().join(paths::SUMMARY));
        assert_eq!(stored(folder, paths::SUMMARY).unwrap(), None);
        fs::write(&path, "whole").unwrap();
        RunFolder::from(folder).seal().unwrap();
        let read = || {
            let mut verified = Verified::of(folder);
            let bytes = verified.read(paths::SUMMARY, 100).unwrap();
            assert_eq!(stored(folder, paths::SUMMARY).unwrap().unwrap(), bytes);
            verified.check(|_| true, &[]);
            (String::from_utf8(bytes).unwrap(), verified.from_copies.len(), verified.gaps.len())
        };
        assert_eq!(read(), ("whole".to_owned(), 0, 0));
        fs::write(&path, "damaged").unwrap();
        assert_eq!(read(), ("whole".to_owned(), 1, 0));
        fs::remove_file(&path).unwrap();
        assert_eq!(read(), ("whole".to_owned(), 1, 0));
        // A damaged manifest proves nothing.
        fs::write(folder.join(MANIFEST), "{").unwrap();
        fs::write(&path, "damaged").unwrap();
        assert_eq!(read(), ("damaged".to_owned(), 0, 1));
    }

    #[test]
    fn a_damaged_file_without_a_copy_is_a_gap() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join(paths::CYCLES), "whole").unwrap();
        RunFolder::from(parent.path()).seal().unwrap();
        fs::write(parent.path().join(paths::CYCLES), "damaged").unwrap();
        let mut verified = Verified::of(parent.path());
        verified.check(|_| true, &[]);
        assert!(verified.gaps[0].reason.contains("restore it from a copy"), "{:?}", verified.gaps);
        fs::remove_file(parent.path().join(paths::CYCLES)).unwrap();
        let mut again = Verified::of(parent.path());
        again.check(|_| true, &verified.gaps);
        assert_eq!(again.gaps, []);
    }
}
