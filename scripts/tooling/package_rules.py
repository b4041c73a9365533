"""What holds for every package of the monorepo. Each rule yields what is wrong, with what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

from packaging.requirements import Requirement
from packaging.version import Version

from checkout import ROOT
from distributions import Distribution, distributions
from imported import imports, normal

CORE = "obs-core"
FILES = ("README.md", "CHANGELOG.md", "LICENSE", "src/{module}/__init__.py", "src/{module}/py.typed")
ALIKE = ("readme", "license", "license-files", "requires-python", "authors", "dynamic")
"""Metadata that are the same in every package."""

LINUX = "Operating System :: POSIX :: Linux"
TYPED = "Typing :: Typed"
OWN_GROUPS = (
    "obs.captures",
    "obs.commands",
    "obs.profile_changes",
    "obs.record_decks",
    "obs.renderers",
    "obs.samplers",
    "obs.transformers",
)


def problems(package: Distribution, among: list[Distribution]) -> Iterator[str]:
    """Say what is wrong with a package.

    Args:
        package: The package.
        among: All packages of its checkout.
    """
    yield from files(package)
    if package.about.exists():
        for rule in BY_ITSELF:
            yield from rule(package)
        yield from metadata(package, among)
        yield from siblings(package, among)
    else:
        yield f"src/{package.module}/__about__.py is missing; it holds the version"


def files(package: Distribution) -> Iterator[str]:
    """Every package has the same files."""
    for name in FILES:
        path = name.format(module=package.module)
        if not (package.folder / path).is_file():
            yield f"{path} is missing"
    licence = package.folder / "LICENSE"
    if licence.is_file() and licence.read_bytes() != (ROOT / "LICENSE").read_bytes():
        yield "LICENSE is not the one of the checkout's root; copy that"
    if not any(package.folder.glob("tests/**/test_*.py")):
        yield "tests/ has no test_*.py"
    if [folder.name for folder in package.folder.glob("src/*/")] != [package.module]:
        yield f"src/ must hold the folder {package.module} and nothing else"


def metadata(package: Distribution, among: list[Distribution]) -> Iterator[str]:
    """Every package says the same of itself, as obs-core says it."""
    core = next(other for other in among if other.name == CORE)
    for key in ALIKE:
        if package.project.get(key) != core.project[key]:
            yield f"[project] {key} is {package.project.get(key)!r}; {CORE} has {core.project[key]!r}"
    if package.settings.get("build-system") != core.settings["build-system"]:
        yield f"[build-system] differs from that of {CORE}"
    if package.project.get("name") != package.name:
        yield f"[project] name is {package.project.get('name')!r}; the folder is {package.name}"
    for key in ("description", "keywords", "classifiers"):
        if not package.project.get(key):
            yield f"[project] has no {key}"
    classifiers = package.project.get("classifiers", [])
    if twice := sorted({entry for entry in classifiers if classifiers.count(entry) > 1}):
        yield f"[project] classifiers name {', '.join(twice)} more than once"
    expected = {python for python in _pythons(core) if _gets_all_on(python, package)}
    if missing := expected - _pythons(package):
        yield f"[project] classifiers lack Python {', '.join(sorted(missing))}"
    if too_many := _pythons(package) - expected:
        yield f"[project] classifiers promise Python {', '.join(sorted(too_many))}, where a dependency is left out"
    if systems := sorted(entry for entry in classifiers if entry.startswith("Operating ") and entry != LINUX):
        yield f"[project] classifiers promise {', '.join(systems)}, where nothing is tested"
    if TYPED not in classifiers:
        yield f"[project] classifiers lack {TYPED}"


def _pythons(package: Distribution) -> set[str]:
    classifiers = package.project.get("classifiers", [])
    return {found[1] for entry in classifiers if (found := re.fullmatch(r"Programming .* :: (3\.\d+)", entry))}


def _gets_all_on(python: str, package: Distribution) -> bool:
    """Tell whether a package gets all its dependencies on a Python, going by their markers, on Linux."""
    where = {"python_version": python, "sys_platform": "linux", "platform_machine": "x86_64"}
    markers = [requirement.marker for requirement in map(Requirement, package.dependencies)]
    return all(marker.evaluate(where) for marker in markers if marker)


def tools(package: Distribution) -> Iterator[str]:
    """Tool settings are at the root alone; a package says how it is built, and where a bridge leads, no more."""
    found = package.settings.get("tool", {})
    for name in sorted(set(found) - {"hatch", "obs"}):
        yield f"[tool.{name}] belongs into the pyproject.toml of the checkout's root"
    hatch = found.get("hatch", {})
    for name in sorted(set(hatch) - {"version", "build"}):
        yield f"[tool.hatch.{name}] belongs into hatch.toml"
    if hatch.get("version") != {"path": f"src/{package.module}/__about__.py"}:
        yield f'[tool.hatch.version] must be: path = "src/{package.module}/__about__.py"'
    sdist = hatch.get("build", {}).get("targets", {}).get("sdist", {}).get("include", [])
    if missing := {"/src", "/tests", "/CHANGELOG.md"} - set(sdist):
        yield f"[tool.hatch.build.targets.sdist] include lacks {', '.join(sorted(missing))}"


def changelog(package: Distribution) -> Iterator[str]:
    """The changelog is in order, and is about this version."""
    yield from package.changelog.problems(package.version)


def siblings(package: Distribution, among: list[Distribution]) -> Iterator[str]:
    """Packages meet through obs-core alone, in the versions that this checkout has; an extra may bring another one.

    A bridge says in its ``[tool.obs]`` to which package it leads.
    """
    bridges = package.settings.get("tool", {}).get("obs", {}).get("bridge-to", [])
    by_name = {other.name: other for other in among}
    for requirement in map(Requirement, package.dependencies):
        name = normal(requirement.name)
        if name in by_name and name != CORE and name not in bridges:
            yield f"depends on {name}; packages meet through {CORE} alone"
        elif name in bridges and not requirement.specifier.contains(by_name[name].version, prereleases=True):
            yield f"{requirement} does not admit {name} {by_name[name].version} of this checkout"
    for requirement in map(Requirement, package.optional_dependencies):
        sibling = by_name.get(normal(requirement.name))
        if sibling is not None and not requirement.specifier.contains(sibling.version, prereleases=True):
            yield f"an extra's {requirement} does not admit {sibling.name} {sibling.version} of this checkout"
    if package.name != CORE:
        yield from _core(package, by_name[CORE])


def _core(package: Distribution, core: Distribution) -> Iterator[str]:
    found = [each for each in map(Requirement, package.dependencies) if normal(each.name) == CORE]
    if not found:
        yield f'does not depend on {CORE}; add "{CORE}{sibling_range(core.version)}"'
    breaking = _next_breaking(core.version)
    for requirement in found:
        if not requirement.specifier.contains(core.version, prereleases=True):
            wanted = sibling_range(core.version)
            yield f"{requirement} does not admit {CORE} {core.version}, which is here; make it {wanted}"
        elif requirement.specifier.contains(breaking):
            yield f"{requirement} admits {CORE} {breaking}, which may break; end it with <{breaking}"


def sibling_range(version: str) -> str:
    """Return the range for a dependency on a sibling of a version: ``>=0.1,<0.2``."""
    found = Version(version)
    return f">={found.major}.{found.minor},<{_next_breaking(version)}"


def _next_breaking(version: str) -> str:
    found = Version(version)
    return f"0.{found.minor + 1}" if found.major == 0 else str(found.major + 1)


def bounds(package: Distribution) -> Iterator[str]:
    """Every dependency names the oldest version that works: `floor` tests with that."""
    for text in [*package.dependencies, *package.optional_dependencies]:
        operators = {bound.operator for bound in Requirement(text).specifier}
        if not operators & {">=", "==", "~=", ">"}:
            yield f"{text} names no oldest version; write {text}>=..."


def table(package: Distribution) -> Iterator[str]:
    """A reader of the root's README finds every package."""
    readme = package.folder.parents[1] / "README.md"
    if f"| [{package.name}](packages/{package.name}) |" not in readme.read_text():
        yield f"the table in README.md has no row | [{package.name}](packages/{package.name}) | ... |"


def entry_points(package: Distribution) -> Iterator[str]:
    """What the package announces can be imported."""
    groups = {**package.project.get("entry-points", {}), "console_scripts": package.project.get("scripts", {})}
    for group, points in groups.items():
        if group.startswith("obs") and group not in OWN_GROUPS:
            yield f"entry points {group!r}: obs knows {', '.join(OWN_GROUPS)}"
        for name, value in points.items():
            try:
                EntryPoint(name, value, group).load()
            except Exception as error:
                yield f"entry point {name!r} of {group} = {value!r} does not load: {error!r}"


def declared(package: Distribution) -> Iterator[str]:
    """A file imports what its package depends on; a function also what extras and the tests bring.

    What is imported above an ``except ImportError`` may be missing.
    """
    always = {normal(Requirement(text).name) for text in package.dependencies} | {package.name, package.module}
    group = package.settings.get("dependency-groups", {}).get("test", [])
    tested = {normal(Requirement(text).name) for text in [*package.optional_dependencies, *group]}
    for found in imports(package.source):
        names = always if found.at_once else always | tested
        if not found.spared and not found.distributions & names:
            where = "dependencies" if found.at_once else "dependencies, an extra or the dependency group test"
            yield f"{found.place} imports {found.module}, which is not in its {where}"


BY_ITSELF: tuple[Callable[[Distribution], Iterator[str]], ...] = (
    tools,
    changelog,
    bounds,
    table,
    entry_points,
    declared,
)


def check(names: list[str]) -> list[str]:
    """Return what is wrong with the packages of those names, or with all."""
    among = distributions()
    unknown = set(names) - {package.name for package in among}
    if unknown:
        raise SystemExit(f"There is no package {', '.join(sorted(unknown))} in packages/.")
    chosen = [package for package in among if package.name in names or not names]
    return [f"{package.name}: {problem}" for package in chosen for problem in problems(package, among)]
