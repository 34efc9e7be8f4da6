//! Whether a data set is one for a network.

use rayclip_data::{Dataset, ValueType, plain};
use rayclip_model::Graph;

use crate::images::ImageDescription;

/// What is missing where nobody says how images are normalised, as the predicate of a sentence about a file.
pub const NO_NORMALISATION: &str = "does not say how images are normalised: give the mean and the deviation of its \
    training, such as --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 (of bytes, as fractions of 255)";

/// The most names of classes that a message shows.
const SHOWN: usize = 10;

/// Refuses data of another kind than the network was trained on.
///
/// # Errors
/// The kinds of both.
pub fn check_values(expected: ValueType, dataset: &Dataset) -> Result<(), String> {
    let found = dataset.train.images.value_type();
    if found == expected {
        return Ok(());
    }
    let name = |values| match values {
        ValueType::Bytes => "pixels from 0 to 255",
        ValueType::Floats => "numbers of any size (f32)",
    };
    Err(format!(
        "the network reads {}, but {} has {}: name data of the kind that it was trained on",
        name(expected),
        plain(&dataset.name),
        name(found)
    ))
}

/// Refuses images of which a network without a description reads the numbers in an unknown order: those of several
/// channels in one row.
///
/// # Errors
/// What is not known, and the remedy.
pub fn check_order(
    graph: &Graph,
    images: Option<&ImageDescription>,
    dataset: &Dataset,
) -> Result<(), String> {
    let channels = dataset.channels();
    let is_row = graph.input.positions() == 1 && dataset.has_positions();
    if images.is_some() || !is_row || channels == 1 {
        return Ok(());
    }
    Err(format!(
        "the network reads {}, and its file does not say whether those of an image with {channels} channels come \
         channel by channel or pixel by pixel: say it with --graph, a graph that reads images and begins with flatten",
        graph.input
    ))
}

/// Refuses data with other classes than those of the network, which has no names for them if `names` is empty.
///
/// # Errors
/// The classes of both.
pub fn check_classes(names: &[String], classes: usize, dataset: &Dataset) -> Result<(), String> {
    // The last classes may have damaged images only.
    let theirs = &dataset.class_names[..dataset.classes.min(dataset.class_names.len())];
    let is_other = !names.is_empty() && !theirs.is_empty() && *names != *theirs;
    if dataset.classes == classes && !is_other {
        return Ok(());
    }
    let listed = |names: &[String], count: usize| {
        let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if names.len() > SHOWN { ", …" } else { "" };
        let named = if names.is_empty() { String::new() } else { format!(" ({shown}{more})") };
        plain(&format!("{count} classes{named}"))
    };
    Err(format!(
        "the network has {}, but {} has {}: name data with the same classes, by the same names and in the same order",
        listed(names, classes),
        plain(&dataset.name),
        listed(theirs, dataset.classes)
    ))
}

#[cfg(test)]
mod tests {
    use rayclip_data::Split;
    use rayclip_model::Shape;

    use super::*;

    fn dataset(shape: &[usize], classes: u8) -> Dataset {
        let count = shape.iter().product::<usize>() * usize::from(classes);
        let split = Split { images: vec![7_u8; count].into(), labels: (0..classes).collect() };
        Dataset::new("toy", shape.to_vec(), split.clone(), split).unwrap()
    }

    #[test]
    fn data_of_another_kind_or_with_other_classes_are_refused() {
        let names = |all: &str| all.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut data = dataset(&[2, 2], 3);
        assert_eq!(check_values(ValueType::Bytes, &data), Ok(()));
        let refused = check_values(ValueType::Floats, &data).unwrap_err();
        assert!(refused.contains("numbers of any size (f32), but toy has pixels"), "{refused}");
        assert_eq!(check_classes(&names("a b c"), 3, &data), Ok(()));
        assert!(check_classes(&[], 4, &data).unwrap_err().contains("4 classes, but toy has 3"));
        data.class_names = names("a c b");
        let refused = check_classes(&names("a b c"), 3, &data).unwrap_err();
        assert!(
            refused.contains("3 classes (a, b, c), but toy has 3 classes (a, c, b)"),
            "{refused}"
        );
    }

    #[test]
    fn a_row_of_several_channels_has_an_unknown_order() {
        let row = Graph::perceptron(12, &[4], 3, true);
        let check = |graph: &Graph, shape: &[usize]| check_order(graph, None, &dataset(shape, 3));
        assert!(check(&row, &[2, 2, 3]).unwrap_err().contains("3 channels"));
        assert_eq!(check(&row, &[3, 4]), Ok(()));
        assert_eq!(check(&row, &[12]), Ok(()));
        let image = Graph::new(Shape { height: 2, width: 2, channels: 3 });
        assert_eq!(check(&image, &[2, 2, 3]), Ok(()));
    }
}
