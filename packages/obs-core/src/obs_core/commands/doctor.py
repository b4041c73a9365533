"""``obs doctor``: what is installed, and whether the store works."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from obs_core.__about__ import __version__
from obs_core.commands.base import Command
from obs_core.commands.printed_json import json_document
from obs_core.installed import installed
from obs_core.provenance import other_program
from obs_core.reading.listing import list_executions
from obs_core.settings import VARIABLES, store_url
from obs_core.store import Store, open_store
from obs_core.store.passwords import without_password
from obs_core.text.masking import mask
from obs_core.values.registry import declared

_GROUPS = (
    "obs.renderers",
    "obs.transformers",
    "obs.captures",
    "obs.samplers",
    "obs.record_decks",
    "obs.profile_changes",
    "obs.commands",
)


class Doctor(Command):
    """Show versions, settings, the store and the integrations found."""

    name = "doctor"
    summary = "show versions, settings, the store and the integrations found"
    examples = (
        ("obs doctor", "whether obs can record here"),
        ("obs doctor --store s3://team/obs", "whether a shared store can be written"),
        ("obs doctor --json", "for another program"),
    )

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        here = _looked_around()
        with contextlib.suppress(BrokenPipeError):  # the exit code tells, however little of it is read
            if not arguments.json:
                print("\n".join(_lines(here)), flush=True)  # before the store, which may let one wait
        store = _tried(arguments.store)
        verdict = _verdict(store.works, here.other_program)
        with contextlib.suppress(BrokenPipeError):
            if arguments.json:
                told = msgspec.structs.asdict(here) | {"store": store, "verdict": verdict}
                print(json_document(self.name, told))
            else:
                print("\n".join((*_lines_of_store(store), f"verdict: {verdict}")))
        return 0 if store.works else 1


class _FoundStore(Struct):
    """What came of trying the store; what could not be found out is empty."""

    url: str = ""
    address: str = ""
    works: bool = False
    error: str = ""
    newest: str = ""


class _Here(Struct):
    """What is found without the store."""

    versions: dict[str, str]
    settings: dict[str, str]
    integrations: list[dict[str, str]]
    other_program: str


def _looked_around() -> _Here:
    without_password(store_url())  # its password is masked from here on
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return _Here(
        versions=_versions(),
        settings={name: mask(f"{name}={value}").removeprefix(f"{name}=") for name, value in given.items()},
        integrations=_integrations(),
        other_program=other_program(),
    )


def _verdict(works: bool, taken: str) -> str:
    name = f"; `obs` on PATH is another program ({taken}), so type `python -m obs_core`" if taken else ""
    return f"{'obs works here' if works else 'obs cannot record here: see the store'}{name}"


def _lines(here: _Here) -> Iterator[str]:
    yield "versions:"
    ours, python, machine, *others = here.versions.items()
    yield f"  obs-core {ours[1]}, Python {python[1]}, {machine[1]}"
    yield from (f"  {name} {version}" for name, version in others)
    yield "settings:"
    yield from [f"  {name}={value}" for name, value in here.settings.items()] or ["  no OBS_ variable is set"]
    yield "integrations:"
    lines = [f"  {one['group']}: {one['name']} -> {one['value']}" for one in here.integrations]
    yield from lines or ["  none (pip install obs-renderers brings HTML for DataFrames, figures and more)"]


def _lines_of_store(store: _FoundStore) -> Iterator[str]:
    yield "store:"
    if store.url:
        yield f"  {store.url} at {store.address}"
    if store.works:
        yield "  can be written and read"
        yield f"  newest execution: {store.newest}" if store.newest else "  no executions yet"
    else:
        yield f"  does not work: {store.error}"


def _versions() -> dict[str, str]:
    others = {name: one.version for name, one in installed().items() if name.startswith("obs-") and name != "obs-core"}
    return {"obs-core": __version__, "python": platform.python_version(), "platform": platform.platform(), **others}


def _integrations() -> list[dict[str, str]]:
    return [
        {"group": group, "name": point.name, "value": point.value}
        for group in _GROUPS
        for point in sorted(declared(group), key=lambda point: point.name)
    ]


def _tried(url: str | None) -> _FoundStore:
    found = _FoundStore()
    try:
        store = open_store(url)
        place = store.address("")
        found.url, found.address = store.url, place
        was_there = not store.local or os.path.isdir(place)
        _write_and_remove(store)
        if not was_there:  # who asks gets no folder for it
            with contextlib.suppress(OSError):
                os.rmdir(place)
        found.newest = next((execution.id for execution in list_executions(store)), "")
        found.works = True
    except Exception as error:
        found.error = mask(f"{type(error).__name__}: {error}")
    return found


def _write_and_remove(store: Store) -> None:
    path = f"doctor-{os.getpid()}"
    store.put(path, b"obs")
    if store.get(path) != b"obs":
        raise OSError(f"{store.address(path)} reads differently from what was written")
    store.remove(path)
