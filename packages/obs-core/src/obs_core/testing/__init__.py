"""For tests of pipelines and integrations: a store in memory, a fixed clock, contract tests.

Examples:
    >>> def test_training_links_its_run():
    ...     with recording() as store:
    ...         train()
    ...     assert store.last().task("train").links[0].name == "W&B run"
"""

from __future__ import annotations

from obs_core.testing.clocks import FixedClock, counted_ids
from obs_core.testing.contracts import (
    HOSTILE_TEXTS,
    ImportContract,
    RendererContract,
    TrackerContract,
    TransformerContract,
)
from obs_core.testing.services import Behaviour, LoopbackService, Request
from obs_core.testing.stores import RecordingStore, recording

__all__ = [
    "HOSTILE_TEXTS",
    "Behaviour",
    "FixedClock",
    "ImportContract",
    "LoopbackService",
    "RecordingStore",
    "RendererContract",
    "Request",
    "TrackerContract",
    "TransformerContract",
    "counted_ids",
    "recording",
]
