"""What a page holds compressed: the documents of its tabs, and each large script or style once.

A payload is a gzip member in base64. Compressing is most of the work of making a page, so the payloads of
decks and scripts that were in an earlier page of this process are used again.
"""

from __future__ import annotations

import re
import zlib
from binascii import b2a_base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

__all__ = ["Payloads", "SharedBody", "encoded_json", "packed"]

SharedBody = str | bytes | None
"""The text of a shared body, the same as UTF-8 in a gzip member, or None when it was not kept."""

_LEVEL = 5
"""plotly.js (4.8 MB) takes 115 ms; level 6 takes 160 ms and saves 0.7 %, level 4 takes 90 ms and adds 3 %."""

_BODY = "shared-"

_BUDGET = 32 * 1024 * 1024
_REFERENCE = re.compile(rb"obs:shared:([0-9a-f]{32})")


class Payloads:
    """The payloads of one page, each kept once.

    Args:
        shared: Gives a shared body by its hash.
    """

    __slots__ = ("_by_id", "_shared")

    def __init__(self, shared: Callable[[str], SharedBody]) -> None:
        self._shared = shared
        self._by_id: dict[str, str] = {}

    def add(self, items: list[str]) -> str:
        """Put the document of a tab into the page.

        Args:
            items: Its HTML items, with their large bodies extracted.

        Returns:
            The id under which the page finds it.
        """
        content = encoded_json(items)
        digest = sha256(content).hexdigest()[:32]
        key = f"deck-{digest}"
        if key not in self._by_id:
            self._by_id[key] = _recent.payload(key, None, lambda: packed(content))
            self._add_shared(content)
        return key

    def _add_shared(self, content: bytes) -> None:
        if b"obs:shared:" not in content:
            return
        for digest in dict.fromkeys(_REFERENCE.findall(content)):
            self._add_body(digest.decode("ascii"))

    def _add_body(self, digest: str) -> None:
        key = f"{_BODY}{digest}"
        if key in self._by_id or (body := self._shared(digest)) is None:
            return
        self._by_id[key] = _recent.payload(key, body, lambda: _body_payload(body))

    def take_bodies_out(self, brings: Callable[[str], bool]) -> str:
        """Take large scripts and styles out, and write those of them that are brought here as elements beside the page.

        Args:
            brings: Tells by its hash whether one is.
        """
        found = {key: self._by_id.pop(key) for key in list(self._by_id) if key.startswith(_BODY)}
        return "".join(
            f'<script type="application/gzip" data-obs-body="{digest}">{payload}</script>'
            for key, payload in found.items()
            if brings(digest := key.removeprefix(_BODY))
        )

    def html(self) -> str:
        """Write them as elements of the page that do nothing by themselves."""
        return "\n".join(
            f'<script type="application/gzip" id="obs-{key}">{payload}</script>' for key, payload in self._by_id.items()
        )


def encoded_json(value: Any) -> bytes:
    """Encode as JSON in UTF-8, whatever the strings hold.

    Args:
        value: Lists, dicts, strings and numbers.

    Returns:
        The JSON text; a surrogate without its other half stands in it as an escape.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json

        return json.dumps(value).encode("ascii")


def _body_payload(body: str | bytes) -> str:
    if isinstance(body, bytes):
        return _base64(body)
    return packed(body.encode("utf-8", "surrogatepass"))


def packed(content: bytes) -> str:
    """Return what a page unpacks: compressed, and as text."""
    return _base64(zlib.compress(content, _LEVEL, wbits=31))


def _base64(content: bytes) -> str:
    return b2a_base64(content, newline=False).decode("ascii")


class RecentPayloads:
    """The payloads made last, up to a budget and a quarter.

    Without a lock, which a fork could leave closed for ever: at worst two threads compress the same thing.

    Args:
        budget: Characters kept in all.
    """

    __slots__ = ("_added", "_budget", "_entries")

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._added = 0
        self._entries: dict[str, tuple[str | bytes | None, str]] = {}

    def payload(self, key: str, source: str | bytes | None, make: Callable[[], str]) -> str:
        """Give a payload, made anew only when its source is another one than last time.

        Args:
            key: Names it.
            source: What it is made from, where the key does not say it all: a secret that became known since
                is masked in the same body.
            make: Makes the payload.

        Returns:
            The payload.
        """
        entry = self._entries.pop(key, None)
        if entry is None or entry[0] != source:
            entry = source, make()
            self._added += _size(entry)
        self._entries[key] = entry
        # Counting all of them each time would be slow for a page of thousands of decks.
        if self._added > self._budget // 4:
            self._forget_oldest()
        return entry[1]

    def _forget_oldest(self) -> None:
        self._added = 0
        entries = list(self._entries.items())
        kept = sum(_size(entry) for _, entry in entries)
        for key, entry in entries:
            if kept <= self._budget:
                return
            self._entries.pop(key, None)
            kept -= _size(entry)


def _size(entry: tuple[str | bytes | None, str]) -> int:
    return len(entry[0] or "") + len(entry[1])


_recent = RecentPayloads(_BUDGET)
