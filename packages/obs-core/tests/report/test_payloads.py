"""Payloads: what a page holds compressed."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Callable

import pytest

from obs_core.report.payloads import Payloads, RecentPayloads, encoded_json

HASH = "0123456789abcdef" * 2


def contents_of(payloads: Payloads) -> dict[str, str]:
    """Read the payloads back as a browser does."""
    elements = re.findall(r'<script type="application/gzip" id="obs-([\w-]+)">([^<]*)</script>', payloads.html())
    return {key: gzip.decompress(b64decode(payload)).decode() for key, payload in elements}


def unknown(digest: str) -> None:
    return None


def test_items_come_back_as_they_were() -> None:
    payloads = Payloads(unknown)
    key = payloads.add(["<p>é</p>", "</script>", "\0"])
    assert json.loads(contents_of(payloads)[key]) == ["<p>é</p>", "</script>", "\0"]


def test_half_a_surrogate_pair_comes_back() -> None:
    payloads = Payloads(unknown)
    key = payloads.add(["a\ud800b"])
    assert json.loads(contents_of(payloads)[key]) == ["a\ud800b"]


def test_equal_decks_are_kept_once() -> None:
    payloads = Payloads(unknown)
    assert payloads.add(["<p>1</p>"]) == payloads.add(["<p>1</p>"])
    assert payloads.html().count("<script") == 1


def test_a_shared_body_is_kept_once_however_many_decks_need_it() -> None:
    asked = []

    def shared(digest: str) -> str:
        asked.append(digest)
        return "library()"

    payloads = Payloads(shared)
    for number in range(3):
        payloads.add([f"<script>obs:shared:{HASH}</script>{number}", f"<script>obs:shared:{HASH}</script>"])
    contents = contents_of(payloads)
    assert contents[f"shared-{HASH}"] == "library()"
    assert len(contents) == 4
    assert asked == [HASH]


def test_a_body_that_is_compressed_already_is_taken_as_it_is() -> None:
    payloads = Payloads(lambda digest: gzip.compress(b"library()"))
    payloads.add([f"<script>obs:shared:{HASH}</script>"])
    assert contents_of(payloads)[f"shared-{HASH}"] == "library()"


def test_a_body_that_was_not_kept_is_left_out() -> None:
    payloads = Payloads(unknown)
    key = payloads.add([f"<script>obs:shared:{HASH}</script>"])
    assert list(contents_of(payloads)) == [key]


def test_an_escaped_reference_asks_for_nothing() -> None:
    def shared(digest: str) -> str:
        raise AssertionError(digest)

    Payloads(shared).add([f"obs:shared:-{HASH}"])


def test_payloads_are_the_same_at_any_time() -> None:
    first, second = Payloads(unknown), Payloads(unknown)
    first.add(["<p>1</p>"])
    second.add(["<p>1</p>"])
    assert first.html() == second.html()


@pytest.fixture
def made() -> list[str]:
    return []


@pytest.fixture
def maker(made: list[str]) -> Callable[[str], Callable[[], str]]:
    def maker_of(payload: str) -> Callable[[], str]:
        def make() -> str:
            made.append(payload)
            return payload

        return make

    return maker_of


def test_a_recent_payload_is_not_made_again(made: list[str], maker: Callable[[str], Callable[[], str]]) -> None:
    recent = RecentPayloads(budget=100)
    for _ in range(3):
        assert recent.payload("a", "source", maker("payload")) == "payload"
    assert made == ["payload"]


def test_another_source_makes_another_payload(made: list[str], maker: Callable[[str], Callable[[], str]]) -> None:
    """The body of a script changes under its old name when a secret in it becomes known and is masked."""
    recent = RecentPayloads(budget=100)
    assert recent.payload("a", "key = 'hunter2'", maker("plain")) == "plain"
    assert recent.payload("a", "key = '***'", maker("masked")) == "masked"


def test_the_oldest_payloads_are_forgotten_beyond_the_budget(
    made: list[str], maker: Callable[[str], Callable[[], str]]
) -> None:
    recent = RecentPayloads(budget=10)
    recent.payload("a", None, maker("aaaa"))
    recent.payload("b", None, maker("bbbb"))
    recent.payload("a", None, maker("aaaa"))
    recent.payload("c", None, maker("cccc"))
    recent.payload("a", None, maker("aaaa"))
    recent.payload("b", None, maker("bbbb"))
    assert made == ["aaaa", "bbbb", "cccc", "bbbb"]


def test_a_payload_beyond_the_budget_is_given_and_not_kept(
    made: list[str], maker: Callable[[str], Callable[[], str]]
) -> None:
    recent = RecentPayloads(budget=2)
    assert recent.payload("a", None, maker("aaaa")) == "aaaa"
    assert recent.payload("a", None, maker("aaaa")) == "aaaa"
    assert made == ["aaaa", "aaaa"]


def test_json_is_utf_8() -> None:
    assert encoded_json({"a": ["é", 1]}) == '{"a":["é",1]}'.encode()
