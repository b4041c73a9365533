"""What changed since main, for the inner loop."""

from __future__ import annotations

import subprocess

from checkout import ROOT
from environments import packages
from steps import Step, lint, quick_cell

MAIN = ("main", "origin/main")


def changed_steps() -> list[Step]:
    """Return what to run after a change: ruff, then the own tests of the packages that were touched.

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
    print(f"{len(files)} files changed since main ({base[:9]}): {', '.join(paths)}", flush=True)
    return [lint(), quick_cell(paths)]


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
