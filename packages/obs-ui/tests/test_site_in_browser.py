"""A site of plain files in a real browser, opened from disk and from a server that knows nothing of obs."""

from __future__ import annotations

import contextlib
import functools
import http.server
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, check, execution, load_execution, log_metric, span, task
from obs_core.journal import flusher
from obs_core.testing.hostile import HOSTILE_NAVIGATIONS, HOSTILE_REQUESTS, REACHES, WHOLE_DOCUMENT, Listener

pytestmark = pytest.mark.browser

Write = Callable[..., Path]


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


@pytest.fixture(params=["file", "http"])
def address(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], str]]:
    """Give the address of a folder, as disks and as servers of plain files have it."""
    with contextlib.ExitStack() as stack:

        def of(site: Path) -> str:
            if request.param == "file":
                return f"{site.as_uri()}/index.html"
            handler = functools.partial(_Silent, directory=str(site.parent))
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/{site.name}/index.html"

        yield of


@pytest.fixture
def open_page(address: object, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """Open pages, which are closed before the servers that they may still load from."""
    return open_page


class _Silent(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # it tells no pages apart that were written within a second
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def record(name: str, rows: int, **tags: str) -> str:
    @task
    def load() -> None:
        with span("read", rows=rows):
            logging.getLogger("loading").warning("%d rows have no airport", rows)
        check("rows > 0", rows > 0, f"{rows} rows")
        Deck("Quality").append(f"<p id=rows></p><script>rows.innerText = '{rows} rows, ' + typeof parent</script>")
        for step in range(3):
            log_metric("loss", rows / (step + 1))
        if rows == 0:
            raise ValueError("no rows")

    with contextlib.suppress(ValueError), execution(name, tags=tags) as run:
        load()
    flusher.flush_all()
    return run.id


def shows(page: Any, names: list[str]) -> None:
    """Wait until the list shows just these executions."""
    expect(page.locator(".executions tbody:visible .names")).to_have_text(names)


def test_the_list_is_searched_filtered_and_sorted_without_a_server(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str]
) -> None:
    for name, rows in (("flights", 3), ("weather", 0), ("airports", 5)):
        record(name, rows, year="2013" if rows else "2014")
    page = open_page(address(write_site()))
    expect(page.locator(".executions tbody:visible")).to_have_count(3)
    shows(page, ["airports", "weather", "flights"])
    page.locator(".filters input[type=search]").fill("FLIGHTS year=2013")
    expect(page.locator(".executions tbody:visible")).to_have_count(1)
    shows(page, ["flights"])
    expect(page).to_have_url(re.compile("text=FLIGHTS"))
    page.locator(".filters input[type=search]").fill("nowhere")
    expect(page.get_by_text("No execution matches")).to_be_visible()
    page.locator(".clear").click()
    expect(page.locator(".executions tbody:visible")).to_have_count(3)
    page.locator('.choices a[data-status="failed"]').click()
    expect(page.locator(".executions tbody:visible")).to_have_count(1)
    shows(page, ["weather"])
    expect(page.locator('.choices a[data-status="succeeded"] .how-many')).to_have_text("2")
    page.locator(".choices a", has_text="All").click()
    page.locator('th[data-sort="name"] a').click()
    expect(page.locator('th[data-sort="name"]')).to_have_attribute("aria-sort", "ascending")
    shows(page, ["airports", "flights", "weather"])
    page.get_by_role("link", name="year: 2014").click()
    expect(page.locator(".executions tbody:visible")).to_have_count(1)
    shows(page, ["weather"])


def test_names_tags_and_days_narrow_as_they_do_with_a_server(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str]
) -> None:
    for name in ("train", "Train", "retrain", ""):
        record(name, 3, **{"a=b": name or "none"})
    page = open_page(address(write_site()))
    expect(page.locator(".executions tbody:visible")).to_have_count(4)
    page.get_by_role("link", name="a=b: train", exact=True).click()
    expect(page.locator(".executions tbody:visible")).to_have_count(1)
    for name in ("train", "Untitled"):
        page.goto(address(write_site(out="site")))
        page.locator("tbody", has=page.get_by_role("link", name=name, exact=True)).locator(".all-runs").click()
        page.get_by_role("link", name="As a list").click()
        expect(page.get_by_text(f"only runs of {name}")).to_be_visible()
        shows(page, [name])
        page.locator(".filters input[type=search]").fill("rain")
        expect(page.locator(".executions tbody:visible")).to_have_count(1 if name == "train" else 0)
        page.locator(".clear").click()
        expect(page.locator(".executions tbody:visible")).to_have_count(4)
    page.get_by_label("From").fill("2026-12-01")
    page.get_by_label("to", exact=True).fill("2026-11-01")
    expect(page.get_by_text("the days are the wrong way round")).to_be_visible()


def test_an_execution_its_spans_tasks_decks_and_pipeline_are_one_click_apart(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str]
) -> None:
    record("flights", 3)
    record("flights", 7)
    failed = record("flights", 0)
    page = open_page(address(write_site()))
    page.locator(f'tbody[data-id="{failed}"] .names a').click()
    page.locator("[data-timeline][data-ready]").wait_for()
    expect(page.locator(".operations .hot").first).to_contain_text("read")
    expect(page.locator(".said")).to_contain_text("0 rows have no airport")
    page.locator(".said a", has_text="read").click()
    expect(page.locator(".span-panel")).to_contain_text("rows")
    expect(page).to_have_url(re.compile("#span="))
    page.locator("[data-metrics] canvas").first.wait_for()
    page.locator(".tree .main a", has_text="load").click()
    expect(page.locator("h1")).to_have_text("load")
    page.get_by_role("tab", name="Quality").click()
    deck = page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")
    expect(deck.locator("#rows")).to_have_text("0 rows, object")
    expect(page).to_have_url(re.compile("deck=Quality"))
    page.reload()
    expect(page.get_by_role("tab", name="Quality")).to_have_attribute("aria-selected", "true")
    page.locator(".crumbs a", has_text="flights").click()
    page.get_by_role("link", name="What changed").click()
    expect(page.locator(".changes")).to_contain_text("failed: ValueError: no rows")
    page.locator(".crumbs a", has_text="flights").click()
    page.get_by_role("link", name="All runs").click()
    expect(page.locator(".runs .whole td a")).to_have_count(3)
    page.locator("[data-durations] canvas").wait_for()


def test_what_needs_a_server_is_not_offered(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str]
) -> None:
    run = record("flights", 3)
    site = write_site()
    page = open_page(address(site))
    expect(page.locator("input[type=checkbox]")).to_have_count(0)
    page.locator(".names a").click()
    page.locator("[data-timeline][data-ready]").wait_for()
    offered = page.locator(".actions a:visible").all_inner_texts()
    assert offered == ["All runs"]
    expect(page.locator(".offline")).to_be_hidden()
    write_site("--reports")
    page.reload()
    assert page.locator(".actions a:visible").all_inner_texts() == ["All runs", "Report", "Trace"]
    assert (site / "executions" / run / "report.html").is_file()


@pytest.fixture
def listener() -> Iterator[Listener]:
    started = Listener()
    yield started
    started.close()


def test_decks_stay_contained(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str], listener: Listener
) -> None:
    attempts = {"requests": "\n".join(HOSTILE_REQUESTS.values()), **HOSTILE_NAVIGATIONS}
    decks = {name: html.format(listener.address) for name, html in attempts.items()}
    decks |= {f"{name} document": WHOLE_DOCUMENT.format(html) for name, html in decks.items()}
    reaches = REACHES.replace("API", f"{listener.address}/api")
    says = "onload='out.innerText=`loaded`' onerror='out.innerText=`refused`'"
    neighbour = f"<p id=out></p><script src='../../static/obs.js' {says}></script>"

    @task(deck_fields=())
    def hostile() -> None:
        for name, html in {**decks, "reaches": reaches, "neighbour": neighbour, "last": "<p>the last one</p>"}.items():
            Deck(name).append(html)

    with execution("hostile") as run:
        hostile()
    flusher.flush_all()
    shown = load_execution(run.id).task("hostile")
    index = address(write_site())
    page = open_page(index.replace("index.html", f"executions/{run.id}/task-{shown.id}.html"), complains=True)
    frame = page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")

    def open_tab(name: str) -> None:
        page.get_by_role("tab", name=name, exact=True).click()
        page.locator(".panel:not(.away) > iframe:not(.arriving)").wait_for()

    for name in decks:
        open_tab(name)
    open_tab("reaches")
    expect(frame.locator("#out")).to_have_text("reached:")
    open_tab("neighbour")
    expect(frame.locator("#out")).to_have_text("refused")
    assert page.evaluate("window.hit") is None
    assert page.title() == "hostile · succeeded · hostile · obs"
    open_tab("last")
    expect(frame.get_by_text("the last one")).to_be_visible()
    # Whatever was to be sent is sent by now: the browser answers only after it has done what was asked before.
    page.wait_for_timeout(1000)
    assert listener.requests == []


def test_a_phone_shows_pages_without_scrolling_sideways(
    write_site: Write, open_page: Callable[..., Any], address: Callable[[Path], str]
) -> None:
    run = record("flights with a name that is longer than a phone is wide, by far", 3, team="data")
    index = address(write_site())
    for path in ("index.html", f"executions/{run}/index.html"):
        page = open_page(index.replace("index.html", path), width=390)
        page.locator("h1").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
