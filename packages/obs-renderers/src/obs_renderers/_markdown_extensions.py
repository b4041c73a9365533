"""What Markdown writers expect beyond what the `markdown` package does by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import SimpleTagInlineProcessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import escape

__all__ = ["FriendlyLists", "HighlightedFences", "OutgoingLinks", "Strikethrough", "TaskLists"]

_BEFORE_HTML_BLOCKS = 25
_AFTER_HTML_BLOCKS = 19
_AFTER_INLINE = 15

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})[ {.]*(?P<language>[\w#+-]*)[^`\n]*$")
_ITEM = re.compile(r"^(?P<indent> *)(?P<marker>[-*+]|\d{1,9}[.)])(?P<gap> +)(?P<text>\S.*)$")
_RULE = re.compile(r"^ {0,3}([-*_] *){3,}$")
_TASK = re.compile(r"^\[(?P<mark>[ xX])\] ")


class HighlightedFences(Extension):
    """Fenced code, also inside lists, highlighted by Pygments."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register with a converter."""
        md.preprocessors.register(_Fences(md), "obs-fences", _BEFORE_HTML_BLOCKS)


class _Fences(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        return list(self._without_fences(lines))

    def _without_fences(self, lines: list[str]) -> Iterator[str]:
        position = 0
        while position < len(lines):
            opening = _FENCE.match(lines[position])
            if opening is None:
                yield lines[position]
                position += 1
                continue
            end = _closing(lines, position + 1, opening["fence"])
            code = [_unindented(line, len(opening["indent"])) for line in lines[position + 1 : end]]
            placeholder = self.md.htmlStash.store(_code_block("\n".join(code), opening["language"]))
            yield from ("", opening["indent"] + placeholder, "")
            position = end + 1


def _closing(lines: list[str], start: int, fence: str) -> int:
    for position in range(start, len(lines)):
        text = lines[position].strip()
        if len(text) >= len(fence) and set(text) == {fence[0]}:
            return position
    return len(lines)


def _unindented(line: str, indent: int) -> str:
    return line[indent:] if not line[:indent].strip() else line.lstrip()


def _code_block(code: str, language: str) -> str:
    lines = highlighted_lines(code, language) if language else [escape(line) for line in code.split("\n")]
    return f'<pre class="code" tabindex="0"><code>{chr(10).join(lines)}</code></pre>'


class FriendlyLists(Extension):
    """Lists that follow a paragraph directly, and lists nested by any indentation."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register with a converter."""
        md.preprocessors.register(_Lists(md), "obs-lists", _AFTER_HTML_BLOCKS)


class _Lists(Preprocessor):
    """Rewrite lists with four spaces a level, which is what the `markdown` package understands."""

    def run(self, lines: list[str]) -> list[str]:
        walk = _ListWalk()
        return [written for line in lines for written in walk.rewrite(line)]


class _ListWalk:
    """The lists that are open at a line.

    Attributes:
        levels: For each open list, outermost first, the column at which its current item's text starts.
        after: What the line before was: ``"blank"``, ``"text"`` or ``"list"``.
    """

    def __init__(self) -> None:
        self.levels: list[int] = []
        self.after = "blank"

    def rewrite(self, line: str) -> list[str]:
        if not line.strip():
            self.after = "blank"
            return [line]
        indent = len(line) - len(line.lstrip(" "))
        item = None if _RULE.match(line) else _ITEM.match(line)
        if item and self._begins(indent, item["marker"]):
            return self._item(indent, item)
        return [self._text(line, indent)]

    def _begins(self, indent: int, marker: str) -> bool:
        if self.levels:
            return True
        interrupts = self.after == "blank" or marker in "-*+" or marker[:-1] == "1"
        return indent < 4 and interrupts

    def _item(self, indent: int, item: re.Match[str]) -> list[str]:
        self._close(indent)
        level = len(self.levels)
        self.levels.append(item.start("text"))
        starts = level == 0 and self.after == "text"
        self.after = "list"
        marker = item["marker"].replace(")", ".")
        return [*([""] if starts else []), f"{'    ' * level}{marker} {item['text']}"]

    def _text(self, line: str, indent: int) -> str:
        if self.after == "blank":
            self._close(indent)
        if not self.levels:
            self.after = "text"
            return line
        self.after = "list"
        inner = max(0, indent - self.levels[-1])
        return "    " * len(self.levels) + " " * inner + line.lstrip(" ")

    def _close(self, indent: int) -> None:
        while self.levels and indent < self.levels[-1]:
            self.levels.pop()


class TaskLists(Extension):
    """List items that start with ``[ ]`` or ``[x]`` become checkboxes."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register with a converter."""
        md.treeprocessors.register(_Tasks(md), "obs-tasks", _AFTER_INLINE)


class _Tasks(Treeprocessor):
    def run(self, root: Element) -> None:
        for item in root.iter("li"):
            holder = item[0] if len(item) and item[0].tag == "p" and not (item.text or "").strip() else item
            if task := _TASK.match(holder.text or ""):
                _tick(item, holder, done=task["mark"] != " ")


def _tick(item: Element, holder: Element, *, done: bool) -> None:
    item.set("class", "task")
    box = Element("input", {"type": "checkbox", "disabled": "disabled"} | ({"checked": "checked"} if done else {}))
    box.tail = " " + (holder.text or "")[4:]
    holder.text = ""
    holder.insert(0, box)


class OutgoingLinks(Extension):
    """Links to other sites open in a new window; links that would run a script lose their address."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register with a converter."""
        md.treeprocessors.register(_Links(md), "obs-links", _AFTER_INLINE)


class _Links(Treeprocessor):
    def run(self, root: Element) -> None:
        for link in root.iter("a"):
            scheme = re.sub(r"[\x00-\x20]", "", link.get("href", "")).partition(":")[0].lower()
            if scheme in ("http", "https"):
                link.set("target", "_blank")
                link.set("rel", "noopener noreferrer")
            elif scheme in ("javascript", "vbscript", "data"):
                del link.attrib["href"]


class Strikethrough(Extension):
    """Text between double tildes is struck out."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register with a converter."""
        md.inlinePatterns.register(SimpleTagInlineProcessor(r"(~~)(.+?)~~", "del"), "obs-strikethrough", 65)
