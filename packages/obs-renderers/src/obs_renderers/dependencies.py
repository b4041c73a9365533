"""List the Python packages that are installed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from obs_core.installed import Installed, installed
from obs_core.text.numbers import plural
from obs_renderers._markup import escape, fragment, script

if TYPE_CHECKING:
    from obs_core.decks.default import Dependencies

__all__ = ["Package", "PythonDependencyRenderer", "installed_packages"]

_HEADER = re.compile(r"^(Name|Summary): *(.*)$", re.MULTILINE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


class Package(Struct, frozen=True):
    """An installed package.

    Attributes:
        name: As it calls itself.
        version: Its version.
        summary: One line about it.
        origin: Where it was installed from when not from an index: an address without credentials.
        editable: Whether it is installed in place, from a working copy.
    """

    name: str
    version: str
    summary: str = ""
    origin: str = ""
    editable: bool = False

    def requirement(self) -> str:
        """Write it as a line of requirements.txt."""
        if self.editable or self.origin.startswith("file:"):
            return f"# {self.name}=={self.version} is installed from a local folder"
        return f"{self.name} @ {self.origin}" if self.origin else f"{self.name}=={self.version}"


def installed_packages() -> list[Package]:
    """Find the packages that this Python can import, by name; of two of one name the one that is imported."""
    return [_package(one) for one in installed().values()]


def _package(one: Installed) -> Package:
    headers = dict(_HEADER.findall(one.headers()))
    origin, editable = _origin(one.read("direct_url.json"))
    return Package(headers.get("Name", one.name), one.version, headers.get("Summary", ""), origin, editable)


def _origin(direct_url: str) -> tuple[str, bool]:
    if not direct_url:
        return "", False
    import json

    try:
        source = json.loads(direct_url)
        return _address(source), bool(source.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError, KeyError):
        return "", False


def _address(source: dict[str, Any]) -> str:
    url = _CREDENTIALS.sub("", source["url"])
    if "vcs_info" not in source:
        return url
    return f"{source['vcs_info']['vcs']}+{url}@{source['vcs_info']['commit_id']}"


class PythonDependencyRenderer:
    """List the installed packages with a search box and a button that copies them as requirements.txt.

    No subprocess is started and no network is asked.

    Args:
        title: The heading above the list; an empty one leaves it out.

    Examples:
        >>> html = PythonDependencyRenderer().to_html()
    """

    def __init__(self, title: str = "Dependencies") -> None:
        self._title = title

    def to_html(self, packages: Iterable[Package] | Dependencies | None = None) -> str:
        """Render a list of packages.

        Args:
            packages: What to list; by default (and for the Dependencies deck of a task) everything that is installed.

        Returns:
            An HTML fragment.
        """
        from obs_core.decks.default import Dependencies

        if packages is None or isinstance(packages, Dependencies):
            packages = installed_packages()
        listed = list(packages)
        rows = "".join(_row(package) for package in listed)
        head = '<th scope="col">Package</th><th scope="col">Version</th><th scope="col">Summary</th>'
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        body = self._bar(listed) + f'<div class="scroll tall" tabindex="0">{table}</div>' + _requirements(listed)
        return fragment("dependencies", body + script("copy") + script("filter"), styles=("table", "dependencies"))

    def _bar(self, packages: list[Package]) -> str:
        title = f"<b>{escape(self._title)}</b>" if self._title else ""
        return (
            f'<div class="bar">{title}<span class="note" '
            f"data-count>{plural(len(packages), 'package')} · {_python()}"
            '</span><input type="search" placeholder="Search" aria-label="Search packages" data-filter>'
            '<button type="button" data-copy="requirements">Copy as requirements.txt</button></div>'
        )


def _python() -> str:
    import sys

    return escape(f"Python {sys.version.split()[0]}")


def _row(package: Package) -> str:
    note = f' <span class="note" title="{escape(package.origin)}">{_how(package)}</span>' if package.origin else ""
    return (
        f"<tr><td>{escape(package.name)}{note}</td>"
        f'<td class="other">{escape(package.version)}</td>'
        f"<td "
        f'class="summary">{escape(package.summary)}</td></tr>'
    )


def _how(package: Package) -> str:
    return "editable" if package.editable else escape(package.origin.partition(":")[0])


def _requirements(packages: list[Package]) -> str:
    lines = "\n".join(package.requirement() for package in packages)
    return f'<pre class="requirements" hidden>{escape(lines)}</pre>'
