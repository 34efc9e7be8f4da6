//! Reports of runs that are not whole: a visible gap, and the rest is shown.

use std::fs;
use std::path::Path;

use crate::report::{copy_of_run, report};
use crate::support::{rayclip, refused, skipped, small_data, small_run, succeed};

/// A damage: what stderr and page name, what the page shows all the same, and how it is done.
type Damage = (&'static str, &'static str, fn(&Path));

#[test]
fn what_cannot_be_read_is_a_gap_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let rewrite = |run: &Path, change: fn(&str) -> String| {
        let text = fs::read_to_string(run.join("cycles.csv")).unwrap();
        fs::write(run.join("cycles.csv"), change(&text)).unwrap();
    };
    let impossible: [fn(&str) -> String; 4] = [
        |text| text.replacen("0,dtc,0,5,layer_0,34,30", "0,dtc,0,5,layer_0,34,900", 1),
        |text| {
            text.replacen(
                "0,dtc,0,5,layer_0,34,30",
                "0,dtc,0,18446744073709551615,layer_0,34,30",
                1,
            )
        },
        |text| text.replacen("0,dtc,0,5,layer_0,34,30", "0,dtc,0,5,layer_7,34,30", 1),
        |text| text.replacen("0,dtc,0,5,layer_0,34,30", "0,dtc,0,5,layer_0,34,29", 1),
    ];
    for (index, change) in impossible.into_iter().enumerate() {
        let name = format!("impossible{index}");
        rewrite(&copy_of_run(folder.path(), &name), change);
        let (code, stderr, page) = report(folder.path(), &[&name]);
        assert_eq!(code, Some(1), "{index}: {stderr}");
        assert!(stderr.contains("1 of 96 rows are impossible"), "{index}: {stderr}");
        assert!(page.contains("2 of 3 seeds"), "{index}");
    }
    rewrite(&copy_of_run(folder.path(), "lost"), |text| {
        let rows = text.lines().filter(|row| !row.starts_with("1,dtc,1,5,"));
        rows.fold(String::new(), |text, row| text + row + "\n")
    });
    let (code, stderr, _) = report(folder.path(), &["lost"]);
    assert!(
        code == Some(1) && stderr.contains("rows of 1 finished replicas are missing"),
        "{stderr}"
    );
    rewrite(&copy_of_run(folder.path(), "odd"), |text| text.replace("dtc", "d\u{1}c"));
    let (_, _, page) = report(folder.path(), &["odd"]);
    assert!(page.contains("d\u{fffd}c"));
    let damage: [Damage; 7] = [
        ("summary.json", "<td>–</td>", |run| {
            fs::write(run.join("summary.json"), "{").unwrap();
        }),
        ("summary.json", "<td>–</td>", |run| {
            fs::remove_file(run.join("summary.json")).unwrap();
        }),
        ("config.toml", "No settings", |run| fs::write(run.join("config.toml"), "a = ").unwrap()),
        ("latency.csv", "FLOPs", |run| fs::remove_file(run.join("latency.csv")).unwrap()),
        ("cycle_03.safetensors", "Magnitude", |run| {
            fs::write(run.join("rays/cycle_03.safetensors"), [9; 40]).unwrap();
        }),
        ("cycles.csv", "rows are complete", |run| {
            let text = fs::read_to_string(run.join("cycles.csv")).unwrap();
            let row = text.find("\n2,dtc,2,5,").unwrap();
            fs::write(run.join("cycles.csv"), &text[..row + 30]).unwrap();
        }),
        ("was written by rayclip 0.0.3", "what it lacks", |run| {
            let text = fs::read_to_string(run.join("summary.json")).unwrap();
            let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
            assert!(text.contains(&version));
            fs::write(run.join("summary.json"), text.replace(&version, "\"version\": \"0.0.3\""))
                .unwrap();
        }),
    ];
    for (index, (named, shown, damage)) in damage.into_iter().enumerate() {
        let name = format!("run{index}");
        damage(&copy_of_run(folder.path(), &name));
        let (code, stderr, page) = report(folder.path(), &[&name]);
        assert_eq!(code, Some(1), "{named}: {stderr}");
        assert!(stderr.contains(named), "{named}: {stderr}");
        assert!(page.contains("id=\"gaps\"") && page.contains(named), "{named}");
        assert!(page.contains("<svg") && page.contains(shown), "{named}: no {shown}");
    }
}

#[test]
fn a_run_that_was_killed_is_reported_as_far_as_it_got() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    let long = ["--out", "run", "--set", "training.batches_per_cycle=400", "--replicas", "2"];
    let mut child = rayclip(folder.path(), &small_run(&data, &long))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let run = folder.path().join("run");
    while fs::read_to_string(run.join("cycles.csv")).map_or(0, |text| text.lines().count()) < 7 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, stderr, page) = report(folder.path(), &["run"]);
    assert_eq!(code, Some(1));
    let line = "2 of 2 replicas (dtc, seeds 0 to 1) are not finished: the run is in progress, or was killed";
    assert!(stderr.contains(line), "{stderr}");
    assert!(page.contains(line) && page.contains("<svg"));
    assert_eq!(page.matches("class=\"gap\"").count(), 1, "what is missing is said in one place");
    let rows = csv::Reader::from_path(run.join("report/statistics.csv")).unwrap().records().count();
    assert!(rows >= 3, "{rows}");
    let picture = succeed(folder.path(), &["watch", "run"]);
    assert!(picture.contains("run  running") && picture.contains("batches in"), "{picture}");
}

#[test]
fn a_run_without_a_clip_yet_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let text = fs::read_to_string(run.join("cycles.csv")).unwrap();
    fs::write(run.join("cycles.csv"), format!("{}\n", text.lines().next().unwrap())).unwrap();
    let (code, stderr, page) = report(folder.path(), &["run"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("it has no clip yet"), "{stderr}");
    assert!(
        page.contains("without a clip yet") && page.contains("<code>compression.lambda</code>")
    );
    let message = refused(folder.path(), &["report", "run", "--baseline", "dtc"]);
    assert!(message.contains("no clip yet"), "{message}");
}

#[test]
fn runs_that_do_not_compare_are_left_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = small_data(folder.path());
    copy_of_run(folder.path(), "run");
    let quick = ["--set", "training.batches_per_cycle=1", "--quiet", "--method", "l2"];
    let other = [&quick[..], &["--hidden", "30", "--out", "other"]].concat();
    succeed(folder.path(), &small_run(&data, &other));
    let same = [&quick[..], &["--hidden", "60", "--out", "same"]].concat();
    succeed(folder.path(), &small_run(&data, &same));
    let runs = ["run", "nowhere", "other", "same", "run", "--out", "out"];
    let (code, stderr, page) = report(folder.path(), &runs);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("other: left out") && stderr.contains("ladders"), "{stderr}");
    assert!(stderr.contains("nowhere: ") && stderr.lines().count() == 2, "{stderr}");
    // A method of one run alone needs no folder.
    let runs = ["run", "same", "--baseline", "l2", "--out", "out"];
    assert!(report(folder.path(), &runs).2.contains("dtc − l2"));
    assert!(page.contains("left out") && page.contains("l2 − dtc"), "{stderr}");
    assert!(page.contains("<li>training.batches_per_cycle: 30 | 1</li>"));
}

#[test]
fn a_report_is_not_written_over_something_else() {
    let folder = tempfile::tempdir().unwrap();
    copy_of_run(folder.path(), "run");
    let message = refused(folder.path(), &["report", "run", "--out", "run"]);
    assert!(message.contains("run contains something other than a report"), "{message}");
    fs::write(folder.path().join("file"), "mine").unwrap();
    let message = refused(folder.path(), &["report", "run", "--out", "file"]);
    assert!(message.contains("file"), "{message}");
    assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "mine");
    let message = refused(folder.path(), &["report", "nowhere"]);
    assert!(message.contains("nowhere is not the folder of a run"), "{message}");
    assert!(message.contains("there are run"), "{message}");
    let message = refused(folder.path(), &["report", "run", "--baseline", "l1"]);
    assert!(message.contains("`l1`") && message.contains("random"), "{message}");
    assert!(refused(folder.path(), &["report"]).contains("RUN"));
    let message = refused(folder.path(), &["report", "."]);
    assert!(
        message.contains(". is not the folder of a run")
            && message.contains("contains the runs run")
    );
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let run = copy_of_run(folder.path(), "run");
    let lock =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    lock(&run.join("rays"), 0o000);
    if fs::read_dir(run.join("rays")).is_ok() {
        lock(&run.join("rays"), 0o755);
        return skipped("a folder without permission", "this user may read everything");
    }
    let (code, stderr, page) = report(folder.path(), &["run"]);
    lock(&run.join("rays"), 0o755);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("Permission denied") && page.contains("Permission denied"), "{stderr}");
    lock(&run, 0o500);
    let message = refused(folder.path(), &["report", "run", "--out", "run/other"]);
    lock(&run, 0o755);
    assert!(message.contains("run/other"), "{message}");
}
