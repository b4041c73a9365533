"""Which distributions this Python can import: the one list that decks, comparisons, plugins and `obs doctor` use.

Name and version stand in the names of the folders that installers make, so that no file is read for most of them. It is
read again once a folder of `sys.path` has changed.

Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from obs_core.interruptions import let_pass

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["Installed", "installed", "normalized"]

_FOLDER = re.compile(r"(?P<name>[^~].*?)(?:-(?P<version>[0-9][^-]*)(?:-py[^-]+)?)?\.(?P<kind>dist|egg)-info")
"""What is left of an interrupted installation begins with ``~``."""

_JUST_NOW = 2_000_000_000
"""Nanoseconds within which a folder may change once more and keep its time: a file system's clock is coarse."""

_METADATA = ("METADATA", "PKG-INFO")
_HEADERS = 4096
"""Bytes of metadata in which name, version and summary stand: what follows may be a long README."""

_SEPARATORS = re.compile(r"[-_.]+")


class Installed(Struct, frozen=True):
    """An installed distribution.

    Attributes:
        name: Its name, normalised: ``"zope-interface"``.
        version: Its version.
        place: The folder with its metadata, or the file that is all of it; empty in an archive.
        archived: What `importlib.metadata` found in an archive.
    """

    name: str
    version: str
    place: str = ""
    archived: Distribution | None = None

    def read(self, file: str) -> str:
        """Return a file of its metadata; empty if there is none.

        Args:
            file: Such as ``"direct_url.json"``.
        """
        if self.archived is not None:
            return self.archived.read_text(file) or ""
        return _text_of(os.path.join(self.place, file))

    def headers(self) -> str:
        """Return the first headers of its metadata as text: to parse it as an email message would be far slower."""
        if self.archived is not None:
            return _headers(self.read("METADATA") or self.read("PKG-INFO"))
        names = (os.path.join(self.place, file) for file in _METADATA)
        return next(filter(None, map(_headers_of, (*names, self.place))), "")

    def entry_points(self, beginning: str) -> list[EntryPoint]:
        """Return what it declares in groups whose names begin so.

        Args:
            beginning: Such as ``"obs."``.
        """
        if f"[{beginning}" not in self.read("entry_points.txt"):
            return []  # as nearly all: the others need not be parsed
        from importlib.metadata import Distribution

        whole = self.archived or Distribution.at(self.place)
        return [point for point in whole.entry_points if point.group.startswith(beginning)]


def normalized(name: str) -> str:
    """Return the one way to write a distribution's name: ``"zope-interface"`` for ``"Zope.Interface"``.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/.
    """
    return _SEPARATORS.sub("-", name).lower()


def installed() -> dict[str, Installed]:
    """Return the distributions that `sys.path` leads to, by their normalised names and sorted by them.

    Of two of one name it has the one that stands first in `sys.path`, which is the one imported.
    """
    path = tuple((folder, _changed(folder)) for folder in dict.fromkeys(sys.path))
    if max((changed for _, changed in path), default=0) > time.time_ns() - _JUST_NOW:
        return _read(path)
    return _kept(path)


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError as error:
        let_pass(error)
        return 0


def _read(path: tuple[tuple[str, int], ...]) -> dict[str, Installed]:
    found: dict[str, Installed] = {}
    for folder, changed in path:
        for one in _of_folder(folder) if changed else ():
            found.setdefault(one.name, one)
    return dict(sorted(found.items()))


_kept = functools.lru_cache(maxsize=1)(_read)


def _of_folder(folder: str) -> Iterator[Installed]:
    try:
        entries = sorted(os.listdir(folder or "."))
    except NotADirectoryError as error:
        let_pass(error)
        yield from _of_archive(folder)
        return
    except OSError as error:
        let_pass(error)
        return
    for entry in entries:
        if entry == "EGG-INFO" and folder.endswith(".egg"):
            name, _, rest = os.path.basename(folder).removesuffix(".egg").partition("-")
            yield Installed(normalized(name), rest.partition("-")[0], os.path.join(folder, entry))
        elif entry.endswith("-info") and (said := _FOLDER.fullmatch(entry)):
            place = os.path.join(folder, entry)
            one = Installed(normalized(said["name"]), said["version"] or "", place)
            if said["kind"] == "dist":
                if said["version"] and os.path.exists(os.path.join(place, "METADATA")):  # else it is broken
                    yield one
            elif one.version:
                yield one
            elif version := _header(one.headers(), "Version"):  # of one that is installed in place
                yield Installed(one.name, version, place)


def _of_archive(path: str) -> Iterator[Installed]:
    from importlib.metadata import distributions

    for one in distributions(path=[path]):
        text = Installed("", "", archived=one).headers()
        name, version = _header(text, "Name"), _header(text, "Version")
        if name and version:
            yield Installed(normalized(name), version, archived=one)


def _header(headers: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*)$", headers, re.MULTILINE)
    return "" if found is None else found[1].strip()


def _headers_of(path: str) -> str:
    return _headers(_text_of(path, _HEADERS))


def _headers(metadata: str) -> str:
    return metadata.partition("\n\n")[0]


def _text_of(path: str, size: int = -1) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(size).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError as error:  # there is none, or it is a folder
        let_pass(error)
        return ""
