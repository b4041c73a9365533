"""Turn Markdown into HTML, as CommonMark has it."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from obs_core.values.displays import loaded_hosts
from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import encodable, escape, fragment
from obs_renderers._types import reject

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

__all__ = ["MarkdownRenderer"]

_ITEM = re.compile(r"(?:[-*+>|]|\d{1,9}[.)])(?:\s|$)")


class MarkdownRenderer:
    r"""Turn Markdown into HTML: CommonMark with tables, task lists, footnotes, definitions, admonitions, strikethrough.

    With markdown-it-py 4.1 or newer, quotes that begin with ``[!NOTE]``, ``[!TIP]``, ``[!IMPORTANT]``, ``[!WARNING]``
    or ``[!CAUTION]`` are alerts, as on GitHub. Code is highlighted. HTML in the text is kept as it is: a report
    contains it within its tab. Images are shown where their bytes are in the text (``data:``); of others the address is
    given, since a report loads nothing.

    Examples:
        >>> html = MarkdownRenderer().to_html("# Delays\n\n- [x] cleaned\n- [ ] modelled")
    """

    def to_html(self, text: str) -> str:
        """Render Markdown.

        Args:
            text: The Markdown. Indentation that all lines share is taken off. So is that of a docstring, which all
                lines but the first have: as much as stands before its closing quotes, or, where these follow the last
                word, what the lines share, if the first one ends with a full stop. Else an indented block after
                the first line is code, as CommonMark has it.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is not a string.
        """
        if not isinstance(text, str):
            reject(self, text, "a string of Markdown")
        from zlib import crc32

        text = _without_margin(encodable(text))
        # Footnotes of two texts in one tab must not share their anchors.
        parser, env = _parser(), {"docId": f"{crc32(text.encode()):08x}"}
        tokens = parser.parse(text, env)
        html = parser.renderer.render(tokens, parser.options, env)
        return fragment("markdown", html + _loaded_by(tokens), styles=("code", "markdown"))


def _without_margin(text: str) -> str:
    """Take off the indentation of a docstring: of all lines, or of all but the first.

    A list whose first item alone is at the margin keeps its levels.
    """
    first, _, rest = text.partition("\n")
    if not first.strip() or first[0].isspace() or _ITEM.match(first):
        return textwrap.dedent(text)
    last = rest.rpartition("\n")[2]
    if last.strip():
        return f"{first}\n{textwrap.dedent(rest) if first.rstrip().endswith('.') else rest}"
    lines = rest.split("\n")
    shared = all(line.startswith(last) or not line.strip() for line in lines)
    return "\n".join([first, *(line.removeprefix(last) for line in lines)]) if shared else text


def _loaded_by(tokens: Sequence[Token]) -> str:
    """Say from where the HTML in a text loads what it shows."""
    parts = (part for token in tokens for part in (token, *(token.children or ())))
    hosts = loaded_hosts("".join(part.content for part in parts if part.type in ("html_block", "html_inline")))
    told = f"The HTML in it loads from {', '.join(hosts)}: without a network it may be blank."
    return f'<p class="note">{escape(told)}</p>' if hosts else ""


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.admon import admon_plugin
    from mdit_py_plugins.deflist import deflist_plugin
    from mdit_py_plugins.footnote import footnote_plugin
    from mdit_py_plugins.tasklists import tasklists_plugin

    options = {"html": True, "highlight": _code_block, "alerts": True}  # before 4.1 the last one is not known
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    for plugin in (admon_plugin, deflist_plugin, footnote_plugin):
        parser.use(plugin)
    parser.use(tasklists_plugin, label=True)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("code_block", _indented)
    return parser


def _code_block(code: str, language: str, _attributes: str) -> str:
    code = code.removesuffix("\n")
    lines = highlighted_lines(code, language) if language else [escape(line) for line in code.split("\n")]
    return f'<pre class="code" tabindex="0"><code>{chr(10).join(lines)}</code></pre>'


def _indented(_renderer: RendererHTML, tokens: Sequence[Token], place: int, *_context: Any) -> str:
    """Write an indented block as the one between fences is written."""
    return _code_block(tokens[place].content, "", "")


def _link(self: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """Open links out of the report in a tab of their own."""
    if str(tokens[place].attrGet("href") or "").lower().startswith(("http:", "https:", "//")):
        tokens[place].attrSet("target", "_blank")
        tokens[place].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, place, options, env)


def _image(self: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    source = str(tokens[place].attrGet("src") or "")
    if source.startswith("data:"):
        return self.image(tokens, place, options, env)
    text = escape(self.renderInlineAsText(tokens[place].children or [], options, env) or "image")
    address = f"<small>(not loaded: {escape(source)})</small>"
    return f'<span class="absent" title="A report loads nothing">{text} {address}</span>'
