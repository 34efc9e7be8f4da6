//! Reads measurements and rays of `dtc`, from `rays/cycle_NN.safetensors`.

use std::path::Path;

use rayclip_data::arrays::{tensor, tensors};
use rayclip_data::read_whole;
use safetensors::SafeTensors;

use crate::rows::{CycleRow, GroupRays};
use crate::{limits, paths};

/// A group of a replica with rays in a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<'a> {
    /// The replica.
    pub replica: usize,
    /// The group.
    pub group: &'a str,
    /// Neurons before the clip; no vector has more entries.
    pub neurons: usize,
}

impl<'a> Measured<'a> {
    /// Returns the group of a row with rays.
    pub fn of(row: &'a CycleRow) -> Self {
        Self { replica: row.replica, group: &row.group, neurons: row.width_before }
    }
}

/// Reads the measurements and rays of a clip, in the order of `known`. A group with invalid vectors gives the
/// reason instead.
///
/// # Errors
/// The file cannot be read, or is not a safetensors file.
pub fn rays<'a>(
    folder: &Path,
    cycle: usize,
    known: impl IntoIterator<Item = Measured<'a>>,
) -> Result<Vec<Result<GroupRays, String>>, String> {
    let bytes = read_whole(&folder.join(paths::rays(cycle)), limits::RAYS_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let file = tensors(&bytes)?;
    Ok(known.into_iter().map(|measured| group_rays(&file, measured)).collect())
}

fn group_rays(file: &SafeTensors<'_>, measured: Measured<'_>) -> Result<GroupRays, String> {
    let Measured { replica, group, neurons } = measured;
    let vector =
        |name: &str| tensor_vector(file, &paths::ray_tensor(replica, group, name), neurons);
    let [y_previous, y_next, ray_previous, ray_next] = paths::RAY_TENSORS;
    let x = [vector(ray_previous)?, vector(ray_next)?];
    if x[0].len() != x[1].len() {
        return Err(format!("rays of {} and {} entries", x[0].len(), x[1].len()));
    }
    let y = [vector(y_previous)?, vector(y_next)?];
    Ok(GroupRays { replica, group: group.to_owned(), y, x })
}

/// Returns a tensor of at most `most` numbers in f64 that are all within the [`limits`].
///
/// # Errors
/// The tensor is missing or invalid.
pub fn tensor_vector(file: &SafeTensors<'_>, name: &str, most: usize) -> Result<Vec<f64>, String> {
    let array = tensor(file, name)?;
    if !array.double || array.shape.len() != 1 || array.values.len() > most {
        let dtype = if array.double { "F64" } else { "F32" };
        let shape = array.shape;
        return Err(format!(
            "{name} is {dtype} {shape:?}; expected F64 with one axis of at most {most}"
        ));
    }
    match array.values.iter().position(|value| !limits::is_amount(*value)) {
        Some(index) => Err(format!("{name} has {:e} at index {index}", array.values[index])),
        None => Ok(array.values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::RunFolder;

    #[test]
    fn what_was_written_is_read_and_a_missing_group_is_reported() {
        let parent = tempfile::tempdir().unwrap();
        let group_rays = GroupRays {
            replica: 3,
            group: "layer_1".into(),
            y: [vec![1.0], vec![2.0]],
            x: [vec![3.0, 0.1 + 0.2], vec![4.0, 5.0]],
        };
        RunFolder::from(parent.path()).write_rays(7, &[&group_rays]).unwrap();
        let read = |replica, neurons| {
            rays(parent.path(), 7, [Measured { replica, group: "layer_1", neurons }])
                .unwrap()
                .remove(0)
        };
        assert_eq!(read(3, 2), Ok(group_rays));
        assert!(read(3, 1).unwrap_err().contains("at most 1"));
        assert!(read(4, 2).unwrap_err().contains("replica_4.layer_1.ray_previous"));
        assert!(rays(parent.path(), 8, []).unwrap_err().contains("cannot be read"));
    }
}
