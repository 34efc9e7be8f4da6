//! For any content of a run folder, a report gives a result or a reason, and needs little memory.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not there")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rayclip_report::{
    EventFiles, Facts, Recorded, Run, closing_table, last_rays, missing, write_report,
};
use rayclip_run_folder::presets::{Layers, Setting, resolve};

#[path = "../../../fuzz/memory.rs"]
mod memory;

const NAMES: [&str; 9] = [
    "cycles.csv",
    "timings.csv",
    "progress.json",
    "summary.json",
    "config.toml",
    "latency.csv",
    "accuracy.csv",
    "measurements.safetensors",
    "rays/cycle_00.safetensors",
];

/// The bytes of the files in [`NAMES`].
type Parts = Vec<Vec<u8>>;

/// Splits an input of the fuzz target into files, at lines with a single `%`.
fn parts(input: &[u8]) -> Parts {
    let mut rest = input;
    let mut parts = vec![];
    while let Some(end) = rest.windows(3).position(|window| window == b"\n%\n") {
        if parts.len() + 1 == NAMES.len() {
            break;
        }
        parts.push(rest[..end].to_vec());
        rest = &rest[end + 3..];
    }
    parts.push(rest.to_vec());
    parts
}

/// Returns the inputs of the fuzz target: its `seeds`, or the `found` ones.
fn inputs(kind: &str) -> Vec<Vec<u8>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join("run_folder");
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// A run folder that is written many times.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("run/rays")).unwrap();
        Self(folder)
    }

    fn run(&self) -> PathBuf {
        self.0.path().join("run")
    }

    /// Reads a run with these files; `None` if it is refused.
    fn read(&self, parts: &[Vec<u8>]) -> Option<Facts> {
        for (index, name) in NAMES.into_iter().enumerate() {
            let path = self.run().join(name);
            match parts.get(index) {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
        // A recorded run may be in the same folder.
        if let Err(error) = Recorded::read(&self.run()) {
            assert!(!error.to_string().is_empty());
        }
        let (run, mut gaps) = match Run::read_what_is_there(&self.run()) {
            Ok(found) => found,
            Err(error) => {
                assert!(error.to_string().contains("cycles.csv"), "{error}");
                return None;
            }
        };
        closing_table(&run);
        last_rays(&run, &mut gaps);
        let facts = Facts::gather(&[self.run()], None, None).unwrap();
        missing(&facts);
        Some(facts)
    }

    /// Reads a run and writes everything that a report writes.
    fn report(&self, parts: &[Vec<u8>]) {
        let Some(facts) = self.read(parts) else { return };
        write_report(&facts, &self.0.path().join("report")).unwrap();
        let events = self.0.path().join("events");
        for run in &facts.runs {
            EventFiles::new(&events).write_run(run).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.retain(|name| !["run", "report", "events"].iter().any(|own| name == own));
        assert!(names.is_empty(), "written outside its folders: {names:?}");
    }
}

/// Returns a seed of the fuzz target.
fn seed(name: &str) -> Parts {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/run_folder");
    parts(&fs::read(seeds.join(name)).unwrap())
}

/// Returns a folder as version 0.1 wrote it.
fn whole() -> Parts {
    seed("version_0_1")
}

/// Replaces the configuration by the complete one of a run.
fn with_settings(mut parts: Parts) -> Parts {
    let settings = ["data.source=d", "network.hidden=[4]", "training.batch_size=5"];
    let more = ["training.batches_per_cycle=2", "compression.min_width=2"];
    let settings = settings.iter().chain(&more);
    let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
    let config = resolve(&Layers { settings, ..Layers::default() }).unwrap();
    parts[4] = toml::to_string(&config).unwrap().into_bytes();
    parts
}

/// Returns the same folder as it is written now.
fn whole_now() -> Parts {
    seed("whole")
}

#[test]
fn a_whole_folder_has_no_gap() {
    for (parts, flops) in [(with_settings(whole()), 1280.0), (whole_now(), 1e3)] {
        let facts = Folder::new().read(&parts).unwrap();
        let gaps: Vec<&str> = facts.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        // The second clip has no rays.
        assert!(gaps.len() == 1 && gaps[0].contains("cannot be read"), "{gaps:?}");
        assert_eq!((facts.rays.len(), facts.widths.len()), (1, 3));
        // 10 images with 4 · 5 · 4 + 6 · 4 · 2 each; or the value in the rows.
        assert_eq!(facts.costs[0].training_flops, Some(flops));
        assert_eq!((facts.widths[0].macs, facts.widths[1].macs), (Some(28), Some(21)));
    }
    let folder = Folder::new();
    folder.read(&whole());
    assert_eq!(Recorded::read(&folder.run()).unwrap().entropies.len(), 24);
}

#[test]
fn what_a_fuzzer_found_is_reported() {
    let folder = Folder::new();
    for input in inputs("found") {
        folder.report(&parts(&input));
    }
}

#[test]
fn every_truncation_of_every_file_is_answered() {
    let folder = Folder::new();
    let whole = whole();
    for index in 0..whole.len() {
        let mut parts = whole.clone();
        while parts[index].pop().is_some() {
            folder.read(&parts);
        }
    }
}

#[test]
fn one_wrong_byte_anywhere_is_answered() {
    let folder = Folder::new();
    let (old, now) = (whole(), whole_now());
    // What both versions have in common is damaged only once.
    let all = (0..old.len()).map(|index| (&old, index, 1));
    for (whole, index, step) in all.chain([(&now, 0, 3), (&now, 3, 3)]) {
        for byte in (0..whole[index].len()).step_by(step) {
            let mut parts = whole.clone();
            // A digit becomes another, a delimiter something else, a number in f64 becomes huge.
            parts[index][byte] ^= if byte % 2 == 0 { 0x01 } else { 0x7f };
            folder.read(&parts);
        }
    }
}

/// Absurd values for a column.
const ABSURD: [&str; 14] = [
    "18446744073709551615",
    "1152921504606846976",
    "4294967296",
    "-1",
    "0",
    "1e308",
    "-1e308",
    "NaN",
    "inf",
    "1e-320",
    "",
    "../../../x",
    "\u{1b}[2J",
    "\"\n\"",
];

#[test]
fn absurd_values_in_a_table_are_reported() {
    let folder = Folder::new();
    let (old, now) = (whole(), whole_now());
    for (whole, index, name) in [
        (&old, 0, "cycles.csv"),
        (&now, 0, "cycles.csv"),
        (&old, 1, "timings.csv"),
        (&old, 5, "latency.csv"),
        (&old, 6, "accuracy.csv"),
    ] {
        let text = String::from_utf8(whole[index].clone()).unwrap();
        let columns = text.lines().next().unwrap().split(',').count();
        for column in 0..columns {
            for value in ABSURD {
                let changed: Vec<String> = text
                    .lines()
                    .enumerate()
                    .map(|(line, row)| {
                        let mut fields: Vec<&str> = row.split(',').collect();
                        if line > 0 {
                            fields[column] = value;
                        }
                        fields.join(",")
                    })
                    .collect();
                let mut parts = whole.clone();
                parts[index] = changed.join("\n").into_bytes();
                let facts = folder.read(&parts);
                assert!(
                    facts.is_none_or(|facts| facts.widths.len() <= 3),
                    "{name} {column} {value}"
                );
            }
        }
    }
}

#[test]
fn absurd_numbers_beside_the_table_are_reported() {
    let folder = Folder::new();
    let (old, now) = (with_settings(whole()), whole_now());
    for (whole, index) in [(&old, 2), (&old, 3), (&now, 3), (&old, 4)] {
        let text = String::from_utf8(whole[index].clone()).unwrap();
        let numbers: Vec<usize> =
            text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
        for at in numbers {
            for value in
                ["18446744073709551615", "9223372036854775807", "-1", "1e308", "0", "[]", "[[[["]
            {
                let mut parts = whole.clone();
                parts[index] = format!("{}{value}{}", &text[..at], &text[at + 1..]).into_bytes();
                folder.read(&parts);
            }
        }
    }
}

#[test]
fn what_is_absurd_is_drawn_all_the_same() {
    let folder = Folder::new();
    folder.report(&with_settings(whole()));
    let whole = whole_now();
    folder.report(&whole);
    let text = String::from_utf8(whole[0].clone()).unwrap();
    for (good, bad) in [
        ("0,dtc,", "0,../../../x,"),
        (",0.5,21,", ",1e30,21,"),
        (",2,100", ",2,1e30"),
        (",1e3,2e3", ",1e30,1e-320"),
        ("dtc", "\u{1b}<b>"),
    ] {
        let mut parts = whole.clone();
        parts[0] = text.replace(good, bad).into_bytes();
        folder.report(&parts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_answered(
        index in 0_usize..9,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..400,
    ) {
        let mut parts = whole();
        let at = at.min(parts[index].len());
        parts[index].splice(at.., bytes);
        Folder::new().read(&parts);
    }
}

#[test]
fn a_large_table_of_one_cycle_after_another_is_read_in_time() {
    let folder = Folder::new();
    let mut parts = whole();
    let text = String::from_utf8(parts[0].clone()).unwrap();
    let head = text.lines().next().unwrap().to_owned();
    let row = |n: usize| format!("{n},dtc,{n},{},0,4,3,0.25,0.9,0.8,0.85,,,0.5,21,2,100", n * 7919);
    let rows: Vec<String> = std::iter::once(head).chain((0..20_000).map(row)).collect();
    parts[0] = rows.join("\n").into_bytes();
    // A ladder of four neurons has fewer cycles.
    let facts = folder.read(&parts[..1]).unwrap();
    assert!(facts.runs[0].cycles() <= 4, "{}", facts.runs[0].cycles());
    parts[3] = String::from_utf8(parts[3].clone())
        .unwrap()
        .replace("\"widths_before\": [4]", "\"widths_before\": [1048576]")
        .into_bytes();
    parts[0] =
        String::from_utf8(parts[0].clone()).unwrap().replace(",4,3,", ",1048576,3,").into_bytes();
    let facts = folder.read(&parts).unwrap();
    assert!(facts.runs[0].cycles() <= 2048, "{}", facts.runs[0].cycles());
}
