"""What the tests of obs-renderers have in common."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing on a loaded machine: time is measured in benchmarks.
settings.register_profile("obs", deadline=None)
settings.load_profile("obs")
