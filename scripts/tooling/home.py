"""Where the project lives and who looks after it: ``[tool.obs]`` of the root's pyproject.toml says so, nothing else."""

from __future__ import annotations

import tomllib
from typing import Any

from checkout import ROOT

PLACEHOLDER = "https://example.org/OWNER/NAME"
"""What a dry run takes while there is no address."""


def repository() -> str:
    """Return the repository's address, without a slash at the end; empty if nobody filled it in."""
    return str(_settings().get("repository", "")).rstrip("/")


def owners() -> list[str]:
    """Return those who review changes, as CODEOWNERS names them: ``["@someone"]``."""
    return list(_settings().get("owners", []))


def refusals() -> list[str]:
    """Return why nothing can be released yet."""
    where = "in [tool.obs] of the pyproject.toml at the root: fill it in, commit, and start again"
    reasons = []
    if not repository():
        reasons.append(f"repository is empty {where}. The packages' links on PyPI are made of it.")
    elif not repository().startswith("https://"):
        reasons.append(f"repository is {repository()!r} {where}. It must begin with https://.")
    if not owners():
        reasons.append(f"owners is empty {where}. .github/CODEOWNERS is made of it.")
    elif wrong := [owner for owner in owners() if not owner.startswith("@")]:
        reasons.append(f"owners has {wrong[0]!r} {where}. It must begin with @.")
    return reasons


def _settings() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text()).get("tool", {}).get("obs", {})
    return found
