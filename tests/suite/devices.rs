//! Adapters, the fallback, and a run on a GPU adapter (in CI a software one).

use serde_json::Value;

use crate::support::{cycles, output, rayclip, skipped, small_data, small_run, succeed};

/// Hides every graphics driver from a process.
const NO_DRIVERS: [(&str, &str); 4] = [
    ("VK_DRIVER_FILES", "/nonexistent"),
    ("VK_ICD_FILENAMES", "/nonexistent"),
    ("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent"),
    ("LIBGL_DRIVERS_PATH", "/nonexistent"),
];

#[test]
fn devices_lists_the_cpu_backends_and_every_adapter_with_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["devices"]);
    assert!(text.contains("ndarray") && text.contains("flex"), "{text}");
    let lines = succeed(folder.path(), &["devices", "--json"]);
    for line in lines.lines() {
        let device: Value = serde_json::from_str(line).unwrap();
        if device["device"] == "wgpu" {
            assert!(device["max_binding_bytes"].as_u64().unwrap() > 0, "{line}");
            assert!(device["api"].is_string() && device["driver"].is_string(), "{line}");
        }
    }
}

#[test]
fn without_a_driver_auto_falls_back_and_wgpu_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let run = |device: &str| {
        let quick = ["--device", device, "--set", "training.batches_per_cycle=1"];
        let mut command = rayclip(folder.path(), &small_run(&data, &quick));
        command.envs(NO_DRIVERS).output().unwrap()
    };
    let fallback = run("auto");
    let stderr = String::from_utf8_lossy(&fallback.stderr);
    assert!(fallback.status.success(), "{stderr}");
    assert!(stderr.contains("device: ndarray") && stderr.contains("flex"), "{stderr}");
    let refused = run("wgpu");
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("Vulkan driver") && !stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_run_on_a_gpu_adapter_agrees_with_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let listed = succeed(folder.path(), &["devices", "--json"]);
    if !listed.contains("\"wgpu\"") {
        skipped("a run on a GPU adapter", "there is no adapter");
        return;
    }
    let data = small_data(folder.path());
    let run = |device: &str| {
        let few = ["--hidden", "14", "--replicas", "2", "--out", device, "--device", device];
        let short = ["--set", "training.batches_per_cycle=12", "--set", "measurement.ratio=0.4"];
        let output = output(folder.path(), &small_run(&data, &[&few[..], &short].concat()));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        (cycles(&folder.path().join(device)), stderr)
    };
    let ((gpu, stderr), (cpu, _)) = (run("wgpu"), run("flex"));
    assert!(stderr.contains("device: wgpu on"), "{stderr}");
    assert_eq!(gpu.len(), cpu.len());
    let number = |row: &std::collections::BTreeMap<String, String>, name: &str| -> f64 {
        row[name].parse().unwrap()
    };
    // The first cycle starts from the same bits; only rounding differs before the first clip.
    for (gpu, cpu) in gpu.iter().zip(&cpu).filter(|(row, _)| row["cycle"] == "0") {
        assert!(["fista", "halpern"].contains(&gpu["solver"].as_str()), "{gpu:?}");
        assert_eq!(cpu["solver"], "homotopy");
        for name in ["train_loss", "accuracy_before_clip"] {
            let (gpu, cpu) = (number(gpu, name), number(cpu, name));
            assert!((gpu - cpu).abs() < 0.01, "{name}: {gpu} {cpu}");
        }
        let clipped = (number(gpu, "accuracy_after_clip"), number(cpu, "accuracy_after_clip"));
        assert!((clipped.0 - clipped.1).abs() < 0.05, "{clipped:?}");
    }
}
