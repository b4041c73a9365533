"""Turn Markdown into HTML."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from obs_renderers._markup import encodable, fragment
from obs_renderers._types import reject

if TYPE_CHECKING:
    from markdown import Markdown

__all__ = ["MarkdownRenderer"]


class MarkdownRenderer:
    r"""Turn Markdown into HTML: tables, code in colours, footnotes, task lists, strikethrough, admonitions.

    Lists need no blank line before them and may be nested by two spaces, as on GitHub. HTML in the text is
    kept as it is: a report contains it within its tab.

    Examples:
        >>> html = MarkdownRenderer().to_html("# Delays\n\n- [x] cleaned\n- [ ] modelled")
    """

    def to_html(self, text: str) -> str:
        """Render Markdown.

        Args:
            text: The Markdown; indentation that all lines share is taken off, so it may come from an
                indented string.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is not a string.
        """
        if not isinstance(text, str):
            reject(self, text, "a string of Markdown")
        text = encodable(textwrap.dedent(text))
        return fragment("markdown", _converter(text).convert(text), styles=("code", "markdown"))


def _converter(text: str) -> Markdown:
    from zlib import crc32

    from markdown import Markdown
    from markdown.extensions import Extension
    from markdown.extensions.footnotes import FootnoteExtension

    from obs_renderers import _markdown_extensions as ours

    # Footnotes of two texts in one tab must not share their anchors.
    footnotes = FootnoteExtension(SEPARATOR=f"-{crc32(text.encode()):08x}-")
    known: list[str | Extension] = [
        "tables",
        "sane_lists",
        "admonition",
        "def_list",
        "abbr",
        "attr_list",
        "md_in_html",
        footnotes,
    ]
    added = [
        ours.HighlightedFences(),
        ours.FriendlyLists(),
        ours.TaskLists(),
        ours.OutgoingLinks(),
        ours.Strikethrough(),
    ]
    return Markdown(extensions=[*known, *added], output_format="html")
