//! The images that a network reads: their shape, their classes, and how their numbers are normalised.

use std::collections::BTreeMap;

use rayclip_data::{PerChannel, ValueType, plain};
use rayclip_model::{Description, Graph};

/// The key of the extents of an image; without it, a file says nothing about images.
const SHAPE: &str = "image_shape";
const CLASSES: &str = "classes";
const MEAN: &str = "mean";
const DEVIATION: &str = "deviation";
const NORMALISATION: &str = "normalisation";

/// What the network sees of bytes, and of floats.
const OF_BYTES: &str = "(pixel / 255 - mean) / deviation";
const OF_FLOATS: &str = "(value - mean) / deviation";

/// The images that a network expects.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageDescription {
    /// Extents of one image: `[height, width]`, `[height, width, channels]`, or the `[columns]` of a table.
    pub shape: Vec<usize>,
    /// Names of the classes; none if they are numbers.
    pub class_names: Vec<String>,
    /// The network sees `(pixel / 255 − mean) / deviation` of bytes, and `(value − mean) / deviation` of floats.
    pub mean: PerChannel,
    /// See `mean`.
    pub deviation: PerChannel,
    /// The type of the pixels.
    pub values: ValueType,
}

impl From<&Description> for ImageDescription {
    fn from(description: &Description) -> Self {
        let Description { image_shape, class_names, mean, deviation, values, .. } = description;
        Self {
            shape: image_shape.clone(),
            class_names: class_names.clone(),
            mean: mean.clone(),
            deviation: deviation.clone(),
            values: *values,
        }
    }
}

impl ImageDescription {
    /// Returns the channels of an image: the numbers that `mean` and `deviation` may have.
    pub fn channels(&self) -> usize {
        match self.shape[..] {
            [_, _] => 1,
            [_, _, channels] => channels,
            _ => self.shape.iter().product(),
        }
    }

    /// Returns the entries of metadata that describe the images, for a network with this many classes.
    pub fn entries(&self, classes: usize) -> [(String, String); 5] {
        let normalisation = match self.values {
            ValueType::Bytes => OF_BYTES,
            ValueType::Floats => OF_FLOATS,
        };
        // A class without a name is a number.
        let name = |class: usize| {
            let name = self.class_names.get(class).cloned().unwrap_or(class.to_string());
            serde_json::Value::from(name).to_string()
        };
        let classes = (0..classes).map(name).collect::<Vec<_>>().join(", ");
        let entry = |key: &str, value: String| (key.to_owned(), value);
        [
            entry(NORMALISATION, normalisation.to_owned()),
            entry(MEAN, self.mean.to_string()),
            entry(DEVIATION, self.deviation.to_string()),
            entry(CLASSES, format!("[{classes}]")),
            entry(SHAPE, format!("{:?}", self.shape)),
        ]
    }

    /// Takes the entries that describe images out of the metadata of a file. Returns `None` if it says nothing about
    /// them.
    ///
    /// # Errors
    /// An entry is missing or wrong, or the images do not fit the graph.
    pub(crate) fn take(
        metadata: &mut BTreeMap<String, String>,
        graph: &Graph,
    ) -> Result<Option<Self>, String> {
        let Some(shape) = metadata.remove(SHAPE) else { return Ok(None) };
        let wrong = |key: &str, found: &str, expected: &str| {
            format!("its metadata has {key} = {}, expected {expected}", plain(found))
        };
        let list = "a list of extents such as [28, 28]";
        let found = serde_json::from_str(&shape).map_err(|_| wrong(SHAPE, &shape, list))?;
        let mut numbers = |key: &str| -> Result<PerChannel, String> {
            let text = metadata.remove(key).unwrap_or_default();
            text.parse().map_err(|()| wrong(key, &text, "a number or a list"))
        };
        let (mean, deviation) = (numbers(MEAN)?, numbers(DEVIATION)?);
        let values = match metadata.remove(NORMALISATION).as_deref() {
            None | Some(OF_BYTES) => ValueType::Bytes,
            Some(OF_FLOATS) => ValueType::Floats,
            Some(other) => return Err(wrong(NORMALISATION, other, OF_BYTES)),
        };
        let class_names = metadata.remove(CLASSES).unwrap_or_default();
        // Names with rare characters were once written in another way. They are shown as numbers.
        let mut class_names: Vec<String> = serde_json::from_str(&class_names).unwrap_or_default();
        if class_names.iter().enumerate().all(|(class, name)| *name == class.to_string()) {
            class_names.clear();
        }
        let images = Self { shape: found, class_names, mean, deviation, values };
        images.check(graph)?;
        Ok(Some(images))
    }

    /// Refuses images that the network of a graph cannot read.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self, graph: &Graph) -> Result<(), String> {
        let (shape, input) = (&self.shape, graph.input);
        let numbers = shape.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent));
        if numbers != Some(input.numbers()) {
            return Err(format!("images of shape {shape:?} do not match the input, {input}"));
        }
        let channels = self.channels();
        if !(self.mean.fits(channels) && self.deviation.fits(channels)) {
            return Err(format!(
                "mean {} and deviation {} need one number, or one for each of {channels} channels",
                self.mean, self.deviation
            ));
        }
        let is_possible = |deviation: &f64| deviation.is_finite() && *deviation > 0.0;
        if !self.deviation.numbers().iter().all(is_possible) {
            return Err(format!("the deviation is {}, expected positive numbers", self.deviation));
        }
        if !self.mean.numbers().iter().all(|mean| mean.is_finite()) {
            return Err(format!("the mean is {}, expected finite numbers", self.mean));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> ImageDescription {
        ImageDescription {
            shape: vec![2, 2],
            class_names: vec!["a \"quoted\"".into(), "caf\u{e9}".into()],
            mean: 0.5.into(),
            deviation: 0.25.into(),
            values: ValueType::Floats,
        }
    }

    #[test]
    fn images_are_read_from_the_metadata_as_they_are_written() {
        let graph = Graph::perceptron(4, &[], 2, true);
        let numbered = ImageDescription { class_names: vec![], ..images() };
        for images in [images(), numbered] {
            let mut metadata = BTreeMap::from(images.entries(2));
            metadata.insert("method".into(), "dtc".into());
            assert_eq!(ImageDescription::take(&mut metadata, &graph), Ok(Some(images)));
            assert_eq!(metadata.into_keys().collect::<Vec<_>>(), ["method"]);
        }
        assert_eq!(ImageDescription::take(&mut BTreeMap::new(), &graph), Ok(None));
    }

    #[test]
    fn what_no_images_have_is_refused_with_what_was_found() {
        let graph = Graph::perceptron(4, &[], 2, true);
        let cases = [
            (SHAPE, "[2, 3]", "images of shape [2, 3] do not match the input, 4 channels"),
            (SHAPE, "many", "image_shape = many"),
            (MEAN, "[0.5, 0.5]", "one for each of 1 channels"),
            (MEAN, "1e999", "mean = 1e999"),
            (DEVIATION, "0", "the deviation is 0.0, expected positive"),
            (NORMALISATION, "x / 2", "normalisation = x / 2"),
        ];
        for (key, value, expected) in cases {
            let mut metadata = BTreeMap::from(images().entries(2));
            metadata.insert(key.into(), value.into());
            let refused = ImageDescription::take(&mut metadata, &graph).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
