"""The index: what the list and its filters are answered from."""

from __future__ import annotations

import datetime
import itertools
import math
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from obs_core import execution, load_execution, log_metric, span, task
from obs_core.journal import flusher
from obs_core.store import open_store
from obs_core.store.folder import FolderStore
from obs_ui.app import make_app
from obs_ui.index import (
    Indexer,
    IndexError_,
    ListPage,
    ListQuery,
    connect,
    default_address,
    find,
    list_executions,
    schema,
)
from obs_ui.index.indexing import SummaryReader
from obs_ui.index.queries import tag_names
from obs_ui.site import Site
from obs_ui.snapshots import FollowedExecution


@task
def work() -> None: ...


def record(name: str = "night", **tags: str) -> str:
    with execution(name, tags=tags) as run:
        work()
    return run.id


class CountingStore(FolderStore):
    """A folder that counts what is read in it."""

    reads = 0

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        self.reads += 1
        return super().get(path, start, size)


@pytest.fixture
def database(postgresql: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    server = sa.create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql("create database obs_test")
        yield postgresql.removesuffix("postgres") + "obs_test"
        connection.exec_driver_sql("drop database obs_test with (force)")
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty index, in both kinds of database."""
    sqlite = f"sqlite:///{tmp_path / 'index.sqlite'}"
    engine = connect(sqlite if request.param == "sqlite" else request.getfixturevalue("database"))
    yield engine
    engine.dispose()


def update(indexer: Indexer) -> None:
    """Let an indexer look at the store, once what this process recorded is there."""
    flusher.flush_all()
    indexer.update()


def listed(indexer: Indexer, **wanted: Any) -> list[str]:
    found = list_executions(indexer.engine, indexer.store_number, ListQuery(**wanted))
    return [one.name for one in found.executions]


def test_executions_are_listed_newest_first(index: sa.Engine) -> None:
    for name in ("first", "second", "third"):
        record(name)
    indexer = Indexer(index, open_store())
    update(indexer)
    assert listed(indexer) == ["third", "second", "first"]


def test_the_index_holds_what_the_journal_says(index: sa.Engine) -> None:
    from obs_core import load_execution

    run = record("night", year="2013", empty="")
    indexer = Indexer(index, open_store())
    update(indexer)
    assert find(index, indexer.store_number, run) == load_execution(run).view


def test_an_ended_execution_is_never_read_again(index: sa.Engine, folder: Path) -> None:
    record()
    store = CountingStore(str(folder))
    indexer = Indexer(index, store)
    update(indexer)
    before = store.reads
    update(indexer)
    record()
    update(indexer)
    assert (before, store.reads) == (1, 2)


def test_a_running_execution_is_read_until_it_ends(index: sa.Engine) -> None:
    indexer = Indexer(index, open_store())
    run = execution("night")
    with run:
        update(indexer)
        assert find(index, indexer.store_number, run.id).status == "running"  # type: ignore[union-attr]
        version = indexer.version
        update(indexer)
        assert indexer.version == version
    update(indexer)
    assert find(index, indexer.store_number, run.id).status == "succeeded"  # type: ignore[union-attr]
    assert indexer.version > version


def test_a_killed_execution_is_lost(index: sa.Engine) -> None:
    source = "import os, obs_core\nwith obs_core.execution('night'):\n    os.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", source], env=os.environ, check=False)
    indexer = Indexer(index, open_store())
    update(indexer)
    assert listed(indexer, status="lost") == ["night"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("os._exit(3)", "ended with exit code 3"),
        ("sys.exit(3)", "SystemExit: 3"),  # somebody raised it
        ("sys.exit('no input')", "SystemExit: no input"),
    ],
)
def test_the_list_says_how_a_process_ended_in_the_words_of_its_page(index: sa.Engine, how: str, said: str) -> None:
    program = f"import obs_core, os, sys\nwith obs_core.execution('night'):\n    {how}\n"
    command = [sys.executable, "-m", "obs_core", "run", "--name", "program", "--", sys.executable, "-c", program]
    subprocess.run(command, env=os.environ, check=False, stderr=subprocess.PIPE)
    indexer = Indexer(index, open_store())
    update(indexer)
    (found,) = list_executions(index, indexer.store_number, ListQuery(name="program")).executions
    assert found.error == said
    assert said in load_execution(found.id).why().paragraph
    with index.begin() as connection:  # as an older version wrote it
        connection.execute(sa.text("UPDATE executions SET error = 'Terminated: SIGKILL' WHERE name = 'program'"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0006'"))
    again = connect(index.url.render_as_string(hide_password=False))
    update(Indexer(again, open_store()))
    (found,) = list_executions(again, indexer.store_number, ListQuery(name="program")).executions
    assert found.error == said
    again.dispose()


@pytest.mark.parametrize(
    ("program", "said", "why"),
    [
        (
            "import obs_core, os\nwith obs_core.execution('night'):\n    os._exit(3)\n",
            "ended with exit code 3: by os._exit or in C code, since Python noticed nothing",
            "night ended with exit code 3",
        ),
        (
            "import obs_core\nobs_core.execution('night').__enter__()\n",
            "open when its process ended: a thread ran it that nobody waits for, or its block was never left",
            "night was open when its process ended",
        ),
    ],
)
def test_the_list_says_how_the_process_ended_of_one_within_another(
    index: sa.Engine, program: str, said: str, why: str
) -> None:
    command = [sys.executable, "-m", "obs_core", "run", "--name", "program", "--", sys.executable, "-c", program]
    subprocess.run(command, env=os.environ, check=False, stderr=subprocess.PIPE)
    indexer = Indexer(index, open_store())
    update(indexer)
    (inner,) = list_executions(index, indexer.store_number, ListQuery(name="night")).executions
    assert (inner.status, inner.error) == ("lost", said)
    assert why in load_execution(inner.id).why().paragraph


def test_one_that_was_killed_lasted_as_long_as_everywhere_else(index: sa.Engine) -> None:
    source = (
        "import os, signal\n"
        "from obs_core import execution\n"
        "from obs_core.journal import flusher, records\n"
        "from obs_core.recording.run import live\n"
        "with execution('night'):\n"
        "    (run,) = live.values()\n"
        "    now = run.journal.now()\n"
        "    run.journal.append(records.Params(1, now + 3_000_000_000, {}))\n"
        "    run.journal.append(records.OpenSpan(2, 1, 'epoch', now))\n"
        "    flusher.flush_all()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", source], env=os.environ, check=False)
    indexer = Indexer(index, open_store())
    update(indexer)
    (listed,) = list_executions(index, indexer.store_number, ListQuery()).executions
    assert listed.duration >= 3_000_000_000
    assert listed.duration == load_execution(listed.id).view.duration


def test_what_is_removed_from_the_store_leaves_the_list(index: sa.Engine, folder: Path) -> None:
    gone, kept = record("gone", place="here"), record("kept")
    indexer = Indexer(index, open_store())
    update(indexer)
    shutil.rmtree(folder / "executions" / gone)
    update(indexer)
    assert listed(indexer) == ["kept"]
    assert tag_names(index, indexer.store_number) == []
    assert find(index, indexer.store_number, kept) is not None


def test_an_index_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    record()
    address = default_address(open_store())
    file = Path(address.removeprefix("sqlite:///"))
    assert file.is_relative_to(tmp_path / "cache")
    for _ in range(2):
        engine = connect(address)
        indexer = Indexer(engine, open_store())
        update(indexer)
        assert listed(indexer) == ["night"]
        engine.dispose()
        file.unlink()


def test_one_index_keeps_stores_apart(index: sa.Engine, tmp_path: Path) -> None:
    with execution("there", store=str(tmp_path / "other")):
        work()
    record("here")
    for store, names in ((open_store(), ["here"]), (open_store(str(tmp_path / "other")), ["there"])):
        indexer = Indexer(index, store)
        update(indexer)
        assert listed(indexer) == names


def test_filters(index: sa.Engine) -> None:
    record("nightly flights", year="2013")
    record("Nightly weather", year="2014", owner="ana")
    with pytest.raises(ValueError, match="XYZ"), execution("hourly"):
        raise ValueError("no such airport: 100%_XYZ")
    indexer = Indexer(index, open_store())
    update(indexer)
    assert listed(indexer, text="nightly") == ["Nightly weather", "nightly flights"]
    assert listed(indexer, text="NIGHT flig") == ["nightly flights"]
    assert listed(indexer, text="100%_xyz") == ["hourly"]
    assert listed(indexer, text="100_%") == []
    assert listed(indexer, status="failed") == ["hourly"]
    assert listed(indexer, tag="year") == ["Nightly weather", "nightly flights"]
    assert listed(indexer, tag="year=2013") == ["nightly flights"]
    assert listed(indexer, tag="owner = ana") == ["Nightly weather"]
    assert listed(indexer, text="ana 2014", tag="year=2014", status="succeeded") == ["Nightly weather"]
    today = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    assert len(listed(indexer, since=today - day, until=today + day)) == 3
    assert listed(indexer, since=today + 2 * day) == []
    assert listed(indexer, until=today - 2 * day) == []


def test_pages_go_there_and_back(index: sa.Engine) -> None:
    ids = [record(f"run {number}") for number in range(7)][::-1]
    indexer = Indexer(index, open_store())
    update(indexer)

    def page(**wanted: Any) -> tuple[list[str], bool, bool]:
        found = list_executions(index, indexer.store_number, ListQuery(**wanted), 3)
        assert found.total == 7
        return [one.id for one in found.executions], found.has_previous, found.has_next

    assert page() == (ids[:3], False, True)
    assert page(before=ids[2]) == (ids[3:6], True, True)
    assert page(before=ids[5]) == (ids[6:], True, False)
    assert page(after=ids[3]) == (ids[:3], False, True)
    assert page(after=ids[5]) == (ids[2:5], True, True)


@pytest.mark.parametrize("sort", ["started", "-started", "duration", "-duration", "name", "-name"])
def test_pages_of_every_order_go_there_and_back(index: sa.Engine, sort: str) -> None:
    for name in ("b", "A", "c", "a", "B", "b", "b"):
        record(name)
    indexer = Indexer(index, open_store())
    update(indexer)

    def page(**place: Any) -> ListPage:
        return list_executions(index, indexer.store_number, ListQuery(sort=sort, **place), 2)

    pages = [page()]
    while pages[-1].has_next:
        pages.append(page(before=pages[-1].executions[-1].id))
    shown = [one for each in pages for one in each.executions]
    keys: dict[str, Any] = {"started": lambda one: one.id, "duration": lambda one: (one.duration, one.id)}
    keys["name"] = lambda one: (one.name.lower(), one.id)
    assert len(shown) == 7
    assert shown == sorted(shown, key=keys[sort.removeprefix("-")], reverse=sort.startswith("-"))
    for earlier, later in itertools.pairwise(pages):
        back = page(after=later.executions[0].id)
        assert (back.executions, back.has_next) == (earlier.executions, True)
        assert back.has_previous == (earlier is not pages[0])
    assert page(before="20200101-000000-000000-gone00").counts == {"succeeded": 7}


ODD_NAME = """v"al's.$[0]: ü\\"""


@pytest.mark.parametrize("sort", ["last", "-last", "least", "-least", "greatest", "-greatest"])
def test_the_list_is_sorted_by_a_metric_s_values_page_by_page(index: sa.Engine, sort: str) -> None:
    values = {"last": 0, "least": 1, "greatest": 2}
    for points in ([3.0, 1.0, 2.0], [0.1], [9.0, 0.1], [5.0], [1e301, 5.0], [math.nan], []):
        with execution("train"):
            log_metric("other", 1)
            for point in points:
                log_metric(ODD_NAME, point)
    indexer = Indexer(index, open_store())
    update(indexer)

    def page(**place: Any) -> ListPage:
        return list_executions(index, indexer.store_number, ListQuery(sort=f"{sort}:{ODD_NAME}", **place), 2)

    pages = [page()]
    while pages[-1].has_next:
        pages.append(page(before=pages[-1].executions[-1].id))
    shown = [one for each in pages for one in each.executions]
    assert len(shown) == 5  # those that have a value
    assert pages[0].total == 5
    place = values[sort.removeprefix("-")]
    keys = [(one.metrics[ODD_NAME][place], one.id) for one in shown]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    for earlier, later in itertools.pairwise(pages):
        assert page(after=later.executions[0].id).executions == earlier.executions


class MeasuredStore(FolderStore):
    """A folder that counts the bytes that are read in it."""

    read = 0

    def get(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        found = super().get(path, start, size)
        self.read += len(found)
        return found


def test_of_a_large_execution_only_the_ends_are_read(index: sa.Engine, folder: Path) -> None:
    with execution("large") as run:
        for _ in range(30_000):
            with span("fetch", key=os.urandom(24).hex()):
                pass
        log_metric("loss", 0.25)
    flusher.flush_all()
    (segment,) = folder.glob(f"executions/{run.id}/main-*.jsonl.gz")
    store = MeasuredStore(str(folder))
    indexer = Indexer(index, store)
    update(indexer)
    found = find(index, indexer.store_number, run.id)
    whole = FollowedExecution(open_store(), run.id).look().view
    assert found is not None
    assert (found.status, found.duration) == ("succeeded", whole.duration)
    assert {name: tuple(values) for name, values in found.metrics.items()} == {"loss": (0.25, 0.25, 0.25)}
    assert store.read < segment.stat().st_size / 1.5


class SharedStore(FolderStore):
    """A folder as a shared store: executions other than one are answered only when others are asked for too."""

    local = False

    def __init__(self, folder: str, first: str) -> None:
        super().__init__(folder)
        self.first = first
        self.together = threading.Barrier(3, timeout=60)
        self.go_on = threading.Event()

    def names(self, folder: str) -> list[str]:
        found = super().names(folder)
        if folder.startswith("executions/") and not folder.endswith(self.first):
            assert self.go_on.wait(60)
            self.together.wait()
        return found


def test_a_shared_store_is_read_several_at_a_time_and_the_newest_is_shown_at_once(
    index: sa.Engine, folder: Path
) -> None:
    *older, newest = [record() for _ in range(4)]
    flusher.flush_all()
    store = SharedStore(str(folder), newest)
    indexer = Indexer(index, store)
    reading = threading.Thread(target=indexer.update)
    reading.start()
    deadline = time.monotonic() + 60
    while not listed(indexer) and time.monotonic() < deadline:
        time.sleep(0.01)
    shown = [one.id for one in list_executions(index, indexer.store_number, ListQuery()).executions]
    assert (shown, indexer.complete) == ([newest], False)
    store.go_on.set()
    reading.join(60)
    shown = [one.id for one in list_executions(index, indexer.store_number, ListQuery()).executions]
    assert (shown, indexer.complete) == ([newest, *reversed(older)], True)


def test_counts_by_status_do_not_depend_on_the_status_asked_for(index: sa.Engine) -> None:
    for name in ("one", "two", "two"):
        record(name)
    with pytest.raises(ValueError, match="three"), execution("two"):
        raise ValueError("three")
    indexer = Indexer(index, open_store())
    update(indexer)
    counts = {"succeeded": 3, "failed": 1}
    for query, expected in (
        (ListQuery(), counts),
        (ListQuery(status="failed"), counts),
        (ListQuery(text="two", status="failed"), {"succeeded": 2, "failed": 1}),
        (ListQuery(text="three"), {"failed": 1}),
    ):
        assert list_executions(index, indexer.store_number, query).counts == expected


def test_the_values_of_an_older_index_s_metrics_are_taken_over(index: sa.Engine, folder: Path) -> None:
    for loss in (0.5, 0.25, math.inf):
        with execution(f"loss {loss}"):
            log_metric("loss", loss)
    indexer = Indexer(index, open_store())
    update(indexer)
    with index.begin() as connection:
        connection.execute(sa.text("DROP TABLE metrics"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0005'"))
    engine = connect(index.url.render_as_string(hide_password=False))
    shutil.rmtree(folder)  # what is shown is not read again
    found = list_executions(engine, indexer.store_number, ListQuery(sort="last:loss"))
    assert [one.name for one in found.executions] == ["loss 0.25", "loss 0.5"]
    engine.dispose()


def test_metrics_follow_a_running_execution_and_go_with_what_is_removed(index: sa.Engine, folder: Path) -> None:
    with execution("stays"):
        log_metric("loss", 2.0)
    indexer = Indexer(index, open_store())
    with execution("grows") as run:
        log_metric("loss", 1.0)
        update(indexer)
        assert listed(indexer, sort="last:loss") == ["grows", "stays"]
        log_metric("loss", 3.0)
    update(indexer)
    assert listed(indexer, sort="last:loss") == ["stays", "grows"]
    shutil.rmtree(folder / "executions" / run.id)
    update(indexer)
    assert listed(indexer, sort="last:loss") == ["stays"]
    with index.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(schema.metrics)) == 1


def test_an_index_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    record("Night")
    record("day")
    address = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = connect(address)
    update(Indexer(engine, open_store()))
    with engine.begin() as connection:
        for name in ("executions_by_duration", "executions_by_name", "executions_by_verdict"):
            connection.execute(sa.text(f"DROP INDEX {name}"))
        for name in ("name_key", "metrics", "verdict", "verdicts", "within"):
            connection.execute(sa.text(f"ALTER TABLE executions DROP COLUMN {name}"))
        connection.execute(sa.text("DROP TABLE tasks"))
        connection.execute(sa.text("DROP TABLE metrics"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    engine = connect(address)
    indexer = Indexer(engine, open_store())
    assert listed(indexer, sort="name") == ["day", "Night"]
    engine.dispose()


def test_strange_names_are_kept_as_far_as_a_database_can(index: sa.Engine) -> None:
    record("nul\0 half \ud800", **{"ta\0g": "va\ud800lue"})
    indexer = Indexer(index, open_store())
    update(indexer)
    assert len(listed(indexer, text="nul")) == 1


def test_an_index_elsewhere_is_refused_in_one_line(tmp_path: Path) -> None:
    for address, reason in (
        ("mysql://host/db", "SQLite or PostgreSQL"),
        ("nonsense", "cannot open the index"),
        (f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite'}", "unable to open database file"),
    ):
        with pytest.raises(IndexError_, match=reason) as caught:
            connect(address)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_no_index_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "precious.txt"
    file.write_text("not a database at all, but somebody's notes" * 50)
    before = file.read_bytes()
    with pytest.raises(IndexError_, match="file is not a database"):
        connect(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_several_servers_share_one_index(database: str) -> None:
    ids = [record(f"run {number}", number=str(number)) for number in range(60)]
    flusher.flush_all()
    failures: list[Exception] = []

    def follow() -> None:
        try:
            engine = connect(database)
            for _ in range(3):
                Indexer(engine, open_store()).update()
            engine.dispose()
        except Exception as error:
            failures.append(error)

    servers = [threading.Thread(target=follow) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert failures == []
    engine = connect(database)
    indexer = Indexer(engine, open_store())
    found = list_executions(engine, indexer.store_number, ListQuery(), 100)
    assert [one.id for one in found.executions] == ids[::-1]
    assert listed(indexer, tag="number=7") == ["run 7"]
    engine.dispose()


def test_a_server_takes_its_index_from_postgresql(database: str, serve: Callable[..., Any]) -> None:
    record("night")
    flusher.flush_all()
    server = serve("--index", database)
    while "Reading the store" in (page := asked(server.url)):
        time.sleep(0.1)
    assert "night" in page


def asked(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("path", ["/executions", "/pipelines"])
def test_what_is_read_while_a_page_is_made_is_not_said_to_be_all_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    has_looked: list[bool] = []

    def noting(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(*given: Any) -> Any:
            found = look(*given)
            has_looked.append(True)
            return found

        return looked

    app = make_app(open_store(str(tmp_path / "store")), connect(f"sqlite:///{tmp_path / 'index.sqlite'}"))
    monkeypatch.setattr(Site, "complete", property(lambda _: bool(has_looked)))
    for name in ("list", "every_pipeline"):
        monkeypatch.setattr(Site, name, noting(getattr(Site, name)))
    with TestClient(app, base_url="http://localhost") as client:
        app.state.site.stopping = True  # streams of events end at once
        assert "Reading the store" in client.get(path).text


def test_an_execution_that_cannot_be_read_hides_no_other(index: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, _ = record("bad"), record("good")
    read = SummaryReader.read

    def fails(self: SummaryReader) -> Any:
        if self._id == bad:
            raise RecursionError("too deep")
        return read(self)

    monkeypatch.setattr(SummaryReader, "read", fails)
    indexer = Indexer(index, open_store())
    update(indexer)
    assert listed(indexer) == ["good", bad]
    found = find(index, indexer.store_number, bad)
    assert found is not None
    assert (found.status, found.error) == ("lost", "It cannot be read: RecursionError: too deep")
