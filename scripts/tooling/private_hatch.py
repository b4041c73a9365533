"""The checkout's own hatch and uv, in an environment that nothing else uses."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from checkout import ENVIRONMENTS, PRIVATE, ROOT, locked

UV = "uv>=0.13,<0.14"
HATCH = "hatch>=1.18.2,<1.19"

TOOLS = PRIVATE / "tools"
PYTHON = TOOLS / "bin" / "python"
CONFIG = PRIVATE / "config.toml"
STAMP = TOOLS / "made-from.txt"

FOREIGN = ("HATCH_", "UV_PYTHON", "UV_RESOLUTION", "VIRTUAL_ENV")
"""Variables of the caller that would change which environment is used or what is put into it."""


def hatch(arguments: Sequence[str], *, python: str, cwd: Path = ROOT, log: int | None = None) -> int:
    """Run hatch and return its exit code.

    Args:
        arguments: What follows the word ``hatch``.
        python: The interpreter from which it makes environments.
        cwd: Where commands run; hatch finds its settings in the checkout all the same.
        log: The file descriptor that gets what it prints, instead of the terminal.
    """
    install()
    command = [str(PYTHON), "-m", "hatch", "--project", "obs", *arguments]
    return subprocess.run(command, cwd=cwd, env=surroundings(python), stdout=log, stderr=log, check=False).returncode


def surroundings(python: str) -> dict[str, str]:
    """Return the caller's environment variables, without what would lead hatch astray.

    Args:
        python: The interpreter from which hatch makes environments. A cell of the matrix looks for its own on
            ``PATH``, so the folder of this one comes last there.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    path = [str(TOOLS / "bin"), kept.get("PATH", os.defpath), os.path.dirname(python)]
    return kept | {
        "HATCH_CONFIG": str(CONFIG),
        "HATCH_DATA_DIR": str(PRIVATE),
        "HATCH_CACHE_DIR": str(PRIVATE / "cache"),
        "HATCH_PYTHON": python,
        "PATH": os.pathsep.join(path),
        "UV_PYTHON_DOWNLOADS": "never",
    }


def install() -> None:
    """Make the environment that holds hatch and uv, unless it is there and as wanted."""
    if _current():
        return
    with locked("tools"):
        if not _current():
            _make()


def _current() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _wanted()


def _wanted() -> str:
    return f"{UV}\n{HATCH}\n{_config()}"


def _make() -> None:
    print(f"Making a private environment with hatch and uv in {TOOLS}", flush=True)
    venv.create(TOOLS, clear=True, with_pip=True, symlinks=True)
    _install_or_exit(UV, [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"])
    _install_or_exit(HATCH, [str(TOOLS / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)])
    CONFIG.write_text(_config())
    STAMP.write_text(_wanted())


def _install_or_exit(requirement: str, command: list[str]) -> None:
    elsewhere = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    variables = {name: value for name, value in os.environ.items() if name not in elsewhere}
    if subprocess.run([*command, requirement], env=variables, check=False).returncode:
        raise SystemExit(f"{requirement} could not be installed; see above. Is a package index reachable?")


def _config() -> str:
    """Return hatch's own settings: where the checkout is, so that it is found from any folder of it."""
    root, environments = json.dumps(str(ROOT)), json.dumps(str(ENVIRONMENTS))
    return f"[projects]\nobs = {root}\n\n[dirs.env]\nvirtual = {environments}\n"
