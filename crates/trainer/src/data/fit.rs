//! What the keys of a configuration ask of the images.

use rayclip_data::Dataset;
use rayclip_run_folder::config::Normalization;
use rayclip_run_folder::{RunConfig, RunFolderError};

use crate::error::TrainerError;

/// Records how the images are normalised, and refuses keys that they cannot have.
///
/// # Errors
/// A fixed mean or deviation has another number of channels; or vectors are to be shifted or mirrored.
pub(crate) fn fit(config: &mut RunConfig, dataset: &Dataset) -> Result<(), TrainerError> {
    let refuse = |key: &str, reason: String| {
        Err(TrainerError::Folder(RunFolderError::Value { key: key.to_owned(), reason }))
    };
    config.data.normalization = config.data.normalization.resolved(dataset);
    let (channels, data) = (dataset.channels(), &config.data);
    if data.normalization == Normalization::Fixed {
        for (key, numbers) in [("data.mean", &data.mean), ("data.deviation", &data.deviation)] {
            if !numbers.fits(channels) {
                let found = numbers.numbers().len();
                return refuse(
                    key,
                    format!("expected one number or {channels}, one per channel, found {found}"),
                );
            }
        }
    }
    if !dataset.has_positions() {
        let training = &config.training;
        for (key, is_set) in
            [("training.shift", training.shift > 0), ("training.flip", training.flip)]
        {
            if is_set {
                let reason = format!(
                    "it needs images with rows and columns, and the data have vectors of {channels} numbers; leave it \
                     at its default"
                );
                return refuse(key, reason);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rayclip_data::Split;
    use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

    use super::*;

    fn fitted(settings: &[&str], shape: &[usize], floats: bool) -> Result<RunConfig, String> {
        let settings = settings.iter().map(|text| Setting::parse(text).unwrap()).collect();
        let mut config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
        let count = 2 * shape.iter().product::<usize>();
        let images = if floats { vec![0.5_f32; count].into() } else { vec![5_u8; count].into() };
        let split = Split { images, labels: vec![0, 1] };
        let dataset = Dataset::new("d", shape.to_vec(), split.clone(), split).unwrap();
        fit(&mut config, &dataset).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn only_the_columns_of_a_table_are_normalised_one_by_one_by_default() {
        let normalization = |settings: &[&str], shape: &[usize], floats| {
            fitted(settings, shape, floats).unwrap().data.normalization
        };
        assert_eq!(normalization(&[], &[3], true), Normalization::Channels);
        assert_eq!(normalization(&[], &[3], false), Normalization::TrainingPixels);
        assert_eq!(normalization(&[], &[2, 3, 3], true), Normalization::TrainingPixels);
        let own = ["data.normalization=training-pixels"];
        assert_eq!(normalization(&own, &[3], true), Normalization::TrainingPixels);
    }

    #[test]
    fn keys_that_the_images_cannot_have_are_refused() {
        let means = ["data.normalization=fixed", "data.mean=[0.1, 0.2, 0.3]"];
        assert!(fitted(&means, &[2, 2, 3], false).is_ok());
        let refused = fitted(&means, &[2, 2], false).unwrap_err();
        assert!(refused.contains("data.mean") && refused.contains("found 3"), "{refused}");
        for setting in ["training.shift=2", "training.flip=true"] {
            assert!(fitted(&[setting], &[2, 2], true).is_ok());
            let refused = fitted(&[setting], &[4], true).unwrap_err();
            assert!(refused.contains("vectors of 4 numbers"), "{refused}");
        }
    }
}
