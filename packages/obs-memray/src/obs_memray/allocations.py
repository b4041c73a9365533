"""Which allocations of a capture are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memray import AllocationRecord, FileReader

    from obs_memray.options import View

__all__ = ["allocations_in"]


def allocations_in(reader: FileReader, view: View) -> Iterable[AllocationRecord]:
    """Go through the allocations of a capture that a view shows."""
    merge_threads = not view.split_threads
    if view.leaks:
        return reader.get_leaked_allocation_records(merge_threads=merge_threads)
    if view.temporary_threshold >= 0:
        return reader.get_temporary_allocation_records(threshold=view.temporary_threshold, merge_threads=merge_threads)
    return reader.get_high_watermark_allocation_records(merge_threads=merge_threads)
