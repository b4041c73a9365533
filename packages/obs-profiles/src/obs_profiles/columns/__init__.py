"""What frames hold, of whatever library, in the form in which sketches take it: by whole columns."""

from __future__ import annotations

from obs_profiles.columns.frames import (
    batches_of,
    columns_of,
    is_frame,
    is_frame_elsewhere,
    is_frame_type,
    names_of,
    rows_of,
    storable,
    unique_names,
)
from obs_profiles.columns.values import ColumnValues

__all__ = [
    "ColumnValues",
    "batches_of",
    "columns_of",
    "is_frame",
    "is_frame_elsewhere",
    "is_frame_type",
    "names_of",
    "rows_of",
    "storable",
    "unique_names",
]
