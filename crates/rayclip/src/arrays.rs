//! Reads the arrays of a problem from files, and writes its solution.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use cs_solver::{Lambda, Matrix, Problem};
use rayclip_data::arrays::TensorFile;
pub(crate) use rayclip_data::arrays::{Array, read_tensors};
use rayclip_data::npy::NpyFile;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::files;

/// The most numbers of the solutions of all columns; the same as for a file.
const MOST_NUMBERS: usize = 1 << 29;

/// Reads A and y from one safetensors file with the tensors `a` and `y`, or from two .npy files.
///
/// The shapes are checked before any number is read.
///
/// # Errors
/// A file cannot be read, lacks a tensor, or has numbers of another type; or the shapes disagree.
pub(crate) fn read_problem(files: &[PathBuf]) -> anyhow::Result<(Array, Array)> {
    match files {
        [file] => {
            let mut tensors = TensorFile::open(file)?;
            let named = |reason: String| anyhow!("{}: {reason}", file.display());
            let (a, y) = (tensors.shape("a").map_err(named)?, tensors.shape("y").map_err(named)?);
            check_shapes(a, y)?;
            Ok((tensors.read("a").map_err(named)?, tensors.read("y").map_err(named)?))
        }
        [a, y] => {
            let (of_a, of_y) = (NpyFile::open(a)?, NpyFile::open(y)?);
            check_shapes(of_a.shape(), of_y.shape())?;
            let named = |path: &Path, reason: String| anyhow!("{}: {reason}", path.display());
            let a = of_a.read().map_err(|reason| named(a, reason))?;
            Ok((a, of_y.read().map_err(|reason| named(y, reason))?))
        }
        _ => bail!("expected one safetensors file or two .npy files"),
    }
}

/// Reads x, and ν if the file has it, from a safetensors file. They are for a problem whose y has the shape
/// `of_y` and whose A has `m` columns.
///
/// # Errors
/// The file cannot be read or lacks x, or x or ν does not have the shape of a solution of the problem.
pub(crate) fn read_solution(
    file: &Path,
    of_y: &[usize],
    m: usize,
) -> anyhow::Result<(Array, Option<Array>)> {
    let mut tensors = TensorFile::open(file)?;
    let named = |reason: String| anyhow!("{}: {reason}", file.display());
    let n = of_y.last().copied().unwrap_or(0);
    let check = |name: &str, got: &[usize], length: usize| {
        let expected = solution_shape(of_y, length);
        // A single column may have the axis of columns, or not.
        let of_one = |shape: &[usize]| shape == [length] || shape == [1, length];
        if got == expected || of_one(got) && of_one(&expected) {
            return Ok(());
        }
        let file = file.display();
        bail!(
            "{name} in {file} has shape {got:?}; this problem needs {expected:?}, with one column per row"
        )
    };
    check("x", tensors.shape("x").map_err(named)?, m)?;
    if tensors.has("nu") {
        check("nu", tensors.shape("nu").map_err(named)?, n)?;
    }
    let x = tensors.read("x").map_err(named)?;
    let nu = tensors.has("nu").then(|| tensors.read("nu").map_err(named)).transpose()?;
    Ok((x, nu))
}

/// Returns the shape of y for vectors of another length.
pub(crate) fn solution_shape(of_y: &[usize], length: usize) -> Vec<usize> {
    let mut shape = of_y.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = length;
    }
    shape
}

/// Checks the shapes of A and y.
///
/// # Errors
/// They are not `[n, m]` and `[n]` or `[columns, n]`, or the solutions would have more than [`MOST_NUMBERS`]
/// numbers.
fn check_shapes(a: &[usize], y: &[usize]) -> anyhow::Result<()> {
    let &[n, m] = a else {
        bail!("a has shape {a:?}; expected [n, m]");
    };
    let (&[rows_of_y] | &[_, rows_of_y]) = y else {
        bail!("y has shape {y:?}; expected [n] or [columns, n]");
    };
    if rows_of_y != n {
        bail!("y has shape {y:?}, a has shape {a:?}: y needs {n} numbers per column");
    }
    let columns = if y.len() == 2 { y[0] } else { 1 };
    if columns.checked_mul(m).is_none_or(|all| all > MOST_NUMBERS) {
        bail!(
            "{columns} columns of {m} coefficients have more than {MOST_NUMBERS} numbers; solve fewer columns"
        );
    }
    Ok(())
}

/// Makes a problem from the arrays `a` `[n, m]` and `y` `[n]` or `[columns, n]`.
///
/// # Errors
/// The shapes disagree, an entry is not finite, or λ is not positive.
pub(crate) fn problem(a: Array, y: &Array, lambda: Lambda) -> anyhow::Result<Problem> {
    check_shapes(&a.shape, &y.shape)?;
    let (n, m) = (a.shape[0], a.shape[1]);
    Ok(Problem::new(Matrix::from_rows(n, m, a.values)?, &y.values, lambda)?)
}

/// Writes named arrays to a safetensors file.
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
    files::write_new(path, &bytes).with_context(|| format!("writing {}", path.display()))
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
