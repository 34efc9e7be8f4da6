//! The network of every rung as a file of its own: which are kept, what they are called, what they say.
//!
//! `networks/METHOD_seed_SEED/cycle_NN.safetensors` is the network of a replica after the training that
//! follows clip NN, `start.safetensors` the one before the first clip. The tensors have the names and the
//! layout of PyTorch ([`rayclip_model::Exported`]); the metadata says what else a reader needs.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::Device;
use rayclip_model::{Description, Exported, MlpShape};
use serde::{Deserialize, Serialize};

use crate::config::{AccuracyKind, LossKind, Method};
use crate::events::{Event, Observer};
use crate::ladder::{halvings, ladder, scratch_clips};
use crate::{RunConfig, TrainerError};

/// The folder of the networks in a run folder.
pub(crate) const NETWORKS: &str = "networks";

/// What the metadata calls the format of a file; raised where an older reader would misread it.
pub const NETWORK_FORMAT: &str = "rayclip-network-1";

/// Where not told, all networks are kept if they take less: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// The networks of a replica that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepNetworks {
    /// That of every rung, and the one before the first clip.
    All,
    /// The one before the first clip, those after the first clip and wherever the hidden neurons have halved
    /// again, and the last.
    Halvings,
    /// The last.
    Last,
}

impl FromStr for KeepNetworks {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "all" => Ok(Self::All),
            "halvings" => Ok(Self::Halvings),
            "last" => Ok(Self::Last),
            _ => Err("there are all, halvings and last".into()),
        }
    }
}

/// Which networks a run keeps.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) policy: KeepNetworks,
    /// Clips at which the width has halved again.
    halvings: Vec<usize>,
}

impl Keeping {
    pub(crate) fn new(policy: KeepNetworks, config: &RunConfig) -> Self {
        Self { policy, halvings: halvings(config) }
    }

    /// What was asked for, or else all if they are small enough; and how many bytes all would take, where that
    /// is why some are not kept. `shape` is that before the first clip.
    pub(crate) fn resolve(
        asked: Option<KeepNetworks>,
        config: &RunConfig,
        shape: &MlpShape,
    ) -> (Self, Option<u64>) {
        let bytes = bytes_of_all(config, shape);
        let (policy, too_many) = match asked {
            Some(policy) => (policy, None),
            None if bytes < MOST_BYTES => (KeepNetworks::All, None),
            None => (KeepNetworks::Halvings, Some(bytes)),
        };
        (Self::new(policy, config), too_many)
    }

    /// Says so where not all are kept though nobody asked for that.
    pub(crate) fn announce(
        asked: Option<KeepNetworks>,
        config: &RunConfig,
        shape: &MlpShape,
        observer: &mut dyn Observer,
    ) {
        if let (_, Some(bytes)) = Self::resolve(asked, config, shape) {
            observer.notify(&Event::FewerNetworks { bytes });
        }
    }

    /// Whether the network after a clip (`None`: before the first) is kept though a later one is, too.
    pub(crate) fn always(&self, clip: Option<usize>) -> bool {
        match self.policy {
            KeepNetworks::All => true,
            KeepNetworks::Halvings => clip.is_none_or(|clip| self.halvings.contains(&clip)),
            KeepNetworks::Last => false,
        }
    }
}

/// Bytes of the parameters of all rungs and replicas.
fn bytes_of_all(config: &RunConfig, shape: &MlpShape) -> u64 {
    let bytes = |hidden: &Vec<usize>| {
        let parameters = MlpShape { hidden: hidden.clone(), ..shape.clone() }.parameters();
        (parameters as u64).saturating_mul(size_of::<f32>() as u64)
    };
    let rungs = ladder(config);
    let sum = |widths: &mut dyn Iterator<Item = &Vec<usize>>| {
        widths.map(bytes).fold(0, u64::saturating_add)
    };
    let clipped = sum(&mut std::iter::once(&config.network.hidden).chain(&rungs));
    // Refused by validate() where it matters.
    let clips = scratch_clips(config).unwrap_or_default();
    let scratch = sum(&mut clips.iter().map(|clip| &rungs[*clip]));
    let of_method = |method: &Method| if *method == Method::Scratch { scratch } else { clipped };
    let methods = config.compression.methods.iter().map(of_method).fold(0, u64::saturating_add);
    methods.saturating_mul(config.replicas as u64)
}

/// The folder of a replica in [`NETWORKS`], and in the folder of the predictions.
pub(crate) fn replica_folder(method: Method, seed: u64) -> String {
    format!("{method}_seed_{seed}")
}

/// The name of a file after a clip; `None`: before the first.
pub(crate) fn rung_file(clip: Option<usize>) -> String {
    clip.map_or("start.safetensors".into(), |clip| format!("cycle_{clip:02}.safetensors"))
}

/// Where the network of a replica lies in a run folder, after a clip or (`None`) before the first.
pub fn network_path(method: Method, seed: u64, clip: Option<usize>) -> String {
    format!("{NETWORKS}/{}/{}", replica_folder(method, seed), rung_file(clip))
}

/// A network of a run, and how accurate it is.
#[derive(Debug, Clone)]
pub struct KeptNetwork {
    /// What its neurons were ranked by.
    pub method: Method,
    /// Its seed.
    pub seed: u64,
    /// The clip after which it was trained; none for the network before the first.
    pub clip: Option<usize>,
    /// Neurons of every hidden layer.
    pub widths: Vec<usize>,
    /// Accuracy on the test images.
    pub test: f64,
    /// And on those held out, where there are any.
    pub validation: Option<f64>,
}

impl KeptNetwork {
    /// The metadata of its file. `description` is of any network of the run.
    pub fn metadata(
        &self,
        config: &RunConfig,
        description: &Description,
    ) -> BTreeMap<String, String> {
        let Description { shape, image_shape, mean, deviation } = description;
        let shape = MlpShape { replicas: 1, hidden: self.widths.clone(), ..shape.clone() };
        // The data sets have numbers for classes.
        let classes: Vec<String> = (0..shape.outputs).map(|class| class.to_string()).collect();
        let accuracy = match config.evaluation.accuracy {
            AccuracyKind::AllImages => "all-images",
            AccuracyKind::MeanOfBatches => "mean-of-batches",
        };
        let batch_softmax = config.training.loss == LossKind::BatchAxis;
        let entries = [
            ("format", NETWORK_FORMAT.to_owned()),
            ("activation", "relu".to_owned()),
            ("normalisation", "(pixel / 255 - mean) / deviation".to_owned()),
            ("mean", format!("{mean:?}")),
            ("deviation", format!("{deviation:?}")),
            ("classes", format!("{classes:?}")),
            ("image_shape", format!("{image_shape:?}")),
            ("method", self.method.to_string()),
            ("seed", self.seed.to_string()),
            ("cycle", self.clip.map_or("start".to_owned(), |clip| clip.to_string())),
            ("widths", format!("{:?}", self.widths)),
            ("parameters", shape.parameters().to_string()),
            ("accuracy_test", format!("{:?}", self.test)),
            ("accuracy_of", accuracy.to_owned()),
            ("batch_log_softmax", batch_softmax.to_string()),
            ("batch_size", config.training.batch_size.to_string()),
        ];
        let validation =
            self.validation.map(|accuracy| ("accuracy_validation", format!("{accuracy:?}")));
        let entries = entries.into_iter().chain(validation);
        entries.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Bytes of the file of a network that stands at `place` in the `network.safetensors` of a run folder, as a
/// run of before `networks/` left it.
///
/// # Errors
/// The two files cannot be read, or hold no such network.
pub fn export_final(
    folder: &Path,
    place: usize,
    network: &KeptNetwork,
    config: &RunConfig,
) -> Result<Vec<u8>, TrainerError> {
    let [weights, json] = ["network.safetensors", "network.json"].map(|name| folder.join(name));
    let (networks, description) = rayclip_model::load(&weights, &json, &Device::flex())?;
    let shape = &description.shape;
    if shape.hidden != network.widths || place >= shape.replicas {
        let (widths, replicas) = (&shape.hidden, shape.replicas);
        return Err(TrainerError::Encode {
            what: "the network",
            reason: format!(
                "{} holds {replicas} networks of {widths:?} hidden neurons, not one of {:?} at place {place}",
                weights.display(),
                network.widths
            ),
        });
    }
    let exported = Exported::all(&networks.keep_replicas(&[place]))?;
    let metadata = network.metadata(config, &description);
    Ok(exported.into_iter().next().unwrap_or_default().encode(&metadata)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::{Layers, Setting, resolve};

    fn config(settings: &[&str]) -> RunConfig {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    fn shape(config: &RunConfig, inputs: usize) -> MlpShape {
        let hidden = config.network.hidden.clone();
        MlpShape { replicas: 1, inputs, hidden, outputs: 10, bias: true }
    }

    #[test]
    fn all_networks_are_kept_where_they_take_less_than_a_gibibyte() {
        let config = config(&[
            "replicas=2",
            "network.hidden=[13]",
            "compression.methods=['dtc', 'scratch']",
        ]);
        // 13 → 11 → 9: with 10 inputs, outputs and biases, 10 m + m + 10 m + 10 parameters.
        let parameters = |m: usize| (10 * m + m + 10 * m + 10) as u64;
        let expected = 2 * 4 * (parameters(13) + 2 * parameters(11) + 2 * parameters(9));
        let wide = |inputs| Keeping::resolve(None, &config, &shape(&config, inputs));
        assert_eq!(bytes_of_all(&config, &shape(&config, 10)), expected);
        let (keeping, bytes) = wide(10);
        assert_eq!((keeping.policy, bytes), (KeepNetworks::All, None));
        let (keeping, bytes) = wide(5_000_000);
        assert_eq!(keeping.policy, KeepNetworks::Halvings);
        assert!(bytes.unwrap() > 1 << 30);
        let asked = Some(KeepNetworks::All);
        let (keeping, bytes) = Keeping::resolve(asked, &config, &shape(&config, 5_000_000));
        assert_eq!((keeping.policy, bytes), (KeepNetworks::All, None));
    }

    #[test]
    fn the_halvings_are_kept_whatever_follows() {
        let config = config(&[]);
        let kept = |policy| -> Vec<Option<usize>> {
            let keeping = Keeping::new(policy, &config);
            let clips = std::iter::once(None).chain((0..34).map(Some));
            clips.filter(|clip| keeping.always(*clip)).collect()
        };
        assert_eq!(kept(KeepNetworks::All).len(), 35);
        let halvings = [None, Some(0), Some(6), Some(13), Some(19), Some(25), Some(31), Some(33)];
        assert_eq!(kept(KeepNetworks::Halvings), halvings);
        assert_eq!(kept(KeepNetworks::Last), []);
    }
}
