"""What a kill costs, here and with others that do the same job: seconds between the last that is kept and the kill."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import print_table

from obs_core import load_execution

KILLS = int(os.environ.get("OBS_KILLS", "10"))

FIRST_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""When a process is killed that has just begun to write to an object store."""

OBS = """
import time
from obs_core import Deck, span, task
@task
def work():
    deck = Deck("Progress")
    print("started", flush=True)
    while True:
        with span("step", at=time.time()):
            deck.append("<p>.</p>")
            time.sleep(0.002)
work()
"""

IN_CHILD = """
import multiprocessing, os, sys, time
from obs_core import carrier, attach, execution, span
def child(carried, told):
    with attach(carried):
        told.put(os.getpid())
        while True:
            with span("step", at=time.time()):
                time.sleep(0.002)
if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    with execution("night"):
        told = context.Queue()
        process = context.Process(target=child, args=(carrier(), told))
        process.start()
        print(told.get(), flush=True)
        time.sleep(600)
"""

S3 = """
import os, time
from obs_core import Deck, span, task
from obs_core.store.remote import RemoteStore
put = RemoteStore.put
def distant(self, path, content):
    time.sleep(0.08)
    put(self, path, content)
RemoteStore.put = distant
@task
def work():
    deck = Deck("Rows")
    print("started", flush=True)
    while True:
        began = time.time()
        deck.append(f"<p>{began}</p>" + os.urandom(20_000).hex())
        print(began)
        with span("step", at=began):
            time.sleep(max(0.0, began + 0.05 - time.time()))
work()
"""

OTEL = """
import json, sys, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
class ToFile(SpanExporter):
    def __init__(self, path): self.file = open(path, "a")
    def export(self, spans):
        for one in spans: self.file.write(json.dumps(one.attributes["at"]) + "\\n")
        self.file.flush()
        return SpanExportResult.SUCCESS
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ToFile(sys.argv[1])))
tracer = provider.get_tracer("bench")
print("started", flush=True)
while True:
    with tracer.start_as_current_span("step", attributes={"at": time.time()}):
        time.sleep(0.002)
"""

WANDB = """
import os, sys, time
os.environ.update(WANDB_MODE="offline", WANDB_DIR=sys.argv[1], WANDB_SILENT="true", WANDB_ERROR_REPORTING="false")
import wandb
run = wandb.init(project="kills")
print("started", flush=True)
while True:
    run.log({"at": time.time()})
    time.sleep(0.002)
"""

MLFLOW = """
import os, sys, time
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
mlflow.set_tracking_uri("file://" + sys.argv[1])
with mlflow.start_run():
    print("started", flush=True)
    while True:
        mlflow.log_metric("at", time.time())
        time.sleep(0.002)
"""


def start(source: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a script in a file of its own, which multiprocessing needs, and wait for its first line."""
    folder = tempfile.mkdtemp()
    script = Path(folder, "victim.py")
    script.write_text(source)
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, "OBS_STRICT": "0"},
    )


def killed_after(victim: subprocess.Popen[str], seconds: float, child: bool = False) -> float:
    """Kill it, or the child whose number it tells, some time after its first line; returns when."""
    assert victim.stdout is not None
    first = victim.stdout.readline().strip()
    time.sleep(seconds)
    at = time.time()
    if child:
        os.kill(int(first), signal.SIGKILL)
        time.sleep(0.1)
    victim.kill()
    victim.wait()
    return at


def newest_step(folder: str) -> float:
    """When the last span that can be read began."""
    steps = [one for one in load_execution("last", folder).span.walk() if one.name == "step"]
    return float(max(one.attributes["at"] for one in steps))


def kills_of_obs(source: str, child: bool = False) -> list[float]:
    """Seconds lost at each kill on a folder."""
    moments, lost = random.Random(1), []
    for _ in range(KILLS):
        folder = tempfile.mkdtemp()
        at = killed_after(start(source, OBS_STORE=folder), moments.uniform(1.0, 3.0), child)
        lost.append(at - newest_step(folder))
    return lost


@contextlib.contextmanager
def s3() -> Iterator[None]:
    """Serve an S3 bucket on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://{host}:{port}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
    )
    import boto3

    boto3.client("s3").create_bucket(Bucket="team")
    yield
    server.stop()


def kills_on_s3() -> tuple[list[float], list[float]]:
    """Seconds of spans, and of deck items of 40 KB, lost at each kill on an S3 server; each PUT takes 80 ms more."""
    spans, items = [], []
    for number in range(max(3, KILLS // 3)):
        url = f"s3://team/{number}"
        at = killed_after(start(S3, OBS_STORE=url), 10.0)
        spans.append(at - newest_step(url))
        decks = load_execution("last", url).tasks[0].decks
        shown = [item for deck in decks if deck.name == "Rows" for item in deck.items]
        kept = [float(item[3:].partition("</p>")[0]) for item in shown if "is not in the store" not in item]
        items.append(at - max(kept))
    return spans, items


def first_seconds_on_s3(number: int) -> list[tuple[str, ...]]:
    """Rows: the seconds of spans, and of printed lines, that are lost to a kill soon after the first line of work."""
    rows: list[tuple[str, ...]] = []
    for seconds in FIRST_SECONDS:
        url = f"s3://team/first-{number}-{seconds}"
        at = killed_after(start(S3, OBS_STORE=url), seconds)
        rows.append((f"{seconds} s", lost_since(at, newest_step, url), lost_since(at, newest_printed, url)))
    return rows


def lost_since(at: float, newest: Callable[[str], float], url: str) -> str:
    """Say how many seconds before a kill are lost."""
    try:
        return f"{at - newest(url):.2f} s"
    except (LookupError, ValueError):
        return "all"


def newest_printed(url: str) -> float:
    """When the last line that can be read was printed."""
    return max(float(line.text) for line in load_execution("last", url).log() if line.text[0].isdigit())


def kills_of(source: str, newest: Callable[[str], float]) -> list[float]:
    """Seconds lost at each kill of another tool."""
    moments, lost = random.Random(1), []
    for _ in range(KILLS):
        folder = tempfile.mkdtemp()
        path = os.path.join(folder, "kept")
        at = killed_after(start(source, path), moments.uniform(6.0, 9.0))  # OpenTelemetry exports every five
        lost.append(at - newest(path))
    return lost


def newest_in_lines(path: str) -> float:
    """The last whole line of a file of numbers."""
    lines = Path(path).read_text().splitlines() if os.path.exists(path) else []
    return max((json.loads(line) for line in lines if line), default=float("-inf"))


def newest_of_mlflow(folder: str) -> float:
    """The last value of a metric in a folder of MLflow's."""
    (metric,) = Path(folder).rglob("metrics/at")
    return max(float(line.split()[1]) for line in metric.read_text().splitlines() if len(line.split()) == 3)


def newest_of_wandb(folder: str) -> float:
    """The last row of history in a file that W&B wrote offline: LevelDB's log of protobuf records."""
    from wandb.proto import wandb_internal_pb2

    messages: Any = wandb_internal_pb2

    (path,) = Path(folder).rglob("run-*.wandb")
    data, at, newest, parts = path.read_bytes(), 7, float("-inf"), b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        body = data[at + 7 : at + 7 + size]
        if kind == 0 or len(body) < size:
            break
        at += 7 + size
        parts = body if kind in (1, 2) else parts + body
        if kind in (1, 4):
            record = messages.Record.FromString(parts)
            for item in record.history.item:
                if (item.key or "".join(item.nested_key)) == "at":
                    newest = max(newest, json.loads(item.value_json))
    return newest


def row(name: str, lost: list[float]) -> tuple[str, ...]:
    """A row of the table."""
    median = sorted(lost)[len(lost) // 2]
    return (name, str(len(lost)), f"{median:.2f} s", f"{max(lost):.2f} s")


def main() -> None:
    """Measure and print."""
    rows = [
        row("obs, a folder", kills_of_obs(OBS)),
        row("obs, a forked child", kills_of_obs(IN_CHILD.replace("METHOD", "fork"), child=True)),
        row("obs, a spawned child", kills_of_obs(IN_CHILD.replace("METHOD", "spawn"), child=True)),
    ]
    if importlib.util.find_spec("moto"):
        with s3():
            spans, items = kills_on_s3()
            early = [first_seconds_on_s3(number) for number in range(3)]
        print_table(
            "Lost at SIGKILL in the first seconds, S3 at 80 ms a PUT (three kills each)",
            ("killed after", "spans", "printed lines"),
            [
                (of_one[0][0], *(", ".join(kill[kind] for kill in of_one) for kind in (1, 2)))
                for of_one in zip(*early, strict=True)
            ],
        )
        rows += [row("obs, S3 at 80 ms a PUT: spans", spans), row("obs, S3: deck items of 40 KB, 20 a second", items)]
    if importlib.util.find_spec("opentelemetry.sdk"):
        rows.append(row("OpenTelemetry SDK, BatchSpanProcessor, a file", kills_of(OTEL, newest_in_lines)))
    if importlib.util.find_spec("wandb"):
        rows.append(row("W&B, offline", kills_of(WANDB, newest_of_wandb)))
    if importlib.util.find_spec("mlflow"):
        rows.append(row("MLflow, a folder", kills_of(MLFLOW, newest_of_mlflow)))
    print_table("Lost at SIGKILL", ("", "kills", "median", "worst"), rows)
    print(f"threads left: {threading.active_count()}")


if __name__ == "__main__":
    main()
