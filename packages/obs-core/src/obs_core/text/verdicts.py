"""Verdicts in HTML: how a renderer says what a check found, so that the tab which shows it can be marked.

A verdict is a comment of the HTML. Text that was escaped holds no comment, so nothing that a table shows is taken for
one.
"""

from __future__ import annotations

import re

from obs_core.outcomes import OUTCOMES, Outcome
from obs_core.text.masking import masked_text
from obs_core.text.numbers import plural

__all__ = ["counted_verdicts", "verdict_mark", "verdicts_in", "without_verdicts"]

_LONGEST = 200
_BEGINNING = "<!--obs:verdict "
_MARK = re.compile(r"<!--obs:verdict (passed|warned|failed)(?: ([^<>]*?))?-->")
_NOT_IN_COMMENT = str.maketrans({"<": "‹", ">": "›", "\n": " ", "\r": " "})


def verdict_mark(outcome: Outcome, what: str = "") -> str:
    """Return a verdict as a mark to put anywhere into a renderer's HTML.

    The tab of the deck to which the HTML is appended then carries a mark.

    Args:
        outcome: ``"passed"``, ``"warned"`` or ``"failed"``.
        what: What was found, in a few words.

    Returns:
        An HTML comment.

    Raises:
        ValueError: `outcome` is something else.

    Examples:
        >>> verdict_mark("failed", "3 of 5 checks failed")
        '<!--obs:verdict failed 3 of 5 checks failed-->'
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"a verdict is 'passed', 'warned' or 'failed', not {outcome!r}")
    # Two dashes, or one at the end, would end the comment early.
    said = masked_text(what, _LONGEST).translate(_NOT_IN_COMMENT).replace("--", "\N{EN DASH}" * 2).strip(" -")
    return f"{_BEGINNING}{outcome}{' ' if said else ''}{said}-->"


def verdicts_in(html: str) -> list[tuple[Outcome, str]]:
    """Return the verdicts that stand in HTML: each its outcome, and what was found.

    Examples:
        >>> verdicts_in(verdict_mark("passed") + "<p>All as expected.</p>")
        [('passed', '')]
    """
    if _BEGINNING not in html:
        return []
    found: list[tuple[Outcome, str]] = [(one[1], one[2] or "") for one in _MARK.finditer(html)]  # type: ignore[misc]
    return found


def without_verdicts(html: str) -> str:
    """Return HTML without its marks: where it is shown a second time, its verdicts do not count again.

    Examples:
        >>> without_verdicts(verdict_mark("failed", "2 rows") + "<p>Two rows.</p>")
        '<p>Two rows.</p>'
    """
    return _MARK.sub("", html)


def counted_verdicts(passed: int, warned: int, failed: int) -> str:
    """Say how many checks found what, the worst first.

    Examples:
        >>> counted_verdicts(12, 1, 2)
        '2 checks failed, 1 warned, 12 passed'
        >>> counted_verdicts(1, 0, 0)
        '1 check passed'
    """
    counts = [(count, word) for count, word in ((failed, "failed"), (warned, "warned"), (passed, "passed")) if count]
    if not counts:
        return ""
    (first, word), rest = counts[0], counts[1:]
    return ", ".join((f"{plural(first, 'check')} {word}", *(f"{count:,} {word}" for count, word in rest)))
