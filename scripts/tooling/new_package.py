"""Begin an integration, as `scripts/new_package` does: a package that works, to be made into what it is to be."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from string import Template
from typing import NamedTuple

from checkout import ROOT

SCAFFOLD = Path(__file__).parent / "scaffold"
FILES = {
    "pyproject.toml": "packages/$name/pyproject.toml",
    "readme": "packages/$name/README.md",
    "changelog": "packages/$name/CHANGELOG.md",
    "about": "packages/$name/src/$module/__about__.py",
    "init": "packages/$name/src/$module/__init__.py",
    "$kind/source": "packages/$name/src/$module/$kind.py",
    "$kind/test": "packages/$name/tests/test_$kind.py",
    "page": "docs/$short.md",
}
"""What is made of each template."""


class Kind(NamedTuple):
    """What a package can begin as.

    Attributes:
        public: The name that users import; ``$camel`` and ``$snake`` are made of the package's.
        imports: What its tests import from obs-core.
        beside: What else it exports.
        entry_points: Their group, and the one that it has.
        page: What to read, below docs.
        group: Below which heading of the README's table it stands.
    """

    public: str
    imports: tuple[str, ...]
    beside: tuple[str, ...] = ()
    entry_points: tuple[str, str] | None = None
    page: str = "writing-an-integration.md"
    group: str = "What a report shows"


_CONTRACT = "from obs_core.testing import ImportContract"
KINDS = {
    "decorator": Kind(
        "${snake}_observed",
        ("from obs_core import task", f"{_CONTRACT}, RecordingStore, recording"),
        page="task-decorators.md",
    ),
    "renderer": Kind(
        "${camel}Renderer",
        (f"{_CONTRACT}, RendererContract",),
        beside=("Measurement",),
        entry_points=("obs.renderers", '"$module.Measurement" = "$module:$public"'),
        page="rendering.md",
    ),
    "tracker": Kind(
        "${snake}_run",
        ("from obs_core import Tracker, execution", f"{_CONTRACT}, TrackerContract, recording"),
        group="Experiment trackers",
    ),
    "engine": Kind(
        "${snake}_map",
        ("from obs_core import execution, span", f"{_CONTRACT}, recording"),
        page="processes.md#engines",
        group="Engines",
    ),
    "command": Kind(
        "${camel}Command",
        ("from obs_core import execution, task", _CONTRACT),
        entry_points=("obs.commands", '$short = "$module:$public"'),
        group="Core",
    ),
}

NEXT = """\
$name is in packages/$name and works:

  ./scripts/test packages/$name/tests       its tests
  ./scripts/check_packages $name            its shape
  ./scripts/test --changed                  ruff, and the tests of what you touched
  ./scripts/test --only floor.$name         its wheel alone, with the oldest versions that it declares

Now make it yours:
  packages/$name/pyproject.toml                the client it depends on, with its oldest version; its description
  packages/$name/src/$module/$kind.py      how it works: docs/$read
  packages/$name/tests/test_$kind.py       with the real client; obs_core.testing has contracts to inherit
  packages/$name/CHANGELOG.md, docs/$short.md, and the rows in README.md and docs/index.md
"""


def main(arguments: list[str]) -> None:
    """Make the package and say what to do next."""
    words = _words(arguments)
    for template, place in FILES.items():
        source = SCAFFOLD / f"{Template(template).substitute(words)}.template"
        _write(ROOT / Template(place).substitute(words), source, words)
    folder = ROOT / "packages" / words["name"]
    (folder / "src" / words["module"] / "py.typed").touch()
    shutil.copy(ROOT / "LICENSE", folder)
    row = Template("| [$name](packages/$name) | $title |\n").substitute(words)
    _add_row(ROOT / "README.md", "(packages/", row, f"| **{KINDS[words['kind']].group}** | |\n")
    _add_row(ROOT / "docs" / "index.md", "[obs-", Template("| [$name]($short.md) | `$public` |\n").substitute(words))
    print(Template(NEXT).substitute(words), end="")


def _words(arguments: list[str]) -> dict[str, str]:
    """Return what the templates are filled with.

    Raises:
        SystemExit: There is no name, it does not fit, or there is such a package.
    """
    kinds = [word for word in arguments if word in KINDS]
    names = [word for word in arguments if word not in KINDS]
    if len(names) != 1 or len(kinds) > 1 or names[0].startswith("-"):
        raise SystemExit(f"Which package? For example: ./scripts/new_package obs-duckdb [{' | '.join(KINDS)}]")
    short = names[0].removeprefix("obs-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise SystemExit(f"{names[0]!r} does not fit: lower-case letters, digits and single hyphens, as obs-duckdb")
    for taken in (ROOT / "packages" / f"obs-{short}", ROOT / "docs" / f"{short}.md"):
        if taken.exists():
            raise SystemExit(f"There is {taken.relative_to(ROOT)} already; choose another name.")
    kind = kinds[0] if kinds else "decorator"
    chosen = KINDS[kind]
    words = {
        "kind": kind,
        "read": chosen.page,
        "name": f"obs-{short}",
        "short": short,
        "module": f"obs_{short.replace('-', '_')}",
        "snake": short.replace("-", "_"),
        "camel": short.title().replace("-", ""),
        "title": short.replace("-", " ").capitalize(),
        "range": _core_range(),
    }
    words["public"] = Template(chosen.public).substitute(words)
    exported = sorted([*chosen.beside, words["public"]])
    return {
        **words,
        "names": ", ".join(exported),
        "all": _quoted([*exported, "__version__"]),
        "exported": _quoted(exported),
        "imports": "\n".join(sorted([*chosen.imports, f"from {words['module']} import {', '.join(exported)}"])),
        "entry_points": _entry_points(chosen, words),
        "example": Template((SCAFFOLD / kind / "example.template").read_text()).substitute(words),
    }


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def _entry_points(kind: Kind, words: dict[str, str]) -> str:
    if kind.entry_points is None:
        return ""
    group, point = kind.entry_points
    return f'\n[project.entry-points."{group}"]\n{Template(point).substitute(words)}\n'


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


def _add_row(page: Path, among: str, row: str, heading: str = "") -> None:
    """Add a row to a table, below the last whose first cell holds some text, and below a heading if it is there."""
    lines = page.read_text().splitlines(keepends=True)
    first = lines.index(heading) + 1 if heading in lines else 0
    ends = (place for place, line in enumerate(lines) if heading and place >= first and not line.startswith("| ["))
    below = range(first, next(ends, len(lines)))
    last = max(place for place in below if lines[place].startswith("| [") and among in lines[place].split(" | ")[0])
    page.write_text("".join([*lines[: last + 1], row, *lines[last + 1 :]]))


if __name__ == "__main__":
    main(sys.argv[1:])
