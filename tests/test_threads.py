"""Every thread that a package starts is one that no signal strikes; see `obs_core.background`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

STARTERS = {"Thread", "Timer", "ThreadPoolExecutor", "start_new_thread", "start_new", "start_joinable_thread"}

OTHERS = {
    "obs_core/background.py": "starts them",
    "obs_core/store/fetching.py": "a pool whose threads are born where work is submitted, which `unstruck` calls",
    "obs_core/trackers.py": "calls a client in the program's stead, which may start a process",
    "obs_ui/serving.py": "opens the browser: a process",
    "obs_core/testing/hostile.py": "for tests alone",
    "obs_core/testing/services.py": "for tests alone",
}


def test_threads_are_started_in_one_place() -> None:
    found = {
        path.relative_to(source).as_posix()
        for source in ROOT.glob("packages/*/src")
        for path in source.rglob("*.py")
        if any(name in STARTERS for name in used_in(path))
    }
    assert found == set(OTHERS)


def used_in(path: Path) -> Iterator[str]:
    """Yield what is called or derived from in a file, by its last name."""
    for node in ast.walk(ast.parse(path.read_text())):
        for used in [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []:
            if isinstance(used, ast.Name | ast.Attribute):
                yield used.id if isinstance(used, ast.Name) else used.attr
