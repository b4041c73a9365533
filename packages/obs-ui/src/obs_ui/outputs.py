"""What tasks returned, compared by the transformers that kept it."""

from __future__ import annotations

import re

from obs_core.journal import records
from obs_core.journal.reader import unpacked
from obs_core.store import Store
from obs_core.transformers import transformer_named

__all__ = ["content_of", "drawn"]

_IN_BLOBS = re.compile(r"executions/[\w-]+/blobs/[\w.]+", re.ASCII)


def content_of(store: Store, kept: records.Output) -> bytes:
    """Return the bytes that a transformer wrote.

    Raises:
        OSError: They are not in the store, or not where outputs are kept.
    """
    if kept.text is not None:
        return kept.text.encode("utf-8", "surrogatepass")
    path = kept.path or ""
    if not _IN_BLOBS.fullmatch(path) or ".." in path:
        raise FileNotFoundError(f"not where outputs are kept: {path[:200]}")
    return unpacked(store.get(path))


def drawn(store: Store, kept: records.Output) -> str:
    """Return what a task returned as HTML, drawn by its transformer.

    Raises:
        Exception: Whatever the transformer raises; it is code of the user's.
    """
    transformer = transformer_named(kept.transformer)
    return transformer.to_html(transformer.from_bytes(content_of(store, kept)))
