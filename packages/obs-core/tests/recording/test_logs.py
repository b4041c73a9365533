"""What tasks log and print is kept with them, and the program's output is what it was without obs."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core import list_executions
from obs_core.journal.log_damage import dropped_lines
from obs_core.reading import load_execution
from obs_core.recording import descriptors, logs
from obs_core.store import open_store
from obs_core.store.descriptors import punch_hole

RunScript = Callable[..., subprocess.CompletedProcess[str]]


def said(folder: Path) -> list[tuple[str, str]]:
    """Where each line of the last execution came from, and its text."""
    return [(line.stream, line.text) for line in load_execution("last", folder).log()]


def named(folder: Path) -> list[tuple[str, str, str]]:
    """Task, span and text of each line of the last execution."""
    execution = load_execution("last", folder)
    table = execution.table
    names = dict(zip(table.ids, table.names, strict=True))
    return [(names[line.task], names[line.span], line.text) for line in execution.log()]


def test_each_line_stands_with_its_task_and_its_span(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import logging, sys
from obs_core import execution, span, task

@task
def inner():
    print("of the inner task")

@task
def outer():
    print("of", "the", "task")
    with span("reading"):
        print("of the span")
        logging.getLogger("app").warning("also of the %s", "span")
        with span("never written before it ended"):
            sys.stderr.write("of the innermost\\n")
    inner()

print("before")
with execution("night"):
    print("of the execution")
    outer()
print("after")
""")
    assert named(folder) == [
        ("night", "night", "of the execution"),
        ("outer", "outer", "of the task"),
        ("outer", "reading", "of the span"),
        ("outer", "reading", "also of the span"),
        ("outer", "never written before it ended", "of the innermost"),
        ("inner", "inner", "of the inner task"),
    ]
    assert result.stdout.splitlines() == [
        "before", "of the execution", "of the task", "of the span", "of the inner task", "after",
    ]  # fmt: skip
    assert result.stderr == "also of the span\nof the innermost\n"


def test_a_logged_line_has_level_logger_place_traceback_and_fields(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging
from obs_core import task

@task
def work():
    log = logging.getLogger("app.db")
    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.info("not enabled")
    try:
        {}["key"]
    except KeyError:
        log.exception("no such %s", "row", extra={"table": "flights", "tried": 3})

work()
""")
    [line] = load_execution("last", folder).task("work").log()
    assert (line.level, line.severity, line.stream, line.logger) == ("ERROR", 40, "logging", "app.db")
    assert line.text == "no such row"
    assert line.where.endswith("script.py:14")
    assert line.exception.splitlines()[-1] == "KeyError: 'key'"
    assert line.fields == {"table": "flights", "tried": 3}


def test_the_attributes_of_a_record_without_any_of_the_programs_are_known() -> None:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, "a row", (), None)
    assert len(vars(record)) == logs._attributes_of_a_record


def test_logging_is_set_up_as_without_obs(run_script: RunScript, folder: Path) -> None:
    """A handler of ours at the root logger would make `basicConfig` do nothing, and hide what has no handler."""
    result = run_script("""
import logging
from obs_core import execution

before = logging.Logger.callHandlers
with execution("night"):
    logging.getLogger("a").warning("has no handler")
    logging.basicConfig(format="%(levelname)s:%(name)s:%(message)s", level=logging.INFO)
    logging.getLogger("b").info("has one now")
assert logging.Logger.callHandlers is before
""")
    assert result.stderr == "has no handler\nINFO:b:has one now\n"
    assert said(folder) == [("logging", "has no handler"), ("logging", "has one now")]


def test_logging_that_a_task_imports_is_heard_within_a_second_or_two(run_script: RunScript, folder: Path) -> None:
    run_script("""
import sys, time
from obs_core import task

@task
def work():
    assert "logging" not in sys.modules
    import logging
    while logging.Logger.callHandlers.__module__ == "logging":
        time.sleep(0.05)
    logging.getLogger("app").warning("heard")

work()
""")
    assert said(folder) == [("logging", "heard")]


def test_the_streams_stay_the_objects_that_they_are(run_script: RunScript, folder: Path) -> None:
    run_script("""
import contextlib, io, sys
from obs_core import execution

out, written = sys.stdout, vars(sys.stdout).copy()
with execution("night"):
    assert sys.stdout is out and type(out) is io.TextIOWrapper
    assert sys.stdout.write("abc\\n") == 4
    with contextlib.redirect_stdout(io.StringIO()) as elsewhere:
        print("taken by the program")
    assert elsewhere.getvalue() == "taken by the program\\n"
    try:
        sys.stdout.write(b"no text")
    except TypeError:
        print("as always")
assert vars(sys.stdout) == written
""")
    assert said(folder) == [("stdout", "abc"), ("stdout", "as always")]


def test_what_a_program_puts_over_a_stream_or_a_logger_stays(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import functools, logging, sys
from obs_core import execution, task

logging.basicConfig(stream=sys.stdout, format="%(message)s")

@task
def shout():
    write, call = sys.stdout.write, logging.Logger.callHandlers

    @functools.wraps(write)
    def shouted(text):
        return write(text.upper())

    @functools.wraps(call)
    def marked(self, record):
        record.msg = f"> {record.msg}"
        call(self, record)

    sys.stdout.write, logging.Logger.callHandlers = shouted, marked

@task
def say(word):
    print(word)
    logging.warning(word)

shout()
for word in ("one", "two"):
    with execution(word):
        say(word)
print("end")
logging.warning("end")
""")
    assert result.stdout == "ONE\n> ONE\nTWO\n> TWO\nEND\n> END\n"
    assert said(folder) == [("stdout", "TWO"), ("logging", "> two")]


def test_a_stream_s_own_write_is_called_as_the_program_calls_it(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import io, sys
from obs_core import task

class Coloured(io.TextIOWrapper):
    def write(self, text, colour="", *, flush=False):
        written = super().write(f"{colour}{text}")
        if flush:
            self.flush()
        return written

sys.stdout = Coloured(sys.stdout.detach())

@task
def say():
    sys.stdout.write("one\\n", "red ", flush=True)
    sys.stdout.write("two\\n", colour="blue ")

say()
""")
    assert result.stdout == "red one\nblue two\n"
    assert said(folder) == [("stdout", "one"), ("stdout", "two")]


def test_threads_are_told_apart(run_script: RunScript, folder: Path) -> None:
    run_script("""
import threading
from obs_core import execution, task

meet = threading.Barrier(4)

@task
def work(name):
    for number in range(50):
        meet.wait()
        print(name, number)

with execution("night"):
    threads = [threading.Thread(target=task(name=f"work-{name}")(work.__wrapped__), args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
""")
    lines = named(folder)
    assert len(lines) == 200
    assert {(task, text.partition(" ")[0]) for task, _, text in lines} == {(f"work-{n}", str(n)) for n in range(4)}


def test_forked_spawned_and_attached_processes_join_with_their_names(run_script: RunScript, folder: Path) -> None:
    run_script("""
import multiprocessing, os, sys, warnings
from obs_core import attach, carrier, execution, span, task

def child(carried):
    with attach(carried), span("in the child"):
        print("spawned")

@task
def work():
    print("parent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 on warns of a fork beside other threads
        pid = os.fork()
    if not pid:
        print("forked")
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    process = multiprocessing.get_context("spawn").Process(target=child, args=(carrier(),))
    process.start()
    process.join()

if __name__ == "__main__":
    with execution("night"):
        work()
""")
    lines = load_execution("last", folder).log()
    assert [line.text for line in lines] == ["parent", "forked", "spawned"]
    assert len({line.writer for line in lines}) == 3
    assert {line.task for line in lines} == {load_execution("last", folder).task("work").id}
    assert named(folder)[-1] == ("work", "in the child", "spawned")


@pytest.mark.parametrize(
    ("setting", "kept"),
    [("0", []), ("logging", ["logged"]), ("streams", ["logged", "printed"]), ("", ["logged", "printed"])],
)
def test_what_is_kept_can_be_chosen(run_script: RunScript, folder: Path, setting: str, kept: list[str]) -> None:
    source = """
import logging
from obs_core import execution, task

@task
def work():
    logging.getLogger().warning("logged")
    print("printed")

@task(logs="logging")
def quiet():
    print("never")
    work()

with execution('night'):
    work()
"""
    run_script(source, env={"OBS_LOGS": setting})
    assert [text for _, text in said(folder)] == kept
    run_script(source.replace("'night'):\n    work()", "'night'):\n    quiet()"))
    assert [text for _, text in said(folder)] == ["logged"]


def test_an_unknown_choice_is_an_error() -> None:
    from obs_core import task

    with pytest.raises(ValueError, match="logs='loud' is not known; there are: 0, logging, streams, all"):
        task(logs="loud")


def test_warnings_are_lines_of_their_own_once_each(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import warnings
from obs_core import execution

warnings.simplefilter("always")
with execution("night"):
    for number in range(3):
        warnings.warn("old", DeprecationWarning)
""")
    [line] = load_execution("last", folder).log()
    assert (line.level, line.stream, line.text) == ("WARNING", "warnings", "DeprecationWarning: old")
    assert line.where.endswith("script.py:8")
    assert result.stderr.count("DeprecationWarning: old") == 3


def test_loguru_keeps_level_fields_and_exception(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("loguru")
    run_script("""
from loguru import logger
from obs_core import task

@task
def work():
    logger.bind(rows=3).warning("no coordinates for {}", "JFK")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("cannot divide")

work()
""")
    warning, error = load_execution("last", folder).log()
    assert (warning.level, warning.text, warning.fields) == ("WARNING", "no coordinates for JFK", {"rows": 3})
    assert warning.where.endswith("script.py:7")
    assert (error.level, error.text) == ("ERROR", "cannot divide")
    assert error.exception.endswith("ZeroDivisionError: division by zero")


def test_structlog_keeps_level_and_fields(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("structlog")
    run_script("""
import structlog
from obs_core import task

@task
def work():
    structlog.get_logger().bind(run=7).warning("no coordinates", airport="JFK")
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
    structlog.get_logger().error("rendered", rows=3)

work()
""")
    lines = load_execution("last", folder).log()
    assert [(line.level, line.text, line.fields) for line in lines] == [
        ("WARNING", "no coordinates", {"run": 7, "airport": "JFK"}),
        ("ERROR", "rendered", {"rows": 3}),
    ]


def test_progress_bars_are_folded_and_a_line_without_an_end_is_kept(run_script: RunScript, folder: Path) -> None:
    run_script("""
import sys
from obs_core import task

@task
def work():
    for number in range(1000):
        sys.stderr.write(f"\\r{number + 1}/1000")
    sys.stderr.write("\\n")
    sys.stdout.write("DOS\\r\\n")
    sys.stdout.write("not ended")

work()
""")
    assert said(folder) == [("stderr", "1000/1000"), ("stdout", "DOS"), ("stdout", "not ended")]


NESTED = """
import logging, os, sys
from obs_core import execution, task
from tqdm import tqdm

@task
def fit():
    logging.error("out of memory, half the batch is tried")
    for epoch in tqdm(range(4), desc="epoch", mininterval=0):
        for batch in tqdm(range(20), desc="batch", leave=False, mininterval=0):
            if KILL and epoch == 2:
                os.kill(os.getpid(), 9)
        tqdm.write(f"said {epoch}", file=sys.stderr)

with execution("night"):
    fit()
"""


@pytest.mark.parametrize("mode", ["streams", "all"])
def test_bars_of_tqdm_below_each_other_are_kept_once_in_their_last_state(
    run_script: RunScript, folder: Path, mode: str
) -> None:
    pytest.importorskip("tqdm")
    run_script(NESTED.replace("KILL", "False"), env={"OBS_LOGS": mode})
    (_, error), *others, (_, last) = said(folder)
    assert error == "out of memory, half the batch is tried"
    assert others == [("stderr", f"said {epoch}") for epoch in range(4)]
    assert last.startswith("epoch: 100%")
    assert "\x1b" not in last


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals of POSIX")
def test_bars_of_a_killed_task_do_not_hide_what_it_said(run_script: RunScript, folder: Path) -> None:
    pytest.importorskip("tqdm")
    run_script(NESTED.replace("KILL", "True"), check=False)
    texts = ["out of memory, half the batch is tried", "said 0", "said 1"]
    assert [text for _, text in said(folder)] == texts
    assert load_execution("last", folder).why().lines == [f"ERROR {texts[0]}", *texts[1:]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="descriptors are kept on POSIX systems")
def test_bars_of_a_subprocess_are_kept_in_their_last_state(run_script: RunScript, folder: Path) -> None:
    run_script(r"""
import subprocess, sys
from obs_core import task

SOURCE = r'''
import os
os.write(2, b"\repoch 0")
for epoch in range(1, 5):
    for batch in range(50):
        os.write(2, f"\n\rbatch {batch}\x1b[A\repoch {epoch}".encode())
os.write(2, b"\n\r        \x1b[A\n")
os.write(2, b"done\n")
'''

@task(logs="all")
def fit():
    subprocess.run([sys.executable, "-c", SOURCE], check=True)

fit()
""")
    assert [text for _, text in said(folder)] == ["epoch 4", "done"]


def test_a_bar_around_tasks_is_kept_once_where_it_was_begun(run_script: RunScript, folder: Path) -> None:
    run_script(r"""
import sys
from obs_core import execution, task

@task
def one(number):
    print("one", number)

with execution("night"):
    for number in range(3):
        sys.stderr.write(f"\r{number} of 3")
        one(number)
    sys.stderr.write("\r3 of 3")
""")
    assert [text for _, text in said(folder)] == ["one 0", "one 1", "one 2", "3 of 3"]


def test_a_very_long_line_is_one_line_that_says_how_much_is_left_out(run_script: RunScript, folder: Path) -> None:
    run_script("""
import sys
from obs_core import current_context, task

@task
def work():
    value = current_context().secrets.get("db", "password")
    print("begins" + "x" * 1_000_000 + "ends")
    for _ in range(500):
        sys.stdout.write(value * 100)
    print()
    print("short")
    sys.stdout.write("y" * 300_000)

work()
""", env={"OBS_SECRET_DB_PASSWORD": "k9-very-secret"})  # fmt: skip
    whole, masked, short, unended = (text for _, text in said(folder))
    assert whole == f"begins{'x' * 8_186} … 983,626 characters left out … {'x' * 8_188}ends"
    assert set(masked.partition(" … ")[0]) == set(masked.rpartition(" … ")[2]) == {"*"}
    assert short == "short"
    assert unended == f"{'y' * 8_192} … 283,616 characters left out … {'y' * 8_192}"


def test_what_is_printed_after_a_redirection_around_a_task_is_kept(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import contextlib, sys, warnings
from obs_core import execution, task

@task
def work(number):
    print(f"work {number}")

with execution("night"):
    print("before")
    for number in range(3):
        with open(f"{number}.txt", "w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            work(number)
            print("in the file")
        if number != 1:
            print("after", number)
            warnings.warn(f"warned {number}")
    print("last")
assert "write" not in vars(sys.stdout)
assert "write" not in vars(sys.stderr)
""")
    assert result.stdout.splitlines() == ["before", "after 0", "after 2", "last"]
    kept = [
        "before",
        *("work 0", "in the file", "after 0", "UserWarning: warned 0"),
        *("work 1", "in the file"),
        *("work 2", "in the file", "after 2", "UserWarning: warned 2"),
        "last",
    ]
    assert [text for _, text in said(folder)] == kept


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs signals of POSIX")
def test_a_line_without_an_end_is_kept_wherever_a_timeout_strikes_the_task_s_end(
    run_script: RunScript, folder: Path
) -> None:
    run_script("""
import signal, sys
from obs_core import execution, task

class Timeout(TimeoutError):
    pass

def stop(*_):
    raise Timeout

def strike(frame, event, _):
    global left
    if event in ("call", "c_return") and frame.f_code.co_filename.endswith(("logs.py", "log_writer.py")):
        left -= 1
        if left == 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)

@task(enable_deck=False)
def work():
    sys.stdout.write(f"place {places}")
    sys.setprofile(strike)

signal.signal(signal.SIGALRM, stop)
places = left = 0
with execution("night"):
    while left <= 0:
        places += 1
        left = places
        try:
            work()
        except Timeout:
            pass
        sys.setprofile(None)
    print(f"last {places}")
""")
    texts = [text for _, text in said(folder)]
    places = int(texts[-1].removeprefix("last "))
    assert places > 10
    assert [place for place in range(1, places + 1) if f"place {place}" not in texts] == []


def test_a_bar_that_goes_on_and_on_costs_no_more_than_what_is_to_be_seen_of_it(
    run_script: RunScript, folder: Path
) -> None:
    run_script("""
import sys
from obs_core import task
from obs_core.recording import logs

@task
def work():
    for number in range(100_000):
        sys.stdout.write(f"\\rstep {number}")
        assert all(len(line) < 20 for bars in logs._bars["out"].values() for line in bars.shown())
    sys.stdout.write("\\rdone\\r\\n")

work()
""")
    assert said(folder) == [("stdout", "done")]


def test_secrets_are_masked(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging
from obs_core import current_context, task

@task
def work():
    value = current_context().secrets.get("db", "password")
    print("with", value)
    logging.getLogger("app").warning("with %s", value, extra={"given": value})

work()
""", env={"OBS_SECRET_DB_PASSWORD": "k9-very-secret"})  # fmt: skip
    printed, logged = load_execution("last", folder).log()
    assert (printed.text, logged.text, logged.fields) == ("with ***", "with ***", {"given": "***"})
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"k9-very-secret" not in files


def test_bad_output_is_kept_as_far_as_it_can_be(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging, sys
from obs_core import task

@task
def work():
    sys.stdout.reconfigure(errors="backslashreplace")
    print("a lone surrogate \\udc80")
    print("x" * 5_000_000 + "end")
    logging.getLogger("app").warning("not %d", "a number")
    logging.getLogger("app").warning("odd", extra={"big": 2**70, "object": object})

logging.raiseExceptions = False
work()
""")
    surrogate, long, broken, odd = load_execution("last", folder).task("work").log()
    assert surrogate.text == "a lone surrogate \\udc80"
    assert len(long.text) < 17_000
    assert "characters left out" in long.text
    assert long.text.endswith("end")
    assert broken.text == "not %d (its arguments cannot be put into it: TypeError)"
    assert odd.text == "odd"


def test_a_script_without_output_writes_no_log(run_script: RunScript, folder: Path) -> None:
    run_script("from obs_core import task\ntask(lambda: None, name='x')()")
    assert not list(folder.glob("executions/*/logs"))


ALL = {"OBS_LOGS": "all"}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="descriptors are kept on POSIX systems")


def raw_files(folder: Path) -> list[Path]:
    """What is there of the files that stand in for descriptors."""
    return list(folder.glob("executions/*/logs/*.raw"))


@needs_fork
def test_all_keeps_what_subprocesses_and_c_code_write_and_the_terminal_has_it_in_order(
    run_script: RunScript, folder: Path
) -> None:
    result = run_script("""
import ctypes, subprocess, sys
from obs_core import execution, task

@task
def work():
    print("python", flush=True)
    subprocess.run(["sh", "-c", "echo subprocess; echo problem >&2"])
    print("python again", flush=True)
    libc = ctypes.CDLL(None)
    libc.puts(b"C code")
    libc.fflush(None)

with execution("night"):
    work()
    subprocess.run(["sh", "-c", "printf unended"])
print(" done", sys.stdout.fileno())
""", env=ALL)  # fmt: skip
    assert result.stdout == "python\nsubprocess\npython again\nC code\nunended done 1\n"
    assert result.stderr == "problem\n"
    texts = [(task, text) for task, _, text in named(folder)]
    assert sorted(texts) == [
        ("night", "unended"), ("work", "C code"), ("work", "problem"), ("work", "python"), ("work", "python again"),
        ("work", "subprocess"),
    ]  # fmt: skip
    assert not raw_files(folder)


@needs_fork
@pytest.mark.parametrize(
    "ending",
    ["os._exit(3)", "os.execv('/bin/sh', ['sh', '-c', 'echo afterwards; exit 3'])", "sys.exit(3)"],
)
def test_all_passes_everything_on_before_the_program_ends(run_script: RunScript, folder: Path, ending: str) -> None:
    result = run_script(f"""
import os, subprocess, sys
from obs_core import task

@task
def work():
    subprocess.run(["sh", "-c", "echo first; echo second"])
    {ending}

work()
""", env=ALL, check=False)  # fmt: skip
    assert result.returncode == 3
    assert result.stdout.splitlines()[:2] == ["first", "second"]
    assert result.stdout.splitlines()[2:] == (["afterwards"] if "execv" in ending else [])
    assert [text for _, text in said(folder)][:2] == ["first", "second"]
    assert not raw_files(folder)


@needs_fork
def test_all_passes_everything_on_before_sigterm_ends_the_program(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import os, signal
from obs_core import task

@task
def work():
    os.system("echo first; printf half")
    os.kill(os.getpid(), signal.SIGTERM)

work()
""", env=ALL, check=False)  # fmt: skip
    assert result.returncode == -signal.SIGTERM
    assert result.stdout == "first\nhalf"
    assert [(task, text) for task, _, text in named(folder)] == [("work", "first"), ("work", "half")]
    assert not raw_files(folder)


@needs_fork
def test_all_keeps_what_was_written_before_a_kill(tmp_path: Path, folder: Path) -> None:
    source = """
import os, signal, subprocess
from obs_core import task

@task
def work():
    os.write(1, b"C code\\n")
    os.kill(os.getpid(), signal.SIGKILL)

work()
"""
    environment = {**os.environ, **ALL}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False, env=environment)
    assert ("stdout", "C code") in said(folder)


@needs_fork
def test_all_counts_what_it_does_not_keep_of_a_line_that_is_longer_than_it_is_quick(
    run_script: RunScript, folder: Path
) -> None:
    size = 64 * 2**20
    run_script(f"""
import subprocess
from obs_core import task

@task
def work():
    subprocess.run("head -c {size} /dev/zero | tr '\\\\0' x; echo", shell=True)

work()
""", env=ALL)  # fmt: skip
    kept = sum(len(text) for _, text in said(folder))
    lost = dropped_lines(open_store(folder), load_execution("last", folder).id)
    # A piece that is written is what was left of the one before, too.
    assert 0 <= size - kept <= lost * 2 * descriptors._CHUNK


def can_punch_holes(folder: Path) -> bool:
    """Tell whether the file system of a folder gives back a part of a file."""
    with (folder / "tried").open("wb") as file:
        file.write(bytes(2**16))
        file.flush()
        try:
            punch_hole(file.fileno(), 0, 2**16)
        except OSError:
            return False
        return True


@needs_fork
def test_all_gives_room_back_to_the_disk_but_for_what_a_kill_would_lose(tmp_path: Path, folder: Path) -> None:
    if not can_punch_holes(tmp_path):
        pytest.skip("this file system cannot give back a part of a file")
    source = """
import os, signal
from obs_core import task
from obs_core.recording import descriptors

@task
def work():
    with descriptors._lock:
        for _ in range(8):
            os.write(1, (b"x" * 65_535 + b"\\n") * 64)
            descriptors.pass_on()
        os.write(1, b"last words\\n")
        os.kill(os.getpid(), signal.SIGKILL)

work()
"""
    environment = {**os.environ, **ALL}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False, env=environment)
    lines = said(folder)
    assert (len(lines), lines[-1]) == (8 * 64 + 1, ("stdout", "last words"))
    [raw] = [path for path in raw_files(folder) if path.stat().st_size]
    assert (raw.stat().st_size, raw.stat().st_blocks * 512 < 2**22) == (8 * 2**22 + len("last words\n"), True)
    for log in folder.glob("executions/*/logs/*.jsonl"):
        log.unlink()
    left = [text for _, text in said(folder)]
    assert (left[0][:5], left[-1]) == ("x" * 5, "last words")


@needs_fork
def test_all_says_in_the_log_how_far_a_bar_was_read_that_gives_no_line(tmp_path: Path, folder: Path) -> None:
    source = """
import os, signal
from obs_core import task
from obs_core.recording import descriptors

descriptors._MOST_BEHIND = 1_000

@task
def work():
    with descriptors._lock:
        for done in range(10, 100):
            os.write(1, b"\\x1b[A\\r" + str(done).encode() * 40 + b"\\n")
            descriptors.pass_on()
        os.kill(os.getpid(), signal.SIGKILL)

work()
"""
    environment = {**os.environ, **ALL}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False, env=environment)
    assert said(folder) == [("stdout", "99" * 40)]
    [log] = folder.glob("executions/*/logs/*.jsonl")
    raw = max(raw_files(folder), key=lambda path: path.stat().st_size)
    told = [int(line[14:-1]) for line in log.read_text().splitlines() if line.startswith('["read","out",')]
    assert told[-1] > raw.stat().st_size - 2_000


@needs_fork
def test_all_comes_to_an_end_though_somebody_writes_faster_than_it_reads(run_script: RunScript) -> None:
    result = run_script("""
import os
from obs_core import task
from obs_core.recording import descriptors

read = descriptors._read

def read_while_more_comes(file, start):
    os.write(1, b"more\\n")
    return read(file, start)

@task
def work():
    with descriptors._lock:
        descriptors._read = read_while_more_comes
        os.write(1, b"first\\n")

work()
""", env=ALL)  # fmt: skip
    assert result.stdout.startswith("first\nmore\n")


@needs_fork
def test_all_keeps_what_a_second_task_wrote_before_a_kill(tmp_path: Path, folder: Path) -> None:
    source = """
import os, signal
from obs_core import execution, task
from obs_core.recording import descriptors

@task(logs="all")
def work(text, ends=False):
    with descriptors._lock:
        os.write(1, text)
        if ends:
            os.kill(os.getpid(), signal.SIGKILL)

with execution("night"):
    work(b"a longer line of the first one\\n")
    work(b"last\\n", ends=True)
"""
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, capture_output=True, check=False)
    assert [text for _, text in said(folder)] == ["a longer line of the first one", "last"]


@needs_fork
def test_all_leaves_a_terminal_a_terminal_for_python(tmp_path: Path, folder: Path) -> None:
    import pty

    source = """
import sys
from obs_core import execution

with execution("night"):
    print("a terminal:", sys.stdout.isatty())
"""
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=terminal, stderr=terminal, cwd=tmp_path, env={**os.environ, **ALL}
    ) as process:
        os.close(terminal)
        shown = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                shown += os.read(controller, 1000)
            except OSError:  # the other end is closed
                break
        assert process.wait(60) == 0
    os.close(controller)
    assert shown.splitlines()[0] == b"a terminal: True"
    assert said(folder) == [("stdout", "a terminal: True")]


@needs_fork
def test_all_passes_each_piece_on_once_though_a_signal_s_handler_prints_meanwhile(run_script: RunScript) -> None:
    result = run_script("""
import os, signal
from obs_core import task
from obs_core.recording import descriptors

read = descriptors._read

def interrupted(file, start):
    chunk = read(file, start)
    if chunk.startswith(b"first"):
        descriptors._read = read
        signal.raise_signal(signal.SIGUSR1)
    return chunk

@task
def work():
    signal.signal(signal.SIGUSR1, lambda *_: print("handler", flush=True))
    with descriptors._lock:
        descriptors._read = interrupted
        os.write(1, b"first\\n")
        print("python", flush=True)
    os.write(1, b"second\\n")

work()
""", env=ALL)  # fmt: skip
    assert result.stdout == "first\nhandler\npython\nsecond\n"


@needs_fork
def test_all_leaves_what_a_program_does_to_descriptors_and_endings_itself(
    run_script: RunScript, tmp_path: Path
) -> None:
    result = run_script("""
import os
from obs_core import task

@task
def work():
    file = os.open("own", os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    end = os._exit

    def said(code):
        os.write(1, b"ending\\n")
        end(code)

    os._exit = said

work()
print("afterwards", flush=True)
os._exit(0)
""", env=ALL)  # fmt: skip
    assert (result.stdout, (tmp_path / "own").read_text()) == ("", "afterwards\nending\n")


@needs_fork
def test_all_gives_a_forked_child_the_streams_that_it_had(run_script: RunScript) -> None:
    result = run_script("""
import os, sys
from obs_core import task

@task
def work():
    print("in both")
    if not os.fork():
        os.closerange(3, 4096)
        print(sys.stdout.fileno(), flush=True)
        os._exit(0)
    os.wait()

work()
""", env={**ALL, "PYTHONUNBUFFERED": ""})  # fmt: skip
    assert result.stdout == "in both\n1\nin both\n"


@needs_fork
@pytest.mark.parametrize(
    "short_of",
    [
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))",
        "import threading; threading.Thread.start = lambda self: exec('raise RuntimeError')",
    ],
)
def test_all_hurts_nobody_where_descriptors_or_threads_are_used_up(run_script: RunScript, short_of: str) -> None:
    result = run_script(f"""
import os, sys
from obs_core import task

@task
def work():
    os.system("echo subprocess")

work()
opened = len(os.listdir("/proc/self/fd"))
{short_of}
for _ in range(3):
    work()
print(len(os.listdir("/proc/self/fd")) - opened)
""", env={**ALL, "OBS_STRICT": "0"})  # fmt: skip
    assert result.stdout == "subprocess\n" * 4 + "0\n"


@needs_fork
def test_all_is_not_held_up_by_output_that_comes_too_fast(run_script: RunScript, folder: Path) -> None:
    result = run_script("""
import subprocess
from obs_core import task
from obs_core.recording import descriptors

descriptors._MOST_BEHIND = 100_000

@task
def work():
    subprocess.run(["seq", "2000000"])

work()
""", env=ALL)  # fmt: skip
    numbers = [str(number) for number in range(1, 2_000_001)]
    assert result.stdout.splitlines() == numbers
    execution = load_execution("last", folder)
    lines = execution.log()
    assert len(lines) + dropped_lines(execution.store, execution.id) >= 1_999_000
    assert lines[-1].text == "2000000"


def test_a_call_with_wrong_arguments_prints_the_call_stack_that_it_always_prints(tmp_path: Path) -> None:
    source = """
import logging
from obs_core import task

def say():
    logging.warning("%d flights", "many")

logging.basicConfig()
say()
task(say)()
"""
    environment = {**os.environ, "OBS_STORE": str(tmp_path / "store"), "OBS_QUIET": "1"}
    done = subprocess.run([sys.executable, "-c", source], env=environment, check=True, capture_output=True, text=True)
    _, outside, inside = done.stderr.split("Call stack:\n")
    calls = (text.partition("Message:")[0].splitlines() for text in (outside, inside))
    innermost = [[line for line in lines if line.startswith("  File ")][-1] for lines in calls]
    assert "logs.py" not in inside
    assert innermost == ['  File "<string>", line 6, in say'] * 2


OF_LESS = """
import os, signal, subprocess, sys
from obs_core import execution, task

def say(text):
    subprocess.run(["echo", text])
    os.write(1, (text + " by itself\\n").encode())

@task(logs=False)
def private():
    say("secret")
    print("secret print")
    callee()
    os.write(1, b"secret without an end")
    if "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)

@task
def callee():
    say("secret of the callee")

@task(logs="logging")
def quiet():
    say("secret too")

@task
def plain():
    say("plain")

with execution("logs") as run:
    os.write(1, b"before")
    private()
    os.write(1, b"\\nbetween\\n")
    quiet()
    plain()
    if "kill at last" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_fork
@pytest.mark.parametrize("ending", ["", "kill", "kill at last"])
def test_all_keeps_nothing_of_a_task_that_says_so_nor_of_what_it_calls(
    tmp_path: Path, folder: Path, ending: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(OF_LESS)
    environment = {**os.environ, "OBS_LOGS": "all"}
    subprocess.run([sys.executable, str(script), ending], env=environment, capture_output=True, timeout=120)
    read = load_execution("last", folder)
    said = [(line.task, line.text) for line in read.log()]
    assert not [text for _, text in said if "secret" in text]
    root = "main.1"
    expected = [(root, "before")]
    if ending != "kill":
        plain = read.task("plain").id
        expected += [(root, ""), (root, "between"), (plain, "plain"), (plain, "plain by itself")]
    assert said == expected


@needs_fork
def test_all_keeps_a_subprocess_that_is_given_a_stream_of_python_and_the_order(
    run_script: RunScript, folder: Path
) -> None:
    source = """
import os, subprocess, sys
from obs_core import execution, task

@task
def fit():
    subprocess.run(["echo", "first"])
    subprocess.run(["echo", "second"], stdout=sys.stdout)
    subprocess.run(["echo", "third"], stdout=sys.__stdout__)
    subprocess.run(["sh", "-c", "echo fourth >&2"], stderr=subprocess.STDOUT)
    subprocess.run(["sh", "-c", "echo to the other >&2"], stderr=sys.stderr)
    subprocess.run(["echo", "fifth"])
    os.write(sys.stdout.fileno(), b"not kept\\n")
    subprocess.run(["echo", "sixth"])

with execution("streams"):
    fit()
assert sys.stdout.fileno() == 1 and "fileno" not in vars(sys.stdout)
"""
    done = run_script(source, env={"OBS_LOGS": "all"})
    words = ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert done.stdout.splitlines() == [*words[:5], "not kept", "sixth"]
    assert done.stderr == "to the other\n"
    said = load_execution("last", folder).task("fit").log()
    assert [line.text for line in said if line.stream == "stdout"] == words
    assert [line.text for line in said if line.stream == "stderr"] == ["to the other"]


def test_what_a_stream_refuses_is_not_said_and_glued_to_nothing(run_script: RunScript, folder: Path) -> None:
    source = """
import logging, sys
from obs_core import execution, task

class Hostile:
    def __str__(self):
        raise ValueError("no text")

def refused(function, *arguments):
    try:
        function(*arguments)
    except (UnicodeEncodeError, ValueError):
        return
    raise AssertionError("it was taken")

@task
def fit():
    sys.stdout.reconfigure(encoding="ascii", errors="strict")
    print("begun", end=" ")
    refused(print, "caf\\u00e9")
    refused(sys.stdout.write, "caf\\u00e9\\n")
    print("and done")
    sys.stderr.reconfigure(encoding="utf-8", errors="strict")
    refused(print, "half \\udce9\\nof it")
    logging.warning(Hostile())
    logging.warning("%d", "many")
    sys.stdout.close()
    refused(print, "closed")
    refused(sys.stdout.write, "closed\\n")

with execution("refused"):
    fit()
"""
    source = source.replace('refused(print, "half', 'refused(lambda text: print(text, file=sys.stderr), "half')
    done = run_script(source)
    assert done.stdout == "begun and done\n"
    first, hostile, wrong = [line.text for line in load_execution("last", folder).task("fit").log()]
    assert first == "begun and done"
    assert "Hostile" in hostile
    assert wrong == "%d (its arguments cannot be put into it: TypeError)"


@pytest.mark.parametrize("factory", ["PrintLoggerFactory", "WriteLoggerFactory"])
def test_events_of_structlog_of_several_lines_are_kept_once(run_script: RunScript, folder: Path, factory: str) -> None:
    pytest.importorskip("structlog")
    source = f"""
import structlog
from obs_core import execution, task
structlog.configure(logger_factory=structlog.{factory}())
log = structlog.get_logger()

@task
def fit():
    log.error("one")
    log.error("two\\nlines")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("divided")
    log.warning("with a stack", stack_info=True)
    log.warning("last")

with execution("events"):
    fit()
"""
    run_script(source)
    said = load_execution("last", folder).task("fit").log()
    assert [(line.level, line.text) for line in said] == [
        ("ERROR", "one"),
        ("ERROR", "two\nlines"),
        ("ERROR", "divided"),
        ("WARNING", "with a stack"),
        ("WARNING", "last"),
    ]


def test_names_and_texts_that_no_utf_8_holds_are_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    from obs_core import execution, log_metric, task
    from obs_core.commands import main

    name = b"caf\xe9".decode("utf-8", "surrogateescape")  # as a shell hands it over

    log = logging.Logger("of its own")  # what pytest caught of it, it could not show
    log.addHandler(logging.NullHandler())

    def fit() -> int:
        log.warning("read %s", name)
        log_metric("loss", 1.0)
        return 7

    fit.__name__ = name
    with execution(name) as run:
        task(fit)()
    read = load_execution(name)
    assert read.id == run.id
    assert read.task(name).name == "caf\\udce9"
    assert read.output(name) == 7
    assert list(read.metrics("loss", task=name).value) == [1.0]
    assert len(read.log(grep=name)) == 1
    assert main(["logs", name, "--task", name, "--grep", name]) == 0
    assert "read caf\\udce9" in capsys.readouterr().out
    assert main(["show", name, "--text"]) == 0
    assert main(["logs", "-n", "-1"]) == 2
    assert capsys.readouterr().err == "obs: --last must be 0 or more, got -1\n"


@needs_fork
def test_all_gives_lines_to_the_innermost_execution_and_task(run_script: RunScript, folder: Path) -> None:
    run_script("""
import os
from obs_core import execution, task

@task
def work(text):
    os.system(f"echo {text}")
    os.write(1, f"half of {text}".encode())

with execution("outer"):
    os.system("echo in outer")
    with execution("inner"):
        os.system("echo in inner")
        work("task")
        os.write(1, b"\\nafter it\\n")
    work("outer task")
    os.system("echo in outer again")
""", env=ALL)  # fmt: skip
    inner, outer = list_executions(folder)
    assert (inner.name, outer.name) == ("inner", "outer")
    texts = {}
    for view in (inner, outer):
        read = load_execution(view.id, folder)
        names = {one.id: one.name for one in read.tasks}
        texts[view.name] = [(names.get(line.task, view.name), line.text) for line in read.log()]
    assert texts == {
        "inner": [
            ("inner", "in inner"), ("work", "task"), ("work", "half of task"), ("inner", ""), ("inner", "after it"),
        ],
        "outer": [
            ("outer", "in outer"), ("work", "outer task"), ("work", "half of outer task"), ("outer", "in outer again"),
        ],
    }  # fmt: skip


def test_all_keeps_what_is_read_while_an_execution_begins(run_script: RunScript, folder: Path) -> None:
    run_script("""
import os
from obs_core import execution
from obs_core.recording import descriptors, threads

remember = threads.remember_older

def beginning(root):
    descriptors.pass_on()  # as the background thread may just then
    remember(root)

threads.remember_older = beginning
with execution("outer"):
    os.write(1, b"in outer\\n")
    with execution("inner"):
        pass
""", env=ALL)  # fmt: skip
    views = list_executions(folder)
    kept = {view.name: [line.text for line in load_execution(view.id, folder).log()] for view in views}
    assert kept == {"inner": [], "outer": ["in outer"]}


@needs_fork
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="obs run needs Linux")
def test_all_gives_what_was_written_before_sigterm_to_its_task_under_obs_run(folder: Path) -> None:
    source = """
import os, signal
from obs_core import task

@task
def work():
    os.write(1, b"first\\nhalf")
    os.kill(os.getpid(), signal.SIGTERM)

work()
"""
    command = [sys.executable, "-m", "obs_core", "run", "--", sys.executable, "-c", source]
    environment = {**os.environ, **ALL, "OBS_STORE": str(folder)}
    result = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=120)
    assert (result.returncode, result.stdout) == (-signal.SIGTERM, b"first\nhalf")
    read = load_execution("last", folder)
    assert [line.text for line in read.task("work").log()] == ["first", "half"]


UNFLUSHED = """
import os, subprocess, sys
WITH_OBS
sys.stdout.write("before")

@task
def work():
    print("printed in the task")
    subprocess.run(["echo", "subprocess"])
    sys.stderr.write("half a line of stderr")
    ENDS

work()
print("printed after it")
os._exit(3)
"""


@needs_fork
@pytest.mark.parametrize("ends", ["pass", "os._exit(3)", "os.execv('/bin/echo', ['echo', 'another program'])"])
def test_an_abrupt_end_loses_of_the_output_what_it_would_lose_without_obs(
    run_script: RunScript, folder: Path, ends: str
) -> None:
    source = UNFLUSHED.replace("ENDS", ends)
    buffered = {**ALL, "PYTHONUNBUFFERED": ""}
    without = run_script(source.replace("WITH_OBS", "task = lambda function: function"), env=buffered, check=False)
    with_obs = run_script(source.replace("WITH_OBS", "from obs_core import task"), env=buffered, check=False)
    assert (with_obs.stdout, with_obs.stderr) == (without.stdout, without.stderr)
    assert without.stdout.splitlines()[0] == "subprocess"  # all else was still in the buffer


def test_what_a_task_prints_that_a_handler_of_logging_calls_is_kept(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging
from obs_core import execution, task

@task
def alert(message):
    print("alert:", message)
    logging.getLogger("inner").info("sent")

class Alerts(logging.Handler):
    def emit(self, record):
        if record.name != "inner":
            print("a handler says", record.getMessage())
            alert(record.getMessage())
            print("said")

logging.basicConfig(level=logging.INFO, handlers=[Alerts()])
with execution("night"):
    logging.error("disk full")
    print("afterwards")
""")
    assert named(folder) == [
        ("night", "night", "disk full"),
        ("alert", "alert", "alert: disk full"),
        ("alert", "alert", "sent"),
        ("night", "night", "afterwards"),
    ]


def test_what_a_tee_of_the_program_lets_through_is_kept_once(run_script: RunScript, folder: Path) -> None:
    run_script("""
import contextlib, io, sys
from obs_core import execution, task

class Tee:
    def __init__(self, *streams):
        self.streams = streams
    def write(self, text):
        for stream in self.streams:
            stream.write(text)
        return len(text)
    def flush(self):
        pass

sys.stdout = Tee(sys.stdout, io.StringIO())

@task
def load():
    print("inner")

with execution("night"):
    print("first")
    load()
    with contextlib.redirect_stdout(io.StringIO()):
        print("into a buffer")
        load()
    print("last")
""")
    assert said(folder) == [("stdout", "first"), ("stdout", "inner"), ("stdout", "last")]


def test_what_a_thread_of_a_pool_prints_without_a_line_break_is_kept(run_script: RunScript, folder: Path) -> None:
    run_script("""
from concurrent.futures import ThreadPoolExecutor
from obs_core import execution

with execution("night"):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print, "found 42", end="").result()
    print("done")
""")
    assert said(folder) == [("stdout", "done"), ("stdout", "found 42")]


def test_a_line_that_coroutines_write_in_turns_belongs_to_each_as_far_as_it_wrote_it(
    run_script: RunScript, folder: Path
) -> None:
    result = run_script("""
import asyncio
from obs_core import execution, task

@task
async def loads(begun, said):
    print("loading ... ", end="")
    begun.set()
    await said.wait()
    print("loaded")

@task
async def says(begun, said):
    await begun.wait()
    print("meanwhile", end=" ")
    print("this")
    said.set()

@task
async def ends_a_line(begun):
    await begun.wait()
    print()

async def main():
    begun, said = asyncio.Event(), asyncio.Event()
    await asyncio.gather(loads(begun, said), says(begun, said))
    begun, said = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(loads(begun, said))
    await ends_a_line(begun)
    said.set()
    await running

with execution("night"):
    asyncio.run(main())
""")
    assert result.stdout == "loading ... meanwhile this\nloaded\nloading ... \nloaded\n"
    assert named(folder) == [
        ("loads", "loads", "loading ... "),
        ("says", "says", "meanwhile this"),
        ("loads", "loads", "loaded"),
        ("loads", "loads", "loading ... "),
        ("loads", "loads", "loaded"),
    ]


def test_a_line_around_a_call_of_a_task_is_one_line_of_the_caller_unless_the_task_prints(
    run_script: RunScript, folder: Path
) -> None:
    run_script("""
from obs_core import execution, span, task

@task
def quiet():
    pass

@task
def loud():
    print("of the task")

@task(logs="0")
def unheard():
    print("of nobody")

with execution("night"):
    for called in (quiet, loud, unheard):
        with span("step"):
            print("calling ... ", end="", flush=True)
            called()
        print("done")
""")
    assert named(folder) == [
        ("night", "night", "calling ... done"),
        ("night", "step", "calling ... "),
        ("loud", "loud", "of the task"),
        ("night", "night", "done"),
        ("night", "step", "calling ... "),
        ("night", "night", "done"),
    ]


@pytest.mark.posix
def test_the_line_of_a_caller_that_an_abrupt_end_interrupts_in_a_task_is_kept_as_the_callers(
    run_script: RunScript, folder: Path
) -> None:
    run_script(
        """
import os, signal
from obs_core import execution, task

@task
def load():
    os.kill(os.getpid(), signal.SIGTERM)

with execution("night"):
    print("calling ... ", end="", flush=True)
    load()
""",
        check=False,
    )
    assert named(folder) == [("night", "night", "calling ... ")]


@pytest.mark.posix
@pytest.mark.parametrize("ends", ["os.kill(os.getpid(), signal.SIGTERM)", "os._exit(3)"])
def test_the_line_that_an_abrupt_end_interrupts_is_kept(ends: str, run_script: RunScript, folder: Path) -> None:
    run_script(
        f"""
import os, signal
from obs_core import execution, task

@task
def load():
    print("loading the model ... ", end="", flush=True)
    {ends}

with execution("night"):
    load()
""",
        check=False,
    )
    assert named(folder) == [("load", "load", "loading the model ... ")]


def test_of_a_long_traceback_the_beginning_and_the_end_are_kept(run_script: RunScript, folder: Path) -> None:
    run_script("""
import logging
from obs_core import execution

with execution("long"):
    try:
        raise ValueError("first " + "x" * 9_000_000 + " last")
    except ValueError:
        logging.exception("it failed")
""")
    (line,) = [line for line in load_execution("last", folder).log() if line.stream == "logging"]
    assert len(line.exception) < 70_000
    assert line.exception.startswith("Traceback (most recent call last):\n")
    assert line.exception.endswith("x last")
    assert " characters left out " in line.exception
