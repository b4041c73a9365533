"""No files of a package import each other in a circle: lazily or not, for typing or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
    modules = {dotted(path.relative_to(source.parent)): path for path in source.rglob("*.py")}
    graph = {
        module: {one for one in imports_of(path, modules) if not f"{module}.".startswith(f"{one}.")}
        for module, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


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
