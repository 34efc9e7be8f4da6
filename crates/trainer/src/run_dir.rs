//! The folder of a run: every path and every write in one place.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the resolved configuration; written first |
//! | `cycles.csv` | one row a clip, layer and replica |
//! | `kept/cycle_NN.json` | kept neurons after clip NN, in their first numbering |
//! | `rays/cycle_NN.safetensors` | measurements and rays of clip NN, where `dtc` takes them |
//! | `latency.csv` | milliseconds of a classification at the halvings of the width |
//! | `network.safetensors`, `network.json` | the final networks and their shape |
//! | `summary.json` | how far the run is; written last, how it ended |
//!
//! Every file is written beside its place, synced and renamed, so none is ever half there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayclip_model::{Description, Mlp};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::rays::Rays;
use crate::{CycleRow, LatencyRow, Outcome, RunConfig, Summary, TrainerError};

/// The live neurons of a replica.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub(crate) replica: usize,
    pub(crate) method: Method,
    pub(crate) seed: u64,
    /// `[layer][neuron]`
    pub(crate) layers: Vec<Vec<usize>>,
}

/// The rays of a layer of a replica.
pub(crate) struct LayerRays {
    pub(crate) replica: usize,
    pub(crate) layer: usize,
    pub(crate) rays: Rays,
}

/// A run folder that this run has made.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the folder `path`, which must not exist, and writes the configuration into it.
    ///
    /// # Errors
    /// It exists, or cannot be made or written to.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainerError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .map_err(|source| io("create the run folder's parent", parent, source))?;
        }
        fs::create_dir(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => TrainerError::RunFolderExists { path: path.to_path_buf() },
            _ => io("create the run folder", path, source),
        })?;
        let run = Self { path: path.to_path_buf() };
        let text = toml::to_string(config).expect("a configuration is plain data");
        run.write("config.toml", text.as_bytes())?;
        run.write_cycles(&[])?;
        Ok(run)
    }

    /// Makes the first of `stem`, `stem-2`, `stem-3`, … in `parent` that does not exist.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn create_numbered(
        parent: &Path,
        stem: &str,
        config: &RunConfig,
    ) -> Result<Self, TrainerError> {
        for number in 1.. {
            let name = if number == 1 { stem.to_owned() } else { format!("{stem}-{number}") };
            match Self::create(&parent.join(name), config) {
                Err(TrainerError::RunFolderExists { .. }) => {}
                created => return created,
            }
        }
        unreachable!("there are more numbers than folders")
    }

    /// Whether the folder `path` holds `config` run to its end with the data of this `digest`.
    ///
    /// # Errors
    /// There is something else, a run with other data, or it cannot be read.
    pub fn is_finished(
        path: &Path,
        config: &RunConfig,
        digest: &str,
    ) -> Result<bool, TrainerError> {
        #[derive(Deserialize)]
        struct Ended {
            outcome: Outcome,
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            digest: String,
        }
        let read = |name: &str| match fs::read(path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io("read", &path.join(name), source)),
        };
        // A process that was killed may have left the folder alone.
        let empty = || path.read_dir().is_ok_and(|mut entries| entries.next().is_none());
        if !path.exists() || empty() {
            return Ok(false);
        }
        let text = toml::to_string(config).expect("a configuration is plain data");
        if read("config.toml")?.is_none_or(|bytes| bytes != text.as_bytes()) {
            return Err(TrainerError::OtherRun { path: path.to_path_buf() });
        }
        let summary = read("summary.json")?;
        let ended = summary.and_then(|bytes| serde_json::from_slice::<Ended>(&bytes).ok());
        let Some(Ended { outcome: Outcome::Finished, data }) = ended else { return Ok(false) };
        if data.digest == digest {
            return Ok(true);
        }
        Err(TrainerError::OtherData { path: path.to_path_buf() })
    }

    /// Makes the folder `path` anew for a run that did not get to its end.
    ///
    /// # Errors
    /// It holds another run, or this one with other data, or the file system refuses.
    pub fn create_again(
        path: &Path,
        config: &RunConfig,
        digest: &str,
    ) -> Result<Self, TrainerError> {
        if path.exists() {
            Self::is_finished(path, config, digest)?;
            fs::remove_dir_all(path).map_err(|source| io("remove", path, source))?;
        }
        Self::create(path, config)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all rows so far.
    pub(crate) fn write_cycles(&self, rows: &[&CycleRow]) -> Result<(), TrainerError> {
        // The header comes with the first row: without any, it is that of an empty one.
        let bytes = if rows.is_empty() {
            let mut bytes = csv_of(&[CycleRow::default()]);
            bytes.truncate(bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1));
            bytes
        } else {
            csv_of(rows)
        };
        self.write("cycles.csv", &bytes)
    }

    /// Writes the kept neurons after a clip, in their first numbering.
    pub(crate) fn write_kept(&self, cycle: usize, replicas: &[&Kept]) -> Result<(), TrainerError> {
        #[derive(Serialize)]
        struct File<'a> {
            cycle: usize,
            replicas: &'a [&'a Kept],
        }
        let json = serde_json::to_vec(&File { cycle, replicas }).expect("plain data");
        self.write(&format!("kept/cycle_{cycle:02}.json"), &json)
    }

    /// Writes what was measured and reconstructed in a clip: `replica_R.layer_L.y_previous` and `y_next`,
    /// `[n]`, and `ray_previous` and `ray_next`, `[m]`, all f64.
    pub(crate) fn write_rays(
        &self,
        cycle: usize,
        layers: &[&LayerRays],
    ) -> Result<(), TrainerError> {
        const NAMES: [[&str; 2]; 2] = [["y_previous", "y_next"], ["ray_previous", "ray_next"]];
        let tensors = layers.iter().flat_map(|LayerRays { replica, layer, rays }| {
            [&rays.y, &rays.x].into_iter().zip(NAMES).flat_map(move |(pair, names)| {
                pair.iter().zip(names).map(move |(values, name)| {
                    let name = format!("replica_{replica}.layer_{layer}.{name}");
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    (name, values.len(), bytes)
                })
            })
        });
        let tensors: Vec<(String, usize, Vec<u8>)> = tensors.collect();
        let views = tensors.iter().map(|(name, extent, bytes)| {
            let view = TensorView::new(Dtype::F64, vec![*extent], bytes);
            (name, view.expect("eight bytes are written for every number"))
        });
        let bytes = safetensors::serialize(views, None).expect("names are unique");
        self.write(&format!("rays/cycle_{cycle:02}.safetensors"), &bytes)
    }

    /// Writes how long networks of some widths take.
    pub(crate) fn write_latency(&self, rows: &[LatencyRow]) -> Result<(), TrainerError> {
        self.write("latency.csv", &csv_of(rows))
    }

    /// Writes the network as it is now.
    pub(crate) fn write_network(
        &self,
        network: &Mlp,
        description: &Description,
    ) -> Result<(), TrainerError> {
        let (weights, json) = rayclip_model::save(network, description)?;
        self.write("network.safetensors", &weights)?;
        self.write("network.json", &json)
    }

    /// Writes how far the run is, or how it ended.
    pub(crate) fn write_summary(&self, summary: &Summary) -> Result<(), TrainerError> {
        let json = serde_json::to_vec_pretty(summary).expect("a summary is plain data");
        self.write("summary.json", &json)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainerError> {
        let path = self.path.join(name);
        rayclip_data::write_whole(&path, bytes).map_err(|source| io("write", &path, source))
    }
}

fn csv_of(rows: &[impl Serialize]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("a row is plain data and memory takes it");
    }
    writer.into_inner().expect("memory takes every row")
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> TrainerError {
    TrainerError::Io { action, path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, resolve};

    #[test]
    fn an_existing_folder_is_left_alone_and_a_numbered_one_gets_the_next_number() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let first = RunDir::create_numbered(parent.path(), "run", &config).unwrap();
        fs::write(first.path().join("config.toml"), "mine").unwrap();
        let refused = RunDir::create(first.path(), &config).unwrap_err();
        assert!(matches!(refused, TrainerError::RunFolderExists { .. }), "{refused}");
        assert_eq!(fs::read_to_string(first.path().join("config.toml")).unwrap(), "mine");
        let second = RunDir::create_numbered(parent.path(), "run", &config).unwrap();
        assert_eq!(second.path(), parent.path().join("run-2"));
    }

    #[test]
    fn only_the_same_run_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("run");
        let config = resolve(&Layers::default()).unwrap();
        let is_finished = |digest| RunDir::is_finished(&path, &config, digest);
        assert!(!is_finished("d").unwrap());
        fs::create_dir(&path).unwrap();
        assert!(!is_finished("d").unwrap());
        RunDir::create_again(&path, &config, "d").unwrap();
        assert!(!is_finished("d").unwrap());
        let summary = r#"{"outcome":"finished","data":{"digest":"d"}}"#;
        fs::write(path.join("summary.json"), summary).unwrap();
        assert!(is_finished("d").unwrap());
        assert!(is_finished("e").unwrap_err().to_string().contains("other data"));
        let other = RunConfig { seed: 77, ..config.clone() };
        let message = RunDir::create_again(&path, &other, "d").unwrap_err().to_string();
        assert!(message.contains("another run"), "{message}");
        assert!(path.join("summary.json").exists());
        RunDir::create_again(&path, &config, "d").unwrap();
        assert!(!path.join("summary.json").exists());
    }

    #[test]
    fn rays_are_named_by_their_side() {
        let parent = tempfile::tempdir().unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let run = RunDir::create(&parent.path().join("run"), &config).unwrap();
        let rays = Rays { y: [vec![1.0], vec![2.0]], x: [vec![3.0, 0.0], vec![4.0, 5.0]] };
        run.write_rays(7, &[&LayerRays { replica: 3, layer: 1, rays }]).unwrap();
        let bytes = fs::read(run.path().join("rays/cycle_07.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let first = |name: &str| {
            let tensor = file.tensor(&format!("replica_3.layer_1.{name}")).unwrap();
            f64::from_le_bytes(tensor.data()[..8].try_into().unwrap())
        };
        let names = ["y_previous", "y_next", "ray_previous", "ray_next"];
        assert_eq!(names.map(first), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let config = resolve(&Layers::default()).unwrap();
        let message = RunDir::create(&file.join("run"), &config).unwrap_err().to_string();
        assert!(message.contains(&file.display().to_string()), "{message}");
    }
}
