"""What changed since main, for the inner loop."""

from __future__ import annotations

import subprocess
from pathlib import Path

from checkout import ROOT
from environments import packages
from steps import PYTHON_OF_PAGES, Step, lint, python_of, quick_cell

MAIN = ("main", "origin/main")

READING_PAGES = (
    "tests/test_docs_site.py",
    "tests/test_for_index.py",
    "tests/test_packages.py",
    "tests/test_readme.py",
    "tests/test_tutorial.py",
    "tests/test_writing_an_integration.py",
)
"""The tests of what people read (the docs, the READMEs, the changelogs), beside those of the Python in it."""


def changed_steps() -> list[Step]:
    """Return what to run after a change: ruff, then the own tests of the packages that were touched.

    Of tests that start a process, which take the most time, only those that follow the files that were touched. After a
    change of a page, the tests that read pages; and of each page that was touched, its Python.

    Raises:
        SystemExit: Nothing changed, or git cannot tell.
    """
    base = _base()
    files = _git("diff", "--name-only", base) + _git("ls-files", "--others", "--exclude-standard")
    if not files:
        raise SystemExit(f"Nothing changed since main ({base[:9]}).")
    pages = [file for file in files if file.endswith(".md")]
    code = [file for file in files if file not in pages]
    touched = [name for name in packages() if any(_is_below(file, f"packages/{name}") for file in code)]
    paths = [f"packages/{name}/tests" for name in touched]
    if not all(_is_below(file, "packages") for file in code):
        paths.append("tests")
    elif pages:
        paths += READING_PAGES
    whole = sorted({*map(_followers, map(Path, code)), *(READING_PAGES if pages else ())})
    print(f"{len(files)} files changed since main ({base[:9]}): {', '.join(paths)}", flush=True)
    print(f"Of tests that start a process those of {', '.join(whole)}", flush=True)
    options = [f"--whole={ROOT / path}" for path in whole]
    if not pages:
        return [lint(), quick_cell(paths, options)]
    return [lint(), quick_cell(paths, [*options, f"--ignore={ROOT / PYTHON_OF_PAGES}"]), python_of(pages)]


def _is_below(file: str, folder: str) -> bool:
    return file.startswith(f"{folder}/")


def _followers(file: Path) -> str:
    """Return the tests that follow a file of code: those of its folder or of its name, else all.

    Args:
        file: Its path in the checkout.
    """
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
