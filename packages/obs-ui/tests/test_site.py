"""``obs site``: what is written, what is left alone, and what is removed."""

from __future__ import annotations

import gzip
import html
import json
import re
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from obs_core import Deck, check, current_context, execution, log_metric, span, task
from obs_core.failsafe import ObsWarning
from obs_core.journal import flusher
from obs_core.store.content import digest_of
from obs_ui.site import Site
from obs_ui.static_site.folder import MANIFEST, SiteFolderError

NAME = "</script><b> & nightly / ünï"


@task
def load(rows: int = 3) -> int:
    with span("read", rows=rows):
        pass
    Deck("Quality").append("<b>fine</b>")
    check("rows > 0", rows > 0, f"{rows} rows")
    log_metric("loss", rows)
    return rows


@task
def fails(rows: int) -> None:
    raise ValueError(f"no such airport: {NAME}")


def record(name: str = "night", rows: int = 3) -> str:
    with execution(name, tags={"year": "2013"}) as run:
        load(rows)
    flusher.flush_all()
    return run.id


def record_failure(name: str = "night") -> str:
    run = execution(name)
    with pytest.raises(ValueError, match="airport"), run:
        fails(load())
    flusher.flush_all()
    return run.id


def files(site: Path) -> dict[str, tuple[int, bytes]]:
    found = [file for file in site.rglob("*") if file.is_file()]
    return {str(file.relative_to(site)): (file.stat().st_mtime_ns, file.read_bytes()) for file in found}


def told(page: Path) -> dict[str, Any]:
    """Return what a page tells its scripts."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="obs-answers">(.*)</script>\n</body>', text)
    assert found is not None
    answers: dict[str, Any] = json.loads(found[1])
    return answers


def test_every_link_of_every_page_leads_to_a_file_of_the_site(write_site: Callable[..., Path]) -> None:
    for name in ("night", NAME):
        record(name)
        record_failure(name)
    site = write_site("--reports")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 4 * 3
    for page in pages:
        if page.name in ("frame.html", "report.html"):
            continue
        text = page.read_text(encoding="utf-8")
        targets = [html.unescape(found) for found in re.findall(r' (?:href|src|action)="([^"]*)"', text)]
        assert targets
        for target in targets:
            parts = urlsplit(target)
            if parts.scheme or not parts.path:
                continue
            assert not parts.path.startswith("/"), (page, target)
            assert (page.parent / unquote(parts.path)).is_file(), (page, target)
        for file in told(page)["files"].values():
            assert (site / file).is_file(), (page, file)


def test_pages_have_what_their_scripts_ask_for(write_site: Callable[..., Path]) -> None:
    record()
    failed = record_failure()
    folder = write_site() / "executions" / failed
    page = told(folder / "index.html")
    address = f"/executions/{failed}"
    assert {f"{address}/timeline", f"{address}/operations", f"{address}/metrics"} <= page["answers"].keys()
    assert page["answers"][f"{address}/timeline"]["bars"][0][1] == 0
    assert page["spans"]["at"]["0"] == 0
    task_page = told(folder / "task-main.2.html")
    labels = [label for label, *_ in task_page["answers"][f"{address}/tasks/main.2/decks"]["decks"]]
    assert "Quality" in labels
    assert task_page["answers"][f"{address}/tasks/main.2/decks/items?deck=Quality"] == ["<b>fine</b>"]
    assert "What changed since the last good run" in (folder / "changes.html").read_text(encoding="utf-8")


def test_names_are_text_in_pages_and_data(write_site: Callable[..., Path]) -> None:
    record_failure(NAME)
    site = write_site()
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "</script><b>" not in text, page
    assert html.escape(NAME) in (site / "index.html").read_text(encoding="utf-8")


def test_what_is_masked_in_the_store_is_masked_in_the_site(
    write_site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_SECRET_DB_PASSWORD", "hunter2-" + "hunter2")

    @task
    def log_in() -> None:
        password = current_context().secrets.get("db", "password")
        Deck("Secret").append(f"<p>{password}</p>")
        with span("connect", url=f"postgresql://obs:{password}@db"):
            raise ValueError(password)

    run = execution("secret")
    with pytest.raises(ValueError, match="hunter2"), run:
        log_in()
    flusher.flush_all()
    site = write_site("--reports")
    assert any(b"connect" in content for _, content in files(site).values())
    assert [name for name, (_, content) in files(site).items() if b"hunter2-hunter2" in content] == []


def test_again_nothing_is_written_that_did_not_change(write_site: Callable[..., Path], capsys: Any) -> None:
    record()
    before = files(write_site())
    after = files(write_site())
    assert capsys.readouterr().out.splitlines()[-1].endswith("0 written, 0 removed")
    assert {name: one for name, one in after.items() if name != MANIFEST} == {
        name: one for name, one in before.items() if name != MANIFEST
    }


def test_one_execution_more_leaves_the_pages_of_the_others(write_site: Callable[..., Path]) -> None:
    first = record()
    before = files(write_site())
    second = record()
    after = files(write_site())
    own = {name for name in before if name.startswith(f"executions/{first}/")}
    assert own
    assert {name: after[name] for name in own} == {name: before[name] for name in own}
    assert f"executions/{second}/index.html" in after
    assert [row["id"] for row in told_rows(after["index.html"][1])] == [second, first]


def told_rows(page: bytes) -> list[dict[str, Any]]:
    found = re.search(rb'id="obs-answers">(.*)</script>\n</body>', page)
    assert found is not None
    rows: list[dict[str, Any]] = json.loads(found[1])["answers"]["list"]
    return rows


def test_what_is_gone_is_removed_and_what_others_wrote_stays(write_site: Callable[..., Path], folder: Path) -> None:
    gone, kept = record("gone"), record("kept")
    site = write_site()
    (site / "CNAME").write_text("obs.example.org")
    (site / "executions" / gone / "notes.txt").write_text("mine")
    shutil.rmtree(folder / "executions" / gone)
    names = files(write_site())
    assert [name for name in names if gone in name] == [f"executions/{gone}/notes.txt"]
    assert "CNAME" in names
    assert f"executions/{kept}/index.html" in names
    assert sum(name.startswith("pipelines/kept-") for name in names) == 1
    assert not any(name.startswith("pipelines/gone-") for name in names)


def test_a_file_that_no_site_wrote_is_never_written_over(write_site: Callable[..., Path], tmp_path: Path) -> None:
    record()
    mine = tmp_path / "site" / "index.html"
    mine.parent.mkdir()
    mine.write_text("my own page")
    with pytest.raises(SiteFolderError, match=r"index\.html is there already"):
        write_site()
    assert mine.read_text() == "my own page"


def test_a_site_of_a_later_version_is_left_alone(write_site: Callable[..., Path], tmp_path: Path) -> None:
    record()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / MANIFEST).write_text('{"format": 99}')
    with pytest.raises(SiteFolderError, match="newer obs-ui"):
        write_site()
    assert files(tmp_path / "site").keys() == {MANIFEST}


def test_a_manifest_cannot_name_files_elsewhere(write_site: Callable[..., Path], tmp_path: Path) -> None:
    record()
    victim = tmp_path / "victim.txt"
    victim.write_text("still here")
    site = write_site()
    manifest = json.loads((site / MANIFEST).read_bytes())
    manifest["common"]["files"] |= {"../victim.txt": "0", str(victim): "0"}
    (site / MANIFEST).write_text(json.dumps(manifest))
    write_site()
    assert victim.read_text() == "still here"


def test_it_holds_the_executions_that_were_asked_for(write_site: Callable[..., Path], capsys: Any) -> None:
    flights, _ = record("flights"), record("weather")
    newest = record("flights")
    site = write_site("--name", "flights", "-n", "1")
    assert [path.name for path in (site / "executions").iterdir()] == [newest]
    assert "only the newest 1 are in it" in capsys.readouterr().out
    site = write_site("--name", "flights", "--since", "1h")
    assert sorted(path.name for path in (site / "executions").iterdir()) == sorted([flights, newest])


def test_many_are_written_by_several_processes(write_site: Callable[..., Path]) -> None:
    ids = {record(rows=number) for number in range(20)}
    site = write_site()
    assert {path.parent.name for path in site.glob("executions/*/index.html")} == ids


def test_a_store_without_executions_gives_a_site_that_says_so(write_site: Callable[..., Path], folder: Path) -> None:
    folder.mkdir()
    assert "Nothing is recorded here yet" in (write_site() / "index.html").read_text()


def test_the_package_declares_the_command() -> None:
    (declared,) = entry_points(group="obs.commands", name="site")
    assert declared.value == "obs_ui.command:WriteSite"


def hostile(folder: Path, name: str, *lines: bytes) -> str:
    """Record an execution, and put lines that no obs writes at the end of its journal."""
    one = record(name)
    (path,) = (folder / "executions" / one).glob("main-0000.jsonl*")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    head, *others = content.splitlines(keepends=True)
    kept = [line for line in others if not line.startswith(b'["check"')]
    journal = b"".join([head.replace(b",1]\n", b"]\n"), *kept, *lines])
    path.unlink()
    path.with_name("main-0000.jsonl").write_bytes(journal.replace(b"EXECUTION", one.encode()))
    return one


def test_an_execution_whose_lines_are_nested_beyond_all_measure_is_damaged_and_hides_no_other(
    write_site: Callable[..., Path], folder: Path
) -> None:
    bad, good = hostile(folder, "bad", *[b"[" * 64 + b"\n"] * 20_000), record("good")
    site = write_site()
    assert all((site / "executions" / one / "index.html").is_file() for one in (bad, good))
    assert "20,000 records" in (site / "executions" / bad / "index.html").read_text(encoding="utf-8")


def test_an_execution_that_cannot_be_shown_gets_a_page_that_says_so_and_stops_no_other(
    write_site: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = record("bad"), record("good")
    look = Site.look

    def fails(self: Site, execution_id: str) -> Any:
        if execution_id == bad:
            raise MemoryError("too large")
        return look(self, execution_id)

    monkeypatch.setattr(Site, "look", fails)
    monkeypatch.delenv("OBS_STRICT", raising=False)
    with pytest.warns(ObsWarning, match=f"{bad} cannot be shown: MemoryError: too large"):
        site = write_site()
    assert "MemoryError: too large" in (site / "executions" / bad / "index.html").read_text(encoding="utf-8")
    assert "Quality" in (site / "executions" / good / "index.html").read_text(encoding="utf-8")


def test_a_file_that_a_journal_names_very_often_is_shown_only_the_first_times(
    write_site: Callable[..., Path], folder: Path
) -> None:
    part = f"blobs/{digest_of(b'thrush')}.gz"
    lines = b'["blob",900,2,"executions/EXECUTION/%b",[],""]\n' % part.encode() * 2_000
    one = hostile(folder, "night", b'["deck",900,2,"Birds"]\n', lines)
    file = folder / "executions" / one / part
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(b"thrush"))
    site = write_site()
    shown = sum(content.count(b"thrush") for _, content in files(site).values())
    assert 1_000 < shown < 1_100
