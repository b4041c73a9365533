"""Decks that were written to do harm, in a real browser: they reach nothing, and nothing leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, execution, load_execution, task
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

pytestmark = pytest.mark.browser


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def record(**decks: str) -> str:
    """Record a task with these decks; returns the path of its page."""

    @task(deck_fields=())
    def hostile() -> None:
        for name, html in decks.items():
            Deck(name.replace("_", " ")).append(html)

    with execution("hostile") as run:
        hostile()
    shown = load_execution(run.id).task("hostile")
    return f"executions/{run.id}/tasks/{shown.id}"


def deck_frame(page: Any) -> Any:
    return page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")


def open_tab(page: Any, name: str) -> Any:
    page.get_by_role("tab", name=name, exact=True).click()
    page.locator(".panel:not(.away) > iframe:not(.arriving)").wait_for()


@pytest.mark.parametrize("token", [False, True])
def test_a_deck_cannot_reach_the_page_the_viewer_or_the_server(
    token: bool, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    server = serve(*(["--host", "0.0.0.0"] if token else []))
    base, _, admission = server.url.partition("?")
    port = base.rstrip("/").rpartition(":")[2]
    base = f"http://127.0.0.1:{port}/"
    attack = REACHES.replace("API", f"{base}executions")
    path = record(victim="<p>still here</p>", attack=attack, document=WHOLE.format(attack))
    page = open_page(f"{base}{path}?{admission}", complains=True)
    dialogs: list[Any] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))
    expect(deck_frame(page).get_by_text("still here")).to_be_visible()
    assert [cookie["httpOnly"] for cookie in page.context.cookies()] == [True] * token

    for name in ("attack", "document"):
        open_tab(page, name)
        expect(deck_frame(page).locator("#out")).to_have_text("reached:")
    assert page.evaluate("window.hit") is None
    assert page.title() == "hostile · succeeded · hostile · obs"
    assert dialogs == []
    open_tab(page, "victim")
    expect(deck_frame(page).get_by_text("still here")).to_be_visible()


@pytest.mark.parametrize("html", [GREEDY, WHOLE.format(GREEDY)], ids=["items", "document"])
def test_a_deck_that_was_merely_opened_gets_nothing_though_it_takes_the_focus(
    html: str, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(serve().url + record(first="<p>first</p>", greedy=html), complains=True)
    page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1 } }")
    downloads: list[Any] = []
    page.on("download", lambda download: downloads.append(download))
    open_tab(page, "greedy")
    expect(deck_frame(page).locator("#out")).to_have_text("opened nothing")
    page.wait_for_timeout(700)
    page.keyboard.press("Enter")  # the focus is not on what the page asks
    expect(page.get_by_role("heading", name="hostile")).to_be_in_viewport()
    assert len(page.context.pages) == 1
    assert page.evaluate("[window.printed, scrollY]") == [0, 0]
    assert downloads == []


def test_what_a_deck_asks_for_is_done_on_a_click_of_the_reader_s(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    html = """<a href="https://example.org/x">out</a> <a href="#far">go</a>
    <a download="a.csv" href="data:text/csv,one%2Ctwo">data</a> <div style="height:3000px"></div><h2 id=far>Far</h2>"""
    page = open_page(serve().url + record(asks=html), complains=True)
    asked = page.get_by_role("group", name="This deck asks")
    deck_frame(page).get_by_text("data").click()
    with page.expect_download() as download:
        asked.get_by_role("button", name="Save").click()
    assert Path(download.value.path()).read_text() == "one,two"
    deck_frame(page).get_by_text("out").click()
    expect(asked).to_contain_text("This deck wants to open example.org: https://example.org/x")
    with page.expect_popup() as popup:
        asked.get_by_role("button", name="Open").click()
    popup.value.close()
    deck_frame(page).get_by_text("go").click()
    asked.get_by_role("button", name="Scroll there").click()
    expect(deck_frame(page).get_by_text("Far")).to_be_in_viewport()


def test_lies_do_no_harm(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(serve().url + record(a=LIES))
    expect(deck_frame(page).get_by_text("lies")).to_be_visible()
    assert page.locator(".panel iframe").evaluate("frame => frame.offsetHeight") <= 500_000


def test_hostile_names_do_nothing(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    name = "</script><img src=x onerror='window.hit=1'>\"'><svg onload=window.hit=1>\u202e{{7*7}}"

    @task(name=name)
    def work() -> None:
        Deck(name).append("<p>content</p>")
        from obs_core import link, span

        link(name, "javascript:window.hit=1")
        link(name, "https://example.org/" + name)
        with span(name, key=name):
            pass
        raise ValueError(name)

    run = execution(name, tags={name: name})
    with pytest.raises(ValueError, match="script"), run:
        work()
    server = serve()
    shown = load_execution(run.id).tasks[0]
    page = open_page(server.url)
    expect(page.locator(".executions tbody")).to_have_count(1)
    shows = {
        f"executions/{run.id}#span={shown.id}": "[data-timeline][data-ready]",
        f"executions/{run.id}/tasks/{shown.id}": ".panel:not(.away) > iframe:not(.arriving)",
    }
    for path, selector in shows.items():
        page.goto(server.url + path)
        page.locator(selector).first.wait_for()
        assert page.locator("main img, main svg[onload], a[href^='javascript']").count() == 0
    assert page.locator("h1").inner_text().startswith("</script><img")
    page.goto(f"{server.url}compare?left={run.id}&right={run.id}")
    expect(page.locator(".compared").first).to_be_visible()
    assert page.evaluate("window.hit") is None


@pytest.fixture
def listener() -> Iterator[Listener]:
    started = Listener()
    yield started
    started.close()


def test_no_deck_sends_anything_out(
    serve: Callable[..., Any], open_page: Callable[..., Any], listener: Listener
) -> None:
    attempts = {"requests": "\n".join(HOSTILE_REQUESTS.values()), **HOSTILE_NAVIGATIONS}
    decks = {name: html.format(listener.address) for name, html in attempts.items()}
    decks |= {f"{name}_document": WHOLE.format(html) for name, html in decks.items()}
    server = serve()
    path = record(**decks, last="<p>the last one</p>")
    page = open_page(server.url + path, complains=True)
    for name in decks:
        open_tab(page, name.replace("_", " "))
    alone = page.context.new_page()
    alone.goto(f"{server.url}{path}/decks/alone?deck=location")
    alone.locator(".panel > iframe:not(.arriving)").wait_for()
    open_tab(page, "last")
    expect(deck_frame(page).get_by_text("the last one")).to_be_visible()
    # Whatever was to be sent is sent by now: the browser answers only after it has done what was asked before.
    page.wait_for_timeout(1000)
    assert listener.requests == []


def test_a_deck_has_no_way_to_other_peers(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    asks = "<p id=out></p><script>out.innerText = typeof RTCPeerConnection</script>"
    page = open_page(serve().url + record(a=asks, b=WHOLE.format(asks)))
    expect(deck_frame(page).locator("#out")).to_have_text("undefined")
    open_tab(page, "b")
    expect(deck_frame(page).locator("#out")).to_have_text("undefined")


def test_the_empty_document_takes_content_from_nobody_but_the_page_around_it(
    serve: Callable[..., Any], open_page: Callable[..., Any], tmp_path: Any
) -> None:
    server = serve()
    page = open_page(f"{server.url}frame")
    page.evaluate("window.postMessage({ document: '<p>injected</p>' }, '*')")
    expect(page.get_by_text("injected")).to_have_count(0)
    outside = tmp_path / "outside.html"
    outside.write_text(f"<iframe src='{server.url}frame'></iframe>")
    foreign = open_page(outside.as_uri(), complains=True)
    foreign.evaluate("frames[0].postMessage({ document: '<p>injected</p>' }, '*')")
    expect(foreign.frame_locator("iframe").get_by_text("injected")).to_have_count(0)


def test_a_deck_that_never_ends_can_be_closed_and_the_others_still_open(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(serve().url + record(fine="<p>all is well</p>", loops=LOOPS, also="<p>here too</p>"))
    expect(deck_frame(page).get_by_text("all is well")).to_be_visible()
    page.get_by_role("tab", name="loops").click()
    page.get_by_text("This deck does not answer").wait_for()
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("It was closed because it did not answer.")).to_be_visible()
    assert page.locator("iframe").count() == 0
    for name, text in (("also", "here too"), ("fine", "all is well")):
        page.get_by_role("tab", name=name).click()
        expect(deck_frame(page).get_by_text(text)).to_be_visible()
    page.get_by_role("tab", name="loops").click()
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()
    page.get_by_role("link", name="obs: all executions").click()
    expect(page.get_by_role("heading", name="Executions")).to_be_visible()


ACCEPT_OFFER = """() => {
  const button = document.querySelector(".panel:not(.away) .silence button");
  button?.click();
  return Boolean(button);
}"""


def test_a_hidden_deck_that_never_ends_is_not_the_last_that_is_seen(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    begins = "<script>parent.postMessage('begun', '*'); setTimeout(() => { for (;;); }, 0)</script>"
    page = open_page(serve().url + record(fine="<p>all is well</p>", loops=begins, also="<p>here too</p>"))
    expect(deck_frame(page).get_by_text("all is well")).to_be_visible()
    said = "new Promise(resolve => addEventListener('message', ({ data }) => data === 'begun' && resolve()))"
    page.evaluate(f"() => {{ window.begun = {said} }}")
    page.get_by_role("tab", name="loops").click()
    page.evaluate("window.begun")
    page.get_by_role("tab", name="also").click()
    shown = page.locator(".panel:not(.away) > iframe:not(.arriving)")
    offer = page.get_by_role("button", name="Close it")
    expect(shown.or_(offer).first).to_be_visible()  # a browser may give each deck a process of its own
    if page.evaluate(ACCEPT_OFFER):  # in one step: a slow deck that answers after all takes the offer back
        page.get_by_role("button", name="Open it again").click()
    expect(deck_frame(page).get_by_text("here too")).to_be_visible()


@pytest.mark.parametrize("to", ["http://127.0.0.1:9", "about:blank", "SERVER/frame"])
def test_a_deck_that_led_its_frame_elsewhere_is_shown_again(
    serve: Callable[..., Any], open_page: Callable[..., Any], to: str
) -> None:
    server = serve()
    to = to.replace("SERVER/", server.url)
    leaves = f"<p>as recorded</p><button onclick='location = \"{to}\"'>away</button>"
    page = open_page(server.url + record(leaves=leaves), complains=True)
    deck_frame(page).get_by_role("button", name="away").click()
    page.get_by_role("button", name="Show it again").click()
    expect(deck_frame(page).get_by_text("as recorded")).to_be_visible()
    expect(page.get_by_text("has led its frame elsewhere")).to_have_count(0)


def test_a_deck_that_floods_the_page_is_closed(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(serve().url + record(floods=FLOODS, fine="<p>all is well</p>"))
    expect(page.get_by_text("It was closed because it flooded this page with messages.")).to_be_visible()
    page.get_by_role("tab", name="fine").click()
    expect(deck_frame(page).get_by_text("all is well")).to_be_visible()


def test_a_deck_that_takes_its_time_is_left_alone(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    slow = "<p id=out>0</p><script>setTimeout(() => { const end = Date.now() + 10500; while (Date.now() < end);"
    page = open_page(serve().url + record(slow=f"{slow} out.innerText = 'done' }}, 300)</script>"))
    # It says so for two of the ten seconds: the page itself looks, since the test may look too late.
    page.evaluate(
        """() => new MutationObserver(() => { window.said ||= document.body.innerText.includes("does not answer"); })
          .observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true })"""
    )
    expect(deck_frame(page).locator("#out")).to_have_text("done")
    assert page.evaluate("window.said")
    expect(page.get_by_text("This deck does not answer")).to_have_count(0)
