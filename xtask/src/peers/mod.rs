//! Compares the solver with others on the same inputs. Our certificate scores every answer.

mod cases;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use safetensors::SafeTensors;
use serde_json::Value;

use self::cases::{CASES, Case};
use crate::release;

#[derive(Args)]
pub(crate) struct PeersArgs {
    /// `rays.safetensors` of the recorded run; without it, this case is skipped
    #[arg(long, value_name = "FILE")]
    rays: Option<PathBuf>,
    /// Also time 16384 × 1638, which takes the peers minutes
    #[arg(long)]
    large: bool,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// After this many seconds, a peer starts no more problems of a case
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    limit: u32,
}

/// The result of one solver on a case.
struct Score {
    milliseconds: f64,
    /// CPU seconds per problem. For our solver it is an upper bound: all cores, all the time.
    cpu_seconds: f64,
    solved: usize,
    columns: usize,
    gap: f64,
    /// The largest relative excess of the objective over the best known one.
    excess: f64,
}

pub(crate) fn bench(args: &PeersArgs) -> anyhow::Result<()> {
    let binary = release::build()?;
    let scripts = release::root().join("benches").join("peers");
    let python = environment(&scripts)?;
    let work = tempfile::tempdir_in(release::target())?;
    let tools = Tools { binary, python, scripts, folder: work.path().to_owned() };
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header([
        "case",
        "solver",
        "ms per problem",
        "CPU-s per problem",
        "solved",
        "largest gap",
        "objective − optimum",
        "rayclip is",
        "target",
    ]);
    for case in CASES.iter().filter(|case| case.name.contains(&args.only)) {
        let large = case.size.starts_with("16384");
        if (large && !args.large) || (case.size.is_empty() && args.rays.is_none()) {
            continue;
        }
        let files = tools.write(case, args.rays.as_deref())?;
        compare(&tools, case, &files, args.limit, &mut table)?;
        files.iter().try_for_each(fs::remove_file)?;
    }
    table.add_row(tools.matrix_free()?);
    #[expect(clippy::print_stdout, reason = "the table is the result of the task")]
    {
        println!("{table}");
    }
    Ok(())
}

/// Runs the solver and every peer in turn, and adds their rows to the table.
fn compare(
    tools: &Tools,
    case: &Case,
    files: &[PathBuf],
    limit: u32,
    table: &mut Table,
) -> anyhow::Result<()> {
    let optima = tools.optima(files)?;
    let mut own = vec![tools.own(files, case.repeats)?];
    let mut others = Vec::new();
    for peer in case.peers {
        others.push((peer, tools.peer(peer.name, files, &optima, limit)?));
        own.push(tools.own(files, case.repeats)?);
    }
    own.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    let own = own.swap_remove(own.len() / 2);
    let target = case.cpu_seconds.map_or(String::new(), |most| {
        let verdict = if own.cpu_seconds <= most { "met" } else { "missed" };
        format!("{most} CPU-s: {verdict}")
    });
    table.add_row(own.row(case.name, "rayclip", String::new(), target));
    for (peer, score) in others {
        let factor = score.milliseconds / own.milliseconds;
        let target = peer.target.map_or(String::new(), |target| {
            let verdict = if factor >= target { "met" } else { "missed" };
            format!("{target}×: {verdict}")
        });
        table.add_row(score.row(case.name, peer.name, format!("{factor:.1}× as fast"), target));
    }
    Ok(())
}

impl Score {
    fn row(&self, case: &str, solver: &str, factor: String, target: String) -> [String; 9] {
        [
            case.to_owned(),
            solver.to_owned(),
            format!("{:.3}", self.milliseconds),
            format!("{:.4}", self.cpu_seconds),
            format!("{} of {}", self.solved, self.columns),
            format!("{:.0e}", self.gap),
            format!("{:.0e}", self.excess),
            factor,
            target,
        ]
    }
}

struct Tools {
    binary: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// Writes the files of a case.
    fn write(&self, case: &Case, rays: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
        let folder = self.folder.join("cases");
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join("cases.py")).arg("--out").arg(&folder);
        match rays {
            Some(rays) if case.size.is_empty() => command.arg("--rays").arg(rays),
            _ => command.args(["--sizes", case.size]),
        };
        command.args(case.ratio.map(|ratio| ["--ratio", ratio]).into_iter().flatten());
        ensure!(command.status()?.success(), "the cases of {} were not written", case.name);
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        files.sort();
        Ok(files)
    }

    /// Returns the exact objective of every column.
    fn optima(&self, files: &[PathBuf]) -> anyhow::Result<Vec<f64>> {
        let mut optima = Vec::new();
        for file in files {
            let out = self.folder.join("exact.safetensors");
            let mut command = Command::new(&self.binary);
            command.arg("solve").arg(file).args([
                "--lambda",
                &weight(file)?,
                "--tolerance",
                "1e-9",
            ]);
            command.args(["--device", "flex", "--json", "--out"]).arg(&out);
            let lines = json_lines(&mut command)?;
            optima.extend(lines.iter().filter_map(|line| line["objective"].as_f64()));
            fs::remove_file(out)?;
        }
        Ok(optima)
    }

    fn own(&self, files: &[PathBuf], repeats: u32) -> anyhow::Result<Score> {
        let mut command = Command::new(&self.binary);
        command.args(["bench", "solver", "--device", "flex", "--json"]);
        command.args(["--repeats", &repeats.to_string(), "--problems"]).args(files);
        let lines = json_lines(&mut command)?;
        let sum = |key: &str| lines.iter().filter_map(|line| line[key].as_f64()).sum::<f64>();
        let gaps = lines.iter().filter_map(|line| line["relative_gap"].as_f64());
        let gap = gaps.fold(0.0, f64::max);
        Ok(Score {
            milliseconds: 1e3 * sum("seconds") / sum("columns"),
            cpu_seconds: cores() * sum("seconds") / sum("columns"),
            solved: sum("converged") as usize,
            columns: sum("columns") as usize,
            gap,
            excess: gap,
        })
    }

    /// Runs a peer and certifies its answers.
    fn peer(
        &self,
        name: &str,
        files: &[PathBuf],
        optima: &[f64],
        limit: u32,
    ) -> anyhow::Result<Score> {
        let out = self.folder.join("answers");
        fs::create_dir_all(&out)?;
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join("run.py")).args(["--peer", name, "--cases"]).args(files);
        command.arg("--out").arg(&out).args(["--limit", &limit.to_string()]);
        ensure!(command.stderr(Stdio::null()).status()?.success(), "the peer {name} failed");
        let (mut seconds, mut cpu_seconds) = (Vec::new(), Vec::new());
        let mut columns = Vec::new();
        for file in files {
            let answers = out.join(file.file_name().context("a case has a name")?);
            seconds.extend(finite(&answers, "seconds")?);
            cpu_seconds.extend(finite(&answers, "cpu_seconds")?);
            let mut command = Command::new(&self.binary);
            command.arg("solve").arg(file).args(["--lambda", &weight(file)?, "--json", "--check"]);
            columns.extend(json_lines(command.arg(&answers))?);
        }
        columns.retain(|line| line.get("column").is_some());
        let certified = columns.iter().zip(optima).filter_map(|(line, optimum)| {
            Some((line["relative_gap"].as_f64()?, line["objective"].as_f64()? / optimum - 1.0))
        });
        let (gap, excess) =
            certified.fold((0.0_f64, 0.0_f64), |(gap, excess), (g, e)| (gap.max(g), excess.max(e)));
        Ok(Score {
            milliseconds: 1e3 * mean(&seconds),
            cpu_seconds: mean(&cpu_seconds),
            solved: seconds.len(),
            columns: columns.len(),
            gap,
            excess,
        })
    }

    /// Times the large problem without a stored matrix, with its peak memory.
    fn matrix_free(&self) -> anyhow::Result<[String; 9]> {
        let mut command = Command::new(&self.binary);
        command.args(["bench", "solver", "--operator", "dct", "--sizes", "16384x1638x2"]);
        command.args(["--device", "flex", "--repeats", "1", "--json"]);
        let out = self.folder.join("matrix-free.json");
        command.stdout(fs::File::create(&out)?).stderr(Stdio::null());
        let peak = release::watch(&mut command.spawn()?)?;
        let line: Value = serde_json::from_slice(&fs::read(&out)?)?;
        let number = |key: &str| line[key].as_f64().with_context(|| format!("no {key}"));
        let score = Score {
            milliseconds: 1e3 * number("seconds")? / number("columns")?,
            cpu_seconds: cores() * number("seconds")? / number("columns")?,
            solved: number("converged")? as usize,
            columns: number("columns")? as usize,
            gap: number("relative_gap")?,
            excess: number("relative_gap")?,
        };
        let (memory, verdict) = peak.map_or((String::new(), ""), |peak| {
            let verdict = if peak < 200.0 { "200 MiB: met" } else { "200 MiB: missed" };
            (format!("in {peak:.0} MiB"), verdict)
        });
        Ok(score.row("16384×1638, 2 columns, DCT", "rayclip", memory, verdict.to_owned()))
    }
}

/// Returns a Python with the packages of `requirements.txt`. It is made once, in the target folder.
fn environment(scripts: &Path) -> anyhow::Result<PathBuf> {
    let folder = release::target().join("peers");
    let python = folder.join("bin").join("python");
    let required = fs::read_to_string(scripts.join("requirements.txt"))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == required) {
        return Ok(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status()?;
    ensure!(made.success(), "python3 -m venv failed; on Debian, install python3-venv");
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "-r"]).arg(scripts.join("requirements.txt"));
    ensure!(install.status()?.success(), "the peers could not be installed");
    fs::write(installed, required)?;
    Ok(python)
}

/// Returns the stdout of a command, one JSON value per line. Exit code 1 is a missed tolerance.
fn json_lines(command: &mut Command) -> anyhow::Result<Vec<Value>> {
    let output = command.output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(matches!(output.status.code(), Some(0 | 1)), "{command:?}: {stderr}");
    let stdout = String::from_utf8(output.stdout)?;
    Ok(stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Returns λ of a case.
fn weight(file: &Path) -> anyhow::Result<String> {
    let lambda = finite(file, "lambda")?;
    Ok(lambda.first().context("a case has a weight")?.to_string())
}

/// Returns the values of a tensor for the problems that were solved.
fn finite(answers: &Path, name: &str) -> anyhow::Result<Vec<f64>> {
    let bytes = fs::read(answers)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let tensor = tensors.tensor(name)?;
    let words = tensor.data().as_chunks::<8>().0.iter();
    Ok(words.map(|word| f64::from_le_bytes(*word)).filter(|value| value.is_finite()).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}
