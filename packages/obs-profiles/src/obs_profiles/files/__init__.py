"""Profiles as bytes: our own format, and that of whylogs, which is only read."""

from __future__ import annotations

__all__: list[str] = []
