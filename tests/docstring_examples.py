"""Run the examples in docstrings: `python tests/docstring_examples.py obs_core obs_renderers ...`, in an empty folder.

An example may use the names of its module, the public names of obs_core and of its package, and a few that this file
makes: `flights`, and an execution of that name, which is the last one. What cannot run is marked `# doctest: +SKIP`.
"""

from __future__ import annotations

import doctest
import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pandas as pd

import obs_core
from obs_core import current_context, execution, log_metric, log_params, task

FLIGHTS = pd.DataFrame(
    {"month": [1, 3, 7, 12], "origin": ["EWR", "JFK", "LGA", "JFK"], "delay": [3.0, None, 12.0, -4.0]}
)


@task
def clean(flights: pd.DataFrame) -> int:
    current_context().keep("columns", list(flights.columns))
    return len(flights)


@task
def train(rows: int) -> dict[str, float]:
    log_params(rows=rows)
    for step in range(3):
        log_metric("loss", 0.5**step, step=step)
    print("3 steps")
    logging.getLogger("flights").warning("the delay of 1 flight is missing")
    return {"rmse": 17.5}


def record_flights() -> None:
    """Record the execution that `last` means in an example, and a good one before it."""
    for rows in (2, 4):
        with execution("flights", tags={"year": 2013}):
            clean(FLIGHTS.head(rows))
            train(rows)


def examples(package: str) -> Iterator[tuple[doctest.DocTest, ModuleType]]:
    """Yield the docstrings of a package that show an example, each once."""
    top = importlib.import_module(package)
    inner = [found.name for found in pkgutil.walk_packages(top.__path__, f"{package}.")]
    finder = doctest.DocTestFinder()
    for name in [package, *inner]:
        if name.endswith("__main__") or ".migrations" in name:
            continue
        module = importlib.import_module(name)
        for test in finder.find(module, globs={}):
            if test.examples:
                yield test, module


def run(test: doctest.DocTest, module: ModuleType) -> tuple[int, int]:
    """Run the example; return how many of its lines are not run, and how many failed."""
    package = importlib.import_module(module.__name__.partition(".")[0])
    public = {name: getattr(each, name) for each in (obs_core, package) for name in each.__all__}
    named: dict[str, Any] = {"pd": pd, "flights": FLIGHTS.copy(), package.__name__: package}
    test.globs = {**named, **public, **vars(module)}
    skipped = sum(doctest.SKIP in example.options for example in test.examples)
    if skipped == len(test.examples):
        return skipped, 0
    os.environ["OBS_STORE"] = f"stores/{test.name}"
    if any('"last"' in example.source for example in test.examples):
        record_flights()
    return skipped, doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed


def main(packages: list[str]) -> int:
    """Run the examples of some packages; tell which failed, and how many are not run."""
    tried = [run(test, module) for package in packages for test, module in examples(package)]
    skipped, failed = (sum(counts) for counts in zip(*tried, strict=True))
    print(f"{len(tried)} docstrings, {skipped} lines not run, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    logging.basicConfig(handlers=[logging.NullHandler()])
    sys.exit(main(sys.argv[1:]))
