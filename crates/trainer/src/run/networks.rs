//! The network of every rung, in a file of its own: which ones are kept, their names, their metadata.
//!
//! `networks/METHOD_seed_SEED/cycle_NN.safetensors` is the network of a replica after the training that follows
//! clip NN; `start.safetensors` is the one before the first clip. The tensors have the names and the layout of
//! PyTorch ([`rayclip_model::Exported`]). The metadata has everything else that a reader needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use burn::tensor::Device;
use rayclip_formats::{ImageDescription, metadata};
use rayclip_model::{Description, Exported, Population};
use rayclip_run_folder::config::{AccuracyKind, LossKind, Method};
use rayclip_run_folder::write::RunFolder;
use rayclip_run_folder::{Replica, RunConfig, operations, paths, scratch_clips};
use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Rung};
use super::rungs::{self, Rungs};
use crate::error::TrainerError;
use crate::train::Tested;

/// By default, all networks are kept if they take less than this: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// The networks of a replica that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepNetworks {
    /// The network of every rung, and the one before the first clip.
    All,
    /// The network before the first clip, the one after the first clip, one each time the number of hidden neurons
    /// has halved again, and the last one.
    Halvings,
    /// The last one.
    Last,
}

impl FromStr for KeepNetworks {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "all" => Ok(Self::All),
            "halvings" => Ok(Self::Halvings),
            "last" => Ok(Self::Last),
            _ => Err("expected all, halvings or last".into()),
        }
    }
}

/// Which networks a run keeps.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) policy: KeepNetworks,
    /// Clips at which the number of hidden neurons has halved again.
    halvings: Vec<usize>,
}

impl Keeping {
    pub(crate) fn new(policy: KeepNetworks, config: &RunConfig) -> Self {
        Self { policy, halvings: config.halvings() }
    }

    /// Returns the choice of the user; by default, all networks if they are small enough. If not, it returns the
    /// bytes of all networks too.
    pub(crate) fn resolve(
        asked: Option<KeepNetworks>,
        config: &RunConfig,
        rungs: &Rungs,
    ) -> (Self, Option<u64>) {
        let bytes = bytes_of_all(config, rungs);
        let (policy, too_many) = match asked {
            Some(policy) => (policy, None),
            None if bytes < MOST_BYTES => (KeepNetworks::All, None),
            None => (KeepNetworks::Halvings, Some(bytes)),
        };
        (Self::new(policy, config), too_many)
    }

    /// Returns whether the network of a rung is kept even if there is a later one.
    pub(crate) fn always(&self, rung: Rung) -> bool {
        match self.policy {
            KeepNetworks::All => true,
            KeepNetworks::Halvings => rung.is_none_or(|clip| self.halvings.contains(&clip)),
            KeepNetworks::Last => false,
        }
    }
}

/// Returns the bytes of the parameters of all rungs and replicas.
fn bytes_of_all(config: &RunConfig, rungs: &Rungs) -> u64 {
    let bytes = |rung: &rungs::Rung| {
        operations::bytes(rung.parameters).map_or(u64::MAX, |bytes| bytes as u64)
    };
    let sum = |rungs: &mut dyn Iterator<Item = &rungs::Rung>| {
        rungs.map(bytes).fold(0, u64::saturating_add)
    };
    let clipped = sum(&mut std::iter::once(rungs.first()).chain(rungs.after()));
    let of_method = |method: &Method| match scratch_clips(config) {
        Ok(clips) if method.is_from_scratch() => {
            sum(&mut clips.iter().map(|clip| rungs.at(Some(*clip))))
        }
        _ => clipped,
    };
    let methods = config.compression.methods.iter().map(of_method).fold(0, u64::saturating_add);
    methods.saturating_mul(config.replicas as u64)
}

/// The networks to write: those of some replicas after the training at a rung.
pub(crate) struct TrainedNetworks<'a> {
    pub(crate) rung: Rung,
    pub(crate) replicas: &'a [Replica],
    pub(crate) network: &'a Population,
    pub(crate) tested: &'a Tested,
}

/// Writes networks into the folder.
pub(crate) struct NetworkFiles<'a> {
    pub(crate) folder: &'a RunFolder,
    pub(crate) config: &'a RunConfig,
    /// Of any network of the run.
    pub(crate) description: &'a Description,
    pub(crate) keeping: &'a Keeping,
}

impl NetworkFiles<'_> {
    /// Writes the networks to keep, and the predictions of all networks. The files are synced, because no
    /// checkpoint holds them.
    ///
    /// # Errors
    /// The device fails, or the file system refuses.
    pub(crate) fn write(
        &self,
        trained: &TrainedNetworks<'_>,
        ledger: &Ledger,
    ) -> Result<(), TrainerError> {
        let TrainedNetworks { rung, replicas, network, tested } = *trained;
        let graph = network.graph().clone();
        let description = Description { graph, ..self.description.clone() };
        let exported = Exported::all(network)?;
        for (index, (replica, exported)) in replicas.iter().zip(exported).enumerate() {
            if let Some(clip) = rung {
                self.folder.write_predictions(replica, clip, &tested.predictions[index])?;
            }
            let kept = ledger.kept_networks(replica.number, self.keeping);
            if !kept.contains(&rung) {
                continue;
            }
            let Replica { method, seed, .. } = *replica;
            let accuracy = tested.accuracies[index];
            let file = KeptNetwork {
                method,
                seed,
                clip: rung,
                widths: description.graph.widths(),
                test: accuracy.test,
                validation: accuracy.validation,
            };
            let bytes = exported.encode(&file.metadata(self.config, &description))?;
            self.folder.write(&paths::network(method, seed, rung), &bytes)?;
            // The network before this one, if it was kept only as the last one.
            for old in ledger.trained(replica.number).difference(&kept) {
                self.folder.remove(&paths::network(method, seed, *old))?;
            }
        }
        Ok(())
    }

    /// Removes the networks and predictions of rungs that the run has not reached.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn cut(&self, ledger: &Ledger) -> Result<(), TrainerError> {
        let mut networks = BTreeSet::new();
        let mut predictions = BTreeSet::from([paths::LABELS.to_owned()]);
        for Replica { number, method, seed, .. } in self.config.all_replicas() {
            let file = |rung: &Rung| {
                format!("{}/{}", paths::replica_folder(method, seed), paths::rung_file(*rung))
            };
            networks.extend(ledger.kept_networks(number, self.keeping).iter().map(file));
            let trained = ledger.trained(number);
            predictions.extend(trained.iter().filter(|rung| rung.is_some()).map(file));
        }
        self.folder.keep_only(paths::NETWORKS, &networks)?;
        Ok(self.folder.keep_only(paths::PREDICTIONS, &predictions)?)
    }
}

/// A network of a run, with its accuracies.
#[derive(Debug, Clone)]
pub struct KeptNetwork {
    /// The method that ranked its neurons.
    pub method: Method,
    /// Its seed.
    pub seed: u64,
    /// The clip after which it was trained; `None` for the network before the first clip.
    pub clip: Option<usize>,
    /// Neurons of every hidden layer.
    pub widths: Vec<usize>,
    /// Accuracy on the test images.
    pub test: f64,
    /// Accuracy on the held-out images, if there are any.
    pub validation: Option<f64>,
}

impl KeptNetwork {
    /// Returns the metadata of its file. `description` can describe any network of the run.
    pub fn metadata(
        &self,
        config: &RunConfig,
        description: &Description,
    ) -> BTreeMap<String, String> {
        let graph = description.graph.with_widths(&self.widths);
        let accuracy = match config.evaluation.accuracy {
            AccuracyKind::AllImages => "all-images",
            AccuracyKind::MeanOfBatches => "mean-of-batches",
        };
        let batch_softmax = config.training.loss == LossKind::BatchAxis;
        let entries = [
            ("method", self.method.to_string()),
            ("seed", self.seed.to_string()),
            ("cycle", self.clip.map_or("start".to_owned(), |clip| clip.to_string())),
            ("accuracy_test", format!("{:?}", self.test)),
            ("accuracy_of", accuracy.to_owned()),
            ("batch_log_softmax", batch_softmax.to_string()),
            ("batch_size", config.training.batch_size.to_string()),
        ];
        // What a perceptron computes is also known from its tensors.
        let activation = config.network.is_mlp().then_some(("activation", "relu".to_owned()));
        let validation =
            self.validation.map(|accuracy| ("accuracy_validation", format!("{accuracy:?}")));
        let entries = entries.into_iter().chain(activation).chain(validation);
        let about = entries.map(|(key, value)| (key.to_owned(), value)).collect();
        metadata(&graph, Some(&ImageDescription::from(description)), &about)
    }
}

/// Returns the file of the network with the index `index` in the `network.safetensors` of a run folder. Runs from
/// before `networks/` have their networks only there.
///
/// # Errors
/// The two files cannot be read, or hold no such network.
pub fn export_final(
    folder: &Path,
    index: usize,
    network: &KeptNetwork,
    config: &RunConfig,
) -> Result<Vec<u8>, TrainerError> {
    let [weights, json] = [paths::WEIGHTS, paths::DESCRIPTION].map(|name| folder.join(name));
    let (networks, description) = rayclip_model::load(&weights, &json, &Device::flex())?;
    let (widths, replicas) = (networks.graph().widths(), networks.replicas());
    let exported = Exported::all(&networks)?;
    let Some(exported) = exported.get(index).filter(|_| widths == network.widths) else {
        return Err(TrainerError::Encode {
            what: "the network",
            reason: format!(
                "{} holds {replicas} networks with {widths:?} hidden neurons, but none with {:?} at index {index}",
                weights.display(),
                network.widths
            ),
        });
    };
    Ok(exported.encode(&network.metadata(config, &description))?)
}

#[cfg(test)]
mod tests {
    use rayclip_model::Graph;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    fn config(settings: &[&str]) -> RunConfig {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        resolve(&Layers { settings, ..Layers::default() }).unwrap()
    }

    fn rungs(config: &RunConfig, inputs: usize) -> Rungs {
        let graph = Graph::perceptron(inputs, &config.network.hidden, 10, true);
        Rungs::of(config, &graph, 100).unwrap()
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
        let wide = |inputs| Keeping::resolve(None, &config, &rungs(&config, inputs));
        assert_eq!(bytes_of_all(&config, &rungs(&config, 10)), expected);
        let (keeping, bytes) = wide(10);
        assert_eq!((keeping.policy, bytes), (KeepNetworks::All, None));
        let (keeping, bytes) = wide(5_000_000);
        assert_eq!(keeping.policy, KeepNetworks::Halvings);
        assert!(bytes.unwrap() > 1 << 30);
        let asked = Some(KeepNetworks::All);
        let (keeping, bytes) = Keeping::resolve(asked, &config, &rungs(&config, 5_000_000));
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
