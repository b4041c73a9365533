"""Which outcome is worse."""

from __future__ import annotations

from obs_core.model import VerdictCounts
from obs_core.outcomes import worst_first


def test_the_worst_comes_first_and_what_is_unknown_last() -> None:
    found = ["passed", "", "failed", "of a newer version", "warned"]
    assert sorted(found, key=worst_first) == ["failed", "warned", "passed", "", "of a newer version"]


def test_the_worst_of_an_executions_checks_is_its_outcome() -> None:
    counts = [VerdictCounts(passed=3), VerdictCounts(passed=3, warned=1), VerdictCounts(passed=3, warned=1, failed=1)]
    assert [one.outcome for one in (VerdictCounts(), *counts)] == ["", "passed", "warned", "failed"]
