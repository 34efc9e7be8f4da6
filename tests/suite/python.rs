//! The package for Python, as pip installs it into a fresh environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{script, skipped};

/// What pip needs to build and run the package. The test must not fail where there is no network.
const NEEDED: [&str; 2] = ["maturin>=1.9.4,<2", "numpy"];

fn run(program: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    // The variables that cargo sets for this test are not those of a shell.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let is_cargos =
            name.starts_with("CARGO") && name != "CARGO_TARGET_DIR" && name != "CARGO_HOME";
        if is_cargos || name == "LD_LIBRARY_PATH" {
            command.env_remove(name);
        }
    }
    command.output()
}

/// Returns the programs of a fresh environment into which pip can install; or why there is none.
fn environment(folder: &Path) -> Result<PathBuf, String> {
    let python = std::env::var_os("RAYCLIP_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let folder = folder.join("environment");
    let made = run(Path::new(&python), &["-m", "venv", &folder.display().to_string()]);
    if !made.is_ok_and(|output| output.status.success()) {
        return Err("there is no Python with venv".into());
    }
    let programs = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let installed = run(&programs.join("pip"), &[&["install", "-q"], &NEEDED[..]].concat());
    match installed {
        Ok(output) if output.status.success() => Ok(programs),
        _ => Err(format!("pip cannot install {}", NEEDED.join(" and "))),
    }
}

#[test]
fn pip_installs_the_command_and_the_module() {
    let folder = tempfile::tempdir().unwrap();
    let programs = match environment(folder.path()) {
        Ok(programs) => programs,
        Err(why) => return skipped("the package for Python", &why),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().display().to_string();
    let installed = run(&programs.join("pip"), &["install", "-q", &root]).unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let python = programs.join("python").display().to_string();
    println!("{}", script(&python, "python_package.py", &[root]));
}
