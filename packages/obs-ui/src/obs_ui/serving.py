"""Run the server: the port it gets, what it prints, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import uvicorn
from msgspec import Struct

from obs_core import ObsError
from obs_core.identity import host_name
from obs_core.reading.garbage import Keep
from obs_core.store import Store, open_store
from obs_core.store.base import StoreError
from obs_core.store.paths import EXECUTIONS
from obs_ui.app import app_of
from obs_ui.index import address_of, connect, default_address
from obs_ui.limits import HEADER_BYTES, BoundedProtocol, most_connections, quiet
from obs_ui.links import Links, default_secret_file
from obs_ui.retention import Sweeper
from obs_ui.security import LOOPBACK, Access, Network, is_loopback, new_token
from obs_ui.site import Site
from obs_ui.stores import named_stores

__all__ = ["CannotListenError", "ServerOptions", "serve"]

_PORTS_TRIED = 50
_WAITING = 128
"""Connections that the kernel keeps until they are accepted."""


class CannotListenError(ObsError, OSError):
    """The server cannot listen where it was told to."""


class SameStoreError(ObsError):
    """The same store was given twice."""


class ServerOptions(Struct, frozen=True):
    """What was asked for.

    Attributes:
        stores: The stores' addresses; none for the one that `OBS_STORE` names. Of several, each may have its name
            before it (`obs_ui.stores.named_stores`).
        host: The address to listen on.
        port: The port; the next free one is taken if it is in use, any if it is 0.
        index: The index's URL; None for a SQLite file in the user's cache folder.
        opens: Whether to open the browser.
        asks_for_token: Whether a token is asked for where others than this machine can reach the server.
        names: Further host names by which it may be asked.
        root_path: The path below which a proxy shows the server.
        user_header: The header in which a proxy says who asks.
        proxies: From where that header is believed.
        secret_file: The file of the secret by which links are signed; None for that in the user's configuration.
        keep: What is kept; all else is removed each hour. None to remove nothing.
    """

    stores: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8642
    index: str | None = None
    opens: bool = True
    asks_for_token: bool = True
    names: frozenset[str] = frozenset()
    keep: Keep | None = None
    root_path: str = ""
    user_header: str = ""
    proxies: tuple[Network, ...] = LOOPBACK
    secret_file: str | None = None


def serve(asked: ServerOptions) -> int:
    """Serve until Ctrl-C.

    Raises:
        StoreError: No such store can be opened.
        IndexError_: The index cannot be opened.
        CannotListenError: The address is not one of this machine's, or no port is free.
    """
    sites = _sites(asked)
    listening, port = _listening(asked.host, asked.port)
    access = _access(asked, sites)
    url = _url(asked.host, port, access)
    server = _Server(_config(app_of(sites, access)))
    if asked.opens:
        server.on_started = lambda: webbrowser.open(url)
    server.listen_to_signals()  # before anybody is told that Ctrl-C ends it
    _announce(asked, sites, port, url, access)
    # One each: a store that does not answer holds up no other one.
    sweepers = [] if asked.keep is None else [Sweeper(site.store, asked.keep) for site in sites]
    for sweeper in sweepers:
        sweeper.start()
    server.run(sockets=[listening])
    for sweeper in sweepers:
        sweeper.stop()
    for site in sites:
        site.engine.dispose()
    server.end_as_told()
    return 0


class _Server(uvicorn.Server):
    """A server that says when it can be asked, and tells live pages when it is about to end."""

    on_started: object = None

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._before: dict[int, Any] = {}
        self._told: list[int] = []

    def listen_to_signals(self) -> None:
        """Let signals end it from now on.

        uvicorn listens from when its event loop runs: a Ctrl-C just before that is raised in the middle of the
        beginning, and leaves a coroutine that was never awaited.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self.handle_exit)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are: they are listened to already."""
        yield

    def end_as_told(self) -> None:
        """Give the signals back, and end by the one that ended it; Ctrl-C is how it is meant to end."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if signal.SIGTERM in self._told:
            signal.raise_signal(signal.SIGTERM)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().set_exception_handler(quiet)
        await super().startup(sockets)
        if self.should_exit:
            await self.lifespan.shutdown()  # uvicorn 0.32 would leave it in the middle, and say so in a traceback
            return
        for listening in sockets or ():
            listening.listen(_WAITING)
        if callable(self.on_started):
            # Not one of obs's own (`obs_core.background`): a browser would inherit that it blocks all signals.
            threading.Thread(target=self.on_started, daemon=True).start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end: streams of events end at once."""
        self._told.append(sig)
        self.config.app.state.site.stop()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def _sites(asked: ServerOptions) -> list[Site]:
    """Open the stores, each with its index."""
    if len(asked.stores) < 2:
        store = _store(asked.stores[0] if asked.stores else None)
        return [Site(store, connect(asked.index or default_address(store)))]
    # Whether they can be read is found out while the pages are shown, which say so: none waits for another one.
    opened = [(name, open_store(address)) for name, address in named_stores(asked.stores)]
    addresses = [address_of(store) for _, store in opened]
    if len(set(addresses)) < len(addresses):
        raise SameStoreError(f"a store is named twice: {max(addresses, key=addresses.count)}")
    shared = None if asked.index is None else connect(asked.index)
    return [Site(store, shared or connect(default_address(store)), name) for name, store in opened]


def _store(address: str | None) -> Store:
    """Open a store; one that cannot be reached just now may be so later."""
    store = open_store(address)
    try:
        store.names(EXECUTIONS)
    except StoreError:
        raise
    except OSError as error:
        print(f"The store cannot be read just now; obs tries again: {' '.join(str(error).split())}")
    return store


def _config(app: object) -> uvicorn.Config:
    BoundedProtocol.most = most_connections()
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=BoundedProtocol,
        ws="none",
        loop="asyncio",
        h11_max_incomplete_event_size=HEADER_BYTES,
        # asyncio tries as many times to accept, and when no descriptor is left logs each try and schedules another: a
        # loop that doubles. With one it tries again in a second. The kernel's queue is set after the start.
        backlog=1,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        proxy_headers=False,
    )


def _access(asked: ServerOptions, sites: Sequence[Site]) -> Access:
    names = {"localhost", host_name().lower(), *asked.names}
    if not _is_address(asked.host):
        names.add(asked.host.lower())
    asks = asked.asks_for_token and not is_loopback(asked.host)
    return Access(
        frozenset(names),
        new_token() if asks else "",
        root=asked.root_path,
        user_header=asked.user_header,
        proxies=asked.proxies,
        links=Links(asked.secret_file or default_secret_file()),
        stores={address_of(site.store): site.name for site in sites},
    )


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _listening(host: str, port: int) -> tuple[socket.socket, int]:
    """Take a port: the one asked for, or the next that is free."""
    last = min(port + _PORTS_TRIED, 65535) if port else 0
    for tried in range(port, last + 1):
        try:
            listening = _bound(host, tried)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise CannotListenError(f"cannot listen on {host}: {error.strerror or error}") from error
            continue
        return listening, int(listening.getsockname()[1])
    raise CannotListenError(f"no port from {port} to {last} can be used on {host}; choose one with --port")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_WAITING)
    except BaseException:
        listening.close()
        raise
    listening.set_inheritable(True)
    return listening


def _url(host: str, port: int, access: Access) -> str:
    shown = host_name() if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{access.root}/" + (f"?token={access.token}" if access.token else "")


def _announce(asked: ServerOptions, sites: Sequence[Site], port: int, url: str, access: Access) -> None:
    if asked.port not in (0, port):
        print(f"Port {asked.port} is taken; using {port}.")
    for site in sites:
        print(f"obs ui shows {site.store.url}" + (f" as {site.name}" if site.name else ""))
    print(f"  {url}")
    if access.token:
        print("  The address contains a token: give it only to people who may look.")
    elif not is_loopback(asked.host):
        print("  Without a token, everybody who reaches this address can look.")
    if asked.keep is not None:
        print("  Executions that OBS_KEEP does not keep are removed, now and every hour.")
    print("Ctrl-C ends it.")
    sys.stdout.flush()
