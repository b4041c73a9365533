"""What is expected of data, and what became of that."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from obs_core.secrets import mask
from obs_profiles.columns import is_frame
from obs_profiles.columns.objects import is_missing, look
from obs_profiles.limits import COUNTS, SHARES, Limit, Limits, limit_of, limit_text, value_writer

__all__ = ["Expectation", "Verdict", "expected_text"]

_NAMED = 5
_KINDS = ("integer", "number", "text", "bytes", "boolean", "time", "duration", "list", "mapping", "object")
_LIMITED = ("deviation", "distinct", "length", "mean", "missing", "quantile", "range", "rows", "unique")
_LISTED = {"among": "value", "columns": "name", "type": "type"}
_NEVER_NEGATIVE = ("deviation", "distinct", "length", "rows")
_TITLES = {
    "among": "one of",
    "distinct": "distinct values",
    "range": "values",
    "type": "type",
    "unique": "share of distinct values",
}


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """Something that you expect of a data set; `expect` creates it.

    Attributes:
        column: The column that it is about; empty if it is about the whole data set.
        measure: What is looked at, such as "missing" or "quantile".
        at_least: The smallest value that is fine; None if there is no limit.
        at_most: The largest value that is fine.
        values: What values may be, or which columns or types there should be.
        level: Of a quantile, the share below it; None of anything else.

    Two are equal if they expect the same; ``among(1)`` and ``among(True)`` do not.

    Raises:
        TypeError: A limit is no number, and no moment where values are compared with it.
        ValueError: It would hold of everything, or of nothing, or cannot be known.
    """

    column: str
    measure: str
    at_least: Limit | None = None
    at_most: Limit | None = None
    values: tuple[Any, ...] = ()
    level: float | None = None

    def __post_init__(self) -> None:
        """Refuse now what could not be checked later."""
        for name in ("at_least", "at_most"):
            object.__setattr__(self, name, limit_of(getattr(self, name), self.measure))
        _refuse_what_means_nothing(self)

    def __str__(self) -> str:
        return expected_text(self, value_writer(self.limits))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expectation) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        # NaN equals nothing, not even its copy, and 1 equals True.
        values = tuple((type(value), None if is_missing(value) else value) for value in self.values)
        return self.column, self.measure, self.limits, values, self.level

    @property
    def limits(self) -> Limits:
        """The smallest and the largest allowed value."""
        return self.at_least, self.at_most


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an expectation.

    Attributes:
        expectation: What was expected.
        passed: Whether it holds, by the best of what the profile knows.
        certain: Whether that is so whatever the errors of sketches: an estimate may be close to its limit.
        found: What was found, as text.
        expected: What was expected, as text: with its numbers written as the column's are.
    """

    expectation: Expectation
    passed: bool
    certain: bool
    found: str
    expected: str = ""

    @property
    def doubt(self) -> str:
        """Why it is not certain; empty if it is."""
        if self.certain:
            return ""
        return "as far as the profile tells" if self.expectation.measure == "among" else "within the estimate's error"

    def __str__(self) -> str:
        where = f"{mask(self.expectation.column)}: " if self.expectation.column else ""
        doubt = f" ({self.doubt})" if self.doubt else ""
        return f"{where}{self.expected or self.expectation}, found {self.found}{doubt}"


def expected_text(expected: Expectation, write: Callable[[float], str]) -> str:
    """Write what is expected, with values of the column as `write` does."""
    named = _TITLES.get(expected.measure, expected.measure)
    if expected.level is not None:
        named = f"{100 * expected.level:g} % quantile"
    if expected.values:
        more = ", …" if len(expected.values) > _NAMED else ""
        return mask(f"{named} {', '.join(map(_shown, expected.values[:_NAMED]))}{more}")
    least, most = (None if limit is None else limit_text(limit, expected.measure, write) for limit in expected.limits)
    if least is not None and expected.at_least == expected.at_most:
        return f"{named} = {least}"
    low, high = least and f" ≥ {least}", most and f" ≤ {most}"
    return f"{named}{' and'.join(filter(None, (low, high)))}"


def _shown(value: Any) -> str:
    try:
        return str(value)
    except ValueError:  # a number of more digits than Python writes
        return look(value)


def _refuse_what_means_nothing(expected: Expectation) -> None:
    """Refuse an expectation that everything meets, or nothing, or of which nobody can tell.

    Raises:
        TypeError: A column is no text, or limits are of different kinds.
        ValueError: Anything else.
    """
    measure, (low, high) = expected.measure, expected.limits
    if not isinstance(expected.column, str):
        raise TypeError(f"a column is named by a text, as in its profile, not by {expected.column!r}")
    if measure in _LISTED:
        _refuse_values(expected)
        return
    if measure not in _LIMITED:
        raise ValueError(f"there is no measure {measure!r}; there are: {', '.join((*_LIMITED, *_LISTED))}")
    if low is None and high is None:
        raise ValueError(f"an expectation of {measure} needs a limit: at_least or at_most")
    if low is not None and high is not None:
        if isinstance(low, datetime.datetime) != isinstance(high, datetime.datetime):
            raise TypeError(f"limits are both numbers or both moments, not {low!r} and {high!r}")
        if low > high:  # type: ignore[operator]
            raise ValueError(f"no {measure} is at least {low!r} and at most {high!r}")
    if measure in SHARES and not all(limit is None or 0 <= limit <= 1 for limit in (low, high)):  # type: ignore[operator]
        raise ValueError(f"a limit of {measure} is a share, from 0 to 1, not {high!r}")
    if measure in _NEVER_NEGATIVE and any(limit is not None and limit < 0 for limit in (low, high)):  # type: ignore[operator]
        raise ValueError(f"no {measure} is below 0: its limits are not {low!r} and {high!r}")
    if measure in COUNTS and any(limit is not None and 0 < limit < 1 for limit in (low, high)):  # type: ignore[operator]
        raise ValueError(
            f"a limit of {measure} is a number of values, not a share: got {low!r} and {high!r}; to expect that all"
            " values are different, use unique()"
        )
    if measure == "quantile" and (expected.level is None or not 0 <= expected.level <= 1):
        raise ValueError(f"a quantile is of a share from 0 to 1, not of {expected.level!r}")


def _refuse_values(expected: Expectation) -> None:
    noun = _LISTED[expected.measure]
    if not expected.values:
        raise ValueError(f"an expectation of {expected.measure} needs a {noun}, at least one")
    if expected.measure == "among" and any(_is_several(value) for value in expected.values):
        raise TypeError("among takes values one by one, as in among(*values), and no lists, sets or columns of them")
    if expected.measure == "type" and (unknown := [each for each in expected.values if each not in _KINDS]):
        raise ValueError(f"there is no type {unknown[0]!r}; there are: {', '.join(_KINDS)}")
    if expected.measure == "columns" and not all(isinstance(name, str) for name in expected.values):
        raise TypeError(f"columns are named by texts, not by {expected.values!r}")


def _is_several(value: Any) -> bool:
    """Tell whether somebody forgot the star: values of a column of lists are not counted, so none is among others."""
    return isinstance(value, list | tuple | set | frozenset | dict | np.ndarray) or is_frame(value)
