"""The page of expectations: which hold, which do not, and what was found."""

from __future__ import annotations

from collections.abc import Sequence

from obs_core.rendering import escape, verdict_mark
from obs_core.text.numbers import plural
from obs_profiles.expected import Verdict
from obs_profiles.pages.frame import about, controls, heads_html, name_html, page, row
from obs_profiles.wording import visible

__all__ = ["checked_html"]

_NAMED = 2
_LONGEST = 600
"""Characters of what was found: five values of 100 bytes have room."""

_HEADS = (("Column", "name"), ("Result", "order"), ("Expected", ""), ("Found", ""))
_ORDERS = (("order", "result"), ("name", "name"))


def checked_html(verdicts: Sequence[Verdict], rows: int, *, title: str = "Expectations") -> str:
    """Write the page of expectations: those that failed first, for certain before those of which that is an estimate.

    Args:
        verdicts: What became of each expectation.
        rows: How many rows were looked at.
        title: The heading.

    Returns:
        An HTML fragment.
    """
    failed = sum(not verdict.passed for verdict in verdicts)
    word = f"{failed:,} of {len(verdicts):,} failed" if failed else "All passed" if verdicts else "Nothing was expected"
    doubtful = sum(not verdict.certain for verdict in verdicts)
    word += f", {doubtful:,} not certain" if doubtful else ""
    pill = f'<b class="pill {"bad" if failed else "good"}">{word}</b><span>{plural(rows, "row")}</span>'
    ordered = sorted(verdicts, key=lambda verdict: (verdict.passed, verdict.passed == verdict.certain))
    lines = "".join(_row(verdict, place) for place, verdict in enumerate(ordered))
    heads = heads_html(_HEADS, sortable=len(verdicts) > 1, in_table=True)
    table = f'<div class="rows checked" role="table">{heads}{lines}</div>'
    named = _named([verdict for verdict in ordered if not verdict.passed])
    mark = verdict_mark("failed" if failed else "passed", f"{title}: {word}{named}") if verdicts else ""
    return page(
        mark,
        about(title, pill),
        controls(_ORDERS, only="failed ones alone") if len(verdicts) > 1 else "",
        table if verdicts else "",
        script=len(verdicts) > 1,
    )


def _named(failed: Sequence[Verdict]) -> str:
    """Name the first that failed, with what was found, for whoever reads what the check says and not the page."""
    if not failed:
        return ""
    texts = []
    for verdict in failed[:_NAMED]:
        column = f"{visible(verdict.expectation.column)}: " if verdict.expectation.column else ""
        expected = verdict.expected or str(verdict.expectation)
        doubt = f" ({verdict.doubt})" if verdict.doubt else ""
        texts.append(f"{column}{visible(expected)}, found {visible(verdict.found)}{doubt}")
    more = f"; and {len(failed) - _NAMED:,} more" if len(failed) > _NAMED else ""
    return f": {'; '.join(texts)}{more}"


def _row(verdict: Verdict, place: int) -> str:
    word, css = ("passed", "good") if verdict.passed else ("failed", "bad")
    doubt = f"<small>{escape(verdict.doubt)}</small>" if verdict.doubt else ""
    column = verdict.expectation.column
    cells = (
        f'<b class="name">{name_html(column) if column else "(the whole data set)"}</b>',
        f'<span class="{css}">{word}</span>{doubt}',
        escape(visible(verdict.expected or str(verdict.expectation))),
        escape(visible(verdict.found, most=_LONGEST)),
    )
    orders: dict[str, float | str] = {"name": visible(column).lower(), "order": float(place)}
    return row(cells, "", orders, css="" if verdict.passed else "marked", in_table=True)
