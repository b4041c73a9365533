"""Whatever is asked for: an answer, never a failure of the server, never a file outside the store."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from obs_core import Deck, execution, load_execution, log_metric, log_params, span, task, track
from obs_core.journal.batches import sealed
from obs_core.store import open_store
from obs_ui.app import make_app
from obs_ui.index import connect

CANARY = "canary-8f2b"


@task
def work() -> dict[str, int]:
    with span("step", key="value"):
        Deck("Quality").append("<b>fine</b>")
    for step in track(range(3)):
        log_metric("loss", float("nan") if step == 1 else step)
    log_params(rate=0.1)
    print("so it is said")
    return {"rows": 3}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str, str]]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    for place in (folder / "secret", folder / "store" / "secret", folder / "secret.gz"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(CANARY)
    with execution("night", store=str(folder / "store")) as run:
        work()
    store = open_store(str(folder / "store"))
    app = make_app(store, connect(f"sqlite:///{folder / 'index.sqlite'}"))
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        app.state.site.stopping = True  # streams of events end at once
        yield client, run.id, load_execution(run.id, store).tasks[0].id


nasty = st.one_of(
    st.text(max_size=40),
    st.text(string.ascii_letters + string.digits + "./\\%-_", max_size=40),
    st.sampled_from(
        [
            "..",
            "../secret",
            "../../secret",
            "..%2f..%2fsecret",
            "%2e%2e/secret",
            "/etc/passwd",
            "....//secret",
            "\0",
            "secret",
            "store/secret",
            "last",
            "main.1",
            "main.2",
            "main.99999999999999999999",
            "main.-1",
            "main." + "9" * 5000,
            "9" * 5000,
            "1000000000",
            "[1, 2]",
            "[]",
            "nan",
            "inf",
            "1e400",
            "-1",
            "9" * 30,
            "a" * 5000,
            "' or 1=1 --",
            "%",
            "_",
            "\\",
            "\ud800".encode("utf-16", "surrogatepass").hex(),
            "0" * 32,
            "f" * 32,
            "²",
            "٣",
            "2013-02-30",
            "0001-01-01",
            "9999-12-31",
        ]
    ),
)
names = st.sampled_from(
    [
        "text",
        "status",
        "tag",
        "since",
        "until",
        "before",
        "after",
        "part",
        "from",
        "to",
        "width",
        "lane",
        "lanes",
        "deck",
        "left",
        "right",
        "chosen",
        "sort",
        "zone",
        "token",
        "axis",
    ]
)
shapes = st.sampled_from(
    [
        "/{}",
        "/executions",
        "/executions/{}",
        "/executions/{}/{}",
        "/executions/ID/{}",
        "/executions/ID/timeline",
        "/executions/ID/operations",
        "/executions/ID/spans/{}",
        "/executions/ID/tasks/{}",
        "/executions/ID/tasks/TASK",
        "/executions/ID/tasks/TASK/{}",
        "/executions/ID/tasks/{}/decks",
        "/executions/ID/tasks/TASK/decks/items",
        "/executions/ID/tasks/TASK/decks/alone",
        "/executions/ID/tasks/{}/decks/items",
        "/executions/ID/tasks/TASK/output",
        "/executions/ID/tasks/{}/report.html",
        "/executions/{}/report.html",
        "/executions/{}/trace.json",
        "/compare",
        "/compare/decks",
        "/compare/metrics",
        "/compare/metrics?chosen=ID&chosen={}",
        "/executions/ID/metrics",
        "/executions/ID/resources",
        "/executions/{}/metrics",
        "/executions/{}/resources",
        "/shared/{}",
        "/static/{}",
        "/static/report/{}",
        "/executions/{}/events",
        "/frame",
    ]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=shapes,
    parts=st.lists(nasty, min_size=3, max_size=3),
    query=st.lists(st.tuples(names, nasty), max_size=4),
    quoted=st.booleans(),
)
def test_every_request_is_answered(
    asked: tuple[TestClient, str, str], shape: str, parts: list[str], query: list[tuple[str, str]], quoted: bool
) -> None:
    client, execution_id, task_id = asked
    safe = "" if quoted else "/.%"
    path = shape.format(*(quote(part.encode("utf-8", "replace"), safe=safe) for part in parts))
    path = path.replace("ID", execution_id).replace("TASK", task_id)
    encoded = urlencode([(name, value.encode("utf-8", "replace")) for name, value in query])
    answer = client.get(f"{path}{'&' if '?' in path else '?'}{encoded}")
    assert answer.status_code < 500, (path, encoded)
    assert CANARY not in answer.text


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(left=st.sampled_from(["ID", "ID/TASK", "last", ""]), right=st.one_of(nasty, st.sampled_from(["ID", "ID/TASK"])))
def test_every_comparison_is_answered(asked: tuple[TestClient, str, str], left: str, right: str) -> None:
    client, execution_id, task_id = asked
    sides = [side.replace("ID", execution_id).replace("TASK", task_id) for side in (left, right)]
    query = urlencode({"left": sides[0], "right": sides[1].encode("utf-8", "replace")})
    for path in ("/compare", "/compare/decks"):
        assert client.get(f"{path}?{query}").status_code < 500


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.from_regex(
                rb'\["(span|open|task|raised|deck|items|blob|link|note|task-end|head|execution)",'
                rb'[-0-9a-z",\[\]{}:. ]{0,40}\]',
                fullmatch=True,
            ),
        ),
        max_size=30,
    )
)
def test_a_damaged_journal_is_shown_as_far_as_it_makes_sense(
    asked: tuple[TestClient, str, str], lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    journal = folder / "executions" / "20260101-000000-000000-aaaaaa"
    journal.mkdir(parents=True)
    (journal / "main-0000.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    app = make_app(open_store(str(folder)), connect(f"sqlite:///{folder / 'index.sqlite'}"))
    client = TestClient(app, base_url="http://localhost")
    app.state.site.indexer.update()
    for path in (
        "",
        "/timeline",
        "/operations",
        "/spans/0",
        "?part=live",
        "/tasks/main.1",
        "/trace.json",
        "/report.html",
    ):
        address = f"/executions/20260101-000000-000000-aaaaaa{path}"
        assert client.get(address).status_code < 500, address
    assert client.get("/executions").status_code == 200


@task
def fail() -> None:
    raise ValueError("no such airport")


def test_a_failure_of_which_nobody_knows_the_place_is_shown(tmp_path: Path) -> None:
    with execution("night", store=tmp_path) as run, contextlib.suppress(ValueError):
        fail()
    (journal,) = tmp_path.glob("executions/*/main-0000.jsonl")
    rows = [line for line in journal.read_bytes().splitlines() if not line.startswith((b'["check",', b'["raised",'))]
    lines = b"".join(row + b"\n" for row in rows)
    journal.write_bytes(sealed(lines, len(rows) - 1, 0, 0))
    app = make_app(open_store(str(tmp_path)), connect(f"sqlite:///{tmp_path / 'index.sqlite'}"))
    answer = TestClient(app, base_url="http://localhost").get(f"/executions/{run.id}")
    assert answer.status_code == 200
    assert "ValueError" in answer.text
