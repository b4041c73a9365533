"""Large scripts of decks are known as long as somebody needs them, and no longer."""

from __future__ import annotations

import gc

import pytest

from obs_core import Deck, task
from obs_core.report import bodies
from obs_core.report.bodies import extracted, raw_body
from obs_core.report.shared import references
from obs_core.testing import RecordingStore


def script(text: str, length: int = 5_000) -> str:
    return f"<script>{text:{length}}</script>"


def digest_of(item: str) -> str:
    (digest,) = references(item)
    return digest


def test_a_script_is_kept_as_long_as_its_deck(store: RecordingStore) -> None:
    digests: list[str] = []

    @task(deck_fields=[])
    def draw(number: int) -> None:
        deck = Deck("Chart").append(script(f"chart {number}"))
        digests.append(digest_of(deck.current_items()[0]))
        assert (raw_body(digests[-1]) or "").startswith(f"chart {number} ")
        assert f"chart {number} " in deck.html

    for number in range(10):
        draw(number)
    gc.collect()
    assert [raw_body(digest) for digest in digests] == [None] * 10
    assert (store.last().shared_body(digests[-1]) or "").startswith("chart 9 "), "it is in the store"


def test_of_those_that_a_reader_made_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_MOST_UNOWNED", 25_000)
    made = [digest_of(extracted(script(f"page {number}", 10_000))) for number in range(5)]
    gc.collect()
    assert [raw_body(digest) is not None for digest in made] == [False, False, False, True, True]
