"""Show Python source, highlighted."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from obs_core.text.numbers import plural
from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import escape, fragment, script
from obs_renderers._types import reject

if TYPE_CHECKING:
    from obs_core.decks.default import SourceCode

__all__ = ["SourceCodeRenderer"]


class SourceCodeRenderer:
    r"""Show Python source with line numbers, in colours for light and dark pages.

    Args:
        title: The heading above the code; an empty one leaves it out.
        language: Any language that Pygments knows, when it is not Python.
        first_line: The number of the first line.

    Examples:
        >>> html = SourceCodeRenderer().to_html("def double(x):\n    return 2 * x")
    """

    def __init__(self, title: str = "Source Code", *, language: str = "python", first_line: int = 1) -> None:
        self._title = title
        self._language = language
        self._first_line = first_line

    def to_html(self, source_code: str | SourceCode) -> str:
        """Render source code.

        Args:
            source_code: The text of it; indentation that all lines share is taken off. Or what a task's Source Code
                deck shows, which knows its own first line.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is not a string.
        """
        from obs_core.decks.default import SourceCode

        if isinstance(source_code, SourceCode):
            renderer = SourceCodeRenderer(self._title, language=self._language, first_line=source_code.line)
            return renderer.to_html(source_code.text)
        if not isinstance(source_code, str):
            reject(self, source_code, "a string of source code; for a function use inspect.getsource(function)")
        lines = highlighted_lines(textwrap.dedent(source_code).strip("\n"), self._language)
        return fragment("code", self._header(len(lines)) + self._listing(lines), styles=("code",))

    def _header(self, lines: int) -> str:
        title = f"<b>{escape(self._title)}</b>" if self._title else ""
        facts = f'<span class="note">{escape(self._language)} · {plural(lines, "line")}</span>'
        return f'<div class="bar">{title}{facts}<button type="button" data-copy="code">Copy</button></div>'

    def _listing(self, lines: list[str]) -> str:
        digits = len(str(self._first_line + len(lines)))
        body = "\n".join(f'<span class="line">{line}</span>' for line in lines)
        counter = f"counter-reset: line {self._first_line - 1}; --digits: {digits}ch"
        return f'<pre tabindex="0" style="{counter}"><code>{body}</code></pre>{script("copy")}'
