"""How often what did not change is judged unusual, and how often what changed is: `obs_core.reading.usual` and others.

Durations are log-normal and vary by 3 to 40 %, of 4 to 20 runs. A change is half as long again, or four standard
deviations longer. Of "slow" 5 % of the known runs took three times as long; of "two kinds" 30 % take twice as long, and
always did. The last column is the share of false alarms once a rule is made narrower or wider to find 85 %.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from tests.benchmarks.measuring import print_table

from obs_core.reading import usual

SAMPLES = int(os.environ.get("OBS_SAMPLES", "5000"))
COUNTS, SPREADS = (4, 5, 6, 8, 10, 14, 20), (0.03, 0.1, 0.2, 0.4)
Values = NDArray[np.float64]
Rule = Callable[[Values, float], tuple[Values, Values]]


def ours(known: Values, width: float) -> tuple[Values, Values]:
    """The rule of obs; its width is a constant, so only 3 can be asked of it."""
    assert width == usual._WIDTH
    found = [usual.usual(row) for row in known.tolist()]
    return np.array([(one.low, one.high) for one in found if one]).T  # type: ignore[return-value]


def rule(known: Values, width: float, *, wider: float = 0, to_seen: bool = False) -> tuple[Values, Values]:
    """The median and robust deviations around it; more of few runs, and never narrower than what was seen, if asked."""
    median = np.median(known, axis=1)
    deviation = 1.4826 * np.median(abs(known - median[:, None]), axis=1)
    room = np.maximum(width * (1 + wider / known.shape[1]) * deviation, 0.1 * median)
    low, high = median - room, median + room
    return (np.minimum(low, known.min(1)), np.maximum(high, known.max(1))) if to_seen else (low, high)


def drawn(chance: np.random.Generator, count: int, spread: float, kind: str) -> Values:
    """Durations of many pipelines, a row each."""
    found = np.exp(spread * chance.standard_normal((SAMPLES, count)))
    share, times = {"slow": (0.05, 3), "two kinds": (0.3, 2)}.get(kind, (0, 1))
    return np.where(chance.random(found.shape) < share, times * found, found)


def rates(of: Rule, kind: str, width: float = 3) -> tuple[float, float]:
    """The shares of false alarms, and of changes that are found."""
    return tuple(np.mean(list(_rates(of, kind, width)), axis=0))


def _rates(of: Rule, kind: str, width: float) -> Iterator[tuple[float, float]]:
    for count, spread in product(COUNTS, SPREADS):
        chance = np.random.default_rng(1000 * count + int(100 * spread))
        low, high = of(drawn(chance, count, spread, kind), width)
        new = drawn(chance, 1, spread, "two kinds" if kind == "two kinds" else "")[:, 0]
        changed = drawn(chance, 1, spread, "")[:, 0] * max(1.5, np.exp(4 * spread)) * (1 + (kind == "two kinds"))
        yield float(((new < low) | (new > high)).mean()), float((changed > high).mean())


def at_equal_power(of: Rule, kind: str, power: float = 0.85) -> str:
    """False alarms of a rule whose width is such that it finds that share of changes."""
    low, high = 0.2, 30.0
    for _ in range(16):
        width = (low * high) ** 0.5
        low, high = (width, high) if rates(of, kind, width)[1] > power else (low, width)
    alarms, found = rates(of, kind, low)
    return f"{alarms:.1%}" if abs(found - power) < 0.01 else f"it finds {found:.0%} at most"


def main() -> None:
    """Print the table."""
    rules: dict[str, Rule] = {
        "3 deviations": rule,
        "3 (1 + 4 / n) deviations": partial(rule, wider=4),
        "3 (1 + 4 / n) deviations, never narrower than seen": partial(rule, wider=4, to_seen=True),
    }
    rows = []
    for kind in ("", "slow", "two kinds"):
        alarms, found = rates(ours, kind)
        rows.append((kind or "clean", "obs", f"{alarms:.1%}", f"{found:.1%}", ""))
        for name, one in rules.items():
            alarms, found = rates(one, kind)
            rows.append((kind or "clean", name, f"{alarms:.1%}", f"{found:.1%}", at_equal_power(one, kind)))
    print_table("What is usual", ("runs", "rule", "false alarms", "found", "false alarms at 85 % found"), rows)


if __name__ == "__main__":
    main()
