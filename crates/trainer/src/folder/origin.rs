//! Where the images of a run came from.

use std::fs;
use std::path::{Path, PathBuf};

use rayclip_data::{Source, read_whole};
use rayclip_run_folder::{limits, paths};
use serde::Deserialize;

use super::RunDir;

impl RunDir {
    /// Returns the absolute path of the folder or file that the run in `path` read its images from, if its
    /// `progress.json` names one.
    pub fn data_folder(path: &Path) -> Option<PathBuf> {
        #[derive(Deserialize)]
        struct Progress {
            data_folder: Option<PathBuf>,
        }
        let bytes = read_whole(&path.join(paths::PROGRESS), limits::SUMMARY_BYTES).ok()?;
        let progress: Progress = serde_json::from_slice(&bytes).ok()?;
        progress.data_folder.filter(|folder| folder.is_absolute())
    }
}

/// Returns whether `asked` is the folder or file of images that the run in `run` used, under another path. `stored` is the
/// source in the configuration of the run.
pub(super) fn is_same(run: &Path, stored: &str, asked: &str) -> bool {
    let (Source::Path(_), Source::Path(asked)) =
        (Source::from_name(stored), Source::from_name(asked))
    else {
        return false;
    };
    let real = |path: &Path| fs::canonicalize(path).ok();
    let began = RunDir::data_folder(run).and_then(|folder| real(&folder));
    began.is_some() && began == real(&asked)
}

#[cfg(test)]
mod tests {
    use rayclip_run_folder::RunConfig;
    use rayclip_run_folder::config::presets::{Layers, resolve};

    use super::*;
    use crate::folder::Found;

    #[test]
    fn a_folder_of_images_is_the_same_by_whatever_path() {
        let parent = tempfile::tempdir().unwrap();
        let [run, data, other] = ["run", "data", "other"].map(|name| parent.path().join(name));
        for folder in [&data, &other] {
            fs::create_dir(folder).unwrap();
        }
        let with = |source: &str| {
            let mut config: RunConfig = resolve(&Layers::default()).unwrap();
            source.clone_into(&mut config.data.source);
            config
        };
        drop(RunDir::create(&run, &with("data")).unwrap());
        let find = |source: &str| Found::of(&run, &with(source));
        assert!(find(data.to_str().unwrap()).is_err() && find("data").is_ok());
        for (told, folder) in [(data.to_str().unwrap(), Some(&data)), ("data", None)] {
            fs::write(run.join("progress.json"), format!("{{\"data_folder\": {told:?}}}")).unwrap();
            assert_eq!(RunDir::data_folder(&run).as_ref(), folder);
        }
        fs::write(run.join("progress.json"), format!("{{\"data_folder\": {data:?}}}")).unwrap();
        let roundabout = run.join("../other/../data");
        for same in [data.to_str().unwrap(), roundabout.to_str().unwrap(), "data"] {
            assert_eq!(find(same).unwrap(), Found::Unfinished, "{same}");
        }
        for another in [other.to_str().unwrap(), "digits", "mnist", "/nowhere"] {
            assert!(find(another).is_err(), "{another}");
        }
    }
}
