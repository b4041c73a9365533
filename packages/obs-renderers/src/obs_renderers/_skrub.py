"""Ask skrub for a table's figures, whatever the table holds."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from obs_renderers._cells import value_text
from obs_renderers._columns import Unit, numbers_of
from obs_renderers._markup import encodable, shorten
from obs_renderers._profile_charts import Histogram
from obs_renderers._scale import value_in

if TYPE_CHECKING:
    from obs_renderers._frames import Frame

__all__ = ["Association", "ColumnProfile", "Profile", "profile_frame"]

_ASSOCIATION_ROWS = 3_000
_MAX_ASSOCIATED_COLUMNS = 60
_MAX_TEXT = 200
_DATA_DIRECTORY = "SKB_DATA_DIRECTORY"


class ColumnProfile(Struct):
    """What a profile says of one column.

    Attributes:
        name: Its label.
        dtype: Its type's name.
        kind: ``"number"``, ``"time"``, ``"duration"``, ``"boolean"``, ``"category"`` or ``"text"``.
        rows: How many values were looked at, the missing ones included.
        missing: How many of them are missing.
        distinct: How many different values there are, if that could be told.
        constant: Whether they are all the same.
        constant_value: That value, as text.
        ordered: Whether they are sorted.
        unit: Of the histogram's edges.
        histogram: Of numbers and times.
        top: The most frequent values of others.
        outliers: Numbers more than 1.5 interquartile ranges away from the quartiles.
        facts: Names and texts of statistics.
    """

    name: str
    dtype: str
    kind: str = "text"
    rows: int = 0
    missing: int = 0
    distinct: int | None = None
    constant: bool = False
    constant_value: str = ""
    ordered: bool = False
    unit: Unit = "number"
    histogram: Histogram | None = None
    top: list[tuple[str, int]] = field(default_factory=list)
    outliers: int = 0
    facts: list[tuple[str, str]] = field(default_factory=list)


class Association(Struct, frozen=True):
    """How strongly two columns go together."""

    left: str
    right: str
    strength: float
    pearson: float | None


class Profile(Struct):
    """What is known of a table.

    Attributes:
        all_rows: Rows of the table.
        rows: Rows that were profiled.
        columns: A profile of each column.
        associations: Pairs of columns, the strongest first.
        association_rows: On how many rows at most associations were computed.
        associations_skipped: Why there are none, if so.
        duplicates: Rows that repeat an earlier one, if that could be told.
    """

    all_rows: int
    rows: int
    columns: list[ColumnProfile]
    associations: list[Association] = field(default_factory=list)
    association_rows: int = _ASSOCIATION_ROWS
    associations_skipped: str = ""
    duplicates: int | None = None

    @property
    def sampled(self) -> bool:
        """Whether some rows were left out."""
        return self.rows < self.all_rows


def profile_frame(frame: Frame, max_rows: int) -> Profile:
    """Profile a table.

    Args:
        frame: The table.
        max_rows: Rows to look at most; of a longer table every second, third, ... row is taken.
    """
    step = max(1, -(-frame.rows // max_rows))
    series = [_plain(_pandas_column(frame.column(place), step)) for place in range(frame.columns)]
    rows = len(series[0]) if series else frame.rows
    columns = [ColumnProfile(frame.label(place), frame.dtype(place), rows=rows) for place in range(frame.columns)]
    profile = Profile(frame.rows, rows, columns)
    if series and rows:
        _fill(profile, series)
    return profile


def _pandas_column(column: Any, step: int) -> Any:
    import pandas as pd

    module = type(column).__module__.partition(".")[0]
    if module == "pandas":
        return column.iloc[::step].reset_index(drop=True)
    if module == "pyarrow":
        rows = range(0, len(column), step)
        taken = column if step == 1 else column.take(list(rows))
        return pd.Series(taken.to_pandas()).reset_index(drop=True)
    taken = column.gather_every(step)
    return pd.Series(_polars_values(taken))


def _polars_values(series: Any) -> Any:
    kind = str(series.dtype)
    plain = series.dtype.is_numeric() or kind.startswith(("Datetime", "Duration"))
    simple = plain and not kind.startswith(("Decimal", "Int128", "UInt128")) and "time_zone='" not in kind
    return series.to_numpy() if simple else series.to_list()


def _plain(series: Any) -> Any:
    """Bring a column to a type that skrub knows: all but numbers, times, durations and booleans is text."""
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return series.astype("boolean") if series.isna().any() else series.astype(bool)
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return _plain_times(series)
    if (
        types.is_numeric_dtype(dtype)
        and not types.is_complex_dtype(dtype)
        and not isinstance(dtype, pd.CategoricalDtype)
    ):
        return _plain_numbers(series)
    numbers = numbers_of(series) if dtype.kind == "O" and series.notna().any() else None
    if numbers is not None and not _holds_booleans(series):
        return pd.Series(numbers.values).replace([math.inf, -math.inf], math.nan)
    return _as_text(series)


def _holds_booleans(series: Any) -> bool:
    return any(isinstance(value, bool) for value in series.dropna().iloc[:100])


def _plain_times(series: Any) -> Any:
    """Make times naive, and durations seconds: skrub cannot write constant ones."""
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        numbers = numbers_of(series)
        return pd.Series(None if numbers is None else numbers.values)
    zoned = getattr(series.dt, "tz", None) is not None
    series = series.dt.tz_localize(None) if zoned else series
    return pd.Series(series.to_numpy(dtype="datetime64[ns]"))


def _plain_numbers(series: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iu" and series.dtype.itemsize <= 8:
        return series
    return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan)).replace([np.inf, -np.inf], np.nan)


def _as_text(series: Any) -> Any:
    import pandas as pd

    missing = series.isna().to_numpy(dtype=bool)
    codes, texts = _coded(series, missing)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(texts)))


def _coded(series: Any, missing: Any) -> tuple[Any, list[str]]:
    """Number the different texts of a column, as skrub counts categories far faster than strings."""
    import pandas as pd

    try:
        codes, values = pd.factorize(series)
    except TypeError:
        return _coded_by_text(series, missing)
    texts = [_text_of(value) for value in values.tolist()]
    if len(set(texts)) < len(texts):
        again, values = pd.factorize(pd.Series(texts, dtype=object))
        return again.take(codes) if len(again) and (codes >= 0).all() else _missing_kept(again, codes), list(values)
    return codes, texts


def _missing_kept(again: Any, codes: Any) -> Any:
    import numpy as np

    return np.where(codes >= 0, again[np.maximum(codes, 0)] if len(again) else -1, -1)


def _coded_by_text(series: Any, missing: Any) -> tuple[Any, list[str]]:
    import numpy as np

    places: dict[str, int] = {}
    codes = np.full(len(series), -1)
    for row, value in enumerate(series.tolist()):
        if not missing[row]:
            codes[row] = places.setdefault(_text_of(value), len(places))
    return codes, list(places)


def _text_of(value: object) -> str:
    return encodable(shorten(value_text(value), _MAX_TEXT))


def _fill(profile: Profile, series: list[Any]) -> None:
    """Let skrub work out the figures and copy them over, column by column."""
    import pandas as pd

    known = [place for place, column in enumerate(series) if column.notna().any()]
    for place, column in enumerate(series):
        profile.columns[place].missing = int(column.isna().sum())
    table = pd.DataFrame({f"c{place}": series[place] for place in known}, copy=False)
    associate = 2 <= len(known) <= _MAX_ASSOCIATED_COLUMNS
    report = _report(table, associate) if known else {"columns": []}
    for place, summary in zip(known, report["columns"], strict=True):
        _fill_column(profile.columns[place], summary, series[place])
    profile.associations = _associations(profile, known, report.get("top_associations", []))
    if len(known) > _MAX_ASSOCIATED_COLUMNS:
        profile.associations_skipped = f"Not computed for more than {_MAX_ASSOCIATED_COLUMNS} columns."
    profile.duplicates = int(table.duplicated().sum()) if known else None


def _report(table: Any, associate: bool) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = _table_report()(table, verbose=0, plot_distributions=False, compute_associations=associate)
        return report.dict()


_importing = threading.Lock()


def _table_report() -> Any:
    with _importing, _home_left_alone():
        from skrub import TableReport  # type: ignore[import-untyped]
    return TableReport


@contextlib.contextmanager
def _home_left_alone() -> Iterator[None]:
    """Keep skrub's import from making ``~/skrub_data``, and leave it set up as if it had made it.

    A folder that the user asked for, with the variable that skrub reads, is skrub's to make.
    """
    import sys

    if "skrub" in sys.modules or _DATA_DIRECTORY in os.environ:
        yield
        return
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="obs-") as elsewhere:
        os.environ[_DATA_DIRECTORY] = elsewhere
        try:
            yield
        finally:
            os.environ.pop(_DATA_DIRECTORY, None)
        _point_to(str(Path.home() / "skrub_data"), elsewhere)


def _point_to(usual: str, elsewhere: str) -> None:
    """Name the usual folder, which skrub makes when it stores something, in place of the import's."""
    from skrub import _config

    for settings in (_config._global_config, getattr(_config._threadlocal, "global_config", {})):
        if settings.get("data_dir") == elsewhere:
            settings["data_dir"] = usual


def _fill_column(column: ColumnProfile, summary: dict[str, Any], series: Any) -> None:
    column.distinct = summary.get("n_unique")
    column.constant = bool(summary.get("value_is_constant"))
    column.ordered = bool(summary.get("is_ordered"))
    column.kind, column.unit = ("duration", "seconds") if _is_duration(column) else _kind_of(series)
    if column.kind in ("number", "time", "duration"):
        _fill_numbers(column, summary, series)
    else:
        _fill_values(column, summary)


def _is_duration(column: ColumnProfile) -> bool:
    return column.dtype.lower().startswith("duration")


def _kind_of(series: Any) -> tuple[str, Unit]:
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "boolean", "number"
    if types.is_datetime64_any_dtype(dtype):
        return "time", "epoch"
    if types.is_numeric_dtype(dtype):
        return "number", "number"
    few = len(dtype.categories) <= max(20, len(series) // 20)
    return ("category" if few else "text"), "number"


def _fill_numbers(column: ColumnProfile, summary: dict[str, Any], series: Any) -> None:
    from obs_renderers.box import box_statistics

    numbers = numbers_of(series)
    box = box_statistics(numbers.values) if numbers else None
    if box is None:
        return
    column.outliers = box.n_outliers if column.kind == "number" else 0
    column.histogram = _histogram(summary)

    def text(value: float) -> str:
        return value_in(column.unit, value)

    if column.constant:
        column.constant_value = text(box.low)
        return
    column.facts = [("min", text(box.low)), ("median", text(box.median)), ("max", text(box.high))]
    if column.kind != "time":
        column.facts[1:1] = [("mean", text(box.mean))]
        column.facts.append(("std", text(_number(summary.get("standard_deviation")))))
    if column.kind == "number":
        column.facts += [("q1", text(box.q1)), ("q3", text(box.q3))]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _histogram(summary: dict[str, Any]) -> Histogram | None:
    bins = summary.get("histogram_data")
    if not bins:
        return None
    offset = float(bins.get("total_seconds_offset", 0.0))
    edges = [offset + edge for edge in bins["bin_edges"]]
    return Histogram(
        [int(number) for number in bins["bin_counts"]], edges, bins["n_low_outliers"], bins["n_high_outliers"]
    )


def _fill_values(column: ColumnProfile, summary: dict[str, Any]) -> None:
    column.top = [(value_text(value), int(number)) for value, number in summary.get("value_counts", [])]
    column.constant_value = column.top[0][0] if column.constant and column.top else ""


def _associations(profile: Profile, known: list[int], pairs: list[dict[str, Any]]) -> list[Association]:
    names = [profile.columns[place].name for place in known]
    return [
        Association(
            names[pair["left_column_idx"]],
            names[pair["right_column_idx"]],
            strength,
            _finite(pair["pearson_corr"]),
        )
        for pair in pairs
        if (strength := _finite(pair["cramer_v"])) is not None
    ]


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
