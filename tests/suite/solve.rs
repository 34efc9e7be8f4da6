//! `rayclip solve` and `rayclip bench solver` as a user has them.

use std::fs;
use std::path::Path;

use cs_solver::gaussian::numpy_standard_normal;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::support::{output, refused, succeed};

const A: [f64; 6] = [1.0, 0.5, 0.0, 0.0, 0.5, 1.0];
const Y: [f64; 4] = [1.0, 2.0, 0.0, -1.0];

fn bytes(values: &[f64], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn write(path: &Path, dtype: Dtype, tensors: &[(&str, &[usize], &[f64])]) {
    let data: Vec<Vec<u8>> = tensors.iter().map(|(_, _, values)| bytes(values, dtype)).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        (*name, TensorView::new(dtype, shape.to_vec(), data).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A problem of two columns, or of one without a column axis.
fn problem(folder: &Path, dtype: Dtype, columns: &[usize], y: &[f64]) {
    write(
        &folder.join("p.safetensors"),
        dtype,
        &[("a", &[2, 3], &A), ("y", columns, y), ("lambda", &[1], &[0.1])],
    );
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn solutions_are_written_in_f64_in_the_shape_of_the_problem() {
    for (dtype, shape, y) in [(Dtype::F64, &[2, 2][..], &Y[..]), (Dtype::F32, &[2], &Y[..2])] {
        let folder = tempfile::tempdir().unwrap();
        problem(folder.path(), dtype, shape, y);
        let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--json", "--out", "x.st"];
        let lines = lines(&succeed(folder.path(), &arguments));
        assert_eq!(lines.len(), y.len() / 2 + 1);
        let bytes = fs::read(folder.path().join("x.st")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let (x, nu) = (tensors.tensor("x").unwrap(), tensors.tensor("nu").unwrap());
        assert_eq!((x.dtype(), nu.dtype()), (Dtype::F64, Dtype::F64));
        assert_eq!((x.shape().len(), x.shape().last()), (shape.len(), Some(&3)));
        assert_eq!(nu.shape(), shape);
        for line in &lines[..lines.len() - 1] {
            assert_eq!(line["status"], "converged");
            assert!(line["relative_gap"].as_f64().unwrap() < 1e-6, "{line}");
        }
    }
}

#[test]
fn every_algorithm_is_certified_by_check() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    for algorithm in ["auto", "homotopy", "descent", "ssnal", "halpern", "fista"] {
        let out = format!("{algorithm}.st");
        let arguments = ["solve", "p.safetensors", "--lambda-ratio", "0.05"];
        let solve = ["--algorithm", algorithm, "--device", "flex", "--out", &out];
        let table = succeed(folder.path(), &[&arguments[..], &solve].concat());
        assert!(table.contains("2 converged"), "{table}");
        let checked = succeed(folder.path(), &[&arguments[..], &["--check", &out]].concat());
        assert!(checked.contains("2 converged"), "{checked}");
    }
}

#[test]
fn a_missed_tolerance_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    write(&folder.path().join("zero.st"), Dtype::F64, &[("x", &[2, 3], &[0.0; 6])]);
    let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--check", "zero.st"];
    let output = output(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("missed") && table.contains("0 converged"), "{table}");
}

#[test]
fn wrong_problems_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let solve = |extra: &[&str]| {
        let arguments = ["solve", "p.safetensors", "--lambda", "0.1", "--out", "x.st"];
        refused(folder.path(), &[&arguments[..], extra].concat())
    };
    assert!(solve(&[]).contains("p.safetensors"));
    let path = folder.path().join("p.safetensors");
    write(&path, Dtype::F64, &[("b", &[2, 3], &A)]);
    assert!(solve(&[]).contains("no tensor a; it has: b"));
    write(&path, Dtype::F64, &[("a", &[2, 3], &A), ("y", &[3], &[1.0, 2.0, 3.0])]);
    assert!(solve(&[]).contains("y needs 2 numbers per column"));
    write(&path, Dtype::F64, &[("a", &[2, 3], &A), ("y", &[2], &[1.0, f64::NAN])]);
    assert!(solve(&[]).contains("y[1] is NaN"));
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    assert!(solve(&["--tolerance", "1e-15"]).contains("cannot be reached"));
    let negative = ["solve", "p.safetensors", "--lambda", "-1", "--out", "x.st"];
    assert!(refused(folder.path(), &negative).contains("must be positive and finite, got -1"));
    fs::write(folder.path().join("x.st"), "precious").unwrap();
    assert!(solve(&[]).contains("name another file with --out"));
    assert_eq!(fs::read_to_string(folder.path().join("x.st")).unwrap(), "precious");
}

#[test]
fn the_bench_reports_every_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    let bench = ["bench", "solver", "--device", "flex", "--repeats", "1", "--json"];
    let compare = ["--sizes", "16x4x2", "--compare"];
    let compared = lines(&succeed(folder.path(), &[&bench[..], &compare].concat()));
    let names: Vec<&str> =
        compared.iter().map(|line| line["algorithm"].as_str().unwrap()).collect();
    assert_eq!(names, ["homotopy", "descent", "ssnal", "halpern", "fista"]);
    assert!(compared.iter().all(|line| line["problems_per_second"].as_f64().unwrap() > 0.0));
    let own =
        lines(&succeed(folder.path(), &[&bench[..], &["--problems", "p.safetensors"]].concat()));
    assert_eq!(
        (own.len(), own[0]["columns"].as_u64(), own[0]["converged"].as_u64()),
        (1, Some(2), Some(2))
    );
    let free = ["--sizes", "64x16x2", "--operator", "dct"];
    let free = lines(&succeed(folder.path(), &[&bench[..], &free].concat()));
    assert_eq!(free[0]["converged"], 2);
}

/// λ/λmax of rays, in f32: x rounded after it was certified would be off by far more than the gap.
#[test]
fn what_is_written_is_what_was_certified() {
    let folder = tempfile::tempdir().unwrap();
    let (n, m) = (20, 120);
    let (a, y) = (numpy_standard_normal(n * m, 1), numpy_standard_normal(2 * n, 2));
    let path = folder.path().join("p.safetensors");
    write(&path, Dtype::F32, &[("a", &[n, m], &a), ("y", &[2, n], &y)]);
    for ratio in ["1e-3", "1e-9"] {
        let problem = ["solve", "p.safetensors", "--lambda-ratio", ratio, "--json"];
        let out = format!("x-{ratio}.st");
        let solved = succeed(folder.path(), &[&problem[..], &["--out", &out]].concat());
        let checked = succeed(folder.path(), &[&problem[..], &["--check", &out]].concat());
        for (solved, checked) in lines(&solved).iter().zip(&lines(&checked)) {
            for key in ["objective", "dual", "relative_gap", "status"] {
                assert_eq!(solved[key], checked[key], "{key}: {solved} {checked}");
            }
        }
        assert!(lines(&solved)[2]["relative_gap"].as_f64().unwrap() < 1e-10, "{solved}");
    }
}

#[test]
fn a_check_refuses_another_shape_and_names_its_failures() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    let check = ["solve", "p.safetensors", "--lambda", "0.1", "--check", "x.st"];
    // As many numbers, but turned.
    let path = folder.path().join("x.st");
    write(&path, Dtype::F64, &[("x", &[3, 2], &[0.0; 6])]);
    let message = refused(folder.path(), &check);
    assert!(message.contains("x in x.st has shape [3, 2]; this problem needs [2, 3]"), "{message}");
    write(&path, Dtype::F64, &[("x", &[2, 3], &[0.0; 6]), ("nu", &[4], &[0.0; 4])]);
    assert!(refused(folder.path(), &check).contains("nu in x.st has shape [4]"));
    write(&path, Dtype::F64, &[("x", &[2, 3], &[0.0; 6])]);
    let output = output(folder.path(), &[&check[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&String::from_utf8(output.stdout).unwrap())[0]["status"], "missed");
}

/// The lines of the README, one after the other.
#[test]
fn solutions_of_two_problems_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    problem(folder.path(), Dtype::F64, &[2, 2], &Y);
    fs::write(folder.path().join("A.npy"), npy(&[2, 3], &A)).unwrap();
    fs::write(folder.path().join("y.npy"), npy(&[2, 2], &Y)).unwrap();
    succeed(folder.path(), &["solve", "p.safetensors", "--lambda", "0.3"]);
    let second = ["solve", "A.npy", "y.npy", "--lambda-ratio", "0.01", "--algorithm", "ssnal"];
    succeed(folder.path(), &[&second[..], &["--tolerance", "1e-8"]].concat());
    let check = ["solve", "p.safetensors", "--lambda", "0.3", "--check"];
    succeed(folder.path(), &[&check[..], &["p.solution.safetensors"]].concat());
    let check = ["solve", "A.npy", "y.npy", "--lambda-ratio", "0.01", "--check"];
    succeed(folder.path(), &[&check[..], &["y.solution.safetensors"]].concat());
}

/// A .npy file of version 1.0.
fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(|extent| format!("{extent},")).collect();
    let header =
        format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}\n", shape.concat());
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &bytes(values, Dtype::F64)].concat()
}

#[test]
fn a_sparse_file_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.safetensors");
    let sparse = |start: &[u8], length: u64| {
        fs::write(&path, start).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
    };
    let solve = || refused(folder.path(), &["solve", "p.safetensors", "--lambda", "0.1"]);
    sparse(&[], 4 << 30);
    assert!(solve().contains("not a safetensors file"));
    // A header that is right about a file of 4 GiB, and shapes that do not fit together.
    let numbers = (4_u64 << 30) / 4;
    let header = format!(
        r#"{{"y":{{"dtype":"F32","shape":[3],"data_offsets":[0,12]}},
            "a":{{"dtype":"F32","shape":[2,{}],"data_offsets":[12,{}]}}}}"#,
        numbers / 2,
        12 + 4 * numbers
    );
    let start = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    sparse(&start, start.len() as u64 + 12 + 4 * numbers);
    let message = solve();
    assert!(message.contains("numbers in one array; at most"), "{message}");
    fs::rename(&path, folder.path().join("a.npy")).unwrap();
    fs::write(folder.path().join("y.npy"), npy(&[3], &[1.0, 2.0, 3.0])).unwrap();
    let header =
        format!("{{'descr': '<f8', 'fortran_order': False, 'shape': (2, {}), }}\n", 1 << 27);
    let start =
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()]
            .concat();
    let a = folder.path().join("a.npy");
    fs::write(&a, &start).unwrap();
    let file = fs::File::options().write(true).open(&a).unwrap();
    file.set_len(start.len() as u64 + (8 << 28)).unwrap();
    let message = refused(folder.path(), &["solve", "a.npy", "y.npy", "--lambda", "0.1"]);
    assert!(message.contains("y needs 2 numbers per column"), "{message}");
}

#[test]
fn a_bench_that_no_memory_or_patience_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, part) in [
        (["--sizes", "99999999999x1x1"], "the signals would have 99999999999 × 1 numbers"),
        (["--sizes", "100000x90000x1"], "the matrix would have 100000 × 90000 numbers"),
        (["--sizes", "18446744073709551615x3x3"], "the signals would have"),
        (["--repeats", "99999999999"], "--repeats"),
        (["--repeats", "0"], "--repeats"),
    ] {
        let message = refused(folder.path(), &[&["bench", "solver"][..], &flags].concat());
        assert!(message.contains(part), "{part}: {message}");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
}
