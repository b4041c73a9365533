"""What is wrong is said when a function is decorated."""

from __future__ import annotations

import re
from typing import Any

import pytest

from obs_core.testing import ImportContract
from obs_memray import memray_profiling
from obs_memray.options import View, read_reporter_arguments


class TestPackage(ImportContract):
    package = "obs_memray"
    lazy = ("memray", "jinja2", "rich", "tempfile")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"memray_html_reporter": "summary"}, "summary is not a supported html reporter."),
        ({"memray_html_reporter": ["table", "tree"]}, "tree is not a supported html reporter."),
        ({"memray_reporter_args": ["--leaks", "--colour"]}, "--colour is not an argument of memray flamegraph"),
        ({"memray_html_reporter": "table", "memray_reporter_args": ["--inverted"]}, "--inverted is not an argument"),
        ({"memray_reporter_args": ["--max-memory-records", "many"]}, "--max-memory-records takes a number, not 'many'"),
        ({"memray_reporter_args": ["--temporary-allocation-threshold"]}, "takes a number, not ''"),
        ({"memray_reporter_args": "--leaks; rm -rf /"}, "memray_reporter_args is a list, such as"),
        ({"leaks": True, "temporary_allocations": True}, "exclude each other"),
        ({"memory_interval_ms": 0}, "memory_interval_ms is at least 1, not 0"),
        ({"threshold_mb": -1}, "threshold_mb is not negative, but -1 is"),
        ({"compare_to": "first"}, "compare_to is 'last' or None, not 'first'"),
        ({"max_capture_mb": 0}, "max_capture_mb is at least 1, not 0"),
    ],
)
def test_a_wrong_argument_is_refused_at_once_with_its_value(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        memray_profiling(**arguments)


def test_arguments_are_read_as_on_memray_s_command_line() -> None:
    arguments = ["--temporary-allocation-threshold=3", "--split-threads", "--inverted", "--max-memory-records", "50"]
    assert read_reporter_arguments(arguments, ["flamegraph"]) == View(
        temporary_threshold=3, split_threads=True, inverted=True, max_memory_records=50
    )
    assert read_reporter_arguments(["--leaks", "--no-web"], ["table"]) == View(leaks=True)
