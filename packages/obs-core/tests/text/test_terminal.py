from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from typing import IO

import pytest

from obs_core.text.terminal import Screen, aligned, columns, cut, printable

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """A real terminal, 90 columns wide."""
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


def test_a_terminal_gives_its_width_and_takes_colours(terminal: IO[str]) -> None:
    assert Screen.of(terminal) == Screen(width=90, colour=True, encoding="utf-8", plain=False, terminal=True)


@pytest.mark.parametrize(("asked", "width"), [("120", 120), ("20", 40), ("500", 160), ("wide", 90), ("0", 90)])
def test_the_width_that_is_asked_for_is_kept_within_reason(
    terminal: IO[str], monkeypatch: pytest.MonkeyPatch, asked: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", asked)
    assert Screen.of(terminal).width == width


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_declined(terminal: IO[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not Screen.of(terminal).colour


def test_a_file_gets_a_hundred_columns_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert Screen.of(io.StringIO()) == Screen(width=100, colour=False, encoding="utf-8", plain=False)
    assert Screen.of(object()) == Screen()


@pytest.mark.parametrize(("encoding", "plain"), [("utf-8", False), ("ascii", True), ("cp1252", True), ("cp437", True)])
def test_what_an_encoding_cannot_show_is_drawn_in_ascii(encoding: str, plain: bool) -> None:
    assert Screen.of(io.TextIOWrapper(io.BytesIO(), encoding=encoding)).plain == plain


def test_an_unknown_encoding_is_taken_for_ascii() -> None:
    class Stream(io.StringIO):
        encoding = "nonsense"

    screen = Screen.of(Stream())
    assert screen.plain
    assert screen.name("größe") == r"gr\xf6\xdfe"


def test_names_keep_what_the_encoding_knows() -> None:
    assert Screen(encoding="latin-1").name("größe 表") == r"größe \u8868"
    assert Screen(encoding="ascii", plain=True).name("4 rows × 2 · größe") == r"4 rows x 2 - gr\xf6\xdfe"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("flights", "flights"),
        ("größe 表 🎉", "größe 表 🎉"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\u202egnp", r"\u202egnp"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_what_is_not_printable_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("größe", 5), ("表表", 4), ("e\u0301", 1), ("", 0)])
def test_columns_count_wide_and_combining_characters(text: str, width: int) -> None:
    assert columns(text) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"), [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("表表表", 4, "表…"), ("ab", 1, "…")]
)
def test_what_does_not_fit_is_cut(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_tables_have_their_numbers_aligned_and_their_names_cut() -> None:
    rows = [["name", "count"], ["a long name", "1"], ["表", "1,000"]]
    assert aligned(rows, 14) == [["name   ", "count"], ["a long…", "    1"], ["表     ", "1,000"]]
