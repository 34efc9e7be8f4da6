//! Checks the files and folders that a command is given, and suggests similar ones.

use std::path::{Path, PathBuf};

use anyhow::bail;
use rayclip_data::{MANIFEST, Manifest, Source};
use rayclip_run_folder::nearest;

/// The most run folders that a message lists if none has a similar name.
const NAMED: usize = 3;

/// Refuses a path that is not a folder. Whether the folder is that of a run is checked when it is read.
///
/// # Errors
/// It is a file, or does not exist.
pub(crate) fn check_run(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let shown = path.display();
    if path.exists() {
        let parent = path.parent().filter(|parent| is_run(parent));
        let meant = parent.map(|parent| format!("; did you mean {}?", parent.display()));
        bail!("{shown} is a file, not the folder of a run{}", meant.unwrap_or_default());
    }
    let runs = runs_near(path);
    let names: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let own = name_of(path).unwrap_or_default();
    let last: Vec<String> = runs.iter().filter_map(|run| name_of(run)).collect();
    let meant = nearest(&own, last.iter().map(String::as_str))
        .and_then(|meant| last.iter().position(|name| name == meant));
    let tip = match (meant, names.as_slice()) {
        (Some(meant), _) => format!("did you mean {}?", names[meant]),
        (None, []) => "there is no run here or in runs/; `rayclip run` makes one".into(),
        (None, names) => {
            let more = if names.len() > NAMED { ", …" } else { "" };
            format!("there are {}{more}", names[..names.len().min(NAMED)].join(", "))
        }
    };
    bail!("{shown} is not the folder of a run: there is no such folder; {tip}")
}

fn is_run(folder: &Path) -> bool {
    folder.join("config.toml").is_file() && folder.join("cycles.csv").is_file()
}

/// Returns the run folders beside `path`, in the working folder and in `runs/`.
fn runs_near(path: &Path) -> Vec<PathBuf> {
    let beside = path.parent().unwrap_or(Path::new(""));
    let mut runs: Vec<PathBuf> = [beside, Path::new(""), Path::new("runs")]
        .into_iter()
        .flat_map(|folder| {
            let read = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let entries = read.read_dir().into_iter().flatten().filter_map(Result::ok);
            entries.map(|entry| folder.join(entry.file_name())).collect::<Vec<_>>()
        })
        .filter(|folder| is_run(folder))
        .collect();
    runs.sort();
    runs.dedup();
    runs
}

/// Returns the files of a finished run that do not match its manifest, each with the reason; nothing without a
/// manifest.
pub(crate) fn damaged(folder: &Path) -> Vec<String> {
    let text = |name: &str, problem: &str| format!("{}: {problem}", folder.join(name).display());
    match Manifest::read(folder) {
        Ok(None) => vec![],
        Ok(Some(manifest)) => {
            let problem = |name| Some(text(name, &manifest.problem(folder, name)?));
            manifest.names().filter_map(problem).collect()
        }
        Err(error) => vec![text(MANIFEST, &error.to_string())],
    }
}

/// Refuses a run that is named twice.
///
/// # Errors
/// Two of the paths are the same folder.
pub(crate) fn check_distinct(paths: &[PathBuf]) -> anyhow::Result<()> {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    for (place, path) in paths.iter().enumerate() {
        if let Some(same) = paths[..place].iter().find(|other| real(other) == real(path)) {
            let (same, path) = (same.display(), path.display());
            bail!("{same} and {path} are the same run: name each run once");
        }
    }
    Ok(())
}

/// Refuses a file as the output folder of a command.
///
/// # Errors
/// The path, or one of its parents, is a file.
pub(crate) fn check_out(path: &Path) -> anyhow::Result<()> {
    match path.ancestors().find(|ancestor| ancestor.is_file()) {
        Some(file) => {
            bail!("--out {}: {} is a file; name a folder", path.display(), file.display())
        }
        None => Ok(()),
    }
}

/// Refuses a folder as a configuration file.
///
/// # Errors
/// It is a folder.
pub(crate) fn check_config(path: &Path) -> anyhow::Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    let inside = path.join("config.toml");
    let meant = inside.is_file().then(|| format!("; did you mean {}?", inside.display()));
    let (shown, meant) = (path.display(), meant.unwrap_or_default());
    bail!("--config {shown}: it is a folder; name a file{meant}")
}

/// Refuses a name that is neither a data set, nor a folder, nor a file with data.
///
/// # Errors
/// It is another file, or nothing has that name.
pub(crate) fn check_data(name: &str) -> anyhow::Result<()> {
    const KNOWN: [&str; 2] = ["digits", "mnist"];
    const ALLOWED: &str = "digits (built into rayclip; digits:1, digits:2, … are drawn anew), mnist (downloaded once), a folder with images, four IDX files, \
                           .npy or CSV files, or a .npz or .csv file";
    let path = Path::new(name);
    let is_drawn = matches!(Source::from_name(name), Source::Digits(_));
    if is_drawn
        || KNOWN.contains(&name)
        || path.is_dir()
        || (path.is_file() && Source::is_file_name(path))
    {
        return Ok(());
    }
    if path.exists() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.map_or(".".to_owned(), |parent| parent.display().to_string());
        bail!("--data {name}: it is a file, and --data takes {ALLOWED}; did you mean {parent}?");
    }
    let meant = nearest(name, KNOWN).map(|meant| format!("; did you mean {meant}?"));
    let meant = meant.unwrap_or_default();
    bail!("--data {name}: there is no such data set, folder or file; --data takes {ALLOWED}{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(refused: anyhow::Result<()>) -> String {
        refused.unwrap_err().to_string()
    }

    fn run(folder: &Path, name: &str) -> PathBuf {
        let run = folder.join(name);
        std::fs::create_dir(&run).unwrap();
        std::fs::write(run.join("config.toml"), "").unwrap();
        std::fs::write(run.join("cycles.csv"), "").unwrap();
        run
    }

    #[test]
    fn the_run_that_was_meant_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let right = run(folder.path(), "digits-dtc");
        assert!(check_run(&right).is_ok());
        let near = message(check_run(&folder.path().join("digits-dct")));
        assert!(near.contains(&format!("did you mean {}?", right.display())), "{near}");
        let far = message(check_run(&folder.path().join("nowhere")));
        assert!(far.contains(&format!("there are {}", right.display())), "{far}");
        let file = message(check_run(&right.join("cycles.csv")));
        assert!(file.contains("is a file") && file.contains("did you mean"), "{file}");
    }

    #[test]
    fn one_run_by_two_names_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (run(folder.path(), "a"), run(folder.path(), "b"));
        assert!(check_distinct(&[a.clone(), b.clone()]).is_ok());
        let again = folder.path().join("b/../a");
        let twice = message(check_distinct(&[a, b, again]));
        assert!(twice.contains("are the same run"), "{twice}");
    }

    #[test]
    fn data_that_is_not_there_is_answered_with_what_there_is() {
        for (name, parts) in [
            ("cifar10", &["--data cifar10", "digits", "mnist", "four IDX files"][..]),
            ("mnsit", &["did you mean mnist?"]),
        ] {
            let message = message(check_data(name));
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
        assert!(!message(check_data("cifar10")).contains("did you mean"));
        let folder = tempfile::tempdir().unwrap();
        for name in ["data.npz", "table.CSV"].map(|name| folder.path().join(name)) {
            assert!(check_data(name.to_str().unwrap()).is_err());
            std::fs::write(&name, "").unwrap();
            assert!(check_data(name.to_str().unwrap()).is_ok());
        }
        let file = folder.path().join("train-images");
        std::fs::write(&file, "").unwrap();
        let file = message(check_data(file.to_str().unwrap()));
        assert!(file.contains(&format!("did you mean {}?", folder.path().display())), "{file}");
    }
}
