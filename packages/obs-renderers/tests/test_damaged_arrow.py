"""Damaged data of Arrow is told to be so wherever it is looked at: nothing that obs does to it ends the process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from obs_core.rendering import bounded_repr
from obs_core.testing.damaged_arrow import damaged_columns
from obs_core.text.arrow_damage import damage_of
from obs_renderers import TableRenderer, TopFrameRenderer

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

SHAPES = """
import faulthandler, sys, warnings
import pandas as pd
import pyarrow as pa
from obs_core import task
from obs_core.rendering import bounded_repr, render
from obs_core.testing.damaged_arrow import damaged_columns

faulthandler.enable()
warnings.simplefilter("ignore")

def shapes(column):
    yield from (column, pa.chunked_array([column, column]), {"nested": [column]})
    try:
        table = pa.table({"a": column})
    except pa.ArrowInvalid:
        pass
    else:
        yield from (table, table.to_batches()[0], {"nested": (table,)})
    held = pd.arrays.ArrowExtensionArray(pa.chunked_array([column]))
    yield from (pd.DataFrame({"a": held}), pd.Series(held))
    if str(column.type) == "large_string":
        texts = pd.array(["a"], dtype=pd.StringDtype("pyarrow"))
        texts = type(texts)(pa.chunked_array([column]))
        yield from (pd.DataFrame({"a": texts}), pd.Series(0, index=pd.Index(texts)))

def each():
    for name, column in damaged_columns().items():
        if len(column) < 10 ** 7:
            for value in shapes(column):
                print(name, type(value).__name__, file=sys.stderr, flush=True)
                yield value
        else:
            yield from (column, pa.chunked_array([column, column]), {"nested": [column]})
"""

DRAWN = """
from obs_renderers import FrameProfilingRenderer, TableRenderer, TopFrameRenderer

for value in each():
    bounded_repr(value)
    render(value)
    for renderer in (TopFrameRenderer(), TableRenderer(50), FrameProfilingRenderer(max_rows=50)):
        render(value, renderer)
print("survived")
"""

ARGUMENTS = """
@task
def looks_at(data):
    return data

for value in each():
    looks_at(value)
print("survived")
"""


@pytest.mark.parametrize("program", [DRAWN, ARGUMENTS], ids=["drawn", "as arguments"])
def test_what_is_damaged_ends_no_process(program: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(SHAPES + program)
    surroundings = {**os.environ, "OBS_STORE": str(tmp_path / "store"), "OBS_STRICT": "0"}
    done = subprocess.run([sys.executable, script], env=surroundings, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("survived\n", 0), done.stderr[-3_000:]


def test_all_that_is_damaged_is_found_and_nothing_else() -> None:
    columns = damaged_columns()
    undecodable = columns.pop("utf8")
    assert [name for name, column in columns.items() if not damage_of(column)] == []
    assert damage_of(undecodable) == damage_of(pa.array([["a"], [], None])) == damage_of(pa.array([])) == ""


def test_rows_beside_a_damaged_one_are_shown() -> None:
    table = pa.table({"origin": damaged_columns()["a text beyond the data"], "delay": range(6)})
    html = TopFrameRenderer().to_html(table)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    unreadable = "&lt;a value that cannot be read: DamagedDataError&gt;"
    assert cells == ["aa", "0", unreadable, "1", unreadable, "2", unreadable, "3", "ee", "4", "ff", "5"]
    assert "DamagedDataError" in TableRenderer().to_html(table)


def test_the_ends_of_a_table_are_shown_whatever_lies_between() -> None:
    good = pa.chunked_array([["EWR"] * 10])
    column = pa.chunked_array([*good.chunks, damaged_columns()["ends before it begins"], *good.chunks])
    html = TopFrameRenderer(max_rows=6).to_html(pa.table({"origin": column}))
    assert (html.count(">EWR<"), "cannot be read" in html) == (6, False)


def test_a_repr_says_that_data_is_damaged() -> None:
    told = bounded_repr({"data": damaged_columns()["a text beyond the data"]})
    assert "its repr raised DamagedDataError: data of Arrow is damaged: " in told
    sound = pa.array(["a"])
    assert bounded_repr(sound) == repr(sound)


def test_only_what_the_rows_hold_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    from obs_core.text import arrow_damage

    monkeypatch.setattr(arrow_damage, "_look_at_all", lambda array: looked.append(len(array)))
    texts = pa.array([str(number) for number in range(20_000)])
    lists = pa.ListArray.from_arrays(pa.array(range(0, 20_001, 2), pa.int32()), texts)
    for column in (texts, lists, pa.StructArray.from_arrays([texts], ["a"]), texts.dictionary_encode()):
        assert damage_of(column.slice(70, 10)) == ""
    assert looked == [10, 20, 10, *[1] * 10]
