//! The original network of a run: the one in a file of the user, which the run makes smaller with its weights.

use std::path::Path;

use burn::tensor::Device;
use rayclip_data::{Dataset, arrays, read_whole, sha256};
use rayclip_formats::{
    ImageDescription, LoadOptions, Loaded, NO_NORMALISATION, check_classes, check_order,
    check_values, load,
};
use rayclip_model::{Graph, KnownNetwork, Population};
use rayclip_run_folder::config::{LossKind, NetworkConfig, Normalization};
use rayclip_run_folder::{RunConfig, paths};

use super::network::input_shape;
use crate::error::TrainerError;

/// The original network, with its weights.
pub(crate) struct Original {
    loaded: Loaded,
    /// The same as a file of rayclip.
    bytes: Vec<u8>,
}

impl Original {
    /// Reads the network with whose weights a run starts; `None` if the run starts with fresh ones. The folder of the
    /// run may have a copy, because the file of the user may have changed since the run began.
    ///
    /// # Errors
    /// The file cannot be read, its network is not one that can be trained here, or its weights have changed.
    pub(crate) fn of(
        network: &NetworkConfig,
        dataset: &Dataset,
        folder: Option<&Path>,
    ) -> Result<Option<Self>, TrainerError> {
        if !network.pretrained {
            return Ok(None);
        }
        let copy = folder.map(|folder| folder.join(paths::ORIGINAL));
        let copy = copy.filter(|copy| copy.is_file() && !network.weights.is_empty());
        let original = match &copy {
            Some(copy) => Self::copied(copy)?,
            None => Self::read(network, dataset)?,
        };
        if network.weights.is_empty() || original.digest() == network.weights {
            return Ok(Some(original));
        }
        let file = copy.unwrap_or_else(|| network.name.clone().into());
        let reason = "has other weights than when the run began; restore it from a copy".into();
        Err(TrainerError::Network { name: file.display().to_string(), reason })
    }

    fn read(network: &NetworkConfig, dataset: &Dataset) -> Result<Self, TrainerError> {
        let is_known = network.name.parse::<KnownNetwork>().is_ok();
        if is_known && !Path::new(&network.name).exists() {
            let reason = "has no weights: name a file with a network and its weights".into();
            return Err(TrainerError::Network { name: network.name.clone(), reason });
        }
        let loaded = load(network.name.as_ref(), &load_options(network, dataset))?;
        let bytes = loaded.tensors.encode(&loaded.metadata())?;
        Ok(Self { loaded, bytes })
    }

    fn copied(copy: &Path) -> Result<Self, TrainerError> {
        let bytes = read_whole(copy, arrays::MOST_BYTES).map_err(|error| {
            let reason = format!("cannot be read: {error}");
            TrainerError::Network { name: copy.display().to_string(), reason }
        })?;
        Ok(Self { loaded: load(copy, &LoadOptions::default())?, bytes })
    }

    /// Returns the SHA-256 of its file.
    pub(crate) fn digest(&self) -> String {
        sha256([self.bytes.as_slice()])
    }

    /// Returns what it computes.
    pub(crate) fn graph(&self) -> &Graph {
        &self.loaded.graph
    }

    /// Returns what its file does not say and was inferred, as sentences.
    pub(crate) fn notes(&self) -> &[String] {
        &self.loaded.notes
    }

    /// Returns the network on a device, and the bytes of its file.
    ///
    /// # Errors
    /// A tensor does not fit the graph.
    pub(crate) fn on(self, device: &Device) -> Result<(Population, Vec<u8>), TrainerError> {
        Ok((self.loaded.population(device)?, self.bytes))
    }

    /// Checks that the images and the loss are those of the network, and records how the images are normalised: as in the
    /// training of the network, unless the user says otherwise.
    ///
    /// # Errors
    /// The images, the classes or the loss are not those of the network; or it is not known how images are normalised.
    pub(crate) fn fit(
        &self,
        config: &mut RunConfig,
        dataset: &Dataset,
    ) -> Result<(), TrainerError> {
        let Loaded { graph, images, about, source, .. } = &self.loaded;
        let name = source.path.display().to_string();
        let fault = |reason| TrainerError::Network { name: name.clone(), reason };
        let refused = |reason: String| TrainerError::Unsuited { name: name.clone(), reason };
        check_order(graph, images.as_ref(), dataset).map_err(refused)?;
        let names = images.as_ref().map_or(&[][..], |images| &images.class_names);
        check_classes(names, graph.outputs(), dataset).map_err(refused)?;
        if let Some(images) = images {
            check_values(images.values, dataset).map_err(refused)?;
        }
        let is_over_batch = config.training.loss == LossKind::BatchAxis;
        if about.get("batch_log_softmax").is_some_and(|is| *is != is_over_batch.to_string()) {
            let own = if is_over_batch { "cross-entropy" } else { "batch-axis" };
            return Err(fault(format!("was trained with training.loss = \"{own}\": set the same")));
        }
        let data = &mut config.data;
        match images {
            _ if data.normalization != Normalization::Auto => {}
            Some(ImageDescription { mean, deviation, .. }) => {
                data.normalization = Normalization::Fixed;
                data.mean.clone_from(mean);
                data.deviation.clone_from(deviation);
            }
            None => return Err(fault(NO_NORMALISATION.into())),
        }
        Ok(())
    }
}

/// Returns how the file of a network is read for some images.
pub(crate) fn load_options(network: &NetworkConfig, dataset: &Dataset) -> LoadOptions {
    let graph = (!network.graph.is_empty()).then(|| network.graph.clone().into());
    LoadOptions { graph, input: Some(input_shape(dataset)), ..LoadOptions::default() }
}
