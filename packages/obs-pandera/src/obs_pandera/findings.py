"""What pandera found, counted exactly and with a few examples: one finding for each check that failed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, field

from obs_core.interruptions import let_pass
from obs_pandera.frames import Frame
from obs_pandera.texts import check_text, label_of, shorten, value_text

__all__ = ["Finding", "Findings", "column_of", "findings_in"]

_EXAMPLES = 5
_POSITIONS = 20
"""Failing rows that each finding remembers, for the preview of the data."""

_ABOUT_THE_SCHEMA = frozenset(
    (
        "COLUMN_NOT_IN_SCHEMA",
        "COLUMN_NOT_ORDERED",
        "DUPLICATE_COLUMN_LABELS",
        "COLUMN_NOT_IN_DATAFRAME",
        "SCHEMA_COMPONENT_CHECK",
        "WRONG_FIELD_NAME",
        "WRONG_DATATYPE",
        "INVALID_COLUMN_NAME",
        "MISMATCH_INDEX",
        "ADD_MISSING_COLUMN_NO_DEFAULT",
    )
)


class Finding(Struct):
    """One check that failed.

    Attributes:
        scope: ``"schema"`` if the frame's shape or types are wrong, ``"data"`` if values are.
        code: pandera's reason, such as ``"DATAFRAME_CHECK"``.
        column: The column's label; empty for a check of the whole frame.
        check: What was checked.
        failures: Exact number of rows that failed (of failure cases, for a check that looks at no rows).
        share: Share of the rows that passed, from 0 to 1; None where rows were not looked at.
        sampled: Whether pandera looked at some of the rows only (`head`, `tail`, `sample` of its `validate`): then
            `failures` are of these, and `share` stands for all.
        message: What pandera says, where there are no values to show.
        examples: Row label and value of the first failures; a missing value is None, and the value of a whole row
            that failed is empty.
        common: The most frequent failing values and how often each is there, where values repeat.
        positions: Positions of the first failing rows.
    """

    scope: Literal["schema", "data"]
    code: str
    column: str
    check: str
    failures: int
    share: float | None = None
    sampled: bool = False
    message: str = ""
    examples: list[tuple[str, str | None]] = field(default_factory=list)
    common: list[tuple[str, int]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


class Findings(Struct):
    """All that a validation found.

    Attributes:
        findings: One for each check that failed, in pandera's order.
        rows: Rows of the frame; None if unknown.
        invalid_rows: Rows in which something failed; None where that is not known.
        first_invalid: Positions of the first of them.
    """

    findings: list[Finding] = field(default_factory=list)
    rows: int | None = None
    invalid_rows: int | None = None
    first_invalid: list[int] = field(default_factory=list)

    def of(self, scope: str) -> list[Finding]:
        """Return the findings about the schema, or about the data."""
        return [finding for finding in self.findings if finding.scope == scope]

    @property
    def failing_values(self) -> int:
        """How many values failed, over all checks of the data."""
        return sum(finding.failures for finding in self.of("data"))


def findings_in(error: Any, frame: Frame) -> Findings:
    """Read what pandera found out of its exception.

    Its text is never asked for: a million failure cases make 15 MB of it.

    Args:
        error: A `pandera.errors.SchemaErrors` or `SchemaError`.
        frame: The frame that was validated.
    """
    union = _Union(frame.rows)
    found = [_finding(one, frame, union) for one in getattr(error, "schema_errors", [error])]
    return Findings(found, frame.rows, union.count, union.first)


class _Union:
    """The rows in which any check failed."""

    def __init__(self, rows: int | None) -> None:
        self._rows = rows
        self._mask: Any = None
        self._complete = rows is not None

    def add(self, mask: Any) -> None:
        """Add the rows of one check; None if they are not known."""
        if mask is None:
            self._complete = False
        else:
            self._mask = mask if self._mask is None else self._mask | mask

    @property
    def count(self) -> int | None:
        """How many there are."""
        if not self._complete:
            return None
        return 0 if self._mask is None else int(self._mask.sum())

    @property
    def first(self) -> list[int]:
        """Positions of the first ones."""
        return [] if self._mask is None else _first_true(self._mask)


def _finding(error: Any, frame: Frame, union: _Union) -> Finding:
    code = getattr(error.reason_code, "name", str(error.reason_code or "UNKNOWN"))
    scope: Literal["schema", "data"] = "schema" if code in _ABOUT_THE_SCHEMA else "data"
    cases = error.failure_cases
    finding = Finding(scope, code, column_of(error), check_text(error.check), 1)
    if not finding.column and not hasattr(error.schema, "columns"):
        finding.column = next(iter(frame.labels), "")
    if not _is_table(cases):
        finding.message = shorten("" if cases is None else str(cases), 400)
    if scope == "schema":
        finding.message = _schema_message(code, finding.column, frame) or finding.message
    elif _is_table(cases):
        _count_rows(finding, error, frame, union)
        if finding.column:
            finding.examples = _examples(cases, finding, frame)
            finding.common = _common(cases, finding.failures)
        else:
            finding.examples = _whole_rows(error.schema, finding, frame)
    return finding


def column_of(error: Any) -> str:
    """Name the column that an error of pandera is about; empty for the whole frame, and a series without a name.

    Args:
        error: A `pandera.errors.SchemaError`.
    """
    schema, cases = error.schema, error.failure_cases
    if hasattr(schema, "indexes") and _is_table(cases) and "column" in cases.columns and len(set(cases["column"])) == 1:
        return label_of(next(iter(cases["column"])))  # a level of a MultiIndex
    if hasattr(schema, "columns"):  # of the whole frame
        check = str(error.check)
        if check == "dataframe_column_labels_unique":
            return ", ".join(label_of(label) for label in list(cases)[:_EXAMPLES])
        return label_of(cases) if check in _OF_A_COLUMN and not _is_table(cases) else ""
    name = getattr(error, "column_name", None)
    name = getattr(schema, "name", None) if name is None else name
    if name is None:
        return "index" if hasattr(schema, "names") else ""
    return label_of(name)


_OF_A_COLUMN = frozenset(("column_in_dataframe", "column_in_schema", "column_ordered"))
"""Checks of the frame of which the failure case is a column's label."""

_MESSAGES = {
    "COLUMN_NOT_IN_DATAFRAME": "there is no such column",
    "COLUMN_NOT_IN_SCHEMA": "the schema knows no such column",
}


def _schema_message(code: str, column: str, frame: Frame) -> str:
    if code == "WRONG_DATATYPE" and column in frame.labels:
        return f"it is {frame.dtype(frame.labels.index(column))}"
    return _MESSAGES.get(code, "")


def _is_table(cases: Any) -> bool:
    return hasattr(cases, "columns") and hasattr(cases, "shape")


def _count_rows(finding: Finding, error: Any, frame: Frame, union: _Union) -> None:
    failed = _failed(error.check_output)
    mask = _mask(finding, error, failed, frame)
    looked_at = _looked_at(finding, failed, mask, frame)
    finding.sampled = looked_at != frame.rows
    union.add(None if finding.sampled else mask)
    if mask is not None:
        finding.failures = int(mask.sum())
        finding.positions = _first_true(mask)
    else:
        finding.failures = _cases_in(error.failure_cases)
    if looked_at and (mask is not None or finding.sampled):
        finding.share = 1 - finding.failures / looked_at


def _looked_at(finding: Finding, failed: Any, mask: Any, frame: Frame) -> int | None:
    """Return how many rows pandera looked at, as far as it says so."""
    if failed is None:
        missing = _missing(finding, frame)
        return frame.rows if missing is None or mask is None or mask.sum() == missing.sum() else None
    if frame.rows is None or len(failed) == frame.rows:
        return frame.rows
    missing = None if finding.column not in frame.labels else frame.missing(frame.labels.index(finding.column))
    left_out = 0 if missing is None else int(missing.sum())  # a check does not look at missing values
    return frame.rows if len(failed) + left_out == frame.rows else len(failed)


def _missing(finding: Finding, frame: Frame) -> Any:
    """Tell in which rows the column has no value, if that is what failed."""
    if finding.code != "SERIES_CONTAINS_NULLS" or finding.column not in frame.labels:
        return None
    return frame.missing(frame.labels.index(finding.column))


def _cases_in(cases: Any) -> int:
    """Count rows of failure cases; a check over several columns has one case for each of them."""
    columns = len(set(cases["column"])) if "column" in cases.columns else 1
    return len(cases) // max(columns, 1)


def _mask(finding: Finding, error: Any, failed: Any, frame: Frame) -> Any:
    """Tell which rows failed, as a numpy array of bool; None where it cannot be told."""
    mask = failed
    if mask is not None and len(mask) != frame.rows:  # rows without a value were left out of the check
        mask = frame.mask_of(error.check_output.index[mask]) if hasattr(error.check_output, "index") else None
    missing = None if mask is not None else _missing(finding, frame)
    if missing is not None and missing.sum() == len(error.failure_cases):
        mask = missing
    if mask is None and "index" in error.failure_cases.columns:
        mask = frame.mask_of(error.failure_cases["index"])
    return mask if mask is not None and len(mask) == frame.rows else None


def _failed(output: Any) -> Any:
    """Turn a check's output, true where a row passed, into where it failed."""
    import numpy as np

    if output is None or isinstance(output, bool):
        return None
    if hasattr(output, "collect"):
        output = output.collect()
    if hasattr(output, "fill_null"):  # polars: a missing answer counts as passed
        return ~output.to_series(output.width - 1).fill_null(True).to_numpy()
    values = np.asarray(output.fillna(True) if hasattr(output, "fillna") else output)
    if values.dtype != bool:
        values = values.astype(bool)
    return ~(values.all(axis=1) if values.ndim == 2 else values)


def _first_true(mask: Any) -> list[int]:
    import numpy as np

    return [int(position) for position in np.flatnonzero(mask)[:_POSITIONS]]


def _examples(cases: Any, finding: Finding, frame: Frame) -> list[tuple[str, str | None]]:
    head = cases.head(_EXAMPLES)
    values = [value_text(value) for value in _values(head)]
    if "index" in head.columns:
        labels = [label_of(label) for label in head["index"]]
    else:
        labels = (frame.index(finding.positions[:_EXAMPLES]) or []) if finding.positions else []
    return (
        list(itertools.zip_longest(labels[: len(values)], values, fillvalue=""))
        if labels
        else [("", value) for value in values]
    )


def _whole_rows(schema: Any, finding: Finding, frame: Frame) -> list[tuple[str, str | None]]:
    """Name the first rows that failed as a whole, and what of them is there twice."""
    positions = finding.positions[:_EXAMPLES]
    labels = frame.index(positions) or [""] * len(positions)
    unique = list(schema.unique or ()) if finding.code == "DUPLICATES" else []
    places = [frame.labels.index(label_of(one)) for one in unique if label_of(one) in frame.labels]
    columns = [frame.cells(positions, place) for place in places]
    return [
        (label, ", ".join(value_text(column[row]) or "missing" for column in columns))
        for row, label in enumerate(labels)
    ]


def _values(cases: Any) -> Iterable[Any]:
    if "failure_case" in cases.columns:
        return list(cases["failure_case"])
    if hasattr(cases, "iter_rows"):
        rows = list(cases.iter_rows())
        return [row[0] if len(row) == 1 else row for row in rows]
    return list(cases.iloc[:, -1])


def _common(cases: Any, failures: int) -> list[tuple[str, int]]:
    """Count the failing values, where the same ones fail again and again and pandera kept them all."""
    if len(cases) != failures:
        return []
    try:
        column = cases["failure_case"] if "failure_case" in cases.columns else cases.to_series(0)
        counted = column.value_counts() if hasattr(column, "iloc") else column.value_counts(sort=True)
        pairs = _pairs(counted)
    except Exception as error:  # values that cannot be hashed, such as lists
        let_pass(error)
        return []
    return pairs if len(cases) >= 4 * len(counted) else []


def _pairs(counted: Any) -> list[tuple[str, int]]:
    head = counted.head(_EXAMPLES)
    rows = head.iter_rows() if hasattr(head, "iter_rows") else head.items()
    return [(value_text(value) or "missing", int(count)) for value, count in rows]
