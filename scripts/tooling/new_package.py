"""Begin an integration, as `scripts/new_package` does: a package that works, to be made into what it is to be."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from string import Template

from checkout import ROOT

SCAFFOLD = Path(__file__).parent / "scaffold"
FILES = {
    "pyproject.toml": "packages/$name/pyproject.toml",
    "readme": "packages/$name/README.md",
    "changelog": "packages/$name/CHANGELOG.md",
    "about": "packages/$name/src/$module/__about__.py",
    "init": "packages/$name/src/$module/__init__.py",
    "source": "packages/$name/src/$module/decorator.py",
    "test": "packages/$name/tests/test_decorator.py",
    "page": "docs/$short.md",
}
"""What is made of each template."""

IMPORTS = (
    "from obs_core import task",
    "from obs_core.testing import recording",
    "from obs_core.testing.contracts import ImportContract",
)
"""What the tests need beside the package; they stand in the order of their names."""

NEXT = """\
$name is in packages/$name and works:

  ./scripts/test packages/$name/tests       its tests
  ./scripts/check_packages $name            its shape
  ./scripts/test --changed                  ruff, and the tests of what you touched
  ./scripts/test --only floor.$name         its wheel alone, with the oldest versions that it declares

Now make it yours:
  packages/$name/pyproject.toml                the client it depends on, with its oldest version; its description
  packages/$name/src/$module/decorator.py      what happens before and after a task: docs/writing-an-integration.md
  packages/$name/tests/test_decorator.py       with the real client; obs_core.testing has contracts to inherit
  packages/$name/CHANGELOG.md, docs/$short.md, and the rows in README.md and docs/index.md
"""


def main(arguments: list[str]) -> None:
    """Make the package and say what to do next."""
    words = _words(arguments)
    for template, place in FILES.items():
        _write(ROOT / Template(place).substitute(words), SCAFFOLD / f"{template}.template", words)
    folder = ROOT / "packages" / words["name"]
    (folder / "src" / words["module"] / "py.typed").touch()
    shutil.copy(ROOT / "LICENSE", folder)
    _add_row(ROOT / "README.md", "(packages/", Template("| [$name](packages/$name) | $title |\n").substitute(words))
    _add_row(ROOT / "docs" / "index.md", "[obs-", Template("| [$name]($short.md) | `$public` |\n").substitute(words))
    print(Template(NEXT).substitute(words), end="")


def _words(arguments: list[str]) -> dict[str, str]:
    """Return what the templates are filled with.

    Raises:
        SystemExit: There is no name, it does not fit, or there is such a package.
    """
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise SystemExit("Which package? For example: ./scripts/new_package obs-duckdb")
    short = arguments[0].removeprefix("obs-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise SystemExit(f"{arguments[0]!r} does not fit: lower-case letters, digits and single hyphens, as obs-duckdb")
    for taken in (ROOT / "packages" / f"obs-{short}", ROOT / "docs" / f"{short}.md"):
        if taken.exists():
            raise SystemExit(f"There is {taken.relative_to(ROOT)} already; choose another name.")
    name, module = f"obs-{short}", f"obs_{short.replace('-', '_')}"
    public = f"{module.removeprefix('obs_')}_observed"
    return {
        "name": name,
        "short": short,
        "module": module,
        "public": public,
        "imports": "\n".join(sorted([*IMPORTS, f"from {module} import {public}"])),
        "title": short.replace("-", " ").capitalize(),
        "range": _core_range(),
    }


def _core_range() -> str:
    """Return the range that admits the obs-core of this checkout, and no version that may break."""
    about = (ROOT / "packages/obs-core/src/obs_core/__about__.py").read_text()
    found = re.search(r'__version__ = "(\d+)\.(\d+)', about)
    assert found
    major, minor = int(found[1]), int(found[2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _write(path: Path, template: Path, words: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(template.read_text()).substitute(words))


def _add_row(page: Path, among: str, row: str) -> None:
    """Add a row to a table, below the last of the rows whose first cell holds some text."""
    lines = page.read_text().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if line.startswith("| [") and among in line.split(" | ")[0])
    page.write_text("".join([*lines[: last + 1], row, *lines[last + 1 :]]))


if __name__ == "__main__":
    main(sys.argv[1:])
