"""Runs the command `rayclip` of this installation."""

import os
import subprocess
import sys
import sysconfig


def find() -> str:
    """Returns the path of the command."""
    name = "rayclip" + (sysconfig.get_config_var("EXE") or "")
    schemes = [None, sysconfig.get_preferred_scheme("user")] if sys.version_info >= (3, 10) else [None]
    folders = [sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts") for scheme in schemes]
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"there is no {name} in {' or '.join(folders)}; install rayclip again")


if __name__ == "__main__":
    arguments = [find(), *sys.argv[1:]]
    if sys.platform == "win32":
        sys.exit(subprocess.run(arguments, check=False).returncode)
    os.execv(arguments[0], arguments)
