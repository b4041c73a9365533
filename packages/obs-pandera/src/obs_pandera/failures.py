"""Pandera's exceptions, made fit to be raised through a pipeline.

The text of a `SchemaErrors` lists every failure case: 15 MB for a million of them, which each log and traceback of a
failed task would hold. This module imports pandera; import it only once something was validated.
"""

from __future__ import annotations

from typing import Any

from pandera.errors import SchemaError, SchemaErrors

from obs_pandera.findings import column_of
from obs_pandera.texts import Failure, check_text, failures_text, shorten

__all__ = ["BoundedSchemaError", "BoundedSchemaErrors", "bounded"]

_NAMED = 5


class _Bounded:
    """Says what failed in a line, however much that was.

    Attributes:
        text: That line.
        shown: Whether a deck of the task shows the failure with its verdict.
    """

    text: str
    shown: bool = False

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (isinstance(self, SchemaErrors), self.text))


class BoundedSchemaErrors(_Bounded, SchemaErrors):
    """A `SchemaErrors` with all that it carries, and a short text; a pickle of it keeps the text alone."""


class BoundedSchemaError(_Bounded, SchemaError):
    """A `SchemaError` with all that it carries, and a short text; a pickle of it keeps the text alone."""


for _bounded, _known in ((BoundedSchemaErrors, SchemaErrors), (BoundedSchemaError, SchemaError)):
    # Tracebacks and reports call it what users catch.
    _bounded.__name__, _bounded.__qualname__, _bounded.__module__ = _known.__name__, _known.__name__, _known.__module__


def bounded(
    error: SchemaErrors | SchemaError, says: str, *, shown: bool = False
) -> BoundedSchemaErrors | BoundedSchemaError:
    """Give an exception of pandera a short text.

    Args:
        error: The exception.
        says: How the text begins: ``"argument flights of clean does not pass schema 'Flights'"``.
        shown: Whether a deck of the task shows the failure with its verdict.
    """
    kind = BoundedSchemaErrors if isinstance(error, SchemaErrors) else BoundedSchemaError
    made: BoundedSchemaErrors | BoundedSchemaError = _made(kind, f"{says}: {_failed_checks(error)}")
    made.__dict__.update(error.__dict__)
    made.shown = shown
    made.__suppress_context__ = True  # pandera's own lists every value that failed
    return made


def _restored(several: bool, text: str) -> Any:
    return _made(BoundedSchemaErrors if several else BoundedSchemaError, text)


def _made(kind: Any, text: str) -> Any:
    made = kind.__new__(kind, text)
    made.text = text
    return made


def _failed_checks(error: Any) -> str:
    errors = getattr(error, "schema_errors", [error])
    named = [_failure(one) for one in errors[:_NAMED]]
    return failures_text(named, len(errors))


def _failure(error: Any) -> Failure:
    code = getattr(error.reason_code, "name", "")
    # Only of these is what pandera says one value; elsewhere it may be a table of a million.
    message = str(error.failure_cases) if code == "CHECK_ERROR" else ""
    return Failure(code, column_of(error), check_text(error.check), shorten(message))
