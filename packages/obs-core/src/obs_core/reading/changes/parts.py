"""Two values of plain data compared part by part."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeGuard

from msgspec import Struct, structs

from obs_core.text.numbers import statistic, told_apart

__all__ = ["Difference", "differences", "numbers_in"]

_MOST = 200
_MOST_PARTS = 5_000
_LONGEST = 2_000


class Difference(Struct, frozen=True):
    """One value within what two tasks returned.

    Attributes:
        path: Where it is, such as ``"scores.rmse"``.
        left: The value as text; None where there is none.
        right: The same.
        change: By how much a number grew, as a share of the left one.
    """

    path: str
    left: str | None
    right: str | None
    change: float | None = None


def differences(left: Any, right: Any) -> list[Difference]:
    """Compare two values part by part: dicts by their keys, lists by their places.

    Returns:
        All parts of both that are no containers, those that differ first; 200 at most.
    """
    mine, theirs = (dict(islice(_parts("", value), _MOST_PARTS)) for value in (left, right))
    found = [_difference(path, mine, theirs) for path in dict.fromkeys([*mine, *theirs])]
    found.sort(key=lambda one: one.left == one.right)
    return found[:_MOST]


def numbers_in(value: Any, most: int) -> dict[str, float]:
    """Return the numbers in a value by where they are, as in `Difference.path`.

    Args:
        value: Plain data.
        most: How many at most: the first ones.

    Examples:
        >>> numbers_in({"rows": 3, "scores": {"rmse": 0.5}, "good": True}, 10)
        {'rows': 3, 'scores.rmse': 0.5}
    """
    parts = islice(_parts("", value), _MOST_PARTS)
    found = ((path[:300], part) for path, part in parts if _is_number(part) and math.isfinite(part))
    return dict(islice(found, most))


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Struct):
        value = structs.asdict(value)
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _parts(f"{path}.{key}" if path else str(key), part)
    elif isinstance(value, (list, tuple)) and value:
        for index, part in enumerate(value):
            yield from _parts(f"{path}[{index}]", part)
    else:
        yield path or "value", value


def _difference(path: str, mine: dict[str, Any], theirs: dict[str, Any]) -> Difference:
    left, right = mine.get(path), theirs.get(path)
    if _is_number(left) and _is_number(right):
        return Difference(path[:300], *told_apart(left, right), _change(left, right))
    texts = [_text(one[path]) if path in one else None for one in (mine, theirs)]
    return Difference(path[:300], texts[0], texts[1])


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _NO_NUMBER


_NO_NUMBER = 10**30
"""An integer from which on it is shown as text: it may have thousands of digits."""


def _change(left: float, right: float) -> float | None:
    return right / left - 1 if left else None


def _text(value: Any) -> str:
    text = statistic(value) if _is_number(value) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
