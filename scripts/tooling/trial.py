"""Build a package as it is published, and try it in an environment that holds nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from checkout import ROOT
from distributions import Distribution
from environments import settings

TWINE = "twine>=7,<8"


def git(*arguments: str) -> str:
    """Run git in the checkout and return what it printed.

    Raises:
        SystemExit: It failed.
    """
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"git {' '.join(arguments)} failed:\n{result.stderr}")
    return result.stdout.strip()


def build(package: Path, into: Path) -> Path:
    """Build sdist and wheel, the wheel from the sdist, and return the wheel."""
    print(f"Building {package.name}", flush=True)
    _run_or_exit(["uv", "build", "--quiet", "--python", sys.executable, "--out-dir", str(into), str(package)], "build")
    (wheel,) = into.glob("*.whl")
    return wheel


def twine_check(folder: Path) -> None:
    """Check that the metadata of what was built are fit for an index."""
    files = sorted(str(path) for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
    _run_or_exit(["uv", "tool", "run", "--quiet", "--from", TWINE, "twine", "check", "--strict", *files], "twine check")


def try_out(package: Distribution, wheel: Path, core: Path | None, siblings: Sequence[Path], folder: Path) -> None:
    """Run a package's tests against its wheel in a fresh environment.

    Args:
        package: The package.
        wheel: Its wheel.
        core: The wheel of obs-core that goes with it, if it is not obs-core itself.
        siblings: The wheels of what else it depends on in this checkout: no index is asked for those.
        folder: Where the environment may be made.
    """
    beside = f" with {core.parent.name} {core.name.split('-')[0]} {core.name.split('-')[1]}" if core else ""
    print(f"Testing {wheel.name}{beside}", flush=True)
    place = folder / f"trial-{core.parent.name if core else 'alone'}"
    python = str(place / "environment" / "bin" / "python")
    _run_or_exit(["uv", "venv", "--quiet", "--python", sys.executable, str(place / "environment")], "uv venv")
    wheels = [str(path) for path in (wheel, core, *siblings) if path]
    _run_or_exit(["uv", "pip", "install", "--quiet", "--python", python, *wheels, *_tools(package)], "installation")
    shutil.copytree(package.folder / "tests", place / "tests")
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, place)
    command = [python, "-m", "pytest", "-q", "-m", "not slow and not browser", "tests"]
    # The tests run `obs` by its name, as users do: what obs prints names it so only if it is on PATH.
    with_commands = os.pathsep.join([str(place / "environment" / "bin"), os.environ["PATH"]])
    _run_or_exit(command, "the tests", cwd=place, PATH=with_commands)


def _tools(package: Distribution) -> Sequence[str]:
    group = package.settings.get("dependency-groups", {}).get("test", [])
    return [*settings()["solo"]["dependencies"], *group]


def _run_or_exit(command: Sequence[str], what: str, cwd: Path = ROOT, **variables: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OBS_", "PYTHON"))}
    if subprocess.run(command, cwd=cwd, env={**inherited, "OBS_STRICT": "1", **variables}, check=False).returncode:
        raise SystemExit(f"Not released: {what} failed; see above.")
