"""What changed since main, for the inner loop."""

from __future__ import annotations

import subprocess
from pathlib import Path

from checkout import ROOT
from environments import packages
from steps import Step, lint, quick_cell

MAIN = ("main", "origin/main")


def changed_steps() -> list[Step]:
    """Return what to run after a change: ruff, then the own tests of the packages that were touched.

    Of tests that start a process, which take the most time, only those that follow the files that were touched.

    Raises:
        SystemExit: Nothing changed, or git cannot tell.
    """
    base = _base()
    files = _git("diff", "--name-only", base) + _git("ls-files", "--others", "--exclude-standard")
    if not files:
        raise SystemExit(f"Nothing changed since main ({base[:9]}).")
    touched = [name for name in packages() if any(file.startswith(f"packages/{name}/") for file in files)]
    paths = [f"packages/{name}/tests" for name in touched]
    if any(not file.startswith("packages/") for file in files):
        paths.append("tests")
    whole = sorted(set(filter(None, map(_followers, map(Path, files)))))
    print(f"{len(files)} files changed since main ({base[:9]}): {', '.join(paths)}", flush=True)
    print(f"Of tests that start a process those of {', '.join(whole) or 'no folder'}", flush=True)
    return [lint(), quick_cell(paths, [f"--whole={ROOT / path}" for path in whole] or ["--whole="])]


def _followers(file: Path) -> str | None:
    """Return the tests that follow a file: those of its folder or of its name, else all; None of what only people read.

    Args:
        file: Its path in the checkout.
    """
    if file.suffix == ".md":
        return None
    if file.parts[0] != "packages":
        return "tests"
    package = Path(*file.parts[:2])
    tests = package / "tests"
    for code in (package / "src" / package.name.replace("-", "_"), tests):
        if file.is_relative_to(code):
            first = file.relative_to(code).parts[0]
            names = (first, f"test_{Path(first).stem}.py")
            found = [tests / name for name in names if name != "conftest.py" and (ROOT / tests / name).exists()]
            return str(found[0] if found else tests)
    return str(tests)


def _base() -> str:
    """Return the commit at which this branch left main."""
    for name in MAIN:
        if found := _git("merge-base", "HEAD", name):
            return found[0]
    raise SystemExit(f"git knows none of {', '.join(MAIN)}, so what changed since cannot be told.")


def _git(*arguments: str) -> list[str]:
    """Return the lines that git prints; none if it fails."""
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.splitlines()
