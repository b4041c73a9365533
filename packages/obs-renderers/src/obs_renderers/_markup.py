"""Small pieces of HTML that every renderer is built from: escaping, assets, JSON inside a script."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterable
from pathlib import Path

from obs_core.secrets import masked_text
from obs_core.text.controls import visible

__all__ = [
    "asset",
    "encodable",
    "escape",
    "fragment",
    "json_for_script",
    "listed_addresses",
    "name_text",
    "script",
    "shorten",
    "style",
]

_ASSETS = Path(__file__).parent / "assets"
_ELLIPSIS = "…"
_NAMED = 5


def escape(text: object) -> str:
    """Escape text for an element's body or a quoted attribute.

    Lone surrogates become U+FFFD: they cannot be written as UTF-8, so one of them would cost the whole
    report.
    """
    return html.escape(encodable(str(text)))


def encodable(text: str) -> str:
    """Replace lone surrogates by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shorten(text: str, limit: int) -> str:
    """Cut text to at most `limit` characters, the last of which is then an ellipsis; secrets are masked before."""
    return text if len(text) <= limit else masked_text(text, limit, _ELLIPSIS)


def listed_addresses(addresses: Iterable[str]) -> str:
    """Name a few of the addresses from which something would be loaded, and say how many there are besides."""
    known = list(addresses)
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return ", ".join(shorten(address, 200) for address in known[:_NAMED]) + more


def name_text(name: str, limit: int) -> str:
    """Write the name of a column or row as a reader can see it: on one line, and one that is empty too."""
    return visible(shorten(name, limit)) or "(no name)"


def json_for_script(encoded: str | bytes) -> str:
    """Make JSON text safe between script tags: nothing in it can end the script or open a comment.

    Args:
        encoded: JSON, as made by `json.dumps` or `msgspec.json.encode`.
    """
    text = encoded.decode("utf-8", "replace") if isinstance(encoded, bytes) else encoded
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return encodable(text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@functools.cache
def asset(name: str) -> str:
    """Read a stylesheet or script that comes with this package."""
    return (_ASSETS / name).read_text(encoding="utf-8").strip()


@functools.cache
def style(*names: str) -> str:
    """Give a style element holding the base stylesheet and the named ones.

    The bytes depend on the names alone, so a report keeps one copy however many items use it.
    """
    sheets = "\n".join(asset(f"{name}.css") for name in ("base", *names))
    return f"<style>\n{sheets}\n</style>"


@functools.cache
def script(name: str) -> str:
    """Give a script element holding the named script, the same bytes each time."""
    return f"<script>\n{asset(f'{name}.js')}\n</script>"


def fragment(kind: str, body: str, *, styles: tuple[str, ...] = ()) -> str:
    """Wrap a renderer's HTML in its element and put its styles in front.

    Args:
        kind: What it is, the second half of the CSS class: ``"frame"`` gives ``obs-frame``.
        body: The HTML inside, already escaped.
        styles: Names of the stylesheets it needs besides the base one.
    """
    return f'{style(*styles)}<div class="obs-r obs-{kind}">{body}</div>'
