"""What the sources of a package import, and which installed distributions that comes from."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import of something that is not in the standard library.

    Attributes:
        module: The outermost name: ``"pandas"``.
        place: File and line.
        at_once: Whether it runs when the file is imported, and not in a function.
        spared: Whether ``except ImportError`` stands below it.
    """

    module: str
    place: str
    at_once: bool
    spared: bool

    @property
    def distributions(self) -> set[str]:
        """What provides the module, as names in normal form; the module's own name if it is not installed."""
        return {normal(name) for name in _providers().get(self.module, [self.module])}


def normal(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(folder: Path) -> Iterator[Import]:
    """Find the imports below a folder; those for type checking alone are left out."""
    for path in sorted(folder.rglob("*.py")):
        for name, line, where in _imported(path.read_text()):
            yield Import(name, f"{path.relative_to(folder.parent)}:{line}", where.at_once, where.spared)


@cache
def _imported(source: str) -> list[tuple[str, int, _Where]]:
    """Return what a source imports from outside the standard library, with the line; copies of a file are read once."""
    return [
        (name, getattr(node, "lineno", 0), where)
        for node, where in _walk(ast.parse(source))
        for name in _outermost(node)
        if name not in sys.stdlib_module_names
    ]


@cache
def _providers() -> dict[str, list[str]]:
    return dict(packages_distributions())


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_CHANGES = (*_FUNCTIONS, ast.Try)


@dataclass(frozen=True)
class _Where:
    at_once: bool = True
    spared: bool = False

    def inside(self, node: ast.AST) -> _Where:
        return _Where(self.at_once and not isinstance(node, _FUNCTIONS), self.spared or _spares(node))


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, _Where]]:
    waiting: list[tuple[ast.AST, _Where]] = [(tree, _Where())]
    while waiting:
        node, where = waiting.pop()
        yield node, where
        children = node.orelse if isinstance(node, ast.If) and _for_types(node) else ast.iter_child_nodes(node)
        if isinstance(node, _CHANGES):
            where = where.inside(node)
        waiting += [(child, where) for child in reversed(list(children))]


def _spares(node: ast.AST) -> bool:
    caught = [handler.type for handler in node.handlers] if isinstance(node, ast.Try) else []
    return any(kind and re.search(r"ImportError|ModuleNotFoundError", ast.unparse(kind)) for kind in caught)


def _for_types(node: ast.If) -> bool:
    return ast.unparse(node.test).endswith("TYPE_CHECKING")


def _outermost(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
        case ast.Call(func=ast.Name(id="import_module") | ast.Attribute(attr="import_module")):
            return [_literal(argument).partition(".")[0] for argument in node.args[:1] if _literal(argument)]
        case _:
            return []


def _literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
