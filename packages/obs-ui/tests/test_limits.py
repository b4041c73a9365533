"""What a client can take of the server, and that a Ctrl-C ends it at any moment."""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from obs_ui import limits
from obs_ui.security import Access, _cookie


@pytest.fixture
def connect(serve: Callable[..., Any]) -> Iterator[Callable[..., socket.socket]]:
    """Open connections to a server of the test's own."""
    with ExitStack() as stack:

        def connected(server: Any) -> socket.socket:
            address = urlsplit(server.url)
            return stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=60))

        yield connected


def answer(connection: socket.socket, request: bytes = b"") -> bytes:
    """Send, and return all that comes until the server closes."""
    connection.sendall(request)
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


ASK = b"GET /executions HTTP/1.1\r\nHost: localhost\r\n"


def test_a_client_that_sends_no_whole_request_is_closed(serve: Any, connect: Any) -> None:
    server = serve()
    silent, slow, with_body = (connect(server) for _ in range(3))
    slow.sendall(ASK)
    with_body.sendall(ASK + b"Content-Length: 100\r\n\r\nx")
    # Without an end these would raise a TimeoutError: the connections' own is longer than the server's patience.
    assert answer(silent) == b""
    assert answer(slow) == b""
    assert answer(with_body).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_take_its_answers_is_closed(serve: Any) -> None:
    address = urlsplit(serve().url)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((address.hostname, address.port))
        deaf.settimeout(1)
        with suppress(TimeoutError):  # the server reads no further request before the last one is answered
            for _ in range(20_000):
                deaf.sendall(ASK + b"\r\n")
        ended = select.poll()
        ended.register(deaf, 0)
        assert ended.poll(6_000 * limits.ANSWER_SECONDS), "the server still holds the connection"


def test_a_live_page_stays_connected_for_longer(serve: Any, connect: Any) -> None:
    live = connect(serve())
    live.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    live.settimeout(limits.REQUEST_SECONDS + 20)
    found = b""
    while b": still here" not in found:
        part = live.recv(65536)
        assert part, "the server closed it"
        found += part


def test_one_connection_too_many_is_told_so(serve_as_typed: Any, connect: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        server = serve_as_typed()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    held = [connect(server) for _ in range(18)]
    assert b"Too many connections" in answer(connect(server))
    for each in held:
        each.close()
    while b"Too many" in answer(connect(server), ASK + b"Connection: close\r\n\r\n"):
        pass  # the server has not seen yet that they are closed


@pytest.mark.parametrize("name", [b"Cookie", b"X-Long"])
def test_headers_have_a_limit(serve: Any, connect: Any, name: bytes) -> None:
    long = b"\\" * (limits.HEADER_BYTES + 1)
    found = answer(connect(serve()), ASK + name + b": obs=" + long + b"\r\n\r\n")
    assert found.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.parametrize("value", ["\\" * 60_000, '"' + "\\0" * 30_000, "a=b;" * 15_000, "=" * 60_000, ";" * 60_000])
def test_a_cookie_is_found_wherever_it_stands(value: str) -> None:
    assert _cookie(f'other={value}; obs-token-8642="right" ; obs-token-86421=wrong', "obs-token-8642") == "right"
    assert _cookie(value, "obs-token-8642") == ""
    assert not Access(token="right").accepts(_cookie(f"obs-token-8642={value}", "obs-token-8642"))


_NO_DESCRIPTOR_LEFT = """
import asyncio, os, resource, sys
from obs_core.commands import main
import obs_ui.serving as serving

async def exhausted():
    while not os.path.exists(sys.argv[1]):
        await asyncio.sleep(0.05)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, 4096))
    print("exhausted", flush=True)
    while os.path.exists(sys.argv[1]):
        await asyncio.sleep(0.05)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))

startup = serving._Server.startup
async def starting(self, sockets=None):
    await startup(self, sockets)
    self.exhausting = asyncio.get_running_loop().create_task(exhausted())
serving._Server.startup = starting
sys.exit(main(["ui", "--no-open", "--port", "0"]))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_without_a_descriptor_it_waits_in_peace(tmp_path: Path) -> None:
    switch = tmp_path / "exhausted"
    command = [sys.executable, "-c", _NO_DESCRIPTOR_LEFT, str(switch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = urlsplit(next(line.strip() for line in server.stdout if "http" in line))
        switch.touch()
        assert any("exhausted" in line for line in server.stdout)
        with ExitStack() as stack:
            place = (address.hostname, address.port)
            waiting = [stack.enter_context(socket.create_connection(place, timeout=60)) for _ in range(20)]
            time.sleep(3.5)  # long enough to complain three times, were it to complain at each try
            switch.unlink()
            for each in waiting:
                assert answer(each, ASK + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
        server.send_signal(2)
        said = server.communicate(timeout=60)[1]
    assert said == "obs ui: no file descriptor is left, so new connections wait (see `ulimit -n`).\n"


_INTERRUPTED = """
import asyncio, os, signal, sys, warnings
import uvicorn
from obs_core.commands import main
import obs_ui.serving

warnings.simplefilter("always", RuntimeWarning)

def interrupting(owner, name):
    whole = getattr(owner, name)
    def interrupted(*args, **kwargs):
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
        return whole(*args, **kwargs)
    setattr(owner, name, interrupted)

if sys.argv[1] == "announced":
    interrupting(obs_ui.serving, "_announce")
elif sys.argv[1] == "runner":
    interrupting(asyncio.Runner, "run")
elif sys.argv[1] == "loop":
    interrupting(asyncio, "new_event_loop")
    interrupting(asyncio.SelectorEventLoop, "__init__")
elif sys.argv[1] == "loading":
    interrupting(uvicorn.Config, "load")
elif sys.argv[1] == "serving":
    interrupting(uvicorn.Server, "_serve")
sys.exit(main(["ui", "--no-open", "--port", "0"]))
"""


@pytest.mark.parametrize("place", ["announced", "runner", "loop", "loading", "serving"])
@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 0), ("SIGTERM", -15)])
def test_a_signal_at_any_moment_ends_it_without_a_word(
    place: str, signal: str, code: int, fork: Callable[..., Any]
) -> None:
    process = fork(_INTERRUPTED, place, signal)
    said = list(process.printed)
    assert process.wait() == (code, "")
    assert "Ctrl-C ends it.\n" in said
