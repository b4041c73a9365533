"""The page as text; what a browser makes of it is in test_page_in_browser.py."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from obs_core import report
from obs_core.model import DeckView, ExecutionView, Status, TaskView
from obs_core.report import render_notebook, render_report
from obs_core.report.shared import extract

HOSTILE = "</script></title><img src=x onerror=alert(1)>\u2028\u2029&\"'{{title}}{{page}}"


def nothing(digest: str) -> None:
    return None


def execution(name: str = "flights", status: Status = "succeeded") -> ExecutionView:
    return ExecutionView(id="20261122-234237", name=name, status=status, started=0, duration=0)


def task(name: str = "clean", *decks: DeckView, **given: Any) -> TaskView:
    fields = {"id": "a.1", "status": "succeeded", "started": 0, "duration": 0, **given}
    return TaskView(name=name, decks=list(decks), **fields)


class Reader(HTMLParser):
    """Gathers what a page holds as a browser would see it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.title = ""
        self.scripts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._inside = f"script {dict(attrs).get('id')}" if tag == "script" else tag

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside.startswith("script "):
            self.scripts[self._inside.removeprefix("script ")] = data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    @property
    def contents(self) -> Any:
        return json.loads(self.scripts["obs-contents"])


def test_a_single_task_fills_the_page() -> None:
    reader = Reader(render_report(execution(), [task()], nothing))
    assert reader.contents["layout"] == "task"
    assert reader.title == "clean · succeeded · flights"


def test_several_tasks_are_a_list() -> None:
    reader = Reader(render_report(execution(status="failed"), [task(), task("fit", id="a.2")], nothing))
    assert reader.contents["layout"] == "list"
    assert [each["name"] for each in reader.contents["tasks"]] == ["clean", "fit"]
    assert reader.title == "flights · failed"


@pytest.mark.parametrize("tasks", [[], [task()]])
def test_an_overview_makes_a_list_of_any_number_of_tasks(tasks: list[TaskView]) -> None:
    contents = Reader(render_report(execution(), tasks, nothing, overview="<p>All</p>")).contents
    assert contents["layout"] == "list"
    assert contents["overview"].startswith("deck-")


def test_no_name_reaches_the_page_as_html() -> None:
    plain = Reader(render_report(execution(), [task("clean", DeckView("d", ["<p>"]))], nothing))
    shown = task(HOSTILE, DeckView(HOSTILE, ["<p>"]), error=HOSTILE, notes=[HOSTILE], id=HOSTILE)
    hostile = Reader(render_report(execution(HOSTILE), [shown], nothing))
    assert hostile.tags == plain.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in plain.attributes]
    assert hostile.contents["tasks"][0]["tabs"][0][0] == HOSTILE


def test_a_hostile_name_in_a_notebook_stays_in_its_attributes() -> None:
    reader = Reader(render_notebook(HOSTILE, ["<p>"], nothing))
    assert reader.tags == ["iframe", "script", "noscript", "style", "p"]
    assert dict(reader.attributes)["title"] == HOSTILE


def still(*items: str) -> str:
    """What a notebook shows of a deck where scripts are off."""
    _, _, shown = render_notebook("Quality", list(items), nothing).rpartition("</style>")
    return shown.removesuffix("\n").removesuffix("</noscript>")


def test_where_scripts_are_off_a_notebook_says_what_needs_them() -> None:
    chart = "<div class=chart><style>p { color: red }</style><script>draw()</script><div></div></div>"
    assert "scripts are off here" in still(chart)
    assert "scripts are off here" not in still("<div></div>")
    for shown in ("<table><td>3</td></table>", '<img src="data:,">', "<svg><rect/></svg>"):
        assert still(f"<script>1</script>{shown}") == shown


def test_any_name_can_be_written_as_utf_8() -> None:
    shown = task("a\ud800b\0", DeckView("\udfff", ["\ud800"]))
    page = render_report(execution("\ud800"), [shown], nothing).encode()
    assert b"a?b\xef\xbf\xbd" in page


def test_a_large_shared_script_stands_in_the_page_once() -> None:
    library = "".join(f"function f{number}() {{ return {number * 7919} }}\n" for number in range(20_000))
    item, bodies = extract(f"<script>{library}</script>")
    decks = [DeckView(f"chart {number}", [item + f"<p>{number}</p>"]) for number in range(20)]
    one = len(render_report(execution(), [task("clean", decks[0])], bodies.get))
    twenty = len(render_report(execution(), [task("clean", *decks)], bodies.get))
    assert one > 100_000
    assert twenty - one < 20 * 400


def test_a_large_script_of_the_overview_is_shared_with_the_decks() -> None:
    library = "draw();" * 1000
    item, bodies = extract(f"<script>{library}</script>")
    page = render_report(
        execution(), [task("clean", DeckView("d", [item]))], bodies.get, overview=f"<script>{library}</script>"
    )
    assert page.count('id="obs-shared-') == 1


def test_the_page_is_the_same_at_any_time() -> None:
    pages = {render_report(execution(), [task("clean", DeckView("d", ["<p>"]))], nothing) for _ in range(2)}
    assert len(pages) == 1


def test_the_page_names_no_address_of_the_network() -> None:
    page = render_report(execution(), [task("clean", DeckView("d", ["<p>"]))], nothing)
    addresses = set(re.findall(r"https?://[^\s'\"<>)]*", page))
    assert addresses == {"http://www.w3.org/2000/svg"}


def test_frames_never_get_the_origin_of_the_page() -> None:
    page = render_report(execution(), [task("clean", DeckView("d", ["<p>"]))], nothing)
    assert "allow-same-origin" not in page
    assert re.findall(r"\ballow-[\w-]+", page) == ["allow-scripts"]


def test_nothing_in_our_own_files_ends_the_element_that_holds_it() -> None:
    reader = Reader(render_report(execution(), [task()], nothing))
    style, script = json.loads(gzip.decompress(base64.b64decode(reader.scripts["obs-frame"])))
    assert style.endswith("}\n")
    assert script.endswith("})();\n")
    assert reader.scripts["None"].endswith("})();\n")


def test_the_page_carries_no_comments_and_no_indentation() -> None:
    page = render_report(execution(), [task()], nothing)
    frame = gzip.decompress(base64.b64decode(Reader(page).scripts["obs-frame"])).decode()
    beginnings = [line[:2] for line in re.split(r"\n|\\n", Reader(page).scripts["None"] + frame)]
    assert {"//", "/*", "  "}.isdisjoint(beginnings)
    assert len(page) < 90_000


def test_no_script_of_the_page_has_a_text_of_several_lines() -> None:
    # Its indentation would be a part of it, and the page leaves indentation out.
    folder = Path(report.__file__).parent
    for script in folder.glob("*.js"):
        code = re.sub(r"^\s*//.*$", "", script.read_text(), flags=re.MULTILINE)
        assert not [text for text in code.split("`")[1::2] if "\n" in text], script.name


def test_the_page_says_without_javascript_what_came_of_the_task() -> None:
    page = render_report(execution(), [task(status="failed", error="ValueError: <x>")], nothing)
    assert "<h2>clean · failed · flights: ValueError: &lt;x&gt;</h2>" in page


def test_importing_the_report_loads_next_to_nothing() -> None:
    """Beyond the records it shows and the hash and compression that every store needs."""
    code = """
import sys
import datetime, functools, hashlib, zlib, obs_core.model
before = set(sys.modules)
import obs_core.report
print(*set(sys.modules) - before)
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {name for name in loaded.stdout.split() if not name.startswith("obs_core.")}
    assert others <= {"binascii"}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("background", ["bg", "surface", "accent-soft"])
@pytest.mark.parametrize("text", ["fg", "muted", "accent", "good", "warn", "bad"])
def test_text_can_be_read_in_both_themes(text: str, background: str) -> None:
    """WCAG 2.2, level AA: a contrast of 4.5 for text."""
    page = render_report(execution(), [task()], nothing)
    for colours in page.split("<style")[1].split("@media"):
        theme = dict(re.findall(r"--obs-([\w-]+): (#\w{6})", colours))
        assert contrast(theme[text], theme[background]) >= 4.5
