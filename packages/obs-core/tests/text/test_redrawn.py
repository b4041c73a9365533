"""Rows that are drawn again and again: of each, what it shows last is a line, once, and no escape sequence stays."""

from __future__ import annotations

import contextlib
import sys
from types import FrameType

import pytest

from obs_core.text.redrawn import RedrawnLines, RedrawnRows

UP = "\x1b[A"


def kept(*writes: str) -> list[str]:
    rows = RedrawnRows()
    return [line for text in writes for line in rows.take(text)] + rows.shown()


@pytest.mark.parametrize(
    ("writes", "lines"),
    [
        (["\r 1/2", "\r 2/2", "\n", "done", "\n"], [" 2/2", "done"]),
        (["\r 1/2\r 2/2\ndone\n"], [" 2/2", "done"]),
        (["DOS\r", "\n"], ["DOS"]),
        (["a\n\nb\n"], ["a", "", "b"]),
        (["\r", "50%", "\r", "99%", "\n"], ["99%"]),
        (["\r\x1b[32m50%\x1b[0m", "\r\x1b[32m99%\x1b[0m", "\n"], ["\x1b[32m99%\x1b[0m"]),
        (["\r50%", "\r\x1b[K", "said\n"], ["said"]),
        (["\r50%", "\x1b[2K\x1b[1G", "said\n"], ["said"]),
        (["\x1b[?25l", "\r50%", "\x1b[?25h", "\n"], ["50%"]),
        (["working |", "\x1b[1D/", "\x1b[1D-", "\n"], ["working -"]),
        (["\r50%\x1b", "[K", "\r99%\x1b[", "0K\n"], ["99%"]),
        (["\r" + " " * 20 + "\r"], []),
    ],
)
def test_a_row_that_is_drawn_again_is_kept_in_its_last_state(writes: list[str], lines: list[str]) -> None:
    assert kept(*writes) == lines


def nested(inner: int, outer: int = 3) -> list[str]:
    """What nested bars write in tqdm's manner: the inner one below, and the cursor back up after each drawing."""
    writes = ["\router 0"]
    for epoch in range(outer):
        for batch in range(inner):
            writes += ["\n", f"\rinner {batch}", UP]
        writes += ["\n", "\r       ", UP, f"\router {epoch + 1}"]
    return writes


def test_of_bars_below_each_other_each_is_kept_once() -> None:
    lines = kept(*nested(50), "\n")
    assert lines == ["outer 0", "outer 3"]  # until the first way up a line break may be the end of a line


def test_where_a_way_down_is_known_nothing_is_kept_before_a_bar_has_ended() -> None:
    rows = RedrawnRows()
    writes = nested(50)
    assert [line for text in writes for line in rows.take(text, text == "\n")] == []
    assert rows.take("\n", False) == ["outer 3"]
    assert rows.is_empty


def test_frames_that_are_drawn_from_the_top_each_time_are_kept_as_the_last_one() -> None:
    frame = "\r\x1b[2K\x1b[1A\x1b[2K"
    lines = kept("first 0\nsecond 0", *(f"{frame}first {n}\nsecond {n}" for n in range(1, 99)), "\n", "done\n")
    assert lines == ["first 0", "first 98", "second 98", "done"]


def test_lines_above_bars_are_not_kept_back_for_long() -> None:
    frame = "\r\x1b[2K\x1b[1A\x1b[2K"
    rows = RedrawnRows()
    rows.take("first\nsecond")
    assert rows.take(f"{frame}said\nfirst\nsecond") == []
    assert [line for _ in range(25) for line in rows.take(f"{frame}first\nsecond")] == ["said"]


def test_rows_that_were_written_before_may_be_drawn_again_in_any_order() -> None:
    updates = [
        f"\x1b[{5 - row}A\r\x1b[2Kfile {row}: {percent}%\r\x1b[{5 - row}B" for percent in (1, 99) for row in range(5)
    ]
    lines = kept("".join(f"file {row}\n" for row in range(5)), *updates, "done\n")
    assert lines[5:] == [*(f"file {row}: 99%" for row in range(5)), "done"]


def test_a_line_that_is_printed_between_bars_is_kept_at_once() -> None:
    rows = RedrawnRows()
    for text in ("\router", "\n", "\rinner", UP):
        rows.take(text, text == "\n")
    assert rows.take("said") == []
    assert rows.take("\n") == ["said"]


def test_rows_need_no_more_room_than_a_terminal_has() -> None:
    rows = RedrawnRows()
    lines = [line for n in range(1_000) for line in rows.take(f"\n\r{n}{UP}\x1b[B")]
    assert len(rows.shown()) <= 100
    assert [*lines, *rows.shown()] == ["", *map(str, range(1_000))]
    rows = RedrawnRows()
    for _ in range(10_000):
        rows.take(f"{UP}x\x1b[999999999B")
    assert len(rows.shown()) <= 100
    rows = RedrawnRows()
    for _ in range(300):
        rows.take("\r" + "x" * 1_000)
        rows.take("y" * 1_000)
    assert max(map(len, rows.shown())) < 70_000


def test_whole_lines_are_read_alike() -> None:
    lines = RedrawnLines()
    text = "".join([*nested(50), "\n", "done\n", "\r1/2\r2/2\n", "DOS\r\n", "\r1/2\r2/2\n"])
    found = [line for each in text.removesuffix("\n").split("\n") for line in lines.take(each)]
    assert found[-4:] == ["outer 3", "done", "2/2", "DOS"]
    assert len(found) == 4
    assert lines.rest() == ["2/2"]
    assert lines.rest() == []


def test_a_timeout_that_strikes_anywhere_leaves_rows_that_take_more() -> None:
    places, left = 0, -1

    def strike(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        left -= frame.f_code.co_filename.endswith("redrawn.py")
        if left == 0:
            left = -1
            raise TimeoutError

    def draw() -> None:
        sys.setprofile(strike)
        try:
            for text in ("\router", "\n", "\rinner", f"{UP}{UP}", "\r\x1b[Kouter", "\x1b[J", "said\n"):
                rows.take(text, text == "\n")
        finally:
            sys.setprofile(None)

    while left < 0:
        places += 1
        rows, left = RedrawnRows(), places
        with contextlib.suppress(TimeoutError):
            draw()
        rows.take("\n")
        assert rows.take("after\n")[-1] == "after"
    assert places > 50
