"""What became slower and faster between two profiles, as numbers, as a table and for flame graphs."""

from __future__ import annotations

from obs_core.model import Call, SeenStack
from obs_core.trace.profile_changes import collapsed_changes, profile_changes, told_changes

MAIN = Call("main", "/home/ann/src/app/run.py", 9)
ELSEWHERE = Call("main", r"D:\src\app\run.py", 9)
PARSE, LATER, READ = Call("parse", "/app/io/text.py", 4), Call("parse", "/app/io/text.py", 7), Call("read", "io.py", 2)


def seen(calls: tuple[Call, ...], running: int, interval: int = 10_000_000) -> SeenStack:
    return SeenStack("main", "MainThread", None, calls, running + 5, running, interval)


BEFORE = [seen((MAIN, PARSE), 100), seen((MAIN, READ), 50), seen((MAIN,), 3)]
AFTER = [seen((ELSEWHERE, PARSE), 500, 5_000_000), seen((ELSEWHERE, LATER, PARSE), 20), seen((ELSEWHERE,), 3)]


def test_functions_are_compared_by_the_cpu_time_in_themselves_and_in_what_they_called() -> None:
    changes = profile_changes(BEFORE, AFTER)
    assert [(one.function, one.before, one.after, one.whole_before, one.whole_after) for one in changes] == [
        ("parse", 1.0, 2.7, 1.0, 2.7),
        ("read", 0.5, 0.0, 0.5, 0.0),
        ("main", 0.03, 0.03, 1.53, 2.73),
    ]
    assert [one.change for one in changes] == [2.7 - 1.0, -0.5, 0.0]


def test_a_table_tells_what_changed() -> None:
    lines = list(told_changes(profile_changes(BEFORE, AFTER), 120))
    assert [line.split() for line in lines[1:]] == [
        ["parse", "(app/io/text.py)", "+1.70", "s", "1.00", "s", "2.70", "s", "1.00", "s", "2.70", "s"],
        ["read", "(io.py)", "-500", "ms", "500", "ms", "0", "s", "500", "ms", "0", "s"],
    ]


def test_flame_graphs_get_both_times_of_each_stack() -> None:
    main, parse = "MainThread;main (src/app/run.py)", "parse (app/io/text.py)"
    assert list(collapsed_changes(BEFORE, AFTER)) == [
        f"{main} 30 30\n",
        f"{main};{parse} 1000 2500\n",
        f"{main};{parse};{parse} 0 200\n",
        f"{main};read (io.py) 500 0\n",
    ]
