"""``obs site``: 500 executions as plain files, for the first time and again.

``python -m tests.benchmarks site``; ``BENCH_SITE=500`` is how many executions there are.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measuring import print_table

EXECUTIONS = int(os.environ.get("BENCH_SITE", "500"))

_RECORDED = """
import logging
from obs_core import Deck, check, execution, log_metric, span, task

@task
def load(part):
    for number in range(10):
        with span("read", part=part, number=number):
            pass
    logging.getLogger("flights").warning("3 rows of %s have no airport", part)
    check("rows > 0", True, "336,776 rows")
    rows = "".join(f"<tr><td>{number}</td><td>EWR</td><td>{number * 7}</td></tr>" for number in range(300))
    Deck("Quality").append(f"<table>{rows}</table>")
    return {"rows": 336776}

@task
def fit(rows):
    for step in range(30):
        with span("epoch", step=step):
            log_metric("loss", 1 / (step + 1))
    return {"rmse": 17.3}

with execution("@name@", tags={"year": "2013", "run": "@run@"}):
    for part in ("EWR", "JFK", "LGA"):
        load(part)
    fit(3)
"""
"""Four tasks, 60 spans, 18 decks, 30 points of a metric, some lines."""


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="obs-bench-site-"))
    try:
        _record(folder / "store")
        rows = [(name, *_measured(folder)) for name in ("for the first time", "again, when nothing changed")]
        _record_one_more(folder / "store")
        rows.append(("again, with one execution more", *_measured(folder)))
        out = folder / "out"
        files = [file for file in out.rglob("*") if file.is_file()]
        rows.append((f"{len(files):,} files", f"{sum(file.stat().st_size for file in files) / 1e6:.0f} MB", ""))
        print_table(f"A site of {EXECUTIONS:,} executions", ("written", "", "CPU"), rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(folder: Path) -> tuple[str, str]:
    """Write the site by the command; returns how long that took, and the CPU time with that of its processes."""
    began, before = time.perf_counter(), os.times()
    source = "import sys; from obs_core.commands import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", source, "site", str(folder / "out"), "--store", str(folder / "store")]
    subprocess.run([*command, "--limit", "0"], check=True, env=_environment(), stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return f"{time.perf_counter() - began:.1f} s", f"{used:.1f} s"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OBS_")}


def _record(store: Path) -> None:
    """Write executions as obs does: one is recorded, the others are copies with their own names, days and tags."""
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, "script.py")
        script.write_text(_RECORDED)
        recording = _environment() | {"OBS_STORE": f"{place}/store"}
        subprocess.run([sys.executable, script], check=True, env=recording, stderr=subprocess.DEVNULL)
        (source,) = Path(place, "store", "executions").iterdir()
        for number in range(EXECUTIONS):
            _copy(source, store, number)
        shutil.copytree(Path(place, "store", "shared"), store / "shared")


def _copy(source: Path, store: Path, number: int) -> None:
    chance = random.Random(number)
    day = time.strftime("%Y%m%d-%H%M%S", time.gmtime(1767225600 + number * 3600))
    execution_id = f"{day}-{number % 10**6:06d}-{chance.getrandbits(30):06x}"[:29]
    target = store / "executions" / execution_id
    shutil.copytree(source, target)
    for journal in target.rglob("*.jsonl"):
        text = journal.read_text().replace(source.name, execution_id).replace("@run@", str(number))
        lines = text.replace("@name@", chance.choice(("flights", "weather", "airports"))).splitlines()
        journal.write_text("\n".join(map(_unchecked, lines)) + "\n")


def _unchecked(line: str) -> str:
    """Return a line of a copy: a head says that no batch has a checksum, since those are of what was recorded."""
    if not line.startswith('["head"'):
        return "" if line.startswith('["check"') else line
    cells = json.loads(line)
    cells[8] = 0
    return json.dumps(cells)


def _record_one_more(store: Path) -> None:
    newest = max((store / "executions").iterdir())
    target = newest.with_name(newest.name.replace("2026", "2027"))
    shutil.copytree(newest, target)
    for journal in target.rglob("*.jsonl"):
        journal.write_text(journal.read_text().replace(newest.name, target.name))


if __name__ == "__main__":
    main()
