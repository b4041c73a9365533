"""Tell hatch which packages the checkout holds, so that hatch.toml names none of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

PER_PACKAGE = ("solo", "floor")
"""Environments that exist once for each package; ./scripts/test puts its wheel into them."""


class Package:
    """A folder of packages/ as hatch.toml sees it."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.settings = tomllib.loads((folder / "pyproject.toml").read_text())

    @property
    def dependencies(self) -> list[str]:
        """What is installed with it."""
        return list(self.settings["project"].get("dependencies", []))

    def group(self, name: str) -> list[str]:
        """Return what the package's own ``[dependency-groups]`` lists under a name, if anything."""
        return list(self.settings.get("dependency-groups", {}).get(name, []))

    def member(self, *, extras: bool) -> dict[str, Any]:
        """Return the package as hatch wants to be told of it."""
        features = sorted(self.settings["project"].get("optional-dependencies", {})) if extras else []
        return {"path": f"packages/{self.name}", "features": features}


def _name(requirement: str) -> str:
    """Return the project's name at the start of a requirement such as ``obs-core[s3]>=0.1``."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


class PackagesCollector(EnvironmentCollectorInterface):
    """Fill in the packages: matrices, workspace members, and what each package's tests need."""

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        """Give `solo` and `floor` one environment for each package."""
        files = sorted(Path(self.root).glob("packages/*/pyproject.toml"))
        self._packages = {file.parent.name: Package(file.parent) for file in files}
        for name in PER_PACKAGE:
            config[name]["matrix"] = [{"package": list(self._packages)}]

    def finalize_environments(self, config: dict[str, dict[str, Any]]) -> None:
        """Put the packages and their test dependencies into each environment."""
        for name, environment in config.items():
            kind, _, package = name.partition(".")
            tested = [self._packages[package]] if kind in PER_PACKAGE else list(self._packages.values())
            groups = environment.pop("package-groups", [])
            wanted = [entry for each in tested for group in groups for entry in each.group(group)]
            if kind in PER_PACKAGE:
                wanted += self._foreign(tested[0], set())
            if wanted:
                environment["extra-dependencies"] = [*environment.get("extra-dependencies", []), *wanted]
            self._add_members(environment)

    def _foreign(self, package: Package, seen: set[str]) -> list[str]:
        """Return what a package and those of this checkout that it declares need: no index is asked for the latter.

        It is listed by itself, so that for uv it is direct: `floor` resolves that to the oldest versions.
        """
        if package.name in seen:
            return []
        seen.add(package.name)
        found = []
        for requirement in package.dependencies:
            sibling = self._packages.get(_name(requirement))
            found += self._foreign(sibling, seen) if sibling else [requirement]
        return found

    def _add_members(self, environment: dict[str, Any]) -> None:
        extras = environment.pop("package-extras", False)
        if environment.get("workspace", {}).get("members"):
            members = [package.member(extras=extras) for package in self._packages.values()]
            environment["workspace"] = {**environment["workspace"], "members": members}
