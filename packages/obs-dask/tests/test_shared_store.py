"""Workers that share no folder with the client write to the same object store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dask_steps import local_cluster, note_down, read
from distributed import Client

from obs_core import execution, load_execution, task
from obs_dask import observe

pytestmark = pytest.mark.slow


@pytest.fixture
def s3_url() -> Iterator[str]:
    """A store in a bucket of an S3 server on loopback."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    import boto3
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # of another test's server, which is gone
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="team")
        yield "s3://team/obs"
    running.stop()
    S3FileSystem.clear_instance_cache()


def test_workers_write_spans_decks_and_links_to_s3(s3_url: str) -> None:
    with local_cluster(2) as cluster, Client(cluster) as client:

        @task
        def gather() -> list[str]:
            client.gather(client.map(read, range(20)))
            return list(client.gather(client.map(note_down, range(6), pure=False)))

        with observe(client), execution("night", store=s3_url) as run:
            workers = gather()
    recorded = load_execution(run.id, s3_url)
    (gathered,) = recorded.span.children
    assert sorted(one.name for one in gathered.children) == ["note_down"] * 6 + ["read"] * 20
    assert sum(one.name == "open" for one in recorded.span.walk()) == 20
    decks = {deck.name: deck.items for deck in recorded.task("gather").decks}
    assert {item for item in decks["default"] if item.startswith("<h4>")} == {f"<h4>Worker {w}</h4>" for w in workers}
    assert sum(item.startswith("<p>part") for item in decks["default"]) == 6
    assert len(recorded.task("gather").links) == 6
    assert {worker.status for worker in recorded.table.workers} == {"left"}
