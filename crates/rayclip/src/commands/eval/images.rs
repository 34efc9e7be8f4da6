//! The images that a network is evaluated on, and whether they are images for it.

use anyhow::{Context, bail, ensure};
use rayclip_data::{Dataset, LoadOptions, Source, Split, images};
use rayclip_formats::{Loaded, check_classes, check_order, check_values};
use rayclip_run_folder::config::DataConfig;
use rayclip_run_folder::presets::{self, Layers, Setting};
use rayclip_run_folder::{RunConfig, paths};
use rayclip_trainer::RunOptions;
use toml::Value;

use crate::args::{EvalArgs, EvalDataArgs, SplitChoice};
use crate::commands::configure::flag;
use crate::commands::folders::check_data;
use crate::commands::reads::{Reads, extents};
use crate::commands::resume;
use crate::output;
use crate::progress::Progress;

/// The images of a split.
pub(super) struct Images {
    /// Name of the data.
    pub(super) name: String,
    pub(super) split: Split,
    /// Names of all classes: of the network, otherwise of the data, otherwise numbers.
    pub(super) class_names: Vec<String>,
}

/// Where images come from, and how they are read.
pub(super) struct Origin {
    source: Source,
    pub(super) config: RunConfig,
}

impl Origin {
    /// Returns the images that the arguments name, or those of the run.
    ///
    /// # Errors
    /// No images are named and the network is not that of a run folder; or an argument or the configuration of the run
    /// cannot be used.
    pub(super) fn of(args: &EvalArgs) -> anyhow::Result<Self> {
        let run = &args.network.network;
        let file = Some(run.join(paths::CONFIG)).filter(|file| run.is_dir() && file.is_file());
        let layers = Layers {
            file: file.as_deref(),
            is_recorded: file.is_some(),
            settings: settings(&args.data),
            ..Layers::default()
        };
        let config = presets::resolve(&layers)?;
        let source = match (&args.data.data, file) {
            (Some(name), _) => {
                check_data(name)?;
                Source::from_name(name)
            }
            (None, Some(_)) => resume::images(run, &config)?,
            (None, None) => bail!(
                "name the images with --data: digits, mnist, a folder, or a .npz or .csv file; only the folder of a \
                 run has images of its own"
            ),
        };
        Ok(Self { source, config })
    }

    /// Loads the images of the split that the arguments name, and checks that they are images for the network.
    ///
    /// # Errors
    /// The images cannot be read or split, or the network reads other images or has other classes.
    pub(super) fn load(
        &self,
        args: &EvalDataArgs,
        options: &RunOptions,
        (loaded, reads): (&Loaded, &Reads),
        progress: &Progress,
    ) -> anyhow::Result<Images> {
        let data: &DataConfig = &self.config.data;
        let is_validation = args.split == SplitChoice::Validation;
        ensure!(
            !is_validation || data.validation > 0.0,
            "--split validation: no images were held out; give the fraction that the training held out with \
             --validation, such as --validation 0.1"
        );
        let options = LoadOptions { memory: options.host_image_memory(), ..data.load_options() };
        let loading = progress.while_loading(|report| self.source.load(&options, report));
        let mut dataset = match &options.resize {
            // Images of several sizes are refused, whatever the network reads.
            None if self.has_image_files() => loading.with_context(|| reads.size()),
            _ => loading.map_err(Into::into),
        }?;
        check(&dataset, reads, self.has_image_files())?;
        check_order(&loaded.graph, loaded.images.as_ref(), &dataset).map_err(anyhow::Error::msg)?;
        note_bad_images(&dataset);
        let held_out = (data.validation > 0.0).then(|| dataset.hold_out(data.validation));
        let split = match (args.split, held_out.transpose()?) {
            (SplitChoice::Validation, Some(held_out)) => held_out,
            (SplitChoice::Train, _) => dataset.train,
            _ => dataset.test,
        };
        let is_named = dataset.class_names.len() == reads.class_names.len();
        let class_names = if is_named && !reads.has_names {
            dataset.class_names
        } else {
            reads.class_names.clone()
        };
        Ok(Images { name: dataset.name, split, class_names })
    }

    /// Whether the images are files, which can be scaled to a size.
    fn has_image_files(&self) -> bool {
        matches!(&self.source, Source::Path(path) if images::is_image_folder(path))
    }
}

/// Returns the keys that the arguments set.
fn settings(args: &EvalDataArgs) -> Vec<Setting> {
    let text = |name: &str, key: &str, value: &Option<String>| {
        value.clone().map(|value| flag(name, key, value))
    };
    let mut settings = vec![];
    settings.extend(text("label-column", "data.label_column", &args.label_column));
    settings.extend(text("on-bad-image", "data.on_bad_image", &args.on_bad_image));
    settings.extend(args.resize.map(|size| {
        let sides = [size.height, size.width].map(|side| Value::Integer(side as i64));
        flag("resize", "data.resize", sides.to_vec())
    }));
    settings
        .extend(args.validation.map(|fraction| flag("validation", "data.validation", fraction)));
    settings.extend(args.test.map(|fraction| flag("test", "data.test", fraction)));
    settings
}

/// Refuses data that are not for the network.
///
/// # Errors
/// What differs, of both.
fn check(dataset: &Dataset, reads: &Reads, can_resize: bool) -> anyhow::Result<()> {
    let name = output::text(&dataset.name);
    if let Some(values) = reads.values {
        check_values(values, dataset).map_err(anyhow::Error::msg)?;
    }
    let trimmed = |shape: &[usize]| match *shape {
        [height, width, 1] => vec![height, width],
        _ => shape.to_vec(),
    };
    let (own, theirs) = (trimmed(&reads.shape), trimmed(&dataset.image_shape));
    // Without a description, a network that reads a vector reads the numbers of any image.
    let is_vector = reads.values.is_none() && own.len() == 1 && own[0] == dataset.pixels();
    if own != theirs && !is_vector {
        let remedy = match own[..] {
            [height, width, ..] if can_resize && theirs[..2] != own[..2] => {
                format!("bring them to its size with --resize {height}x{width}")
            }
            _ if can_resize => "convert them to its number of channels (1: grey, 3: colour)".into(),
            _ => "name data of the shape that it was trained on".into(),
        };
        bail!(
            "the network reads images of {}, but those of {name} are {}: {remedy}",
            reads.images(),
            extents(&dataset.image_shape)
        );
    }
    let names: &[String] = if reads.has_names { &reads.class_names } else { &[] };
    check_classes(names, reads.class_names.len(), dataset).map_err(anyhow::Error::msg)
}

/// Tells which images were left out.
fn note_bad_images(dataset: &Dataset) {
    if let [first, ..] = &dataset.bad_images[..] {
        output::note(&format!(
            "left out: {} damaged images; the first: {}: {}",
            dataset.bad_images.len(),
            output::path(&first.path),
            output::text(&first.reason)
        ));
    }
}
