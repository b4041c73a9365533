"""Other tools beside obs: each in an environment of its own, since they do not go together.

``./scripts/hatch env create peers`` makes them all. Peers that are not there are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["killed", "python_of", "run_of"]

_ENVIRONMENTS = Path(__file__).parents[2] / ".hatch" / "environments"

_READ_AFTER = 4.0
"""Seconds in which what is left of a peer may save what a killed process has told it."""

_QUIET = {
    "DAGSTER_TELEMETRY_DISABLED": "1",
    "METAFLOW_USER": "ann",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "TRACKIO_TELEMETRY": "0",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
}


def python_of(peer: str) -> str | None:
    """Return the Python of a peer's environment; of obs this one, None if there is none."""
    if peer == "obs":
        return sys.executable
    python = _ENVIRONMENTS / f"peers.{peer}" / "bin" / "python"
    return str(python) if python.exists() else None


def _environment(folder: str, given: Mapping[str, str]) -> dict[str, str]:
    at_home = ("HOME", "DAGSTER_HOME", "PREFECT_HOME", "TRACKIO_DIR", "WANDB_DIR", "METAFLOW_DATASTORE_SYSROOT_LOCAL")
    homes = dict.fromkeys(at_home, folder)
    return {**os.environ, **_QUIET, **homes, "OBS_STORE": f"{folder}/store", **given}


def run_of(python: str, source: str, arguments: tuple[str, ...] = (), **given: str) -> float:
    """Run a program to its end in a folder of its own; returns the seconds of CPU that it and its children took."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        child = _begun(python, source, arguments, folder, _environment(folder, given))
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"a peer failed:\n{Path(folder, 'said.txt').read_text()[-3000:]}")
    return used.ru_utime + used.ru_stime


def killed(
    python: str, source: str, reader: str, seconds: float, arguments: tuple[str, ...] = (), *, alone: bool = False
) -> dict[str, Any]:
    """Kill a program and all its children, and return what another one, which prints JSON, finds of it.

    Args:
        python: Of the peer.
        source: The program; it appends a line to ``counted`` for each thing that it was told to keep.
        reader: Run afterwards in the same folder.
        seconds: After its first such line.
        arguments: Of the program.
        alone: Kill the process alone whose number the program wrote to ``pid``; four seconds later the others.

    Returns:
        What the reader printed, and ``counted``: how many there were.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder, "reader.py").write_text(reader)
        counted, environment = Path(folder, "counted"), _environment(folder, {})
        victim = _begun(python, source, arguments, folder, environment)
        while not (counted.exists() and counted.stat().st_size) and victim.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)
        if alone:
            os.kill(int(Path(folder, "pid").read_text()), signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                victim.wait(_READ_AFTER)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        found = subprocess.run(
            [python, "reader.py"], cwd=folder, capture_output=True, text=True, env=environment, check=False
        )
        if found.returncode:
            raise SystemExit(f"a peer could not be read:\n{found.stderr[-3000:]}")
        read: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
        return {**read, "counted": counted.read_bytes().count(b"\n")}


def _begun(
    python: str, source: str, arguments: tuple[str, ...], folder: str, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Begin a program in a folder, which gets what it says, as the leader of a process group of its own."""
    Path(folder, "program.py").write_text(source)
    with Path(folder, "said.txt").open("w") as said:
        return subprocess.Popen(
            [python, "program.py", *arguments],
            cwd=folder,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,
        )


WANDB_RECORDS = """
import glob, struct
def wandb_records():
    from wandb.proto.wandb_internal_pb2 import Record
    blob = open(glob.glob("**/run-*.wandb", recursive=True)[0], "rb").read()
    at, whole = 7, b""
    while at + 7 <= len(blob):  # the framing of LevelDB's log: blocks of 32 KiB
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack_from("<HB", blob, at + 4)
        if not kind or at + 7 + size > len(blob):
            return
        whole, at = whole + blob[at + 7 : at + 7 + size], at + 7 + size
        if kind in (1, 4):
            record, whole = Record.FromString(whole), b""
            yield record
"""
"""Python that reads what an offline run of W&B has written, as far as it is whole."""
