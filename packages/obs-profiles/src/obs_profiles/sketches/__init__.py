"""Mergeable summaries of values, by whole arrays of numpy: each knows its error.

Each class is made from values that are sorted and counted, or from hashes, and has a class method ``merged`` that takes
any number of parts at once. What it returns does not depend on the order of the parts.
"""

from __future__ import annotations

from obs_profiles.sketches.distinct import DistinctSketch
from obs_profiles.sketches.frequent import FrequentItems
from obs_profiles.sketches.moments import Moments
from obs_profiles.sketches.quantiles import QuantileSketch
from obs_profiles.sketches.repeats import RepeatSketch
from obs_profiles.sketches.samples import TextSample

__all__ = ["DistinctSketch", "FrequentItems", "Moments", "QuantileSketch", "RepeatSketch", "TextSample"]
