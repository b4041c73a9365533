"""Each test records into a store of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from obs_core.testing import RecordingStore, recording


@pytest.fixture(autouse=True)
def store() -> Iterator[RecordingStore]:
    """A store in memory."""
    with recording() as recorded:
        yield recorded


@pytest.fixture
def random() -> np.random.Generator:
    """The same numbers in each test, whichever ran before."""
    return np.random.default_rng(7)
