"""Highlight code with Pygments in classes that our stylesheet colours for light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from obs_core.text.controls import visible_lines
from obs_core.undisturbed import import_undisturbed
from obs_renderers._markup import escape

__all__ = ["highlighted_lines", "lexer_named"]

_MAX_CHARACTERS = 1_000_000


def lexer_named(language: str) -> Any:
    """Find the Pygments lexer of a language, plain text for one it does not know."""
    import_undisturbed("pygments.lexers", "pygments.lexers.special", "pygments.lexers.python")
    from pygments.lexers import get_lexer_by_name
    from pygments.lexers.special import TextLexer  # `pygments.lexers` replaces itself: half there for a second thread
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False, ensurenl=False)


def highlighted_lines(code: str, language: str) -> list[str]:
    """Highlight code and give it line by line, each line's HTML complete in itself.

    Code of more than a million characters is only escaped: nobody reads that for its colours.
    """
    if len(code) > _MAX_CHARACTERS:
        return [escape(visible_lines(line)) for line in code.split("\n")]
    lines = [""]
    for css, text in _tokens(code, language):
        first, *rest = (_span(css, part) for part in text.split("\n"))
        lines[-1] += first
        lines += rest
    return lines


def _tokens(code: str, language: str) -> Iterator[tuple[str, str]]:
    from pygments.token import STANDARD_TYPES

    for token, text in lexer_named(language).get_tokens(code):
        while token not in STANDARD_TYPES and token.parent is not None:
            token = token.parent
        yield STANDARD_TYPES.get(token, ""), text


def _span(css: str, text: str) -> str:
    seen = escape(visible_lines(text))  # what turns the direction of text could make code read as what it is not
    return f'<span class="{css}">{seen}</span>' if css and text.strip() else seen
