"""How a step ended, and what pytest counted in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

_LONGEST_REASON = 200


@dataclass(frozen=True)
class Counts:
    """How many tests ended how.

    Attributes:
        passed: How many passed.
        failed: How many failed, or could not be set up.
        skipped: How many were skipped.
        reasons: Each failed test, with the first line of why.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many there were."""
        return self.passed + self.failed + self.skipped

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.reasons + other.reasons,
        )

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    status: Literal["passed", "failed", "skipped"]
    note: str
    counts: Counts = field(default_factory=Counts)


def counts_of(junit: Path) -> Counts | None:
    """Read what pytest wrote; None if it did not come to that."""
    if not junit.exists():
        return None
    suites = list(ElementTree.parse(junit).iter("testsuite"))
    kinds = ("tests", "failures", "errors", "skipped")
    total, failures, errors, skipped = (sum(int(suite.get(kind, 0)) for suite in suites) for kind in kinds)
    reasons = tuple(reason for suite in suites for test in suite.iter("testcase") for reason in _reasons(test))
    return Counts(total - failures - errors - skipped, failures + errors, skipped, reasons)


def _reasons(test: ElementTree.Element) -> Iterator[str]:
    for problem in (*test.iter("failure"), *test.iter("error")):
        first = next(iter((problem.get("message") or "").splitlines()), "")
        yield f"{test.get('classname')}::{test.get('name')}: {first[:_LONGEST_REASON]}"
