//! Files that somebody made to do harm, or that are none: each is refused by name, at once.
//! (`crates/data/tests` and `crates/report/tests` do the same with the other readers.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use proptest::prelude::*;
use rayclip_run_folder::config::grid::Grid;
use rayclip_run_folder::presets::{Layers, Setting, resolve};

use crate::support::{refused, small_data, small_run};

/// The inputs of a fuzz target: `seeds`, or what was `found`.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Reads a configuration and a grid; the number of clips of the configuration.
fn read_config(file: &Path) -> Result<usize, String> {
    if let Ok(cells) = Grid::read(file).and_then(|grid| grid.cells(None, &[])) {
        assert!((1..=10_000).contains(&cells.len()));
    }
    let layers = Layers { file: Some(file), ..Layers::default() };
    let config = resolve(&layers).map_err(|error| error.to_string())?;
    let clips = rayclip_run_folder::ladder(&config).len();
    assert!((1..=2048).contains(&clips), "{clips}");
    Ok(clips)
}

/// Reads a network of a description and weights, cut at a line of a single `%`.
fn read_network(folder: &Path, input: &[u8]) -> Result<(), String> {
    let end = input.windows(3).position(|window| window == b"\n%\n");
    let (description, weights) =
        end.map_or((input, &[][..]), |end| (&input[..end], &input[end + 3..]));
    let [json, safetensors] = ["network.json", "network.safetensors"].map(|name| folder.join(name));
    fs::write(&json, description).unwrap();
    fs::write(&safetensors, weights).unwrap();
    let loaded = rayclip_model::load(&safetensors, &json, &Device::flex());
    let (network, found) = loaded.map_err(|error| error.to_string())?;
    assert_eq!((network.graph(), network.replicas()), (&found.graph, found.replicas));
    Ok(())
}

/// `read` for every truncation of `bytes`, and with every byte of it changed.
fn damaged(bytes: &[u8], mut read: impl FnMut(&[u8])) {
    for place in 0..bytes.len() {
        read(&bytes[..place]);
        for change in [0x01, 0x10, 0xff] {
            let mut bytes = bytes.to_vec();
            bytes[place] ^= change;
            read(&bytes);
        }
    }
}

#[test]
fn a_damaged_configuration_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let mut read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        assert!(read_config(&file).err().is_none_or(|reason| !reason.is_empty()));
    };
    for (_, bytes) in inputs("found", "config") {
        read(&bytes);
    }
    for (path, bytes) in inputs("seeds", "config") {
        if path.ends_with("whole") {
            read(&bytes);
        } else {
            damaged(&bytes, &mut read);
        }
    }
    // Nested without an end, by each of the ways to nest.
    let deep = 20_000;
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[grid]\n{}a = [1]", "a.".repeat(deep)),
        format!("[{}a]\n[[grid]]", "a.".repeat(deep)),
    ] {
        read(text.as_bytes());
    }
    // Sixty thousand keys with one long beginning are gigabytes when they are written out.
    let keys: Vec<String> = (0..60_000).map(|n| format!("k{n}=1")).collect();
    let long = format!("[{}]\n{}", "a".repeat(500_000), keys.join("\n"));
    fs::write(folder.path().join("config.toml"), long).unwrap();
    let reason = Grid::read(&folder.path().join("config.toml")).unwrap_err();
    let source = std::error::Error::source(&reason).unwrap().to_string();
    assert!(source.contains("at most 65536 are read"), "{source}");
}

#[test]
fn a_damaged_network_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let read = |bytes: &[u8]| read_network(folder.path(), bytes);
    for (_, bytes) in inputs("found", "network") {
        let _ = read(&bytes);
    }
    for (path, bytes) in inputs("seeds", "network") {
        assert_eq!(read(&bytes), Ok(()), "{}", path.display());
        for end in 0..bytes.len() {
            let reason = read(&bytes[..end]).unwrap_err();
            assert!(reason.contains("network."), "until {end}: {reason}");
        }
        damaged(&bytes, |bytes| drop(read(bytes)));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for number in ["18446744073709551615", "4294967296", "1e300", "-1", "0"] {
            for key in ["replicas", "inputs", "outputs"] {
                let (before, after) = text.split_once(&format!("\"{key}\": ")).unwrap();
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                let reason =
                    read(format!("{before}\"{key}\": {number}{rest}").as_bytes()).unwrap_err();
                assert!(reason.contains("network.json"), "{reason}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_value_of_any_key_is_answered(
        key in 0_usize..40,
        value in prop_oneof![
            (0_u32..63).prop_map(|power| (1_i64 << power).to_string()),
            any::<i64>().prop_map(|value| value.to_string()),
            any::<f64>().prop_map(|value| format!("{value:?}")),
            proptest::collection::vec(1_u64..1 << 40, 0..6).prop_map(|all| format!("{all:?}")),
            Just("[[]]".to_owned()),
            Just("inf".to_owned()),
            ".{0,10}",
        ],
    ) {
        let preset: toml::Table =
            include_str!("../../assets/presets/corrected.toml").parse().unwrap();
        let keys: Vec<String> = preset
            .iter()
            .flat_map(|(section, value)| match value {
                toml::Value::Table(inner) => {
                    inner.keys().map(|key| format!("{section}.{key}")).collect()
                }
                _ => vec![section.clone()],
            })
            .collect();
        let setting = Setting::parse(&format!("{}={value}", keys[key % keys.len()])).unwrap();
        if let Ok(config) = resolve(&Layers { settings: vec![setting], ..Layers::default() }) {
            prop_assert!(rayclip_run_folder::ladder(&config).len() <= 2048);
        }
    }
}

/// Paths in `folder` that are no file that could be read: a folder, a pipe nobody writes into, a device
/// without an end, a file of a terabyte.
fn no_files(folder: &Path) -> [PathBuf; 4] {
    let [a_folder, pipe, huge] = ["folder", "pipe", "huge"].map(|name| folder.join(name));
    fs::create_dir(&a_folder).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    [a_folder, pipe, PathBuf::from("/dev/zero"), huge]
}

/// Asserts that a message names the file and says what is wrong with it.
fn assert_named(message: &str, path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name), "no {name} in: {message}");
    let what = [
        "name a file",
        "bytes or more; at most",
        "is not the folder of a run",
        "not a safetensors file",
        "not a .npy file",
    ];
    assert!(what.iter().any(|what| message.contains(what)), "{message}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    for path in no_files(folder.path()) {
        let name = path.to_str().unwrap();
        let solve = ["solve", name, "--lambda", "0.1", "--out", "x.safetensors"];
        assert_named(&refused(folder.path(), &solve), &path);
        let solve = ["solve", name, name, "--lambda", "0.1", "--out", "x.safetensors"];
        assert_named(&refused(folder.path(), &solve), &path);
        assert_named(&refused(folder.path(), &small_run(&data, &["--config", name])), &path);
        assert_named(&refused(folder.path(), &["sweep", name]), &path);
        // In the place of the table of a run.
        let run = folder.path().join("a-run");
        fs::create_dir_all(&run).unwrap();
        let table = run.join("cycles.csv");
        std::os::unix::fs::symlink(&path, &table).unwrap();
        let message = refused(folder.path(), &["report", "a-run", "--out", "page"]);
        assert_named(&message, &table);
        fs::remove_file(table).unwrap();
    }
    // Images that are none are no images, whatever they are called.
    fs::remove_file(data.join("train-images-idx3-ubyte")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(data.join("train-images-idx3-ubyte"))
            .status()
            .unwrap()
            .success()
    );
    assert!(
        refused(folder.path(), &small_run(&data, &[])).contains("there are no training images")
    );
}

#[test]
fn an_absurd_problem_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let solve = |name: &str| {
        let arguments = ["solve", name, "--lambda", "0.1", "--out", "x.safetensors"];
        refused(folder.path(), &arguments)
    };
    let write = |header: &str| {
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        fs::write(folder.path().join("p.safetensors"), bytes).unwrap();
    };
    write(r#"{"a":{"dtype":"F64","shape":[0,9223372036854775807],"data_offsets":[0,0]}}"#);
    let message = solve("p.safetensors");
    assert!(message.contains("p.safetensors: a has shape [0, 9223372036854775807]"), "{message}");
    fs::write(folder.path().join("p.safetensors"), u64::MAX.to_le_bytes()).unwrap();
    assert!(solve("p.safetensors").contains("p.safetensors: not a safetensors file"));
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (4294967296, 4294967296), }\n";
    let bytes = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()];
    fs::write(folder.path().join("a.npy"), bytes.concat()).unwrap();
    let two = ["solve", "a.npy", "a.npy", "--lambda", "0.1", "--out", "x.safetensors"];
    let message = refused(folder.path(), &two);
    assert!(message.contains("a.npy: the header announces"), "{message}");
}
