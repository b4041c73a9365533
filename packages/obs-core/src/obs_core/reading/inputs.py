"""What a task was called with, as its Input deck shows it."""

from __future__ import annotations

import functools
import html.parser
import re
from collections.abc import Iterable

from msgspec import Struct, field

from obs_core.assembly.assembly import Assembly
from obs_core.assembly.deck_files import DeckFiles
from obs_core.assembly.decks import CollectedDeck
from obs_core.journal.records import DeckBlob
from obs_core.report.arguments import INPUT

__all__ = [
    "Argument",
    "arguments_in",
    "arguments_of",
    "kept_apart",
    "plain_text",
    "text_of_item",
    "without_pages",
]

_LONGEST = 200
_LONGEST_READ = 64 * _LONGEST
_MOST_READ = 100
"""Parts of an argument that are read: a value is drawn as one or a few."""

_HEADING = '<h3 class="obs-argument">'
_BESIDE = re.compile(
    r"(?=<(?:small|sup|button|th|td)\b)|(?:(?<=</span>)|(?<=</label>)|(?<=</[bq]>))(?=<[a-z])", re.IGNORECASE
)
"""Where elements stand side by side without a space between them: it is their style that keeps them apart."""

_AS_WRITTEN = re.compile(r"(<(pre|code)\b.*?</\2\s*>)", re.DOTALL | re.IGNORECASE)
"""Where the words of one line are elements side by side too, and nothing but what is written keeps them apart."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")


class Argument(Struct):
    """An argument of a call.

    Attributes:
        name: Its name.
        items: How it was rendered: HTML, or the records of the files that hold it.
    """

    name: str
    items: list[str | DeckBlob] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        """What is the same if the argument was rendered alike; where an object lay in memory does not matter."""
        return tuple(
            _ADDRESS.sub("0x", item) if isinstance(item, str) else item.path.rpartition("/")[2] for item in self.items
        )

    def text(self, files: DeckFiles) -> str:
        """Return how it reads, in one line; of a table its kind and size.

        Args:
            files: Reads those of its execution.
        """
        return " ".join(text_of_item(files, item) for item in self.items[:_MOST_READ]).strip()[:_LONGEST]

    def whole_text(self, files: DeckFiles) -> str:
        """Return how it reads with the cells of tables, each row on a line, as far as they are looked at.

        Args:
            files: Reads those of its execution.
        """
        rows = (row for item in self.items[:_MOST_READ] for row in _html_of(files, item)[:_LONGEST_READ].split("</tr>"))
        return "\n".join(plain_text(kept_apart(row)) for row in rows)


def arguments_of(assembly: Assembly, task_id: str) -> list[Argument]:
    """Return a task's arguments; none if it has no Input deck.

    Args:
        assembly: Its execution.
        task_id: Its id.
    """
    return arguments_in(assembly.decks.get(task_id, ()))


def arguments_in(decks: Iterable[CollectedDeck]) -> list[Argument]:
    """Return a task's arguments; none if it has no Input deck.

    Args:
        decks: Those of the task.
    """
    deck = next((one for one in decks if one.name == INPUT), None)
    found: list[Argument] = []
    for item in sorted(deck.items, key=lambda item: item.at) if deck is not None else ():
        if isinstance(item.content, str) and item.content.startswith(_HEADING):
            found.append(Argument(_name_in(item.content.partition("</code>")[0])))
        elif found:
            found[-1].items.append(item.content)
    return found


@functools.lru_cache(maxsize=1024)
def _name_in(heading: str) -> str:
    return plain_text(heading)


def text_of_item(files: DeckFiles, content: str | DeckBlob) -> str:
    """Return how an item of a deck reads, in one line.

    Args:
        files: Reads those of its execution.
        content: The item.
    """
    text = _html_of(files, content)[:_LONGEST_READ]
    # What stands before a table tells its kind and size; its cells, one after another, tell nothing.
    return plain_text(text.partition("<table")[0]) or plain_text(text)


def _html_of(files: DeckFiles, content: str | DeckBlob) -> str:
    return without_pages(content if isinstance(content, str) else files.html_of(content))


def without_pages(html: str) -> str:
    """Return HTML with the titles of the pages that are embedded in it, as a deck that is an argument is.

    Args:
        html: The HTML.
    """
    return _PAGE.sub(_title_of_page, html) if "<iframe" in html else html


_PAGE = re.compile(r'<iframe\b((?:[^>"]|"[^"]*(?:"|\Z))*)(?:>.*?(?:</iframe\s*>|\Z)|\Z)', re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r'\stitle="([^"]{1,200})"')


def _title_of_page(page: re.Match[str]) -> str:
    title = _TITLE.search(page[1][:_LONGEST_READ])
    return f"<p>(page: {title[1]})</p>" if title else "<p>(page)</p>"


def plain_text(text: str, *, lines: bool = False) -> str:
    """Return what a browser would show of HTML, in one line.

    Args:
        text: The HTML.
        lines: Keep it as it is written, line breaks and all: what stands in a ``<pre>``.
    """
    parser = _Text()
    parser.feed(text)
    parser.close()
    found = "".join(parser.parts)
    return found if lines else " ".join(found.split())


def kept_apart(html: str) -> str:
    """Put a space where only the style keeps two texts apart.

    Args:
        html: The HTML.
    """
    parts = _AS_WRITTEN.split(html)
    # What is written as it is comes after each part that is not, and then the name of its tag.
    parts[::3] = [_BESIDE.sub(" ", part) for part in parts[::3]]
    del parts[2::3]
    return "".join(parts)


class _Text(html.parser.HTMLParser):
    """Collects what a browser would show."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = ""
        self._key = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._key = tag == "span" and ("class", "key") in attrs
        if tag in ("style", "script"):
            self._hidden = tag
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        elif tag in _BREAKS:
            self.parts.append(" ")
        elif self._key and tag == "span":
            self._key = False
            self.parts.append(" " if self.parts and self.parts[-1].endswith(":") else ": ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


_BREAKS = frozenset(("p", "div", "td", "th", "tr", "li", "br", "dt", "dd", "h1", "h2", "h3", "h4", "summary"))
