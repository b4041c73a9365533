"""A log of which only the end is read at first: what each task said is all there once somebody looks."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from obs_core import execution, load_execution, task
from obs_core.store import open_store
from obs_ui import logs
from obs_ui.logs import FollowedLog


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FollowedLog:
    @task(deck_fields=())
    def say(what: str, count: int) -> None:
        log = logging.getLogger("app")
        log.error("%s begins", what)
        for number in range(count):
            log.warning("%s %d", what, number)

    with execution("talks", store=tmp_path) as run:
        for what, count in (("early", 30), ("late", 40)):
            say(what, count)
    monkeypatch.setattr(logs, "_LARGE", 0)
    monkeypatch.setattr(logs, "MOST_RECENT", 5)
    monkeypatch.setattr(logs, "MOST_LINES", 20)
    return FollowedLog(open_store(tmp_path), run.id)


def test_the_last_lines_and_the_count_of_all_are_there_at_once(followed: FollowedLog) -> None:
    lines, count = followed.recent()
    assert [line.text for line in lines] == [f"late {number}" for number in range(35, 40)]
    assert count == 72


def test_lines_that_were_passed_over_are_there_once_somebody_looks(followed: FollowedLog, tmp_path: Path) -> None:
    early, late = load_execution("last", tmp_path).tasks
    assert [followed.count_of(one.id) for one in (early, late)] == [31, 41]
    for one, what, count in ((early, "early", 31), (late, "late", 41), (late, "late", 41)):
        log = followed.of(one.id)
        assert (log.count, len(log.last)) == (count, 20)
        assert [line.text for line in log.last] == [f"{what} {number}" for number in range(count - 21, count - 1)]
        assert [line.text for line in log.problems][:2] == [f"{what} begins", f"{what} 0"]
        assert len(log.problems) + len(log.last) == count
