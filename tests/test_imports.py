"""What imports what, lazily or not, for typing or not: no circles in a package, and none upwards in obs-core."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
    model
    text
    limits
    locks settings standard_error identity cgroups provenance clock lazy installed __about__
    files quiet_handlers
    interruptions outcomes undisturbed
    background fault_handlers
"""
"""The folders and files of obs-core from top to bottom. What stands in one line does not know of each other, but for
`__init__`, which offers all names, and for `transformers`, which are drawn."""

RANKS = {name: rank for rank, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}
SAME_LINE = {("__main__", "commands"), ("transformers", "rendering")}
CORE = ROOT / "packages/obs-core/src/obs_core"
SOURCES = sorted(path.parent for path in ROOT.glob("packages/*/src/*/__init__.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_files_of_a_package_import_each_other_in_a_circle(source: Path) -> None:
    assert circle_in(source) == []


def test_lazy_imports_and_those_for_typing_close_a_circle_too(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    (package / "till").mkdir(parents=True)
    (package / "__init__.py").write_text("from shop.goods import Goods\n")
    (package / "goods.py").write_text("def sell():\n    from shop.till import slips\n")
    (package / "till" / "__init__.py").touch()
    (package / "till" / "slips.py").write_text("import shop.customers\n")
    (package / "customers.py").write_text("if TYPE_CHECKING:\n    from shop.goods import Goods\n")

    assert set(circle_in(package)) == {"shop.goods", "shop.till.slips", "shop.customers"}


def circle_in(source: Path) -> list[str]:
    """Return modules of a package that import each other, each one the next; none if there are no such ones.

    A package within a package imports its modules to offer their names, so what a module imports of those around it is
    not looked at.
    """
    graph = {
        module: {one for one in imported if not f"{module}.".startswith(f"{one}.")}
        for module, imported in imports_in(source).items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def layer(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_every_folder_of_obs_core_has_a_layer() -> None:
    assert {layer(module) for module in imports_in(CORE)} == set(RANKS)


def test_no_import_in_obs_core_points_up() -> None:
    wrong = []
    for module, found in imports_in(CORE).items():
        for imported in found:
            above, below = layer(module), layer(imported)
            if above == "__init__" or above == below or (above, below) in SAME_LINE:
                continue
            if RANKS[above] >= RANKS[below]:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


@functools.cache
def imports_in(source: Path) -> dict[str, list[str]]:
    """Return what each module of a package imports of it."""
    modules = {dotted(path.relative_to(source.parent)): path for path in source.rglob("*.py")}
    return {module: list(imports_of(path, modules)) for module, path in modules.items()}


def dotted(path: Path) -> str:
    return ".".join(part for part in path.with_suffix("").parts if part != "__init__")


def imports_of(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Go through the modules that a file imports, wherever in the file that stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            # `from shop.till import slips` may be a module, or a name that one has.
            imported = name if name in modules else name.rpartition(".")[0]
            if imported in modules:
                yield imported
