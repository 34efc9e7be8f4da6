//! Arrays of numbers in files: safetensors and NumPy's .npy.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cs_solver::{Lambda, Matrix, Problem};
use npyz::{NpyFile, Order};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// An array, row-major, in f64 whatever it was in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
    /// Whether it was stored in f64.
    pub(crate) double: bool,
}

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
        [a, y] => Ok((read_npy(a)?, read_npy(y)?)),
        _ => bail!("expected one safetensors file or two .npy files"),
    }
}

/// The tensors of these names.
///
/// # Errors
/// The file cannot be read, lacks one of them, or holds numbers of another type.
pub(crate) fn read_tensors<const N: usize>(
    file: &Path,
    names: [&str; N],
) -> anyhow::Result<[Array; N]> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{} is no safetensors file", file.display()))?;
    let arrays = names
        .into_iter()
        .map(|name| {
            let Ok(view) = tensors.tensor(name) else {
                let names = tensors.names().join(", ");
                bail!("{} has no tensor {name}; it has: {names}", file.display())
            };
            from_view(&view).with_context(|| format!("{name} in {}", file.display()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(arrays.try_into().expect("one array a name"))
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

fn from_view(view: &TensorView<'_>) -> anyhow::Result<Array> {
    let values = match view.dtype() {
        Dtype::F32 => view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|word| f64::from(f32::from_le_bytes(*word)))
            .collect(),
        Dtype::F64 => {
            view.data().as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect()
        }
        other => bail!("holds {other:?}; expected F32 or F64"),
    };
    Ok(Array { shape: view.shape().to_vec(), values, double: view.dtype() == Dtype::F64 })
}

fn read_npy(path: &Path) -> anyhow::Result<Array> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let npy = NpyFile::new(BufReader::new(file))
        .with_context(|| format!("{} is no .npy file", path.display()))?;
    let shape: Vec<usize> = npy.shape().iter().map(|extent| *extent as usize).collect();
    let order = npy.order();
    let reading = || format!("reading {}", path.display());
    let (values, double) = match npy.try_data::<f64>() {
        Ok(values) => (values.collect::<Result<Vec<f64>, _>>().with_context(reading)?, true),
        Err(npy) => match npy.try_data::<f32>() {
            Ok(values) => {
                let values = values.map(|value| value.map(f64::from));
                (values.collect::<Result<_, _>>().with_context(reading)?, false)
            }
            Err(npy) => {
                bail!("{} holds {}; expected f4 or f8", path.display(), npy.dtype().descr())
            }
        },
    };
    let values = match (order, shape.as_slice()) {
        (Order::Fortran, &[rows, columns]) => {
            (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect()
        }
        _ => values,
    };
    Ok(Array { shape, values, double })
}

/// Writes named arrays as safetensors, beside `path` first, so that no half file is left.
///
/// # Errors
/// The file exists already, or cannot be written.
pub(crate) fn write(path: &Path, arrays: &[(&str, &Array)]) -> anyhow::Result<()> {
    let bytes: Vec<Vec<u8>> = arrays.iter().map(|(_, array)| to_bytes(array)).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let dtype = if array.double { Dtype::F64 } else { Dtype::F32 };
        let view = TensorView::new(dtype, array.shape.clone(), bytes);
        (*name, view.expect("the bytes fill the shape"))
    });
    let bytes = safetensors::serialize(views, None)?;
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

    #[test]
    fn fortran_order_is_turned_into_rows() {
        use npyz::WriterBuilder;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut file = File::create(&path).unwrap();
        let mut writer = npyz::WriteOptions::<f32>::new()
            .default_dtype()
            .shape(&[2, 3])
            .order(Order::Fortran)
            .writer(&mut file)
            .begin_nd()
            .unwrap();
        writer.extend([1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap();
        writer.finish().unwrap();
        let array = read_npy(&path).unwrap();
        assert_eq!(array.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(!array.double);
    }
}
