"""Tell hatch which packages the checkout holds, so that hatch.toml names none of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

PER_PACKAGE = ("solo", "floor")
"""Environments that exist once for each package."""


class Package:
    """A folder of packages/ as hatch.toml sees it."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.settings = tomllib.loads((folder / "pyproject.toml").read_text())

    def group(self, name: str) -> list[str]:
        """Return what the package's own ``[dependency-groups]`` lists under a name, if anything."""
        return list(self.settings.get("dependency-groups", {}).get(name, []))

    def needs(self, other: Package) -> bool:
        """Tell whether the package declares another one of this checkout as a dependency."""
        return other.name in map(_name, self.settings["project"].get("dependencies", []))

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
        self._packages = [Package(file.parent) for file in files]
        for name in PER_PACKAGE:
            config[name]["matrix"] = [{"package": [package.name for package in self._packages]}]

    def finalize_environments(self, config: dict[str, dict[str, Any]]) -> None:
        """Put the packages and their test dependencies into each environment."""
        for name, environment in config.items():
            tested = self._tested(name)
            self._add_dependencies(environment, tested)
            self._add_members(environment, tested)

    def _tested(self, environment: str) -> list[Package]:
        kind, _, package = environment.partition(".")
        if kind not in PER_PACKAGE:
            return self._packages
        return [each for each in self._packages if each.name == package]

    def _add_dependencies(self, environment: dict[str, Any], packages: list[Package]) -> None:
        groups = environment.pop("package-groups", [])
        wanted = [entry for package in packages for group in groups for entry in package.group(group)]
        if wanted:
            environment["extra-dependencies"] = [*environment.get("extra-dependencies", []), *wanted]

    def _add_members(self, environment: dict[str, Any], packages: list[Package]) -> None:
        extras = environment.pop("package-extras", False)
        if environment.get("workspace", {}).get("members"):
            members = [package.member(extras=extras) for package in self._with_siblings(packages)]
            environment["workspace"] = {**environment["workspace"], "members": members}

    def _with_siblings(self, packages: list[Package]) -> list[Package]:
        """Add the packages of this checkout that the given ones declare: no index is asked for those."""
        needed = [other for other in self._packages if any(package.needs(other) for package in packages)]
        return [*packages, *(other for other in needed if other not in packages)]
