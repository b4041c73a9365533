"""Large scripts and styles are kept once, and put back exactly."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obs_core.report.shared import SHARED_ABOVE, extract, references, restore

LIBRARY = "var library = 1;" + "/* a large library */" * 300
SHEET = ".chart { color: red }" * 300
HASH = hashlib.sha256(LIBRARY.encode()).hexdigest()[:32]
REFERENCE = f"obs:shared:{HASH}"
MEGABYTES = "x = 1; // a line of a very large library\n" * 10_000

PIECES = [
    "<script>",
    "<script type=application/json>",
    '<SCRIPT data-x="a>b">',
    "<style>",
    "</script>",
    "</ScRiPt >",
    "</style\n>",
    "<!--",
    "-->",
    "<script ",
    '"',
    "'",
    ">",
    "<",
    LIBRARY,
    SHEET,
    MEGABYTES,
    "é",
    "\ud800",
    "\0",
    "obs:shared:",
    "obs:shared:-",
    REFERENCE,
    "obs:sha",
    "red:",
    "text",
]


def restored(html: str) -> str:
    slim, bodies = extract(html)
    return restore(slim, bodies.__getitem__)


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8))).map("".join))
@example(f"<script>{LIBRARY}</script><script>{REFERENCE}</script>")
@example(f"<script>{MEGABYTES}</style></script><style>{MEGABYTES}</style>")
def test_restoring_undoes_extracting_for_any_text(html: str) -> None:
    assert restored(html) == html


@given(st.text())
def test_a_short_text_stays_as_it_is_unless_it_looks_like_a_reference(html: str) -> None:
    assert extract(html) == (html.replace("obs:shared:", "obs:shared:-"), {})


def test_a_large_script_is_replaced_by_its_hash() -> None:
    html = f"<p>One</p><script>{LIBRARY}</script><script>draw()</script>"
    assert extract(html) == (
        f"<p>One</p><script>{REFERENCE}</script><script>draw()</script>",
        {HASH: LIBRARY},
    )


def test_a_body_of_exactly_the_limit_stays() -> None:
    html = f"<p></p><script>{'x' * SHARED_ABOVE}</script>"
    assert extract(html) == (html, {})


def test_the_same_script_in_two_items_has_one_hash() -> None:
    first = extract(f"<script>{LIBRARY}</script><p>1</p>")
    second = extract(f'<script type="text/javascript">{LIBRARY}</script><p>2</p>')
    assert first[1] == second[1] == {HASH: LIBRARY}


def test_a_very_large_script_has_the_same_hash_each_time() -> None:
    digest = hashlib.sha256(MEGABYTES.encode()).hexdigest()[:32]
    for _ in range(3):
        assert extract(f"<b>é</b><script>{MEGABYTES}</script>") == (
            f"<b>é</b><script>obs:shared:{digest}</script>",
            {digest: MEGABYTES},
        )


def test_a_script_that_begins_like_a_recent_one_is_another_one() -> None:
    longer = MEGABYTES + "one = more;"
    extract(f"<script>{MEGABYTES}</script>")
    assert list(extract(f"<script>{longer}</script>")[1].values()) == [longer]


@pytest.mark.parametrize(
    "html",
    [
        f"<script>{LIBRARY}</script>",
        f"<SCRIPT>{LIBRARY}</SCRIPT>",
        f"<script>{LIBRARY}</script\n>",
        f'<script data-note="a > b" async>{LIBRARY}</script>',
        f"<script type=application/json>{LIBRARY}</script>",
        f"<!-- > --><script>{LIBRARY}</script>",
        f"<!--><script>{LIBRARY}</script>",
        f"<style>a {{}}</style><script>{LIBRARY}</script>",
    ],
)
def test_each_way_to_write_a_script_is_understood(html: str) -> None:
    slim, bodies = extract(html)
    assert bodies == {HASH: LIBRARY}
    assert slim == html.replace(LIBRARY, REFERENCE)


@pytest.mark.parametrize(
    "html",
    [
        f"<!-- <script>{LIBRARY}</script> -->",
        f"<!-- <script>{LIBRARY}</script>",
        f"<script>{LIBRARY}",
        f"<script>{LIBRARY}</scripts>",
        f'<script title="{LIBRARY}',
        f"<scripting>{LIBRARY}</scripting>",
        f"<pre>{LIBRARY}</pre>",
    ],
)
def test_what_is_no_closed_script_is_left_alone(html: str) -> None:
    assert extract(html) == (html, {})


def test_a_style_is_shared_as_well() -> None:
    assert list(extract(f"<style>{SHEET}</style>")[1].values()) == [SHEET]


def test_what_looks_like_a_reference_in_a_body_is_kept_as_it_is() -> None:
    body = LIBRARY + REFERENCE
    assert list(extract(f"<script>{body}</script>")[1].values()) == [body]


def test_references_name_the_bodies_that_are_needed() -> None:
    slim, bodies = extract(f"obs:shared: <script>{LIBRARY}</script><style>{SHEET}</style>")
    assert references(slim) == set(bodies)
    assert len(bodies) == 2
    assert references("<p>nothing</p>") == set()


def test_an_unknown_reference_is_the_lookups_business() -> None:
    bodies: dict[str, str] = {}
    with pytest.raises(KeyError, match=HASH):
        restore(REFERENCE, bodies.__getitem__)


@pytest.mark.parametrize("piece", ["<script ", "<script>", '<script "', "<!--", "<script></script", "</script"])
def test_time_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    """A quadratic scan of these would take hours, a linear one less than a second."""
    html = piece * 200_000
    assert extract(html) == (html, {})
