//! The input of every chunk of a run: the configuration, the images, and the networks of the ladder.

use std::path::Path;

use burn::tensor::Device;
use rayclip_data::{Dataset, Split, Statistics};
use rayclip_model::{Description, Population};
use rayclip_run_folder::{DataSummary, RunConfig};

use super::network;
use super::original::Original;
use super::rungs::Rungs;
use crate::data::{DeviceImages, PixelScale, Splits};
use crate::error::TrainerError;

/// The input of every chunk of a run.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) splits: &'a Splits,
    pub(crate) rungs: &'a Rungs,
    /// The network that the run makes smaller, if it has weights before the run.
    pub(crate) original: Option<&'a Population>,
    pub(crate) device: &'a Device,
}

/// The images of a run on the device, and the network that fits them.
pub(crate) struct Uploaded {
    pub(crate) splits: Splits,
    /// Labels of the test images.
    pub(crate) labels: Vec<u8>,
    /// Describes one network before the first clip.
    pub(crate) description: Description,
    pub(crate) rungs: Rungs,
    /// The network that the run makes smaller, if it has weights before the run, and the bytes of its file.
    pub(crate) original: Option<(Population, Vec<u8>)>,
    pub(crate) data: DataSummary,
}

impl Uploaded {
    /// Holds images out, uploads the splits, and describes the network. The run folder, if there is one, may
    /// have a copy of its graph.
    /// On a GPU, a split with more bytes than `memory` stays in the host's memory.
    ///
    /// # Errors
    /// The images cannot be split as configured, or the network is too large.
    pub(crate) fn new(
        config: &RunConfig,
        mut dataset: Dataset,
        device: &Device,
        folder: Option<&Path>,
        memory: usize,
    ) -> Result<Self, TrainerError> {
        let digest = dataset.digest()?;
        let fraction = config.data.validation;
        let validation = (fraction > 0.0).then(|| dataset.hold_out(fraction)).transpose()?;
        let data = DataSummary {
            name: dataset.name.clone(),
            digest,
            train: Some(dataset.train.len()),
            validation: validation.as_ref().map_or(0, Split::len),
            test: dataset.test.len(),
            image_shape: Some(dataset.image_shape.clone()),
            classes: Some(dataset.classes),
            folder: dataset.folder.as_deref().and_then(Path::to_str).map(str::to_owned),
        };
        let statistics = config.data.statistics(&dataset)?;
        let original = Original::of(&config.network, &dataset, folder)?;
        let graph = network::graph(&config.network, &dataset, folder, original.as_ref())?;
        let original = original.map(|original| original.on(device)).transpose()?;
        let rungs = Rungs::of(config, &graph, dataset.train.len())?;
        let scale = PixelScale::new(statistics.clone());
        let values = dataset.train.images.value_type();
        let labels = dataset.test.labels.clone();
        let image = network::input_shape(&dataset);
        let upload = |split| {
            DeviceImages::upload_within(split, graph.input, &scale, device, memory).of_images(image)
        };
        let splits = Splits {
            train: upload(dataset.train),
            validation: validation.map(upload),
            test: upload(dataset.test),
        };
        let image_shape = dataset.image_shape;
        let class_names = dataset.class_names;
        let Statistics { mean, deviation } = statistics;
        let description =
            Description { replicas: 1, graph, image_shape, class_names, mean, deviation, values };
        Ok(Self { splits, labels, description, rungs, original, data })
    }
}
