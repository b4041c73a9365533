from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from obs_resources.children import ChildrenCpu, descendants

pytestmark = pytest.mark.posix


def test_without_children_there_are_none() -> None:
    assert run("print(descendants(os.getpid()))") == "[]"


def test_a_child_that_another_thread_started_is_found() -> None:
    children: list[subprocess.Popen[bytes]] = []
    done = threading.Event()

    def start() -> None:  # the child is in the list of the thread that made it, as long as that lives
        children.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE))
        done.wait()

    thread = threading.Thread(target=start)
    thread.start()
    try:
        while not children:
            done.wait(0.01)
        assert children[0].pid in descendants(os.getpid())
    finally:
        done.set()
        thread.join()
        children[0].communicate()


def test_looking_for_children_takes_no_exit_code_away() -> None:
    said = run(
        "child = subprocess.Popen([sys.executable, '-c', 'raise SystemExit(7)'])",
        "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)",
        "descendants(os.getpid())",
        "print(child.wait())",
    )
    assert said == "7"


def test_children_that_come_and_go_between_two_looks_count() -> None:
    said = run(
        "from obs_resources.children import Children",
        "children = Children()",
        "before = children.read({})['children.cpu_total']",
        "code = 'import time\\nwhile time.process_time() < 0.3: pass'",
        "[subprocess.run([sys.executable, '-S', '-c', code], check=True) for _ in range(3)]",
        "print(children.read({})['children.cpu_total'] - before)",
    )
    assert float(said) > 0.8


@pytest.mark.parametrize(
    ("looks", "total"),
    [
        pytest.param([(0, {1: (3, 0)}), (4, {})], 4, id="seen, then waited for"),
        pytest.param([(0, {1: (3, 0)}), (0, {}), (4, {})], 4, id="gone, and waited for after the look"),
        pytest.param([(0, {1: (3, 0)}), (0, {}), (0, {}), (2, {})], 5, id="nobody waited for it"),
        pytest.param([(0, {1: (1, 0), 2: (3, 0)}), (0, {1: (1, 4)}), (5, {})], 5, id="a child waited for its child"),
        pytest.param([(7, {}), (9, {1: (1, 0)}), (9, {1: (2, 0)})], 11, id="before, between and running"),
    ],
)
def test_cpu_time_of_children_counts_once(
    looks: list[tuple[float, dict[int, tuple[float, float]]]], total: float
) -> None:
    cpu = ChildrenCpu()
    assert [cpu.add(*look) for look in looks][-1] == total


def run(*lines: str) -> str:
    source = "\n".join(["import os, subprocess, sys", "from obs_resources.children import descendants", *lines])
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.strip()
