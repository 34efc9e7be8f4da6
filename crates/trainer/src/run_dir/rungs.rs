//! Files of a run folder that no checkpoint has: networks and predictions of the rungs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use super::{RunDir, io, remove};
use crate::TrainerError;
use crate::predictions::{self, LABELS, PREDICTIONS};

impl RunDir {
    /// Writes the labels of the test images.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write_labels(&self, labels: &[u8]) -> Result<(), TrainerError> {
        self.write(&format!("{PREDICTIONS}/{LABELS}"), &predictions::encode("labels", labels)?)
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn remove_file(&self, name: &str) -> Result<(), TrainerError> {
        remove(&self.path.join(name))
    }

    /// Removes from one of its folders, and from the folders in that, all files but those that are named
    /// (relative to the folder), and the folders that this leaves empty. Links are not followed.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn keep_only(
        &self,
        folder: &str,
        names: &BTreeSet<String>,
    ) -> Result<(), TrainerError> {
        self.keep_only_in(folder, "", names)
    }

    fn keep_only_in(
        &self,
        folder: &str,
        within: &str,
        names: &BTreeSet<String>,
    ) -> Result<(), TrainerError> {
        let path = self.path.join(folder).join(within);
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        let refused = |source| io("read", &path, source);
        for entry in fs::read_dir(&path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let name = format!("{within}{}", name.to_string_lossy());
            let is_folder = entry.file_type().map_err(refused)?.is_dir();
            if is_folder && within.is_empty() {
                self.keep_only_in(folder, &format!("{name}/"), names)?;
            } else if !is_folder && !names.contains(&name) {
                remove(&entry.path())?;
            }
        }
        match fs::remove_dir(&path) {
            Err(source) if source.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(source) => Err(io("remove", &path, source)),
            Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, resolve};

    #[test]
    fn only_what_is_named_is_kept_and_links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let run = RunDir::create(&parent.path().join("run"), &config).unwrap();
        for name in ["n/a/1", "n/a/2", "n/b/1", "n/top", "n/.partial-x", "outside/1"] {
            let path = run.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(run.path().join("outside"), run.path().join("n/link")).unwrap();
        run.keep_only("n", &["a/2".to_owned()].into()).unwrap();
        let left = |folder: &str| -> Vec<String> {
            let entries = fs::read_dir(run.path().join(folder)).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(left("n"), ["a"]);
        assert_eq!(left("n/a"), ["2"]);
        assert_eq!(left("outside"), ["1"]);
        run.keep_only("n", &BTreeSet::new()).unwrap();
        assert!(!run.path().join("n").exists());
        run.keep_only("n", &BTreeSet::new()).unwrap();
    }
}
