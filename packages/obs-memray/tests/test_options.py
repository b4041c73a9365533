"""What is wrong is said when a function is decorated."""

from __future__ import annotations

import argparse
import re
from typing import Any

import pytest

from obs_core.testing import ImportContract
from obs_memray import memray_profiling
from obs_memray.options import View, parser_of, read_reporter_arguments


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
        (
            {"memray_html_reporter": ["flamegraph", "table"], "memray_reporter_args": ["--temporal"]},
            "--temporal is not an",
        ),
        (
            {"memray_reporter_args": ["results.bin"]},
            "results.bin is not an argument of memray flamegraph, which knows -o",
        ),
        ({"memray_reporter_args": ["--max-memory-records", "many"]}, "--max-memory-records: invalid int value: 'many'"),
        ({"memray_reporter_args": ["--max-memory-records=0"]}, "--max-memory-records is at least 1, not 0"),
        ({"memray_reporter_args": ["--temporary-allocation-threshold"]}, "expected one argument"),
        ({"memray_reporter_args": ["--confidential-files", "some"]}, "invalid choice: 'some'"),
        ({"memray_reporter_args": ["--temporal", "--temporary-allocations"]}, "exclude each other"),
        (
            {"memray_html_reporter": ["flamegraph", "table"], "memray_reporter_args": ["-o", "page.html"]},
            "--output is one file, and there are 2 reporters",
        ),
        ({"memray_reporter_args": "--leaks; rm -rf /"}, "memray_reporter_args is a list, such as"),
        ({"leaks": True, "temporary_allocations": True}, "not allowed with argument --leaks"),
        ({"memory_interval_ms": 0}, "memory_interval_ms is at least 1, not 0"),
        ({"threshold_mb": -1}, "threshold_mb must not be negative, got -1"),
        ({"compare_to": "first"}, "compare_to is 'last' or None, not 'first'"),
        ({"max_capture_mb": 0}, "max_capture_mb is at least 1, not 0"),
    ],
)
def test_a_wrong_argument_is_refused_at_once_with_its_value(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        memray_profiling(**arguments)


def test_arguments_are_read_as_on_memray_s_command_line() -> None:
    arguments = ["--temporary-allocation-threshold=3", "--split-threads", "--inverted", "--max-memory-records", 50]
    assert read_reporter_arguments(arguments, ["flamegraph"]) == View(
        temporary_threshold=3, split_threads=True, inverted=True, max_memory_records=50
    )
    assert read_reporter_arguments(["--leaks", "--no-web"], ["table"]) == View(leaks=True)
    assert read_reporter_arguments(["--temporary-allocations"], ["table"]) == View(temporary_threshold=1)
    assert read_reporter_arguments(["-fo", "page.html", "--temporal --conf all"], ["flamegraph"]) == View(
        output="page.html", overwrite=True, temporal=True, confidential_files="all"
    )


@pytest.mark.parametrize("reporter", ["flamegraph", "table"])
def test_every_argument_that_memray_s_own_command_takes_is_known(reporter: str) -> None:
    commands = pytest.importorskip("memray.commands")
    theirs = argparse.ArgumentParser(add_help=False)
    {"flamegraph": commands.flamegraph.FlamegraphCommand, "table": commands.table.TableCommand}[
        reporter
    ]().prepare_parser(theirs)
    assert set(parser_of(reporter)._option_string_actions) == set(theirs._option_string_actions)
