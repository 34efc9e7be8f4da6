//! Reads the images of a .npy file by its name, for a network that expects images of a shape.

use std::io::BufReader;
use std::path::Path;

use super::layout::{self, Images};
use crate::error::DataError;
use crate::npy::TypedArray;
use crate::values::Values;
use crate::whole;

/// Returns whether a path has the name of a .npy file.
pub fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// Reads images of a shape (or rows, if it has one extent) from a .npy file: one of them, or several with their number
/// as the first extent. The channels may come first.
///
/// # Errors
/// The file cannot be read or is damaged, or has images of another shape, or none.
pub fn read_named(path: &Path, shape: &[usize]) -> Result<Values, DataError> {
    let file = whole::open(path).map_err(|error| DataError::io("open", path, error))?;
    let length = file.metadata().map_err(|error| DataError::io("read", path, error))?.len();
    let array = TypedArray::read(&mut BufReader::new(file), length);
    array
        .and_then(|array| images_of(array, shape))
        .map_err(|reason| DataError::format(path, reason))
}

fn images_of(mut array: TypedArray, shape: &[usize]) -> Result<Values, String> {
    let found = array.shape.clone();
    let channels_first = match *shape {
        [height, width, channels] => vec![channels, height, width],
        _ => shape.to_vec(),
    };
    if found == shape || found == channels_first {
        array.shape.insert(0, 1);
    }
    match layout::images(array)? {
        Images { shape: own, values, .. } if own == shape => Ok(values),
        _ => Err(format!(
            "it has shape {found:?}; the network reads images of {shape:?}: one of them, or [n, …]"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::Numbers;

    fn read(found: &[usize], shape: &[usize]) -> Result<Values, String> {
        let count = found.iter().product::<usize>() as u8;
        let numbers = Numbers::Bytes((0..count).collect());
        images_of(TypedArray { shape: found.to_vec(), numbers }, shape)
    }

    #[test]
    fn one_image_or_several_are_read() {
        let bytes: Vec<u8> = (0..8).collect();
        for (found, shape) in [
            (&[2, 4][..], &[2, 4][..]),
            (&[2, 2, 2], &[2, 2]),
            (&[2, 4], &[4]),
            (&[8], &[8]),
            (&[1, 8, 1, 1], &[8, 1]),
        ] {
            assert_eq!(read(found, shape).unwrap().bytes().unwrap(), bytes, "{found:?}");
        }
        let first = read(&[3, 2, 2], &[2, 2, 3]).unwrap();
        assert_eq!(first.bytes().unwrap(), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert_eq!(read(&[1, 3, 2, 2], &[2, 2, 3]).unwrap().len(), 12);
    }

    #[test]
    fn another_shape_is_named_beside_the_right_one() {
        for (found, shape) in
            [(&[2, 4][..], &[2, 3][..]), (&[4, 2], &[2, 4]), (&[2, 2, 3], &[2, 2])]
        {
            let refused = read(found, shape).unwrap_err();
            assert!(refused.contains(&format!("{found:?}")), "{refused}");
            assert!(refused.contains(&format!("{shape:?}")), "{refused}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, "no array").unwrap();
        assert!(is_npy(&path));
        assert!(read_named(&path, &[2]).unwrap_err().to_string().contains("a.npy"));
    }
}
