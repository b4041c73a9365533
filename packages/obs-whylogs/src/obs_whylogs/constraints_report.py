"""The page of constraints: which hold, which do not, and the metric values that decided it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from obs_core.interruptions import let_pass
from obs_core.rendering import describe_error, escape, verdict_mark
from obs_core.text.numbers import statistic
from obs_whylogs.pages import cell, page, table
from obs_whylogs.texts import name_html

__all__ = ["Verdict", "constraints_html", "verdicts"]


_MANY = 10
"""Constraints above which a reader may hide those that hold."""

_ONLY = '<p class="only"><label><input type="checkbox"> failed ones alone</label></p>'


class Verdict(Struct, frozen=True):
    """The result of a constraint.

    Attributes:
        name: Its name.
        column: The column that it is about; empty if it is about the whole data set.
        passed: Whether it holds.
        values: The metric values that decided it, by name.
        note: What there is to say instead: the error of its condition, which counts as failed, or that there is nothing
            to check.
    """

    name: str
    column: str
    passed: bool
    values: Mapping[str, Any] = {}
    note: str = ""

    @property
    def unchecked(self) -> bool:
        """Whether it had nothing to check, in which case whylogs says that it holds."""
        return self.passed and bool(self.note)


def verdicts(constraints: Any) -> list[Verdict]:
    """Check each constraint of a profile separately: a condition that raises does not hide the others."""
    profile = constraints.dataset_profile_view
    found = [
        _verdict(name, column, constraint, (profile,))
        for column, by_name in constraints.column_constraints.items()
        for name, constraint in by_name.items()
    ]
    found += [_verdict(constraint.name, "", constraint, (profile,)) for constraint in constraints.dataset_constraints]
    both = (profile, constraints.reference_profile_view)
    comparisons = constraints.dataset_comparison_constraints
    return found + [_verdict(constraint.name, "", constraint, both) for constraint in comparisons]


def constraints_html(found: list[Verdict], *, title: str = "Constraints") -> str:
    """Write the page of constraints, those that failed first.

    Args:
        found: What `verdicts` returns.
        title: The heading.

    Returns:
        An HTML fragment.
    """
    failed = sum(not verdict.passed for verdict in found)
    unchecked = sum(verdict.unchecked for verdict in found)
    word, css = "None", ""
    if failed:
        word, css = f"{failed:,} of {len(found):,} failed", "bad"
    elif unchecked:
        word, css = f"{unchecked:,} of {len(found):,} had nothing to check", "warn"
    elif found:
        word, css = "All passed", "good"
    about = "" if found else "<span>There are no constraints.</span>"
    rows = (_row(verdict) for verdict in sorted(found, key=lambda verdict: verdict.passed))
    mark = verdict_mark("failed" if failed else "warned" if unchecked else "passed", word) if found else ""
    return page(
        mark,
        f"<h2>{escape(title)}</h2>",
        f'<p class="verdict"><b class="{css}">{word}</b>{about}</p>',
        _ONLY if failed and len(found) > _MANY else "",
        table(("Constraint", "Result", "Column", "Metrics"), rows) if found else "",
        script=bool(found),
    )


def _verdict(name: str, column: str, constraint: Any, profiles: tuple[Any, ...]) -> Verdict:
    try:
        passed, summary = constraint.validate_profile(*profiles)
    except Exception as error:  # a condition is code of the user's
        let_pass(error)
        return Verdict(name, column, passed=False, note=describe_error(error))
    note = "" if summary is not None else "nothing to check: no such column or metric, or no values"
    return Verdict(name, column, bool(passed), dict(_plain(summary or {})), note)


def _plain(summary: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Go through what a summary says, without what it leaves open."""
    for name, value in summary.items():
        if hasattr(value, "to_summary_dict"):  # a comparison gives metrics rather than values
            parts = value.to_summary_dict().items()
            yield from ((f"{name}/{part}", inner) for part, inner in parts if inner is not None)
        elif value is not None:
            yield name, value


def _row(verdict: Verdict) -> str:
    result = '<span class="good">passed</span>' if verdict.passed else '<span class="bad">failed</span>'
    if verdict.unchecked:
        result = '<span class="warn">not checked</span>'
    cells = (
        cell(f'<span class="name">{name_html(verdict.name)}</span>'),
        cell(result, float(verdict.passed)),
        cell(name_html(verdict.column) if verdict.column else "(the whole data set)"),
        cell(f"<small>{escape(verdict.note)}</small>" if verdict.note else _values(verdict.values)),
    )
    return f"<tr>{''.join(cells)}</tr>"


def _values(values: Mapping[str, Any]) -> str:
    entries = (f"<div><dt>{name_html(name)}</dt><dd>{_value(value)}</dd></div>" for name, value in values.items())
    return f'<dl class="metrics">{"".join(entries)}</dl>'


def _value(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return statistic(value)
    if isinstance(value, list | tuple):
        return ", ".join(name_html(str(item)) for item in value[:10])
    return name_html(str(value))
