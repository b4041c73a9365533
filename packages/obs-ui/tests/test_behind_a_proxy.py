"""The UI behind a reverse proxy, and links that show one execution for a while."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_core import Deck, execution, span, task
from obs_core.journal import flusher
from obs_core.testing import FixedClock
from obs_ui.links import LinkError, Links, SecretFileError

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /obs/ {{
      proxy_pass {upstream};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-User $arg_as;
      proxy_http_version 1.1;
      proxy_buffering off;
    }}
  }}
}}
"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


@task
def load() -> None:
    with span("read"):
        pass
    Deck("Quality").append("<b>fine</b>")


def record(name: str = "flights") -> str:
    with execution(name) as run:
        load()
    flusher.flush_all()
    return run.id


def ask(url: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start nginx before a server; gives the address at which it shows it."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    started: list[subprocess.Popen[bytes]] = []

    def start(upstream: str, *, strips: bool) -> str:
        folder = tmp_path / f"nginx{len(started)}"
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        address = upstream.removesuffix("/obs/") + ("/" if strips else "")
        text = CONFIGURATION.format(folder=folder, port=port, upstream=address)
        (folder / "nginx.conf").write_text(text)
        command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command)
        started.append(process)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return f"http://127.0.0.1:{port}/obs/"
            except OSError:
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.browser
@pytest.mark.parametrize("strips", [True, False], ids=["the proxy strips the path", "the proxy keeps the path"])
def test_pages_work_below_a_path(
    strips: bool, serve: Callable[..., Any], proxied: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    run = record()
    server = serve("--root-path", "/obs")
    assert server.url.endswith("/obs/")
    page = open_page(proxied(server.url, strips=strips))
    page.locator(".names a", has_text="flights").click()
    page.locator("[data-timeline][data-ready]").wait_for()
    assert page.url.endswith(f"/obs/executions/{run}")
    expect(page.locator(".operations .hot").first).to_contain_text("read")
    page.locator(".tree .main a", has_text="load").click()
    page.get_by_role("tab", name="Quality").click()
    expect(page.frame_locator(".panel:not(.away) > iframe:not(.arriving)").get_by_text("fine")).to_be_visible()
    page.locator(".crumbs a", has_text="flights").click()
    page.get_by_role("link", name="All runs").click()
    expect(page.locator(".runs .whole td a")).to_have_count(1)
    page.goto(page.url.partition("/pipelines")[0] + "/executions/last")
    assert page.url.endswith(f"/obs/executions/{run}")


@pytest.mark.browser
def test_a_page_below_a_path_is_live(
    serve: Callable[..., Any], proxied: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    record("first")
    page = open_page(proxied(serve("--root-path", "/obs").url, strips=True))
    expect(page.locator(".executions tbody")).to_have_count(1)
    record("second")
    expect(page.locator(".executions tbody")).to_have_count(2)


def test_a_user_whom_the_proxy_names_is_let_in_and_shown(
    serve: Callable[..., Any], proxied: Callable[..., str]
) -> None:
    server = serve("--root-path", "/obs", "--user-header", "X-Forwarded-User")
    address = proxied(server.url, strips=False)
    status, page = ask(f"{address}executions?as=ada%3Cb%3E")
    assert (status, "ada%3Cb%3E" in page or "ada&lt;b&gt;" in page) == (200, True)
    assert "ada<b>" not in page
    status, page = ask(f"{address}executions")
    assert (status, "through its proxy" in page) == (401, True)
    # What the client says itself is replaced by the proxy.
    assert ask(f"{address}executions", X_Forwarded_User="eve")[0] == 401


def test_the_header_is_believed_from_trusted_addresses_alone(serve: Callable[..., Any]) -> None:
    distrusting = serve("--user-header", "X-Forwarded-User", "--trusted-proxy", "10.0.0.0/8")
    assert ask(distrusting.url, X_Forwarded_User="eve")[0] == 401
    trusting = serve("--user-header", "X-Forwarded-User")
    assert ask(trusting.url, X_Forwarded_User="ada")[0] == 200
    assert ask(trusting.url)[0] == 401
    unaware = serve()
    status, page = ask(unaware.url, X_Forwarded_User="mallory")
    assert (status, "mallory" in page) == (200, False)


def test_a_header_given_twice_is_not_believed(serve: Callable[..., Any]) -> None:
    server = serve("--user-header", "X-Forwarded-User")
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-User: eve\r\nX-Forwarded-User: ada\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 401")


# ---- Links


def link(*arguments: str) -> str:
    command = [sys.executable, "-m", "obs_core", "ui", "link", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


@pytest.fixture(autouse=True)
def _own_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.browser
def test_a_link_shows_one_execution_and_nothing_else(
    serve: Callable[..., Any], proxied: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    shown, hidden = record("flights"), record("payroll")
    server = serve("--root-path", "/obs", "--user-header", "X-Forwarded-User")
    address = link("flights", "--for", "7d", "--url", proxied(server.url, strips=True))
    assert shown in address
    page = open_page(address)
    page.locator("[data-timeline][data-ready]").wait_for()
    expect(page.locator(".operations .hot").first).to_contain_text("read")
    links = page.eval_on_selector_all("a[href]", "all => all.map(each => each.getAttribute('href'))")
    assert [each for each in links if not each.startswith("#") and shown not in each] == []
    page.locator(".tree .main a", has_text="load").click()
    page.get_by_role("tab", name="Quality").click()
    expect(page.frame_locator(".panel:not(.away) > iframe:not(.arriving)").get_by_text("fine")).to_be_visible()

    base = address.partition("/executions/")[0]
    for path in (
        "/",
        "/executions",
        f"/executions/{hidden}",
        f"/executions/{hidden}/timeline",
        f"/executions/{shown}/changes",
        "/executions/last",
        "/pipelines?name=flights",
        f"/compare?left={shown}&right={hidden}",
        "/events",
        f"/static/../executions/{hidden}",
        f"/executions/{shown}/../{hidden}",
        f"/executions/{shown}/%2e%2e/{hidden}",
        f"//executions/{hidden}",
    ):
        status, text = ask(base + path)
        assert status in (400, 401, 403, 404), path
        assert "payroll" not in text, path


def test_a_link_that_was_changed_shows_nothing(serve: Callable[..., Any]) -> None:
    shown, hidden = record("flights"), record("payroll")
    server = serve()
    address = link(shown, "--url", server.url)
    assert ask(address)[0] == 200
    ticket = re.findall(r"/links/([^/]+)/", address)[0]
    name, expires, signature = ticket.split(".")
    for forged in (
        f"{hidden}.{expires}.{signature}",
        f"{name}.{int(expires) + 1}.{signature}",
        f"{name}.{expires}.{'A' * 32}",
        f"{name}.{expires}.",
        "x",
    ):
        status, text = ask(address.replace(ticket, forged))
        assert (status, "not valid" in text) == (403, True), forged


def test_a_link_expires(tmp_path: Path) -> None:
    links = Links(str(tmp_path / "secret"))
    with FixedClock() as clock:
        ticket = links.ticket("/store", "20261129-000000-000000-abcdef", 3600)
        clock.advance(3599)
        assert links.execution_of("/store", ticket) == "20261129-000000-000000-abcdef"
        clock.advance(1)
        with pytest.raises(LinkError, match="expired"):
            links.execution_of("/store", ticket)


def test_a_link_is_for_one_store_and_one_secret(tmp_path: Path) -> None:
    links = Links(str(tmp_path / "secret"))
    ticket = links.ticket("/store", "a", 3600)
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    with pytest.raises(LinkError, match="not valid"):
        links.execution_of("/other", ticket)
    (tmp_path / "secret").write_text("another one")
    with pytest.raises(LinkError, match="not valid"):
        links.execution_of("/store", ticket)
    (tmp_path / "secret").unlink()
    with pytest.raises(LinkError, match="not valid"):
        links.execution_of("/store", ticket)


def test_an_empty_secret_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SecretFileError, match="empty"):
        Links(str(tmp_path / "secret")).ticket("/store", "a", 3600)


def test_a_link_needs_neither_token_nor_user(serve: Callable[..., Any]) -> None:
    shown = record()
    server = serve("--host", "0.0.0.0")
    port = re.findall(r":(\d+)/", server.url)[0]
    address = link(shown, "--url", f"http://127.0.0.1:{port}")
    assert ask(f"http://127.0.0.1:{port}/executions/{shown}")[0] == 401
    assert ask(address)[0] == 200
