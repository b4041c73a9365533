"""Who may ask, by which name, for what, and what the answers allow."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from obs_core import Deck, execution, load_execution, task
from obs_core.store import open_store
from obs_core.testing.segments import UNBATCHED_HEAD
from obs_ui.app import make_app
from obs_ui.index import connect, default_address
from obs_ui.links import Links
from obs_ui.security import Access, is_loopback

Connect = Callable[..., TestClient]


@pytest.fixture
def client() -> Iterator[Connect]:
    clients = []

    def connected(access: Access | None = None, url: str = "http://127.0.0.1:8642") -> TestClient:
        store = open_store()
        made = TestClient(
            make_app(store, connect(default_address(store)), access), base_url=url, follow_redirects=False
        )
        made.__enter__()
        clients.append(made)
        return made

    yield connected
    for each in clients:
        each.__exit__(None, None, None)


@task
def work() -> None:
    Deck("Quality").append("<b>fine</b>")


def record() -> str:
    with execution("night") as run:
        work()
    return f"/executions/{run.id}/tasks/{load_execution(run.id).tasks[0].id}"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "localhost:80:80", "[::1"]
)
def test_a_foreign_name_is_refused(client: Connect, host: str) -> None:
    answer = client().get("/executions", headers={"host": host})
    assert answer.status_code == 421
    assert "--allow-host" in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8642", "127.0.0.1:8642", "10.0.0.7", "[::1]:8642", "team.lan"]
)
def test_an_address_and_the_servers_own_names_are_fine(client: Connect, host: str) -> None:
    access = Access(frozenset({"localhost", "team.lan"}))
    assert client(access).get("/executions", headers={"host": host}).status_code == 200


PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("access", "address", "host", "code", "told"),
    [
        (Access(token="right"), "/executions", "localhost", 401, "Open the address that <code>obs ui</code> printed"),
        (Access(user_header="X-User"), "/executions", "localhost", 401, "Open the proxy&#x27;s address"),
        (Access(), "/executions", "evil.example", 421, "--allow-host"),
        (Access(links=Links("no-file")), "/links/forged/executions/x", "localhost", 403, "This link is not valid."),
        (Access(), "/nothing", "localhost", 404, "There is no page at this address."),
    ],
)
def test_who_is_refused_gets_a_page_that_says_what_to_do(
    client: Connect, access: Access, address: str, host: str, code: int, told: str
) -> None:
    answer = client(access).get(address, headers=PAGE | {"host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (code, "text/html; charset=utf-8")
    assert html.unescape(told) in html.unescape(answer.text)


def test_the_page_of_a_refusal_needs_nothing_else_and_runs_nothing(client: Connect) -> None:
    answer = client(Access(token="right")).get("/executions", headers=PAGE)
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert (f"style-src 'sha256-{digest}'" in policy, "default-src 'none'" in policy, "script-src" in policy) == (
        True,
        True,
        False,
    )
    assert not re.search("<script|<link|src=|url\\(", answer.text)


def test_a_program_that_is_refused_gets_one_line(client: Connect) -> None:
    answer = client(Access(token="right")).get("/executions", headers={"accept": "application/json"})
    assert (answer.headers["content-type"], answer.text.count("\n")) == ("text/plain; charset=utf-8", 1)


def test_an_error_of_our_own_is_told_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    app = make_app(store, connect(default_address(store)))
    monkeypatch.setattr(app.state.site, "page", lambda *_, **__: 1 // 0)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as asked:
        answer = asked.get("/executions", headers=PAGE)
    assert (answer.status_code, "The terminal in which it runs shows the error" in answer.text) == (500, True)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_allowed(client: Connect, method: str) -> None:
    answer = client().request(method, "/executions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_without_the_token_nothing_is_shown(client: Connect) -> None:
    path = record()
    asked = client(Access(token="right"))
    for address in ("/", path, f"{path}/decks", "/static/ui.css", "/frame", "/events", "/nowhere"):
        for wrong in ("", "?token=", "?token=wrong", "?token=right%00", "?token=righ"):
            answer = asked.get(address + wrong)
            assert (answer.status_code, "night" in answer.text) == (401, False), address + wrong


def test_the_token_is_taken_out_of_the_address_and_kept_in_a_cookie(client: Connect) -> None:
    asked = client(Access(token="right"))
    answer = asked.get("/executions?status=failed&token=right")
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions?status=failed")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert asked.get("/executions").status_code == 200


def test_two_servers_on_one_host_keep_their_tokens_apart(client: Connect) -> None:
    servers = {8642: client(Access(token="first")), 8643: client(Access(token="second"))}
    kept: dict[str, str] = {}  # a browser sends the cookies of a host to all of its ports
    for (port, asked), token in zip(servers.items(), ("first", "second"), strict=True):
        answer = asked.get(f"http://127.0.0.1:{port}/executions?token={token}")
        name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
        kept[name] = value
        asked.cookies.clear()
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    for port, asked in servers.items():
        assert asked.get(f"http://127.0.0.1:{port}/executions", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///evil.example/x"])
def test_the_token_leads_to_no_other_site(client: Connect, path: str) -> None:
    asked = client(Access(token="right"))
    answer = asked.request("GET", f"http://127.0.0.1:8642{path}?token=right")
    location = answer.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_every_answer_says_what_a_browser_may_do_with_it(client: Connect) -> None:
    path = record()
    asked = client()
    for address in ("/", path, f"{path}/decks", f"{path}/report.html", "/frame", "/static/ui.css", "/nowhere"):
        headers = asked.get(address).headers
        assert headers["x-content-type-options"] == "nosniff", address
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors" in headers["content-security-policy"]


def test_our_pages_run_no_inline_scripts_and_stand_in_nobodys_frame(client: Connect) -> None:
    answer = client().get(record())
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "style=" not in answer.text


def test_what_holds_decks_is_sandboxed_and_reaches_nothing(client: Connect) -> None:
    policy = client().get("/frame").headers["content-security-policy"]
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["sandbox"] == "allow-scripts"
    assert parts["default-src"] == parts["form-action"] == parts["base-uri"] == "'none'"
    assert parts["connect-src"] == "blob: data:"
    assert "http" not in policy


def test_no_deck_is_served_as_a_page(client: Connect) -> None:
    path = record()
    asked = client()
    items = asked.get(f"{path}/decks/items?deck=Quality")
    assert (items.json(), items.headers["content-type"]) == (["<b>fine</b>"], "application/json")
    assert "<b>fine</b>" not in asked.get(f"{path}/decks/alone?deck=Quality").text
    report = asked.get(f"{path}/report.html")
    assert report.headers["content-type"] == "application/octet-stream"
    assert report.headers["content-disposition"].startswith("attachment")


def test_a_journal_that_names_a_file_elsewhere_does_not_get_it(client: Connect, folder: Path, tmp_path: Path) -> None:
    import gzip

    path = record()
    (tmp_path / "secret.gz").write_bytes(gzip.compress(b"canary"))
    execution_id = path.split("/")[2]
    journal = folder / "executions" / execution_id / "main-0001.jsonl"
    lines = ['["deck", 90, 1, "Stolen"]\n'] + [
        f'["blob", 90, 5, "{place}"]\n'
        for place in ("../secret.gz", f"executions/{execution_id}/blobs/../../../../secret.gz")
    ]
    journal.write_bytes(UNBATCHED_HEAD + "".join(lines).encode())
    asked = client()
    decks = asked.get(f"/executions/{execution_id}/tasks/main.1/decks")
    assert [label for label, _ in decks.json()["decks"]] == ["Stolen"]
    items = asked.get(f"/executions/{execution_id}/tasks/main.1/decks/items?deck=Stolen")
    assert "canary" not in items.text
    assert items.text.count("not where parts of decks are kept") == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machines_own_addresses_are_known(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("192.168.1.5")


def test_a_path_that_no_file_system_takes_is_not_found(client: Connect) -> None:
    for path in ("/static/%00", "/executions/%00", "/%00"):
        assert client().get(path).status_code == 404
