"""Segments of a journal that are written by hand, for tests of what reads journals."""

from __future__ import annotations

__all__ = ["UNBATCHED_HEAD"]

UNBATCHED_HEAD = b'["head",1,"","",0,["","",0,0],"",""]\n'
"""The head of a segment whose lines stand in no batches, as obs-core 0.1 wrote them: each line is read by itself.

Of a segment without a head and without checks nothing is shown.
"""
