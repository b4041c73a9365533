"""The page of a validation: verdict, counts, schema errors, data errors, the offending rows, the schema."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from obs_core.rendering import escape, verdict_mark
from obs_core.report import script_text
from obs_core.text.controls import visible
from obs_core.text.numbers import MISSING, count, plural, share
from obs_pandera.findings import Finding, Findings
from obs_pandera.frames import Frame
from obs_pandera.schemas import Rule, Schema
from obs_pandera.texts import asked_text, cell_text, shorten, value_text

__all__ = ["report_html"]

_ROWS = 200
"""Findings, and rules of the schema, that a page shows."""

_PREVIEW_ROWS = 20
_PREVIEW_COLUMNS = 40


def report_html(title: str, schema: Schema, frame: Frame, findings: Findings) -> str:
    """Write the report of a validation; its size does not depend on how much failed.

    Args:
        title: The heading.
        schema: What was asked.
        frame: What was validated.
        findings: What failed; empty if it passed.

    Returns:
        An HTML fragment.
    """
    schema = _of_a_series(schema, frame)
    parts = [
        _verdict(title, schema, frame, findings),
        _facts(schema, frame, findings),
        _schema_errors(findings.of("schema")),
        _data_errors(findings.of("data")),
        _preview(frame, findings),
        _rules(schema, findings),
    ]
    script = f"<script data-obs-once>\n{script_text('sorting.js')}\n</script>" if findings.findings else ""
    return f'<style>\n{_css()}\n</style><div class="obs-pandera">{"".join(parts)}</div>{script}'


@functools.cache
def _css() -> str:
    return (Path(__file__).parent / "assets" / "report.css").read_text(encoding="utf-8").strip()


def _verdict(title: str, schema: Schema, frame: Frame, findings: Findings) -> str:
    failed = len(findings.findings)
    word, css = ("Failed", "failed") if failed else ("Passed", "passed")
    mark = verdict_mark("failed", f"{title}: {plural(failed, 'check')} failed") if failed else verdict_mark("passed")
    rows = "rows unknown" if frame.rows is None else plural(frame.rows, "row")
    about = f"schema <code>{escape(shorten(schema.name))}</code>, {rows}, {plural(len(frame.labels), 'column')}"
    return f'{mark}<h2>{escape(title)}</h2><p class="verdict"><b class="{css}">{word}</b><span>{about}</span></p>'


def _facts(schema: Schema, frame: Frame, findings: Findings) -> str:
    sampled = any(finding.sampled for finding in findings.findings)
    facts = [
        ("schema errors", count(len(findings.of("schema")))),
        ("checks of the data that failed", count(len(findings.of("data")))),
        ("failing values", count(findings.failing_values)),
    ]
    columns = [rule for rule in schema.rules if rule.column]
    if columns:
        failed = _by_column(findings)
        passed = sum(not _broken(rule, failed) for rule in columns)
        facts.insert(0, ("columns that passed", f"{count(passed)} of {count(len(columns))}"))
    if findings.invalid_rows is not None and frame.rows:
        facts.append(("valid rows", share(frame.rows - findings.invalid_rows, frame.rows)))
        facts.append(("rows with a failure", count(findings.invalid_rows)))
    entries = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    note = ""
    if sampled:
        note = (
            '<p class="note">pandera looked at some of the rows only, as it was told to (head, tail, sample):'
            " failures are counted in these, and shares are about right for all.</p>"
        )
    if frame.rows is None:
        note = '<p class="note">A lazy frame: pandera checks its schema, and its data only once it is collected.</p>'
    return f'<dl class="facts">{entries}</dl>{note}'


def _schema_errors(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rows = ([_text(finding.column), _asked(finding), escape(finding.message)] for finding in findings[:_ROWS])
    return _section("Schema errors", ("Column", "Asked for", "What is there"), rows, len(findings))


def _data_errors(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    worst = sorted(findings, key=lambda finding: -finding.failures)
    heads = ("Column", "Asked for", "Failures", "Valid rows", "Failing values")
    rows = (
        (
            _text(finding.column) or "(whole frame)",
            _asked(finding),
            (count(finding.failures), float(finding.failures)),
            (_meter(finding), -1.0 if finding.share is None else finding.share),
            _cases(finding),
        )
        for finding in worst[:_ROWS]
    )
    return _section("Data errors", heads, rows, len(findings))


def _asked(finding: Finding) -> str:
    asked = asked_text(finding.check)
    if asked is None or finding.code == "WRONG_DATATYPE":
        asked = f"<code>{escape(asked or finding.check)}</code>"
    return f'{asked}<small class="bad">the check itself failed</small>' if finding.code == "CHECK_ERROR" else asked


_Cell: TypeAlias = str | tuple[str, float]
"""HTML, and by what its column is sorted where that is not its text."""


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[_Cell]], total: int, above: str = "") -> str:
    body = "".join(f"<tr>{''.join(map(_cell, heads, row))}</tr>" for row in rows)
    more = f'<p class="note">{total - _ROWS:,} more are not shown.</p>' if total > _ROWS else ""
    return (
        f'<h3>{title}</h3>{above}<div class="scroll" tabindex="0">{_table(heads, body, sortable=total > 1)}</div>{more}'
    )


def _table(heads: Sequence[str], body: str, *, sortable: bool) -> str:
    before, after = ('<button type="button">', "</button>") if sortable else ("", "")
    head = "".join(f'<th scope="col"{_aligned(name)}>{before}{name}{after}</th>' for name in heads)
    css = 'class="list" data-sortable' if sortable else 'class="list"'
    return f"<table {css}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(head: str, cell: _Cell) -> str:
    content, order = (cell, "") if isinstance(cell, str) else (cell[0], f' data-order="{cell[1]:.6g}"')
    return f'<td{_aligned(head)} data-head="{head}"{order}>{content}</td>'


def _aligned(head: str) -> str:
    return ' class="number"' if head in ("Failures", "Valid rows") else ""


def _text(text: str) -> str:
    return escape(visible(text))


def _meter(finding: Finding) -> str:
    valid = finding.share
    if valid is None:
        return '<span class="missing">unknown</span>'
    text = share(valid, 1, about=finding.sampled)
    return f'{text}<span class="meter"><i style="width:{100 * valid:.2f}%"></i></span>'


def _cases(finding: Finding) -> str:
    if finding.message:
        return f"<span>{escape(finding.message)}</span>"
    if finding.common:
        lines = [f"{_value(text)} <small>× {count:,}</small>" for text, count in finding.common]
    elif finding.column:
        lines = [f"{_value(value)}{_at(label)}" for label, value in finding.examples]
    else:
        lines = [
            f"{_value(value)}{_at(label)}" if value else f"row {_text(label)}" for label, value in finding.examples
        ]
    shown = sum(count for _, count in finding.common) if finding.common else len(lines)
    more = finding.failures - shown
    if more > 0:
        lines.append(f"<small>and {more:,} more</small>")
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _at(label: str) -> str:
    return f" <small>at {_text(label)}</small>" if label else ""


def _value(text: str | None) -> str:
    if text is None:
        return '<span class="value missing">missing</span>'
    return f'<span class="value">{_text(text) or "&quot;&quot;"}</span>'


def _preview(frame: Frame, findings: Findings) -> str:
    if frame.rows is None or not frame.labels:
        return ""
    rows = findings.first_invalid[:_PREVIEW_ROWS] or list(range(min(frame.rows, 5)))
    if not rows:
        return ""
    columns = _previewed(frame, findings)
    marked = {(row, finding.column) for finding in findings.findings for row in finding.positions}
    names = frame.index(rows) or [""] * len(rows)
    cells = {column: frame.cells(rows, column) for column in columns}
    body = "".join(
        f'<tr><th scope="row"{_bad((row, "") in marked)}>{_text(name)}</th>'
        + "".join(_preview_cell(cells[c][place], frame.dtype(c), (row, frame.labels[c]) in marked) for c in columns)
        + "</tr>"
        for place, (row, name) in enumerate(zip(rows, names, strict=True))
    )
    return _preview_table(frame, findings, columns, body, len(rows))


def _preview_table(frame: Frame, findings: Findings, columns: list[int], body: str, shown: int) -> str:
    heads = "".join(
        f'<th scope="col"{_number(frame.dtype(c))} title="{_text(frame.labels[c])}">{_text(frame.labels[c])}'
        f"<small>{escape(frame.dtype(c))}</small></th>"
        for c in columns
    )
    head = f'<tr><th><span class="unseen">Row</span></th>{heads}</tr>'
    table = f'<table class="preview"><thead>{head}</thead><tbody>{body}</tbody></table>'
    if findings.first_invalid:
        title, of = "Offending rows", findings.invalid_rows
        note = f"The first {shown:,}" + (f" of {of:,}" if of and of > shown else "") + "; failing cells are marked,"
        note += " and the names of rows that failed as a whole."
    else:
        title, note = "The data", f"The first {shown:,} of {frame.rows:,} rows."
    if len(columns) < len(frame.labels):
        note += f" {len(frame.labels) - len(columns):,} columns are left out."
    return f'<h3>{title}</h3><div class="scroll" tabindex="0">{table}</div><p class="note">{note}</p>'


def _previewed(frame: Frame, findings: Findings) -> list[int]:
    """Choose columns: those with failures first, so that they are seen without scrolling, then the others."""
    failing = {finding.column for finding in findings.findings}
    by_need = sorted(range(len(frame.labels)), key=lambda column: frame.labels[column] not in failing)
    return by_need[:_PREVIEW_COLUMNS]


def _bad(bad: bool) -> str:
    return ' class="cell-bad"' if bad else ""


_NUMBERS = re.compile(r"u?int\d+|float\d+|decimal|double", re.IGNORECASE)


def _number(dtype: str) -> str:
    return ' class="number"' if _NUMBERS.match(dtype) else ""


def _preview_cell(value: object, dtype: str, bad: bool) -> str:
    text, exact = cell_text(value), value_text(value)
    title = f' title="{_text(exact)}"' if exact and exact.removesuffix(".0") != text else ""
    wanted = {"number": bool(_NUMBERS.match(dtype)), "cell-bad": bad, "missing": text is None}
    kinds = [css for css, is_wanted in wanted.items() if is_wanted]
    css = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<td{css}{title}>{MISSING if text is None else _text(text)}</td>"


def _of_a_series(schema: Schema, frame: Frame) -> Schema:
    """Call the rule of a schema of one series as the series is called."""
    if len(schema.rules) == len(frame.labels) == 1 and schema.rules[0].column == schema.name:
        return replace(schema, rules=[replace(schema.rules[0], column=frame.labels[0])])
    return schema


def _rules(schema: Schema, findings: Findings) -> str:
    if not schema.rules:
        return ""
    failed = _by_column(findings)
    rows = [_rule(rule, _broken(rule, failed)) for rule in schema.rules[:_ROWS]]
    only = _ONLY if findings.findings and len(schema.rules) > _MANY else ""
    return _section("The schema", ("Result", "Column", "Type", "Checks"), rows, len(schema.rules), only)


def _rule(rule: Rule, broken: list[Finding]) -> list[_Cell]:
    failed = {_ASKED.get(finding.code, finding.check) for finding in broken}
    typed = any(finding.code == "WRONG_DATATYPE" for finding in broken)
    return [
        '<span class="bad">failed</span>' if broken else '<span class="ok">passed</span>',
        _text(rule.column or "(whole frame)"),
        escape(rule.dtype) + (_FAILED if typed else ""),
        "<br>".join(_check(check, check in failed) for check in rule.checks[:_CHECKS]) + _more_checks(rule),
    ]


def _check(check: str, failed: bool) -> str:
    """Write a check; of one that did not fail nothing is said, since pandera may not have come to it."""
    return f"<code>{escape(check)}</code>{_FAILED if failed else ''}"


def _more_checks(rule: Rule) -> str:
    more = len(rule.checks) - _CHECKS
    return f"<br><small>and {more:,} more</small>" if more > 0 else ""


_CHECKS = 20
_FAILED = ' <small class="broken">failed</small>'
_ASKED = {"SERIES_CONTAINS_NULLS": "no missing values", "SERIES_CONTAINS_DUPLICATES": "unique"}
"""What a schema asks for in words of its own, by pandera's reason."""


_MANY = 10
"""Rules above which a reader may hide those that hold."""

_ONLY = '<p class="only"><label><input type="checkbox"> failed ones alone</label></p>'


_OF_THE_FRAME = frozenset(("COLUMN_NOT_IN_SCHEMA", "COLUMN_NOT_ORDERED", "DUPLICATE_COLUMN_LABELS"))
"""Of these a column is the subject, but the frame's rule is broken."""


def _broken(rule: Rule, failed: dict[str, list[Finding]]) -> list[Finding]:
    """Choose what failed of a rule."""
    if rule.regex:
        matching = [column for column in failed if column and re.match(rule.column, column)]
    else:
        matching = list(dict.fromkeys((rule.column, rule.column.removeprefix("index "))))
    return [finding for column in matching for finding in failed.get(column, ())]


def _by_column(findings: Findings) -> dict[str, list[Finding]]:
    failed: dict[str, list[Finding]] = {}
    for finding in findings.findings:
        failed.setdefault("" if finding.code in _OF_THE_FRAME else finding.column, []).append(finding)
    return failed
