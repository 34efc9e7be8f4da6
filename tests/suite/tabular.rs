//! Tables in CSV files, and NumPy's arrays.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rayclip_data::{LoadOptions, Source};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::plain_network::{PlainNetwork, accuracy};
use crate::support::{cycles, refused, small_data, small_run, succeed};

/// The part of a number that looks like noise, from 0 to 1.
fn noise(number: usize) -> f64 {
    (number * 2_654_435_761 % 1009) as f64 / 1009.0
}

/// Writes a table of 300 rows. Their three kinds differ in a small column and in one with a large offset; a large
/// column says nothing, and one is constant.
pub(crate) fn small_table(path: &Path) {
    let row = |row: usize| {
        let kind = row % 3;
        let year = 2000.0 + 5.0 * (kind / 2) as f64 + noise(row);
        let width = 1e-3 * ((kind % 2) as f64 + 0.5 * noise(row + 1000));
        let price = 1e5 * noise(row + 2000);
        let name = ["oak", "elm", "ash"][kind];
        format!("{year},{width:e},{price},7,{name}\n")
    };
    let rows: Vec<String> = (0..300).map(row).collect();
    fs::write(path, format!("year,width,price,flat,kind\n{}", rows.concat())).unwrap();
}

/// Bytes of a .npy file of unsigned bytes.
fn npy(shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape = shape.iter().map(|extent| format!("{extent},")).collect::<Vec<_>>().concat();
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn write_npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// Writes the images of [`small_data`] as arrays.
pub(crate) fn small_arrays(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let part = |name: &str, header: usize| fs::read(data.join(name)).unwrap().split_off(header);
    let arrays = [
        ("x_train", npy(&[600, 8, 8], &part("train-images-idx3-ubyte", 16))),
        ("y_train", npy(&[600, 1], &part("train-labels-idx1-ubyte", 8))),
        ("x_test", npy(&[200, 8, 8], &part("test-images-idx3-ubyte", 16))),
        ("y_test", npy(&[200], &part("test-labels-idx1-ubyte", 8))),
        ("x_val", npy(&[1], &[0])),
    ];
    write_npz(path, &arrays);
}

/// Flags of a short run on `data`.
fn run_on(data: &str, extra: &[&str]) -> Vec<String> {
    let own = ["--hidden", "16", "--keep", "0.6", "--min-width", "6"];
    let rate = ["--set", "training.learning_rate=0.02"];
    small_run(&PathBuf::from(data), &[&own[..], &rate, extra].concat())
}

/// The network after the last clip, and its accuracy in the table of the run.
fn last_network(run: &Path) -> (PlainNetwork, f64) {
    let row = cycles(run).pop().unwrap();
    let cycle: usize = row["cycle"].parse().unwrap();
    let name = format!("networks/dtc_seed_0/cycle_{cycle:02}.safetensors");
    (PlainNetwork::read(&run.join(name)), row["accuracy_after_training"].parse().unwrap())
}

#[test]
fn a_table_is_learned_and_its_networks_classify_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trees.csv");
    small_table(&path);
    let more = ["--label-column", "kind", "--out", "run"];
    succeed(folder.path(), &run_on("trees.csv", &more));
    let run = folder.path().join("run");
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["data"]["normalization"].as_str(), Some("channels"));
    let (network, expected) = last_network(&run);
    assert!(expected > 0.95, "{expected}");
    assert_eq!(network.about["classes"], r#"["ash", "elm", "oak"]"#);
    assert_eq!(network.about["normalisation"], "(value - mean) / deviation");
    assert_eq!(network.about["image_shape"], "[4]");
    let options = LoadOptions { label_column: Some("kind".into()), ..LoadOptions::default() };
    let data = Source::Path(path).load(&options, &|_, _| ()).unwrap();
    let rows = data.test.images.floats().unwrap().chunks(4);
    let rows: Vec<Vec<f64>> =
        rows.map(|row| row.iter().copied().map(f64::from).collect()).collect();
    let labels: Vec<usize> = data.test.labels.iter().copied().map(usize::from).collect();
    let classes = network.classify_values(&rows);
    assert!((accuracy(&network, &classes, &labels) - expected).abs() < 1e-9);
    // With one mean and deviation for all columns, the large ones hide the others.
    let one = ["--set", "data.normalization=training-pixels", "--out", "one"];
    succeed(folder.path(), &run_on("trees.csv", &[&more[..2], &one].concat()));
    assert!(last_network(&folder.path().join("one")).1 < expected - 0.2);
    // The file is found again from anywhere.
    let elsewhere = tempfile::tempdir().unwrap();
    succeed(elsewhere.path(), &["resume", run.to_str().unwrap(), "--quiet"]);
}

#[test]
fn arrays_give_the_bits_of_the_same_images_as_idx_files() {
    let folder = tempfile::tempdir().unwrap();
    small_arrays(&folder.path().join("arrays.npz"));
    let data = small_data(folder.path());
    succeed(folder.path(), &run_on("arrays.npz", &["--out", "arrays"]));
    succeed(folder.path(), &run_on(data.to_str().unwrap(), &["--out", "idx"]));
    let file = |run: &str, name: &str| fs::read(folder.path().join(run).join(name)).unwrap();
    for name in ["cycles.csv", "network.safetensors", "network.json"] {
        assert!(file("arrays", name) == file("idx", name), "{name}");
    }
}

#[test]
fn every_channel_of_colour_images_is_normalised_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let planes = |count: usize| -> Vec<u8> {
        (0..count * 3 * 25)
            .map(|at| {
                let (image, channel) = (at / 75, at / 25 % 3);
                let own = [0, 200, 10][channel] + 40 * u8::from(channel == image % 3);
                own + (15.0 * noise(at)) as u8
            })
            .collect()
    };
    let labels = |count: u8| (0..count).map(|image| image % 3).collect::<Vec<u8>>();
    let arrays = [
        ("train_images", npy(&[240, 3, 5, 5], &planes(240))),
        ("train_labels", npy(&[240], &labels(240))),
        ("test_images", npy(&[60, 3, 5, 5], &planes(60))),
        ("test_labels", npy(&[60], &labels(60))),
    ];
    write_npz(&folder.path().join("colours.npz"), &arrays);
    let more = ["--set", "data.normalization=channels", "--set", "training.flip=true"];
    // With fewer neurons, a class may be lost.
    let more = [&more[..], &["--min-width", "9"]].concat();
    succeed(folder.path(), &run_on("colours.npz", &[&more[..], &["--out", "run"]].concat()));
    let (network, expected) = last_network(&folder.path().join("run"));
    assert!(expected > 0.9, "{expected}");
    let means: Vec<f64> = serde_json::from_str(&network.about["mean"]).unwrap();
    assert!(means.len() == 3 && means[1] > means[0] + 0.7, "{means:?}");
    let data = Source::Path(folder.path().join("colours.npz"));
    let data = data.load(&LoadOptions::default(), &|_, _| ()).unwrap();
    assert_eq!(data.image_shape, [5, 5, 3]);
    let images = data.test.images.bytes().unwrap().chunks(75).map(<[u8]>::to_vec);
    let classes = network.classify(&images.collect::<Vec<_>>());
    let labels: Vec<usize> = data.test.labels.iter().copied().map(usize::from).collect();
    assert!((accuracy(&network, &classes, &labels) - expected).abs() < 1e-9);
}

#[test]
fn a_grid_takes_tables_and_normalisations() {
    let folder = tempfile::tempdir().unwrap();
    small_table(&folder.path().join("trees.csv"));
    let grid = "[grid]\n\"data.normalization\" = [\"auto\", \"training-pixels\"]\n";
    fs::write(folder.path().join("grid.toml"), grid).unwrap();
    let flags = run_on("trees.csv", &["--label-column", "kind", "--out", "sweep"]);
    let flags: Vec<&str> = flags.iter().skip(1).map(String::as_str).collect();
    succeed(folder.path(), &[&["sweep", "grid.toml"], &flags[..]].concat());
    let cells = fs::read_dir(folder.path().join("sweep/cells")).unwrap();
    let normalization = |cell: fs::DirEntry| {
        let text = fs::read_to_string(cell.path().join("config.toml")).unwrap();
        let config: toml::Table = text.parse().unwrap();
        config["data"]["normalization"].as_str().unwrap().to_owned()
    };
    let mut found: Vec<String> = cells.map(Result::unwrap).map(normalization).collect();
    found.sort_unstable();
    assert_eq!(found, ["channels", "training-pixels"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    small_table(&folder.path().join("trees.csv"));
    write("gap.csv", "a,b,label\n1,2,x\n1,,y\n");
    write("no.npz", "not an archive");
    write_npz(&folder.path().join("other.npz"), &[("weights", npy(&[1], &[0]))]);
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("trees.csv", &[], &["trees.csv", "--label-column", "year, width, price, flat, kind"]),
        ("trees.csv", &["--label-column", "sort"], &["no column sort", "price, flat, kind"]),
        ("gap.csv", &[], &["gap.csv", "line 3, column b", "missing"]),
        ("no.npz", &[], &["no.npz", "not a .npz file"]),
        ("other.npz", &[], &["other.npz", "it has: weights", "x_train"]),
        (
            "trees.csv",
            &["--label-column", "kind", "--set", "training.shift=2"],
            &["training.shift", "vectors of 4 numbers"],
        ),
        (
            "trees.csv",
            &["--label-column", "kind", "--preset", "paper", "--set", "data.mean=[1, 2]"],
            &["data.mean", "one per channel, found 2"],
        ),
    ];
    for (data, flags, parts) in cases {
        let message = refused(folder.path(), &run_on(data, flags));
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?}: {message}");
        assert!(!folder.path().join("runs").exists(), "{data}");
    }
}
