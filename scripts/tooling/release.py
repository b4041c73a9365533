"""Release a package, or all for the first time: version, changelog, sdist and wheel tried alone, tag."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import home
from changelogs import Changelog
from checkout import ROOT
from distributions import Distribution, distributions, in_order, with_siblings
from for_index import make_ready
from imported import normal
from trial import build, git, try_out, twine_check

CORE = "obs-core"
STEPS = ("major", "minor", "patch")
HELP = """\
bumps the version (without patch, minor or major: releases the one in __about__.py, for the first time), dates the
changelog's Unreleased section, builds sdist and wheel, installs the wheel alone with the oldest and the newest obs-core
and runs its tests there, checks the metadata, commits and makes the tag PACKAGE-vX.Y.Z. Pushing that tag publishes.
--first does this with all packages that were never released, each after those that it depends on.
"""
OWNERS = """\
# Made by scripts/release of the owners in pyproject.toml; change them there.
* {}
"""


@dataclass(frozen=True)
class Plan:
    """What is to be released.

    Attributes:
        package: The package, as the checkout has it.
        version: The version that it gets.
    """

    package: Distribution
    version: str

    @property
    def tag(self) -> str:
        """The tag's name."""
        return f"{self.package.name}-v{self.version}"

    def write(self, folder: Path) -> None:
        """Put the version and the dated changelog into a copy of the package, or into the package itself."""
        into = Distribution(folder)
        old, new = (f'__version__ = "{version}"' for version in (self.package.version, self.version))
        into.about.write_text(into.about.read_text().replace(old, new))
        changelog = self.package.changelog.dated(self.version, datetime.now(UTC).date())
        (folder / "CHANGELOG.md").write_text(changelog.text)


def main(arguments: list[str]) -> None:
    """Release, or say why not."""
    parser = argparse.ArgumentParser("./scripts/release", epilog=HELP)
    parser.add_argument("package", nargs="?", help="such as obs-wandb")
    parser.add_argument("step", nargs="?", choices=STEPS)
    parser.add_argument("--first", action="store_true", help="release all packages that were never released")
    parser.add_argument("--dry-run", action="store_true", help="do all but write, commit and tag")
    given = parser.parse_args(arguments)
    if given.first == bool(given.package):
        parser.error("name one package, or none and --first")
    missing = home.refusals()
    if missing and not given.dry_run:
        raise SystemExit("\n".join(f"Not released: {reason}" for reason in missing))
    plans = first() if given.first else [planned(given.package, given.step)]
    with tempfile.TemporaryDirectory(prefix="obs-release-") as folder:
        for plan in plans:
            rehearse(plan, Path(folder) / plan.package.name)
    if given.dry_run:
        tell(plans, missing)
    elif plans:
        publish(plans)


def first() -> list[Plan]:
    """Plan the first release of each package that had none, in the order in which they need each other."""
    found = [package for package in in_order(distributions()) if not package.changelog.released]
    if not found:
        print("Each package was released before.")
    return [planned(package.name, None) for package in found]


def tell(plans: Sequence[Plan], missing: Sequence[str]) -> None:
    """Say how a dry run went, and what a release would still refuse."""
    for plan in plans:
        print(f"{plan.tag} can be released{' but for what follows' if missing else ''}.")
    for reason in missing:
        print(f"A release would be refused: {reason}")
    print("Nothing was written.")


def planned(name: str, step: str | None) -> Plan:
    """Decide what is to be released.

    Raises:
        SystemExit: It cannot be; the reason is told.
    """
    package = next((each for each in distributions() if each.name == name), None)
    if package is None:
        raise SystemExit(f"There is no package {name!r}; there are {', '.join(each.name for each in distributions())}.")
    if changed := git("status", "--porcelain"):
        raise SystemExit(f"The tree is dirty; commit or remove first:\n{changed}")
    plan = Plan(package, next_version(package, step))
    for reason in (*refusals(plan), *broken_siblings(plan)):
        raise SystemExit(reason)
    return plan


def next_version(package: Distribution, step: str | None) -> str:
    """Return the version after a step, or the present one when it was never released."""
    if step is None:
        if package.version in package.changelog.released:
            raise SystemExit(f"{package.name} {package.version} is released already; add patch, minor or major.")
        return package.version
    return _stepped(Version(package.version), step)


def _stepped(version: Version, step: str) -> str:
    numbers = list(version.release)
    place = STEPS.index(step)
    numbers[place:] = [numbers[place] + 1, *[0] * (2 - place)]
    return ".".join(map(str, numbers))


def refusals(plan: Plan) -> list[str]:
    """Return the reasons that lie in the package."""
    package = plan.package
    reasons = [f"{package.name}: {problem}" for problem in Changelog.problems(package.changelog, package.version)]
    if not package.changelog.entries or not package.changelog.unreleased:
        reasons.append(f"Nothing is written below ## [Unreleased] in packages/{package.name}/CHANGELOG.md.")
    if git("tag", "--list", plan.tag):
        reasons.append(f"The tag {plan.tag} is there already.")
    return reasons


def broken_siblings(plan: Plan) -> list[str]:
    """Return the ranges that do not admit the obs-core which is here, or will be."""
    core = next(each for each in distributions() if each.name == CORE)
    version = plan.version if plan.package.name == CORE else core.version
    asking = distributions() if plan.package.name == CORE else [plan.package]
    return [
        f"{each.name} wants {requirement}, which would not admit {CORE} {version}; change that range first."
        for each in asking
        for requirement in map(Requirement, each.dependencies)
        if normal(requirement.name) == CORE and not requirement.specifier.contains(version)
    ]


def rehearse(plan: Plan, folder: Path) -> None:
    """Build the release in a copy, and try it.

    Raises:
        SystemExit: It does not build, its metadata are wrong, or its tests are red.
    """
    copy = folder / plan.package.name
    shutil.copytree(plan.package.folder, copy, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    plan.write(copy)
    make_ready(copy, home.repository() or home.PLACEHOLDER, plan.tag)
    wheel = build(copy, folder / "dist")
    twine_check(folder / "dist")
    if plan.package.name == CORE:
        try_out(plan.package, wheel, None, [], folder)
        return
    others = [name for name in with_siblings(plan.package.name) if name not in (CORE, plan.package.name)]
    siblings = [build(ROOT / "packages" / name, folder / name) for name in others]
    for core in (oldest_core(plan.package, folder), build(ROOT / "packages" / CORE, folder / "newest")):
        if core:
            try_out(plan.package, wheel, core, siblings, folder)


def oldest_core(package: Distribution, folder: Path) -> Path | None:
    """Return a wheel of the oldest published obs-core that a package admits, if there is one.

    What is published is what was tagged, so it is built from its tag: no index is asked, where the name could belong
    to something else.
    """
    wanted = next(each for each in map(Requirement, package.dependencies) if normal(each.name) == CORE)
    tags = git("tag", "--list", f"{CORE}-v*").split()
    versions = sorted(Version(tag.removeprefix(f"{CORE}-v")) for tag in tags)
    admitted = [version for version in versions if wanted.specifier.contains(version)]
    if not admitted:
        print(f"No {CORE} that {wanted} admits is published yet: only the one of this checkout is tried.")
        return None
    git("worktree", "add", "--detach", str(folder / "published"), f"{CORE}-v{admitted[0]}")
    try:
        return build(folder / "published" / "packages" / CORE, folder / "oldest")
    finally:
        git("worktree", "remove", "--force", str(folder / "published"))


def publish(plans: Sequence[Plan]) -> None:
    """Write, commit and tag; pushing stays with the person who releases."""
    for plan in plans:
        plan.write(plan.package.folder)
    owners = ROOT / ".github" / "CODEOWNERS"
    owners.parent.mkdir(exist_ok=True)
    owners.write_text(OWNERS.format(" ".join(home.owners())))
    git("add", "--all")
    releases = ", ".join(f"{plan.package.name} {plan.version}" for plan in plans)
    git("commit", "--message", f"Release {releases}")
    for plan in plans:
        git("tag", "--annotate", plan.tag, "--message", f"{plan.package.name} {plan.version}")
    # One at a time: GitHub starts no workflow for tags of which more than three are pushed at once.
    print("To publish, push the commit, then each tag once the one before it is published:", "  git push", sep="\n")
    for plan in plans:
        print(f"  git push origin {plan.tag}")


if __name__ == "__main__":
    main(sys.argv[1:])
