"""Run all benchmarks, or those whose names are given: ``python -m tests.benchmarks spans tasks``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run them one after the other."""
    there = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    wanted = sys.argv[1:] or there
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        raise SystemExit(f"no benchmark called {', '.join(unknown)}; there are: {', '.join(there)}")
    for name in wanted:
        import_module(f"tests.benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main()
