"""The UI in a real browser, over real stores and the real server."""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn

from obs_core import Deck, carrier, execution, link, load_execution, span, task
from obs_core.journal import flusher, records
from obs_core.recording.joining import joined
from obs_core.recording.operations import OperationLog
from obs_core.store import open_store
from obs_core.testing import FixedClock
from obs_core.testing.segments import UNBATCHED_HEAD
from obs_ui.app import make_app
from obs_ui.index import connect, default_address

pytestmark = pytest.mark.browser


@task
def load(rows: int) -> int:
    with span("read", rows=rows):
        Deck("Quality").append("<h2>336,776 rows</h2>")
        link("W&B run", "https://wandb.example/runs/1")
    return rows


@task
def fit() -> None:
    load(3)
    raise ValueError("no such airport: 'XYZ'")


def record() -> str:
    run = execution("flights", tags={"year": 2013})
    with contextlib.suppress(ValueError), run:
        load(2)
        fit()
    flusher.flush_all()
    return run.id


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def deck_frame(page: Any) -> Any:
    return page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")


def test_from_the_list_to_a_deck(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record()
    page = open_page(serve().url)
    row = page.locator(".executions tbody")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("ValueError: no such airport: 'XYZ'")
    expect(row).to_contain_text("year: 2013")

    row.get_by_role("link", name="flights").click()
    expect(page.get_by_role("heading", name="flights")).to_be_visible()
    expect(page.locator(".head .badge")).to_have_text("Failed")
    expect(page.locator(".tree td.main a")).to_have_text(["load", "fit", "load"])
    expect(page.locator("[data-timeline][data-ready]")).to_be_visible()
    expect(page.locator(".hot td.main").first).to_be_visible()

    page.locator(".tree").get_by_role("link", name="Quality").first.click()
    expect(page.get_by_role("tab", name="Quality")).to_have_attribute("aria-selected", "true")
    expect(deck_frame(page).get_by_role("heading", name="336,776 rows")).to_be_visible()
    assert page.locator(".panel iframe").get_attribute("sandbox") == "allow-scripts"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="obs run needs Linux")
def test_an_execution_says_in_one_line_that_obs_run_started_it(
    serve: Callable[..., Any], open_page: Callable[..., Any], measured: Callable[..., list[Any]]
) -> None:
    program = "from obs_core import execution\nwith execution('flights'): pass"
    subprocess.run(
        [sys.executable, "-m", "obs_core", "run", "--", sys.executable, "-c", program], check=True, timeout=120
    )
    page = open_page(serve().url)
    expect(page.locator("a.started-by")).to_be_visible()
    fits = "one => one.scrollHeight <= one.clientHeight && one.scrollWidth <= one.clientWidth"
    assert measured(page, "a.started-by", fits) == [True]


def test_a_failed_task_opens_its_error(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{record()}")
    page.locator(".head .error a", has_text="fit").click()
    expect(page.get_by_role("tab", name="Error")).to_have_attribute("aria-selected", "true")
    expect(deck_frame(page).get_by_text("no such airport").first).to_be_visible()


def test_a_span_is_found_in_the_timeline_and_its_attributes_are_shown(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{record()}")
    panel = page.locator(".span-panel")
    page.locator(".hot").first.get_by_role("link", name="read").click()
    expect(panel.get_by_role("heading", name="read")).to_be_visible()
    expect(panel.locator(".attributes")).to_contain_text("rows")
    expect(panel.get_by_role("link", name="load").last).to_be_visible()
    expect(page.locator("[data-shown]")).to_contain_text(" of ")
    expect(page).to_have_url(re.compile("#span="))
    address = page.url

    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    canvas = page.locator("canvas")
    canvas.focus()
    page.keyboard.press("0")
    expect(page.locator("[data-shown]")).not_to_contain_text(" of ")
    page.keyboard.press("+")
    expect(page.locator("[data-shown]")).to_contain_text(" of ")
    page.goto("about:blank")
    page.goto(address)
    expect(panel.get_by_role("heading", name="read")).to_be_visible()


def test_how_busy_an_engine_s_workers_were_is_shown(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    with execution("cluster") as run:
        for number in range(15):
            worker = f"tcp://10.0.0.{number}:40331"
            parent = joined(carrier(), source=worker)
            journal = parent.task.run.journal
            journal.append(records.WorkerJoined(worker, journal.now(), 2))
            with OperationLog(journal).operation(parent, "resize", f"resize-{number}", {"worker": worker}):
                pass
    page = open_page(f"{serve().url}executions/{run.id}")
    workers = page.get_by_role("region", name="Workers")
    expect(workers).to_contain_text("15, busy for")
    expect(workers.locator("tbody tr:visible")).to_have_count(12)
    workers.get_by_role("button", name="Show all 15").click()
    expect(workers.locator("tbody tr:visible")).to_have_count(15)
    expect(workers.locator("tr", has_text="10.0.0.7:")).to_contain_text("%")


def test_a_bar_can_be_clicked(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{record()}")
    page.locator("[data-timeline][data-ready]").wait_for()
    page.locator("canvas").click(position={"x": 300, "y": 26 + 11})
    expect(page.locator(".span-panel").get_by_role("heading", name="flights")).to_be_visible()
    page.locator("canvas").hover(position={"x": 200, "y": 26 + 11})
    expect(page.locator(".tip")).to_contain_text("flights")


COUNTS = "<script{}>window.runs = (window.runs ?? 0) + 1; /*" + "x" * 5000 + "*/</script><p>drawn</p>"


@task(deck_fields=())
def draw() -> None:
    once, each_time = Deck("Once"), Deck("Each time")
    for _ in range(3):
        once.append(COUNTS.format(" data-obs-once"))
        each_time.append(COUNTS.format(""))


def record_charts() -> str:
    """Record a task whose decks share a script; returns the path of its page."""
    with execution("charts") as run:
        draw()
    flusher.flush_all()
    return f"executions/{run.id}/tasks/{load_execution(run.id).task('draw').id}"


def test_a_library_that_says_so_is_run_once_in_a_deck(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(serve().url + record_charts())
    for name, runs in (("Once", 1), ("Each time", 3)):
        page.get_by_role("tab", name=name).click()
        expect(deck_frame(page).get_by_text("drawn")).to_have_count(3)
        assert deck_frame(page).locator("body").evaluate("() => window.runs") == runs


class CountingServer:
    """The server in this process, which counts what it is asked for."""

    def __init__(self) -> None:
        store = open_store()
        self.asked: Counter[str] = Counter()
        self._app = make_app(store, connect(default_address(store)))
        config = uvicorn.Config(self._count, port=0, log_level="error", lifespan="on", interface="asgi3")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.asked[scope["path"]] += 1
        await self._app(scope, receive, send)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            self._thread.join(0.05)
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def test_what_all_frames_need_is_fetched_once_for_a_page(open_page: Callable[..., Any]) -> None:
    path = record_charts()
    counting = CountingServer()
    with counting as url:
        page = open_page(url + path)
        for name in ("Once", "Each time"):
            page.get_by_role("tab", name=name).click()
            expect(deck_frame(page).get_by_text("drawn")).to_have_count(3)
        page.close()
    assert counting.asked["/frame"] == 2
    assert counting.asked["/static/report/frame.css"] == 1
    assert counting.asked["/static/report/frame.js"] == 1
    assert [count for path, count in counting.asked.items() if path.startswith("/shared/")] == [1]


def test_the_keyboard_moves_between_decks(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{record()}")
    page.locator(".tree td.main a", has_text="load").first.click()
    tabs = page.get_by_role("tab")
    expect(page.get_by_role("tab", selected=True)).to_have_count(1)
    tabs.first.click()
    expect(tabs.first).to_have_attribute("aria-selected", "true")
    labels = tabs.all_inner_texts()
    tabs.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tabs.last).to_be_focused()
    expect(tabs.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    expect(page).to_have_url(re.compile(re.escape(f"deck={labels[1].replace(' ', '+')}")))
    controls = str(tabs.nth(1).get_attribute("aria-controls"))
    expect(page.locator(f"#{controls}")).to_have_attribute("role", "tabpanel")
    page.reload()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")


def test_two_executions_are_compared(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record()
    record()
    page = open_page(serve().url)
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    boxes.nth(0).check()
    expect(page.get_by_role("button", name="Compare the two chosen")).to_be_disabled()
    boxes.nth(1).check()
    page.get_by_role("button", name="Compare the two chosen").click()
    operations = page.locator("table.compared").first
    expect(operations).to_contain_text("read")
    tasks = page.locator("table.compared").nth(1)
    expect(tasks.locator("tbody tr")).to_have_count(3)
    expect(tasks.locator("tbody tr").first).to_contain_text("the same")

    tasks.get_by_role("link", name="side by side").first.click()
    page.get_by_role("tab", name="Quality").click()
    frames = page.locator("[role=tabpanel]:not(.away) iframe:not(.arriving)")
    expect(frames).to_have_count(2)
    for number in range(2):
        beside = page.frame_locator(f"[role=tabpanel]:not(.away) .panel:nth-child({number + 1}) iframe")
        expect(beside.get_by_role("heading", name="336,776 rows")).to_be_visible()


@task
def score(rmse: float) -> dict[str, Any]:
    return {"rmse": rmse, "model": "linear"}


def test_outputs_are_compared_part_by_part(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    ids = []
    for rmse in (20.0, 17.0):
        with execution("model") as run:
            score(rmse)
        ids.append(run.id)
    flusher.flush_all()
    page = open_page(f"{serve().url}compare?left={ids[0]}&right={ids[1]}")
    rows = page.locator(".differences tbody tr")
    assert rows.nth(0).locator("th, td").all_inner_texts() == ["rmse", "20", "17", "-15.00 %"]
    assert rows.nth(1).locator("th, td").all_inner_texts() == ["model", "linear", "linear", ""]


@task
def flaky() -> None:
    Deck("Quality").append("<p>tried</p>")


def test_attempts_stand_side_by_side(
    serve: Callable[..., Any], open_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with execution("retried") as run:
        for attempt in (1, 2):
            task(flaky.__wrapped__, name="flaky", attempt=attempt)()  # type: ignore[attr-defined]
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}")
    page.locator(".tree td.main a", has_text="flaky").nth(1).click()
    attempts = page.get_by_role("navigation", name="Attempts")
    expect(attempts.locator("[aria-current]")).to_contain_text("Attempt 2")
    attempts.get_by_role("link", name="Side by side").click()
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator("[role=tabpanel]:not(.away) iframe:not(.arriving)")).to_have_count(2)


def test_the_list_can_be_filtered(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    record()
    with execution("weather", tags={"year": 2014}):
        load(1)
    flusher.flush_all()
    page = open_page(serve().url)
    rows = page.locator(".executions tbody")
    expect(rows).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("XYZ")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("flights")
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Succeeded").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("weather")
    page.get_by_role("link", name=re.compile("^Failed")).click()
    page.get_by_role("link", name="year: 2013").click()
    expect(page).to_have_url(re.compile("tag=year%3D2013$"))
    expect(rows).to_have_count(1)
    page.goto(f"{page.url}4")
    expect(page.get_by_text("No execution matches")).to_be_visible()


@task(name="a_task_with_long_links")
def tracked() -> None:
    for tracker in ("W&B run", "Comet experiment"):
        link(tracker, f"offline; to send it, type: sync /srv/pipelines/.obs/{'offline-run-20261126_124601' * 6}")


def record_with_long_links() -> str:
    with execution("tracked") as run:
        tracked()
    flusher.flush_all()
    return run.id


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_no_page_scrolls_sideways(
    width: int, scheme: str, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    run, other = record_with_long_links(), record()
    base = serve().url
    page = open_page(base, width=width, color_scheme=scheme)
    shows = {
        "": ".executions tbody",
        f"executions/{run}": "[data-timeline][data-ready]",
        f"executions/{other}/tasks/main.2": ".panel:not(.away) > iframe:not(.arriving)",
        f"executions/{run}/tasks/{load_execution(run).task('a_task_with_long_links').id}": ".head .told",
        f"compare?left={run}&right={other}": ".compared",
    }
    for path, selector in shows.items():
        page.goto(base + path)
        page.locator(selector).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_the_theme_reaches_the_decks_and_is_remembered(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{record()}/tasks/main.2")
    root = deck_frame(page).locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Switch to the dark theme").click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")


def test_a_report_and_a_trace_can_be_taken_along(
    serve: Callable[..., Any], open_page: Callable[..., Any], tmp_path: Any
) -> None:
    import json

    page = open_page(f"{serve().url}executions/{record()}")
    for name, ending in (("Report", ".html"), ("Trace", ".json")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        assert download.value.suggested_filename.startswith("flights-")
        download.value.save_as(tmp_path / f"taken{ending}")
    assert "336,776 rows" not in (tmp_path / "taken.html").read_text()  # compressed, as in every report
    assert {event["name"] for event in json.loads((tmp_path / "taken.json").read_text())["traceEvents"]} >= {"read"}
    report = open_page((tmp_path / "taken.html").as_uri())
    expect(report.get_by_role("button", name="fit")).to_be_visible()


def test_a_page_does_not_wait_for_a_large_trace(
    serve: Callable[..., Any], open_page: Callable[..., Any], folder: Any
) -> None:
    run = record()
    journal = folder / "executions" / run
    for segment in range(1, 6):
        lines = [f'["span",{number},1,"row",{number},1,0]\n' for number in range(1000 * segment, 1000 * segment + 500)]
        (journal / f"main-{segment:04d}.jsonl").write_bytes(UNBATCHED_HEAD + "".join(lines).encode())
    server = serve()
    while "reading the store" in (page := open_page(server.url)).content().lower():
        page.wait_for_timeout(100)
    page.goto(f"{server.url}executions/{run}")
    expect(page.get_by_role("heading", name="flights")).to_be_visible()
    expect(page.locator(".tree td.main")).to_have_count(3)
    expect(page.locator(".fact", has_text="Spans")).to_contain_text("2,50")


@task
def talk() -> None:
    logging.getLogger("shop").error("disk nearly full")


def test_lines_that_come_late_are_shown_though_a_span_was_opened_meanwhile(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with execution("told") as run:
        talk()
    flusher.flush_all()
    page = open_page("about:blank")
    held: list[Any] = []
    page.route(re.compile("part=logs"), lambda route: held.append(route))
    page.goto(f"{serve().url}executions/{run.id}")
    page.locator(".hot").first.get_by_role("link", name="talk").click()
    expect(page).to_have_url(re.compile("#span="))
    lines = page.get_by_role("list", name="Lines of all tasks")
    expect(lines).to_have_count(0)
    (late,) = held
    late.continue_()
    expect(lines).to_contain_text("disk nearly full")


@task(deck_fields=())
def step(number: int) -> None:
    if number == 48:
        raise ValueError("no such step")


def test_of_many_tasks_few_are_listed_and_those_that_failed(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with execution("many") as run:
        for number in range(50):
            with contextlib.suppress(ValueError):
                step(number)
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}")
    rows = page.locator(".tree tbody tr:visible")
    expect(rows).to_have_count(26)
    expect(rows.last).to_have_attribute("data-status", "failed")
    page.get_by_role("button", name="Show all 50").click()
    expect(rows).to_have_count(50)
    expect(page.get_by_role("button", name="Show all 50")).to_have_count(0)


def test_lines_are_told_in_the_reader_s_time_as_all_the_rest(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with FixedClock(1_795_000_000.0), execution("told") as run:
        talk()
    flusher.flush_all()
    page = open_page(f"{serve().url}executions/{run.id}", timezone_id="Asia/Tokyo", locale="en-US")
    expect(page.locator(".head .facts time").first).to_have_text("Nov 18, 2026, 08:06:40 PM GMT+9")
    expect(page.locator(".said time")).to_have_text("08:06:40 PM")
    page.locator(".tree").get_by_role("link", name="Logs").click()
    expect(deck_frame(page).locator(".row .time")).to_have_text("08:06:40.000 PM")


def test_calls_whose_exceptions_were_handled_are_amber_among_the_operations(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    @task
    def fetch(number: int) -> None:
        raise ConnectionError(f"refused: {number}")

    @task
    def lookup() -> None:
        raise KeyError("airport")

    @task
    def patient() -> None:
        for number in range(60):
            with contextlib.suppress(ConnectionError):
                fetch(number)
        lookup()

    with pytest.raises(KeyError), execution("night") as run:
        patient()
    page = open_page(f"{serve().url}executions/{run.id}")
    hottest = page.locator(".operations .hot").first
    failed = {name: hottest.locator("tr", has_text=name).locator("td").last for name in ("fetch", "lookup")}
    expect(failed["fetch"]).to_have_text("60")
    expect(failed["fetch"]).to_have_attribute("title", "Their exceptions were handled by their callers")
    expect(failed["lookup"]).to_have_text("1")
    colours = {name: cell.evaluate("cell => getComputedStyle(cell).color") for name, cell in failed.items()}
    assert colours["fetch"] != colours["lookup"]
    assert colours["lookup"] == page.locator(".operations .bad").first.evaluate("cell => getComputedStyle(cell).color")


def colour(locator: Any) -> Any:
    return locator.evaluate("one => getComputedStyle(one).color")


def test_a_call_whose_exception_was_handled_is_amber_wherever_it_stands(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    @task
    def fetch() -> None:
        raise ConnectionError("refused")

    @task
    def lookup() -> None:
        with contextlib.suppress(ConnectionError):
            fetch()
        raise KeyError("airport")

    with pytest.raises(KeyError), execution("night") as run:
        lookup()
    ids = {name: load_execution(run.id).task(name).id for name in ("fetch", "lookup")}
    url = f"{serve().url}executions/{run.id}"
    page = open_page(f"{url}/tasks/{ids['fetch']}")
    side = {name: page.locator(".side li", has_text=name).locator(".status") for name in ids}
    amber, red = colour(side["fetch"]), colour(side["lookup"])
    assert amber != red
    expect(side["fetch"]).to_have_attribute("title", "Failed; handled by its caller")
    expect(side["lookup"]).to_have_attribute("title", "Failed")
    badge = page.locator(".head .badge")
    expect(badge).to_have_text("Failed, handled")
    assert colour(badge) == colour(page.locator(".head .error > .icon")) == amber

    page.goto(f"{url}/tasks/{ids['lookup']}")
    expect(badge).to_have_text("Failed")
    assert colour(badge) == colour(page.locator(".head .error > .icon")) == red

    page.goto(f"{url}#span={ids['fetch']}")
    assert colour(page.locator(".span-head .status")) == amber
    assert colour(page.locator(".tree tr", has_text="fetch").locator(".status")) == amber
    assert colour(page.locator(".tree tr", has_text="fetch").locator(".when-bar svg")) == amber

    page.goto(f"{url.replace('executions/', 'compare?left=')}&right={run.id}")
    compared = {name: page.locator(".tree.compared tr", has_text=name).locator(".status").first for name in ids}
    assert [colour(compared[name]) for name in ids] == [amber, red]

    page.goto(f"{url.partition('executions/')[0]}pipelines?name=night")
    cells = {name: page.locator(".runs tr", has_text=name).locator("td a .part") for name in ids}
    for name, tone in (("fetch", amber), ("lookup", red)):
        expect(cells[name]).to_have_css("fill", tone)


SEEN = """(canvas, lane) => {
  const ratio = canvas.width / canvas.clientWidth;
  const row = canvas.getContext("2d").getImageData(0, (26 + 22 * lane + 11) * ratio, canvas.width, 1).data;
  const found = [];
  for (let x = 0; x < canvas.width; x += 1) {
    const [red, green, blue, alpha] = row.slice(4 * x, 4 * x + 4);
    if (alpha > 180 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) found.push(x / ratio);
  }
  return found;
}"""


def test_calls_far_below_a_pixel_are_seen_and_open_at_a_click(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    with FixedClock(1_795_000_000.0) as clock:

        @task(deck_fields=())
        def blink() -> None:
            clock.advance(1e-6)

        with execution("hour") as run:
            clock.advance(1800)
            blink()
            clock.advance(1800)
            blink()
    page = open_page(f"{serve().url}executions/{run.id}")
    page.locator("[data-timeline][data-ready]").wait_for()
    canvas = page.locator("canvas")
    width = canvas.evaluate("canvas => canvas.clientWidth")
    seen = canvas.evaluate(SEEN, 1)
    middle = [x for x in seen if x < width - 4]
    assert len(middle) == len(seen) - len(middle) == 2
    assert middle[0] == pytest.approx(width / 2, abs=2)
    panel = page.locator(".span-panel")
    for x, after in ((middle[0], "30 min"), (seen[-1], "1 h")):
        canvas.click(position={"x": x + 0.5, "y": 26 + 22 + 11})
        expect(panel.get_by_role("heading", name="blink")).to_be_visible()
        expect(panel.locator(".fact", has_text="After")).to_contain_text(after)
    marks = page.locator(".tree .when-bar .moment")
    expect(marks).to_have_count(2)
    for mark in marks.all():
        assert mark.evaluate("mark => getComputedStyle(mark).stroke") == colour(page.locator(".when-bar svg").first)
