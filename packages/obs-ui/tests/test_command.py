"""``obs ui`` as it is typed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, task
from obs_core.journal import flusher


@task
def work() -> None: ...


@pytest.fixture
def serve(serve_as_typed: Callable[..., Any]) -> Callable[..., Any]:
    return serve_as_typed


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def refused(*arguments: str) -> str:
    command = [sys.executable, "-m", "obs_core", "ui", "--no-open", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def test_it_says_where_it_can_be_found(serve: Callable[..., Any], folder: Path) -> None:
    server = serve()
    assert server.said[0] == f"obs ui shows {folder}"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", server.url)
    status, page = ask(server.url)
    assert status == 200
    assert "Nothing is recorded here yet" in page or "Reading the store" in page
    assert not folder.exists()


def test_it_ends_cleanly_with_a_page_open(serve: Callable[..., Any]) -> None:
    server = serve()
    as_browsers_ask = urllib.request.Request(f"{server.url}events", headers={"Accept-Encoding": "gzip, br"})
    with urllib.request.urlopen(as_browsers_ask, timeout=60) as events:
        assert events.readline() == b"event: changed\n"
        assert server.end() == (0, "")


def test_a_taken_port_is_left_to_its_owner(serve: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve("--port", str(port))
        assert re.fullmatch(rf"Port {port} is taken; using \d+\.", server.said[0])
        assert ask(server.url)[0] == 200


def test_where_others_can_reach_it_a_token_is_asked_for(serve: Callable[..., Any]) -> None:
    server = serve("--host", "0.0.0.0")
    address, _, token = server.url.partition("?token=")
    port = address.rstrip("/").rpartition(":")[2]
    assert len(token) >= 32
    assert ask(f"http://127.0.0.1:{port}/")[0] == 401
    assert ask(f"http://127.0.0.1:{port}/?token={token[:-1]}")[0] == 401


def test_without_a_token_it_says_what_that_means(serve: Callable[..., Any]) -> None:
    server = serve("--host", "0.0.0.0", "--no-token")
    assert "token=" not in server.url
    assert any("everybody who reaches this address can look" in line for line in server.said)


def test_the_address_of_an_execution_is_a_page(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    monkeypatch.setenv("OBS_UI_URL", server.url)
    with execution("night") as run:
        work()
    flusher.flush_all()
    assert run.url == f"{server.url}executions/{run.id}"
    status, page = ask(run.url)
    assert (status, '<h1 title="night">' in page) == (200, True)


def test_nothing_is_written_into_the_store(serve: Callable[..., Any], folder: Path) -> None:
    with execution("night") as run:
        work()
    flusher.flush_all()

    def files() -> dict[str, tuple[float, int]]:
        found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
        return {str(file): (file.stat().st_mtime, file.stat().st_size) for file in found}

    before = files()
    server = serve()
    for path in ("", f"executions/{run.id}", f"executions/{run.id}/report.html", f"executions/{run.id}/trace.json"):
        assert ask(server.url + path)[0] == 200
    assert files() == before


def test_what_is_not_to_be_kept_is_removed_if_it_is_told_to(
    serve: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []
    for _ in range(4):
        with execution("night") as run:
            work()
        ids.append(run.id)
    flusher.flush_all()
    monkeypatch.setenv("OBS_KEEP", "30d,2")
    serve()
    assert {path.name for path in (folder / "executions").iterdir()} == set(ids)
    server = serve("--gc")
    assert any("OBS_KEEP" in line for line in server.said)
    deadline = time.monotonic() + 60
    while (left := {path.name for path in (folder / "executions").iterdir()}) != set(ids[2:]):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    while ids[0] in ask(f"{server.url}executions")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--gc"], "--gc needs OBS_KEEP"),
        (["--root-path", "obs"], "--root-path is a path such as /obs"),
        (["--root-path", "/obs/../x y"], "--root-path is a path such as /obs"),
        (["--user-header", "X: y"], "--user-header is the name of a header"),
        (["--trusted-proxy", "proxy.lan"], "--trusted-proxy is an address or a network"),
        (["link", "--for", "0s"], "--for must be between"),
        (["link", "--for", "soon"], "is not an age"),
        (["link", "nothing-like-it"], "no executions in the store"),
        (["--port", "99999"], "--port must be between 0 and 65535, got 99999"),
        (["--port", "x"], "invalid int value"),
        (["--host", "203.0.113.7"], "cannot listen on 203.0.113.7"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--index", "mysql://x/y"], "SQLite or PostgreSQL, not in 'mysql'"),
        (["--index", "postgresql://nobody:secret@127.0.0.1:1/none"], "cannot open the index"),
        (["--store", "nosuch://x"], "nosuch"),
    ],
)
def test_wrong_input_is_answered_in_one_line(arguments: list[str], says: str) -> None:
    complaint = refused(*arguments)
    assert says in complaint
    assert "secret" not in complaint
