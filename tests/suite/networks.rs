//! The network and the predictions of every rung, and runs that stop at an accuracy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use safetensors::SafeTensors;

use crate::docs::{blocks, page};
use crate::plain_network::{PlainNetwork, accuracy};
use crate::support::{
    cycles, idx, output, python_with, rayclip, refused, skipped, small_compare, small_data,
    small_run, succeed, summary,
};

/// Test images and labels of [`small_data`].
fn test_images(data: &Path) -> (Vec<Vec<u8>>, Vec<usize>) {
    let read = |name: &str, header: usize| fs::read(data.join(name)).unwrap().split_off(header);
    let images = read("test-images-idx3-ubyte", 16);
    let labels = read("test-labels-idx1-ubyte", 8);
    let images = images.chunks(64).map(<[u8]>::to_vec).collect();
    (images, labels.into_iter().map(usize::from).collect())
}

/// A tensor of bytes.
fn classes(path: &Path, name: &str) -> Vec<usize> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), safetensors::Dtype::U8);
    view.data().iter().map(|class| usize::from(*class)).collect()
}

/// Files of a folder in a run folder, within the folders in it.
fn names(run: &Path, folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for replica in fs::read_dir(run.join(folder)).unwrap().map(Result::unwrap) {
        let name = replica.file_name().into_string().unwrap();
        if replica.path().is_file() {
            names.insert(name);
            continue;
        }
        for file in fs::read_dir(replica.path()).unwrap().map(Result::unwrap) {
            names.insert(format!("{name}/{}", file.file_name().into_string().unwrap()));
        }
    }
    names
}

fn check_every_rung(run: &Path, data: &Path) -> usize {
    let (images, labels) = test_images(data);
    assert_eq!(classes(&run.join("predictions/labels.safetensors"), "labels"), labels);
    let (mut networks, mut predictions) =
        (BTreeSet::new(), BTreeSet::from(["labels.safetensors".to_owned()]));
    for row in cycles(run) {
        let [method, seed] = ["method", "seed"].map(|name| row[name].clone());
        let cycle: usize = row["cycle"].parse().unwrap();
        let file = format!("{method}_seed_{seed}/cycle_{cycle:02}.safetensors");
        if !networks.insert(file.clone()) {
            continue;
        }
        let network = PlainNetwork::read(&run.join("networks").join(&file));
        let about = &network.about;
        assert_eq!(about["accuracy_test"], row["accuracy_after_training"], "{file}");
        let validation = about.get("accuracy_validation").map_or("", String::as_str);
        assert_eq!(validation, row["validation_after_training"], "{file}");
        let found = [&about["method"], &about["seed"], &about["cycle"]];
        assert_eq!(found, [&method, &seed, &cycle.to_string()]);
        assert_eq!(about["parameters"], row["parameters"]);
        assert_eq!(about["image_shape"], "[8, 8]");
        let classified = network.classify(&images);
        let expected: f64 = row["accuracy_after_training"].parse().unwrap();
        assert!((accuracy(&network, &classified, &labels) - expected).abs() < 1e-6, "{file}");
        let kept = classes(&run.join("predictions").join(&file), "after_training");
        assert_eq!(kept, classified, "{file}");
        predictions.insert(file);
        if method != "scratch" {
            let start = format!("{method}_seed_{seed}/start.safetensors");
            let network = PlainNetwork::read(&run.join("networks").join(&start));
            let classified = network.classify(&images);
            assert_eq!(network.about["cycle"], "start");
            let expected = network.number("accuracy_test");
            assert!((accuracy(&network, &classified, &labels) - expected).abs() < 1e-6, "{start}");
            if cycle == 0 {
                assert_eq!(network.about["accuracy_test"], row["accuracy_before_clip"]);
            }
            networks.insert(start);
        }
    }
    assert_eq!(names(run, "networks"), networks);
    assert_eq!(names(run, "predictions"), predictions);
    networks.len()
}

#[test]
fn every_rung_leaves_its_network_and_its_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let own =
        ["--methods", "dtc,scratch", "--seeds", "0..2", "--hidden", "24,14", "--at-once", "1"];
    let settings = ["--set", "network.bias=true", "--validation", "0.1"];
    succeed(folder.path(), &small_compare(&data, "run", &[&own[..], &settings].concat()));
    let run = folder.path().join("run");
    // Of two seeds: six clips of `dtc` and its start, two widths of `scratch`.
    assert_eq!(check_every_rung(&run, &data), 2 * (7 + 2));
    // The last is the one that network.safetensors has, transposed.
    let bytes = fs::read(run.join("network.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("layer_1.weight").unwrap();
    let &[_, rows, columns] = view.shape() else { panic!("{:?}", view.shape()) };
    let (words, _) = view.data().as_chunks::<4>();
    let all: Vec<f64> = words.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect();
    let last = cycles(&run).iter().map(|row| row["cycle"].parse::<usize>().unwrap()).max().unwrap();
    for seed in 0..2 {
        let name = format!("networks/dtc_seed_{seed}/cycle_{last:02}.safetensors");
        let (weights, _) = &PlainNetwork::read(&run.join(name)).layers[1];
        for (output, row) in weights.iter().enumerate() {
            for (input, weight) in row.iter().enumerate() {
                assert_eq!(*weight, all[(seed * rows + input) * columns + output]);
            }
        }
    }
    // The supplement ends with a softmax over a batch, and takes the mean of the batches.
    let batches =
        ["--out", "supplement", "--preset", "supplement", "--set", "training.batch_size=60"];
    succeed(folder.path(), &small_run(&data, &batches));
    check_every_rung(&folder.path().join("supplement"), &data);
}

#[test]
fn fewer_networks_are_kept_where_that_is_asked_for_and_a_resumed_run_keeps_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    // 40 → 36, 32, 28, 25, 22, 19, 17, 15, 13, 11, 9: halved after the clips 5 and 10.
    let flags = |name: &str, which: &str| {
        small_run(&data, &["--out", name, "--keep-networks", which, "--checkpoint-every", "10"])
    };
    let files = |run: &str| -> Vec<String> {
        names(&folder.path().join(run), "networks").into_iter().collect()
    };
    let file = |name: &str| format!("dtc_seed_0/{name}.safetensors");
    succeed(folder.path(), &flags("halvings", "halvings"));
    assert_eq!(files("halvings"), ["cycle_00", "cycle_05", "cycle_10", "start"].map(file));
    succeed(folder.path(), &flags("last", "last"));
    assert_eq!(files("last"), [file("cycle_10")]);
    assert_eq!(names(&folder.path().join("last"), "predictions").len(), 12);

    let run = folder.path().join("killed");
    let mut process = rayclip(folder.path(), &flags("killed", "last"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !run.join("networks/dtc_seed_0/cycle_02.safetensors").exists() {
        assert!(process.try_wait().unwrap().is_none(), "the run has ended");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    fs::write(run.join("networks/dtc_seed_0/cycle_10.safetensors"), "not reached").unwrap();
    succeed(folder.path(), &["resume", "killed"]);
    assert_eq!(files("killed"), [file("cycle_10")]);
    let network = |run: &str| {
        let name = "networks/dtc_seed_0/cycle_10.safetensors";
        fs::read(folder.path().join(run).join(name)).unwrap()
    };
    assert!(network("killed") == network("last") && network("last") == network("halvings"));
}

#[test]
fn a_network_stops_where_its_held_out_accuracy_falls_whatever_trains_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let until = 0.7;
    let common = ["--methods", "random,scratch", "--seeds", "0..3", "--validation", "0.2"];
    let until_text = until.to_string();
    let stop = ["--keep", "0.5", "--min-width", "2", "--until-accuracy", &until_text];
    let fast = ["--set", "compression.scratch_at=all"];
    let flags = |name: &str, more: &[&str]| {
        small_compare(&data, name, &[&common[..], &stop, &fast, more].concat())
    };
    let result = output(folder.path(), &flags("run", &[]));
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{stderr}");
    assert!(stderr.contains("stopped: random, seed 0, is not clipped again"), "{stderr}");
    let run = folder.path().join("run");
    let rows = cycles(&run);
    let mut stopped = 0;
    for replica in summary(&run)["replicas"].as_array().unwrap() {
        let (method, seed) = (replica["method"].as_str().unwrap(), replica["seed"].to_string());
        let own = rows.iter().filter(|row| row["method"] == method && row["seed"] == seed);
        let accuracy = |row: &BTreeMap<String, String>| {
            row["validation_after_training"].parse::<f64>().unwrap()
        };
        let accuracies: Vec<f64> = own.map(accuracy).collect();
        let start = replica["validation_before"].as_f64();
        let reached: Vec<f64> = start.into_iter().chain(accuracies.iter().copied()).collect();
        let first = reached.iter().position(|value| *value >= until);
        let fell = first.and_then(|first| reached[first..].iter().position(|value| *value < until));
        match fell {
            // It is the last.
            Some(at) => {
                assert_eq!(first.unwrap() + at + 1, reached.len(), "{reached:?}");
                assert_eq!(replica["outcome"], "stopped");
                assert!(replica["network"].is_null());
                stopped += 1;
            }
            None => assert_eq!(replica["outcome"], "finished", "{reached:?}"),
        }
    }
    assert!(stopped >= 3, "{stopped}");
    check_every_rung(&run, &data);

    // One at once, and a kill in between, change nothing.
    succeed(folder.path(), &flags("alone", &["--at-once", "1"]));
    let mut process = rayclip(folder.path(), &flags("killed", &[]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = folder.path().join("killed");
    while !killed.join("networks/random_seed_0/cycle_01.safetensors").exists() {
        assert!(process.try_wait().unwrap().is_none(), "the run has ended");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    succeed(folder.path(), &flags("killed", &[]));
    for other in ["alone", "killed"].map(|name| folder.path().join(name)) {
        for part in ["networks", "predictions"] {
            assert_eq!(names(&run, part), names(&other, part));
            for name in names(&run, part) {
                let [one, two] = [&run, &other].map(|run| fs::read(run.join(part).join(&name)));
                assert!(one.unwrap() == two.unwrap(), "{part}/{name} of {}", other.display());
            }
        }
    }
    // `last` keeps the one that still held.
    succeed(folder.path(), &flags("last", &["--keep-networks", "last"]));
    let last = folder.path().join("last");
    for name in names(&last, "networks") {
        let network = PlainNetwork::read(&last.join("networks").join(&name));
        let replica = name.split('/').next().unwrap();
        let below = network.number("accuracy_validation") < until;
        let outcome = summary(&last)["replicas"].as_array().unwrap().iter().any(|summary| {
            let of = format!("{}_seed_{}", summary["method"].as_str().unwrap(), summary["seed"]);
            of == replica && summary["outcome"] == "stopped"
        });
        assert!(!(below && outcome), "{name}");
    }
    succeed(folder.path(), &["report", "run"]);
    assert!(output(folder.path(), &flags("run", &[])).status.success());
}

#[test]
fn an_accuracy_to_stop_at_needs_images_that_are_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let message = refused(folder.path(), &small_run(&data, &["--until-accuracy", "0.9"]));
    assert!(message.contains("--set data.validation=0.1"), "{message}");
    let flags = small_run(&data, &["--until-accuracy", "1.5", "--validation", "0.1"]);
    let message = refused(folder.path(), &flags);
    assert!(message.contains("compression.until_accuracy") && message.contains("1.5"), "{message}");
}

#[test]
fn ties_are_counted_and_every_method_has_seconds_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let methods = ["--methods", "dtc-coefficient,data-lasso,random,scratch", "--seeds", "0..2"];
    succeed(folder.path(), &small_compare(&data, "run", &methods));
    let run = folder.path().join("run");
    let text = fs::read_to_string(run.join("cycles.csv")).unwrap();
    assert!(text.lines().next().unwrap().contains(",ties,"), "{text}");
    let mut of_replica = BTreeMap::new();
    for row in cycles(&run) {
        let (ties, width): (usize, usize) =
            (row["ties"].parse().unwrap(), row["width_before"].parse().unwrap());
        match row["method"].as_str() {
            // Most coefficients are exactly zero.
            "dtc-coefficient" => assert!(2 * ties > width && ties <= width, "{ties} of {width}"),
            "random" | "scratch" => assert_eq!(ties, 0),
            _ => assert!(ties <= width),
        }
        of_replica.insert(row["replica"].clone(), row["method"].clone());
    }
    let mut reader = csv::Reader::from_path(run.join("timings.csv")).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[header.len() - 2..], ["score_seconds", "solve_seconds"]);
    for row in reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap) {
        let number = |name: &str| row[name].parse::<f64>().ok();
        let (score, solve) = (number("score_seconds").unwrap(), number("solve_seconds"));
        let method = of_replica[&row["replica"]].as_str();
        match method {
            "scratch" => assert_eq!((score, solve), (0.0, None)),
            "random" => assert!(score > 0.0 && solve.is_none()),
            _ => assert!(score > solve.unwrap() && solve.unwrap() > 0.0, "{method} {score}"),
        }
        assert!(score <= number("compress_seconds").unwrap());
    }
}

/// Runs `code` of the guide on the networks of a run, and compares what it prints with the rows.
fn check_loader(python: &str, code: &str, run: &Path, data: &Path) {
    for row in cycles(run) {
        let cycle: usize = row["cycle"].parse().unwrap();
        let name = format!("{}_seed_{}/cycle_{cycle:02}.safetensors", row["method"], row["seed"]);
        let output = Command::new(python)
            .args(["-c", code])
            .arg(run.join("networks").join(&name))
            .args(["test-images-idx3-ubyte", "test-labels-idx1-ubyte"].map(|n| data.join(n)))
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let numbers: Vec<f64> =
            stdout.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let expected: f64 = row["accuracy_after_training"].parse().unwrap();
        assert_eq!(numbers, [expected, expected], "{name}");
    }
}

#[test]
fn the_loaders_of_the_guide_give_the_reported_accuracy_to_the_digit() {
    let folder = tempfile::tempdir().unwrap();
    let loaders = blocks(&page("docs/guide.md"), "python");
    assert_eq!(loaders.len(), 2);
    // The built-in digits as the four files of a data set that anybody can read.
    let digits = rayclip_data::Source::from_name("digits")
        .load(&rayclip_data::LoadOptions::default(), &|_, _| {})
        .unwrap();
    let data = folder.path().join("digits");
    fs::create_dir(&data).unwrap();
    for (name, split) in [("train", &digits.train), ("test", &digits.test)] {
        let count = split.len() as u32;
        let [height, width] = [digits.image_shape[0] as u32, digits.image_shape[1] as u32];
        let write = |part: &str, bytes: Vec<u8>| {
            fs::write(data.join(format!("{name}-{part}-ubyte")), bytes).unwrap();
        };
        write("images-idx3", idx(&[count, height, width], split.images.bytes().unwrap()));
        write("labels-idx1", idx(&[count], &split.labels));
    }
    let own = ["--hidden", "64", "--set", "compression.keep=0.4", "--set", "network.bias=true"];
    let batches = ["--set", "training.batch_size=512", "--out", "run", "--data", "digits"];
    succeed(folder.path(), &small_run(&data, &[&own[..], &batches].concat()));
    let run: PathBuf = folder.path().join("run");
    for (code, libraries) in loaders.iter().zip(["torch, safetensors", "numpy, safetensors"]) {
        assert!(code.lines().filter(|line| !line.is_empty()).count() <= 10, "{code}");
        if let Some(python) = python_with(libraries) {
            check_loader(&python, code, &run, &data);
        } else {
            skipped("a loader of the guide", &format!("there is no Python with {libraries}"));
        }
    }
}
