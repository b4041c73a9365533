"""What others put over a stream's ``write`` goes on working, and each line is told once."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import execution, task
from obs_core.reading import load_execution
from obs_core.recording.taps import Listener, leave, listen

RunScript = Callable[..., Any]


def kept(folder: Path) -> list[str]:
    """What the last execution's log has."""
    return [line.text for line in load_execution("last", folder).log()]


class Stream(io.TextIOWrapper):
    """A stream of Python's, and what was written to it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        raw: Any = self.buffer
        return str(raw.getvalue(), "utf-8")


def shouting(own: Callable[[str], int]) -> Callable[[str], int]:
    def shout(text: str) -> int:
        return own(text.upper())

    return shout


def test_who_listens_is_told_each_text_and_the_stream_is_as_it_was_afterwards() -> None:
    stream, told = Stream(), list[str]()
    one, other = Listener(told.append), Listener(lambda text: told.append(f"also {text}"))
    for listener in (one, one, other):
        assert listen(stream, listener)
    assert stream.write("a") == 1
    leave(stream, one)
    stream.write("b")
    leave(stream, other)
    assert "write" not in vars(stream)
    stream.write("c")
    assert (stream.text, told) == ("abc", ["a", "also a", "also b"])


def test_what_stood_there_before_is_there_afterwards() -> None:
    stream, told = Stream(), list[str]()
    stream.write = shout = shouting(stream.write)  # type: ignore[method-assign]
    listener = Listener(told.append)
    for text in "ab":
        listen(stream, listener)
        stream.write(text)
        leave(stream, listener)
        assert stream.write is shout
    assert (stream.text, told) == ("AB", ["a", "b"])


def test_what_is_put_over_a_tap_stays_and_each_text_is_told_once() -> None:
    stream, told = Stream(), list[str]()
    listener = Listener(told.append)
    listen(stream, listener)
    stream.write = shout = shouting(stream.write)  # type: ignore[method-assign]
    stream.write("a")
    leave(stream, listener)
    stream.write("untold")
    listen(stream, listener)
    assert stream.write is shout
    stream.write("b")
    leave(stream, listener)
    assert stream.write is shout
    assert (stream.text, told) == ("AUNTOLDB", ["A", "B"])


def test_a_tap_that_somebody_has_kept_tells_nothing_twice() -> None:
    """It was taken away, and then put in again by somebody, below something else."""
    stream, told = Stream(), list[str]()
    listener = Listener(told.append)
    listen(stream, listener)
    kept_by_somebody = stream.write
    leave(stream, listener)
    stream.write = shout = shouting(kept_by_somebody)  # type: ignore[method-assign]
    for text in "ab":
        listen(stream, listener)
        stream.write(text)
        leave(stream, listener)
        assert stream.write is shout
    assert (stream.text, told) == ("AB", ["a", "b"])


def test_a_tap_that_somebody_has_kept_is_the_one_that_is_put_in_again() -> None:
    stream, told = Stream(), list[str]()
    listener = Listener(told.append)
    listen(stream, listener)
    write = stream.write
    leave(stream, listener)
    write("untold")
    listen(stream, listener)
    write("a")
    stream.write("b")
    assert stream.write is write
    assert (stream.text, told) == ("untoldab", ["a", "b"])


@pytest.mark.parametrize("stands", ["nothing", "its own"])
def test_a_tap_that_somebody_has_removed_is_put_in_again(stands: str) -> None:
    stream, told = Stream(), list[str]()
    listener, own = Listener(told.append), stream.write
    listen(stream, listener)
    write = stream.write
    if stands == "nothing":
        del stream.write
    else:
        stream.write = own  # type: ignore[method-assign]
    stream.write("untold")
    listen(stream, listener)
    stream.write("a")
    assert (stream.text, told) == ("untolda", ["a"])
    del write


def test_who_listens_is_told_what_a_stream_refuses() -> None:
    stream = Stream()
    stream.reconfigure(encoding="ascii")
    told = list[tuple[str, str]]()
    before, after, refused = (
        lambda text, when=when: told.append((when, text)) for when in ("before", "after", "refused")
    )
    listen(stream, Listener(before, after, refused))
    with pytest.raises(UnicodeEncodeError):
        stream.write("\xe9")
    stream.write("e")
    assert told == [("before", "\xe9"), ("refused", "\xe9"), ("after", "\xe9"), ("before", "e"), ("after", "e")]


class Fixed(io.TextIOWrapper):
    """A stream whose attributes cannot be set."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be set")


class Slotted:
    """A program's own stream, without a dictionary."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told = list[str]()

    def write(self, text: str) -> int:
        self.told.append(text)
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("stream", [Fixed(io.BytesIO()), Slotted()])
def test_a_stream_whose_write_cannot_be_set_is_left_alone(stream: Any) -> None:
    assert not listen(stream, Listener(lambda _: None))
    leave(stream, Listener(lambda _: None))

    @task
    def say() -> None:
        print("one")

    with contextlib.redirect_stdout(stream), execution("fixed"):
        say()
    if isinstance(stream, Slotted):
        assert "".join(stream.told) == "one\n"
    else:
        stream.flush()
        assert stream.buffer.getvalue() == b"one\n"


def test_threads_that_listen_and_leave_while_others_write_lose_and_double_nothing() -> None:
    stream, told = Stream(), list[str]()
    listen(stream, Listener(told.append))
    done = threading.Event()

    def come_and_go() -> None:
        mine = Listener(lambda _: None, after=lambda _: None)
        while not done.is_set():
            listen(stream, mine)
            leave(stream, mine)

    others = [threading.Thread(target=come_and_go) for _ in range(3)]
    for one in others:
        one.start()
    for number in range(5_000):
        stream.write(f"{number}\n")
    done.set()
    for one in others:
        one.join()
    lines = [f"{number}\n" for number in range(5_000)]
    assert told == lines
    assert stream.text == "".join(lines)


def test_threads_that_begin_and_end_side_by_side_keep_each_line_once_and_leave_the_streams(
    run_script: RunScript, folder: Path
) -> None:
    result = run_script("""
import sys
import threading
from obs_core import execution
from obs_core.recording import logs, taps

meet = threading.Barrier(2)
taken = taps.listen

def listen(stream, listener):  # whoever is about to listen lets the other one come to the same point, if it may
    try:
        meet.wait(timeout=0.2)
    except threading.BrokenBarrierError:
        pass
    return taken(stream, listener)

def serve():
    meet.wait()
    with execution("request"):
        end.wait(timeout=60)

logs.listen = listen
end = threading.Barrier(2)
threads = [threading.Thread(target=serve) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
logs.listen = taken
with execution("later"):
    print("one line")
assert "write" not in vars(sys.stdout)
assert "write" not in vars(sys.stderr)
""")
    assert result.stdout == "one line\n"
    assert [line.text for line in load_execution("last", folder).log()] == ["one line"]


BEFORE = """
own = sys.stdout.write
def shout(text): return own(text.upper())
sys.stdout.write = shout
for word in ("one", "two"):
    with execution(word):
        say(word)
        say(f"{word} again")
    assert sys.stdout.write is shout
print("end")
"""

IN_THE_MIDST = """
with execution("one"):
    say("one")
    own = sys.stdout.write
    def shout(text): return own(text.upper())
    sys.stdout.write = shout
    print("one again")
assert sys.stdout.write is shout
with execution("two"):
    say("two")
    say("two again")
assert sys.stdout.write is shout
print("end")
"""

FOR_A_WHILE = """
with execution("one"):
    own = sys.stdout.write
    def shout(text): return own(text.upper())
    sys.stdout.write = shout
    say("one")
    sys.stdout.write = own
    say("one again")
assert "write" not in vars(sys.stdout)
with execution("two"):
    say("two")
    say("two again")
assert "write" not in vars(sys.stdout)
print("end")
"""

AFTERWARDS = """
with execution("one"):
    say("one")
    say("one again")
    try:
        fail()
    except ValueError as error:
        held = error  # and with it the frames that wrote
held_write = sys.stdout.write
def shout(text): return held_write(text.upper())
sys.stdout.write = shout
with execution("two"):
    say("two")
    say("two again")
assert sys.stdout.write is shout
print("end")
"""


@pytest.mark.parametrize(
    ("body", "shown", "last"),
    [
        (BEFORE, "ONE ONE-AGAIN TWO TWO-AGAIN END", "two two-again"),
        (IN_THE_MIDST, "one ONE-AGAIN TWO TWO-AGAIN END", "TWO TWO-AGAIN"),
        (FOR_A_WHILE, "ONE one-again two two-again end", "two two-again"),
        (AFTERWARDS, "one one-again TWO TWO-AGAIN END", "two two-again"),
    ],
    ids=["before", "in the midst", "for a while", "afterwards"],
)
def test_what_a_program_puts_over_its_output_goes_on_and_each_line_is_kept_once(
    run_script: RunScript, folder: Path, body: str, shown: str, last: str
) -> None:
    prologue = """
import sys
from obs_core import execution, task

@task
def say(text):
    print(text)

@task
def fail():
    write = sys.stdout.write
    raise ValueError("no")
"""
    result = run_script(prologue + body)
    assert [line.replace(" ", "-") for line in result.stdout.splitlines()] == shown.split()
    assert [text.replace(" ", "-") for text in kept(folder)] == last.split()


def test_loops_of_tqdm_and_of_obs_beside_prints_are_kept_once(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("tqdm")
    run_script("""
import sys
import tqdm
from obs_core import task, track

@task
def fit():
    for number in track(range(2), "outer", show=True):
        for _ in tqdm.tqdm(range(2), "inner"):
            print("step", number)
        tqdm.tqdm.write("between", file=sys.stdout)

fit()
assert "write" not in vars(sys.stdout) and "write" not in vars(sys.stderr)
""")
    said = kept(folder)
    # What stands of the loops themselves depends on how long they took.
    assert [text for text in said if not text.startswith(("inner", "outer"))] == [
        "step 0",
        "step 0",
        "between",
        "step 1",
        "step 1",
        "between",
    ]
    assert sum("inner: 100%" in text for text in said) == 2


def test_what_pytest_catches_is_what_was_printed(capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def say() -> None:
        print("one")
        print("two", file=sys.stderr)

    for _ in range(2):
        with execution("caught") as run:
            say()
        assert capsys.readouterr() == ("one\n", "two\n")
        assert [line.text for line in load_execution(run.id).log()] == ["one", "two"]


def test_each_cell_of_ipython_shows_and_keeps_each_line_once(run_script: RunScript, folder: Path) -> None:
    """It puts its own ``write`` over the streams for each cell, and then the one back that it had found."""
    pytest.importorskip("IPython")
    result = run_script("""
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()

def cell(source):
    shell.run_cell(source).raise_error()

cell('''
import sys
from obs_core import execution, task
@task
def say(word):
    print(word)
''')
for word in ("one", "two"):
    cell(f'''
before = sys.stdout.write
with execution("{word}"):
    say("{word}")
    print("beside")
assert sys.stdout.write == before
''')
cell("opened = execution('long'); opened.__enter__(); say('first')")
cell("say('second')")
cell("say('third'); opened.__exit__(None, None, None)")
cell("assert not getattr(sys.stdout.write, '__module__', None) == 'obs_core.recording.taps'")
""", env={"IPYTHONDIR": str(folder.parent / "ipython")})  # fmt: skip
    assert result.stdout.split() == ["one", "beside", "two", "beside", "first", "second", "third"]
    assert [line.text for line in load_execution("two", folder).log()] == ["two", "beside"]
    assert [line.text for line in load_execution("long", folder).log()] == ["first", "second", "third"]
