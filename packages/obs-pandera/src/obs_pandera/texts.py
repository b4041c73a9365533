"""Values, labels and checks as short text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Complex
from typing import Any, NamedTuple

from obs_core.interruptions import let_pass
from obs_core.rendering import bounded_repr
from obs_core.secrets import masked_text
from obs_core.text.numbers import precise

__all__ = ["Failure", "asked_text", "cell_text", "check_text", "failures_text", "label_of", "shorten", "value_text"]

LONGEST = 80


def shorten(text: str, limit: int = LONGEST) -> str:
    """Cut text to at most `limit` characters, the last of which is then an ellipsis; secrets are masked before."""
    return text if len(text) <= limit else masked_text(text, limit, "…")


def label_of(label: Any) -> str:
    """Write a column's or row's label; the levels of a MultiIndex with a slash between."""
    if isinstance(label, tuple):
        return " / ".join(label_of(level) for level in label)
    return shorten(label if isinstance(label, str) else _plain(label))


def value_text(value: Any) -> str | None:
    """Write a value of a cell; None where it is missing."""
    if _is_missing(value):
        return None
    return shorten(value if isinstance(value, str) else _plain(value))


def cell_text(value: Any) -> str | None:
    """Write a value among the others of its row: floats as everywhere, with six significant digits.

    What a check saw, digit by digit, is told by `value_text`.
    """
    item = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    text = value_text(item)
    return precise(item).replace(",", "") if type(item) is float and text is not None else text


def check_text(check: Any) -> str:
    """Write a check as its author would: ``greater_than(0)``, ``dtype('int64')``, ``not_nullable``."""
    text = getattr(check, "error", None) or getattr(check, "name", None) if hasattr(check, "_check_fn") else None
    text = str(text or check)
    if text.startswith("<Check "):
        text = text.removeprefix("<Check ").removesuffix(">")
    return shorten(" ".join(text.split()), 160)


_ASKED = {
    "not_nullable": "no missing values",
    "field_uniqueness": "unique",
    "multiple_fields_uniqueness": "unique rows",
    "column_in_dataframe": "the column",
    "column_in_schema": "no other columns",
    "column_ordered": "columns in this order",
}
"""What pandera's own checks, which nobody wrote down by these names, ask for."""

_OF_A_TYPE = re.compile(r"(dtype|coerce_dtype)\(['\"](.*)['\"]\)")


def asked_text(check: str) -> str | None:
    """Say in a reader's words what one of pandera's own checks asks for; None for a check that somebody wrote.

    Args:
        check: As `check_text` gives it.
    """
    typed = _OF_A_TYPE.fullmatch(check)
    if typed is not None:
        return typed[2] if typed[1] == "dtype" else f"values that can become {typed[2]}"
    return _ASKED.get(check)


class Failure(NamedTuple):
    """A check that failed, as a line names it.

    Attributes:
        code: pandera's reason, such as ``"DATAFRAME_CHECK"``.
        column: The column's label; empty for a check of the whole frame.
        check: What was checked, as `check_text` gives it.
        message: What pandera says of it.
        amount: What is to be said of how much failed: ``" (12)"``.
    """

    code: str
    column: str
    check: str
    message: str = ""
    amount: str = ""


_STATED = {
    "COLUMN_NOT_IN_DATAFRAME": "column {column!r} is missing",
    "COLUMN_NOT_IN_SCHEMA": "column {column!r} is not in the schema",
    "COLUMN_NOT_ORDERED": "column {column!r} is out of order",
    "DUPLICATE_COLUMN_LABELS": "several columns are named {column!r}",
    "INVALID_COLUMN_NAME": "no column is named like {column!r}",
    "MISMATCH_INDEX": "the index has other levels",
    "WRONG_FIELD_NAME": "nothing is named {column!r}",
    "CHECK_ERROR": "{check}{of} could not be checked: {message}",
}
"""What is wrong, where that is not that values fail a check."""


def failures_text(named: Sequence[Failure], total: int) -> str:
    """Say in a line what failed: ``"column 'qty' is missing, greater_than(0) of delay failed"``.

    Args:
        named: The first ones.
        total: How many there are.
    """
    stated, failed = [], []
    for one in named:
        of = f" of {one.column}" if one.column else ""
        if one.code in _STATED:
            message = shorten(" ".join(one.message.split()))
            stated.append(_STATED[one.code].format(column=one.column, check=one.check, of=of, message=message))
        else:
            failed.append((asked_text(one.check) or one.check) + of + one.amount)
    more = f" and {total - len(named):,} more" if total > len(named) else ""
    return ", ".join(stated + failed) + more + (" failed" if failed or more else "")


def _plain(value: Any) -> str:
    item = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if isinstance(item, (list, tuple, dict, set, bytes)):
        return bounded_repr(item, LONGEST)
    try:
        return str(item)
    except Exception as error:  # an int of more than 4,300 digits, an object that cannot print itself
        let_pass(error)
        return bounded_repr(item, LONGEST)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    try:
        # numpy's complex numbers and long doubles among them, which are no floats
        return isinstance(value, Complex) and value != value
    except Exception as error:
        let_pass(error)
        return False
