//! The tables of machines in BENCHMARKS.md, from the records that `rayclip bench all --json` wrote.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use rayclip_report::{Machine, TimedBatch, TimedClip, TimedSolver};

use crate::release;

/// What stands before and after the tables.
const BEGIN: &str = "<!-- machines: `cargo xtask bench machines` -->\n";
const END: &str = "<!-- end of machines -->";

/// Writes the tables of all records in `benches/machines/` into BENCHMARKS.md.
pub(crate) fn write() -> anyhow::Result<()> {
    let folder = release::root().join("benches").join("machines");
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let records = files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!records.is_empty(), "no record in {}", folder.display());
    let page = release::root().join("BENCHMARKS.md");
    let text = fs::read_to_string(&page)?;
    Ok(fs::write(&page, with_tables(&text, &tables(&records))?)?)
}

fn read(file: &Path) -> anyhow::Result<Machine> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// Returns a page with other tables.
fn with_tables(page: &str, tables: &str) -> anyhow::Result<String> {
    let (Some((before, rest)), true) = (page.split_once(BEGIN), page.contains(END)) else {
        bail!("BENCHMARKS.md has no place for the tables of machines");
    };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    Ok(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// Returns the tables: a row for each machine, then a column for each.
fn tables(records: &[Machine]) -> String {
    let mut machines = table(&[
        "machine",
        "device",
        "rayclip",
        "f32 product, GFLOP/s",
        "memory, GB/s",
        "one number, µs",
        "whole benchmark, s",
    ]);
    for (number, record) in records.iter().enumerate() {
        let Machine { rayclip, device, system, cpu, cores, seconds, ceilings, .. } = record;
        machines.add_row([
            format!("{}: {cpu}, {cores} cores, {system}", number + 1),
            device.clone(),
            rayclip.clone(),
            format!("{:.0}", ceilings.product_f32 / 1e9),
            format!("{:.1}", ceilings.bandwidth / 1e9),
            format!("{:.1}", 1e6 * ceilings.latency),
            format!("{seconds:.0}"),
        ]);
    }
    let batches = by_case(records, "training: network × replicas", "ms per batch", |record| {
        let row = |batch: &TimedBatch| {
            let part = batch.fraction_of_product_rate(&record.ceilings);
            let part = part.map_or("–".into(), |part| format!("{part:.2}"));
            let time = milliseconds(batch.median_seconds);
            let cell = format!("{time} for {} ({part})", batch.at_once);
            (format!("{} × {}", batch.network, batch.replicas), cell)
        };
        record.train.iter().map(row).collect()
    });
    let clips = by_case(records, "clip: network × replicas", "ms", |record| {
        let row = |clip: &TimedClip| {
            let cell = format!("{} for {}", milliseconds(clip.median_seconds), clip.at_once);
            (format!("{} × {}", clip.network, clip.replicas), cell)
        };
        record.cycle.iter().map(row).collect()
    });
    let solver = by_case(records, "solver: m × n × columns", "problems/s", |record| {
        let row = |solved: &TimedSolver| {
            let TimedSolver { m, n, columns, algorithm, problems_per_second, .. } = solved;
            let digits = usize::from(*problems_per_second < 100.0);
            let rate = format!("{problems_per_second:.digits$}");
            (format!("{m} × {n} × {columns}, {algorithm}"), rate)
        };
        record.solver.iter().map(row).collect()
    });
    [machines, batches, clips, solver].map(|table| format!("{table}\n")).join("\n")
}

fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(heads);
    table
}

/// Returns a table with a row for each case and a column for each machine; a machine may lack a case.
fn by_case(
    records: &[Machine],
    what: &str,
    unit: &str,
    of: impl Fn(&Machine) -> Vec<(String, String)>,
) -> Table {
    let cells: Vec<Vec<(String, String)>> = records.iter().map(of).collect();
    let mut cases: Vec<&String> = vec![];
    for (case, _) in cells.iter().flatten() {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let heads = (1..=records.len()).map(|number| format!("{unit}, machine {number}"));
    let heads: Vec<String> = [what.to_owned()].into_iter().chain(heads).collect();
    let mut table = table(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    for case in cases {
        let cell = |of_machine: &Vec<(String, String)>| {
            let found = of_machine.iter().find(|(name, _)| name == case);
            found.map_or("–".to_owned(), |(_, cell)| cell.clone())
        };
        table.add_row([case.clone()].into_iter().chain(cells.iter().map(cell)));
    }
    table
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2}", 1e3 * seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(network: &str) -> Machine {
        let record = json!({
            "rayclip": "1", "device": "flex", "system": "Linux", "cpu": "Fast", "cores": 2, "seconds": 3.4,
            "ceilings": {
                "product_f32": 2e11, "host_product_f64": 1e11, "bandwidth": 1e10, "latency": 1e-6,
            },
            "train": [{
                "network": network, "replicas": 8, "at_once": 4, "images": 512, "repetitions": 3,
                "median_seconds": 0.0125, "least_seconds": 0.01, "most_seconds": 0.02,
                "images_per_second": 163840.0, "product_flops": 1.25e9,
            }],
            "cycle": [], "solver": [],
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn a_machine_that_lacks_a_case_has_a_gap() {
        let tables = tables(&[record("mlp-512"), record("lenet5")]);
        let row = |case: &str| {
            let line = tables.lines().find(|line| line.contains(case)).unwrap();
            line.split('|').map(str::trim).collect::<Vec<_>>()[2..4].to_vec()
        };
        assert_eq!(row("mlp-512 × 8"), ["12.50 for 4 (0.50)", "–"]);
        assert_eq!(row("lenet5 × 8"), ["–", "12.50 for 4 (0.50)"]);
        assert!(tables.contains("| 1: Fast, 2 cores, Linux |"), "{tables}");
    }

    #[test]
    fn only_the_tables_of_a_page_change() {
        let page = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let changed = with_tables(&page, "new\n").unwrap();
        assert_eq!(changed, format!("before\n{BEGIN}\nnew\n\n{END}\nafter\n"));
        assert_eq!(with_tables(&changed, "new\n").unwrap(), changed);
        assert!(with_tables("no place", "new").is_err());
    }
}
