from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core.model import SpanTable
from obs_core.text.terminal import Screen, columns
from obs_core.trace import ExecutionSpan
from obs_core.trace.explain import explanation
from obs_core.trace.tree import SpanTree

TableOf = Callable[..., SpanTable]
TreeOf = Callable[..., SpanTree]

PIPELINE = """
flights: 0-1000
  load: 1-240 task
    read csv: 5-200
    parse: 200-235
  clean: 240-300 task ValueError
  gather: 300-600 task
    fetch: 305-500
    fetch: 306-590
  train: 600-1000 task
    epoch: 600-700
      batch: 600-650
      batch: 650-690
    epoch: 700-800
      batch: 700-750
      batch: 750-790
    epoch: 800-900
      batch: 800-850
    epoch: 900-1000
      batch: 900-950
"""


def section(text: str, number: int) -> list[str]:
    """Return the lines of the header (0), the tree (1), the hottest operations (2) or the critical path (3)."""
    return text.rstrip("\n").split("\n\n")[number].split("\n")


def test_a_pipeline_is_explained_on_one_page(tree_of: TreeOf) -> None:
    tree = tree_of(PIPELINE, host="ada", user="jo", command="python flights.py", tags={"team": "ml", "env": "dev"})
    assert explanation(tree) == (
        """\
flights
Execution  20261122-234237-k3v9xq
Status     succeeded
Started    2026-11-22 23:42:37.417 UTC
Took       1.00 s, in 19 spans
Host       ada as jo
Command    python flights.py
Tags       team=ml, env=dev

Trace                                           start  duration     self  share
flights                                          +0 s    1.00 s   1.0 ms  100 %  ━━━━━━━━━━━━━━━━━━━
├─ load                                       +1.0 ms    239 ms   9.0 ms   24 %  ━━━━━
│  ├─ read csv                                +5.0 ms    195 ms   195 ms   20 %  ━━━━
│  └─ parse                                   +200 ms   35.0 ms  35.0 ms    4 %     ━━
├─ clean  FAILED ValueError                   +240 ms   60.0 ms  60.0 ms    6 %      ━━
├─ gather                                     +300 ms    300 ms  15.0 ms   30 %       ━━━━━━━
│  ├─ fetch                                   +305 ms    195 ms   195 ms   20 %       ━━━━━
│  └─ fetch                                   +306 ms    284 ms   284 ms   28 %       ━━━━━━━
└─ train                                      +600 ms    400 ms      0 s   40 %             ━━━━━━━━
   └─ epoch ×4  mean 100 ms  max 100 ms       +600 ms    400 ms   120 ms   40 %             ╍╍╍╍╍╍╍╍
      └─ batch ×6  mean 46.7 ms  max 50.0 ms  +600 ms    280 ms   280 ms   28 %             ╍╍╍╍╍╍╍╍

Hottest operations  count  self time  share     mean      max
fetch                   2     479 ms   48 %   240 ms   284 ms
batch                   6     280 ms   28 %  46.7 ms  50.0 ms
read csv                1     195 ms   20 %   195 ms   195 ms
epoch                   4     120 ms   12 %  30.0 ms  50.0 ms
clean                   1    60.0 ms    6 %  60.0 ms  60.0 ms
parse                   1    35.0 ms    4 %  35.0 ms  35.0 ms
gather                  1    15.0 ms    2 %  15.0 ms  15.0 ms
load                    1     9.0 ms   <1 %   9.0 ms   9.0 ms
flights                 1     1.0 ms   <1 %   1.0 ms   1.0 ms
train                   1        0 s    0 %      0 s      0 s

Critical path                time  share
flights                    1.0 ms   <1 %
load                       9.0 ms   <1 %
load › read csv            195 ms   20 %
load › parse              35.0 ms    4 %
clean                     60.0 ms    6 %
gather                    16.0 ms    2 %
gather › fetch             284 ms   28 %
train › epoch ×4           120 ms   12 %
train › epoch › batch ×6   280 ms   28 %
"""
    )


def test_a_span_of_the_trace_is_explained_by_itself(trace_of: Callable[..., ExecutionSpan]) -> None:
    out = io.StringIO()
    trace_of(PIPELINE).children[0].explain(out)
    assert out.getvalue() == (
        """\
load
Span       task ada.1 of flights, execution 20261122-234237-k3v9xq
Status     succeeded
Started    2026-11-22 23:42:37.418 UTC
Took       239 ms, in 3 spans

Trace          start  duration     self  share
load            +0 s    239 ms   9.0 ms  100 %  ━━━━━━━━━━━━━━━━━━━━━━━━
├─ read csv  +4.0 ms    195 ms   195 ms   82 %  ━━━━━━━━━━━━━━━━━━━━
└─ parse     +199 ms   35.0 ms  35.0 ms   15 %                     ━━━━━

Hottest operations  count  self time  share     mean      max
read csv                1     195 ms   82 %   195 ms   195 ms
parse                   1    35.0 ms   15 %  35.0 ms  35.0 ms
load                    1     9.0 ms    4 %   9.0 ms   9.0 ms

Critical path     time  share
load            9.0 ms    4 %
read csv        195 ms   82 %
parse          35.0 ms   15 %
"""
    )


def test_a_failed_span_says_so_of_itself_too(trace_of: Callable[..., ExecutionSpan]) -> None:
    out = io.StringIO()
    trace_of(PIPELINE).children[1].explain(out)
    assert "Status     failed: ValueError" in out.getvalue()


def test_an_execution_without_spans_is_explained(tree_of: TreeOf) -> None:
    text = explanation(tree_of("", duration=0))
    assert section(text, 0)[-1] == "Took       0 s, in 1 span"
    assert section(text, 1) == ["Trace    start  duration  self  share", "flights   +0 s       0 s   0 s    0 %"]
    assert len(text.split("\n\n")) == 3


def test_a_lost_execution_and_lost_records_are_said_plainly(tree_of: TreeOf) -> None:
    tree = tree_of("flights: 0-100 open\n  fit: 50-100 open", status="lost", lost_records=1_042)
    header = section(explanation(tree), 0)
    assert header[2:] == [
        "Status     lost: it ended without saying so; 2 spans still open; obs why 20261122-234237-k3v9xq",
        "           tells more",
        "Started    2026-11-22 23:42:37.417 UTC",
        "Took       at least 100 ms up to its last sign of life, in 2 spans",
        "Incomplete 1,042 records of this execution could not be written, so something may be missing here.",
    ]


def test_what_was_open_when_the_process_was_lost_took_at_least_as_long_as_it_was_heard_of(tree_of: TreeOf) -> None:
    text = explanation(tree_of("flights: 0-100 open\n  load: 0-20\n  fit: 50-100 open", status="lost"))
    trace = {line.split("  ")[0].strip("└├─ "): line for line in section(text, 1)[1:]}
    assert "≥ 100 ms" in trace["flights"]
    assert "≥ 50.0 ms" in trace["fit"]
    assert "≥" not in trace["load"]
    for table in (section(text, 2), section(text, 3)):
        (fit,) = [line for line in table if line.startswith(("fit", "flights › fit"))]
        (load,) = [line for line in table if line.startswith(("load", "flights › load"))]
        assert "≥ 50.0 ms" in fit
        assert "≥" not in load


def test_what_ended_around_a_child_that_was_lost_took_at_most_the_rest_itself(tree_of: TreeOf) -> None:
    tree = tree_of("flights: 0-100\n  load: 0-20\n  fit: 50-80 open\n    scale: 50-60", status="failed")
    text = explanation(tree)
    for place in (1, 2, 3):
        (marked,) = [line for line in section(text, place) if "≤" in line]
        assert marked.startswith("flights")
        assert "≤ 50.0 ms" in marked
    assert "100 ms  ≤ 50.0 ms  100 %" in section(text, 1)[1]


def test_a_running_execution_shows_what_is_still_open(tree_of: TreeOf) -> None:
    text = explanation(tree_of("flights: 0-100 open\n  load: 0-20\n  fit: 50-100 open", status="running"))
    assert "Status     running; 2 spans still open" in text
    labels = [line.split("  +")[0].rstrip() for line in section(text, 1)[1:]]
    assert labels == ["flights  still open", "├─ load", "└─ fit  still open"]


def test_a_failed_execution_gives_its_error(tree_of: TreeOf) -> None:
    text = explanation(tree_of("flights: 0-100 ValueError", status="failed", error="ValueError: no such airport"))
    assert "Status     failed: ValueError: no such airport" in text


def test_clocks_that_disagree_give_a_negative_start(tree_of: TreeOf) -> None:
    text = explanation(tree_of("flights: 0-100\n  remote: -20-300"))
    start, *rest = section(text, 1)[2].split("-20.0 ms")
    assert start.split("  ") == ["└─ remote", "until 200 ms after the end", ""]
    assert rest == ["    320 ms  320 ms  100 %  ━━━━━━━━━━━━━━━━━━━━━━━━"]


def test_up_to_three_siblings_of_a_name_are_shown_one_by_one_and_more_as_one_line(tree_of: TreeOf) -> None:
    three = "".join(f"\n  read: {n}-{n + 1}" for n in range(3))
    four = "".join(f"\n  read: {n}-{n + 1}" for n in range(4))
    assert sum("read" in line for line in section(explanation(tree_of("flights: 0-10" + three)), 1)) == 3
    (line,) = [line for line in section(explanation(tree_of("flights: 0-10" + four)), 1) if "read" in line]
    assert line.startswith("└─ read ×4  mean 1.0 ms  max 1.0 ms   +0 s    4.0 ms  4.0 ms   40 %  ╍╍")


def test_gathered_siblings_tell_how_many_of_them_failed(tree_of: TreeOf) -> None:
    text = explanation(tree_of("flights: 0-10" + "\n  read: 0-1 KeyError" * 2 + "\n  read: 0-1" * 5))
    assert "└─ read ×7  2 FAILED KeyError" in text


def test_the_tree_is_bounded_and_says_what_it_leaves_out(tree_of: TreeOf) -> None:
    text = explanation(
        tree_of("flights: 0-1000" + "".join(f"\n  {'ab'[n % 2] * (n + 1)}: {n}-{n + 1}" for n in range(150)))
    )
    tree = section(text, 1)
    assert len(tree) == 52
    assert tree[-2].startswith("└─ … 102 more")
    assert tree[-1] == "102 of 151 spans are in no line above; dump() and to_chrome_trace() have all"


def test_a_failure_is_shown_however_little_time_it_took(tree_of: TreeOf) -> None:
    lines = "".join(f"\n  {'x' * (n + 1)}: {n}-{n + 1}\n    inner: {n}-{n + 1}" for n in range(180))
    text = explanation(tree_of(f"flights: 0-1000{lines}\n  quick: 500-500\n    culprit: 500-500 KeyError"))
    assert any("culprit  FAILED KeyError" in line for line in section(text, 1))


def test_a_failure_among_many_of_its_name_is_shown_however_little_time_they_took(tree_of: TreeOf) -> None:
    lines = "".join(f"\n  {'x' * (n + 1)}: {n}-{n + 1}" for n in range(150))
    text = explanation(tree_of(f"flights: 0-1000{lines}\n  quick: 500-500 KeyError" + "\n  quick: 500-500" * 9))
    assert any("quick ×10  1 FAILED KeyError" in line for line in section(text, 1))


def test_names_that_differ_only_in_numbers_are_gathered_when_there_are_too_many(
    synthetic: Callable[[int, str], SpanTable],
) -> None:
    tree = SpanTree(synthetic(1_001, "names"))
    text = explanation(tree)
    assert "└─ read # ×1,000  mean 1.3 µs  max 2.0 µs" in text
    assert section(text, 2)[1].split()[:3] == ["read", "#", "1,000"]
    assert "read # ×1,000" in section(text, 3)[2]


def test_a_deep_tree_gives_its_depth_as_a_number(synthetic: Callable[[int, str], SpanTable]) -> None:
    text = explanation(SpanTree(synthetic(50, "deep")), screen=Screen(width=60))
    assert section(text, 1)[-1].startswith("…49 ")
    assert max(map(len, text.splitlines())) <= 60


@given(data=st.data(), width=st.integers(60, 160))
def test_no_line_is_wider_than_the_screen_and_there_are_not_too_many(
    data: st.DataObject, any_table: st.SearchStrategy[SpanTable], width: int
) -> None:
    table = data.draw(any_table)
    table.names = [
        data.draw(st.sampled_from(["a", "表" * 50, "e\u0301" * 90, "\x1b[2J\r\n", "x" * 500])) for _ in table.names
    ]
    lines = explanation(SpanTree(table), screen=Screen(width=width)).splitlines()
    assert max(map(columns, lines)) <= width
    assert len(lines) < 140


def test_a_narrow_screen_gets_fewer_columns(tree_of: TreeOf) -> None:
    text = explanation(tree_of(PIPELINE), screen=Screen(width=60))
    assert section(text, 1)[0].split() == ["Trace", "duration", "self", "share"]
    assert section(text, 2)[0].split() == ["Hottest", "operations", "count", "self", "time", "share", "max"]


def test_long_names_are_cut_and_their_marks_kept(tree_of: TreeOf) -> None:
    text = explanation(tree_of(f"flights: 0-100\n  {'long ' * 40}: 0-50 KeyError"))
    (line,) = [line for line in section(text, 1) if "long" in line]
    assert "long l…  FAILED KeyError   +0 s " in line
    assert len(line) <= 100


def test_names_cannot_move_the_cursor_break_lines_or_turn_the_text_around(tree_of: TreeOf) -> None:
    tree = tree_of("flights: 0-100\n  a: 0-50")
    tree.table.names[1] = "a\x1b[31mred\r\nb\u202egnp\x07\ud800"
    tree.table.execution.name = "flights\x1b]0;title\x07"
    tree.table.execution.tags = {"k\n": "\x1b[2J"}
    text = explanation(tree, screen=Screen(width=140))
    assert r"└─ a\x1b[31mred\r\nb\u202egnp\x07\ud800" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert r"Tags       k\n=\x1b[2J" in text


def test_a_stream_of_ascii_gets_ascii(tree_of: TreeOf) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    tree = tree_of("flights: 0-100" + "\n  größe: 0-10" * 4)
    stream.write(explanation(tree, screen=Screen.of(stream)))
    text = raw.getvalue().decode("ascii")
    assert r"`- gr\xf6\xdfe x4  mean 10.0 ms  max 10.0 ms" in text
    assert "---" in text


def test_colours_mark_what_failed_and_what_is_open_where_they_are_welcome(tree_of: TreeOf) -> None:
    tree = tree_of("flights: 0-100\n  a: 0-50 KeyError\n  b: 50-100 open")
    text = explanation(tree, screen=Screen(colour=True))
    assert "\x1b[31m├─ a  FAILED KeyError" in text
    assert "\x1b[33m└─ b  still open" in text
    plain = explanation(tree, screen=Screen())
    assert re.sub(r"\x1b\[\d+m", "", text) == plain


def test_explain_prints_to_standard_output(
    trace_of: Callable[..., ExecutionSpan], capsys: pytest.CaptureFixture[str]
) -> None:
    trace = trace_of(PIPELINE)
    trace.explain()
    out = io.StringIO()
    trace.explain(out)
    assert capsys.readouterr().out == out.getvalue()
    assert out.getvalue().startswith("flights\n")


def test_explain_writes_to_a_path(trace_of: Callable[..., ExecutionSpan], tmp_path: Path) -> None:
    trace_of(PIPELINE).explain(tmp_path / "text.txt")
    trace_of(PIPELINE).explain(os.fspath(tmp_path / "again.txt"))
    text = (tmp_path / "text.txt").read_text(encoding="utf-8")
    assert "└─ train" in text
    assert text == (tmp_path / "again.txt").read_text(encoding="utf-8")


def test_what_goes_on_after_the_end_counts_up_to_the_end_and_is_marked(tree_of: TreeOf) -> None:
    tree = tree_of("""
flights: 0-100
  upload: 50-1050
    part: 60-560
    part: 560-1040
  many: 10-20
  many: 90-200
  many: 95-400
  many: 96-97
  late: 300-400
""")
    text = explanation(tree, screen=Screen(width=120))
    assert [" ".join(line.rstrip("━╍ ").split()) for line in section(text, 1)] == [
        "Trace start duration self share",
        "flights +0 s 100 ms 40.0 ms 100 %",
        "├─ many ×4 until 300 ms after the end mean 106 ms max 305 ms +10.0 ms 426 ms 426 ms 26 %",
        "├─ upload until 950 ms after the end +50.0 ms 1.00 s 20.0 ms 50 %",
        "│ ├─ part until 460 ms after the end +60.0 ms 500 ms 500 ms 40 %",
        "│ └─ part until 940 ms after the end +560 ms 480 ms 480 ms 0 %",
        "└─ late until 300 ms after the end +300 ms 100 ms 100 ms 0 %",
    ]
    assert [" ".join(line.split()) for line in section(text, 2)] == [
        "Hottest operations count self time share mean max",
        "flights 1 40.0 ms 40 % 40.0 ms 40.0 ms",
        "part 2 40.0 ms 40 % 20.0 ms 40.0 ms",
        "many 4 26.0 ms 26 % 6.5 ms 10.0 ms",
        "upload 1 10.0 ms 10 % 10.0 ms 10.0 ms",
        "late 1 0 s 0 % 0 s 0 s",
    ]
    upload = explanation(tree, 1)
    assert "after the end" not in upload


def test_what_runs_beyond_the_last_sign_of_life_of_a_running_execution_is_not_after_its_end(tree_of: TreeOf) -> None:
    assert "after the end" not in explanation(tree_of("flights: 0-100\n  load: 10-500 open", status="running"))


def test_what_obs_did_after_the_end_is_no_share_of_the_time(tree_of: TreeOf) -> None:
    tree = tree_of("""
flights: 0-100
  obs: before: -20-0 obs
  obs: draw: 90-110 obs
  obs: decks: 110-510 obs
""")
    assert " ".join(" ".join(section(explanation(tree), 0)[5:]).split()) == (
        "obs itself 440 ms in 3 steps: 10.0 ms (10 %) included in the time of the span around each, 430 ms before the"
        " start or after the end"
    )
    late = explanation(tree_of("flights: 0-100\n  obs: decks: 110-510 obs"))
    assert "obs itself 400 ms before the start or after the end, in 1 step" in late


def test_threads_that_run_at_once_take_a_multiple_of_the_time_and_no_share(tree_of: TreeOf) -> None:
    tree = tree_of("flights: 0-100\n" + "".join(f"  part: {n}-100\n    obs: draw: {n}-100 obs\n" for n in range(5)))
    text = explanation(tree, screen=Screen(width=120))
    assert [" ".join(line.rstrip("━╍ ").split()) for line in section(text, 1)][2] == (
        "└─ part ×5 mean 98.0 ms max 100 ms +0 s 490 ms 0 s 4.9 times"
    )
    assert "obs itself 490 ms (4.9 times) in 5 steps" in text
    assert max(int(found) for found in re.findall(r"(\d+) %", text)) <= 100
