"""Garbage that is collected anywhere, by any thread, changes nothing of what others record."""

from __future__ import annotations

import gc
import os
import sys
import threading
from types import FrameType
from typing import Any

from obs_core import execution, span
from obs_core.recording import scope
from obs_core.testing import RecordingStore

RECORDING = os.path.dirname(scope.__file__)


def test_collections_between_any_two_instructions_fail_nothing(store: RecordingStore) -> None:
    def collect(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename.startswith(RECORDING):
            frame.f_trace_opcodes = True
            if event == "opcode":
                gc.collect(0)
        return collect

    before = sys.gettrace()
    with execution("night"):
        sys.settrace(collect)
        try:
            with span("outer"), span("inner"):
                pass
        finally:
            sys.settrace(before)
    (outer,) = store.last().span.children
    assert [one.name for one in outer.walk()] == ["outer", "inner"]


class Slow:
    """Garbage whose finalizer records, and lets other threads run."""

    def __init__(self) -> None:
        self.itself = self
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __del__(self) -> None:
        with span("finalizer"):
            self.begun.set()
            self.go_on.wait(60)


def test_what_another_thread_records_while_a_finalizer_waits_is_where_it_belongs(store: RecordingStore) -> None:
    with execution("night"):
        garbage = Slow()
        begun, go_on = garbage.begun, garbage.go_on
        del garbage
        collecting = threading.Thread(target=gc.collect)
        collecting.start()
        assert begun.wait(60)
        with span("outer"), span("middle"), span("inner"):
            pass
        with span("afterwards"):
            pass
        go_on.set()
        collecting.join()
    children = [one for one in store.last().span.children if one.name != "finalizer"]
    assert [one.name for one in children] == ["outer", "afterwards"]
    assert [one.name for one in children[0].walk()] == ["outer", "middle", "inner"]
