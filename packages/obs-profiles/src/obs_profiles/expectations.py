"""What is expected of data, checked on its profile: no row is looked at again."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, overload

from obs_profiles.allowed_values import AllowedValues, narrowed
from obs_profiles.batch_checks import BatchChecks, SeenValues
from obs_profiles.column_profiles import ColumnProfile, NumberProfile
from obs_profiles.comparison.sequences import number_writer
from obs_profiles.expected import Expectation, Verdict, expected_text
from obs_profiles.limits import found_text, micros_of, value_writer
from obs_profiles.profiles import Profile
from obs_profiles.profiling import profiled
from obs_profiles.wording import count_text, digits_text

__all__ = [
    "Checked",
    "ColumnExpectations",
    "Expectation",
    "Verdict",
    "check",
    "checked_by",
    "expect",
    "expectations_of",
]

_NAMED = 5
_EXACT = 1 << 53
"""Up to here each integer is a float."""

_Bound = float | decimal.Decimal | fractions.Fraction | datetime.date | datetime.timedelta | None


@dataclass(frozen=True, slots=True, eq=False)
class Checked(Sequence[Verdict]):
    """The verdicts on all expectations, in their order. In a notebook, and in a deck, it shows itself.

    A verdict on an estimate that is close to its limit goes by the estimate, and says that it is not certain.

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
        """Those that do not hold, with the certain ones first."""
        return sorted((verdict for verdict in self.verdicts if not verdict.passed), key=lambda one: not one.certain)

    @property
    def uncertain(self) -> list[Verdict]:
        """Those that may or may not hold, as far as the profile tells; `Verdict.doubt` says why."""
        return [verdict for verdict in self.verdicts if not verdict.certain]

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
        doubt = f", {len(self.uncertain)} not certain" if self.uncertain else ""
        return f"<Checked: {len(self.failed)} of {len(self.verdicts)} failed{doubt}>"

    def _repr_html_(self) -> str:
        from obs_profiles.pages.checked_page import checked_html

        return checked_html(self.verdicts, self.rows)


class ColumnExpectations:
    """Makes expectations of a column; see `expect`."""

    def __init__(self, column: str) -> None:
        self._column = column

    def missing(self, *, at_most: float) -> Expectation:
        """Expect no larger share of missing values, 0 to 1; with 1 all other rules hold where all are missing."""
        return self._made("missing", at_most=at_most)

    def present(self) -> Expectation:
        """Expect no missing values."""
        return self._made("missing", at_most=0.0)

    def between(self, least: _Bound, most: _Bound) -> Expectation:
        """Expect all values from one to another; None is no limit.

        Args:
            least: The smallest that is fine: a number; of lengths of time a timedelta, or seconds; of times a datetime,
                which is UTC if it has no zone and the column has one, or a date, which is its midnight.
            most: The largest.
        """
        return self._made("range", at_least=least, at_most=most)

    def among(self, *values: Any) -> Expectation:
        """Expect no other values than these: ``1`` is ``1.0``, and not ``"1"``; a date is no datetime, as in pandas."""
        return Expectation(self._column, "among", values=values)

    def mean(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a mean within limits: of booleans, the share that is true."""
        return self._made("mean", at_least, at_most)

    def deviation(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a standard deviation within limits."""
        return self._made("deviation", at_least, at_most)

    def quantile(self, share: float, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a quantile, such as that of 0.99, within limits.

        Raises:
            ValueError: The share is not from 0 to 1.
        """
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
        """Expect values of no other types.

        Args:
            kinds: Some of "integer", "number", "text", "bytes", "boolean", "time", "duration", "list", "mapping",
                "object".
        """
        return Expectation(self._column, "type", values=kinds)

    def _made(self, measure: str, at_least: Any = None, at_most: Any = None) -> Expectation:
        return Expectation(self._column, measure, at_least, at_most)


class _Expect:
    """Makes expectations: ``expect("delay").between(-60, 1500)``, ``expect.rows(at_least=1)``."""

    def __call__(self, column: str) -> ColumnExpectations:
        """Expect something of a column."""
        return ColumnExpectations(column)

    def rows(self, *, at_least: float | None = None, at_most: float | None = None) -> Expectation:
        """Expect a number of rows within limits; with `at_least` 0 all other rules hold where there are none."""
        return Expectation("", "rows", at_least, at_most)

    def columns(self, *names: str) -> Expectation:
        """Expect these columns; others may be there too."""
        return Expectation("", "columns", values=names)


expect = _Expect()


def check(data: Any, expectations: Expectation | Iterable[Expectation]) -> Checked:
    """Check what is expected of data.

    Args:
        data: What `obs_profiles.profile` takes, such as a frame, a profile, or the file of one.
        expectations: What `expect` makes, one or several.

    Returns:
        A verdict on each.

    Raises:
        TypeError: `data` is no data and no profile, or something else is expected.

    Examples:
        >>> check({"delay": [3.5, None]}, [expect("delay").missing(at_most=0.1)]).passed
        False
    """
    wanted = expectations_of(expectations)
    batches = BatchChecks(wanted)
    return checked_by(profiled(data, (), batches.look), wanted, batches)


def checked_by(known: Profile, expectations: Sequence[Expectation], batches: BatchChecks) -> Checked:
    """Check what is expected of data on its profile, and on what was seen of its batches.

    Args:
        known: The profile.
        expectations: What is expected.
        batches: What looked at the same expectations while the data was profiled.
    """
    may_be_empty = _MayBeEmpty.by(expectations)
    verdicts = (_verdict(known, each, may_be_empty) for each in expectations)
    found = tuple(_settled(verdict, batches.seen(place)) for place, verdict in enumerate(verdicts))
    return Checked(found, known.rows)


def _settled(verdict: Verdict, seen: SeenValues | None) -> Verdict:
    """Return the verdict on all values that a column has, where its profile knows some of them alone."""
    if seen is None or verdict.certain:
        return verdict
    if not seen.others:
        return replace(verdict, passed=True, certain=seen.certain, found="no other" if seen.certain else verdict.found)
    at_least = "at least " if seen.batches > 1 else ""  # each was counted in its own batch
    return replace(verdict, passed=False, certain=seen.certain, found=at_least + _first(seen.others))


def expectations_of(expected: Expectation | Iterable[Expectation]) -> tuple[Expectation, ...]:
    """Return what is expected, one or several, as a tuple.

    Raises:
        TypeError: Something is no expectation.
    """
    found: tuple[Any, ...] = (expected,) if isinstance(expected, Expectation) else tuple(expected)
    for each in found:
        if not isinstance(each, Expectation):
            raise TypeError(f"expectations are made with expect, as in expect('delay').present(), not {each!r}")
    return found


class _Found(NamedTuple):
    """What was found, and between which values it may be."""

    value: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class _MayBeEmpty:
    """What may have no values, since somebody said so: otherwise a rule would hold of data that never came."""

    rows: bool
    columns: frozenset[str]

    @classmethod
    def by(cls, expectations: Sequence[Expectation]) -> _MayBeEmpty:
        return cls(
            any(each.measure == "rows" and each.at_least == 0 for each in expectations),
            frozenset(each.column for each in expectations if each.measure == "missing" and each.at_most == 1),
        )


def _verdict(profile: Profile, expected: Expectation, may_be_empty: _MayBeEmpty) -> Verdict:
    if expected.measure == "rows":
        return _within(expected, _exactly(profile.rows), value_writer(expected.limits))
    if expected.measure == "columns":
        lacking = [name for name in expected.values if name not in profile]
        return Verdict(expected, not lacking, True, f"no {', '.join(lacking)}" if lacking else "all of them")
    if expected.column not in profile:
        return Verdict(expected, False, True, "no such column")
    column = profile[expected.column]
    verdict = _verdict_on(column, expected, may_be_empty)
    return replace(verdict, expected=expected_text(expected, _writer(expected, column)))


def _verdict_on(column: ColumnProfile, expected: Expectation, may_be_empty: _MayBeEmpty) -> Verdict:
    if not column.rows:
        return Verdict(expected, may_be_empty.rows, True, "no rows")
    if not column.present and expected.measure not in ("missing", "distinct"):
        return Verdict(expected, expected.column in may_be_empty.columns, True, "no values")
    if expected.measure == "type":
        others = [f"{count:,} {kind}" for kind, count in column.types.items() if kind not in expected.values]
        return Verdict(expected, not others, True, ", ".join(others) or column.kind)
    if expected.measure in ("among", "range"):
        return (_among if expected.measure == "among" else _between)(expected, column)
    found = _MEASURES[expected.measure](column, expected)
    if found is None:
        return Verdict(expected, False, True, f"no values of which there is one: {column.kind}")
    in_values = expected.measure in ("mean", "quantile")
    return _within(expected, found, _writer(expected, column), column.dtype if in_values else "")


def _writer(expected: Expectation, column: ColumnProfile) -> Callable[[float], str]:
    return value_writer(expected.limits, names=number_writer(column) is digits_text)


def _within(expected: Expectation, found: _Found, write: Callable[[float], str], dtype: str = "") -> Verdict:
    low, high = _numbers(expected, dtype)
    passed = low <= found.value <= high
    # The true value is somewhere in between: it is certain if both ends are on the same side as the estimate.
    inside = low <= found.least and found.most <= high
    outside = found.most < low or found.least > high or math.isnan(found.value)
    if expected.measure == "length":
        ends = (found_text(end, expected.measure, expected.limits, write) for end in (found.least, found.most))
        return Verdict(expected, inside, True, " to ".join(ends))
    text = found_text(found.value, expected.measure, expected.limits, write)
    return Verdict(expected, passed, inside or outside, _how_exact(found, expected.measure) + text)


def _how_exact(found: _Found, measure: str) -> str:
    """Say before a number that is not exact whether it is about so much, or at least: some values are not counted."""
    if found.least == found.most or math.isnan(found.value):
        return ""
    return "at least " if measure in ("distinct", "unique") and found.least == found.value else "about "


def _numbers(expected: Expectation, dtype: str) -> tuple[float, float]:
    """Return the limits as numbers: of moments, microseconds since 1970.

    Args:
        expected: What has limits.
        dtype: What the column of the limited values is called: one of few bits has no 0.1, but what is nearest to it.
    """
    low, high = (micros_of(limit) if isinstance(limit, datetime.datetime) else limit for limit in expected.limits)
    least = -math.inf if low is None else min([low, *narrowed([low], dtype)])
    return least, math.inf if high is None else max([high, *narrowed([high], dtype)])


def _between(expected: Expectation, column: ColumnProfile) -> Verdict:
    """Look at the ends, and for values of types that are neither smaller nor larger than a limit."""
    if any(isinstance(limit, datetime.datetime) for limit in expected.limits):
        kinds: tuple[str, ...] = ("time",)
    else:
        kinds = ("duration",) if column.kind == "duration" else ("integer", "number")
    others = [f"{count:,} {kind}" for kind, count in column.types.items() if kind not in kinds]
    ends = _ends(column, kinds[0])
    low, high = _numbers(expected, column.dtype)
    write = _writer(expected, column)
    texts = [" to ".join(found_text(end, expected.measure, expected.limits, write) for end in ends)] if ends else []
    passed = not others and ends is not None and low <= ends[0] and ends[1] <= high
    return Verdict(expected, passed, True, ", ".join(texts + others))


def _ends(column: ColumnProfile, kind: str) -> tuple[float, float] | None:
    if kind == "time":
        return (column.times.numbers.least, column.times.numbers.most) if column.times else None
    known = column.durations if kind == "duration" else column.numbers
    infinite = column.infinite if kind != "duration" else 0
    if known is None and not infinite:
        return None
    ends = [] if known is None else [known.least, known.most]
    ends += [-math.inf] * (column.negative_infinite > 0) + [math.inf] * (infinite > column.negative_infinite)
    return min(ends), max(ends)


def _among(expected: Expectation, column: ColumnProfile) -> Verdict:
    """Compare with a profile of the values that may be there, so that both are prepared alike."""
    allowed = AllowedValues.of(expected.values, column)
    others, complete, told_apart = allowed.others_in(column)
    if others:
        return Verdict(expected, False, told_apart, _first(others))
    if complete:
        return Verdict(expected, True, told_apart, "no other")
    fewer = round(column.distinct_count.estimate) <= allowed.count * (1 + column.distinct.relative_error)
    count = _distinct(column, expected)
    many = _how_exact(count, "distinct") + count_text(count.value)
    return Verdict(expected, fewer, False, f"no other among the most frequent of {many} values")


def _first(others: Sequence[str]) -> str:
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    return ", ".join(others[:_NAMED]) + more


def _exactly(value: float) -> _Found:
    return _Found(value, value, value)


def _known(column: ColumnProfile) -> NumberProfile | None:
    """Return the distribution of finite numbers, or lengths of time."""
    return column.distribution if column.kind not in ("time", "list") else None


def _infinities(column: ColumnProfile) -> tuple[int, int]:
    """Return how many numbers are -∞ and ∞."""
    if not column.is_numeric:
        return 0, 0
    return column.negative_infinite, column.infinite - column.negative_infinite


def _missing(column: ColumnProfile, _: Expectation) -> _Found:
    return _exactly(column.missing_share)


def _mean(column: ColumnProfile, _: Expectation) -> _Found | None:
    if column.types.keys() == {"boolean"}:
        return _exactly(column.true / column.types["boolean"])
    known, (below, above) = _known(column), _infinities(column)
    if below or above:
        return _exactly(math.nan if below and above else math.inf if above else -math.inf)
    return _Found(known.mean, known.mean - known.mean_error, known.mean + known.mean_error) if known else None


def _deviation(column: ColumnProfile, _: Expectation) -> _Found | None:
    known = _known(column)
    if any(_infinities(column)):
        return _exactly(math.nan)
    return _exactly(known.moments.deviation) if known else None


def _quantile(column: ColumnProfile, expected: Expectation) -> _Found | None:
    assert expected.level is not None
    known, (below, above) = _known(column), _infinities(column)
    if known is None:
        return _Found(*(_infinite_quantile(expected.level, below, above),) * 3) if below or above else None
    error = known.quantiles.rank_error
    # Infinite numbers stand at both ends of the finite ones, which the sketch knows.
    finite = known.moments.count
    level = (expected.level * (below + finite + above) - below) / finite
    if level < 0 or level > 1:
        return _exactly(-math.inf if level < 0 else math.inf)
    if level in (0, 1):
        return _exactly(known.most if level else known.least)
    levels = [level, max(0.0, level - error), min(1.0, level + error)]
    value, least, most = known.quantiles.quantiles(levels).tolist()
    if "integer" in column.types and max(-least, most) >= _EXACT:  # ranks are those of the nearest floats
        least, most = math.nextafter(least, -math.inf), math.nextafter(most, math.inf)
    if levels[1] == 0:
        least = -math.inf if below and level < error else known.least
    if levels[2] == 1:
        most = math.inf if above and level > 1 - error else known.most
    return _Found(value, least, most)


def _infinite_quantile(level: float, below: int, above: int) -> float:
    return -math.inf if level * (below + above) <= below and below else math.inf


def _distinct(column: ColumnProfile, _: Expectation) -> _Found:
    return _Found(*column.distinct_count)


def _unique(column: ColumnProfile, expected: Expectation) -> _Found:
    different = column.all_different
    if different:
        return _exactly(1.0)
    found, count = _distinct(column, expected), max(1, column.present)
    least, most = found.least / count, min(1.0, found.most / count)
    if different is not None:
        most = min(most, 1 - 1 / count)
        return _Found(min(found.value / count, most), least, most)
    if most == 1.0 and column.distinct.relative_error:
        # Within its error the estimate may be all of them. Of few values it is far likelier that two are equal.
        return _Found(1.0, least, most)
    return _Found(min(found.value / count, most), least, 1.0)  # what nobody knows is not certain


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
    "unique": _unique,
}
