"""What validations of the parts of a data set found, merged into one verdict on the whole: bounded, exact in counts."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from obs_core.text.numbers import plural
from obs_pandera.findings import Finding, Findings, findings_in
from obs_pandera.frames import Frame, open_frame
from obs_pandera.report import report_html
from obs_pandera.schemas import Schema, read_schema, schema_of
from obs_pandera.texts import Failure, failures_text, label_of, value_text

__all__ = ["Duplicates", "Uniqueness", "ValidationFailed", "Verdict", "merge_verdicts", "validate_part"]

_ROWS_KEPT = 20
_HEAD_KEPT = 5
_COLUMNS_KEPT = 100
_EXAMPLES = 5
_PARTS_NAMED = 20


class ValidationFailed(ValueError):
    """A data set did not pass its schema."""


class KeptRow(Struct, frozen=True):
    """A row that a report shows.

    Attributes:
        part: The part that it lies in.
        position: Where in the part.
        label: What the part's index calls it.
        cells: Its values as text, as many as there are `labels` of the verdict.
    """

    part: int
    position: int
    label: str
    cells: list[str | None]


class PartFinding(Struct):
    """A check that failed in some parts.

    Attributes:
        finding: What failed, over all parts; without positions and without a share, which the report works out.
        parts: How many parts it failed in.
        first_parts: The first of these.
        rows: Part and position of the first rows that failed.
        counted: Whether rows were looked at in all of these parts.
    """

    finding: Finding
    parts: int
    first_parts: list[int]
    rows: list[tuple[int, int]]
    counted: bool


class Verdict(Struct):
    """What validating a data set in parts found.

    Small, however large the data is and however much fails: it travels between machines and merges.

    Attributes:
        schema: What was asked.
        rows: Rows of all parts.
        parts: How many parts there are.
        failed_parts: In how many of them something failed.
        invalid_rows: Rows in which something failed, exactly; None where that is not known.
        findings: The checks that failed.
        labels: Labels of the first columns, as text.
        dtypes: Their types.
        kept: The first rows that failed; of data that passed its first rows.
    """

    schema: Schema
    rows: int
    parts: int
    failed_parts: int
    invalid_rows: int | None
    findings: list[PartFinding] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    kept: list[KeptRow] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.findings

    @property
    def failing_values(self) -> int:
        """How many values failed, over all checks of the data, exactly."""
        return sum(one.finding.failures for one in self.findings if one.finding.scope == "data")

    def failures(self, check: str, column: str = "") -> int:
        """Return how many rows failed a check.

        Args:
            check: As the report writes it, such as ``"greater_than(0)"``.
            column: The column's label; empty for a check of the whole frame.
        """
        found = (one.finding for one in self.findings)
        return sum(one.failures for one in found if (one.check, one.column) == (check, column))

    def raise_if_failed(self) -> None:
        """Stop here unless everything passed.

        Raises:
            ValidationFailed: Something failed; its text is short and names the first checks.
        """
        if not self.passed:
            raise ValidationFailed(str(self))

    def with_duplicates(self, found: Duplicates) -> Verdict:
        """Return the verdict with what a check across all parts found."""
        if not found.rows:
            return self
        finding = Finding("data", found.code, found.column, found.check, found.rows, examples=found.examples)
        across = PartFinding(finding, self.parts, [], [], counted=True)
        return replace(self, findings=[*self.findings, across], invalid_rows=None)

    def about(self, schema: Any) -> Verdict:
        """Return it as the verdict on the schema of which the parts were asked a part."""
        return replace(self, schema=read_schema(schema_of(schema)))

    def to_html(self, title: str = "Pandera Report") -> str:
        """Render the verdict as the report of a validation.

        Args:
            title: The heading.

        Returns:
            An HTML fragment.
        """
        places = {(row.part, row.position): place for place, row in enumerate(self.kept)}
        findings = Findings(
            [_shown(one, self, places) for one in self.findings],
            self.rows,
            self.invalid_rows,
            list(range(len(self.kept))) if self.findings and any(one.rows for one in self.findings) else [],
        )
        return report_html(title, self.schema, _KeptFrame(self), findings)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        of = f"{self.rows:,} rows in {plural(self.parts, 'partition')}"
        if self.passed:
            return f"{of} pass schema {self.schema.name!r}"
        named = [_failure(one.finding) for one in self.findings[:_EXAMPLES]]
        return f"{of} do not pass schema {self.schema.name!r}: {failures_text(named, len(self.findings))}"


class Uniqueness(Struct, frozen=True):
    """That values be unique, which no part can tell by itself.

    Attributes:
        columns: Of these columns together; empty for the index.
        keep: Which of equal rows fail: ``"all"``, ``"exclude_first"``, ``"exclude_last"``.
        with_missing: Whether missing values can be duplicates.
    """

    columns: tuple[Any, ...]
    keep: str
    with_missing: bool


class Duplicates(Struct):
    """Values that are there more than once, counted over all parts.

    Attributes:
        uniqueness: What was asked.
        rows: How many rows fail.
        examples: The first of the values, with how often they are there.
    """

    uniqueness: Uniqueness
    rows: int
    examples: list[tuple[str, str | None]]

    @property
    def column(self) -> str:
        """The column's label; empty for several together."""
        columns = self.uniqueness.columns
        return "index" if not columns else label_of(columns[0]) if not self.joint else ""

    @property
    def joint(self) -> bool:
        """Whether it is about several columns together."""
        return self.uniqueness.with_missing

    @property
    def code(self) -> str:
        """Pandera's reason."""
        return "DUPLICATES" if self.joint else "SERIES_CONTAINS_DUPLICATES"

    @property
    def check(self) -> str:
        """Pandera's name of the check."""
        if self.joint:
            return f"unique: {', '.join(map(label_of, self.uniqueness.columns))}"
        return "field_uniqueness"


def split_uniqueness(schema: Any, labels: Iterable[Any] = ()) -> tuple[Any, list[Uniqueness]]:
    """Take out of a schema what no part of a data set can tell by itself.

    Args:
        schema: A pandera schema of a frame, or a `DataFrameModel`.
        labels: The columns of the data set, among which columns of the schema that are patterns find theirs.

    Returns:
        The schema without it (a copy), and what was taken out.

    Raises:
        TypeError: It is no schema of a frame.
    """
    found = schema_of(schema)
    if found is None or not hasattr(found, "columns"):
        raise TypeError(f"a pandera schema of a frame or a DataFrameModel is needed, not {type(schema).__name__}")
    part = copy.deepcopy(found)
    taken = []
    for label, column in part.columns.items():
        if getattr(column, "unique", False):
            meant = [one for one in labels if re.match(label, str(one))] if getattr(column, "regex", False) else [label]
            taken += [Uniqueness((one,), str(column.report_duplicates), False) for one in meant]
            column.unique = False
    if part.unique:
        taken.append(Uniqueness(tuple(part.unique), str(part.report_duplicates), True))
        part.unique = None
    for level in [] if part.index is None else getattr(part.index, "indexes", [part.index]):
        if getattr(level, "unique", False):
            taken.append(Uniqueness((), str(level.report_duplicates), False))
            level.unique = False
    return part, taken


def validate_part(data: Any, schema: Any, part: int = 0) -> Verdict:
    """Validate a part of a data set; all that fails in it is collected.

    Args:
        data: A DataFrame of pandas or polars.
        schema: A pandera schema of a frame, or a `DataFrameModel`.
        part: The number of the part.

    Returns:
        The verdict on this part; `merge_verdicts` makes one of many.

    Raises:
        TypeError: One of them is of another type.
    """
    from pandera.errors import SchemaError, SchemaErrors

    frame, found_schema = open_frame(data), schema_of(schema)
    if frame is None or frame.rows is None:
        raise TypeError(f"a DataFrame of pandas or polars is needed, not {type(data).__name__}")
    if found_schema is None:
        raise TypeError(f"a pandera schema or DataFrameModel is needed, not {type(schema).__name__}")
    findings = Findings(rows=frame.rows, invalid_rows=0)
    try:
        found_schema.validate(data, lazy=True)
    except (SchemaErrors, SchemaError) as error:
        findings = findings_in(error, frame)
    return _verdict(read_schema(found_schema), frame, findings, part)


def merge_verdicts(verdicts: Iterable[Verdict]) -> Verdict:
    """Merge verdicts on parts, given in the order of the parts, into the verdict on all of them.

    Args:
        verdicts: At least one. They stay as they are.

    Returns:
        One verdict of bounded size: counts are added up, of examples the first are kept.

    Raises:
        ValueError: There are none.
    """
    parts = list(verdicts)
    if not parts:
        raise ValueError("there are no verdicts to merge")
    first = parts[0]
    shaped = next((one for one in parts if one.labels), first)
    merged: dict[tuple[str, str, str, str], PartFinding] = {}
    for one in parts:
        for found in one.findings:
            key = (found.finding.scope, found.finding.code, found.finding.column, found.finding.check)
            merged[key] = _joined(merged[key], found) if key in merged else found
    # Without failing rows the page shows the first rows of all, which a short first part does not hold alone.
    rows_failed = any(found.rows for found in merged.values())
    kept = [row for one in parts if one.failed_parts or not rows_failed for row in one.kept]
    invalid = [one.invalid_rows for one in parts]
    return Verdict(
        schema=first.schema,
        rows=sum(one.rows for one in parts),
        parts=sum(one.parts for one in parts),
        failed_parts=sum(one.failed_parts for one in parts),
        invalid_rows=None if None in invalid else sum(count or 0 for count in invalid),
        findings=list(merged.values()),
        labels=shaped.labels,
        dtypes=shaped.dtypes,
        kept=kept[:_ROWS_KEPT],
    )


def _joined(one: PartFinding, other: PartFinding) -> PartFinding:
    finding = replace(
        one.finding,
        failures=one.finding.failures + other.finding.failures,
        examples=[*one.finding.examples, *other.finding.examples][:_EXAMPLES],
        message=one.finding.message or other.finding.message,
    )
    return PartFinding(
        finding,
        one.parts + other.parts,
        [*one.first_parts, *other.first_parts][:_PARTS_NAMED],
        [*one.rows, *other.rows][:_ROWS_KEPT],
        one.counted and other.counted,
    )


def _verdict(schema: Schema, frame: Frame, findings: Findings, part: int) -> Verdict:
    rows = frame.rows or 0
    labels = frame.labels[:_COLUMNS_KEPT]
    positions = _positions(findings) or list(range(min(rows, _HEAD_KEPT)))
    names = frame.index(positions) or [""] * len(positions)
    columns = [frame.cells(positions, column) for column in range(len(labels))]
    kept = [
        KeptRow(part, position, name, [value_text(column[place]) for column in columns])
        for place, (position, name) in enumerate(zip(positions, names, strict=True))
    ]
    return Verdict(
        schema=schema,
        rows=rows,
        parts=1,
        failed_parts=int(bool(findings.findings)),
        invalid_rows=findings.invalid_rows,
        findings=[_part_finding(one, part) for one in findings.findings],
        labels=labels,
        dtypes=[frame.dtype(column) for column in range(len(labels))],
        kept=kept,
    )


def _positions(findings: Findings) -> list[int]:
    """Choose the rows to keep: the first in which anything failed."""
    found = set(findings.first_invalid).union(*(one.positions for one in findings.findings))
    return sorted(found)[:_ROWS_KEPT]


def _part_finding(finding: Finding, part: int) -> PartFinding:
    rows = [(part, position) for position in finding.positions]
    examples = [(_place(part, label), value) for label, value in finding.examples]
    small = replace(finding, share=None, examples=examples, common=[], positions=[])
    return PartFinding(small, 1, [part], rows, finding.share is not None)


def _shown(one: PartFinding, verdict: Verdict, places: dict[tuple[int, int], int]) -> Finding:
    """Return a finding as the report shows it."""
    finding = one.finding
    share = 1 - finding.failures / verdict.rows if one.counted and finding.scope == "data" and verdict.rows else None
    message = finding.message
    if finding.scope == "schema" and verdict.parts > 1:
        where = f"in {one.parts:,} of {plural(verdict.parts, 'partition')}"
        if one.parts < verdict.parts:
            where += f": {', '.join(map(str, one.first_parts))}{', …' if one.parts > len(one.first_parts) else ''}"
        message = f"{message} ({where})" if message else where
    return replace(finding, share=share, message=message, positions=[places[row] for row in one.rows if row in places])


def _place(part: int, label: str) -> str:
    return f"{label} in partition {part}" if label else f"partition {part}"


def _failure(finding: Finding) -> Failure:
    return Failure(finding.code, finding.column, finding.check, finding.message, f" ({finding.failures:,})")


class _KeptFrame:
    """The rows that a verdict kept, as the frame that a report reads."""

    def __init__(self, verdict: Verdict) -> None:
        self._kept = verdict.kept
        self._dtypes = verdict.dtypes
        self.rows: int | None = verdict.rows
        self.labels = verdict.labels

    def dtype(self, column: int) -> str:
        return self._dtypes[column]

    def cells(self, rows: Sequence[int], column: int) -> list[Any]:
        return [self._kept[row].cells[column] if column < len(self._kept[row].cells) else None for row in rows]

    def index(self, rows: Sequence[int]) -> list[str] | None:
        return [_place(self._kept[row].part, self._kept[row].label) for row in rows]

    def mask_of(self, index_labels: Any) -> Any:  # noqa: ARG002
        return None

    def missing(self, column: int) -> Any:  # noqa: ARG002
        return None
