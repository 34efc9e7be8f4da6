//! Runs that start with the weights of a file.

use std::fs;

use rayclip_run_folder::config::Normalization;
use rayclip_run_folder::{CycleRow, Outcome};

use super::convolutional::{config as convolutional, resolve, rows};
use super::*;

/// A file with a trained network, and the run that trained it.
fn trained(parent: &Path) -> (PathBuf, Summary) {
    let config = convolutional(parent, &["compression.methods=['l2']", "replicas=1"]);
    let (summary, _) = resume(&config, &parent.join("first"), None);
    let file = parent.join("net.safetensors");
    fs::copy(parent.join("first/networks/l2_seed_0/start.safetensors"), &file).unwrap();
    (file, summary.unwrap())
}

/// A run that makes the network of a file smaller.
fn config(file: &Path, more: &[&str]) -> RunConfig {
    let name = format!("network.name={}", file.display());
    let settings = [
        &name,
        "network.pretrained=true",
        "training.first_batches=[0]",
        "training.distillation=0.5",
        "compression.methods=['taylor', 'scratch']",
    ];
    let settings: Vec<&str> = settings.into_iter().chain(more.iter().copied()).collect();
    super::config(&settings)
}

fn resolved(file: &Path, more: &[&str]) -> Result<RunConfig, TrainerError> {
    let mut config = config(file, more);
    resolve(&mut config, &dataset(), None)?;
    config.validate()?;
    Ok(config)
}

#[test]
fn the_weights_of_the_file_are_the_start_and_its_copy_is_enough_to_resume() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path();
    let (file, first) = trained(parent);
    let config = resolved(&file, &[]).unwrap();
    assert_eq!(config.data.normalization, Normalization::Fixed);
    let whole = parent.join("whole");
    let (summary, Ending { batches, .. }) = resume(&config, &whole, None);
    let (summary, expected) = (summary.unwrap(), files_of(&whole));
    assert_eq!(summary.outcome, Outcome::Finished);
    // The network before the first clip is that of the file.
    let replica = &summary.replicas[0];
    let (test, validation) = (replica.accuracy_before, replica.validation_before);
    assert_eq!(test, first.replicas[0].accuracy_before);
    assert_eq!(validation, first.replicas[0].validation_before);
    // Nothing was trained before the first clip.
    let all = rows(&whole);
    let of_first_clip = all.iter().filter(|row| row.cycle == 0);
    for row in of_first_clip {
        assert_eq!((row.train_loss, row.batches, row.training_flops), (None, Some(0), Some(0.0)));
    }
    assert!(all.iter().filter(|row| row.cycle > 0).all(|row| row.train_loss.is_some()));
    // Without the file, an interrupted run ends as one that was not.
    let others: Vec<usize> = (1..batches).step_by(4).collect();
    for after in &others {
        let (summary, _) = resume(&config, &parent.join(after.to_string()), Some(*after));
        assert_eq!(summary.unwrap().outcome, Outcome::Interrupted);
    }
    fs::remove_file(&file).unwrap();
    for after in others {
        let path = parent.join(after.to_string());
        let (summary, _) = resume(&config, &path, None);
        assert_eq!(summary.unwrap().outcome, Outcome::Finished);
        assert!(files_of(&path) == expected, "interrupted after batch {after}");
    }
}

#[test]
fn learning_from_the_original_changes_the_networks_and_counts_its_passes() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path();
    let (file, _) = trained(parent);
    let run = |name: &str, more: &[&str]| {
        let config = resolved(&file, more).unwrap();
        let summary = resume(&config, &parent.join(name), None).0.unwrap();
        (rows(&parent.join(name)), summary)
    };
    let (with, with_summary) = run("with", &[]);
    let (without, _) = run("without", &["training.distillation=0"]);
    let own = |rows: &[CycleRow], cycle| {
        rows.iter().find(|row| row.cycle == cycle && row.method == "taylor").cloned().unwrap()
    };
    let (one, other) = (own(&with, 1), own(&without, 1));
    assert_ne!(one.train_loss, other.train_loss);
    let graph = rayclip_formats::load(&file, &rayclip_formats::LoadOptions::default()).unwrap();
    // What the original network says of an image does not change, so it is computed once.
    let images = with_summary.data.train.unwrap() as f64;
    let passes = 2.0 * graph.graph.macs().unwrap().all as f64 * images;
    let more = one.training_flops.unwrap() - other.training_flops.unwrap();
    assert!((more - passes).abs() < 1.0, "{more} {passes}");
    assert_eq!(one.full_width_flops, other.full_width_flops);
}

#[test]
fn a_network_that_loses_too_much_is_not_clipped_again() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path();
    let (file, _) = trained(parent);
    // At this rate, networks forget what they knew.
    let rate = "training.learning_rate=30";
    let outcome = |name: &str, drop: &str| {
        let config = resolved(&file, &[rate, drop, "compression.methods=['l2']"]).unwrap();
        let summary = resume(&config, &parent.join(name), None).0.unwrap();
        (summary.replicas[0].outcome, summary.replicas[0].accuracy_after)
    };
    assert_eq!(outcome("never", "compression.max_drop=0").0, Outcome::Finished);
    let (stopped, accuracy) = outcome("soon", "compression.max_drop=0.1");
    assert_eq!(stopped, Outcome::Stopped);
    assert!(accuracy.is_some());
}

#[test]
fn a_file_that_does_not_fit_is_named_with_the_remedy() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path();
    let (file, _) = trained(parent);
    let refused = |file: &Path| resolved(file, &[]).unwrap_err().to_string();
    assert!(refused(&parent.join("network.toml")).contains("it has no weights"));
    assert!(refused(&parent.join("gone.onnx")).contains("gone.onnx"));
    // The same weights without what rayclip says about them.
    let loaded = rayclip_formats::load(&file, &rayclip_formats::LoadOptions::default()).unwrap();
    let bare = rayclip_formats::Loaded { images: None, ..loaded.clone() };
    let path = parent.join("bare.safetensors");
    fs::write(&path, bare.tensors.encode(&bare.metadata()).unwrap()).unwrap();
    let message = refused(&path);
    assert!(message.contains("--mean") && message.contains("bare.safetensors"), "{message}");
    let fixed = ["data.normalization=fixed", "data.mean=0.5", "data.deviation=0.25"];
    resolved(&path, &fixed).unwrap();
    // Another network in the place of the file that the run began with.
    let config = resolved(&file, &[]).unwrap();
    let mut other = loaded.clone();
    other.tensors.get_mut("scores.bias").unwrap().values[0] += 1.0;
    fs::write(&file, other.tensors.encode(&other.metadata()).unwrap()).unwrap();
    let message = resume(&config, &parent.join("run"), None).0.unwrap_err().to_string();
    assert!(message.contains("has other weights than when the run began"), "{message}");
    // Other classes than those of the data.
    let mut named = loaded;
    let names = ["a", "b", "c"].map(str::to_owned);
    if let Some(images) = &mut named.images {
        images.class_names = names.to_vec();
    }
    fs::write(&path, named.tensors.encode(&named.metadata()).unwrap()).unwrap();
    let mut dataset = dataset();
    dataset.class_names = ["a", "c", "b"].map(str::to_owned).to_vec();
    let message = resolve(
        &mut super::config(&[
            &format!("network.name={}", path.display()),
            "network.pretrained=true",
        ]),
        &dataset,
        None,
    );
    let message = message.unwrap_err().to_string();
    assert!(message.contains("3 classes (a, b, c), but toy has 3 classes (a, c, b)"), "{message}");
}
