"""Where a deck becomes a tab."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from obs_core.model import DeckView, Verdict
from obs_core.outcomes import worst_first
from obs_core.report.payloads import Payloads

__all__ = ["tab_label", "tabs_of", "verdict_of"]


def tabs_of(decks: Iterable[DeckView], payloads: Payloads) -> list[list[Any]]:
    """Describe a task's tabs to the page: none is empty, and no two have one label.

    Args:
        decks: The task's decks.
        payloads: Gets their documents.

    Returns:
        What becomes JSON. Of each tab its label, the number of its payload, and the worst verdict in it, if there is
        any: the outcome, and what was checked.
    """
    labels: dict[str, int] = {}
    tabs: list[list[Any]] = []
    for deck in decks:
        if any(item and not item.isspace() for item in deck.items):
            verdict = verdict_of(deck)
            said = [] if verdict is None else [verdict.outcome, verdict.what]
            tabs.append([_unused_label(tab_label(deck.name), labels), payloads.add(deck.items), *said])
    return tabs


def _unused_label(name: str, labels: dict[str, int]) -> str:
    """Return a label that no tab has yet; with each goes the number that the next one of its name may have."""
    label, number = name, labels.get(name, 2)
    while label in labels:
        label, number = f"{name} ({number})", number + 1
    labels[name] = number
    labels.setdefault(label, 2)
    return label


def tab_label(name: str) -> str:
    """Return what the tab of a deck is called: a deck of no name gets one, and the default deck is the summary."""
    name = name.strip()
    return "Summary" if name == "default" else name or "Untitled"


def verdict_of(deck: DeckView) -> Verdict | None:
    """Return the worst of the verdicts in a deck, with what was found by the first check that came to it."""
    return min(deck.verdicts, key=lambda verdict: worst_first(verdict.outcome), default=None)
