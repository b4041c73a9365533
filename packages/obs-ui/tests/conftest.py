"""What the tests of obs-ui have in common: a store on disk, the server as a process, pages in a real browser."""

from __future__ import annotations

import argparse
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_ui.command import WriteSite

_DEBIANS = sorted(glob.glob("/usr/lib/postgresql/*/bin/pg_ctl"))
PG_CTL = shutil.which("pg_ctl") or (_DEBIANS[-1] if _DEBIANS else None)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let everything that is recorded, and the index, lie in this test's own folder."""
    for name in ("OBS_CARRIER", "OBS_ENABLE_DECK", "OBS_UI_URL", "OBS_ATTEMPT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "store"


class Server:
    """``obs ui`` as a process of its own.

    Attributes:
        url: Where it can be reached, as it said itself.
        said: The lines that it printed.
    """

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "obs_core", "ui", "--no-open", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        self.url = next((line.strip() for line in self.said if line.strip().startswith("http")), "")

    def end(self) -> str:
        """End it as Ctrl-C does; returns what it wrote to standard error."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; whatever they complain about fails the test."""
    servers: list[Server] = []

    def started(*arguments: str) -> Server:
        servers.append(Server(*arguments))
        assert servers[-1].url, servers[-1].process.communicate(timeout=60)
        return servers[-1]

    yield started
    complaints = [server.end() for server in servers if server.process.poll() is None]
    assert "".join(complaints) == ""


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages; whatever their console complains about fails the test, unless it is expected."""
    complaints: list[str] = []
    contexts = []

    def opened(url: str, *, width: int = 1280, complains: bool = False, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        if not complains:
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def start_script(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python source as a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def start(source: str, **environment: str) -> subprocess.Popen[str]:
        script = tmp_path / f"script{len(processes)}.py"
        script.write_text(source)
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on loopback, in a temporary folder; gives the address of its maintenance database."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (obs-ui[postgresql])")
    if PG_CTL is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="obs-postgresql-"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # initdb refuses to be root.
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if owner:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **owner)  # type: ignore[call-overload]

    control = [PG_CTL, "-D", str(folder / "data"), "-s", "-w", "-t", "120"]
    run(*control[:3], "-s", "initdb", "-o", "-A trust -U obs -N --locale=C.UTF-8")
    run(*control, "start", "-l", str(folder / "log"), "-o", f"-p {port} -h 127.0.0.1 -k {folder} -F")
    yield f"postgresql://obs@127.0.0.1:{port}/postgres"
    run(*control, "stop", "-m", "immediate")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def write_site(tmp_path: Path) -> Callable[..., Path]:
    """Write a site as ``obs site`` does; gives its folder."""

    def written(*arguments: str, out: str = "site") -> Path:
        command = WriteSite()
        parser = argparse.ArgumentParser()
        parser.add_argument("--store")
        command.configure(parser)
        assert command.run(parser.parse_args([str(tmp_path / out), *arguments])) == 0
        return tmp_path / out

    return written
