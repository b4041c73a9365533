"""What is secret in a store's URL is used to open it, and shown nowhere."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem

from obs_core import execution, list_executions
from obs_core.store import Store, open_store
from obs_core.store.passwords import with_password, without_password
from obs_core.text.masking import mask

TOKEN = "ghp_8fZkq0LmXw3RtVb2Nc7Y"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://ann:hunter2-pw@host:9/obs", "ftp://ann:***@host:9/obs"),
        ("ftp://:hunter2-pw@host/obs", "ftp://:***@host/obs"),
        ("ftp://ann:x@hunter2-pw@host/obs", "ftp://ann:***@host/obs"),
        ("ftp://ann:a/hunter2-pw@host:9/obs", "ftp://ann:***@host:9/obs"),
        ("simplecache::sftp://ann:hunter2-pw@host/obs", "simplecache::sftp://ann:***@host/obs"),
        ("https://blob/c?sv=1&sig=hunter2-pw&x=2", "https://blob/c?sv=1&sig=***&x=2"),
        ("http://host:9/obs?password=hunter2-pw", "http://host:9/obs?password=***"),
        ("s3://b/p?aws_secret_access_key=hunter2-pw#part", "s3://b/p?aws_secret_access_key=***#part"),
        ("sftp://ann:hunter2-pw@host/p?token=hunter2-to", "sftp://ann:***@host/p?token=***"),
        ("https://blob/c?sas=hunter2-pw", "https://blob/c?sas=***"),
        (f"github://{TOKEN}@org/repo", "github://***@org/repo"),
    ],
)
def test_what_is_secret_in_a_url_is_not_shown_and_comes_back(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert with_password(shown) == url
    assert without_password(shown) == shown
    secrets = re.findall(rf"(?:x@|a/)?hunter2-\w+|{TOKEN}", url)
    assert secrets
    for secret in secrets:
        assert secret not in mask(f"cannot open {url}: {secret} was refused")


@pytest.mark.parametrize(
    "url",
    [
        "runs",
        "s3://bucket/obs@v2",
        "http://127.0.0.1:9/obs@v1",
        "sftp://ann@host/obs",
        "memory://obs",
        "https://host/obs?version=3&monkey=george",
        "file:///home/ann/a:b@c",
    ],
)
def test_a_url_without_anything_secret_is_shown_as_it_is(url: str) -> None:
    assert (without_password(url), with_password(url)) == (url, url)


class RefusingFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A client that tells what it was asked for."""

    protocol = "refusing"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def cat_file(self, path: str, *given: Any, **named: Any) -> bytes:
        raise ValueError(f"no bucket {path!r}")

    def ls(self, path: str, *given: Any, **named: Any) -> list[Any]:
        raise PermissionError(errno.EACCES, f"refused {path!r}", path)


@pytest.mark.parametrize("ask", [lambda store: store.get("a"), lambda store: store.names("a")], ids=["get", "names"])
def test_what_a_client_tells_of_a_url_holds_no_password(ask: Callable[[Store], object]) -> None:
    fsspec.register_implementation("refusing", RefusingFiles, clobber=True)
    store = open_store("refusing://ann:hunter2-pw@host/obs")
    with pytest.raises(OSError, match=r"no bucket|refused") as failed:
        ask(store)
    told = "".join(traceback.format_exception(failed.value))
    assert "ann:***@host" in told
    assert "hunter2-pw" not in told


class UnreachableError(OSError):
    """What a client makes of a host that does not answer: it names no store."""


class UnreachableFiles(RefusingFiles):
    """A client whose host does not answer."""

    protocol = "unreachable"

    def cat_file(self, path: str, *given: Any, **named: Any) -> bytes:
        raise UnreachableError("Cannot connect to host")


def test_a_client_that_cannot_connect_is_told_with_its_store() -> None:
    fsspec.register_implementation("unreachable", UnreachableFiles, clobber=True)
    with pytest.raises(
        OSError, match=r"^store unreachable://host/obs: UnreachableError: Cannot connect to host$"
    ) as failed:
        open_store("unreachable://host/obs").get("a")
    assert isinstance(failed.value.__cause__, UnreachableError)


def test_an_execution_that_is_given_its_store_holds_no_password(tmp_path: Path) -> None:
    url = "memory://ann:hunter2-pw@host/of-one"
    given = execution("night", store=url)
    with given:
        pass
    assert "hunter2-pw" not in repr(vars(given))
    assert [one.name for one in list_executions(url)] == ["night"]

    decorated = execution("in a folder", store=tmp_path)(abs)
    assert decorated(-7) == 7
    assert [one.name for one in list_executions(tmp_path)] == ["in a folder"]
