"""A program ends as it would without obs, whatever its values, exceptions, signals and limits are.

Each case in programs.toml is a piece of source that runs twice: with obs, and with names that do nothing in its place.
What it returns, raises, prints and how its process ends must be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROGRAMS = tomllib.loads(Path(__file__).with_name("programs.toml").read_text())
HOSTILE, ENDINGS = PROGRAMS["hostile"], PROGRAMS["endings"]

WITH = """
from obs_core import Deck, attach, carrier, execution, span, task, track
def deck(value):
    Deck("Mine", value)
def publish():
    Deck.publish()
"""

WITHOUT = """
import contextlib
def task(function=None, **settings):
    return function if function is not None else task
class span(contextlib.nullcontext):
    def __init__(self, name, /, **attributes):
        super().__init__()
execution = attach = span
def track(items, *more, **named):
    return items
def carrier():
    return ""
def deck(value):
    pass
def publish():
    pass
"""

OF_A_VALUE = """
value = {}
@task
def work(first, *more, **named):
    with span("step", value=first, nested=[first, {{"in": first}}]):
        deck(first)
    return first
told = work(value, value, other=value) is value
"""

OF_AN_ENDING = """
signal.signal(signal.SIGINT, signal.default_int_handler)
@task
def work(do):
    with span("step", do=do):
        do()
"""


def sources() -> dict[str, str]:
    """The cases that can share a process."""
    found = {f"value {value}": OF_A_VALUE.format(value) for value in PROGRAMS["values"]}
    found |= {f"used: {name}": OF_A_VALUE.format("None") + source for name, source in PROGRAMS["used"].items()}
    for name, source in PROGRAMS["raised"].items():
        body = "".join(f"    {line}\n" for line in source.splitlines())
        found[f"raised: {name}"] = f"@task\ndef work():\n{body}work()"
    return found


TOGETHER = """
import contextlib, io, json, sys, traceback
cases = json.load(open(sys.argv[1]))
sys.argv = sys.argv[:1]
def causes(error):
    found = []
    while error is not None and len(found) < 5:
        found.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return found
def tried(source):
    scope = dict(SCOPE)
    printed = io.StringIO()
    filters = warnings.filters[:]
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, __file__, "exec"), scope)
        ended = ["returned", str(scope.get("told"))]
    except BaseException as error:
        try:
            message = str(error)[:200]
        except BaseException as broken:
            message = type(broken).__name__
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "obs_core" not in frame.filename]
        ended = ["raised", causes(error), message, frames[-1].name]
    finally:
        warnings.filters[:] = filters
        scope.clear()
    return [*ended, printed.getvalue()]
SCOPE = dict(globals())
told = {}
for name, source in cases.items():
    told[name] = tried(source)
    with open(sys.argv[0] + ".told", "w") as file:
        json.dump(told, file)
"""


def run(folder: Path, name: str, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / f"{name}.py"
    script.write_text(source)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OBS_")}
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(script), *arguments],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        cwd=folder,
        env={**kept, "OBS_STORE": str(folder / "store"), "OBS_RENDER_TIMEOUT": "30"},
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def told_by(folder: Path, name: str, prelude: str, cases: dict[str, str]) -> dict[str, list[object]]:
    (folder / "cases.json").write_text(json.dumps(cases))
    done = run(folder, name, prelude + HOSTILE + TOGETHER, str(folder / "cases.json"))
    told: dict[str, list[object]] = json.loads((folder / f"{name}.py.told").read_text())
    assert done.returncode == 0, (list(cases)[len(told)], done.returncode, done.stderr[-2000:])
    return told


@pytest.mark.posix
def test_values_and_exceptions_are_as_without_obs(tmp_path: Path) -> None:
    cases = sources()
    without = told_by(tmp_path, "without", WITHOUT, cases)
    with_obs = told_by(tmp_path, "with_obs", WITH, cases)
    differ = {name: (without[name], with_obs[name]) for name in cases if without[name] != with_obs[name]}
    assert differ == {}


def ending(folder: Path, name: str, prelude: str, source: str) -> tuple[int, str, str]:
    done = run(folder, name, prelude + HOSTILE + OF_AN_ENDING + source)
    last = [line for line in done.stderr.splitlines() if not line.startswith("obs: ")][-1:]
    return done.returncode, done.stdout, "".join(last)


@pytest.mark.posix
@pytest.mark.parametrize("part", range(6))
def test_processes_end_as_without_obs(tmp_path: Path, part: int, nightly: bool) -> None:
    names = list(ENDINGS)[part :: 6 if nightly else 24]
    differ = {}
    for name in names:
        without = ending(tmp_path, "without", WITHOUT, ENDINGS[name])
        with_obs = ending(tmp_path, "with_obs", WITH, ENDINGS[name])
        if with_obs != without:
            differ[name] = (without, with_obs)
    assert differ == {}


def test_there_are_as_many_cases_as_the_page_says() -> None:
    assert len(sources()) + len(ENDINGS) >= 155
