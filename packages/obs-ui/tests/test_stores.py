"""One UI over several stores: two folders and a bucket of a real S3 server."""

from __future__ import annotations

import re
import shutil
import socket
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

from obs_core import Deck, execution, log_metric, span, task
from obs_core.commands import main
from obs_core.journal import flusher
from obs_core.store import open_store
from obs_ui.app import app_of
from obs_ui.index import address_of, connect
from obs_ui.links import Links
from obs_ui.security import Access
from obs_ui.site import Site
from obs_ui.stores import named_stores


@task
def load(rows: int) -> int:
    with span("read"):
        pass
    Deck("Quality").append(f"<b>{rows} rows</b>")
    return rows


def record(store: str, name: str = "flights", rows: int = 3, **tags: str) -> str:
    with execution(name, store=store, tags=tags) as run:
        load(rows)
    flusher.flush_all()
    return run.id


Open = Callable[..., TestClient]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open a UI over stores, by their names, that has read those that can be read."""
    engines: list[Engine] = []

    def open_all(
        rows: int = 50, reads: bool = True, links: Links | None = None, root: str = "", **stores: str
    ) -> TestClient:
        sites = []
        for name, address in stores.items():
            site = Site(open_store(address), connect(f"sqlite:///{tmp_path}/{name}.sqlite"), name)
            site.rows = rows
            sites.append(site)
            engines.append(site.engine)
        access = Access(links=links, root=root, stores={address_of(site.store): site.name for site in sites})
        client = TestClient(app_of(sites, access), base_url="http://127.0.0.1:8642")
        for site in sites if reads else ():
            site.indexer.try_update()
        return client

    yield open_all
    for engine in engines:
        engine.dispose()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Two folders that become stores."""
    return str(tmp_path / "here"), str(tmp_path / "there")


def listed(page: str) -> list[tuple[str, str]]:
    """Return the executions of a list: store and id."""
    return re.findall(r'<span class="names"><a href="/stores/([^/]+)/executions/([^"]+)"', page)


def test_stores_are_named_by_their_folders_and_urls() -> None:
    given = ["prod=s3://team/obs", "/home/ann/flights/.obs", "gs://team/a b", ".obs", "/srv/flights", "file:///srv/x"]
    assert [name for name, _ in named_stores(given)] == ["prod", "flights", "team-a-b", "here", "flights-2", "x"]


def test_a_password_is_no_part_of_a_name() -> None:
    assert named_stores(["sftp://ann:k9-secret@host/obs"]) == [("host-obs", "sftp://ann:k9-secret@host/obs")]


def test_the_list_holds_all_stores_and_says_which(opened: Open, folders: tuple[str, str]) -> None:
    first, second = record(folders[0]), record(folders[1])
    third = record(folders[0])
    page = opened(here=folders[0], there=folders[1]).get("/").text
    assert listed(page) == [("here", third), ("there", second), ("here", first)]
    assert '<span class="how-many">3</span>' in page


def test_the_list_is_filtered_by_store(opened: Open, folders: tuple[str, str]) -> None:
    record(folders[0])
    there = record(folders[1])
    client = opened(here=folders[0], there=folders[1])
    page = client.get("/executions?store=there").text
    assert listed(page) == [("there", there)]
    assert re.search(r'data-store="there" aria-current="true"', page)
    assert client.get("/stores/there/").url.query == b"store=there"


@pytest.mark.parametrize("sort", ["-started", "started", "-duration", "name"])
def test_every_execution_is_on_one_page_in_both_directions(opened: Open, folders: tuple[str, str], sort: str) -> None:
    for number in range(7):
        record(folders[number % 2], name=f"run {number % 3}")
    copied = record(folders[0])
    shutil.copytree(f"{folders[0]}/executions/{copied}", f"{folders[1]}/executions/{copied}")
    client = opened(rows=2, here=folders[0], there=folders[1])
    pages, address = [], f"/executions?sort={sort}"
    while address:
        page = client.get(address).text
        pages.append(listed(page))
        address = next(iter(re.findall(r'rel="next" href="([^"]*)"', page)), "").replace("&amp;", "&")
    assert [len(found) for found in pages] == [2, 2, 2, 2, 1]
    assert len({row for found in pages for row in found}) == 9
    back = []
    while address := next(iter(re.findall(r'rel="prev" href="([^"]*)"', page)), "").replace("&amp;", "&"):
        page = client.get(address).text
        back.append(listed(page))
    assert back == pages[-2::-1]


def test_stores_are_sorted_by_a_metric_together(
    opened: Open, folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for number, loss in enumerate((3.0, 1.0, 4.0, 2.0, None)):
        monkeypatch.setenv("OBS_STORE", folders[number % 2])
        with execution("train") as run:
            if loss is not None:
                log_metric("loss", loss)
        runs.append(run.id)
    flusher.flush_all()
    client = opened(rows=3, here=folders[0], there=folders[1])
    page = client.get("/executions?sort=-last:loss").text
    assert [run for _, run in listed(page)] == [runs[2], runs[0], runs[3]]
    following = re.findall(r'rel="next" href="([^"]*)"', page)[0].replace("&amp;", "&")
    assert [run for _, run in listed(client.get(following).text)] == [runs[1]]


def test_pages_of_an_execution_stay_in_its_store(opened: Open, folders: tuple[str, str]) -> None:
    record(folders[0])
    run = record(folders[1])
    page = opened(here=folders[0], there=folders[1]).get(f"/stores/there/executions/{run}").text
    addresses = re.findall(r' (?:href|data-[a-z]+)="(/[^"]*)"', page)
    own = [one for one in addresses if run in one]
    assert len(own) > 5
    assert all(one.startswith("/stores/there/") for one in own)
    assert '<a class="store" href="/executions?store=there"' in page


def test_addresses_without_a_store_lead_to_where_it_is(opened: Open, folders: tuple[str, str]) -> None:
    record(folders[0], name="weather")
    run = record(folders[1])
    client = opened(root="/obs", here=folders[0], there=folders[1])
    at = f"/stores/there/executions/{run}"
    assert client.get(f"/executions/{run}", follow_redirects=False).headers["location"] == f"/obs{at}"
    assert client.get("/executions/last", follow_redirects=False).headers["location"] == f"/obs{at}"
    assert client.get(f"/executions/{run}/timeline?width=100").json()["version"] == 1
    assert client.get("/pipelines/flights").url.path == "/obs/stores/there/pipelines"
    assert client.get("/executions/20200101-000000-000000-000000").status_code == 404
    assert client.get("/stores/nowhere/executions").status_code == 404


def test_an_execution_that_no_index_knows_yet_is_found(opened: Open, folders: tuple[str, str]) -> None:
    record(folders[0])
    client = opened(here=folders[0], there=folders[1])
    run = record(folders[1])
    assert client.get(f"/executions/{run}").url.path == f"/stores/there/executions/{run}"


def test_executions_of_two_stores_are_compared(opened: Open, folders: tuple[str, str]) -> None:
    here, there = record(folders[0], rows=3), record(folders[1], rows=4)
    client = opened(here=folders[0], there=folders[1])
    page = client.get("/compare", params={"chosen": [f"here:{here}", f"there:{there}"]})
    assert page.status_code == 200
    assert page.url.path == "/compare"
    assert f'href="/executions/{there}"' in page.text
    beside = re.findall(r'href="(/compare/decks[^"]*)"', page.text)
    assert "Quality" in client.get(beside[0].replace("&amp;", "&")).text
    other = record(folders[1])
    alone = client.get("/compare", params={"chosen": [f"there:{other}", f"there:{there}"]})
    assert alone.url.path == "/stores/there/compare"
    assert alone.status_code == 200


def test_pipelines_of_all_stores_are_listed(opened: Open, folders: tuple[str, str]) -> None:
    record(folders[0])
    record(folders[1])
    client = opened(here=folders[0], there=folders[1])
    found = re.findall(r'href="/stores/([a-z]+)/pipelines\?name=flights"', client.get("/pipelines").text)
    assert sorted(found) == ["here", "there"]
    page = client.get("/stores/here/pipelines?name=flights").text
    assert 'href="/executions?store=here&amp;name=flights"' in page


def test_a_broken_store_is_told_and_spoils_nothing(opened: Open, folders: tuple[str, str], tmp_path: Path) -> None:
    run = record(folders[0])
    (tmp_path / "file").write_text("no folder")
    client = opened(here=folders[0], broken=str(tmp_path / "file"), unknown="nowhere://user:k9-secret@host/obs")
    page = client.get("/").text
    assert listed(page) == [("here", run)]
    assert "The store unknown cannot be read just now: " in page
    assert "k9-secret" not in page
    assert "reading the store" not in page
    assert client.get(f"/executions/{run}").status_code == 200
    assert client.get(f"/stores/unknown/executions/{run}").status_code == 503


@pytest.mark.slow
def test_a_store_that_hangs_is_told_and_holds_nobody_else_up(
    opened: Open, folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    run = record(folders[0])
    monkeypatch.setattr("obs_ui.index.indexing._PATIENCE", 0.0)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:  # connects, and never says anything
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = opened(reads=False, here=folders[0], silent="s3://team/obs")
        with client, ThreadPoolExecutor(50) as pool:
            waiting = [pool.submit(client.get, f"/stores/silent/executions/{run}") for _ in range(50)]
            while "The store silent cannot be read" not in (page := client.get("/").text) or not listed(page):
                pass
            assert listed(page) == [("here", run)]
            assert "it has not answered for" in page
            assert client.get(f"/executions/{run}").status_code == 200
            assert client.get("/pipelines").status_code == 200
            assert not any(one.done() for one in waiting)
            silent.close()
            assert {one.result().status_code for one in waiting} == {503}


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store in a bucket of its own: all S3 servers of a process share what moto keeps."""
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    import boto3

    s3fs.S3FileSystem.clear_instance_cache()  # of another test's server, which is gone
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"team-{port}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    yield f"s3://{bucket}/obs"
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_the_command_serves_two_folders_and_a_bucket(
    serve: Callable[..., Any], folders: tuple[str, str], s3_url: str
) -> None:
    runs = {"here": record(folders[0]), "there": record(folders[1]), "prod": record(s3_url)}
    server = serve(*folders, f"prod={s3_url}")
    assert server.said[:3] == [
        f"obs ui shows {folders[0]} as here",
        f"obs ui shows {folders[1]} as there",
        f"obs ui shows {s3_url} as prod",
    ]
    page = ""
    while len(listed(page)) < 3:
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            page = answer.read().decode()
    assert set(listed(page)) == set(runs.items())
    with urllib.request.urlopen(f"{server.url}executions/{runs['prod']}", timeout=60) as answer:
        assert answer.url == f"{server.url}stores/prod/executions/{runs['prod']}"
        assert "load" in answer.read().decode()


def test_the_same_store_is_not_served_twice(folders: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--no-open", folders[0], f"again={folders[0]}/"]) == 2
    assert "named twice" in capsys.readouterr().err


def test_a_link_shows_its_execution_whichever_store_has_it(
    opened: Open, folders: tuple[str, str], tmp_path: Path
) -> None:
    other, run = record(folders[0]), record(folders[1])
    links = Links(str(tmp_path / "secret"))
    client = opened(links=links, here=folders[0], there=folders[1])
    ticket = links.ticket(address_of(open_store(folders[1])), run, 60)
    assert client.get(f"/links/{ticket}/executions/{run}").status_code == 200
    assert client.get(f"/links/{ticket}/executions/{run}/timeline").json()["version"] == 1
    assert client.get(f"/links/{ticket}/executions/{other}").status_code == 403
    assert client.get(f"/links/{ticket}/stores/here/executions/{other}").status_code == 403
