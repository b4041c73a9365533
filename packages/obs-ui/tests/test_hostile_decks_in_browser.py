"""Decks that were written to do harm, in a real browser: they reach nothing, and nothing leaves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from obs_core import Deck, execution, load_execution, task

pytestmark = pytest.mark.browser

WHOLE = "<!doctype html><html><head><title>Whole</title></head><body>{}</body></html>"


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


ATTACK = """<p id=out></p><script>
const attempts = {
  parent: () => parent.document.title,
  parentStorage: () => parent.localStorage.length,
  ownStorage: () => localStorage.getItem("obs-theme"),
  cookie: () => document.cookie,
  sibling: () => parent.frames[0].document.title,
  siblingNavigation: () => { parent.frames[0].location = "about:blank" },
  frameElement: () => frameElement.ownerDocument.title,
  origin: () => origin !== "null",
  sandbox: () => { parent.document.querySelector("iframe").removeAttribute("sandbox"); return true },
};
const got = Object.keys(attempts).filter(name => { try { return attempts[name]() } catch { return false } });
for (const go of [() => { top.location = "about:blank" }, () => { parent.location.replace("about:blank") }]) {
  try { go() } catch {}
}
alert(1);
fetch("API").then(() => got.push("fetch"), () => 0).finally(() => { out.innerText = "reached: " + got.join() });
</script><img src=x onerror="try { top.hit = 1 } catch {}">
<a id=up target=_top href="about:blank">up</a><script>up.click()</script>
<form target=_top action="about:blank"></form><script>document.forms[0].submit()</script>"""


@pytest.mark.parametrize("token", [False, True])
def test_a_deck_cannot_reach_the_page_the_viewer_or_the_server(
    token: bool, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    server = serve(*(["--host", "0.0.0.0"] if token else []))
    base, _, admission = server.url.partition("?")
    port = base.rstrip("/").rpartition(":")[2]
    base = f"http://127.0.0.1:{port}/"
    attack = ATTACK.replace("API", f"{base}executions")
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


def test_a_deck_without_a_click_opens_no_window(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    spam = """<p id=out></p><script>
    const opened = window.open("https://example.org");
    parent.postMessage({ obs: "open", url: "https://example.org" }, "*");
    parent.postMessage({ document: "<p>other</p>" }, "*");
    setTimeout(() => { out.innerText = "opened: " + (opened ? "yes" : "no") }, 300);
    </script>"""
    page = open_page(serve().url + record(a=spam), complains=True)
    expect(deck_frame(page).locator("#out")).to_have_text("opened: no")
    assert len(page.context.pages) == 1


def test_lies_about_height_do_no_harm(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    lies = """<p>lies</p><script>
    for (const height of [-5, NaN, Infinity, "9px", {}, null, 1e12]) parent.postMessage({ obs: "height", height }, "*");
    for (const other of [null, 1, "x", [], { obs: {} }, { obs: "waiting" }]) parent.postMessage(other, "*");
    </script>"""
    page = open_page(serve().url + record(a=lies))
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


class Listener:
    """A server on loopback that notes whatever is asked of it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                request = connection.recv(1000).decode("latin-1")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n")
            except OSError:
                return
            if request:
                self.requests.append(request.split()[1].strip("/"))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    started = Listener()
    yield started
    started.close()


REQUESTS = {
    "img": "<img src={0}/img>",
    "fetch": "<script>fetch('{0}/fetch').catch(() => 0)</script>",
    "beacon": "<script>navigator.sendBeacon('{0}/beacon')</script>",
    "socket": "<script>new WebSocket('{0}/socket'.replace('http', 'ws'))</script>",
    "events": "<script>new EventSource('{0}/events')</script>",
    "script": "<script src={0}/script></script>",
    "module": "<script type=module>import '{0}/module'</script>",
    "sheet": "<link rel=stylesheet href={0}/sheet>",
    "background": "<p style='background:url({0}/background)'>x</p>",
    "frame": "<iframe src={0}/frame></iframe>",
    "object": "<object data={0}/object></object>",
    "video": "<video src={0}/video></video>",
    "prefetch": "<link rel=prefetch href={0}/prefetch>",
    "svg": "<svg><image href={0}/svg /></svg>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob(['fetch(`{0}/worker`)'])))</script>",
    "srcdoc": "<iframe srcdoc='<img src={0}/srcdoc>'></iframe>",
    "data": "<iframe src='data:text/html,<img src={0}/data>'></iframe>",
}
NAVIGATIONS = {
    "location": "<script>location = '{0}/location'</script>",
    "refresh": "<meta http-equiv=refresh content='0; url={0}/refresh'>",
    "click": "<a id=link href={0}/click>x</a><script>link.click()</script>",
    "post": "<form method=post action={0}/post></form><script>document.forms[0].submit()</script>",
    "download": "<a id=link download href={0}/download>x</a><script>link.click()</script>",
}


def test_the_attempts_below_would_reach_a_server(browser: Any, listener: Listener, tmp_path: Any) -> None:
    page = browser.new_page()
    file = tmp_path / "page.html"
    file.write_text("<!doctype html>" + "\n".join(REQUESTS.values()).format(listener.address))
    page.goto(file.as_uri(), wait_until="commit")
    for name, html in NAVIGATIONS.items():
        (tmp_path / f"{name}.html").write_text(html.format(listener.address))
        page.evaluate(
            "address => document.body.append(Object.assign(document.createElement('iframe'), { src: address }))",
            (tmp_path / f"{name}.html").as_uri(),
        )
    for _ in range(100):
        if {*REQUESTS, *NAVIGATIONS} <= set(listener.requests):
            break
        page.wait_for_timeout(100)
    page.close()
    assert {*REQUESTS, *NAVIGATIONS} - set(listener.requests) == set()


def test_no_deck_sends_anything_out(
    serve: Callable[..., Any], open_page: Callable[..., Any], listener: Listener
) -> None:
    attempts = {"requests": "\n".join(REQUESTS.values()), **NAVIGATIONS}
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


LOOPS = "<p>before</p><script>setTimeout(() => { for (;;); }, 300)</script>"
FLOODS = "<script>setInterval(() => { for (let n = 0; n < 9000; n++) parent.postMessage(n, '*') }, 1)</script>"


def test_a_deck_that_never_ends_can_be_closed_and_the_others_still_open(
    serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(serve().url + record(fine="<p>all is well</p>", loops=LOOPS, also="<p>here too</p>"))
    expect(deck_frame(page).get_by_text("all is well")).to_be_visible()
    page.get_by_role("tab", name="loops").click()
    page.get_by_text("This deck does not answer").wait_for()
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("It was closed, since it did not answer.")).to_be_visible()
    assert page.locator("iframe").count() == 0
    for name, text in (("also", "here too"), ("fine", "all is well")):
        page.get_by_role("tab", name=name).click()
        expect(deck_frame(page).get_by_text(text)).to_be_visible()
    page.get_by_role("tab", name="loops").click()
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()
    page.get_by_role("link", name="obs: all executions").click()
    expect(page.get_by_role("heading", name="Executions")).to_be_visible()


def test_a_deck_that_floods_the_page_is_closed(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(serve().url + record(floods=FLOODS, fine="<p>all is well</p>"))
    expect(page.get_by_text("It was closed, since it sent this page messages without end.")).to_be_visible()
    page.get_by_role("tab", name="fine").click()
    expect(deck_frame(page).get_by_text("all is well")).to_be_visible()


def test_a_deck_that_takes_its_time_is_left_alone(serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    slow = "<p id=out>0</p><script>setTimeout(() => { const end = Date.now() + 10500; while (Date.now() < end);"
    page = open_page(serve().url + record(slow=f"{slow} out.innerText = 'done' }}, 300)</script>"))
    page.get_by_text("This deck does not answer").wait_for()
    expect(deck_frame(page).locator("#out")).to_have_text("done")
    expect(page.get_by_text("This deck does not answer")).to_have_count(0)
