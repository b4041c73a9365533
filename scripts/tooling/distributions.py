"""A package of this checkout, as it is released: its folder, its metadata, its version."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from changelogs import Changelog
from checkout import ROOT


@dataclass(frozen=True)
class Distribution:
    """A folder of packages/.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @property
    def name(self) -> str:
        """What is installed: ``"obs-wandb"``."""
        return self.folder.name

    @property
    def module(self) -> str:
        """What is imported: ``"obs_wandb"``."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """The folder that is imported."""
        return self.folder / "src" / self.module

    @property
    def about(self) -> Path:
        """The file that holds the version."""
        return self.source / "__about__.py"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All of its pyproject.toml."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text())

    @property
    def project(self) -> dict[str, Any]:
        """Its metadata, as pyproject.toml has them under ``[project]``."""
        found: dict[str, Any] = self.settings.get("project", {})
        return found

    @property
    def dependencies(self) -> list[str]:
        """The requirements that are installed with it."""
        return list(self.project.get("dependencies", []))

    @property
    def optional_dependencies(self) -> list[str]:
        """The requirements of all its extras."""
        return [entry for extra in self.project.get("optional-dependencies", {}).values() for entry in extra]

    @property
    def version(self) -> str:
        """The version in its ``__about__.py``.

        Raises:
            SystemExit: There is none.
        """
        found = re.search(r'^__version__ = "([^"]+)"$', self.about.read_text(), re.MULTILINE)
        if not found:
            raise SystemExit(f'{self.about} has no line like __version__ = "0.1.0"')
        return found[1]

    @property
    def changelog(self) -> Changelog:
        """What changed, as its CHANGELOG.md has it."""
        return Changelog((self.folder / "CHANGELOG.md").read_text())


def with_siblings(name: str) -> list[str]:
    """Return a package's name, and before it those of this checkout that it depends on, directly or not."""
    by_name = {package.name: package for package in distributions()}

    def needed(name: str) -> list[str]:
        required = (re.split(r"[^\w-]", entry, maxsplit=1)[0] for entry in by_name[name].dependencies)
        return [*(found for other in required if other in by_name for found in needed(other)), name]

    return list(dict.fromkeys(needed(name)))


def in_order(packages: list[Distribution]) -> list[Distribution]:
    """Return packages so that each comes behind those that it depends on, by an extra too."""
    left, ordered = list(packages), list[Distribution]()
    while left:
        names = {package.name for package in left}
        ready = [package for package in left if not names & _asked_for(package)]
        if not ready:
            raise SystemExit(f"{', '.join(sorted(names))} depend on each other in a circle.")
        ordered += ready
        left = [package for package in left if package not in ready]
    return ordered


def _asked_for(package: Distribution) -> set[str]:
    entries = [*package.dependencies, *package.optional_dependencies]
    return {re.split(r"[^\w-]", entry, maxsplit=1)[0] for entry in entries} - {package.name}


def distributions(root: Path = ROOT) -> list[Distribution]:
    """Return the packages of a checkout, by name."""
    return [Distribution(file.parent) for file in sorted(root.glob("packages/*/pyproject.toml"))]
