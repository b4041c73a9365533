"""Keep large, repeated `<script>` and `<style>` bodies once, by the hash of their content.

A chart that carries its whole library is megabytes of script and a few kilobytes of chart. `extract` puts a
short reference, ``obs:shared:<hash>``, in the place of each large body; `restore` puts the bodies back,
character for character. Where the text itself happens to contain ``obs:shared:``, a ``-`` follows it once extracted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

__all__ = ["MARK", "SHARED_ABOVE", "extract", "references", "restore"]

SHARED_ABOVE = 4096
"""A body of more characters than this is kept apart."""

MARK = "obs:shared:"
"""Stands before the hash of a body that is kept apart."""

_ESCAPED_MARK = MARK + "-"
_REFERENCE = re.compile(r"obs:shared:(-|[0-9a-f]{32})")
_OPENING = re.compile(r"<(?:!--|(script|style)(?=[\s/>]))", re.IGNORECASE)
_REST_OF_TAG = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")
_LONGEST_TAG = 4096
_CLOSING = {
    "script": re.compile(r"</script(?=[\s/>])", re.IGNORECASE),
    "style": re.compile(r"</style(?=[\s/>])", re.IGNORECASE),
}


def extract(html: str) -> tuple[str, dict[str, str]]:
    """Take the large script and style bodies out of an HTML text.

    Args:
        html: A fragment or a whole document; any text will do.

    Returns:
        The text with a reference in place of each large body, and the bodies by hash (32 hex digits of the
        SHA-256 of their UTF-8 form).

    Examples:
        >>> slim, bodies = extract("<script>" + "x" * 5000 + "</script>")
        >>> slim
        '<script>obs:shared:c59d3c0480cc2d71d8f646e735e92da6</script>'
    """
    if len(html) <= SHARED_ABOVE:
        return (html.replace(MARK, _ESCAPED_MARK) if MARK in html else html), {}
    kept: list[str] = []
    bodies: dict[str, str] = {}
    position = 0
    for element, start, end in (body for body in _bodies(html) if body[2] - body[1] > SHARED_ABOVE):
        digest, body = _recent.named(element, html, start, end)
        bodies[digest] = body
        kept += (html[position:start].replace(MARK, _ESCAPED_MARK), MARK, digest)
        position = end
    kept.append(html[position:].replace(MARK, _ESCAPED_MARK))
    return "".join(kept), bodies


def restore(html: str, lookup: Callable[[str], str]) -> str:
    """Put the bodies back into an extracted text: the inverse of `extract`.

    Args:
        html: What `extract` returned first.
        lookup: Gives the body of a hash; what it raises goes on.

    Returns:
        The text as it was before.

    Examples:
        >>> html = "<style>" + "x" * 5000 + "</style>"
        >>> slim, bodies = extract(html)
        >>> restore(slim, bodies.__getitem__) == html
        True
    """
    if MARK not in html:
        return html
    return _REFERENCE.sub(lambda found: MARK if found[1] == "-" else lookup(found[1]), html)


def references(html: str) -> set[str]:
    """Name the bodies that an extracted text needs.

    Args:
        html: What `extract` returned first.

    Returns:
        Their hashes.
    """
    if MARK not in html:
        return set()
    return {digest for digest in _REFERENCE.findall(html) if digest != "-"}


def _bodies(html: str) -> Iterator[tuple[str, int, int]]:
    """Walk over the scripts and styles as a browser sees them; whatever is not closed ends the walk."""
    position = 0
    while opening := _OPENING.search(html, position):
        position = opening.end()
        if opening[1] is None:
            # "<!-->" is a whole comment.
            position = html.find("-->", opening.start() + 2)
            if position < 0:
                return
        elif tag := _REST_OF_TAG.match(html, position, position + _LONGEST_TAG):
            start = tag.end()
            element = opening[1].lower()
            end = _recent.end_of(element, html, start) or _closing(element, html, start)
            if end < 0:
                return
            yield element, start, end
            position = end
        else:
            # Inside the tag there is no element; trying each "<script" in it would take quadratic time.
            position += _LONGEST_TAG


def _closing(element: str, html: str, start: int) -> int:
    closing = _CLOSING[element].search(html, start)
    return closing.start() if closing else -1


class _RecentBodies:
    """The last few very large bodies: finding and hashing plotly.js costs 15 ms for each chart, this 2."""

    __slots__ = ("_by_beginning",)

    _ABOVE = 1 << 18
    _UP_TO = 1 << 24
    _BEGINNING = 256
    _COUNT = 4

    def __init__(self) -> None:
        self._by_beginning: dict[tuple[str, str], tuple[str, str]] = {}

    def end_of(self, element: str, html: str, start: int) -> int | None:
        """Tell where a known body that begins here ends: it holds no closing tag, and one must follow."""
        known = self._by_beginning.get((element, html[start : start + self._BEGINNING]))
        if known is None or not html.startswith(known[1], start):
            return None
        end = start + len(known[1])
        return end if _CLOSING[element].match(html, end) else None

    def named(self, element: str, html: str, start: int, end: int) -> tuple[str, str]:
        """Give the hash of a body, and the body."""
        beginning = element, html[start : start + self._BEGINNING]
        known = self._by_beginning.pop(beginning, None)
        if known is None or len(known[1]) != end - start or not html.startswith(known[1], start):
            body = html[start:end]
            known = _digest(body), body
        if self._ABOVE < end - start <= self._UP_TO:
            self._keep(beginning, known)
        return known

    def _keep(self, beginning: tuple[str, str], known: tuple[str, str]) -> None:
        self._by_beginning[beginning] = known
        for oldest in list(self._by_beginning)[: -self._COUNT]:
            self._by_beginning.pop(oldest, None)


_recent = _RecentBodies()


def _digest(body: str) -> str:
    # hashlib loads OpenSSL, which a task without large scripts does not need.
    from hashlib import sha256

    return sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]
