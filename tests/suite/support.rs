//! What the tests share: the command, a small data set, the golden data.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use burn::tensor::{Device, DeviceKind};

/// The folder with MNIST and the recorded run; `None` (said on stderr) where it is not given.
pub(crate) fn golden_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("RAYCLIP_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        skipped(test, "RAYCLIP_TEST_DATA is not set");
    }
    folder
}

/// Says that a test did not run; straight to stderr, which the harness does not capture.
pub(crate) fn skipped(test: &str, why: &str) {
    writeln!(std::io::stderr(), "skipped: {test}: {why}").unwrap();
}

/// Returns a Python with these packages: `RAYCLIP_TEST_PYTHON`, or `python3`; `None` if it lacks one.
pub(crate) fn python_with(packages: &str) -> Option<String> {
    let python = std::env::var("RAYCLIP_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

/// Returns what a Python script of this folder prints. It must succeed.
pub(crate) fn script(python: &str, name: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite").join(name);
    let output = Command::new(python).arg(path).args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The CPU backends, and the software adapter where there is one.
#[expect(deprecated, reason = "Burn 0.23 drops the backend; until then it is one of ours")]
pub(crate) fn devices() -> Vec<(&'static str, Device)> {
    /// A second bring-up of the same adapter in one process is an error.
    static SOFTWARE: LazyLock<Option<Device>> = LazyLock::new(|| {
        let options = Device::wgpu_options().device_kind(DeviceKind::Cpu);
        options.init_with_setup().ok().map(|(device, _)| device)
    });
    let cpu = [("flex", Device::flex()), ("ndarray", Device::ndarray())];
    cpu.into_iter().chain(SOFTWARE.clone().map(|device| ("wgpu", device))).collect()
}

/// `rayclip ARGUMENTS…` in `folder`.
pub(crate) fn rayclip(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rayclip-under-test"));
    command.current_dir(folder).args(arguments);
    command
}

/// Runs it to the end.
pub(crate) fn output(folder: &Path, arguments: &[impl AsRef<OsStr> + Debug]) -> Output {
    rayclip(folder, arguments).output().unwrap()
}

/// Stdout of a run that must succeed.
pub(crate) fn succeed(folder: &Path, arguments: &[impl AsRef<OsStr> + Debug]) -> String {
    let output = output(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Stderr of a run that must be refused with exit code 2 and without a panic.
pub(crate) fn refused(folder: &Path, arguments: &[impl AsRef<OsStr> + Debug]) -> String {
    ends_with(2, folder, arguments)
}

/// Stderr of a run that must end with this exit code and without a panic.
pub(crate) fn ends_with(
    code: i32,
    folder: &Path,
    arguments: &[impl AsRef<OsStr> + Debug],
) -> String {
    let output = output(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// Bytes of an IDX file.
pub(crate) fn idx(extents: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, extents.len() as u8];
    bytes.extend(extents.iter().flat_map(|extent| extent.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// A data set of 8×8 images in `folder`: class `c` of ten has a bright row and column of its own.
pub(crate) fn small_data(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    fs::create_dir_all(&data).unwrap();
    for (split, count) in [("train", 600_u32), ("test", 200)] {
        let labels: Vec<u8> = (0..count).map(|i| ((i * 7 + i / 10) % 10) as u8).collect();
        let pixel = |(image, label): (usize, &u8), position: usize| {
            let (row, column) = (position / 8, position % 8);
            let noise = ((image * 64 + position) * 2_654_435_761 % 97) as u8;
            let own = row == usize::from(label % 8) || column == usize::from(label / 2);
            if own { 255 - noise } else { noise }
        };
        let images: Vec<u8> = labels
            .iter()
            .enumerate()
            .flat_map(|image| (0..64).map(move |position| pixel(image, position)))
            .collect();
        let write = |part: &str, bytes: Vec<u8>| {
            fs::write(data.join(format!("{split}-{part}-ubyte")), bytes).unwrap();
        };
        write("images-idx3", idx(&[count, 8, 8], &images));
        write("labels-idx1", idx(&[count], &labels));
    }
    data
}

/// Flags of a run of seconds on [`small_data`], and `extra` ones, which win.
pub(crate) fn small_run(data: &Path, extra: &[&str]) -> Vec<String> {
    ["run", "--data", data.to_str().unwrap(), "--hidden", "40", "--device", "flex"]
        .into_iter()
        .chain(["--set", "training.batch_size=50", "--set", "training.batches_per_cycle=30"])
        .chain(extra.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// `rayclip compare` with the flags of a small run, into `folder/name`.
pub(crate) fn small_compare(data: &Path, name: &str, extra: &[&str]) -> Vec<String> {
    let mut flags = small_run(data, &[&["--out", name], extra].concat());
    "compare".clone_into(&mut flags[0]);
    flags
}

/// Rows of a run's `cycles.csv`, as maps from column to text.
pub(crate) fn cycles(run: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(run.join("cycles.csv"))
        .unwrap()
        .deserialize()
        .map(Result::unwrap)
        .collect()
}

/// A run's `summary.json`.
pub(crate) fn summary(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap()
}
