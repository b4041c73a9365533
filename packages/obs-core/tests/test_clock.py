"""Clocks of several processes agree, however busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from obs_core import clock

SECOND = 1_000_000_000


def test_what_runs_between_two_readings_of_the_clocks_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ticking() -> Iterator[int]:
        """Each reading takes a microsecond; after the second and the seventh another process runs for a second."""
        now = 100 * SECOND
        for reading in range(1, 100):
            yield now
            now += SECOND if reading in (2, 7) else 1_000

    time = ticking()
    monkeypatch.setattr(clock, "wall", lambda: next(time))
    monkeypatch.setattr(clock, "epoch", lambda: next(time) + 1_700_000_000 * SECOND)
    assert abs(clock.zero() - 1_700_000_000 * SECOND) < 2_000
