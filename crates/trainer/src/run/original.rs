//! The original network of a run: the one in a file of the user, which the run makes smaller with its weights.

use std::path::Path;

use burn::tensor::Device;
use rayclip_data::{Dataset, ValueType, arrays, plain, read_whole, sha256};
use rayclip_formats::{ImageDescription, LoadOptions, Loaded, load};
use rayclip_model::{Graph, Population};
use rayclip_run_folder::config::{DataConfig, NetworkConfig, Normalization};
use rayclip_run_folder::paths;

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

    /// Records how the images are normalised: as in the training of the network, unless the user says otherwise.
    ///
    /// # Errors
    /// Nobody says it; or the images or the classes are not those of the network.
    pub(crate) fn fit(&self, data: &mut DataConfig, dataset: &Dataset) -> Result<(), TrainerError> {
        let name = self.loaded.source.path.display().to_string();
        let fault = |reason| Err(TrainerError::Network { name: name.clone(), reason });
        let images = self.loaded.images.as_ref();
        if let Some(images) = images
            && let Some(reason) = unfit(images, dataset)
        {
            return fault(reason);
        }
        match images {
            _ if data.normalization != Normalization::Auto => {}
            Some(ImageDescription { mean, deviation, .. }) => {
                data.normalization = Normalization::Fixed;
                data.mean.clone_from(mean);
                data.deviation.clone_from(deviation);
            }
            None => {
                return fault(
                    "does not say how images are normalised: give the mean and the deviation of its training, such as \
                     --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 (of pixels from 0 to 1)"
                        .into(),
                );
            }
        }
        Ok(())
    }
}

/// Says why a data set does not have the images or the classes that a network was trained on.
fn unfit(images: &ImageDescription, dataset: &Dataset) -> Option<String> {
    let found = dataset.train.images.value_type();
    if images.values != found {
        let name = |values| match values {
            ValueType::Bytes => "bytes",
            ValueType::Floats => "floats",
        };
        return Some(format!("reads {}, but the images have {}", name(images.values), name(found)));
    }
    let (own, theirs) = (&images.class_names, &dataset.class_names);
    if own.is_empty() || theirs.is_empty() || own == theirs {
        return None;
    }
    let class =
        (0..own.len().max(theirs.len())).find(|class| own.get(*class) != theirs.get(*class))?;
    let shown = |names: &[String]| names.get(class).map_or("none".into(), |name| plain(name));
    Some(format!(
        "has other classes than the data: class {class} is {} there and {} here; the data need the classes of its \
         training, in their order",
        shown(own),
        shown(theirs)
    ))
}

/// Returns how the file of a network is read for some images.
pub(crate) fn load_options(network: &NetworkConfig, dataset: &Dataset) -> LoadOptions {
    let graph = (!network.graph.is_empty()).then(|| network.graph.clone().into());
    LoadOptions { graph, input: Some(input_shape(dataset)), ..LoadOptions::default() }
}
