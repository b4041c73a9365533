"""Profiles as plain data: what files hold, what is merged and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

from obs_core.secrets import mask
from obs_profiles.column_profiles import ColumnProfile
from obs_profiles.columns import storable

__all__ = ["PlainProfile"]


class PlainProfile:
    """What is known of a data set, and no more: `Profile`, which describes the attributes, can be saved and shown."""

    __slots__ = ("by", "columns", "made", "rows", "segment_slack", "segments")

    def __init__(
        self,
        columns: Mapping[str, ColumnProfile],
        rows: int,
        *,
        segments: Mapping[str, Self] | None = None,
        by: tuple[str, ...] = (),
        made: int = 0,
        segment_slack: int = 0,
    ) -> None:
        self.columns = dict(columns)
        self.rows = rows
        self.segments: dict[str, Self] = dict(segments or {})
        self.by = by
        self.made = made
        self.segment_slack = segment_slack

    def __getitem__(self, name: str) -> ColumnProfile:
        """Return what is known of a column.

        Raises:
            KeyError: There is no such column; the message names those that there are.
        """
        name = name if name in self.columns else storable(mask(name))  # as the names of columns are
        if name not in self.columns:
            named = mask(", ".join(list(self.columns)[:20]))
            raise KeyError(f"there is no column {name!r}; there are: {named}")
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns or (isinstance(name, str) and storable(mask(name)) in self.columns)
