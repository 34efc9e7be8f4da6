//! The arrays of a problem: from files, and back into one.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cs_solver::{Lambda, Matrix, Problem};
pub(crate) use rayclip_data::arrays::{Array, read_tensors};
use rayclip_data::npy;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A and y from one safetensors file with tensors of these names, or from two .npy files.
///
/// # Errors
/// A file cannot be read, lacks a tensor, or holds numbers of another type.
pub(crate) fn read_problem(files: &[PathBuf]) -> anyhow::Result<(Array, Array)> {
    match files {
        [file] => {
            let [a, y] = read_tensors(file, ["a", "y"])?;
            Ok((a, y))
        }
        [a, y] => Ok((npy::read(a)?, npy::read(y)?)),
        _ => bail!("expected one safetensors file or two .npy files"),
    }
}

/// The problem of arrays `a` `[n, m]` and `y` `[n]` or `[columns, n]`.
///
/// # Errors
/// The shapes disagree, an entry is not finite, or λ is not positive.
pub(crate) fn problem(a: Array, y: &Array, lambda: Lambda) -> anyhow::Result<Problem> {
    let &[n, m] = a.shape.as_slice() else {
        bail!("a has shape {:?}; expected [n, m]", a.shape);
    };
    let (&[rows_of_y] | &[_, rows_of_y]) = y.shape.as_slice() else {
        bail!("y has shape {:?}; expected [n] or [columns, n]", y.shape);
    };
    if rows_of_y != n {
        bail!("y has shape {:?}, a has shape {:?}: y needs {n} numbers a column", y.shape, a.shape);
    }
    Ok(Problem::new(Matrix::from_rows(n, m, a.values)?, &y.values, lambda)?)
}

/// Writes named arrays as safetensors, beside `path` first, so that no half file is left.
///
/// # Errors
/// The file exists already, or cannot be written.
pub(crate) fn write(path: &Path, arrays: &[(&str, &Array)]) -> anyhow::Result<()> {
    let bytes: Vec<Vec<u8>> = arrays.iter().map(|(_, array)| to_bytes(array)).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let dtype = if array.double { Dtype::F64 } else { Dtype::F32 };
        TensorView::new(dtype, array.shape.clone(), bytes).map(|view| (*name, view))
    });
    let bytes = safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, None)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let writing = || format!("writing {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(writing)?;
    file.write_all(&bytes).with_context(writing)?;
    file.as_file().sync_all().with_context(writing)?;
    file.persist_noclobber(path).with_context(writing)?;
    Ok(())
}

fn to_bytes(array: &Array) -> Vec<u8> {
    if array.double {
        array.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    } else {
        array.values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.safetensors");
        let a = Array { shape: vec![2, 1], values: vec![0.1, -3.0], double: true };
        let y = Array { shape: vec![2], values: vec![0.5, 4.0], double: false };
        write(&path, &[("a", &a), ("y", &y)]).unwrap();
        assert_eq!(read_problem(std::slice::from_ref(&path)).unwrap(), (a.clone(), y.clone()));
        assert!(write(&path, &[("a", &a)]).is_err());
        assert!(read_problem(&[path]).is_ok());
    }
}
