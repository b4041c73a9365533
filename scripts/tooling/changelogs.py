"""Changelogs in the form of Keep a Changelog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

UNRELEASED = "Unreleased"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_RELEASE = re.compile(r"\[(?P<version>\d+\.\d+\.\d+)\] - (?P<date>\d{4}-\d\d-\d\d)")
_ENTRY = re.compile(r"^- .*(?:\n(?!-|#|\n).*)*", re.MULTILINE)


class Changelog:
    """A package's CHANGELOG.md: what is not released yet, then the releases, newest first.

    Args:
        text: All of it.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def headings(self) -> list[str]:
        """What stands behind each ``##``."""
        return _HEADING.findall(self.text)

    @property
    def released(self) -> list[str]:
        """The versions with a date, newest first."""
        return [found["version"] for heading in self.headings if (found := _RELEASE.fullmatch(heading))]

    @property
    def unreleased(self) -> str:
        """What the next release brings; empty if nothing is written there."""
        _, _, after = self.text.partition(f"\n## [{UNRELEASED}]\n")
        return _HEADING.split(after, maxsplit=1)[0].strip() if after else ""

    @property
    def entries(self) -> list[str]:
        """The points of all sections, each on one line."""
        return [" ".join(entry.split()) for entry in _ENTRY.findall(self.text)]

    def dated(self, version: str, day: date) -> Changelog:
        """Return it with the unreleased section turned into that of a release."""
        heading = f"\n## [{UNRELEASED}]\n"
        return Changelog(self.text.replace(heading, f"{heading}\n## [{version}] - {day}\n", 1))

    def problems(self, version: str) -> Iterator[str]:
        """Say what is wrong with it.

        Args:
            version: The package's own.
        """
        yield from self._heading_problems()
        if self.released and self.released[0] != version:
            yield f"the newest release in CHANGELOG.md is {self.released[0]}, but __about__.py says {version}"
        for kind in re.findall(r"^### (.*)$", self.text, re.MULTILINE):
            if kind not in KINDS:
                yield f"CHANGELOG.md has a section {kind!r}; Keep a Changelog knows {', '.join(KINDS)}"
        for entry in self.entries:
            if not entry.endswith((".", "!", ":")):
                yield f"CHANGELOG.md has an entry that is no whole sentence: {entry}"

    def _heading_problems(self) -> Iterator[str]:
        if self.headings[:1] != [f"[{UNRELEASED}]"]:
            yield f"the first heading of CHANGELOG.md must be ## [{UNRELEASED}], not {self.headings[:1]}"
        for heading in self.headings[1:]:
            if not _RELEASE.fullmatch(heading):
                yield f"CHANGELOG.md has the heading ## {heading}; a release is ## [1.2.3] - 2026-01-31"
