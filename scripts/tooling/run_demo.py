"""Run the example pipeline with all packages installed, as `scripts/demo` does."""

from __future__ import annotations

import os
import sys

from checkout import ROOT
from environments import prepare
from interpreters import default

EXAMPLES = ROOT / "docs" / "examples"


def main(arguments: list[str]) -> None:
    """Become the pipeline, in the folder in which the caller is: that is where its store goes."""
    folder = prepare("demo", python=default())
    if folder is None:
        raise SystemExit("The environment of the demo could not be made; the reason is above.")
    python = folder / "bin" / "python"
    name, given = ("flights_dask.py", arguments[1:]) if arguments[:1] == ["--dask"] else ("flights.py", arguments)
    os.execv(python, [str(python), str(EXAMPLES / name), *given])


if __name__ == "__main__":
    main(sys.argv[1:])
