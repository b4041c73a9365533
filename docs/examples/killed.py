"""A pipeline that dies without a word, and what obs knows of it all the same. It needs nothing but obs-core.

Run it twice, the second time with more rows than it can take, and ask why::

    obs run -- python docs/examples/killed.py 2000
    obs run -- python docs/examples/killed.py 900000
    obs why

Nobody can be asked to use up a machine's memory for an example, so it ends itself by the signal that the kernel sends.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time

from obs_core import execution, span, task

log = logging.getLogger("flights")

ENOUGH = 500_000
"""Rows that fit into memory."""


@task
def load(rows: int) -> list[int]:
    """Read the flights."""
    print(f"{rows:,} rows")
    return list(range(rows))


@task
def fit(rows: list[int]) -> int:
    """Join weather to flights, and fit a model on what comes of it."""
    with span("merge"):
        joined = join(rows)
    with span("train"):
        return sum(joined) % 97


def join(rows: list[int]) -> list[int]:
    """Join block by block, saying how far it is."""
    joined: list[int] = []
    for begin in range(0, len(rows), 50_000):
        joined += rows[begin : begin + 50_000]
        time.sleep(0.25)  # stands for the work
        log.warning("%d rows joined", len(joined))
        if len(joined) > ENOUGH:
            os.kill(os.getpid(), signal.SIGKILL)
    return joined


if __name__ == "__main__":
    with execution("flights"):
        fit(load(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
