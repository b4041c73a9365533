"""What is expected of data, checked on its profile: no row is looked at again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from obs_profiles.profiles import ColumnProfile, NumberProfile, Profile
from obs_profiles.profiling import profile_of
from obs_profiles.wording import count_text, number_text, share_text

__all__ = ["Checked", "ColumnExpectations", "Expectation", "Verdict", "check", "expect"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that is expected of a data set; `expect` makes them.

    Attributes:
        column: The column that it is about; empty if it is about the whole data set.
        measure: What is looked at, such as "missing" or "quantile".
        at_least: The smallest value that is fine; None if there is no limit.
        at_most: The largest value that is fine.
        values: What values may be, or which columns or types there should be.
        level: Of a quantile, the share below it.
    """

    column: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    values: tuple[Any, ...] = ()
    level: float = math.nan

    def __str__(self) -> str:
        named = {"quantile": f"{100 * self.level:g} % quantile"}.get(
            self.measure, _TITLES.get(self.measure, self.measure)
        )
        if self.values:
            return f"{named} {', '.join(map(str, self.values[:_NAMED]))}{', …' if len(self.values) > _NAMED else ''}"
        write = _writer(self.measure)
        if self.at_least is not None and self.at_least == self.at_most:
            return f"{named} = {write(self.at_least)}"
        low = "" if self.at_least is None else f" ≥ {write(self.at_least)}"
        high = "" if self.at_most is None else f" ≤ {write(self.at_most)}"
        return f"{named}{' and'.join(filter(None, (low, high)))}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an expectation.

    Attributes:
        expectation: What was expected.
        passed: Whether it holds, by the best of what the profile knows.
        certain: Whether that is so whatever the errors of sketches: an estimate may be close to its limit.
        found: What was found, as text.
    """

    expectation: Expectation
    passed: bool
    certain: bool
    found: str

    def __str__(self) -> str:
        where = f"{self.expectation.column}: " if self.expectation.column else ""
        return f"{where}{self.expectation}, found {self.found}"


@dataclass(frozen=True, slots=True, eq=False)
class Checked(Sequence[Verdict]):
    """The verdicts on all expectations, in their order. In a notebook, and in a deck, it shows itself.

    Attributes:
        verdicts: A verdict on each expectation.
        rows: How many rows were looked at.
    """

    verdicts: tuple[Verdict, ...]
    rows: int

    @property
    def passed(self) -> bool:
        """Whether all expectations hold."""
        return not self.failed

    @property
    def failed(self) -> list[Verdict]:
        """Those that do not hold."""
        return [verdict for verdict in self.verdicts if not verdict.passed]

    def __len__(self) -> int:
        return len(self.verdicts)

    @overload
    def __getitem__(self, place: int) -> Verdict: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Verdict]: ...
    def __getitem__(self, place: int | slice) -> Verdict | Sequence[Verdict]:
        """Return verdicts by their place."""
        return self.verdicts[place]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __repr__(self) -> str:
        return f"<Checked: {len(self.failed)} of {len(self.verdicts)} failed>"

    def _repr_html_(self) -> str:
        from obs_profiles.pages import checked_html

        return checked_html(self)


class ColumnExpectations:
    """Makes expectations of a column; see `expect`."""

    def __init__(self, column: str) -> None:
        self._column = column

    def missing(self, *, at_most: float) -> Expectation:
        """Expect no larger share of missing values, 0 to 1."""
        return self._made("missing", at_most=at_most)

    def present(self) -> Expectation:
        """Expect no missing values."""
        return self._made("missing", at_most=0.0)

    def between(self, least: float | None, most: float | None) -> Expectation:
        """Expect all numbers, or lengths of time in seconds, from one to another; None is no limit."""
        return self._made("range", at_least=least, at_most=most)

    def among(self, *values: Any) -> Expectation:
        """Expect no other values than these."""
        return Expectation(self._column, "among", values=values)

    def mean(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a mean within limits."""
        return self._made("mean", at_least, at_most)

    def deviation(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a standard deviation within limits."""
        return self._made("deviation", at_least, at_most)

    def quantile(self, share: float, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a quantile, such as that of 0.99, within limits.

        Raises:
            ValueError: The share is not from 0 to 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile is of a share from 0 to 1, not of {share!r}")
        return Expectation(self._column, "quantile", at_least, at_most, level=share)

    def distinct(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a number of distinct values within limits."""
        return self._made("distinct", at_least, at_most)

    def unique(self) -> Expectation:
        """Expect all values to be different, as far as the error of a distinct count tells."""
        return Expectation(self._column, "unique", at_least=1.0)

    def length(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect all texts to have a number of characters, or lists a number of elements, within limits."""
        return self._made("length", at_least, at_most)

    def type(self, *kinds: str) -> Expectation:
        """Expect values of no other types: "integer", "number", "text", "boolean", "time", "duration", "list", ..."""
        return Expectation(self._column, "type", values=kinds)

    def _made(self, measure: str, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        if at_least is None and at_most is None:
            raise ValueError(f"an expectation of {measure} needs a limit: at_least or at_most")
        return Expectation(self._column, measure, at_least, at_most)


class _Expect:
    """Makes expectations: ``expect("delay").between(-60, 1500)``, ``expect.rows(at_least=1)``."""

    def __call__(self, column: str) -> ColumnExpectations:
        """Expect something of a column."""
        return ColumnExpectations(column)

    def rows(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a number of rows within limits."""
        return Expectation("", "rows", at_least, at_most)

    def columns(self, *names: str) -> Expectation:
        """Expect these columns; others may be there too."""
        return Expectation("", "columns", values=names)


expect = _Expect()


def check(data: Any, expectations: Iterable[Expectation]) -> Checked:
    """Check what is expected of data.

    Args:
        data: A profile, or what `obs_profiles.profile` takes.
        expectations: What `expect` makes.

    Returns:
        A verdict on each.

    Raises:
        TypeError: `data` is no data and no profile.

    Examples:
        >>> check({"delay": [3.5, None]}, [expect("delay").missing(at_most=0.1)]).passed
        False
    """
    profile = profile_of(data)
    return Checked(tuple(_verdict(profile, each) for each in expectations), profile.rows)


class _Found(NamedTuple):
    """What was found, and between which values it may be."""

    value: float
    least: float
    most: float


def _verdict(profile: Profile, expected: Expectation) -> Verdict:
    if expected.measure == "rows":
        return _within(expected, _exactly(profile.rows))
    if expected.measure == "columns":
        lacking = [name for name in expected.values if name not in profile]
        return Verdict(expected, not lacking, True, f"no {', '.join(lacking)}" if lacking else "all of them")
    if expected.column not in profile:
        return Verdict(expected, False, True, "no such column")
    column = profile[expected.column]
    if expected.measure == "type":
        others = [f"{count:,} {kind}" for kind, count in column.types.items() if kind not in expected.values]
        return Verdict(expected, not others, True, ", ".join(others) or column.kind)
    if expected.measure == "among":
        return _among(expected, column)
    found = _MEASURES[expected.measure](column, expected)
    if found is None:
        return Verdict(expected, column.present == 0, True, f"no values of which there is one: {column.kind}")
    return _within(expected, found)


def _within(expected: Expectation, found: _Found) -> Verdict:
    low = -math.inf if expected.at_least is None else expected.at_least
    high = math.inf if expected.at_most is None else expected.at_most
    passed = low <= found.value <= high
    # The true value is somewhere in between: it is certain if both ends are on the same side as the estimate.
    inside = low <= found.least and found.most <= high
    outside = found.most < low or found.least > high
    about = "" if found.least == found.most else "about "
    write = _writer(expected.measure)
    text = (
        f"{write(found.value)}"
        if expected.measure not in ("range", "length")
        else f"{write(found.least)} to {write(found.most)}"
    )
    if expected.measure in ("range", "length"):
        return Verdict(expected, inside, True, text)
    return Verdict(expected, passed, inside or outside, about + text)


def _among(expected: Expectation, column: ColumnProfile) -> Verdict:
    allowed = {str(value) for value in expected.values}
    items = column.frequent
    if items is None or not column.present:
        return Verdict(
            expected, column.present == 0, True, "no values" if not column.present else "values that are not counted"
        )
    others = [(value, count) for value, count, _ in items.sorted_by_count() if _plain(value) not in allowed]
    if others:
        named = ", ".join(f"{value} ({count:,})" for value, count in others[:_NAMED])
        return Verdict(
            expected, False, True, named + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
        )
    if not items.missed:
        return Verdict(expected, True, True, "no other")
    fewer = column.distinct.estimate <= len(allowed) * (1 + column.distinct.relative_error)
    about = count_text(column.distinct.estimate)
    return Verdict(expected, fewer, False, f"no other among the most frequent of about {about} values")


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _exactly(value: float) -> _Found:
    return _Found(value, value, value)


def _known(column: ColumnProfile) -> NumberProfile | None:
    return column.distribution if column.kind not in ("time", "list") else None


def _missing(column: ColumnProfile, _: Expectation) -> _Found:
    return _exactly(column.missing_share)


def _range(column: ColumnProfile, _: Expectation) -> _Found | None:
    known = _known(column)
    if known is None:
        return None
    least = -math.inf if column.negative_infinite else known.least
    most = math.inf if column.infinite > column.negative_infinite else known.most
    return _Found(least, least, most)


def _mean(column: ColumnProfile, _: Expectation) -> _Found | None:
    known = _known(column)
    return _exactly(known.moments.mean) if known else None


def _deviation(column: ColumnProfile, _: Expectation) -> _Found | None:
    known = _known(column)
    return _exactly(known.moments.deviation) if known else None


def _quantile(column: ColumnProfile, expected: Expectation) -> _Found | None:
    known = _known(column)
    if known is None:
        return None
    error = known.quantiles.rank_error
    levels = [expected.level, max(0.0, expected.level - error), min(1.0, expected.level + error)]
    value, least, most = known.quantiles.quantiles(levels).tolist()
    if levels[1] == 0:
        least = float(known.least)
    if levels[2] == 1:
        most = float(known.most)
    return _Found(value, least, most)


def _distinct(column: ColumnProfile, _: Expectation) -> _Found:
    estimate, error = min(column.distinct.estimate, column.present), column.distinct.relative_error
    if not error:
        return _exactly(round(estimate))
    return _Found(estimate, estimate * (1 - error), min(estimate * (1 + error), column.present))


def _unique(column: ColumnProfile, expected: Expectation) -> _Found:
    count = max(1, column.present)
    found = _distinct(column, expected)
    # An estimate within its error of all rows may be all of them.
    value = (
        1.0
        if found.most >= count * (1 - column.distinct.relative_error) and found.least != found.most
        else found.value / count
    )
    return _Found(value, found.least / count, min(1.0, found.most / count))


def _length(column: ColumnProfile, _: Expectation) -> _Found | None:
    known = column.sizes if column.kind == "list" else column.texts.lengths if column.texts else None
    return _Found(known.least, known.least, known.most) if known and known.moments.count else None


_MEASURES: dict[str, Callable[[ColumnProfile, Expectation], _Found | None]] = {
    "deviation": _deviation,
    "distinct": _distinct,
    "length": _length,
    "mean": _mean,
    "missing": _missing,
    "quantile": _quantile,
    "range": _range,
    "unique": _unique,
}

_TITLES = {
    "among": "one of",
    "distinct": "distinct values",
    "range": "values",
    "type": "type",
    "unique": "share of distinct values",
}


def _writer(measure: str) -> Callable[[float], str]:
    if measure in ("missing", "unique"):
        return share_text
    return count_text if measure in ("rows", "distinct") else number_text
