"""The execution UI: an index of 100,000 executions, a trace of 1,000,000 spans, how live it is, what watching costs.

``python -m tests.benchmarks ui``; ``BENCH_UI=index,pipeline,trace,live,watching`` chooses parts. The index is a file of
SQLite, or the empty database that ``BENCH_INDEX=postgresql://USER@HOST/DATABASE`` names;
``BENCH_EXECUTIONS=10000`` makes it smaller.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.benchmarks.measuring import print_table

EXECUTIONS = int(os.environ.get("BENCH_EXECUTIONS", "100_000"))
SPANS = 1_000_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


class Server:
    """``obs ui`` over a store, as a process of its own."""

    def __init__(self, store: Path, index: str) -> None:
        command = [sys.executable, "-m", "obs_core", "ui", "--no-open", "--port", "0", "--store", str(store)]
        self.process = subprocess.Popen(
            [*command, "--index", index], stdout=subprocess.PIPE, text=True, env=_environment()
        )
        assert self.process.stdout is not None
        self.url = ""
        while not self.url:
            line = self.process.stdout.readline().strip()
            self.url = line if line.startswith("http") else ""

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=600) as answer:
            return str(answer.read().decode())

    def seconds(self, path: str) -> float:
        began = time.perf_counter()
        self.get(path)
        return time.perf_counter() - began

    def megabytes(self) -> float:
        """The most memory it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1000

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def main() -> None:
    """Measure and print."""
    wanted = os.environ.get("BENCH_UI", "index,pipeline,trace,live,watching").split(",")
    parts = {"index": _index, "pipeline": _pipeline, "trace": _trace, "live": _live, "watching": _watching}
    for name in wanted:
        folder = Path(tempfile.mkdtemp(prefix="obs-bench-ui-"))
        try:
            parts[name](folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}


@contextmanager
def _served(folder: Path) -> Iterator[Server]:
    server = Server(folder / "store", os.environ.get("BENCH_INDEX", f"sqlite:///{folder / 'index.sqlite'}"))
    try:
        yield server
    finally:
        server.end()


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


# ---- 100,000 executions

_RARE = EXECUTIONS * 7 // 9
"""The number of the only one that is found by its text."""

_RECORDED = """
from obs_core import execution, log_metric, span, task
@task
def clean(rows):
    with span("drop"):
        return rows
with execution("@name@", tags={"year": "2013", "run": "@run@"}):
    clean(3)
    for name in ("rmse", "loss", "accuracy"):
        log_metric(name, 17.25)
"""


def _index(folder: Path) -> None:
    began = time.perf_counter()
    _many_executions(folder / "store")
    print(f"wrote {EXECUTIONS:,} executions in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    with _served(folder) as server:
        while "reading the store" in server.get("executions").lower():
            time.sleep(0.5)
        built = time.perf_counter() - began
        built_mb = server.megabytes()
        file = folder / "index.sqlite"
        middle = server.get(f"executions?tag=run={EXECUTIONS // 2}")
        place = re.findall(r'href="/executions/(2[^"]+)"', middle)[0]
        asked = {
            "newest page": "executions",
            "a page in the middle": f"executions?before={place}",
            "status": "executions?status=failed",
            "text that many have": "executions?text=flights",
            "text that one has": f"executions?text=run-{_RARE}x",
            "text that none has": "executions?text=nowhere",
            "tag": "executions?tag=" + quote(f"run={EXECUTIONS // 8}"),
            "days": "executions?since=2026-01-10&until=2026-01-16",
            "by a metric": "executions?sort=-last:rmse",
            "by a metric, a page in the middle": f"executions?sort=least:loss&before={place}",
            "by a metric, those that failed": "executions?sort=last:rmse&status=failed",
            "all at once": "executions?text=flights&status=failed&tag=year%3D2013&since=2026-01-15",
        }
        _part(server.process.pid)
        answers = [(name, *_answers(server, path)) for name, path in asked.items()]
        following = _cpu_share(server.process.pid, 10)
        rows = [("built", f"{built:.0f} s"), ("most memory", f"{built_mb:.0f} MB")]
        if file.exists():
            rows.append(("on disk", f"{file.stat().st_size / 1e6:.0f} MB"))
        rows.append(("CPU for following it when nothing happens", f"{following:.1f} %"))
        print_table(f"{EXECUTIONS:,} executions in the index", ("", ""), rows)
        print_table("The list answers, 100 times each", ("asked for", "median", "p95", "CPU of the server"), answers)


def _part(server: int) -> None:
    """Give the server and what asks it a core each: on one they would wait for one another."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    for thread in os.listdir(f"/proc/{server}/task"):
        os.sched_setaffinity(int(thread), cores[-1:])


def _answers(server: Server, path: str) -> tuple[str, str, str]:
    """Ask 100 times; the median and the p95 by the clock, and the server's CPU time for an answer."""
    before = _cpu(server.process.pid)
    times = [server.seconds(path) for _ in range(100)]
    cpu = (_cpu(server.process.pid) - before) / len(times)
    return _ms(times, 50), _ms(times, 95), f"{cpu * 1000:.0f} ms"


def _many_executions(store: Path) -> None:
    """Write executions as obs does: one is recorded, the others are copies with their own names, days and tags."""
    head, lines = _recorded(_RECORDED)
    text = "\n".join(lines)
    chance = random.Random(1)
    for number in range(EXECUTIONS):
        copy = text.replace("@name@", chance.choice(("flights", "weather"))).replace("@run@", str(number))
        copy = re.sub(r"(17[.]25),\1,\1", lambda _: ",".join([f"{chance.random():.4f}"] * 3), copy)
        copy = copy.replace('"2013"', f'"{chance.choice((2013, 2014, 2015))}"')
        if number % 50 == 0:
            copy = copy.replace('"succeeded",null', f'"failed","ValueError: run-{number}x failed"')
        if number == _RARE:
            copy = copy.replace("script.py", f"run-{number}x.py")
        _write(store, number, head, _FIRST + number * 300, copy)


_FIRST = 1767225600
"""When the first execution began: the first of January 2026."""


def _recorded(source: str) -> tuple[list[Any], list[str]]:
    """Record an execution; returns the head of its journal, and its other lines without their checksums."""
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, "script.py")
        script.write_text(source)
        subprocess.run([sys.executable, script], check=True, env=_environment() | {"OBS_STORE": f"{place}/store"})
        (journal,) = Path(place, "store").glob("executions/*/*.jsonl")
        head, *lines = [line for line in journal.read_text().splitlines() if not line.startswith('["check"')]
    return json.loads(head), lines


def _write(store: Path, number: int, head: list[Any], began: float, text: str) -> None:
    """Write a copy of a recorded execution, with an id and a time of its own."""
    execution_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(began))}-{number:06d}-{head[2][-6:]}"
    later = int((began - time.time()) * 1e9)
    copy = [*head[:2], execution_id, head[3], head[4] + later, *head[5:8], 0, *head[9:]]
    path = store / "executions" / execution_id / "main-0000.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(f"{json.dumps(copy)}\n{text}\n")


# ---- 10,000 executions of one pipeline

RUNS = 10_000

_RUN = """
from obs_core import check, execution, log_metric, task
with execution("nightly", tags={"year": "2013"}):
    for number in range(8):
        task(name=f"step {number}")(lambda: check("rows > 0", True, "336,776 rows"))()
    log_metric("rmse", 17.3)
"""


def _pipeline(folder: Path) -> None:
    _many_runs(folder / "store")
    with _served(folder) as server:
        while "reading the store" in server.get("executions").lower():
            time.sleep(0.5)
        page = "pipelines?name=nightly"
        before = _cpu(server.process.pid)
        first = server.seconds(page)
        first_cpu = _cpu(server.process.pid) - before
        while "step 7" not in server.get(page):
            time.sleep(0.2)
        before = _cpu(server.process.pid)
        times = sorted(server.seconds(page) for _ in range(20))
        later_cpu = (_cpu(server.process.pid) - before) / 20
        curves = sorted(server.seconds("pipelines/curves?name=nightly") for _ in range(20))
        with _browser() as browser:
            grids, drawn = map(sorted, zip(*(_until_drawn(browser, server.url + page) for _ in range(5)), strict=True))
    rows = [
        ("answered for the first time", f"{first * 1000:,.0f} ms ({first_cpu * 1000:,.0f} ms CPU)"),
        ("answered later, median / worst of 20", f"{times[10] * 1000:,.0f} / {times[-1] * 1000:,.0f} ms"),
        ("CPU of the server for such an answer", f"{later_cpu * 1000:,.0f} ms"),
        ("curves, median / worst of 20", f"{curves[10] * 1000:,.0f} / {curves[-1] * 1000:,.0f} ms"),
        ("the grid is there in the browser, median / worst of 5", f"{grids[2]:.2f} / {grids[-1]:.2f} s"),
        ("the curves are drawn, median / worst of 5", f"{drawn[2]:.2f} / {drawn[-1]:.2f} s"),
    ]
    print_table(f"A pipeline of {RUNS:,} executions", ("", ""), rows)


def _until_drawn(browser: Any, url: str) -> tuple[float, float]:
    """Seconds until the grid is there, and until the curves are drawn."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".runs a")
    grid = time.perf_counter() - began
    page.wait_for_selector("body[data-drawn]")
    taken = time.perf_counter() - began
    page.close()
    return grid, taken


def _many_runs(store: Path) -> None:
    """Write executions as obs does: one is recorded, the others are copies with ids and times of their own."""
    head, lines = _recorded(_RUN)
    text = "\n".join(lines)
    failed = text.replace('"succeeded",null', '"failed","ValueError: no such airport"')
    for number in range(RUNS):
        _write(store, number, head, time.time() - (RUNS - number) * 3600, text if number % 50 else failed)


def _cpu_share(pid: int, seconds: float) -> float:
    before = _cpu(pid)
    time.sleep(seconds)
    return 100 * (_cpu(pid) - before) / seconds


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- 1,000,000 spans

_MANY = f"""
from obs_core import execution, span, task
@task
def many():
    for number in range({SPANS} // 10):
        with span("batch", number=number):
            for _ in range(9):
                with span("row"):
                    pass
with execution("million"):
    many()
"""


def _trace(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", _MANY], check=True, env=_environment() | {"OBS_STORE": f"{folder}/store"})
    (execution_id,) = os.listdir(folder / "store" / "executions")
    opened: dict[str, list[float]] = {"first time": [], "again": []}
    zooms: list[float] = []
    with _browser() as browser:
        for _ in range(3):
            with _served(folder) as server:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(server.url)
                for times in opened.values():
                    began = time.perf_counter()
                    page.goto(f"{server.url}executions/{execution_id}")
                    page.locator("[data-timeline][data-ready]").wait_for()
                    page.locator(".hot").first.wait_for()
                    times.append(time.perf_counter() - began)
                zooms += [_zoomed(page) for _ in range(12)]
                memory = server.megabytes()
                page.close()
    rows = [
        (f"opened, {name}: timeline and operations drawn", f"{min(times):.2f} s", f"{max(times):.2f} s")
        for name, times in opened.items()
    ]
    rows.append(("zoomed, until the finer bars are drawn", f"{_ms(zooms, 50)}", f"{_ms(zooms, 95)} (p95)"))
    rows.append(("memory of the server", f"{memory:.0f} MB", ""))
    print_table(f"An execution of {SPANS:,} spans, in the browser", ("", "best / median", "worst"), rows)


_ZOOM = """async () => {
  const canvas = document.querySelector("canvas");
  const ours = (one) => one.name.includes("/timeline?");
  const answered = () => performance.getEntriesByType("resource").filter(ours).length;
  const before = answered();
  const began = performance.now();
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
  while (answered() === before) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return performance.now() - began;
}"""


def _zoomed(page: Any) -> float:
    return float(page.evaluate(_ZOOM)) / 1000


# ---- Live

_PUBLISHING = """
import sys, time
from obs_core import Deck, execution, task
@task
def work():
    deck = Deck("Live").append("<p>step 0</p>")
    Deck.publish()
    print("ready", flush=True)
    for line in sys.stdin:
        deck.append(f"<p id=step-{line.strip()}>step {line.strip()}</p>")
        Deck.publish()
        print(time.time(), flush=True)
with execution("live"):
    work()
"""


def _live(folder: Path) -> None:
    with _served(folder) as server, _browser() as browser, _started(_PUBLISHING, folder) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        (execution_id,) = os.listdir(folder / "store" / "executions")
        page = browser.new_page()
        page.goto(f"{server.url}executions/{execution_id}/tasks/main.2")
        frame = page.frame_locator(".panel iframe:not(.arriving)")
        frame.get_by_text("step 0").wait_for()
        lags = []
        for number in range(1, 21):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            published = float(process.stdout.readline())
            frame.locator(f"#step-{number}").wait_for()
            lags.append(time.time() - published)
            time.sleep(random.uniform(0, 0.5))
    row = ("from `Deck.publish()` to the browser showing it", _ms(lags, 50), _ms(lags, 95), f"{max(lags):.2f} s")
    print_table("Live", ("20 times", "median", "p95", "worst"), [row])


@contextmanager
def _started(source: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    environment = _environment() | {"OBS_STORE": f"{folder}/store"}
    command = [sys.executable, "-c", source]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    yield process
    process.kill()
    process.communicate()


# ---- What watching costs

_WORKING = """
import sys, time
from obs_core import Deck, execution, span, task
@task
def work():
    print("ready", flush=True)
    sys.stdin.readline()
    began, busy = time.perf_counter(), time.process_time()
    for number in range(30):
        with span("round", number=number):
            total = 0
            for step in range(2_500_000):
                total += step * step
        Deck("Progress").append(f"<p>round {number}</p>") if number % 10 == 0 else None
    print(time.perf_counter() - began, time.process_time() - busy, flush=True)
with execution("watched"):
    work()
"""


def _watching(folder: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])  # the server's and the browser's, which are started from here
    try:
        apart = _watching_on(folder / "apart", cores[:1])
    finally:
        os.sched_setaffinity(0, cores)
    _print_watching("the task on a core of its own, watchers and server on the other", apart)
    _print_watching("all on the same cores", _watching_on(folder / "together", cores))


def _watching_on(folder: Path, cores: Sequence[int]) -> dict[str, list[tuple[float, float]]]:
    """Run the task on some cores, watched by nobody, by clients, by browsers: its wall and CPU seconds."""
    folder.mkdir()
    results: dict[str, list[tuple[float, float]]] = {}
    with _served(folder) as server, _browser() as browser:
        watchers: dict[str, Callable[[str], ExitStack]] = {
            "nobody": lambda _: ExitStack(),
            "ten clients that ask for what ten pages ask for": lambda path: _clients(server, path),
            "ten pages in one Chromium": lambda path: _pages(browser, server, path),
            "nobody, while another program computes on the watchers' core": lambda _: _computing(),
        }
        for _ in range(5):
            for name, watch in watchers.items():
                results.setdefault(name, []).append(_watched(folder, watch, cores))
    return results


def _print_watching(where: str, results: dict[str, list[tuple[float, float]]]) -> None:
    alone = statistics.median(wall for wall, _ in results["nobody"])
    alone_cpu = statistics.median(cpu for _, cpu in results["nobody"])
    rows = []
    for name, times in results.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        rows.append(
            (name, f"{wall:.2f} s", f"{100 * (wall / alone - 1):+.1f} %", f"{100 * (cpu / alone_cpu - 1):+.1f} %")
        )
    heads = ("by", "took", "wall", "its CPU")
    print_table(f"A task while it is watched (median of 5, interleaved): {where}", heads, rows)


def _watched(folder: Path, watch: Callable[[str], ExitStack], cores: Sequence[int]) -> tuple[float, float]:
    before = set(os.listdir(folder / "store" / "executions")) if (folder / "store").exists() else set()
    with _started(_WORKING, folder) as process:
        os.sched_setaffinity(process.pid, cores)
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        (execution_id,) = set(os.listdir(folder / "store" / "executions")) - before
        with watch(f"executions/{execution_id}"):
            time.sleep(3)  # the pages are there
            process.stdin.write("go\n")
            process.stdin.flush()
            wall, cpu = map(float, process.stdout.readline().split())
    return wall, cpu


def _clients(server: Server, path: str) -> ExitStack:
    """Do what ten pages do: hold a stream of events, and ask for the page's parts when one comes."""
    stack, done = ExitStack(), threading.Event()
    stack.callback(done.set)
    for _ in range(10):
        threading.Thread(target=_follow, args=(server, path, done), daemon=True).start()
    return stack


def _follow(server: Server, path: str, done: threading.Event) -> None:
    with urllib.request.urlopen(f"{server.url}{path}/events", timeout=600) as events:
        for line in events:
            if done.is_set():
                return
            if line.startswith(b"event: changed"):
                server.get(f"{path}?part=live")
                server.get(f"{path}/timeline?width=1200&lanes=30")


def _computing() -> ExitStack:
    """Keep a core busy with nothing of ours: what two cores of this machine take from each other anyway."""
    stack = ExitStack()
    process = subprocess.Popen([sys.executable, "-c", "while True: sum(range(100_000))"])
    stack.callback(process.wait)
    stack.callback(process.kill)
    return stack


def _pages(browser: Any, server: Server, path: str) -> ExitStack:
    stack = ExitStack()
    for _ in range(10):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        stack.callback(page.close)
        page.goto(server.url + path)
    return stack


def _ms(seconds: list[float], percent: int) -> str:
    ordered = sorted(seconds)
    return f"{1000 * ordered[min(len(ordered) - 1, round(len(ordered) * percent / 100))]:.0f} ms"


if __name__ == "__main__":
    main()
