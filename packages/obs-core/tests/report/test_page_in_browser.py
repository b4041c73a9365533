"""The page in a real browser, opened from disk with the network off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from obs_core.decks import DeckField
from obs_core.model import DeckView, ExecutionView, Link, LogLine, TaskView, Verdict, VerdictCounts
from obs_core.report import render_notebook, render_report, script_text
from obs_core.report.logs import render_log
from obs_core.report.shared import extract
from obs_core.testing.hostile import (
    FLOODS,
    GREEDY,
    HOSTILE_NAVIGATIONS,
    HOSTILE_REQUESTS,
    LIES,
    LOOPS,
    REACHES,
    Listener,
)
from obs_core.testing.hostile import WHOLE_DOCUMENT as WHOLE
from obs_core.text.durations import format_duration, moment_html
from obs_core.values.gantt import colour_number

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytestmark = pytest.mark.browser

STARTED = 1_795_390_957_417_000_000
HOSTILE = [
    "</script><img src=x onerror='window.hit=1'>",
    '"><svg onload=window.hit=1>',
    "'-window.hit-'",
    "x" * 2000,
    "\u202egnp.exe \u2066rtl",
    "line\nbreak\ttab",
    "nul\0nul",
    "lone\ud800",
    "<!--",
    "{{title}}${x}",
]

bodies: dict[str, str] = {}


def deck(name: str, *items: str) -> DeckView:
    slim = []
    for item in items:
        text, found = extract(item)
        bodies.update(found)
        slim.append(text)
    return DeckView(name, slim)


def task(*decks: DeckView, name: str = "clean", **given: Any) -> TaskView:
    fields = {"id": "a.1", "status": "succeeded", "started": STARTED, "duration": 1_234_000_000, **given}
    return TaskView(name=name, decks=list(decks), **fields)


def execution(**given: Any) -> ExecutionView:
    fields = {"id": "20261122-234237-k3v9xq", "name": "flights", "status": "succeeded", **given}
    return ExecutionView(**{"started": STARTED, "duration": 5_000_000_000, **fields})


def report(*tasks: TaskView, run: ExecutionView | None = None, **options: Any) -> str:
    return render_report(run or execution(), list(tasks), bodies.get, **options)


@pytest.fixture
def show(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a page from disk; whatever its console complains about fails the test, unless it is expected."""
    if "pdfium" in request.fixturenames:
        browser = request.getfixturevalue("whole_browser")
    complaints: list[str] = []
    contexts = []

    def note_complaint(message: Any) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def shown(
        html: str, address: str = "", *, width: int = 1280, complains: bool = False, script: str = "", **options: Any
    ) -> Any:
        context = browser.new_context(offline=True, viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        if not complains:
            page.on("console", note_complaint)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri() + address)
        return page

    yield shown
    for context in contexts:
        context.close()
    assert complaints == []


def tab(page: Any, name: str) -> Any:
    return page.get_by_role("tab", name=name, exact=True)


def open_frame(page: Any) -> Any:
    return page.frame_locator(".task:not(.away) .panel:not(.away) > iframe")


# Where in a deck its HTML may stand: among other items, as a whole document, as a document among other items.
PLACES = [["{}"], [WHOLE], ["<p>above</p>", WHOLE]]
PLACES_IDS = ["items", "document", "inner"]


def put(items: list[str], html: str) -> list[str]:
    return [item.replace("{}", html) for item in items]


def innermost(page: Any, items: list[str]) -> Any:
    frame = open_frame(page)
    return frame.frame_locator("iframe.obs-document") if len(items) > 1 else frame


def frame_height(page: Any) -> Any:
    return page.locator(".task:not(.away) .panel:not(.away) > iframe").evaluate("frame => frame.offsetHeight")


def wait_for_height(page: Any, condition: str) -> None:
    page.wait_for_function(
        "condition => { const height = document.querySelector('.panel:not(.away) > iframe')?.offsetHeight;"
        " return height && new Function('height', `return ${condition}`)(height) }",
        arg=condition,
    )


def selected(page: Any) -> str:
    return str(page.locator("[role=tab][aria-selected=true]").inner_text())


def expect(locator: Any) -> Any:
    return sync_api.expect(locator)


# ---- What is shown


def test_a_report_shows_its_task_and_the_first_tab(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("Quality", "<h2>336,776 rows</h2>"), deck("Input", "<p>input</p>"))))
    expect(page.get_by_role("heading", name="clean")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Succeeded")
    expect(page.get_by_text("1.23 s")).to_be_visible()
    expect(page.get_by_text("20261122-234237-k3v9xq")).to_be_visible()
    expect(open_frame(page).get_by_role("heading", name="336,776 rows")).to_be_visible()
    assert page.get_by_role("tab").all_inner_texts() == ["Quality", "Input"]
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"


def test_a_failed_task_opens_its_error(show: Callable[..., Any]) -> None:
    failed = task(
        deck("Input", "<p>input</p>"),
        deck("Error", "<pre>Traceback</pre>"),
        status="failed",
        error="ValueError: no such airport: 'XYZ'",
        attempt=3,
        notes=["obs failed while rendering output o0"],
    )
    page = show(report(failed, run=execution(lost_records=12)))
    assert selected(page) == "Error"
    expect(page.locator(".badge")).to_have_text("Failed")
    expect(page.locator(".error")).to_have_text("ValueError: no such airport: 'XYZ'")
    expect(page.locator(".fact", has_text="Attempt")).to_contain_text("3")
    expect(page.locator(".note")).to_contain_text("obs failed while rendering output o0")
    expect(page.locator(".note")).to_contain_text("12 records of this execution could not be written")


def test_what_the_task_filled_opens_before_what_every_task_gets(show: Callable[..., Any]) -> None:
    of_every_task = [deck(field.value, f"<p>{field.value}</p>") for field in DeckField]
    assert selected(show(report(task(*of_every_task, deck("default", "<p>mine</p>"))))) == "Summary"
    assert selected(show(report(task(*of_every_task)))) == "Output"


def test_a_tab_is_marked_with_the_worst_that_its_checks_found(show: Callable[..., Any]) -> None:
    checked = deck("Validation", "<p>checks</p>")
    checked.verdicts = [Verdict("passed"), Verdict("failed", "2 checks <b>failed</b>"), Verdict("warned")]
    drifted = deck("Drift", "<p>drift</p>")
    drifted.verdicts = [Verdict("warned", "3 of 19 columns drifted")]
    page = show(report(task(checked, drifted, deck("Plain", "<p>nothing</p>"))))
    marks = page.get_by_role("tab").locator(".verdict")
    assert [mark.get_attribute("data-outcome") for mark in marks.all()] == ["failed", "warned"]
    assert page.get_by_role("tab").all_text_contents() == [
        "Validation, failed: 2 checks <b>failed</b>",
        "Drift, warning: 3 of 19 columns drifted",
        "Plain",
    ]


def test_on_a_phone_what_failed_is_told_whole(show: Callable[..., Any]) -> None:
    name, found = "Checks of the flights", "2 of 7 expectations failed: delay: missing ≤ 10 %, found 37.5 %; rows ≥ 1"
    told = task(verdicts=[Verdict("failed", name, found)])
    page = show(report(told), width=390)
    for text in (name, found):
        shown = page.locator(".chip bdi").filter(has_text=text)
        assert shown.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.locator(".chip").evaluate("one => one.getBoundingClientRect().right <= innerWidth")


def test_what_is_to_be_typed_is_shown_whole_and_copied_from_the_command_on(show: Callable[..., Any]) -> None:
    command = f"wandb sync /{'long/' * 60}run"
    told = task(deck("a", "1"), links=[Link("W&B run", f"offline; to send it, type: {command}")])
    page = show(report(told), width=390)
    code = page.locator(".told code")
    assert code.text_content().endswith(command)
    assert code.evaluate("one => one.closest('.told').scrollWidth <= one.closest('.told').clientWidth + 1")
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copiedText = text; return Promise.resolve(); }")
    page.get_by_role("button", name="Copy what W&B run says").click()
    assert page.evaluate("window.copiedText") == command


@pytest.mark.parametrize("name", ["read csv", "übung", "🛫 start", "", "x" * 500])
def test_a_name_has_one_colour_and_a_duration_one_text_wherever_they_are_written(
    show: Callable[..., Any], name: str
) -> None:
    page = show("<!doctype html>")
    both = f"{script_text('wording.js')}; return [colourNumber(name), times.map(formatDuration)]"
    times = [0, 417, 999, 1_000, 999_499, 999_500, 3_400_000, 99_949_999, 999_499_999, 999_500_000, 9_994_999_999]
    times += [
        9_995_000_000,
        59_949_999_999,
        59_950_000_000,
        3_599_499_999_999,
        3_600_000_000_000,
        10**14,
        10**17,
        -5_000,
    ]
    colour, texts = page.evaluate(f"([name, times]) => {{ {both} }}", [name, times])
    assert colour == colour_number(name)
    assert texts == [format_duration(ns) for ns in times]


def test_no_colour_of_what_succeeded_is_near_that_of_failure(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "1"))))
    hues = page.evaluate(
        "[...Array(12).keys()].map(at => `--obs-bar-${at + 1}`)"
        ".map(name => getComputedStyle(document.documentElement).getPropertyValue(name))"
        ".map(colour => Number(colour.match(/([\\d.]+)\\)$/)[1]))"
    )
    assert len(set(hues)) == 12
    assert all(75 < hue < 335 for hue in hues), "failure is red: 25 degrees in oklch"


def test_an_error_deck_of_a_task_that_succeeded_waits_for_its_turn(show: Callable[..., Any]) -> None:
    assert selected(show(report(task(deck("a", "1"), deck("Error", "2"))))) == "a"


def test_a_failed_task_without_an_error_deck_opens_its_first(show: Callable[..., Any]) -> None:
    assert selected(show(report(task(deck("a", "1"), deck("b", "2"), status="failed")))) == "a"


def test_a_task_without_decks_says_so(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("empty", " "), status="lost")))
    expect(page.locator(".empty")).to_have_text("This task filled no decks.")
    expect(page.locator(".note")).to_contain_text("It ended without saying so")
    expect(page.get_by_role("tab")).to_have_count(0)


def test_many_notes_are_folded(show: Callable[..., Any]) -> None:
    page = show(report(task(notes=[f"note {number}" for number in range(9)])))
    expect(page.get_by_text("note 3", exact=True)).to_be_visible()
    expect(page.get_by_text("note 4", exact=True)).to_be_hidden()
    page.get_by_text("5 more notes").click()
    expect(page.get_by_text("note 8", exact=True)).to_be_visible()


def test_only_web_addresses_become_links(show: Callable[..., Any]) -> None:
    links = [Link("W&B run", "https://wandb.ai/x"), Link("bad", "javascript:window.hit=1"), Link("file", "/etc/x")]
    page = show(report(task(links=links)))
    anchors = page.locator("a")
    expect(anchors).to_have_count(1)
    assert anchors.first.inner_text() == "W&B run"
    for name, value in (("href", "https://wandb.ai/x"), ("target", "_blank"), ("rel", "noopener noreferrer")):
        assert anchors.first.get_attribute(name) == value
    expect(page.get_by_text("javascript:window.hit=1")).to_be_visible()


def test_a_live_report_says_when_it_was_made_and_reloads_on_request(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<p>step 1</p>"), status="running"), live=True))
    note = page.locator(".live")
    expect(note).to_contain_text("Still running. This is how it stood on")
    stood = note.locator("time").get_attribute("datetime")
    assert stood == "2026-11-22T23:42:38.651Z"
    file = Path(page.url.removeprefix("file://"))
    file.write_text(report(task(deck("a", "<p>step 2</p>"))), encoding="utf-8")
    page.get_by_role("button", name="Reload").click()
    expect(open_frame(page).get_by_text("step 2")).to_be_visible()
    expect(page.locator(".live")).to_have_count(0)


def test_the_id_of_the_execution_can_be_copied(show: Callable[..., Any]) -> None:
    page = show(report(task()), script="navigator.clipboard.writeText = async text => { window.copied = text }")
    page.get_by_role("button", name="Copy the execution's id").click()
    assert page.evaluate("window.copied") == "20261122-234237-k3v9xq"


# ---- Tabs


def test_the_keyboard_moves_between_tabs(show: Callable[..., Any]) -> None:
    page = show(report(task(*[deck(name, f"<p>{name}</p>") for name in ("a", "b", "c")])))
    tab(page, "a").focus()
    for key, now in (
        ("ArrowRight", "b"),
        ("ArrowRight", "c"),
        ("ArrowRight", "a"),
        ("ArrowLeft", "c"),
        ("Home", "a"),
        ("End", "c"),
    ):
        page.keyboard.press(key)
        assert selected(page) == now
        assert page.evaluate("document.activeElement.innerText") == now
    expect(open_frame(page).get_by_text("c")).to_be_visible()


def test_tabs_tell_assistive_technology_what_they_are(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "1"), deck("b", "2"))))
    expect(page.get_by_role("tablist", name="Decks of clean")).to_be_visible()
    assert [each.get_attribute("tabindex") for each in page.get_by_role("tab").all()] == ["0", "-1"]
    panel = page.locator(f"#{tab(page, 'b').get_attribute('aria-controls')}")
    assert panel.get_attribute("role") == "tabpanel"
    assert panel.get_attribute("aria-labelledby") == tab(page, "b").get_attribute("id")
    expect(page.get_by_role("tabpanel", name="a")).to_be_visible()
    expect(panel).to_be_hidden()


def test_the_address_names_the_open_tab(show: Callable[..., Any]) -> None:
    decks = [deck("a", "<p>1</p>"), deck("Source & Code", "<p>2</p>"), deck("a", "<p>3</p>")]
    page = show(report(task(*decks)), "#deck=Source%20%26%20Code")
    assert selected(page) == "Source & Code"
    tab(page, "a (2)").click()
    expect(open_frame(page).get_by_text("3")).to_be_visible()
    page.reload()
    assert selected(page) == "a (2)"
    page.evaluate("location.hash = '#deck=a'")
    expect(open_frame(page).get_by_text("1")).to_be_visible()


def test_an_address_that_names_no_tab_opens_the_first(show: Callable[..., Any]) -> None:
    assert selected(show(report(task(deck("a", "1"), deck("b", "2"))), "#deck=gone&%%")) == "a"


def test_a_tab_is_drawn_once_when_it_is_first_opened(show: Callable[..., Any]) -> None:
    drawing = "<p id=drawn></p><script>drawn.innerText = `${innerWidth} wide, ${Math.random()}`</script>"
    page = show(report(task(deck("a", "<p>first</p>"), deck("b", drawing))))
    expect(open_frame(page).get_by_text("first")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(1)
    tab(page, "b").click()
    drawn = open_frame(page).locator("#drawn")
    expect(drawn).to_contain_text("12")
    before = drawn.inner_text()
    assert int(before.split()[0]) > 1200
    tab(page, "a").click()
    expect(open_frame(page).get_by_text("first")).to_be_visible()
    # Hidden, it keeps its width: what draws itself anew when the theme changes needs it.
    assert page.frames[2].evaluate("innerWidth") > 1200
    tab(page, "b").click()
    assert drawn.inner_text() == before


def test_a_tab_chosen_from_far_below_starts_at_its_top(show: Callable[..., Any]) -> None:
    tall = "<p>top</p><div style='height:5000px'></div><p>bottom</p>"
    page = show(report(task(deck("a", tall), deck("b", tall))))
    expect(open_frame(page).get_by_text("bottom")).to_be_attached()
    wait_for_height(page, "height > 5000")
    page.evaluate("scrollTo(0, 4000)")
    expect(tab(page, "b")).to_be_in_viewport()
    tab(page, "b").click()
    expect(open_frame(page).get_by_text("top")).to_be_in_viewport()


def test_thirty_tabs_can_all_be_reached(show: Callable[..., Any]) -> None:
    decks = [deck(f"Deck number {number}", f"<p>content {number}</p>") for number in range(30)]
    page = show(report(task(*decks)), "#deck=Deck+number+29", width=360)
    expect(tab(page, "Deck number 29")).to_be_in_viewport(ratio=1)
    expect(tab(page, "Deck number 0")).not_to_be_in_viewport()
    page.get_by_role("combobox", name="All decks").select_option("Deck number 15")
    expect(tab(page, "Deck number 15")).to_be_in_viewport(ratio=1)
    expect(open_frame(page).get_by_text("content 15")).to_be_visible()


def test_two_tabs_need_no_list_of_tabs(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "1"), deck("b", "2"))))
    expect(page.get_by_role("combobox")).to_be_hidden()


# ---- Frames


def test_a_frame_is_as_high_as_its_content(show: Callable[..., Any]) -> None:
    growing = (
        "<button onclick='box.style.height=`2000px`'>more</button>"
        "<button onclick='box.style.height=`10px`'>less</button><div id=box style='height:10px'></div>"
    )
    page = show(report(task(deck("a", growing))))
    wait_for_height(page, "height > 50 && height < 200")
    open_frame(page).get_by_text("more").click()
    wait_for_height(page, "height > 2000 && height < 2200")
    open_frame(page).get_by_text("less").click()
    wait_for_height(page, "height < 200")


def test_what_opens_itself_slowly_is_shown_whole(show: Callable[..., Any]) -> None:
    moving = (
        "<style>#box { height: 10px; transition: height .3s } .wide #box { height: 1500px }</style><div id=box></div>"
        "<button onclick='document.body.className = `wide`'>more</button>"
    )
    page = show(report(task(deck("a", moving))))
    open_frame(page).get_by_text("more").click()
    wait_for_height(page, "height > 1500")


@pytest.mark.parametrize("screens", [100, 250])
def test_content_measured_in_screens_does_not_grow_for_ever(show: Callable[..., Any], screens: int) -> None:
    page = show(report(task(deck("a", f"<div style='height: {screens}vh'>tall</div>"))))
    expect(open_frame(page).get_by_text("tall")).to_be_visible()
    heights = [0]
    while len(set(heights[-3:])) > 1 or len(heights) < 6:  # a busy machine takes longer to come to rest
        page.wait_for_timeout(300)
        heights.append(frame_height(page))
        assert heights[-1] < 8000


def test_a_whole_document_gets_a_screen_of_its_own(show: Callable[..., Any]) -> None:
    filling = WHOLE.format("<div id=box style='position:absolute;inset:0'>filled</div>")
    page = show(report(task(deck("a", filling))))
    expect(open_frame(page).get_by_text("filled")).to_be_visible()
    assert frame_height(page) == 756
    assert open_frame(page).locator("#box").evaluate("box => box.offsetHeight") == 756
    assert page.frames[1].title() == "Whole"
    assert page.frames[1].evaluate("document.compatMode") == "CSS1Compat"


@pytest.mark.parametrize(
    "start",
    [
        "<!DOCTYPE html><html lang='de'><head>",
        "\ufeff\n<!-- made by x --><!doctype HTML>\n<html data-x='a > b'>\n<head>",
        "<html><head>",
        "<!doctype html><title>no head</title>",
    ],
)
def test_a_document_is_recognized_however_it_starts(show: Callable[..., Any], start: str) -> None:
    asks = "<script>localStorage.x = 'kept'</script></head><body><script>document.write(localStorage.x)</script>"
    page = show(report(task(deck("a", f"{start}{asks}"))))
    expect(page.locator("iframe.whole")).to_have_count(1)
    expect(open_frame(page).locator("body")).to_have_text("kept")


def test_documents_among_other_items_get_frames_of_their_own(show: Callable[..., Any]) -> None:
    tall = WHOLE.format("<style>p { color: rgb(255, 0, 0) }</style><p>inner</p><div style='height:1200px'></div>")
    page = show(report(task(deck("a", "<p>above</p>", tall, "<p>below</p>", WHOLE.format("<p>second</p>")))))
    frame = open_frame(page)
    expect(frame.frame_locator("iframe >> nth=0").get_by_text("inner")).to_be_visible()
    expect(frame.frame_locator("iframe >> nth=1").get_by_text("second")).to_be_visible()
    colour = "element => getComputedStyle(element).color"
    assert frame.get_by_text("above").evaluate(colour) == "rgb(27, 31, 36)"
    assert frame.frame_locator("iframe >> nth=0").get_by_text("inner").evaluate(colour) == "rgb(255, 0, 0)"
    wait_for_height(page, "height > 1350 && height < 1600")
    for sandbox in frame.locator("iframe").evaluate_all("frames => frames.map(frame => frame.sandbox.value)"):
        assert sandbox == "allow-scripts"


def test_a_document_among_other_items_has_its_width_when_it_is_drawn(show: Callable[..., Any]) -> None:
    drawing = WHOLE.format("<p id=drawn></p><script>drawn.innerText = innerWidth</script>")
    page = show(report(task(deck("a", *["<p>above</p>", drawing] * 5))))
    for number in range(5):
        drawn = open_frame(page).frame_locator(f"iframe >> nth={number}").locator("#drawn")
        expect(drawn).to_have_text(re.compile(r"1\d\d\d"))


def test_storage_lasts_as_long_as_the_frame(show: Callable[..., Any]) -> None:
    asks = """<p id=out></p><script>
    localStorage.setItem("a", 1); localStorage.b = 2; sessionStorage.clear(); document.cookie = "x=1";
    const seen = [localStorage.a, localStorage.getItem("b"), localStorage.getItem("c"), localStorage.length,
        Object.keys(localStorage), "b" in localStorage, delete localStorage.b, localStorage.b, localStorage.key(0),
        document.cookie, sessionStorage.length];
    out.innerText = JSON.stringify(seen);
    </script>"""
    page = show(report(task(deck("a", asks))))
    expect(open_frame(page).locator("#out")).to_have_text('["1","2",null,2,["a","b"],true,true,null,"a","",0]')


def test_a_library_that_says_so_is_run_once_in_a_tab(show: Callable[..., Any]) -> None:
    counting = "window.runs = (window.runs ?? 0) + 1; /*" + "x" * 5000 + "*/"
    item = "<script{}>" + counting + "</script><p>one</p>"
    whole = "<!doctype html><html><head>" + item.format(" data-obs-once") + "</head><body>whole</body></html>"
    once = [item.format(" data-obs-once")] * 3
    each_time = [item.format("")] * 3
    page = show(report(task(deck("Once", *once), deck("Each time", *each_time), deck("Wholes", whole, whole))))

    expect(open_frame(page).locator("p")).to_have_count(3)
    assert open_frame(page).locator("body").evaluate("() => window.runs") == 1
    tab(page, "Each time").click()
    expect(open_frame(page).locator("p")).to_have_count(3)
    assert open_frame(page).locator("body").evaluate("() => window.runs") == 3
    tab(page, "Wholes").click()
    for number in range(2):
        inner = open_frame(page).frame_locator("iframe.obs-document").nth(number)
        expect(inner.locator("body")).to_contain_text("whole")
        assert inner.locator("body").evaluate("() => window.runs") == 1


def test_a_large_script_is_run_in_each_tab_that_holds_it(show: Callable[..., Any]) -> None:
    library = "function draw(text) { document.body.append(text) }" + "/* obs:shared: */" * 30_000
    decks = [
        deck(f"chart {number}", f"<script>{library}</script><script>draw('chart {number} drawn')</script>")
        for number in range(5)
    ]
    html = report(task(*decks))
    assert html.count('id="obs-shared-') == 1
    page = show(html)
    for number in range(5):
        tab(page, f"chart {number}").click()
        expect(open_frame(page).get_by_text(f"chart {number} drawn")).to_be_visible()


def test_text_that_looks_like_a_reference_is_shown_as_it_is(show: Callable[..., Any]) -> None:
    text = f"obs:shared:{'0' * 32} and obs:shared:-"
    page = show(report(task(deck("a", f"<p>{text}</p>"))))
    expect(open_frame(page).locator("p")).to_have_text(text)


def test_a_script_that_was_not_kept_is_said_to_be_missing(show: Callable[..., Any]) -> None:
    items = [f"<script>obs:shared:{'1' * 32}</script><p>the rest</p>"]
    page = show(report(task(DeckView("a", items), deck("b", "<p>fine</p>"))))
    expect(page.locator(".panel:not(.away) .note")).to_have_text(
        "1 script or style that this deck needs was not kept, so parts of it may be missing."
    )
    expect(open_frame(page).get_by_text("the rest")).to_be_visible()


def test_a_damaged_tab_leaves_the_others_alone(show: Callable[..., Any]) -> None:
    html = report(task(deck("a", "<p>1</p>"), deck("b", "<p>2</p>")))
    page = show(re.sub(r'("application/gzip" id="obs-deck-\w+">).{20}', r"\1" + "A" * 20, html, count=1))
    expect(page.locator(".panel:not(.away) .note")).to_contain_text("This tab cannot be shown")
    tab(page, "b").click()
    expect(open_frame(page).get_by_text("2")).to_be_visible()


def test_html_that_is_cut_off_in_a_tab_stays_in_it(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<p>1</p><!-- <div title='"), deck("b", "</body></html></iframe><p>2</p>"))))
    expect(open_frame(page).get_by_text("1")).to_be_visible()
    tab(page, "b").click()
    expect(open_frame(page).get_by_text("2")).to_be_visible()


# ---- Theme

TELLS = """<p id=out></p><script>
const say = theme => { out.textContent += theme + " " };
say(document.documentElement.dataset.theme);
document.addEventListener("obs:theme", event => say(event.detail.theme));
</script>"""


def test_the_theme_follows_the_system_and_then_the_user(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<p>x</p>"))), color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{theme} === 'light'")
    page.get_by_role("button", name="Switch to the dark theme").click()
    for _ in range(20):  # a busy browser hands on what was kept a moment later, if a new process shows the page
        page.reload()
        if page.evaluate(theme) == "dark":
            break
    assert page.evaluate(theme) == "dark"
    page.get_by_role("button", name="Switch to the light theme").click()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{theme} === 'dark'")


def test_a_switch_of_the_theme_reaches_every_frame(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", TELLS, WHOLE.format(TELLS)), deck("b", WHOLE.format(TELLS)))))
    outer = open_frame(page)
    inner = outer.frame_locator("iframe")
    expect(inner.locator("#out")).to_have_text("light")
    tab(page, "b").click()
    expect(open_frame(page).locator("#out")).to_have_text("light")
    page.get_by_role("button", name="Switch to the dark theme").click()
    expect(open_frame(page).locator("#out")).to_have_text("light dark")
    tab(page, "a").click()
    expect(outer.locator("#out")).to_have_text("light dark")
    expect(inner.locator("#out")).to_have_text("light dark")
    assert outer.locator("html").evaluate("root => getComputedStyle(root).backgroundColor") == "rgb(16, 19, 23)"


def test_a_page_without_storage_has_themes_too(show: Callable[..., Any]) -> None:
    denied = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })"
    page = show(report(task()), script=denied)
    page.get_by_role("button", name="Switch to the dark theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


# ---- Links in a tab


@pytest.mark.parametrize("items", PLACES, ids=PLACES_IDS)
def test_a_link_in_a_tab_opens_a_window_when_the_reader_says_so(show: Callable[..., Any], items: list[str]) -> None:
    link = "<a href='https://user@example.org/x?y' target=_blank>out</a>"
    page = show(report(task(deck("a", *put(items, link)), deck("b", "<p>b</p>"))), complains=True)
    out = innermost(page, items).get_by_text("out")
    asked = page.get_by_role("group", name="This deck asks")
    out.click()
    expect(asked).to_contain_text("This deck wants to open example.org: https://user@example.org/x?y")
    asked.get_by_role("button", name="No").click()
    expect(asked).to_have_count(0)
    assert len(page.context.pages) == 1
    out.click()
    out.click()
    expect(asked).to_have_count(1)
    with page.expect_popup() as popup:
        asked.get_by_role("button", name="Open").click()
    assert popup.value.evaluate("window.opener") is None
    expect(out).to_be_visible()
    expect(asked).to_have_count(0)
    out.click()
    tab(page, "b").click()
    expect(asked).to_be_hidden()


@pytest.mark.parametrize("attributes", ["", "target=_blank"])
def test_a_middle_click_on_a_link_opens_nothing_unasked(
    show: Callable[..., Any], listener: Listener, attributes: str
) -> None:
    greedy = "<script>addEventListener('auxclick', (event) => event.stopImmediatePropagation(), true)</script>"
    link = f'<a href="{listener.address}/middle" {attributes}>there</a>{greedy}'
    page = show(report(task(deck("a", link))))
    open_frame(page).get_by_text("there").click(button="middle")
    expect(page.locator(".asked")).to_contain_text(f"{listener.address}/middle")
    assert len(page.context.pages) == 1
    assert listener.requests == []


def test_what_a_tab_asks_for_cannot_be_granted_the_moment_it_comes_up(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<a href='https://example.org'>out</a>"))))
    expect(open_frame(page).get_by_text("out")).to_be_visible()
    page.evaluate("window.setTimeout = () => 0")
    open_frame(page).get_by_text("out").click()
    expect(page.get_by_role("button", name="Open")).to_be_disabled()


def test_a_tab_cannot_lead_what_it_asks_for_under_the_pointer(show: Callable[..., Any]) -> None:
    html = """<a href="https://example.org/">out</a><div id=tall style="height:4000px"></div>
    <button style="position:fixed;top:40px" onclick="tall.remove()">shrink</button>"""
    page = show(report(task(deck("leads", html))))
    open_frame(page).get_by_text("out").click()
    asked = page.get_by_role("group", name="This deck asks")
    before = asked.bounding_box()
    open_frame(page).get_by_text("shrink").click()
    wait_for_height(page, "height < 1000")
    assert asked.bounding_box() == before


def test_a_tab_opens_no_window_over_others(show: Callable[..., Any]) -> None:
    html = """<p id=out></p><canvas id=drawn></canvas><video id=shown muted></video><script>
    drawn.getContext("2d").fillRect(0, 0, 9, 9)
    shown.srcObject = drawn.captureStream()
    const opens = () => shown.requestPictureInPicture().then(() => "opened", error => error.name)
    document.onclick = async () => { out.innerText = await opens() }
    shown.play().then(() => { out.innerText = "plays" })
    </script>"""
    page = show(report(task(deck("video", html))), complains=True)
    out = open_frame(page).locator("#out")
    expect(out).to_have_text("plays")
    out.click()
    expect(out).to_have_text("SecurityError")


def test_a_link_to_a_place_in_a_tab_scrolls_there_when_the_reader_says_so(show: Callable[..., Any]) -> None:
    far = "<a href='#far'>go</a><div style='height:3000px'></div><h2 id=far>Far</h2><div style='height:3000px'></div>"
    page = show(report(task(deck("a", far), deck("b", WHOLE.format(far)))))
    open_frame(page).get_by_text("go").click()
    page.get_by_role("button", name="Scroll there").click()
    expect(open_frame(page).get_by_text("Far")).to_be_in_viewport()
    assert page.evaluate("scrollY") > 2500
    page.evaluate("scrollTo(0, 0)")
    tab(page, "b").click()
    open_frame(page).get_by_text("go").click()
    expect(open_frame(page).get_by_text("Far")).to_be_in_viewport()
    assert page.evaluate("scrollY") < 500


SAVES = """<a id=data download="a.csv" href="data:text/csv,one%2Ctwo">data</a>
<button onclick="save()">blob</button><script>
const save = () => {
  const address = URL.createObjectURL(new Blob(["<b>three</b>"], { type: "text/html" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: "../b\u202e.html" });
  link.click();
  URL.revokeObjectURL(address);
};
</script>"""


@pytest.mark.parametrize("items", PLACES, ids=PLACES_IDS)
def test_a_tab_saves_a_file_when_the_reader_says_so(show: Callable[..., Any], items: list[str]) -> None:
    page = show(report(task(deck("a", *put(items, SAVES)))))
    inside = innermost(page, items)
    for label, name, content in (("data", "a.csv", "one,two"), ("blob", ".._b_.html", "<b>three</b>")):
        inside.get_by_text(label, exact=True).click()
        expect(page.get_by_role("group", name="This deck asks")).to_contain_text(f"wants to save a file: {name}, 1 kB")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save", exact=True).click()
        assert Path(download.value.path()).read_text() == content
        assert download.value.suggested_filename.endswith(name.strip("._"))


def test_the_way_back_stays_the_reader_s(show: Callable[..., Any], tmp_path: Path) -> None:
    moves = (
        "<p id=out></p><script>for (const step of [-1, -2]) history.go(step); history.back(); history.pushState(1, '');"
    )
    moves += "setTimeout(() => { out.innerText = 'moved' }, 300)</script>"
    page = show("<p>where the reader came from</p>")
    (tmp_path / "moves.html").write_text(report(task(deck("a", moves))))
    page.goto((tmp_path / "moves.html").as_uri())
    expect(open_frame(page).locator("#out")).to_have_text("moved")
    before = page.evaluate("history.length")
    page.wait_for_timeout(300)
    assert page.title() == "clean · succeeded · flights"
    assert page.evaluate("history.length") == before == 3
    page.go_back()
    expect(page.get_by_text("where the reader came from")).to_be_visible()


def test_a_relative_link_leads_the_tab_nowhere(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<a href='other.html'>other</a>"))))
    open_frame(page).get_by_text("other").click()
    expect(open_frame(page).get_by_text("other")).to_be_visible()


# ---- Hostile names and items


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("listed", [False, True])
def test_hostile_names_do_nothing_and_break_no_layout(show: Callable[..., Any], listed: bool, width: int) -> None:
    run = execution(
        id=HOSTILE[0], name=HOSTILE[3], user=HOSTILE[0], host=HOSTILE[3], command=HOSTILE[3], git_commit=HOSTILE[1]
    )
    run.tags = dict.fromkeys(HOSTILE, HOSTILE[0])
    tasks = [
        task(
            *[deck(each, "<p>content</p>") for each in HOSTILE],
            name=name,
            id=f"{name}{number}",
            links=[Link(each, each) for each in HOSTILE] + [Link(HOSTILE[3], f"https://x.y/{HOSTILE[3]}")],
            error=HOSTILE[0] + HOSTILE[3],
            notes=HOSTILE,
            status="failed",
        )
        for number, name in enumerate(HOSTILE if listed else HOSTILE[3:4])
    ]
    page = show(report(*tasks, run=run, overview="<p>content</p>" if listed else ""), width=width)
    if listed:
        expect(open_frame(page).get_by_text("content")).to_be_visible()
        page.evaluate("document.querySelectorAll('.side button')[1].click()")
    for number in range(len(HOSTILE)):
        page.evaluate(f"document.querySelectorAll('.task:not(.away) [role=tab]')[{number}].click()")
        expect(open_frame(page).get_by_text("content")).to_be_visible()
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main img, main svg[onload]").count() == 0


def test_a_tab_cannot_reach_the_page_or_another_tab(show: Callable[..., Any], listener: Listener) -> None:
    attack = REACHES.replace("API", f"{listener.address}/stolen")
    decks = [deck("victim", "<p>still here</p>"), deck("attack", attack), deck("document", WHOLE.format(attack))]
    page = show(report(task(*decks)), complains=True)
    dialogs: list[Any] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))
    expect(open_frame(page).get_by_text("still here")).to_be_visible()
    for name in ("attack", "document"):
        tab(page, name).click()
        expect(open_frame(page).locator("#out")).to_have_text("reached:")
    assert page.evaluate("window.hit") is None
    assert page.title() == "clean · succeeded · flights"
    assert dialogs == []
    assert listener.requests == []
    tab(page, "victim").click()
    expect(open_frame(page).get_by_text("still here")).to_be_visible()


@pytest.mark.parametrize("items", PLACES, ids=PLACES_IDS)
def test_a_tab_that_was_merely_opened_gets_nothing_though_it_takes_the_focus(
    show: Callable[..., Any], items: list[str]
) -> None:
    printed = "window.printed = 0; window.print = () => { window.printed += 1 }"
    page = show(
        report(task(deck("a", "<p>first</p>"), deck("greedy", *put(items, GREEDY)))), complains=True, script=printed
    )
    downloads: list[Any] = []
    page.on("download", lambda download: downloads.append(download))
    tab(page, "greedy").click()
    expect(innermost(page, items).locator("#out")).to_have_text("opened nothing")
    page.keyboard.press("Enter")  # the focus is not on what the page asks
    page.wait_for_timeout(700)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="clean")).to_be_in_viewport()
    assert len(page.context.pages) == 1
    assert page.evaluate("[window.printed, scrollY]") == [0, 0]
    assert downloads == []


def test_a_tab_that_nobody_touched_asks_nothing(show: Callable[..., Any], tmp_path: Path) -> None:
    done = "<script>fetch('data:,x').then(() => setTimeout(() => console.log('asked for all'), 500))</script>"
    (tmp_path / "greedy.html").write_text(report(task(deck("greedy", GREEDY + done))))
    page = show("<p>before</p>", complains=True)
    # Whatever playwright evaluates in a page counts there as the reader's click, so nothing is until all was asked for.
    with page.expect_console_message(lambda message: message.text == "asked for all"):
        page.goto((tmp_path / "greedy.html").as_uri())
    expect(page.locator(".asked")).to_have_count(0)
    expect(open_frame(page).locator("#out")).to_have_text("opened nothing")


def test_a_hidden_tab_does_not_keep_the_focus_that_it_takes(show: Callable[..., Any]) -> None:
    html = "<input id=field><p id=out>ready</p><script>setInterval(() => field.focus(), 20)</script>"
    page = show(report(task(deck("takes", html), deck("other", "<p>other</p>"))))
    expect(open_frame(page).locator("#out")).to_have_text("ready")
    tab(page, "other").click()
    expect(open_frame(page).get_by_text("other")).to_be_visible()
    expect(page.locator("iframe[title=takes]")).to_have_count(0)
    expect(tab(page, "other")).to_be_focused()
    tab(page, "takes").click()
    expect(page.get_by_text("It was closed because it took the focus while another tab was open.")).to_be_visible()


def test_lies_do_no_harm(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", LIES))))
    expect(open_frame(page).get_by_text("lies")).to_be_visible()
    wait_for_height(page, "height <= 500000")
    expect(page.get_by_role("heading", name="clean")).to_be_visible()


# ---- Tabs that never end


def test_a_tab_that_never_ends_can_be_closed_and_the_others_still_open(show: Callable[..., Any]) -> None:
    decks = [deck("fine", "<p>all is well</p>"), deck("loops", LOOPS), deck("also", "<p>here too</p>")]
    page = show(report(task(*decks)))
    expect(open_frame(page).get_by_text("all is well")).to_be_visible()
    tab(page, "loops").click()
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("It was closed because it did not answer.")).to_be_visible()
    assert page.locator("iframe").count() == 0
    for name, text in (("also", "here too"), ("fine", "all is well")):
        tab(page, name).click()
        expect(open_frame(page).get_by_text(text)).to_be_visible()
    tab(page, "loops").click()
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()


@pytest.mark.parametrize("way", ["location", "refresh"])
@pytest.mark.parametrize("kind", ["{}", WHOLE], ids=["items", "document"])
def test_a_tab_that_leads_its_frame_elsewhere_says_so(show: Callable[..., Any], way: str, kind: str) -> None:
    leaves = HOSTILE_NAVIGATIONS[way].format("http://127.0.0.1:9")
    page = show(report(task(deck("leaves", kind.format(leaves)), deck("fine", "<p>all is well</p>"))), complains=True)
    told = page.get_by_text("This deck has led its frame elsewhere: what is below is not what was recorded.")
    expect(told).to_be_visible()
    tab(page, "fine").click()
    expect(open_frame(page).get_by_text("all is well")).to_be_visible()
    expect(told).to_be_hidden()


def test_a_tab_that_led_its_frame_elsewhere_is_shown_again(show: Callable[..., Any]) -> None:
    leaves = "<p>as recorded</p><button onclick='location = \"http://127.0.0.1:9\"'>away</button>"
    page = show(report(task(deck("leaves", leaves))), complains=True)
    open_frame(page).get_by_role("button", name="away").click()
    page.get_by_role("button", name="Show it again").click()
    expect(open_frame(page).get_by_text("as recorded")).to_be_visible()
    expect(page.get_by_text("has led its frame elsewhere")).to_have_count(0)


FEW_AND_LARGE = """<script>
const large = "a".repeat(5e6)
setInterval(() => parent.postMessage({ obs: "open", url: large }, "*"), 50)
</script>"""


LARGE_INSIDE = """<script>
const large = { obs: "height", height: [{ more: "a".repeat(5e6) }] }
setInterval(() => parent.postMessage(large, "*"), 50)
</script>"""

OF_ANOTHER_KIND = """<script>
const large = new Map([[1, "a".repeat(5e6)]])
setInterval(() => parent.postMessage(large, "*"), 50)
</script>"""

BY_AN_INNER_FRAME = f"""<iframe srcdoc="{FLOODS.replace("parent", "top")}"></iframe>"""

# What a frame inside the deck has said is still on its way when that frame is gone.
BY_FRAMES_THAT_ARE_GONE = """<script>
const said = "<script>for (let n = 0; n < 5000; n++) top.postMessage(n, '*'); parent.postMessage(0, '*')<\\/script>"
onmessage = ({ source }) => [...document.querySelectorAll("iframe")].find(one => one.contentWindow === source)?.remove()
setInterval(() => document.body.append(Object.assign(document.createElement("iframe"), { srcdoc: said })), 50)
</script>"""

UNREADABLE = """<script>
const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))
setInterval(() => { for (let n = 0; n < 9000; n++) parent.postMessage(module, "*") }, 1)
</script>"""

ALL_FLOODS = {
    "many": FLOODS,
    "large": FEW_AND_LARGE,
    "large inside": LARGE_INSIDE,
    "of another kind": OF_ANOTHER_KIND,
    "by an inner frame": BY_AN_INNER_FRAME,
    "by frames that are gone": BY_FRAMES_THAT_ARE_GONE,
    "unreadable": UNREADABLE,
}


@pytest.mark.parametrize("floods", ALL_FLOODS.values(), ids=ALL_FLOODS)
def test_a_tab_that_floods_the_page_is_closed(show: Callable[..., Any], floods: str) -> None:
    page = show(report(task(deck("floods", floods), deck("fine", "<p>all is well</p>"))))
    closed = page.get_by_text("It was closed because it flooded this page with messages.")
    closed.wait_for()
    tab(page, "fine").click()
    expect(open_frame(page).get_by_text("all is well")).to_be_visible()
    tab(page, "floods").click()
    page.get_by_role("button", name="Open it again").click()
    closed.wait_for()


# ---- The network


@pytest.fixture
def listener() -> Iterator[Listener]:
    started = Listener()
    yield started
    started.close()


def test_the_attempts_would_reach_a_server(browser: Any, listener: Listener, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto("about:blank")
    file = tmp_path / "page.html"
    file.write_text("<!doctype html>" + "\n".join(HOSTILE_REQUESTS.values()).format(listener.address))
    page.goto(file.as_uri(), wait_until="commit")
    for name, html in HOSTILE_NAVIGATIONS.items():
        (tmp_path / f"{name}.html").write_text(html.format(listener.address))
        page.evaluate(
            "address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))",
            (tmp_path / f"{name}.html").as_uri(),
        )
    for _ in range(600):
        if {*HOSTILE_REQUESTS, *HOSTILE_NAVIGATIONS} <= set(listener.requests):
            break
        page.wait_for_timeout(100)
    page.close()
    assert {*HOSTILE_REQUESTS, *HOSTILE_NAVIGATIONS} - set(listener.requests) == set()


def test_no_tab_asks_the_network_for_anything(browser: Any, listener: Listener, tmp_path: Path) -> None:
    attempts = ["\n".join(HOSTILE_REQUESTS.values()), *HOSTILE_NAVIGATIONS.values()]
    pages = [html.format(listener.address) for html in attempts]
    decks = [deck(f"items {number}", html) for number, html in enumerate(pages)]
    decks += [deck(f"document {number}", WHOLE.format(html)) for number, html in enumerate(pages)]
    decks += [deck("documents", "<p>x</p>", *[WHOLE.format(html) for html in pages])]
    file = tmp_path / "page.html"
    file.write_text(report(task(*decks)))
    page = browser.new_page()
    page.goto(file.as_uri())
    for each in decks:
        tab(page, each.name).click()
        page.locator(".panel:not(.away)[data-opened]:not([aria-busy]) > iframe").wait_for()
    page.wait_for_timeout(1000)
    page.close()
    assert listener.requests == []


def test_a_tab_has_no_way_to_other_peers(show: Callable[..., Any]) -> None:
    asks = "<p id=out></p><script>out.innerText = typeof RTCPeerConnection</script>"
    page = show(report(task(deck("a", asks), deck("b", WHOLE.format(asks)))))
    expect(open_frame(page).locator("#out")).to_have_text("undefined")
    tab(page, "b").click()
    expect(open_frame(page).locator("#out")).to_have_text("undefined")


# ---- Several tasks


def several() -> list[TaskView]:
    return [
        task(deck("Output", "<p>loaded</p>"), name="load", id="a.1"),
        task(deck("Output", "<p>joined</p>"), deck("Input", "<p>in</p>"), name="join", id="a.2", parent="a.1"),
        task(deck("Error", "<p>trace</p>"), name="fit", id="a.3", status="failed", started=STARTED + 10),
    ]


def test_an_execution_lists_its_tasks_beside_the_overview(show: Callable[..., Any]) -> None:
    page = show(report(*several(), run=execution(status="failed"), overview="<p>all in all</p>"))
    expect(page.get_by_text("3, 1 failed")).to_be_visible()
    expect(open_frame(page).get_by_text("all in all")).to_be_visible()
    entries = page.get_by_role("navigation", name="Tasks").get_by_role("button")
    names = [" ".join(text.split()) for text in entries.all_inner_texts()]
    assert names == [
        "Overview",
        "load , Succeeded, 1.23 s",
        "join , Succeeded, 1.23 s",
        "fit , Failed, 1.23 s",
    ]
    entries.filter(has_text="join").click()
    expect(open_frame(page).get_by_text("joined")).to_be_visible()
    assert entries.filter(has_text="join").get_attribute("aria-current") == "page"
    assert entries.filter(has_text="Overview").get_attribute("aria-current") is None
    entries.filter(has_text="Overview").click()
    expect(open_frame(page).get_by_text("all in all")).to_be_visible()


def test_a_failure_that_its_caller_handled_is_amber_and_not_opened_first(show: Callable[..., Any]) -> None:
    fetched = task(
        deck("Error", "<p>no route</p>"), name="fetch", id="a.4", status="failed", parent="a.1", error="OSError: 1"
    )
    page = show(report(*several(), fetched, run=execution(status="failed"), handled={"a.4"}))
    expect(open_frame(page).get_by_text("trace")).to_be_visible()
    warn, bad = page.evaluate(
        """() => ["warn", "bad"].map((tone) => {
          const made = document.body.appendChild(document.createElement("i"));
          made.style.color = `var(--obs-${tone})`;
          return getComputedStyle(made).color;
        })"""
    )
    tasks = page.get_by_role("navigation", name="Tasks")
    expect(tasks.get_by_title("Failed", exact=True).locator(".icon")).to_have_css("color", bad)
    expect(tasks.get_by_title("Failed; handled by its caller").locator(".icon")).to_have_css("color", warn)
    tasks.get_by_role("button", name="fetch").click()
    expect(page.locator(".badge").get_by_text("Failed, handled")).to_have_css("color", warn)
    expect(page.locator(".error[data-handled] > .icon")).to_have_css("color", warn)


def test_a_report_of_one_task_opens_on_it(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<p>its own</p>")), overview="<p>all in all</p>"))
    expect(open_frame(page).get_by_text("its own")).to_be_visible()
    page.get_by_role("button", name="Overview").click()
    expect(open_frame(page).get_by_text("all in all")).to_be_visible()


def test_moments_in_what_it_says_are_of_the_reader_s_zone_as_all_others(show: Callable[..., Any]) -> None:
    why = "clean of flights failed at 2026-11-22 23:42:37.5 UTC. The last good run began 2026-11-21 23:42:37 UTC."
    page = show(report(run=execution(status="failed"), why=why), timezone_id="Asia/Tokyo", locale="en-US")
    expect(page.locator(".why").first).to_have_text(
        "clean of flights failed at Nov 23, 2026, 08:42:37 AM GMT+9. "
        "The last good run began Nov 22, 2026, 08:42:37 AM GMT+9."
    )
    expect(page.locator(".why time").first).to_have_attribute("datetime", "2026-11-22T23:42:37.500Z")


def test_a_moment_of_obs_in_a_tab_is_of_the_reader_s_zone_and_the_user_s_stays(show: Callable[..., Any]) -> None:
    data = "<table><td>2026-11-22 23:42:37</td><td><time datetime='2026-11-22T23:42:37Z'>half past</time></td></table>"
    decks = deck("Other", "<p>first</p>"), deck("Timeline", f"<p>from {moment_html(STARTED)}</p>{data}")
    page = show(report(task(*decks)), timezone_id="Asia/Tokyo", locale="en-US")
    frame = open_frame(page)
    # A process of frames that has just begun knows nothing yet of the zone that the test asks for.
    frame.get_by_text("first").wait_for()
    tab(page, "Timeline").click()
    expect(frame.locator("p")).to_have_text("from Nov 23, 2026, 08:42:37.417 AM GMT+9")
    expect(frame.locator("p time")).to_have_attribute("title", "2026-11-22 23:42:37.417 UTC")
    assert frame.locator("td").all_inner_texts() == ["2026-11-22 23:42:37", "half past"]


TURNED = "safe\u202egpj.exe \u2066rtl"
IN_ORDER = r"safe\u202egpj.exe \u2066rtl"


def test_no_name_turns_the_direction_of_what_follows_it(show: Callable[..., Any]) -> None:
    run = execution(name=f"run {TURNED}", tags={"tag": f"tagged {TURNED}"}, status="failed")
    said = Verdict("failed", f"check {TURNED}", f"found {TURNED}")
    one = task(
        deck(f"deck {TURNED}", "<p>content</p>"),
        name=f"task {TURNED}",
        status="failed",
        error=f"error {TURNED}",
        notes=[f"note {TURNED}"],
        links=[Link(f"link {TURNED}", "https://example.com/")],
        verdicts=[said],
    )
    page = show(report(one, run=run, why=f"It failed: {TURNED}"))
    expect(page).to_have_title(re.compile(re.escape(IN_ORDER)))
    for what in ("run", "task", "deck", "error", "note", "link", "check", "found", "It failed:"):
        expect(page.get_by_text(f"{what} {IN_ORDER}").first).to_be_attached()
    turning = (
        "[...document.querySelectorAll('body *:not(script)')].filter(one => /[\\u202a-\\u202e\\u2066-\\u2069]/.test("
        "one.title + one.ariaLabel + [...one.childNodes].map(child => child.nodeType === 3 ? child.data : '')))"
    )
    assert page.evaluate(f"{turning}.map(one => one.outerHTML)") == []


def test_a_line_of_the_log_is_shown_in_the_order_in_which_it_was_said(show: Callable[..., Any]) -> None:
    page = show(report(logs(line(TURNED), line(f"{TURNED} שלום", "ERROR", logger=TURNED, exception=TURNED))))
    rows = [IN_ORDER, f"{IN_ORDER}: {IN_ORDER} שלום", IN_ORDER]
    expect(open_frame(page).locator(".row .text")).to_have_text(rows, use_inner_text=True)


@pytest.mark.parametrize("width", [390, 1300])
def test_long_lines_of_a_log_scroll_by_themselves(show: Callable[..., Any], width: int) -> None:
    page = show(report(logs(line("x" * 3_000, "ERROR"), line("short"))), width=width)
    frame = open_frame(page)
    expect(frame.locator(".row .text").last).to_have_text("short")
    assert frame.locator("html").evaluate("root => root.scrollWidth <= root.clientWidth")
    assert frame.locator(".lines").evaluate("lines => lines.scrollWidth > lines.clientWidth")


def test_the_only_task_tells_what_ended_the_execution_and_one_of_several_does_not(show: Callable[..., Any]) -> None:
    killed = task(deck("a", "<p>its own</p>"), status="lost")
    run, why = execution(status="lost"), "clean ended without saying so: a signal killed it."
    page = show(report(killed, run=run, overview="<p>all in all</p>", why=why))
    expect(page.locator(".task:not(.away) .why")).to_contain_text(why)
    other = task(deck("b", "<p>other</p>"), name="other", id="a.2")
    page = show(report(killed, other, run=run, overview="<p>all in all</p>", why=why), "#task=a.2")
    expect(open_frame(page).get_by_text("other")).to_be_visible()
    expect(page.locator(".task:not(.away) .why")).to_have_count(0)


def test_on_a_phone_the_name_has_room_beside_status_and_checks(show: Callable[..., Any]) -> None:
    run = execution(verdicts=VerdictCounts(failed=2, said=[("failed", "rows", ""), ("failed", "drift", "")]))
    page = show(report(task(deck("a", "1")), run=run, overview="<p>all in all</p>"), width=390)
    expect(page.locator(".bar .verdict")).to_be_visible()
    assert page.locator(".bar strong").evaluate("name => [name.textContent, name.scrollWidth <= name.clientWidth]") == [
        "flights",
        True,
    ]


def test_what_was_recorded_outside_tasks_is_listed_and_not_counted(show: Callable[..., Any]) -> None:
    tasks = [task(name=name, id=f"a.{number}", is_execution=name == "night") for number, name in enumerate(NAMES)]
    page = show(report(*tasks, overview="<p>overview</p>"))
    assert page.get_by_role("navigation", name="Tasks").get_by_role("button").count() == 4
    assert page.locator(".fact", has=page.get_by_text("Tasks", exact=True)).locator("dd").inner_text() == "2"


NAMES = ("night", "load", "fit")


def test_an_execution_without_an_overview_opens_what_failed(show: Callable[..., Any]) -> None:
    page = show(report(*several(), run=execution(status="failed")))
    expect(page.get_by_role("heading", name="fit")).to_be_visible()
    expect(open_frame(page).get_by_text("trace")).to_be_visible()


def test_the_address_names_the_task_and_its_tab(show: Callable[..., Any]) -> None:
    page = show(report(*several(), overview="<p>all</p>"), "#task=a.2&deck=Input")
    expect(open_frame(page).get_by_text("in", exact=True)).to_be_visible()
    page.get_by_role("button", name="load").click()
    expect(open_frame(page).get_by_text("loaded")).to_be_visible()
    page.reload()
    expect(open_frame(page).get_by_text("loaded")).to_be_visible()


def test_many_tasks_can_be_filtered(show: Callable[..., Any]) -> None:
    tasks = [task(deck("a", f"<p>{number}</p>"), name=f"fit {number}", id=f"a.{number}") for number in range(40)]
    page = show(report(*tasks))
    page.get_by_role("searchbox", name="Filter tasks").fill("FIT 37")
    entries = page.locator("nav li:visible")
    expect(entries).to_have_count(1)
    entries.click()
    expect(page.get_by_role("heading", name="fit 37")).to_be_visible()


def test_on_a_phone_the_tasks_are_behind_a_button(show: Callable[..., Any]) -> None:
    page = show(report(*several(), overview="<p>all</p>"), width=360)
    menu = page.locator(".menu")
    expect(page.get_by_role("navigation")).to_be_hidden()
    menu.click()
    assert menu.get_attribute("aria-expanded") == "true"
    page.get_by_role("button", name="join").click()
    expect(page.get_by_role("heading", name="join")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    assert menu.get_attribute("aria-expanded") == "false"


def test_an_execution_without_tasks_says_so(show: Callable[..., Any]) -> None:
    page = show(report())
    expect(page.get_by_text("This execution recorded no tasks.")).to_be_visible()


# ---- Narrow, printed, old, without scripts, in a notebook


@pytest.mark.parametrize("wide", ["<table><tr>" + "<td>wide cell</td>" * 60 + "</tr></table>", f"<p>{'x' * 900}</p>"])
def test_wide_content_does_not_make_a_phone_scroll_sideways(show: Callable[..., Any], wide: str) -> None:
    page = show(report(task(deck("a", f"<p>here</p>{wide}"))), width=360)
    expect(open_frame(page).get_by_text("here")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.frames[1].evaluate("document.documentElement.scrollWidth <= innerWidth")


LINES = "".join(f"<p>line {number}. {'Words that need more lines on paper. ' * 9}</p>" for number in range(120))


@pytest.fixture
def pdfium() -> Any:
    return pytest.importorskip("pypdfium2", reason="pypdfium2 reads the printed page")


def prepared_for_paper(page: Any) -> None:
    """Press Ctrl+P and wait until the browser would print."""
    # In a function of its own: Playwright calls a function that it evaluates to, which would be printing already.
    page.evaluate("() => { window.print = () => { window.printing = true } }")
    page.keyboard.press("Control+p")
    page.wait_for_function("window.printing")


# A page gives a rehearsal 250 ms: with this clock these are 25 s, and no busy machine is too slow for it.
SLOW_CLOCK = """{
  const now = performance.now.bind(performance);
  performance.now = () => now() / 100;
}"""
# With this one, looked at twice, any time is over; so it is until it is made right.
HASTY_CLOCK = """{
  const now = performance.now.bind(performance);
  let hurry = 0;
  performance.now = () => now() + (window.inTime ? hurry : (hurry += 10_000));
}"""


REHEARSED = """() => new Promise((resolve) =>
  addEventListener("message", ({ data }) => { if (data?.obs === "rehearsed") resolve(data.height); }))"""


PLACES_OF_ALL = """body => [...body.querySelectorAll("*")].map((each) => {
  const { left, top, width, height } = each.getBoundingClientRect();
  return [each.localName, left, top, width, height];
})"""


def on_the_way_to_the_menu(page: Any) -> int:
    """Press the key that opens a menu, as who prints from there, and give how high the tab would be on paper."""
    page.evaluate(f"() => {{ window.rehearsal = ({REHEARSED})() }}")
    page.keyboard.press("Alt")
    return int(page.evaluate("window.rehearsal"))


def printed(page: Any, pdfium: Any) -> Any:
    return pdfium.PdfDocument(page.pdf(prefer_css_page_size=True))


PAINTED = """<canvas width="400" height="200"></canvas><script>
  const paint = () => {
    const pen = document.querySelector("canvas").getContext("2d");
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--obs-bg").trim();
    pen.fillRect(0, 0, 400, 200);
    document.querySelector("canvas").dataset.painted = pen.fillStyle;
  };
  document.addEventListener("obs:theme", paint);
  paint();
</script>"""


def test_what_a_script_draws_is_printed_for_white_paper(show: Callable[..., Any], pdfium: Any) -> None:
    page = show(report(task(deck("a", PAINTED))), color_scheme="dark")
    canvas = open_frame(page).locator("canvas")
    expect(canvas).to_have_attribute("data-painted", "#101317")
    sheet = printed(page, pdfium)[0].render().to_pil().convert("RGB")
    assert sum(count for count, colour in sheet.getcolors(1 << 24) if max(colour) < 40) < 4_000  # letters alone
    expect(canvas).to_have_attribute("data-painted", "#101317")


@pytest.mark.parametrize("html", [LINES, WHOLE.format(LINES)], ids=["items", "document"])
@pytest.mark.parametrize("prepared", [True, False], ids=["ctrl-p", "menu"])
def test_the_open_tab_is_printed_whole(show: Callable[..., Any], pdfium: Any, html: str, prepared: bool) -> None:
    page = show(report(task(deck("a", html), deck("b", "<p>other</p>"))), color_scheme="dark")
    expect(open_frame(page).get_by_text("line 119.")).to_be_attached()
    html_of = "body => body.outerHTML"
    before = open_frame(page).locator("body").evaluate(html_of)
    if prepared:
        prepared_for_paper(page)
    text = [sheet.get_textpage().get_text_bounded() for sheet in printed(page, pdfium)]
    lines = re.findall(r"line (\d+)\.", "".join(text))
    assert set(lines) == {str(number) for number in range(120)}
    if prepared:
        assert len(lines) == 120  # a line that is cut stands on two sheets
    assert "clean" in text[0]
    assert "line 0." in text[0]
    page.mouse.move(200, 200)  # the reader is back
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert open_frame(page).locator("body").evaluate(html_of) == before


BLUE, ORANGE = (59, 125, 221), (217, 115, 13)
CARD = """<article style="{border};break-inside:avoid;height:{height}px;overflow:hidden">
<b style="display:block;width:40px;height:{inner}px;float:left;background:rgb(59,125,221)"></b>
<canvas width=100 height=40></canvas><h3>Column {number}</h3><p>a mean and a median</p></article>"""
CARDS = [CARD.format(border="border:1px solid", height=190, inner=188, number=number) for number in range(33)]
BARE = [CARD.format(border="border:0;margin:10px 0", height=150, inner=150, number=number) for number in range(20)]
ROW = "<tr><td><i style='display:block;width:40px;height:40px;background:rgb(59,125,221)'></i></td><td>{}</td></tr>"
TABLE = "<table><thead><tr><th>Bar<th>Number</thead><tbody>" + "".join(map(ROW.format, range(70))) + "</tbody></table>"
DRAW = """<script>for (const canvas of document.querySelectorAll('canvas')) {
const on = canvas.getContext('2d'); on.fillStyle = 'rgb(217,115,13)'; on.fillRect(0, 0, 100, 40) }</script>"""
GRID = "<h2>All</h2><div style='display:grid;grid-template-columns:1fr 1fr;gap:14px'>" + "".join(CARDS) + "</div>"
PRINTED = {
    "cards side by side": (GRID + DRAW, 33, 188),
    "cards one by one": ("".join(BARE) + DRAW, 20, 150),
    "rows": (TABLE, 70, 40),
    "a document of its own": (WHOLE.format(GRID + DRAW), 33, 188),
    "a document among others": ("<p>first</p>" + WHOLE.format(GRID + DRAW), 33, 188),
}


def on_paper(kinds: Iterable[str]) -> list[Any]:
    """Give each kind one size of paper, in turn, and by night the other one too."""
    sizes = [("letter", "en-US"), ("a4", "de-DE")]
    return [
        pytest.param(kind, locale, id=f"{kind}-{paper}", marks=pytest.mark.nightly if turn != number % 2 else ())
        for number, kind in enumerate(kinds)
        for turn, (paper, locale) in enumerate(sizes)
    ]


def heights_of(sheet: Any, colour: tuple[int, int, int]) -> list[int]:
    """Measure the bars of a colour, along their left edges, in pixels."""
    numpy = pytest.importorskip("numpy", reason="numpy looks at the pixels")
    pixels = numpy.asarray(sheet.render(scale=96 / 72).to_pil().convert("RGB")).astype(int)
    found = abs(pixels - colour).max(axis=2) < 12
    edges = found & ~numpy.roll(found, 1, axis=1)
    ends = numpy.diff(numpy.pad(edges, ((1, 1), (0, 0))).astype(int), axis=0)
    begun, ended = (numpy.argwhere(sign == ends.T)[:, 1] for sign in (1, -1))
    return [int(height) for height in ended - begun if height > 2]


@pytest.mark.parametrize(("kind", "locale"), on_paper(PRINTED))
def test_nothing_is_cut_between_two_sheets(show: Callable[..., Any], pdfium: Any, kind: str, locale: str) -> None:
    html, count, height = PRINTED[kind]
    page = show(report(task(deck("a", html))), locale=locale)
    expect(page.locator(".panel[aria-busy]")).to_have_count(0)
    prepared_for_paper(page)
    sheets = list(printed(page, pdfium))
    assert [round(side) for side in sheets[0].get_size()] == ([612, 792] if locale == "en-US" else [595, 842])
    bars = [bar for sheet in sheets for bar in heights_of(sheet, BLUE)]
    assert len(bars) == count
    if kind != "a document of its own":  # that is as wide as on the screen, and scaled down
        assert set(bars) <= {height - 1, height, height + 1}
    assert max(bars) - min(bars) <= 2
    charts = [bar for sheet in sheets for bar in heights_of(sheet, ORANGE)]
    assert len(charts) == html.count("<canvas")
    assert max(charts, default=0) - min(charts, default=0) <= 2


@pytest.mark.parametrize(("kind", "locale"), on_paper(kind for kind in PRINTED if kind != "a document among others"))
def test_nothing_is_cut_that_the_browser_s_menu_prints(
    show: Callable[..., Any], pdfium: Any, kind: str, locale: str
) -> None:
    html, count, _ = PRINTED[kind]
    page = show(report(task(deck("a", html))), locale=locale, script=SLOW_CLOCK)
    expect(page.locator(".panel[aria-busy]")).to_have_count(0)
    before = open_frame(page).locator("body").evaluate(PLACES_OF_ALL)
    assert on_the_way_to_the_menu(page) > 0
    assert open_frame(page).locator("body").evaluate(PLACES_OF_ALL) == before
    sheets = list(printed(page, pdfium))
    assert [round(side) for side in sheets[0].get_size()] == ([612, 792] if locale == "en-US" else [595, 842])
    for colour, expected in ((BLUE, count), (ORANGE, html.count("<canvas"))):
        bars = [bar for sheet in sheets for bar in heights_of(sheet, colour)]
        assert len(bars) == expected
        assert max(bars, default=0) - min(bars, default=0) <= 2
    assert open_frame(page).locator("body").evaluate(PLACES_OF_ALL) == before


def test_a_rehearsal_that_ran_out_of_time_is_tried_again(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", LINES))), script=HASTY_CLOCK)
    expect(open_frame(page).get_by_text("line 119.")).to_be_attached()
    assert on_the_way_to_the_menu(page) == 0
    open_frame(page).locator("body").evaluate("() => { window.inTime = true }")
    assert on_the_way_to_the_menu(page) > 0


def test_what_changed_since_the_way_to_the_menu_is_printed_whole(show: Callable[..., Any], pdfium: Any) -> None:
    page = show(report(task(deck("a", LINES))), script=SLOW_CLOCK)
    expect(open_frame(page).get_by_text("line 119.")).to_be_attached()
    assert on_the_way_to_the_menu(page) > 0
    height = page.locator("iframe:visible").evaluate("frame => frame.offsetHeight")
    open_frame(page).locator("body").evaluate(
        "body => { for (let n = 120; n < 200; n += 1) body.append(Object.assign(document.createElement('p'), "
        "{ textContent: `line ${n}.` })) }"
    )
    page.wait_for_function(f"document.querySelector('iframe').offsetHeight > {height + 500}")
    text = [sheet.get_textpage().get_text_bounded() for sheet in printed(page, pdfium)]
    assert set(re.findall(r"line (\d+)\.", "".join(text))) == {str(number) for number in range(200)}


FOREIGN = (
    "<style>.own details { border: 3px solid red; padding: 1px; margin: 0 }</style>"
    "<div class='own'><details open><summary>a</summary><p>b</p></details></div>"
    "<details><summary>c</summary>d</details>"
)


def test_what_opens_in_a_tab_looks_as_its_own_style_says(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", FOREIGN))))
    expect(open_frame(page).get_by_text("b", exact=True)).to_be_visible()
    sizes = "each => each.map(one => getComputedStyle(one)).map(s => [s.borderTopWidth, s.paddingLeft, s.borderRadius])"
    assert open_frame(page).locator("details").evaluate_all(sizes) == [["3px", "1px", "0px"], ["0px", "0px", "0px"]]
    assert open_frame(page).locator("summary").evaluate_all(sizes) == [["0px", "0px", "0px"]] * 2


def test_paper_keeps_the_colours_of_bars_and_cuts_no_card(show: Callable[..., Any]) -> None:
    bar = "<i id='bar' style='display:block;height:9px;background:#3b7ddd'></i>"
    page = show(report(task(deck("a", f"{bar}<table><tr id='row'><td>1</td></tr></table>"))))
    expect(open_frame(page).locator("#bar")).to_be_visible()
    page.emulate_media(media="print")
    style = "(one, name) => getComputedStyle(one)[name]"
    assert open_frame(page).locator("#bar").evaluate(style, "printColorAdjust") == "exact"
    assert open_frame(page).locator("#row").evaluate(style, "breakInside") == "avoid"
    assert page.locator(".badge").first.evaluate(style, "printColorAdjust") == "exact"


def test_a_table_drawn_of_boxes_is_made_smaller_as_a_whole_so_that_no_column_is_cut_off(
    show: Callable[..., Any],
) -> None:
    cells = "".join(f"<div role='cell'>column {number}</div>" for number in range(10))
    row = f"<div role='row' style='display:grid;grid-template-columns:repeat(10,140px)'>{cells}</div>"
    grid = f"<div role='table' style='overflow:auto'><div style='min-width:1400px'>{row * 3}</div></div>"
    page = show(report(task(deck("a", grid))))
    table = open_frame(page).get_by_role("table")
    expect(table.get_by_text("column 9").first).to_be_visible()
    prepared_for_paper(page)
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")
    sizes = "cells => cells.map(cell => cell.currentCSSZoom)"
    assert len(set(table.get_by_role("cell").evaluate_all(sizes))) == 1


def test_of_a_table_that_is_wider_than_paper_it_says_how_many_columns_are_missing(
    show: Callable[..., Any], pdfium: Any
) -> None:
    cells = "".join(f"<td>column{number}</td>" for number in range(60))
    names = f"<table><thead><tr><th colspan=60>all</th></tr></thead><tr>{cells}</tr></table>"
    page = show(report(task(deck("a", f"<p>first</p><div style='overflow:auto'>{names}</div><p>last</p>"))))
    body = open_frame(page).locator("body")
    expect(body.get_by_text("column59")).to_be_attached()
    before = body.evaluate("body => body.innerHTML")
    prepared_for_paper(page)
    text = "".join(sheet.get_textpage().get_text_bounded() for sheet in printed(page, pdfium))
    (missing,) = re.findall(r"The last (\d+) columns do not fit on paper\.", text)
    assert 20 < int(missing) < 50
    whole = 60 - int(missing)
    assert f"column{whole - 1}" in text
    assert f"column{whole + 1}" not in text  # the next one may stand there in part
    page.mouse.move(200, 200)  # the reader is back
    page.wait_for_function("!document.documentElement.classList.contains('for-paper')")
    expect(body.get_by_text("do not fit on paper")).to_have_count(0)
    assert body.evaluate("body => body.innerHTML") == before


@pytest.mark.parametrize(
    "html", ["<pre>" + "word " * 2_000 + "</pre>", f"<table><tr>{'<td>1234567890</td>' * 15}</table>"]
)
def test_of_what_fits_on_paper_made_smaller_or_in_more_lines_nothing_is_said(
    show: Callable[..., Any], html: str
) -> None:
    page = show(report(task(deck("a", html))))
    expect(open_frame(page).locator("pre, table")).to_be_visible()
    prepared_for_paper(page)
    assert "fit on paper" not in open_frame(page).locator("body").inner_text()


def test_without_javascript_the_page_says_what_it_needs(show: Callable[..., Any]) -> None:
    page = show(report(task(status="failed", error="ValueError: x")), java_script_enabled=False)
    expect(page.get_by_role("heading", name="clean · failed · flights: ValueError: x")).to_be_visible()
    expect(page.locator("noscript p")).to_contain_text("draws its tabs with JavaScript")


def test_a_browser_that_cannot_inflate_is_told_so(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "1"))), script="delete window.DecompressionStream")
    expect(page.get_by_role("heading", name="This browser is too old for this report")).to_be_visible()
    expect(page.get_by_role("heading", name="clean")).to_be_visible()


def test_other_browsers_are_told_nothing(show: Callable[..., Any]) -> None:
    page = show(report(task(deck("a", "<p>1</p>"))))
    expect(open_frame(page).get_by_text("1")).to_be_visible()
    expect(page.locator("#obs-too-old")).to_be_hidden()


def test_a_notebook_shows_a_deck_as_high_as_it_is(show: Callable[..., Any]) -> None:
    items = deck("Quality", "<p>in a notebook</p><div style='height:700px'></div>").items
    cells = render_notebook("Quality", items, bodies.get) + render_notebook("Other", ["<p>second</p>"], bodies.get)
    page = show(f"<!doctype html><h1>Notebook</h1>{cells}")
    frames = page.locator("body > iframe")
    expect(
        page.frame_locator("body > iframe >> nth=0").frame_locator("iframe").get_by_text("in a notebook")
    ).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').offsetHeight > 700")
    page.wait_for_function("document.querySelectorAll('iframe')[1].offsetHeight < 200")
    assert frames.first.get_attribute("sandbox") == "allow-scripts allow-popups allow-downloads"
    assert frames.first.get_attribute("title") == "Quality"


def test_decks_that_nobody_scrolled_to_are_drawn_for_paper_too(show: Callable[..., Any]) -> None:
    """A browser draws no frame that is out of sight: a notebook that is converted and printed is not scrolled."""
    chart = "<p>end</p><script>setTimeout(() => document.querySelector('p').style.paddingTop = '1500px', 300)</script>"
    page = show(notebook_of(*(render_notebook(f"{number}", [chart], bodies.get) for number in range(6))))
    page.wait_for_function("[...document.querySelectorAll('iframe')].every((frame) => frame.offsetHeight > 1500)")
    assert page.evaluate("scrollY") == 0


def test_what_a_notebook_shows_without_scripts_is_inert_with_them(show: Callable[..., Any]) -> None:
    item = "</noscript ></NOSCRIPT><b id=out>out</b><noscript><script>document.title = 'run'</script>"
    page = show(f"<!doctype html><title>Notebook</title>{render_notebook('Quality', [item], bodies.get)}")
    expect(page.frame_locator("body > iframe").frame_locator("iframe").get_by_text("out")).to_be_visible()
    assert page.locator("body b").count() == 0
    assert page.title() == "Notebook"


def notebook_of(*outputs: str, background: str = "white", colour: str = "black") -> str:
    cells = "".join(f"<div class=output>{output}</div>" for output in outputs)
    return f"<!doctype html><body style='background:{background};color:{colour}'><h1>Notebook</h1>{cells}"


def with_library(name: str, library: str) -> list[str]:
    """Items that need a large library, which writes what it was called with."""
    script = f"<script data-obs-once>{library}</script>"
    return deck(name, f"{script}<p></p><script>write('{name} drawn')</script>").items


LIBRARY = "function write(text) { document.querySelector('p').textContent = text; }" + "/" * 5000


def inner(page: Any, number: int) -> Any:
    """What is in the frame of an output."""
    return page.frame_locator(f".output >> nth={number} >> iframe").frame_locator("iframe")


def test_a_notebook_without_scripts_has_the_texts_and_no_empty_frame(show: Callable[..., Any]) -> None:
    output = render_notebook("Quality", ["<p>336,776 rows</p>"], bodies.get)
    page = show(notebook_of(output), java_script_enabled=False)
    expect(page.locator(".output noscript p")).to_be_visible()
    expect(page.locator(".output > iframe")).to_be_hidden()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "the first output last"])
def test_a_notebook_has_a_library_once(show: Callable[..., Any], order: tuple[int, ...]) -> None:
    outputs = [
        render_notebook("one", with_library("one", LIBRARY), bodies.get, lambda _: True),
        render_notebook("two", with_library("two", LIBRARY), bodies.get, lambda _: False),
    ]
    assert ["data-obs-body" in output for output in outputs] == [True, False]
    page = show(notebook_of(*(outputs[place] for place in order)))
    for number, place in enumerate(order):
        page.locator(".output").nth(number).scroll_into_view_if_needed()
        expect(inner(page, number).get_by_text(("one drawn", "two drawn")[place])).to_be_visible()


def test_a_library_that_no_output_brings_is_told(show: Callable[..., Any]) -> None:
    output = render_notebook("two", with_library("two", LIBRARY), bodies.get, lambda _: False)
    page = show(notebook_of(output), complains=True)  # its own script lacks the library
    told = page.frame_locator(".output >> iframe").get_by_text("1 script or style that this deck needs")
    expect(told).to_be_visible()  # an output that brings it may come late


def test_a_deck_has_the_theme_of_its_notebook(show: Callable[..., Any]) -> None:
    output = render_notebook("Quality", deck("Quality", "<p>text</p>").items, bodies.get)
    page = show(notebook_of(output, background="black", colour="white"))
    root = page.frame_locator(".output >> iframe").locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(inner(page, 0).locator("html")).to_have_attribute("data-theme", "dark")
    page.evaluate("document.body.style.color = 'black'")
    expect(root).to_have_attribute("data-theme", "light")


def test_a_deck_alone_in_a_frame_of_the_notebook_has_its_theme_and_height(show: Callable[..., Any]) -> None:
    """As marimo shows outputs that have scripts; the colour is one that no `rgb()` tells."""
    items = deck("Quality", "<p>text</p><div style='height:700px'></div>").items
    output = escape(f"<html><body>{render_notebook('Quality', items, bodies.get)}</body></html>")
    frame = f'<iframe id=own height=400 srcdoc="{output}"></iframe>'
    page = show(notebook_of(frame, background="black", colour="color(srgb 0.9 0.9 0.9)"))
    root = page.frame_locator("#own").frame_locator("iframe").locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(page.frame_locator("#own").locator("html")).to_have_css("color-scheme", "dark")
    page.wait_for_function("document.querySelector('#own').offsetHeight > 700")
    page.evaluate("document.body.style.color = 'color(srgb 0.1 0.1 0.1)'")
    expect(root).to_have_attribute("data-theme", "light")


# ---- Logs


def line(text: str, level: str = "", **given: Any) -> LogLine:
    severity = {"": 0, "INFO": 20, "WARNING": 30, "ERROR": 40}[level]
    return LogLine(
        STARTED, level, severity, "logging" if level else "stdout", text, "a.1", given.pop("span", "a.1"), **given
    )


def logs(*lines: LogLine, missing: int = 0) -> TaskView:
    return task(deck("Logs", render_log(lines, {"a.2": "join"}, missing)))


def log_rows(page: Any) -> list[str]:
    return list(open_frame(page).locator(".row .text").all_inner_texts())


def test_a_log_shows_errors_first_and_is_searched_and_filtered(show: Callable[..., Any]) -> None:
    page = show(
        report(
            logs(
                line("336,776 rows"),
                line("no coordinates", "WARNING", logger="flights", span="a.2"),
                line("cannot place it", "ERROR", exception="Traceback:\nKeyError: 'JFK'"),
                line("done", "INFO"),
            )
        )
    )
    frame = open_frame(page)
    expect(frame.locator(".problems summary")).to_have_text("1 error, 1 warning")
    assert frame.locator(".problems .text").all_inner_texts() == ["cannot place it", "no coordinates"]
    assert log_rows(page) == [
        "336,776 rows", "flights: no coordinates", "cannot place it", "Traceback:", "KeyError: 'JFK'", "done",
    ]  # fmt: skip
    frame.get_by_label("Level").select_option("40")
    expect(frame.locator(".count")).to_have_text("1 of 4 lines")
    frame.get_by_label("Level").select_option("0")
    frame.get_by_label("Span").select_option("join")
    expect(frame.locator(".row")).to_have_count(1)
    frame.get_by_label("Span").select_option("")
    frame.get_by_label("Search the lines").fill("jfk")
    expect(frame.locator(".row")).to_have_count(3)
    frame.get_by_role("button", name="no coordinates").click()
    expect(frame.locator(".row.hit .text")).to_have_text("flights: no coordinates")


def test_a_hundred_thousand_lines_are_scrolled_and_searched(show: Callable[..., Any]) -> None:
    page = show(report(logs(*(line(f"row {number}") for number in range(100_000)), missing=7)))
    frame = open_frame(page)
    expect(frame.locator(".count")).to_have_text("100,000 lines")
    expect(frame.locator(".note")).to_have_text(
        "7 more lines are not shown here, nor searched: obs logs --grep TEXT searches all that is kept."
    )
    assert frame.locator(".row").count() < 100
    frame.get_by_role("button", name="Go to the end").click()
    expect(frame.get_by_text("row 99999", exact=True)).to_be_visible()
    frame.get_by_label("Search the lines").fill("row 4242")
    expect(frame.locator(".count")).to_have_text("11 of the 100,000 lines shown here")


def test_nothing_that_was_logged_is_executed(show: Callable[..., Any]) -> None:
    colours = "\x1b[31mred\x1b[0m and \x1b[38;5;46mgreen\x1b[0m\x1b]0;title\x07\x1b[2J"
    page = show(report(logs(*(line(text) for text in HOSTILE), line(colours, "ERROR"))))
    frame = open_frame(page)
    expect(frame.locator(".row").first).to_be_visible()
    assert frame.locator(".row img, .row svg, .row script").count() == 0
    red = frame.locator(".row .text span", has_text="red")
    assert red.evaluate("one => getComputedStyle(one).color") == "rgb(209, 67, 75)"
    assert log_rows(page)[-1] == "red and green"
    assert frame.locator("body").evaluate("() => window.hit") is None
