"""What the tests of obs-ui have in common: a store on disk, the server as a process, pages in a real browser."""

from __future__ import annotations

import argparse
import contextlib
import glob
import itertools
import json
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


VIOLATIONS = """async (rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...only });
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).join(" ")}`);
}"""


OBS = "from obs_core.commands import main; raise SystemExit(main())"
"""What ``python -m obs_core`` runs."""


class Typed:
    """A command line of Python as a process of its own, from its beginning."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.printed = iter(self._process.stdout or ())

    def wait(self) -> tuple[int, str]:
        """Wait for its end; returns the exit code and what it wrote to standard error."""
        complaints = self._process.communicate(timeout=60)[1]
        return self._process.returncode, complaints


class Forked:
    """The same, forked from a process in which everything is imported already (`forking.py`)."""

    def __init__(self, forking: socket.socket, errors: Path, source: str, *arguments: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(forking, [b"."], [theirs.fileno()])
        ours.settimeout(60)
        asked = {"source": source, "arguments": arguments, "variables": dict(os.environ), "folder": os.getcwd()}
        ours.sendall(f"{json.dumps(asked | {'errors': str(errors)})}\n".encode())
        self._errors, self._asking = errors, ours
        self._last = ""
        self.printed = self._lines()
        self.pid = int(next(self.printed))

    def _lines(self) -> Iterator[str]:
        for line in self._asking.makefile(encoding="utf-8"):
            self._last = line
            yield line

    def wait(self) -> tuple[int, str]:
        """Wait for its end; returns the exit code and what it wrote to standard error."""
        with self._asking:
            for _ in self.printed:
                pass  # the last line is its exit code
        return int(self._last), self._errors.read_text(encoding="utf-8")


class Server:
    """``obs ui`` as a process.

    Attributes:
        url: Where it can be reached, as it said itself.
        said: The lines that it printed.
        ended: The exit code and what it wrote to standard error, once it was told to end.
    """

    def __init__(self, process: Typed | Forked) -> None:
        self.process = process
        self.ended: tuple[int, str] | None = None
        self.said = []
        for line in process.printed:
            self.said.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        self.url = next((line.strip() for line in self.said if line.strip().startswith("http")), "")
        assert self.url, (self.said, process.wait())

    def end(self) -> tuple[int, str]:
        """End it as Ctrl-C does, once; returns the exit code and what it wrote to standard error."""
        if self.ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)
            self.ended = self.process.wait()
        return self.ended


@pytest.fixture(scope="session")
def forking() -> Iterator[socket.socket]:
    """A process that forks servers: a socket sent to it asks for one."""
    ours, theirs = socket.socketpair()
    with theirs:
        # One thread alone can be forked safely, and numpy's library for matrices would start one for each core.
        variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        script = Path(__file__).with_name("forking.py")
        both = theirs.fileno()
        process = subprocess.Popen([sys.executable, str(script)], stdin=both, stdout=both, env=variables)
    with ours:
        yield ours
    assert process.wait(timeout=60) == 0


@pytest.fixture
def fork(forking: socket.socket, tmp_path: Path) -> Callable[..., Forked]:
    """Run Python source in a process in which a server's modules are imported already.

    It has this test's variables and working folder, but limits such as that of open files are of the first process.
    """
    numbers = itertools.count()
    return lambda source, *arguments: Forked(forking, tmp_path / f"errors{next(numbers)}", source, *arguments)


@pytest.fixture
def serve(fork: Callable[..., Forked]) -> Iterator[Callable[..., Server]]:
    """Start servers; whatever they complain about fails the test."""
    with served(lambda *arguments: fork(OBS, *arguments)) as start:
        yield start


@pytest.fixture
def serve_as_typed() -> Iterator[Callable[..., Server]]:
    """The same, by processes that import everything themselves: for tests of the command."""
    with served(lambda *arguments: Typed("-m", "obs_core", *arguments)) as start:
        yield start


@contextlib.contextmanager
def served(run: Callable[..., Typed | Forked]) -> Iterator[Callable[..., Server]]:
    """Give what starts servers, which end when the context does, without a complaint."""
    servers: list[Server] = []

    def started(*arguments: str) -> Server:
        servers.append(Server(run("ui", "--no-open", "--port", "0", *arguments)))
        return servers[-1]

    yield started
    assert [server.end() for server in servers] == [(0, "")] * len(servers)


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
def measured() -> Callable[[Any, str, str], list[Any]]:
    """Tell something of each element that a selector finds, all in one step: a live page replaces them between two."""

    def told(page: Any, selector: str, each: str) -> list[Any]:
        return list(page.evaluate(f"selector => [...document.querySelectorAll(selector)].map({each})", selector))

    return told


@pytest.fixture
def violations() -> Callable[[Any], list[str]]:
    """Tell what axe finds in a page: of its colours in the dark, then all in the light, where it is left."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python brings axe-core")
    source = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")

    def found_in(page: Any) -> list[str]:
        page.evaluate(source)
        found: list[str] = []
        for theme, rules in (("dark", ["color-contrast", "link-in-text-block"]), ("light", [])):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
            found += [f"{theme}: {one}" for one in page.evaluate(VIOLATIONS, rules)]
        return found

    return found_in


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
