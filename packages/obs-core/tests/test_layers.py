"""A folder of obs-core imports only what stands below it: lazily or not, for typing or not."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import obs_core

LAYERS = """
    __init__ __main__ testing
    callbacks engines ipython trackers
    commands
    tasks
    reading
    decks
    recording
    trace
    assembly
    journal
    transformers rendering
    store
    values
    secrets
    report
    failsafe
    text
    limits
    model locks settings identity cgroups provenance clock lazy installed __about__
    interruptions outcomes
"""
"""From top to bottom. What stands in one line does not know of each other, but for `__init__`, which offers all names,
and for `transformers`, which are drawn."""

RANKS = {name: rank for rank, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}
SAME_LINE = {("__main__", "commands"), ("transformers", "rendering")}
ROOT = Path(obs_core.__file__).parent


def modules() -> dict[str, Path]:
    """Every module below `obs_core` by its dotted name without that, ``""`` for the package itself."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


@functools.cache
def imports() -> dict[str, list[str]]:
    """What each module imports of obs-core."""
    known = modules()
    return {module: list(imports_of(path, known)) for module, path in known.items()}


def imports_of(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """What a file imports of obs-core, wherever in the file that stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "obs_core":
                yield rest if rest in known else rest.rpartition(".")[0]


def folder(module: str) -> str:
    return module.partition(".")[0] or "__init__"


def test_every_folder_has_a_layer() -> None:
    assert {folder(module) for module in modules()} == set(RANKS)


def test_no_import_points_up() -> None:
    wrong = []
    for module, found in imports().items():
        for imported in found:
            above, below = folder(module), folder(imported)
            if above == "__init__" or above == below or (above, below) in SAME_LINE:
                continue
            if RANKS[above] >= RANKS[below]:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []
