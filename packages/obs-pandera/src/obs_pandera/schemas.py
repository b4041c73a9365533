"""What a report needs of a schema: its name, and what it asks of each column."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from obs_pandera.texts import check_text, label_of

__all__ = ["Rule", "Schema", "read_schema", "schema_of"]


class Rule(Struct):
    """What a schema asks of one column, or of the frame as a whole.

    Attributes:
        column: The column's label (of a regular expression, its text); empty for the frame.
        dtype: The type asked for; empty if any will do.
        checks: The checks, and what else is asked: ``"unique"``, ``"no missing values"``, ``"may be left out"``.
        regex: Whether `column` is a regular expression, which stands for all columns that it matches.
    """

    column: str
    dtype: str = ""
    checks: list[str] = field(default_factory=list)
    regex: bool = False


class Schema(Struct):
    """A schema as its reader sees it."""

    name: str
    rules: list[Rule] = field(default_factory=list)


def schema_of(candidate: Any) -> Any:
    """Return the schema object of a schema or of a `DataFrameModel` class; None if it is neither."""
    to_schema = getattr(candidate, "to_schema", None)
    if isinstance(candidate, type) and callable(to_schema):
        return to_schema()
    return candidate if callable(getattr(candidate, "validate", None)) and hasattr(candidate, "checks") else None


def read_schema(schema: Any) -> Schema:
    """Read a pandera schema of a frame, or of a single column.

    Args:
        schema: A schema object, as `schema_of` gives.
    """
    name = getattr(schema, "name", None)
    shown = type(schema).__name__ if name is None else label_of(name)
    columns = getattr(schema, "columns", None)
    if columns is None:
        return Schema(shown, [_column_rule(shown, schema)])
    rules = [_column_rule(label_of(label), column) for label, column in columns.items()]
    index = getattr(schema, "index", None)
    if index is not None:
        rules += [_column_rule(f"index {label_of(one.name or '')}".strip(), one) for one in _levels(index)]
    return Schema(shown, [*_frame_rules(schema), *rules])


def _levels(index: Any) -> list[Any]:
    levels = getattr(index, "indexes", None)
    return [index] if levels is None else list(levels)


def _column_rule(label: str, column: Any) -> Rule:
    checks = [check_text(check) for check in column.checks or ()]
    if not getattr(column, "nullable", True):
        checks.append("no missing values")
    if getattr(column, "unique", False):
        checks.append("unique")
    if not getattr(column, "required", True):
        checks.append("may be left out")
    dtype = getattr(column, "dtype", None)
    return Rule(label, "" if dtype is None else str(dtype), checks, bool(getattr(column, "regex", False)))


def _frame_rules(schema: Any) -> list[Rule]:
    checks = [check_text(check) for check in schema.checks or ()]
    if schema.strict:
        checks.append("no other columns" if schema.strict is True else "other columns are dropped")
    if getattr(schema, "ordered", False):
        checks.append("columns in this order")
    if schema.unique:
        checks.append(f"unique: {', '.join(map(label_of, schema.unique))}")
    return [Rule("", "", checks)] if checks else []
