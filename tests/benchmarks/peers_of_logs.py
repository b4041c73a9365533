"""One program that prints lines, as each tool that keeps output is told to run it, and how its lines are read back."""

from __future__ import annotations

from functools import partial

from msgspec import Struct
from tests.benchmarks.measuring import best, interleaved, print_table
from tests.benchmarks.peers import WANDB_RECORDS, killed, python_of, run_of

__all__ = ["beside_peers"]

_KILLS = 3

SAY = """
import os, time
def say():
    if "LINES" in os.environ:
        for number in range(int(os.environ["LINES"])):
            print("step", number, flush=True)
        return
    with open("pid", "w") as file:
        file.write(str(os.getpid()))
    counted = open("counted", "ab", buffering=0)
    for number in range(10**9):
        print("step", number, flush=True)
        counted.write(b"x\\n")
        time.sleep(0.001)
"""
"""Prints as many lines as it is told, or up to a thousand a second until it is killed."""

_READ = """
import glob, json, re, sqlite3
def lines_in(pattern):
    texts = [open(path, "rb").read() for path in glob.glob(pattern, recursive=True, include_hidden=True)]
    return len({one for text in texts for one in re.findall(rb"step \\d+\\n", text)})
def tell(found):
    print(json.dumps({"found": found}))
"""

_READ_WANDB = f"""{WANDB_RECORDS}
said = "".join(one.output_raw.line for one in wandb_records())
tell(max(len(set(re.findall(r"step \\d+\\n", said))), lines_in("**/output.log")))
"""


class _Peer(Struct):
    """How a tool runs the program.

    Attributes:
        title: Its name in the table.
        lines: How many are printed to measure what one costs.
        program: Calls `say` such that the tool keeps what it prints.
        reader: Tells how many different lines were kept; empty where nothing is.
        arguments: Of the program.
    """

    title: str
    lines: int
    program: str
    reader: str
    arguments: tuple[str, ...] = ()


_OBS = """
from obs_core import task
task(enable_deck=False)(say)()
"""

_DAGSTER = """
import dagster
@dagster.op
def said():
    say()
@dagster.job(executor_def=dagster.in_process_executor)
def job():
    said()
with dagster.DagsterInstance.get() as instance:
    job.execute_in_process(instance=instance)
"""

_METAFLOW = """
from metaflow import FlowSpec, step
class Said(FlowSpec):
    @step
    def start(self):
        say()
        self.next(self.end)
    @step
    def end(self):
        pass
if __name__ == "__main__":
    Said()
"""

_WANDB = """
import wandb
run = wandb.init(project="said", mode="offline")
say()
run.finish()
"""

_PREFECT = """
from prefect import flow
@flow(log_prints=True)
def said():
    say()
said()
"""

_READ_OBS = """
from obs_core import load_execution
tell(len({line.text for line in load_execution("last").log()}))
"""

_READ_PREFECT = """
kept = sqlite3.connect("prefect.db").execute("select count(distinct message) from log where message like 'step %'")
tell(kept.fetchone()[0])
"""

_PEERS = {
    "nothing": _Peer("nothing kept, printed to a file", 200_000, "say()", ""),
    "obs": _Peer("obs", 200_000, _OBS, _READ_OBS),
    "dagster": _Peer("Dagster, compute logs", 200_000, _DAGSTER, "tell(lines_in('**/compute_logs/*.out'))"),
    "metaflow": _Peer("Metaflow, mflog", 20_000, _METAFLOW, "tell(lines_in('**/*stdout.log'))", ("run",)),
    "wandb": _Peer("W&B, console of an offline run", 4_000, _WANDB, _READ_WANDB),
    "prefect": _Peer("Prefect, its server in a process of its own", 2_000, _PREFECT, _READ_PREFECT),
}


def beside_peers() -> None:
    """Print what a line costs and what kills lose, of obs and of the peers that are there."""
    there = {name: peer for name, peer in _PEERS.items() if name == "nothing" or python_of(name)}
    seconds = interleaved(
        {f"{name} {lines}": partial(_cpu, name, lines) for name, peer in there.items() for lines in (0, peer.lines)},
        rounds=2,
    )
    rows = []
    for name, peer in there.items():
        spent = best(seconds[f"{name} {peer.lines}"]) - best(seconds[f"{name} 0"])
        lost = [_lost(name, alone=alone) if peer.reader else "" for alone in (True, False)]
        rows.append((peer.title, f"{1e6 * spent / peer.lines:,.1f} µs", *lost))
    header = ("", "CPU of a printed line", "lost, it alone killed", "lost, all its processes killed")
    print_table("Beside others", header, rows)


def _cpu(name: str, lines: int) -> float:
    peer = _PEERS[name]
    return run_of(_python(name), SAY + peer.program, peer.arguments, LINES=str(lines))


def _lost(name: str, *, alone: bool) -> str:
    peer = _PEERS[name]
    told = []
    for kill in range(_KILLS):
        source, reader, seconds = SAY + peer.program, _READ + peer.reader, 1.5 + kill * 0.7
        found = killed(_python(name), source, reader, seconds, peer.arguments, alone=alone)
        told.append(f"{max(0, found['counted'] - found['found'])} of {found['counted']:,}")
    return ", ".join(told)


def _python(name: str) -> str:
    return python_of("obs" if name == "nothing" else name) or ""
