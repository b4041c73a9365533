"""Artifacts: what a task keeps, and what the next call of it finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_core import TypeTransformer, attach, carrier, current_context, execution, load_execution, register_transformer
from obs_core import task as make_task
from obs_core.reading.garbage import sweep
from obs_core.store import open_store
from obs_core.testing import RecordingStore


def counting(value: Any, fails: bool = False) -> Any:
    """Keep a value, and return what the call before kept."""
    before = current_context().last("seen")
    current_context().keep("seen", value)
    if fails:
        raise ValueError("on purpose")
    return None if before is None else before.value


task: Callable[..., Any] = make_task(counting)


def test_a_task_finds_what_its_last_successful_call_kept(store: RecordingStore) -> None:
    assert task([1]) is None
    assert task([2]) == [1]
    with pytest.raises(ValueError, match="on purpose"):
        task([3], fails=True)
    assert task([4]) == [2]


def test_what_is_kept_is_read_back_from_its_execution(store: RecordingStore) -> None:
    with execution("night") as run:
        task({"rows": 1})
        task({"rows": 2})
    assert load_execution(run.id).artifact("counting", "seen") == {"rows": 2}
    with pytest.raises(KeyError, match="no artifact 'other' of task 'counting'"):
        load_execution(run.id).artifact("counting", "other")


def test_a_task_of_the_same_name_but_another_function_is_another_task(store: RecordingStore) -> None:
    task([1])
    found = []

    @make_task(name="counting")
    def other() -> None:
        found.append(current_context().last("seen"))

    other()
    assert found == [None]


def test_it_says_which_execution_it_is_from(store: RecordingStore) -> None:
    with execution("night") as first:
        current_context().keep("seen", 5)
    with execution("night"):
        kept = current_context().last("seen")
    assert kept is not None
    assert (kept.value, kept.execution_id, kept.task_id) == (5, first.id, "main.1")


def test_large_values_lie_in_files(store: RecordingStore) -> None:
    large = ["x" * 100] * 1000
    task(large)
    assert task([]) == large
    assert any("/blobs/" in path for path in store.files)


def test_a_value_that_no_transformer_knows_is_refused(store: RecordingStore) -> None:
    with pytest.raises(TypeError, match="'seen' cannot be kept: no transformer knows object"):
        task(object())


def test_what_an_earlier_version_cannot_load_is_said_when_it_is_asked_for(store: RecordingStore) -> None:
    class Celsius(float):
        pass

    class CelsiusTransformer(TypeTransformer[Celsius]):
        python_type = Celsius
        name = "test.celsius"

        def to_bytes(self, value: Celsius) -> bytes:
            return repr(float(value)).encode()

        def from_bytes(self, data: bytes) -> Celsius:
            return Celsius(data.decode())

    with register_transformer(CelsiusTransformer()):
        task(Celsius(21))
    with pytest.raises(LookupError, match=r"no transformer named 'test\.celsius'"):
        task(1)


def test_after_gc_nothing_points_to_what_is_gone(tmp_path: Path) -> None:
    with execution("first", store=tmp_path):
        task([1])
    assert len(list((tmp_path / "latest").iterdir())) == 1
    sweep(open_store(tmp_path), -60)
    assert list((tmp_path / "latest").iterdir()) == []
    with execution("second", store=tmp_path):
        assert task([2]) is None


def test_the_next_process_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "nightly.py"
    script.write_text(
        "from obs_core import task, current_context\n"
        "@task\n"
        "def clean(n):\n"
        "    kept = current_context().last('n')\n"
        "    current_context().keep('n', n)\n"
        "    return kept and kept.value\n"
        "import sys; print(clean(int(sys.argv[1])))\n"
    )
    other = tmp_path / "other.py"
    other.write_text(script.read_text())
    monkeypatch.setenv("OBS_STORE", str(tmp_path / "store"))

    def run(path: Path, number: int) -> str:
        return subprocess.run([sys.executable, path, str(number)], check=True, capture_output=True, text=True).stdout

    assert run(script, 1) == "None\n"
    assert run(other, 2) == "None\n", "a task of another script"
    assert run(script, 3) == "1\n"


def test_an_attached_process_keeps_for_the_task(store: RecordingStore) -> None:
    @make_task
    def work() -> None:
        with attach(carrier()):
            current_context().keep("part", 1)

    with execution("night") as run:
        work()
    assert load_execution(run.id).artifact("work", "part") == 1


def test_what_is_no_measure_for_later_calls_is_kept_without_becoming_the_last(store: RecordingStore) -> None:
    @make_task(name="measured")
    def measure(value: list[int]) -> Any:
        before = current_context().last("seen")
        current_context().keep("seen", value, as_last=bool(value))
        return None if before is None else before.value

    assert measure([1]) is None
    with execution("empty") as run:
        assert measure([]) == [1]
    assert load_execution(run.id).artifact("measured", "seen") == []
    assert measure([2]) == [1]


def test_a_name_that_is_no_valid_text_is_one_like_any_other(store: RecordingStore) -> None:
    @make_task(name="named")
    def named(value: int) -> Any:
        before = current_context().last("part-\udcff")
        current_context().keep("part-\udcff", value)
        return None if before is None else before.value

    assert named(1) is None
    assert named(2) == 1
    assert load_execution("last").artifact("named", "part-\udcff") == 2
