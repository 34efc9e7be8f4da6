//! Files of a run folder that no checkpoint has: networks and predictions of the rungs.

use std::collections::BTreeSet;
use std::io;

use rayclip_data::{Dir, Kind};

use super::{RunDir, io as refused};
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
        let removed = self.dir.remove(name);
        removed.map_err(|source| refused("remove", &self.path().join(name), source))
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
        keep_only_in(&self.dir, folder, "", names)
            .map_err(|source| refused("remove old files in", &self.path().join(folder), source))
    }
}

fn keep_only_in(
    parent: &Dir,
    folder: &str,
    within: &str,
    names: &BTreeSet<String>,
) -> io::Result<()> {
    let here = parent.join(folder);
    let mut left = false;
    for (name, kind) in here.entries()? {
        let full = format!("{within}{}", name.to_string_lossy());
        match kind {
            Kind::Folder if within.is_empty() => {
                keep_only_in(&here, &full, &format!("{full}/"), names)?;
            }
            Kind::Folder => {}
            _ if names.contains(&full) => {}
            _ => here.remove(&name)?,
        }
        left |= here.kind(&name)?.is_some();
    }
    if left { Ok(()) } else { parent.remove_all(folder) }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
