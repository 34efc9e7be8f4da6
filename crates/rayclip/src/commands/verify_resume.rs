//! `rayclip verify-resume`: kills a run at random moments and resumes it until it is finished. It must leave the
//! same files as an uninterrupted run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayclip_data::{MANIFEST, Manifest, is_partial, sha256_of};
use rayclip_run_folder::RunConfig;
use rayclip_run_folder::presets::Setting;
use serde::Deserialize;

use super::configure::{methods, resolve};
use super::folders::check_out;
use crate::args::VerifyResumeArgs;
use crate::{device, output};

/// Files that record times or a process, and the file with their SHA-256. They differ between repetitions.
const TIMED: [&str; 5] = ["timings.csv", "progress.json", "latency.csv", MANIFEST, ".lock"];

/// A small run with all stages: clips of two groups in two chunks, and networks from scratch.
const METHODS: [&str; 2] = ["dtc", "scratch"];
const SMALL: [&str; 5] = [
    "network.hidden=[24, 16]",
    "replicas=3",
    "training.batch_size=64",
    "training.batches_per_cycle=12",
    "data.validation=0.1",
];
const FLAGS: [&str; 6] = ["--at-once", "2", "--checkpoint-every", "5", "--keep-checkpoints", "2"];

/// How often the folder is checked for a write in progress.
const LOOK: Duration = Duration::from_micros(200);

/// Runs once without interruption, then with kills, and compares.
pub(crate) fn verify_resume(args: &VerifyResumeArgs) -> anyhow::Result<ExitCode> {
    let small = SMALL.map(Setting::parse).into_iter().collect::<Result<Vec<_>, _>>();
    let mut defaults = small.map_err(anyhow::Error::msg)?;
    defaults.push(methods(&METHODS.map(str::to_owned)));
    let asked = (!args.methods.is_empty()).then(|| methods(&args.methods));
    let mut config = resolve(&args.config, defaults, asked.into_iter().collect())?;
    if config.compression.target_latency > 0.0 {
        bail!(
            "verify-resume cannot compare runs whose widths come from timings: set compression.target_macs instead \
             of compression.target_latency"
        );
    }
    let chosen = device::choose_fast(config.device)?;
    config.device = chosen.resolved(config.device);
    output::note(&format!("device: {} — {}", chosen.name, chosen.reason));
    // The runs need the device for themselves.
    drop(chosen);

    let temporary = tempfile::tempdir().context("making a temporary folder")?;
    let folder = match &args.out {
        None => temporary.path(),
        Some(folder) => {
            check_out(folder)?;
            fs::create_dir(folder).with_context(|| {
                format!("making {}; nothing was overwritten: it must not exist", folder.display())
            })?;
            folder
        }
    };
    let mut trial = Trial::new(folder, &config, args.seed_of_moments)?;
    match trial.verify(args.kills)? {
        None => {
            output::result(&format!(
                "the same SHA-256: {} files of an uninterrupted run and of {} runs that were killed {} times in \
                 total ({}); not compared: {}",
                trial.files,
                trial.runs,
                args.kills,
                trial.stages(),
                TIMED.join(", ")
            ));
            Ok(ExitCode::SUCCESS)
        }
        Some(difference) => {
            output::result(&format!("different: {difference}"));
            Ok(ExitCode::from(1))
        }
    }
}

/// A run that is started several times.
struct Trial {
    folder: PathBuf,
    config: PathBuf,
    moments: ChaCha8Rng,
    /// Seconds of the uninterrupted run, and the number of writes that were seen in it.
    seconds: f64,
    writes: usize,
    /// The number of kills for each stage of the run.
    killed: BTreeMap<&'static str, usize>,
    /// Runs that were killed and then finished, and the files of each.
    runs: usize,
    files: usize,
}

/// When a process is killed.
enum Moment {
    After(Duration),
    /// At the write with this number.
    Write(usize),
    Never,
}

impl Trial {
    fn new(folder: &Path, config: &RunConfig, seed: u64) -> anyhow::Result<Self> {
        let file = folder.join("asked.toml");
        let text = toml::to_string(config).context("encoding the configuration")?;
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            config: file,
            moments: ChaCha8Rng::seed_from_u64(seed),
            seconds: 0.0,
            writes: 0,
            killed: BTreeMap::new(),
            runs: 0,
            files: 0,
        })
    }

    /// Returns the first difference between a killed run and the uninterrupted one.
    fn verify(&mut self, kills: usize) -> anyhow::Result<Option<String>> {
        let peace = self.folder.join("uninterrupted");
        let began = Instant::now();
        let (_, writes) = self.start(&peace, &Moment::Never)?;
        (self.seconds, self.writes) = (began.elapsed().as_secs_f64(), writes.max(1));
        output::note(&format!("uninterrupted: {:.1} s", self.seconds));
        let mut left = kills;
        while left > 0 {
            let run = self.folder.join(format!("killed-{}", self.runs + 1));
            loop {
                let moment = self.moment(left);
                if let (Some(_), _) = self.start(&run, &moment)? {
                    break;
                }
                left -= 1;
                self.tell(&run, kills - left, kills);
            }
            self.runs += 1;
            self.files = files_of(&peace)?.len();
            for run in [&peace, &run] {
                if let Some(problem) = manifest_problem(run)? {
                    return Ok(Some(problem));
                }
            }
            if let Some(difference) = first_difference(&peace, &run)? {
                return Ok(Some(difference));
            }
        }
        Ok(None)
    }

    /// Draws a moment: half of them are times, half are writes.
    fn moment(&mut self, left: usize) -> Moment {
        match left {
            0 => Moment::Never,
            _ if self.moments.random() => Moment::Write(self.moments.random_range(0..self.writes)),
            _ => {
                let seconds = self.moments.random_range(0.0..self.seconds);
                Moment::After(Duration::from_secs_f64(seconds))
            }
        }
    }

    /// Starts or resumes the run, and kills it at the moment. Returns its exit status if it ended before, and the
    /// number of writes.
    fn start(&self, run: &Path, moment: &Moment) -> anyhow::Result<(Option<ExitStatus>, usize)> {
        let mut command = Command::new(std::env::current_exe().context("finding rayclip itself")?);
        command.args(["run", "--quiet", "--config"]).arg(&self.config).arg("--out").arg(run);
        let said = self.folder.join("stderr.txt");
        let stderr = fs::File::create(&said).with_context(|| said.display().to_string())?;
        command.args(FLAGS).stdout(Stdio::null()).stderr(stderr);
        let mut process = command.spawn().context("starting rayclip")?;
        let (began, mut writes, mut writing) = (Instant::now(), 0, false);
        loop {
            if let Some(status) = process.try_wait()? {
                let text = fs::read_to_string(&said).unwrap_or_default();
                ensure!(status.success(), "the run failed ({status}): {}", text.trim());
                return Ok((Some(status), writes));
            }
            let now = is_writing(run);
            writes += usize::from(now && !writing);
            writing = now;
            let due = match *moment {
                Moment::After(time) => began.elapsed() >= time,
                Moment::Write(number) => writes > number,
                Moment::Never => false,
            };
            if due {
                process.kill().context("killing rayclip")?;
                process.wait()?;
                return Ok((None, writes));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Prints what a killed run was doing.
    fn tell(&mut self, run: &Path, number: usize, of: usize) {
        #[derive(Deserialize)]
        struct Progress {
            cycle: usize,
            batches_done: usize,
            batches: usize,
        }
        let file = fs::read(run.join("progress.json")).ok();
        let progress = file.and_then(|bytes| serde_json::from_slice::<Progress>(&bytes).ok());
        let (stage, place) = match progress {
            _ if is_writing(run) => ("writing", String::new()),
            Some(Progress { cycle, batches_done, batches }) if batches_done > 0 => (
                "training or clipping",
                format!(", last seen in cycle {cycle} after batch {batches_done} of {batches}"),
            ),
            _ => ("starting", String::new()),
        };
        *self.killed.entry(stage).or_default() += 1;
        output::note(&format!("kill {number} of {of}: {stage}{place}"));
    }

    fn stages(&self) -> String {
        let stages = self.killed.iter().map(|(stage, count)| format!("{count} {stage}"));
        stages.collect::<Vec<_>>().join(", ")
    }
}

/// Whether a file of the run is being written.
fn is_writing(run: &Path) -> bool {
    fn any_in(folder: &Path, levels: usize) -> bool {
        folder.read_dir().into_iter().flatten().flatten().any(|entry| {
            is_partial(&entry.file_name())
                || levels > 0
                    && entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && any_in(&entry.path(), levels - 1)
        })
    }
    any_in(run, 2)
}

/// Returns the SHA-256 of all files of a run that a repetition must have too, in all its folders.
fn files_of(run: &Path) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![run.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if !TIMED.iter().any(|timed| name == *timed) {
                let digest = fs::File::open(&path).and_then(sha256_of);
                let digest = digest.with_context(|| format!("reading {}", path.display()))?;
                files.insert(path.strip_prefix(run)?.to_path_buf(), digest);
            }
        }
    }
    ensure!(!files.is_empty(), "{} has no file", run.display());
    Ok(files)
}

/// Describes the first file of a finished run that does not match its manifest.
fn manifest_problem(run: &Path) -> anyhow::Result<Option<String>> {
    let shown = run.display();
    let manifest = Manifest::read(run).with_context(|| format!("{shown}: {MANIFEST}"))?;
    let Some(manifest) = manifest else {
        return Ok(Some(format!("{shown} has no {MANIFEST}")));
    };
    let problem = |name| Some(format!("{name} of {shown}: {}", manifest.problem(run, name)?));
    Ok(manifest.names().find_map(problem))
}

/// Describes the first difference between two runs.
fn first_difference(one: &Path, other: &Path) -> anyhow::Result<Option<String>> {
    let (ones, others) = (files_of(one)?, files_of(other)?);
    for name in ones.keys().chain(others.keys()) {
        match (ones.get(name), others.get(name)) {
            (Some(here), Some(there)) if here == there => {}
            (Some(_), Some(_)) => return place_of_difference(one, other, name).map(Some),
            (here, _) => {
                let has = if here.is_some() { one } else { other };
                return Ok(Some(format!("{} is only in {}", name.display(), has.display())));
            }
        }
    }
    Ok(None)
}

/// Describes where two files with the same name in two runs start to differ.
fn place_of_difference(one: &Path, other: &Path, name: &Path) -> anyhow::Result<String> {
    let read = |run: &Path| fs::read(run.join(name)).with_context(|| name.display().to_string());
    let (here, there) = (read(one)?, read(other)?);
    let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    let line = here[..shared].split(|byte| *byte == b'\n').count();
    let (name, one, other) = (name.display(), one.display(), other.display());
    Ok(format!("{name} from byte {shared} (line {line}) on, in {one} and {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        for run in [&one, &other] {
            fs::create_dir_all(run.join("kept")).unwrap();
            fs::write(run.join("cycles.csv"), "a\n1\n").unwrap();
            fs::write(run.join("kept/cycle_00.json"), "{}").unwrap();
        }
        fs::write(one.join("timings.csv"), "1").unwrap();
        assert_eq!(first_difference(&one, &other).unwrap(), None);
        fs::write(other.join("cycles.csv"), "a\n2\n").unwrap();
        let difference = first_difference(&one, &other).unwrap().unwrap();
        assert!(difference.starts_with("cycles.csv from byte 2 (line 2)"), "{difference}");
        fs::write(other.join("cycles.csv"), "a\n1\n").unwrap();
        // A difference in an unknown folder is found too.
        for (run, content) in [(&one, "1"), (&other, "2")] {
            fs::create_dir_all(run.join("new/folder")).unwrap();
            fs::write(run.join("new/folder/file"), content).unwrap();
        }
        let difference = first_difference(&one, &other).unwrap().unwrap();
        assert!(difference.contains("file from byte 0"), "{difference}");
        fs::remove_dir_all(other.join("new")).unwrap();
        fs::remove_dir_all(one.join("new")).unwrap();
        fs::remove_file(other.join("kept/cycle_00.json")).unwrap();
        let difference = first_difference(&one, &other).unwrap().unwrap();
        assert!(difference.contains("cycle_00.json is only in") && difference.ends_with("one"));
    }

    #[test]
    fn a_run_that_is_not_as_its_manifest_says_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        assert!(manifest_problem(run).unwrap().unwrap().contains("has no manifest.json"));
        fs::write(run.join("cycles.csv"), "a\n1\n").unwrap();
        let manifest = Manifest::of(run, &["cycles.csv".to_owned()], &[]).unwrap();
        fs::write(run.join(MANIFEST), manifest.encode().unwrap()).unwrap();
        assert_eq!(manifest_problem(run).unwrap(), None);
        fs::write(run.join("cycles.csv"), "a\n2\n").unwrap();
        let problem = manifest_problem(run).unwrap().unwrap();
        assert!(problem.starts_with("cycles.csv of "), "{problem}");
    }
}
