"""What keeps the server safe: who may ask, by which name, for what, and what the answers allow."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obs_ui.addresses import STORE, VIEWER, Below, OnlyOne, Viewer
from obs_ui.limits import HEADER_BYTES
from obs_ui.links import LinkError, Links
from obs_ui.refusals import refusal

__all__ = ["DECK_POLICY", "LOOPBACK", "PAGE_POLICY", "Access", "Guard", "is_loopback", "new_token"]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For our own pages: nothing inline, nothing from elsewhere, in nobody's frame."""

DECK_POLICY = (
    "sandbox allow-scripts; default-src 'none'; connect-src blob: data:;"
    " script-src 'unsafe-inline' 'unsafe-eval' blob: data:; style-src 'unsafe-inline' blob: data:; img-src blob: data:;"
    " font-src blob: data:; media-src blob: data:; worker-src blob: data:; frame-src blob: data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)
"""For what holds a user's HTML: an opaque origin that reaches nothing; inline charts work.

It may read blobs and data of its own (`connect-src`): a file that it wants to save is handed to the page around it.
"""

NOTHING_POLICY = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For answers that are no pages: should a browser show one all the same, it does nothing."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]+)?", re.ASCII | re.IGNORECASE)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"))


class Access(Struct, frozen=True):
    """Who may look.

    Attributes:
        names: Host names by which the server may be asked; others are refused, so that no foreign name can be made to
            lead here (DNS rebinding). Addresses are always fine: nobody can make them lead elsewhere.
        token: What a browser must have shown once; empty if none is asked for.
        root: The path below which a proxy shows the server, such as ``/obs``; empty for the root. The proxy may take it
            away before it asks.
        user_header: The header in which a proxy says who asks; empty if there is none. Whoever is named may look.
        proxies: From where that header is believed.
        links: Which links show an execution to whoever has them; None for none.
        stores: The addresses of the stores, for which links are signed, each with its name; empty for one alone.
    """

    names: frozenset[str] = frozenset({"localhost"})
    token: str = ""
    root: str = ""
    user_header: str = ""
    proxies: tuple[Network, ...] = LOOPBACK
    links: Links | None = None
    stores: Mapping[str, str] = {}

    def user_of(self, client: str, headers: Headers) -> str:
        """Return who asks, as a trusted proxy says; empty if none does.

        Args:
            client: The address from which it is asked.
            headers: The request's headers.
        """
        given = headers.getlist(self.user_header) if self.user_header and self._trusts(client) else []
        # Two are one too many: a proxy that adds its own to what it was given must not be taken at the client's word.
        return given[0].strip()[:200] if len(given) == 1 else ""

    def _trusts(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.proxies)

    def allows_host(self, host: str) -> bool:
        """Tell whether the server may be asked by a name, as the Host header gives it."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").rstrip(".").lower()
        return name in self.names or _is_address(name)

    def accepts(self, given: str) -> bool:
        """Tell whether a token is the right one, in a time that does not depend on how much of it is."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


class Guard:
    """The outermost layer of the server.

    Args:
        app: What answers if nothing is wrong.
        access: Who may look.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": _below(scope["path"], self._access.root)}
        answer = self._refusal(scope) or self._linked(scope) or self._known(scope) or self._app
        await answer(scope, receive, _with_headers(send, scope["path"]))

    def _refusal(self, scope: Scope) -> Response | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            return PlainTextResponse("The request's headers are too long.\n", 431, _CLOSED)
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.allows_host(hosts[0]):
            return refusal(headers, 421, "Unknown host name", _WRONG_HOST, _CLOSED)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse(
                "Nothing can be changed here: GET and HEAD only.\n", 405, _CLOSED | {"Allow": "GET, HEAD"}
            )
        if "\0" in scope["path"]:
            return refusal(
                headers, 404, "There is no such page", "No address has such a character in it."
            )  # no file system takes such a name
        return None

    def _linked(self, scope: Scope) -> ASGIApp | None:
        """Answer whoever has a link: it is all that they need, and all that they see is its execution."""
        found = _LINK.fullmatch(scope["path"])
        if found is None or self._access.links is None:
            return None
        headers = Headers(scope=scope)
        try:
            store, execution = self._access.links.held_by(self._access.stores, found[1])
        except LinkError as error:
            return refusal(headers, 403, "This link opens nothing", str(error), _CLOSED)
        pages = OnlyOne(f"{self._access.root}/links/{found[1]}", execution)
        if not pages.shows(found[2]):
            return refusal(headers, 403, "Not part of this link", _OTHER_PAGE)
        scope["path"] = found[2]
        if name := self._access.stores[store]:
            scope[STORE] = name
        scope[VIEWER] = Viewer(pages)
        return self._app

    def _known(self, scope: Scope) -> Response | None:
        """Refuse whoever is not known, if somebody has to be; note who it is."""
        headers, access = Headers(scope=scope), self._access
        user = access.user_of((scope.get("client") or ("",))[0], headers)
        scope[VIEWER] = Viewer(Below(access.root) if access.root else None, user)
        if user:
            return None
        if access.token:
            return self._token_refusal(scope, headers)
        return refusal(headers, 401, "Nobody is signed in", _NO_USER, _CLOSED) if access.user_header else None

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if self._access.accepts(_cookie(headers.get("cookie", ""), _cookie_name(scope))):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if self._access.accepts(dict(query).get("token", "")):
            return self._admission(scope, [(name, value) for name, value in query if name != "token"])
        return refusal(headers, 401, "A token is needed", _NO_TOKEN, _CLOSED)

    def _admission(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Keep the token in a cookie, and take it out of the address."""
        path = self._access.root + "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
        answer.set_cookie(
            _cookie_name(scope),
            self._access.token,
            max_age=30 * 86400,
            path=self._access.root or "/",
            httponly=True,
            samesite="strict",
        )
        return answer


_LINK = re.compile(r"/links/([^/]+)(/.*)", re.DOTALL)


def _below(path: str, root: str) -> str:
    """Return a path without the one below which a proxy shows the server, if it is there."""
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :] or "/"
    return path


_CLOSED = {"Connection": "close"}
"""Whoever is refused keeps no connection."""

_WRONG_HOST = (
    "This server does not answer to that name. Open it by its address or as localhost, or start it with"
    " `obs ui --allow-host NAME`."
)
_NO_USER = (
    "This server answers only through its proxy, which says who you are. Open the proxy's address and sign in there."
)
_NO_TOKEN = "Open the address that `obs ui` printed when it started: it contains the token, which is new at each start."
_OTHER_PAGE = "This link shows one execution and nothing else. Ask whoever sent it for a link to what you need."


def new_token() -> str:
    """Make a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie_name(scope: Scope) -> str:
    """Name the cookie by the port: browsers send those of a host to all of its ports, where others may listen."""
    server = scope.get("server")
    return f"obs-token-{server[1]}" if server else "obs-token"


def _cookie(header: str, name: str) -> str:
    """Return a cookie's value, in a time linear in the header's length; `SimpleCookie`'s is quadratic."""
    for part in header.split(";"):
        given, _, value = part.partition("=")
        if given.strip() == name:
            return value.strip().strip('"')
    return ""


def _with_headers(send: Send, path: str) -> Send:
    # What is recorded stays in no cache; scripts and styles of ours may, if the browser asks whether they changed.
    keeping = "no-cache" if path.startswith("/static/") else "no-store"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            _add(headers, _HEADERS.items())
            is_page = headers.get("content-type", "").startswith("text/html")
            _add(headers, [("Content-Security-Policy", PAGE_POLICY if is_page else NOTHING_POLICY)])
            _add(headers, [("Cache-Control", keeping)])
        await send(message)

    return sending


def _add(headers: MutableHeaders, given: Iterable[tuple[str, str]]) -> None:
    """Add headers that the answer does not set itself."""
    for name, value in given:
        headers.setdefault(name, value)
