"""Tell types apart by name, so that no library is imported to recognise what it did not make."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["is_a", "reject", "type_name"]


def is_a(value: object, *dotted: str) -> bool:
    """Tell whether a value's class or a base of it has one of these names.

    Args:
        value: Anything.
        dotted: Top-level package and class name, ``"pandas.DataFrame"``, wherever in the package the class
            lives.
    """
    return any(_short_name(base) in dotted for base in type(value).__mro__)


def _short_name(cls: type) -> str:
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def type_name(value: object) -> str:
    """Name a value's type as its users write it: ``"int"``, ``"pandas.DataFrame"``."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else _short_name(cls)


def reject(renderer: object, value: object, takes: str) -> NoReturn:
    """Refuse a value of the wrong type.

    Args:
        renderer: The renderer that got it.
        value: What it got.
        takes: What it takes, ending the sentence: ``"a pandas or polars DataFrame or Series"``.

    Raises:
        TypeError: Always.
    """
    raise TypeError(f"{type(renderer).__name__} got {type_name(value)}; it takes {takes}")
