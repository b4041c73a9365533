"""The tabs of a task."""

from __future__ import annotations

from obs_core.model import DeckView
from obs_core.report.payloads import Payloads
from obs_core.report.tabs import tabs_of


def nothing(digest: str) -> None:
    return None


def tabs(*decks: DeckView) -> list[str]:
    return [label for label, _ in tabs_of(decks, Payloads(nothing))]


def test_tabs_keep_their_order_and_empty_decks_are_left_out() -> None:
    assert tabs(
        DeckView("b", ["<p>1</p>"]), DeckView("empty", []), DeckView("blank", ["", " \n"]), DeckView("a", ["", "x"])
    ) == ["b", "a"]


def test_decks_of_one_name_are_tabs_of_their_own() -> None:
    assert tabs(DeckView("a", ["1"]), DeckView("a (2)", ["2"]), DeckView("a", ["3"]), DeckView("a", ["4"])) == [
        "a",
        "a (2)",
        "a (3)",
        "a (4)",
    ]


def test_a_deck_without_a_name_can_be_chosen_too() -> None:
    assert tabs(DeckView("", ["1"]), DeckView(" ", ["2"])) == ["Untitled", "Untitled (2)"]
