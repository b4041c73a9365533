"""What a check can find, and which of it is worse: the one order that lists, reports, comparisons and pages use."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["OUTCOMES", "Outcome", "worst_first"]

Outcome = Literal["failed", "warned", "passed"]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""The worst one first."""


def worst_first(outcome: str) -> int:
    """Return a key by which outcomes are sorted, the worst first; nothing, or an unknown one, comes last.

    Args:
        outcome: One of `OUTCOMES`, or empty: nothing was checked.

    Examples:
        >>> sorted(["passed", "", "failed", "warned"], key=worst_first)
        ['failed', 'warned', 'passed', '']
    """
    return next((place for place, one in enumerate(OUTCOMES) if one == outcome), len(OUTCOMES))
