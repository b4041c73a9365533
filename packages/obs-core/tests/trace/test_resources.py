from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

import pytest

from obs_core.model import Series, SpanTable
from obs_core.trace import ExecutionSpan
from obs_core.trace.explain import explanation
from obs_core.trace.resources import Resources
from obs_core.trace.tree import SpanTree

SECOND = 1_000_000_000


def series(values: Iterable[float], start: int = 0, every: int = SECOND) -> Series:
    given = array("d", values)
    return Series(array("q", range(start, start + every * len(given), every)), given)


def used(start: int = 0, end: int = 9, **values: Iterable[float]) -> Resources:
    samples = {name.replace("__", "."): series(given) for name, given in values.items()}
    return Resources({"main": samples}, start * SECOND, end * SECOND)


def test_peak_and_mean_are_of_the_samples_inside() -> None:
    found = used(2, 4, rss=[900, 900, 100, 200, 300, 900])
    assert found.peak("rss") == 300
    assert found.mean("rss") == 200
    assert found.last("rss") == 300
    assert found.peak("anon") is None


def test_a_count_since_the_beginning_is_read_as_a_rate() -> None:
    found = used(1, 3, cpu_total=[0, 1, 3, 4])
    assert found.names == ["cpu", "cpu_total"]
    assert found.series("cpu") == [(SECOND, 1.0), (2 * SECOND, 2.0), (3 * SECOND, 1.0)]
    assert found.mean("cpu") == 1.5


def test_the_mean_rate_of_what_lies_between_two_samples_is_interpolated() -> None:
    samples = {"main": {"cpu_total": series([0, 2], every=10 * SECOND)}}
    assert Resources(samples, 4 * SECOND, 6 * SECOND).used("cpu") is None
    assert Resources(samples, 4 * SECOND, 12 * SECOND).mean("cpu") == pytest.approx(0.2)


def test_no_mean_of_a_rate_exceeds_its_peak_where_the_process_does_more_right_after() -> None:
    samples = {"main": {"written_total": series([0, 10, 20, 200e6])}}
    written = Resources(samples, SECOND // 2, 2 * SECOND + SECOND // 2).used("written")
    assert written is not None
    assert (written.mean, written.peak) == (10, 10)


def at(times: Iterable[float], values: Iterable[float]) -> Series:
    return Series(array("q", (round(one * SECOND) for one in times)), array("d", values))


def test_two_samples_at_the_same_moment_make_no_rate_of_their_own() -> None:
    samples = {"main": {"written_total": at([0, 1, 2, 2.0002, 3], [0, 5, 6, 9, 10])}}
    written = Resources(samples, 0, 9 * SECOND).used("written")
    assert written is not None
    assert written.peak == 5
    assert written.mean == pytest.approx(10 / 3)


def test_no_rate_is_told_of_a_process_that_was_sampled_for_a_moment() -> None:
    samples = {"main": {"cpu_total": at([0, 0.001], [0, 0.5])}}
    assert Resources(samples, 0, SECOND).used("cpu") is None


def test_what_was_used_right_before_the_first_sample_counts_in_the_next_rate() -> None:
    found = Resources({"main": {"cpu_total": at([0, 0.01, 1], [0, 0.01, 1])}}, 0, SECOND)
    assert found.series("cpu") == [(SECOND, 1.0)]
    assert found.peak("cpu") == found.mean("cpu") == 1.0


@pytest.mark.parametrize("name", ["cpu", "children.cpu", "reaped.cpu"])
def test_no_process_uses_more_cores_than_there_are(name: str) -> None:
    """As of a sample that was counted at 1.1 s and noted at 2 s: a program of one thread."""
    counted = {f"{name}_total": at([0, 1, 2, 2.9], [0, 1, 1.1, 2.9]), "machine.cores": at([0], [1])}
    used = Resources({"main": counted}, 0, 9 * SECOND).used(name)
    assert used is not None
    assert used.peak == pytest.approx(1)
    assert used.mean <= used.peak


def test_a_stretch_without_samples_is_false() -> None:
    assert used(1, 2, rss=[1, 2, 3])
    assert not used(5, 6, rss=[1, 2, 3])
    assert not Resources({}, 0, SECOND)


def test_of_several_processes_the_one_with_the_highest_peak_counts() -> None:
    samples = {"main": {"rss": series([1, 2])}, "other": {"rss": series([5, 3])}}
    found = Resources(samples, 0, SECOND)
    assert found.peak("rss") == 5
    assert found.between(0, SECOND, "main").peak("rss") == 2


@pytest.mark.parametrize(
    ("samples", "waits"),
    [
        ({"cpu_total": [0, 0.01, 0.02, 0.03]}, True),
        ({"cpu_total": [0, 0.5, 1, 1.5]}, False),
        ({"cpu_total": [0, 0.01, 0.02, 0.03], "children__cpu_total": [0, 1, 2, 3]}, False),
        ({"cpu_total": [0, 0.01, 0.02, 0.03], "reaped__cpu_total": [0, 0, 0, 3]}, False),
        ({"cpu_total": [0, 0.01, 0.02, 0.03], "queued_total": [0, 0.9, 1.8, 2.7]}, False),
        ({"rss": [1, 1, 1, 1]}, False),
    ],
)
def test_what_uses_less_than_a_tenth_of_a_core_waits(samples: dict[str, list[float]], waits: bool) -> None:
    assert used(0, 3, **samples).waits is waits


def test_what_is_short_or_barely_sampled_is_not_said_to_wait() -> None:
    assert not used(0, 1, cpu_total=[0, 0, 0]).waits
    assert Resources({"main": {"cpu_total": series([0, 0, 0])}}, 0, 3 * SECOND // 2).waits
    assert not used(0, 9, cpu_total=[0, 0, 0]).waits
    # It waited for 1.86 of 4 seconds at the least.
    assert not used(0, 4, cpu_total=[0, 0.07, 0.14]).waits


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ({"container__memory": [1e9, 1.94e9], "container__limit": [2e9]}, "memory: 97.0 % of the limit of 2.0 GB"),
        (
            {"machine__available": [9e9, 2e8], "machine__memory": [16e9]},
            "memory: 200 MB of the machine's 16.0 GB were available",
        ),
        ({"container__throttled": [0.3, 0.5]}, "CPU: held back by the container's limit for 40.0 %"),
        ({"cpu_total": [0, 3.9], "machine__cores": [4]}, "CPU: 3.9 of 4 cores"),
        ({"cpu_total": [0, 1], "machine__cores": [4]}, "CPU: one core, which one Python thread cannot exceed"),
        ({"files": [10, 1000], "files__limit": [1024]}, "open files: 1,000 of 1,024"),
        ({"store__free": [1e9, 1e8]}, "disk of the store: 100 MB free"),
        (
            {"gpu__0__memory": [15.9e9], "gpu__0__memory_size": [16e9]},
            "memory of GPU 0: 99.4 % of 16.0 GB",
        ),
    ],
)
def test_what_was_at_its_limit_is_named(samples: dict[str, list[float]], said: str) -> None:
    assert [limit.text for limit in used(0, 1, **samples).limits] == [said]


def test_waiting_for_a_core_that_others_use_is_no_limit_of_its_own() -> None:
    found = used(0, 2, cpu_total=[0, 0.1, 0.2], queued_total=[0, 0.8, 1.6], machine__cores=[2])
    assert found.limits == []
    assert found.queueing == "waited 80.0 % of the time for a core that others used"
    assert used(0, 2, cpu_total=[0, 0.1, 0.2], queued_total=[0, 0.2, 0.4]).queueing == ""


def test_explain_says_that_an_operation_waited_for_a_core(tree_of: Callable[..., SpanTree]) -> None:
    tree = tree_of("job: 0-4000\n  fit: 0-4000 task\n")
    start = tree.table.starts[0]
    samples = {"cpu_total": series([0, 0.1, 0.2, 0.3, 0.4], start), "queued_total": series([0, 1, 1, 2, 2], start)}
    tree.table.samples = {tree.table.ids[0].partition(".")[0]: samples}
    text = explanation(tree)
    assert "waited 50.0 % of the time for a core that others used" in " ".join(text.split())
    assert "fit  waited for a core  " in text
    assert "limit" not in text


def test_nothing_is_at_its_limit_where_there_is_room() -> None:
    roomy = used(0, 1, cpu_total=[0, 0.5], machine__cores=[4], container__memory=[1e9], container__limit=[4e9])
    assert roomy.limits == []


def test_explain_says_what_was_used_and_which_operations_wait(tree_of: Callable[..., SpanTree]) -> None:
    tree = tree_of("job: 0-8000\n  load: 0-4000 task\n    read: 0-4000\n  fit: 4000-8000 task\n")
    start = tree.table.starts[0]
    samples = {
        "cpu_total": series([0, 0, 0, 0, 0, 1, 2, 3, 4], start),
        "rss": series([1e8, 1e8, 1e8, 1e8, 1e8, 4e8, 4e8, 4e8, 4e8], start),
        "machine.cores": series([4], start),
    }
    tree.table.samples = {tree.table.ids[0].partition(".")[0]: samples}
    text = explanation(tree)
    assert "Used       CPU 0.50 cores, at most 1.00, resident memory 400 MB at most in samples each second\n" in text
    lines = [line for line in text.split("Trace")[1].split("\n\n")[0].split("\n") if "+" in line]
    marks = ["waits" if "waits" in line else "cpu at its limit" if "cpu at its limit" in line else "" for line in lines]
    assert marks == ["", "", "waits", "cpu at its limit"]
    assert ExecutionSpan(tree.table).children[1].resources.peak("rss") == 4e8


def test_explain_says_what_children_used(tree_of: Callable[..., SpanTree]) -> None:
    tree = tree_of("job: 0-8000\n  load: 0-4000 task\n")
    start = tree.table.starts[0]
    samples = {"cpu_total": series([0] * 9, start), "reaped.cpu_total": series([0, 0, 1, 1, 2, 2, 3, 3, 4], start)}
    tree.table.samples = {tree.table.ids[0].partition(".")[0]: samples}
    assert "CPU 0.00 cores, at most 0.00, its children 0.50 cores" in explanation(tree)


def test_without_samples_explain_says_nothing_of_them(tree_of: Callable[..., SpanTree]) -> None:
    assert "Used" not in explanation(tree_of("job: 0-8000\n  load: 0-4000 task\n"))


def test_a_table_has_no_samples_unless_somebody_looked(table_of: Callable[..., SpanTable]) -> None:
    assert table_of("job: 0-1").samples == {}
