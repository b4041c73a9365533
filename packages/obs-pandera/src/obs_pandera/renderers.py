"""Renderers of validations."""

from __future__ import annotations

from typing import Any

from obs_core.text.verdicts import without_verdicts
from obs_pandera.findings import Findings, findings_in
from obs_pandera.frames import Frame, open_frame
from obs_pandera.report import report_html
from obs_pandera.schemas import read_schema, schema_of

__all__ = ["PandasReportRenderer", "SchemaErrorRenderer"]


class PandasReportRenderer:
    """Show whether a frame matches its schema, and where it does not.

    Counts are exact; of failing values and rows the first ones are shown, so that a page stays small however
    much failed.

    Args:
        title: The heading.

    Examples:
        >>> import pandas as pd
        >>> import pandera.pandas as pa
        >>> schema = pa.DataFrameSchema({"delay": pa.Column(int, pa.Check.ge(0))}, name="flights")
        >>> frame = pd.DataFrame({"delay": [3, -1]})
        >>> try:
        ...     schema.validate(frame, lazy=True)
        ... except pa.errors.SchemaErrors as error:
        ...     html = PandasReportRenderer().to_html(frame, schema, error)
    """

    def __init__(self, title: str = "Pandera Error Report") -> None:
        self._title = title

    def to_html(self, data: Any, schema: Any, error: Any = None) -> str:
        """Render the report of a validation that was made.

        Args:
            data: The frame that was validated: a DataFrame or Series of pandas, a DataFrame or LazyFrame of polars.
            schema: Its schema, or the `DataFrameModel` class.
            error: The `SchemaErrors` of ``validate(..., lazy=True)``, or the `SchemaError` of ``validate(...)``. None
                means that it passed.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: One of them is of another type.
        """
        frame = open_frame(data)
        if frame is None:
            raise TypeError(_refusal(self, "data", data, "a DataFrame of pandas or polars"))
        found = schema_of(schema)
        if found is None:
            raise TypeError(_refusal(self, "schema", schema, "a pandera schema or DataFrameModel"))
        return report_html(self._title, read_schema(found), frame, self._findings(error, frame))

    def _findings(self, error: Any, frame: Frame) -> Findings:
        if error is None:
            return Findings(rows=frame.rows, invalid_rows=0 if frame.rows is not None else None)
        if not hasattr(error, "schema_errors") and not hasattr(error, "reason_code"):
            raise TypeError(_refusal(self, "error", error, "a SchemaErrors or SchemaError of pandera, or None"))
        return findings_in(error, frame)


class SchemaErrorRenderer:
    """Show an exception of pandera as the report of the validation that raised it.

    It is what ``deck.append(error)`` and the Error deck of a task show.
    """

    def to_html(self, error: Any) -> str:
        """Render the exception.

        Args:
            error: A `pandera.errors.SchemaErrors` or `SchemaError`.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is none of these, or the data that it carries is no frame.
        """
        if not hasattr(error, "schema_errors") and not hasattr(error, "reason_code"):
            raise TypeError(_refusal(self, "value", error, "a SchemaErrors or SchemaError of pandera"))
        html = PandasReportRenderer("Pandera Error Report").to_html(error.data, error.schema, error)
        return without_verdicts(html) if getattr(error, "shown", False) else html


def _refusal(renderer: object, what: str, value: object, takes: str) -> str:
    return f"{type(renderer).__name__} takes {takes} as its {what}, not {type(value).__name__}"
