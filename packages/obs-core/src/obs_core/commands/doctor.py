"""``obs doctor``: what is installed, and whether the store works."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
from collections.abc import Iterator

from obs_core.__about__ import __version__
from obs_core.commands.base import Command
from obs_core.installed import installed
from obs_core.provenance import other_program
from obs_core.reading.listing import list_executions
from obs_core.settings import VARIABLES, store_url
from obs_core.store import Store, open_store
from obs_core.store.passwords import without_password
from obs_core.text.masking import mask
from obs_core.values.registry import declared

_GROUPS = ("obs.renderers", "obs.transformers", "obs.captures", "obs.samplers", "obs.record_decks", "obs.commands")


class Doctor(Command):
    """Show versions, settings, the store and the integrations found."""

    name = "doctor"
    summary = "show versions, settings, the store and the integrations found"
    examples = (
        ("obs doctor", "whether obs can record here"),
        ("obs doctor --store s3://team/obs", "whether a shared store can be written"),
    )

    def run(self, arguments: argparse.Namespace) -> int:
        healthy = True
        for title, findings in (
            ("versions", _versions()),
            ("settings", _settings()),
            ("integrations", _integrations()),
        ):
            print(f"{title}:")
            for line in findings:
                print(f"  {line}")
        print("store:")
        for line, sound in _store(arguments.store):
            print(f"  {line}")
            healthy = healthy and sound
        taken = other_program()
        print(f"verdict: {_verdict(healthy, taken)}")
        return 0 if healthy else 1


def _verdict(healthy: bool, taken: str) -> str:
    name = f"; `obs` on PATH is another program ({taken}), so type `python -m obs_core`" if taken else ""
    return f"{'obs works here' if healthy else 'obs cannot record here: see the store above'}{name}"


def _versions() -> Iterator[str]:
    yield f"obs-core {__version__}, Python {platform.python_version()}, {platform.platform()}"
    for name, found in installed().items():
        if name.startswith("obs-") and name != "obs-core":
            yield f"{name} {found.version}"


def _settings() -> Iterator[str]:
    without_password(store_url())  # its password is masked from here on
    found = [mask(f"{name}={os.environ[name]}") for name in VARIABLES if name in os.environ]
    yield from found or ["no OBS_ variable is set"]


def _integrations() -> Iterator[str]:
    any_found = False
    for group in _GROUPS:
        for point in sorted(declared(group), key=lambda point: point.name):
            any_found = True
            yield f"{group}: {point.name} -> {point.value}"
    if not any_found:
        yield "none (pip install obs-renderers brings HTML for DataFrames, figures and more)"


def _store(url: str | None) -> Iterator[tuple[str, bool]]:
    try:
        store = open_store(url)
        place = store.address("")
        yield f"{store.url} at {place}", True
        was_there = not store.local or os.path.isdir(place)
        _write_and_remove(store)
        if not was_there:  # who asks gets no folder for it
            with contextlib.suppress(OSError):
                os.rmdir(place)
        yield "can be written and read", True
        newest = [execution.id for execution in itertools.islice(list_executions(store), 1)]
        yield (f"newest execution: {newest[0]}" if newest else "no executions yet"), True
    except Exception as error:
        yield mask(f"does not work: {type(error).__name__}: {error}"), False


def _write_and_remove(store: Store) -> None:
    path = f"doctor-{os.getpid()}"
    store.put(path, b"obs")
    if store.get(path) != b"obs":
        raise OSError(f"{store.address(path)} reads differently from what was written")
    store.remove(path)
