"""Public names of a package that are imported when they are first used."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def _import_typing_extensions() -> None:
    """Import what msgspec tries to import: it takes whatever is raised meanwhile, also a timeout, for its absence."""
    if "msgspec" not in sys.modules:
        with contextlib.suppress(ImportError):
            import typing_extensions  # noqa: F401


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package that loads its modules when their names are first used.

    Args:
        package: Its name; its `__all__` lists what it offers.
        homes: The module below it in which each lazy name is.

    Returns:
        Functions to be assigned in the package's ``__init__.py``.

    Examples:
        >>> __getattr__, __dir__ = lazy_names(__name__, {"profile": "profiles"})

    Source: https://peps.python.org/pep-0562/.
    """
    module = sys.modules[package]

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        _import_typing_extensions()
        if package != __package__:  # of ours, others are imported while tasks run
            from obs_core.undisturbed import import_undisturbed

            import_undisturbed(f"{package}.{home}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(module, name, value)
        return value

    def offered() -> list[str]:
        return sorted(module.__all__)

    return load, offered
