"""What objects show of themselves in notebooks: HTML, pictures, Markdown, LaTeX, by IPython's protocol."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any

from obs_core.interruptions import let_pass
from obs_core.text.arrow_damage import refuse_damaged

__all__ = ["METHODS", "MarkdownText", "display_of", "first_method", "loaded_hosts", "picture"]

METHODS = (
    "_repr_mimebundle_",
    "_repr_html_",
    "_repr_svg_",
    "_repr_png_",
    "_repr_jpeg_",
    "_repr_markdown_",
    "_repr_latex_",
)
"""The methods by which an object shows itself, in the order in which they are asked."""

_TYPES = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_TYPE_OF = {
    "_repr_html_": "text/html",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_markdown_": "text/markdown",
    "_repr_latex_": "text/latex",
}


# A display may hold its page as text in an attribute (folium's does), so that its own quotes and brackets are escaped.
_QUOTE = r"""(?:["'`]|&quot;|&\#34;|&\#39;|&\#x27;)"""
_TAGS = "audio|embed|feimage|iframe|image|img|input|link|object|script|source|track|use|video"
_BEFORE_AN_ADDRESS = (
    rf"(?:<|&lt;)(?:{_TAGS})\b[^<>]*?\b(?:src|href|data|poster)\s*=\s*{_QUOTE}?\s*",
    rf"(?:<|&lt;)(?:img|source|link)\b[^<>]*?srcset\s*=\s*{_QUOTE}(?:[^<>\"']*?[\s,])?",
    rf"\burl\(\s*{_QUOTE}?\s*",  # in a style
    rf"@import\s+{_QUOTE}",
    # In a script: the calls that load, and elements that are given an address there.
    rf"\b(?:fetch|import|importScripts|Worker|WebSocket|EventSource|getScript|csv|json)\s*\(\s*{_QUOTE}",
    rf"\bfrom\s*{_QUOTE}|\bimport\s+{_QUOTE}|\.(?:src|href)\s*=\s*{_QUOTE}",
    rf"\.open\(\s*{_QUOTE}\w+{_QUOTE}\s*,\s*{_QUOTE}",
)
_LOADING = re.compile(rf"(?:{'|'.join(_BEFORE_AN_ADDRESS)})\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"""(?<=["'`(=,;\s])(?:(?:https?|wss?):)?//([^/"'`\s&<>()\\]+)""", re.IGNORECASE)
_LOOKED_BACK = 300
"""Characters before an address in which what loads it is looked for: a display may be megabytes of scripts."""


class MarkdownText(str):
    """Markdown: obs-renderers draws it, obs-core alone shows the text."""

    __slots__ = ()


def first_method(value: object) -> str:
    """Name the first method by which a value shows itself; an empty text when it has none."""
    if isinstance(value, type):
        return ""
    return next((name for name in METHODS if callable(getattr(value, name, None))), "")


def display_of(value: object) -> tuple[str, Any, dict[str, Any]] | None:
    """Ask a value for what it shows in a notebook.

    Args:
        value: Anything.

    Returns:
        The MIME type, the data and what is told about them (``{"width": 400}``) of the first method that gives any;
        None when none does.

    Raises:
        BaseException: What the first method that raised did raise, when no other one gave anything.
        DamagedDataError: To be asked would end the process.
    """
    refuse_damaged(value)
    failure: BaseException | None = None
    for name in METHODS:
        method = None if isinstance(value, type) else getattr(value, name, None)
        if not callable(method):
            continue
        try:
            shown = next(_given(name, method()), None)
        except BaseException as error:
            let_pass(error)
            failure = failure or error
            continue
        if shown is not None:
            return shown
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # as in `let_pass`
    return None


def _given(name: str, answer: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Give what is in a method's answer, the richest first: data, or a pair of data and what is told about them."""
    data, told = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, {})
    told = told if isinstance(told, dict) else {}
    if name != "_repr_mimebundle_":
        if _is_usable(data, _TYPE_OF[name]):
            yield _TYPE_OF[name], data, told
        return
    for kind in _TYPES if isinstance(data, dict) else ():
        if _is_usable(data.get(kind), kind):
            about = told.get(kind)
            yield kind, data[kind], about if isinstance(about, dict) else {}


def _is_usable(data: Any, kind: str) -> bool:
    if isinstance(data, str):
        return bool(str.strip(data))
    return isinstance(data, bytes) and bool(data) and kind.startswith("image/")


def picture(kind: str, data: str | bytes, told: dict[str, Any]) -> str:
    """Draw an image as an element that holds its bytes.

    Args:
        kind: Its MIME type.
        data: Its bytes, or those in base64.
        told: Its ``width`` and ``height`` in pixels, if given.
    """
    encoded = binascii.b2a_base64(data, newline=False).decode() if isinstance(data, bytes) else "".join(data.split())
    encoded = encoded if encoded.isascii() and encoded.replace("+", "").replace("/", "").rstrip("=").isalnum() else ""
    sides = "".join(
        f' {side}="{told[side]:.0f}"' for side in ("width", "height") if isinstance(told.get(side), int | float)
    )
    return f'<img alt="" src="data:{kind};base64,{encoded}"{sides}>'


def loaded_hosts(html: str) -> list[str]:
    """Name the hosts from which HTML would load scripts, styles, images or frames, each once.

    Examples:
        >>> loaded_hosts('<script src="https://cdn.example.com/a.js"></script><a href="https://example.org">a</a>')
        ['cdn.example.com']
    """
    found: dict[str, None] = {}
    for address in _ADDRESS.finditer(html):
        start = address.start()
        if address[1] not in found and _LOADING.search(html[max(0, start - _LOOKED_BACK) : start]):
            found[address[1]] = None
    return list(found)
