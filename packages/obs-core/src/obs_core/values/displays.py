"""What objects show of themselves in notebooks: HTML, pictures, Markdown, LaTeX, by IPython's protocol."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any

from obs_core.interruptions import let_pass

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
_LOADING = re.compile(
    r"""(?:<|&lt;)(?:script|link|img|iframe|source|video|embed)\b[^<>]*?"""
    r"""\b(?:src|href)=(?:"|'|&quot;|&\#34;|&\#39;)https?://([^/"'\s&<>]+)""",
    re.IGNORECASE,
)


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
    """
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
        raise failure
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
    return isinstance(data, str) or (isinstance(data, bytes) and kind.startswith("image/"))


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
    if "http" not in html:
        return []
    return list(dict.fromkeys(match[1] for match in _LOADING.finditer(html)))
