"""Builds the wheel: maturin builds the Python module, and this adds the command `rayclip`.

maturin puts binaries or a module into a wheel, but not both (PyO3/maturin#368). It does take files for the folder of
scripts, so the command is built first and laid there: it is the program of `cargo build --release` without the names
of its functions, and starts without Python.

`python crates/python/backend/backend.py` only lays the command there; then `maturin build` builds the wheel.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# `tool.maturin.data` in pyproject.toml.
SCRIPTS = ROOT / "target" / "wheel" / "scripts"


def _maturin():
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        sys.exit("the Python module of rayclip needs CPython, and not its free-threaded build")
    # maturin wants the folder, even where it only writes metadata.
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    # As in .cargo/config.toml. Otherwise maturin would choose another file, and cargo would build PyO3 again.
    os.environ["PYO3_CONFIG_FILE"] = str(ROOT / "crates" / "python" / "interface.txt")
    import maturin

    return maturin


def build_command():
    """Builds the command and copies it to the folder of scripts."""
    cargo = ["cargo", "rustc", "--release", "--locked", "--package", "rayclip", "--bin", "rayclip"]
    if not shutil.which("cargo"):
        sys.exit("rayclip is built from source with Rust, and there is no cargo: install it from https://rustup.rs")
    built = subprocess.run(
        [*cargo, "--message-format", "json-render-diagnostics", "--", "-C", "strip=symbols"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if built.returncode != 0:
        sys.exit(f"`{' '.join(cargo)}` failed with exit code {built.returncode}")
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    program = next(Path(message["executable"]) for message in messages if message.get("executable"))
    shutil.rmtree(SCRIPTS, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    shutil.copy2(program, SCRIPTS / program.name)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    build_command()
    return _maturin().build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    build_command()
    return _maturin().build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    return _maturin().build_sdist(sdist_directory, config_settings)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    return _maturin().prepare_metadata_for_build_wheel(metadata_directory, config_settings)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel

if __name__ == "__main__":
    build_command()
