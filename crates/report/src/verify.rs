//! Files of a finished run against its manifest: what is shown is what the run wrote.

use std::path::Path;

use rayclip_data::{MANIFEST, Manifest, read_whole};

use crate::Gap;

/// The manifest of a run, where it has one, and what was found out with it.
pub(crate) struct Verified<'a> {
    folder: &'a Path,
    manifest: Option<Manifest>,
    /// Files that are damaged.
    pub(crate) gaps: Vec<Gap>,
    /// Files that are damaged too, whose copies are shown.
    pub(crate) from_copies: Vec<Gap>,
}

impl<'a> Verified<'a> {
    /// Reads the manifest of a folder; none vouches for anything where it cannot be read.
    pub(crate) fn of(folder: &'a Path) -> Self {
        let (manifest, gaps) = match Manifest::read(folder) {
            Ok(manifest) => (manifest, vec![]),
            Err(error) => {
                let reason = format!(
                    "{error}; restore it from a copy, or remove it, and nothing is verified"
                );
                (None, vec![Gap { path: folder.join(MANIFEST), reason }])
            }
        };
        Self { folder, manifest, gaps, from_copies: vec![] }
    }

    /// A file of at most `limit` bytes; where it is damaged, the copy that the manifest has.
    ///
    /// # Errors
    /// It cannot be read, and there is no copy.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        let found = read_whole(&path, limit).map_err(|error| format!("cannot be read: {error}"));
        let Some(manifest) = &self.manifest else { return found };
        if found.as_ref().is_ok_and(|bytes| manifest.agrees(name, bytes)) {
            return found;
        }
        let Some(copy) = manifest.copy(name) else { return found };
        let folder = self.folder.display();
        let reason = format!(
            "it is damaged or missing: its copy in {MANIFEST} is shown, and `rayclip resume {folder}` restores it"
        );
        self.from_copies.push(Gap { path, reason });
        Ok(copy.to_vec())
    }

    /// Looks at the files that `is_shown`; what is missing, and `known` as a gap, is not told again.
    pub(crate) fn check(&mut self, is_shown: impl Fn(&str) -> bool, known: &[Gap]) {
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
