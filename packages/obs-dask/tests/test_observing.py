"""What is submitted to a Dask cluster runs under the task, span or execution that was active then."""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import time
from pathlib import Path
from typing import Any

import pytest
from dask.delayed import delayed
from dask_steps import (
    add,
    clean,
    decks_held,
    double,
    double_later,
    journals,
    local_cluster,
    note_down,
    participants_of,
    publish,
    read,
    read_in_threads,
    refuse,
    submit_many,
    submit_more,
)
from distributed import Client, LocalCluster, as_completed

from obs_core import (
    Deck,
    Execution,
    ExecutionSpan,
    current_context,
    execution,
    list_executions,
    load_execution,
    span,
    task,
)
from obs_dask import observe


def below(name: str) -> ExecutionSpan:
    """The span of this name in the newest execution."""
    found = [one for one in load_execution().span.walk() if one.name == name]
    assert found, f"no span {name!r}"
    return found[0]


def names_below(name: str) -> list[str]:
    return sorted(one.name for one in below(name).children)


def test_submitted_and_mapped_tasks_are_spans_below_the_span_that_submitted_them(client: Client) -> None:
    with observe(client), execution("night"):
        with span("one"):
            assert client.submit(double, 4).result() == 8
        with span("many"):
            assert client.gather(client.map(double, range(10, 15))) == [20, 22, 24, 26, 28]
    assert names_below("one") == ["double"]
    assert names_below("many") == ["double"] * 5


def test_a_span_says_where_the_task_ran_and_for_what_it_waited(client: Client) -> None:
    with observe(client), execution("night"):
        future = client.submit(double, 41)
        future.result()
        where = client.who_has([future])[future.key]
    ran = below("double")
    assert ran.kind == "operation"
    assert ran.attributes["key"] == future.key
    assert (ran.attributes["worker"],) == tuple(where)
    assert "Threads" in ran.attributes["thread"]
    assert 0 <= ran.attributes["waiting"] < 60
    assert 0 <= ran.attributes["transfer"] < 60


def test_delayed_graphs_run_under_the_task_that_computes_them(client: Client) -> None:
    @task
    def total() -> int:
        parts = [delayed(read)(part) for part in range(3)]
        return int(delayed(add)(*parts).compute())

    with observe(client), execution("night"):
        assert total() == 3
    assert names_below("total") == ["add", "read", "read", "read"]
    assert [one.name for one in below("read").children] == ["open"]


def test_as_completed_and_persist_are_observed(client: Client) -> None:
    with observe(client), execution("night"), span("waiting"):
        assert sorted(f.result() for f in as_completed(client.map(double, [100, 101]))) == [200, 202]
        assert client.persist(delayed(double)(103)).compute() == 206
    assert names_below("waiting") == ["double"] * 3


def test_data_frames_and_arrays_run_under_the_active_span(client: Client) -> None:
    pytest.importorskip("dask.dataframe")
    import dask.array
    import dask.dataframe
    import pandas as pd

    frame = dask.dataframe.from_pandas(pd.DataFrame({"carrier": ["AA", "UA"] * 50, "delay": range(100)}), npartitions=4)
    with observe(client), execution("night"):
        with span("frame"):
            means = frame.groupby("carrier")["delay"].mean().compute()
        with span("array"):
            assert dask.array.ones((100, 100), chunks=(50, 50)).sum().compute() == 10_000
        with span("shuffle"):
            assert len(frame.set_index("delay").compute()) == 100
    assert means.to_dict() == {"AA": 49.0, "UA": 50.0}
    assert all(below(name).children for name in ("frame", "array", "shuffle"))


def test_coroutine_tasks_are_observed(client: Client) -> None:
    with observe(client), execution("night"):
        assert client.gather(client.map(double_later, [1, 2, 3])) == [2, 4, 6]
    assert [[child.name for child in one.children] for one in below("night").children] == [["asleep"]] * 3


def test_an_asynchronous_client_is_observed(cluster: LocalCluster) -> None:
    async def compute() -> int:
        async with Client(cluster.scheduler_address, asynchronous=True) as client, observe(client), execution("night"):
            return int(await client.submit(double, 7000))

    assert asyncio.run(compute()) == 14000
    assert names_below("night") == ["double"]


def test_what_a_task_submits_itself_is_below_it(client: Client) -> None:
    with observe(client), execution("night"):
        assert client.submit(submit_more, 5, pure=False).result() == 10
    assert names_below("submit_more") == ["double"]


def test_a_worker_keeps_one_client_however_often_its_tasks_submit(client: Client) -> None:
    with observe(client), execution("night") as run:
        for number in range(6):
            client.submit(submit_more, number, pure=False).result()
        participants = client.run(participants_of, run.id).values()
    assert max(participants) == 1
    assert names_below("night") == ["submit_more"] * 6


def test_workers_in_this_process_are_observed() -> None:
    with (
        execution("outside"),  # active when the cluster's threads begin, but not what the task runs under
        Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client,
        observe(client),
        execution("night"),
        span("inner"),
    ):
        assert client.gather(client.map(read, range(4))) == [0, 1, 2, 3]
    recorded = next(one for one in load_executions() if one.name == "night")
    (inner,) = recorded.span.children
    assert [one.name for one in inner.children] == ["read"] * 4
    assert [[child.name for child in one.children] for one in inner.children] == [["open"]] * 4
    assert len(recorded.table.workers) == 2


def load_executions() -> list[Execution]:
    return [load_execution(view.id) for view in list_executions()]


def test_a_failed_task_shows_its_error(client: Client) -> None:
    with observe(client), execution("night"), pytest.raises(ValueError, match="no such airport: 9"):
        client.submit(refuse, 9).result()
    failed = below("refuse")
    assert (failed.status, failed.error) == ("failed", "ValueError")
    assert failed.attributes["message"] == "ValueError: no such airport: 9"


def test_a_task_of_ours_inside_a_worker_has_its_report(client: Client) -> None:
    with observe(client), execution("night"):
        assert client.gather(client.map(clean, range(3))) == [1, 2, 3]
    recorded = load_execution()
    assert [one.name for one in recorded.tasks] == ["clean"] * 3
    assert {deck.name for deck in recorded.tasks[0].decks} >= {"Input", "Output", "Timeline"}
    assert len(recorded.report_paths()) == 3
    assert [one.name for one in below("clean").children] == ["clean"]  # the Dask task, and ours inside of it
    assert recorded.task("clean").parent == recorded.span.id


def test_a_deck_that_many_workers_append_to_keeps_every_item_below_its_worker(client: Client) -> None:
    @task
    def gather() -> list[str]:
        current_context().default_deck.append("<p>from the client</p>")
        both = sorted(client.scheduler_info()["workers"])
        futures = [client.submit(note_down, part, workers=[both[part % 2]], pure=False) for part in range(20)]
        return list(client.gather(futures))

    with observe(client), execution("night"):
        workers = gather()
    assert len(set(workers)) == 2
    recorded = load_execution().task("gather")
    decks = {deck.name: deck.items for deck in recorded.decks}
    assert [deck.name for deck in recorded.decks].count("default") == 1
    assert decks["default"][0] == "<p>from the client</p>"
    for name, form in (("default", "<p>part {}</p>"), ("Parts", "<i>{}</i>")):
        for part, worker in enumerate(workers):
            items = decks[name]
            heading = max(i for i, item in enumerate(items[: items.index(form.format(part))]) if "<h4>" in item)
            assert items[heading] == f"<h4>Worker {worker}</h4>"
    assert sorted(one.name for one in recorded.links) == sorted(f"part {part}" for part in range(20))


def test_the_report_that_the_task_wrote_has_what_the_workers_appended(client: Client) -> None:
    @task
    def gather() -> None:
        client.gather(client.map(note_down, range(4), pure=False))

    with observe(client), execution("night"):
        gather()
    (path,) = load_execution().report_paths()
    shown = shown_in(Path(path).read_text())
    assert all(f"<p>part {part}</p>" in shown for part in range(4))
    assert "<h4>Worker tcp://127.0.0.1:" in shown
    assert re.search(r"<[^>]*>note_down</", shown), "no bar of the Dask task in the Timeline"


def test_a_report_may_be_published_while_the_task_goes_on_to_submit(client: Client) -> None:
    shown: list[str] = []

    @task
    def gather() -> None:
        for part in range(2):
            client.submit(note_down, part, pure=False).result()
            Deck.publish()
            (path,) = load_execution().report_paths()
            shown.append(shown_in(Path(path).read_text()))

    with observe(client), execution("night"):
        gather()
    assert ["<p>part 0</p>" in page for page in shown] == [True, True]
    assert ["<p>part 1</p>" in page for page in shown] == [False, True]


def shown_in(page: str) -> str:
    """All that a report's tabs show: it is packed in the page."""
    packed = re.findall(r'<script type="application/gzip"[^>]*>([^<]*)</script>', page)
    return "".join(gzip.decompress(base64.b64decode(one)).decode() for one in packed)


def test_after_the_block_nothing_is_observed(client: Client) -> None:
    with execution("night"):
        with observe(client):
            client.submit(double, 500, pure=False).result()
        client.submit(double, 501, pure=False).result()
    assert names_below("night") == ["double"]


def test_a_plain_call_observes_for_good(client: Client) -> None:
    observe(client)
    for night in range(2):
        with execution("night"):
            client.submit(double, night, pure=False).result()
        assert names_below("night") == ["double"]


def test_two_clients_of_one_cluster_do_not_mix(cluster: LocalCluster) -> None:
    with Client(cluster) as ours, Client(cluster) as theirs, observe(ours), execution("night"):
        ours.submit(double, 600, pure=False).result()
        theirs.submit(double, 601, pure=False).result()
    assert names_below("night") == ["double"]


def test_workers_leave_an_execution_that_has_ended(client: Client) -> None:
    with observe(client), execution("night"):
        client.gather(client.map(double, range(700, 720)))
    recorded = load_execution()
    assert {worker.status for worker in recorded.table.workers} == {"left"}
    assert {worker.threads for worker in recorded.table.workers} == {2}
    assert all(recorded.id not in found for found in client.run(journals).values())


def test_explain_shows_the_workers_and_goes_through_the_cluster(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    with observe(client), execution("night"):
        with span("submit"):
            slow = client.submit(time.sleep, 0.4, pure=False)
            futures = client.map(double, range(30))
        with span("gather"):
            client.gather([slow, *futures])
    trace = load_execution().span
    trace.explain()
    shown = capsys.readouterr().out
    workers = shown[shown.index("Workers") :]
    assert 1 <= workers.count("tcp://127.0.0.1:") <= 2
    (step,) = [line for line in shown[shown.index("Critical path") :].splitlines() if "sleep" in line]
    assert "submit › sleep" in step
    path = [(one.name, seconds) for one, seconds in trace.critical_path()]
    assert dict(path)["sleep"] > 0.39
    assert sum(seconds for _, seconds in path) == pytest.approx(trace.duration)


@pytest.mark.parametrize("wrong", ["tcp://127.0.0.1:8786", None, 7])
def test_what_is_no_client_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"observe takes a distributed\.Client"):
        observe(wrong)  # type: ignore[arg-type]


def test_workers_do_not_keep_in_memory_what_they_appended(client: Client) -> None:
    with observe(client), execution("night"):
        client.gather(client.map(note_down, range(20)))
        assert sum(client.run(decks_held).values()) == 0
    (parts,) = [deck for deck in load_execution().tasks[0].decks if deck.name == "Parts"]
    assert {f"<i>{part}</i>" for part in range(20)} <= set(parts.items)


def test_a_report_that_a_worker_publishes_has_what_it_appended(client: Client) -> None:
    with observe(client), execution("night"):
        client.submit(publish, "<p>from there</p>").result()
        (report,) = load_execution().report_paths()
        assert "Of worker" in Path(report).read_text()


def whole_and_all(name: str) -> tuple[int, int]:
    """How many tasks of a name the newest execution recorded whole, and how many there were."""
    table = load_execution().table
    whole = sum(table.names[row] == name for row in table.keys)
    return whole, whole + sum(one.count for row, one in table.counted.items() if table.names[row] == name)


def test_a_client_that_is_observed_twice_is_observed_as_the_innermost_block_says(client: Client) -> None:
    with observe(client):
        with observe(client, whole=0), execution("inner"):
            client.gather(client.map(double, range(2000, 2300)))
        whole, every = whole_and_all("double")
        assert (every, whole < 300) == (300, True)
        with execution("outer"):
            client.gather(client.map(double, range(3000, 3300)))
        assert whole_and_all("double") == (300, 300)


def test_what_tasks_submit_is_counted_as_what_is_submitted_for_them(client: Client) -> None:
    with observe(client, whole=0), execution("night"):
        assert client.submit(submit_many, 300).result() == 300 * 299
    whole, every = whole_and_all("double")
    assert (every, whole < 300) == (300, True)


def test_threads_of_a_task_belong_to_its_execution(client: Client) -> None:
    with observe(client), execution("night"), span("step"):
        assert client.submit(read_in_threads, 3).result() == 3
    assert [one.name for one in below("read_in_threads").children] == ["in a thread"] * 3
    assert [deck.name for deck in load_execution().tasks[0].decks if deck.name == "Threads"] == ["Threads"]
    assert len(list(list_executions())) == 1


def test_the_log_of_a_failed_task_is_what_dask_writes(client: Client) -> None:
    with observe(client), execution("night"), pytest.raises(ValueError, match="no such airport"):
        client.submit(refuse, 10, key="refuse-ten").result()
    logs = str(client.get_worker_logs())
    assert "Compute Failed" in logs
    assert "Task:  <Task " in logs


@pytest.mark.parametrize(("whole", "error"), [(-1, ValueError), ("all", TypeError)])
def test_what_counts_no_tasks_is_refused(client: Client, whole: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"whole counts tasks.* got {whole!r}"):
        observe(client, whole=whole)


def test_a_closed_client_is_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_STRICT", raising=False)
    with local_cluster(1) as cluster, Client(cluster) as client:
        client.close()
        with pytest.warns(UserWarning, match="obs cannot observe this Dask cluster") as warned:
            observe(client)
    assert "installed" not in str(warned[0].message)
