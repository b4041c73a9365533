"""Each test records into a store of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from obs_core.testing import RecordingStore, recording

os.environ["WHYLOGS_NO_ANALYTICS"] = "1"  # some tests import whylogs before obs_whylogs


@pytest.fixture(autouse=True)
def store() -> Iterator[RecordingStore]:
    """A store in memory."""
    with recording() as recorded:
        yield recorded
