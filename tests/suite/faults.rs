//! Disks that are full, folders that cannot be written to, numbers that are none, devices that are too small:
//! what was saved stays, the message says what happened, and the run goes on once it can.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{
    devices, ends_with, output, rayclip, refused, skipped, small_data, small_run, succeed, summary,
};

fn network(run: &Path) -> Vec<u8> {
    fs::read(run.join("network.safetensors")).unwrap()
}

/// A shell script in `folder`, `$@` being rayclip with its arguments.
#[cfg(unix)]
fn script(folder: &Path, text: &str, arguments: &[String]) -> Output {
    let command = rayclip(folder, arguments);
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", text, "sh"]).arg(command.get_program());
    shell.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_ends_the_run_and_it_goes_on_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "whole"]));
    // From a limit under which no checkpoint can be written, to one that refuses the last table alone.
    let mut refusals = 0;
    for blocks in [1, 4, 8, 40, 80, 120] {
        let name = format!("run-{blocks}");
        let run = folder.path().join(&name);
        let flags = small_run(&data, &["--out", &name]);
        // Nobody ignores the signal for it.
        let limited = format!("ulimit -f {blocks}; exec \"$@\"");
        let result = script(folder.path(), &limited, &flags);
        let stderr = text(&result.stderr);
        assert!(matches!(result.status.code(), Some(0 | 2)), "{:?} {stderr}", result.status);
        if result.status.code() == Some(2) {
            refusals += 1;
            assert!(stderr.contains(&name) && stderr.contains("File too large"), "{stderr}");
        }
        succeed(folder.path(), &flags);
        assert!(network(&run) == network(&folder.path().join("whole")));
    }
    assert!(refusals >= 3, "{refusals}");
}

/// What a script prints that has a small disk of its own; nothing where this user may not have one.
#[cfg(target_os = "linux")]
fn on_a_small_disk(
    test: &str,
    folder: &Path,
    size: &str,
    body: &str,
    flags: &[String],
) -> Option<String> {
    fs::create_dir(folder.join("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs disk || exit 77\n{body}");
    let command = rayclip(folder, flags);
    let mut shell = Command::new("unshare");
    shell.current_dir(folder).args(["-rm", "sh", "-c", &script, "sh"]).arg(command.get_program());
    let result = shell.args(flags).output();
    match result {
        Ok(result) if result.status.success() => Some(text(&result.stdout) + &text(&result.stderr)),
        other => {
            let said = other.map(|result| (result.status, text(&result.stderr)));
            // A script that fails for another reason is a failure.
            let why = format!("{said:?}");
            let not_allowed =
                ["unshare", "mount", "NotFound"].iter().any(|word| why.contains(word));
            assert!(not_allowed, "{why}");
            skipped(test, "no disk can be mounted");
            None
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_ends_the_run_and_it_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "whole"]));
    let flags = small_run(&data, &["--out", "disk/run", "--quiet"]);
    // Room for one checkpoint and a half; then for a few, of which all but the last give way.
    let body = "
        head -c 350000 /dev/zero > disk/filler
        \"$@\" && exit 1
        ls disk/run/checkpoints
        head -c 300000 /dev/zero > disk/filler
        \"$@\" || echo failed
        rm disk/filler
        \"$@\" || exit 1
        cp -r disk/run run";
    let test = "a_disk_that_is_full_ends_the_run_and_it_goes_on_when_there_is_room";
    let Some(said) = on_a_small_disk(test, folder.path(), "400k", body, &flags) else { return };
    assert!(said.contains("disk/run") && said.contains("No space left"), "{said}");
    assert!(network(&folder.path().join("run")) == network(&folder.path().join("whole")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_to_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    succeed(folder.path(), &small_run(&data, &["--out", "whole"]));
    let flags = small_run(&data, &["--out", "disk/run", "--quiet"]);
    let body = "
        head -c 350000 /dev/zero > disk/filler
        \"$@\" && exit 1
        mount -o remount,ro disk && \"$@\" && exit 1
        mount -o remount,rw disk && rm disk/filler && \"$@\" || exit 1
        cp -r disk/run run";
    let test = "a_folder_that_cannot_be_written_to_is_named_and_left_as_it_is";
    let Some(said) = on_a_small_disk(test, folder.path(), "400k", body, &flags) else { return };
    assert!(said.contains("disk/run/.lock") && said.contains("Read-only"), "{said}");
    assert!(network(&folder.path().join("run")) == network(&folder.path().join("whole")));
}

#[test]
fn gradients_that_are_no_numbers_freeze_a_replica_or_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let diverging = ["--replicas", "2", "--set", "training.learning_rate=1e30", "--out"];
    let flags = |name: &'static str, more: &[&str]| {
        small_run(&data, &[&diverging[..], &[name], more].concat())
    };
    let message = refused(folder.path(), &flags("stopped", &["--on-divergence", "stop"]));
    assert!(message.contains("NaN") && message.contains("--on-divergence freeze"), "{message}");
    let run = folder.path().join("stopped");
    assert_eq!(summary(&run)["outcome"], "failed");
    // Nothing was lost: the replica is frozen where it would have been, and there is no other.
    let message = ends_with(1, folder.path(), &["resume", "stopped"]);
    assert!(message.contains("frozen: replica 0") && message.contains("diverged"), "{message}");
    assert!(message.contains("no replica is left") && !message.contains("on;"), "{message}");
    let anew = ends_with(1, folder.path(), &flags("frozen", &["--on-divergence", "freeze"]));
    assert!(anew.contains("frozen: replica 0"), "{anew}");
    assert_eq!(summary(&run)["replicas"], summary(&folder.path().join("frozen"))["replicas"]);
    let message = refused(folder.path(), &flags("no", &["--on-divergence", "ignore"]));
    assert!(message.contains("--on-divergence") && message.contains("freeze, stop"), "{message}");
}

#[test]
fn a_tensor_that_the_adapter_cannot_bind_is_refused_before_training() {
    let test = "a_tensor_that_the_adapter_cannot_bind_is_refused_before_training";
    if devices().iter().all(|(name, _)| *name != "wgpu") {
        return skipped(test, "there is no adapter");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let flags = ["--device", "wgpu", "--hidden", "60000,60000", "--out", "run", "--quiet"];
    let message = refused(folder.path(), &small_run(&data, &flags));
    assert!(
        message.contains("the device can bind") && message.contains("network.hidden"),
        "{message}"
    );
    // And what no memory holds.
    let flags = ["--device", "flex", "--hidden", "60000,60000", "--out", "flex", "--quiet"];
    let message = refused(folder.path(), &small_run(&data, &flags));
    assert!(message.contains("free") && message.contains("network.hidden"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_whose_memory_runs_out_ends_the_run_and_leaves_nothing_half_written() {
    let test = "a_device_whose_memory_runs_out_ends_the_run_and_leaves_nothing_half_written";
    if devices().iter().all(|(name, _)| *name != "wgpu") {
        return skipped(test, "there is no adapter");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let wide = ["--device", "wgpu", "--hidden", "4000,4000", "--out", "run", "--quiet"];
    let short = ["--set", "training.batches_per_cycle=1", "--set", "compression.min_width=3999"];
    let flags = small_run(&data, &[&wide[..], &short].concat());
    // The software adapter takes the memory of the process.
    let limited = "ulimit -v 2200000; exec \"$@\"";
    let result = script(folder.path(), limited, &flags);
    if result.status.success() {
        return skipped(test, "the adapter has memory of its own");
    }
    let stderr = text(&result.stderr);
    // After a driver that fell, no line need be there; a message that is names what happened.
    let told = stderr.to_lowercase().contains("memory") || stderr.contains("does not work");
    assert!(told || result.status.code().is_none(), "{:?} {stderr}", result.status);
    let run = folder.path().join("run");
    if run.exists() {
        let config = fs::read_to_string(run.join("config.toml")).unwrap();
        assert!(config.contains("wgpu"), "{config}");
        let message = refused(folder.path(), &small_run(&data, &["--out", "run", "--seed", "8"]));
        assert!(message.contains("another run"), "{message}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_reason_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let mut command = rayclip(folder.path(), &small_run(&data, &["--out", "run", "--json"]));
    let mut process = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    assert!(process.wait().unwrap().success());
    let result = output(folder.path(), &["resume", "run"]);
    assert!(text(&result.stderr).contains("finished: nothing was run"));
}

#[cfg(target_os = "linux")]
#[test]
fn older_checkpoints_give_way_to_any_file_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let more = ["--set", "compression.min_width=32", "--checkpoint-every", "100", "--quiet"];
    let more = [&more[..], &["--keep-checkpoints", "6"]].concat();
    let long = ["--set", "training.batches_per_cycle=1000", "--out"];
    let flags = |out: &'static str| small_run(&data, &[&more[..], &long, &[out]].concat());
    succeed(folder.path(), &flags("whole"));
    // Six checkpoints, and not a byte for what the run that goes on writes first.
    let body = "
        \"$@\" & process=$!
        until [ $(ls disk/run/checkpoints 2>/dev/null | grep -c '^[0-9]') -ge 6 ]; do
            kill -0 $process || exit 1
        done
        kill -9 $process; wait $process
        head -c 1000000 /dev/zero > disk/filler && exit 1
        \"$@\" || exit 1
        cp -r disk/run run";
    let test = "older_checkpoints_give_way_to_any_file_of_the_run";
    let flags = flags("disk/run");
    let Some(said) = on_a_small_disk(test, folder.path(), "800k", body, &flags) else { return };
    // The filler's message alone.
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
    assert!(network(&folder.path().join("run")) == network(&folder.path().join("whole")));
}
