"""Which distributions are installed: as `importlib.metadata` says, however they were installed."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import zipfile
from pathlib import Path

import pytest

from obs_core.installed import installed, normalized


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A `sys.path` of two folders."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(sys, "path", list(map(str, folders)))
    return sys.path


def put(folder: str, name: str, text: str = "", file: str = "METADATA") -> Path:
    made = Path(folder, name)
    made.mkdir()
    if text:
        (made / file).write_text(text)
    return made


def named(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: not this\n"


def told() -> dict[str, str]:
    found = {name: one.version for name, one in installed().items()}
    expected: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        if one.metadata and one.metadata["Name"]:
            expected.setdefault(normalized(one.metadata["Name"]), one.version)
    assert found == dict(sorted(expected.items()))
    return found


def test_all_of_this_environment_are_found() -> None:
    assert "obs-core" in told()


def test_of_two_of_one_name_the_first_on_the_path_is_imported(path: list[str]) -> None:
    put(path[0], "Zope.Interface-1.0.dist-info", named("Zope.Interface", "1.0"))
    put(path[1], "zope_interface-2.0.dist-info", named("zope_interface", "2.0"))
    assert told() == {"zope-interface": "1.0"}
    assert installed()["zope-interface"].headers().startswith("Metadata-Version: 2.1\nName: Zope.Interface")


def test_what_older_tools_installed_is_found(path: list[str]) -> None:
    put(path[0], "old-1.2-py3.11.egg-info", named("old", "1.2"), "PKG-INFO")
    Path(path[0], "single-3.0.egg-info").write_text(named("single", "3.0"))
    put(path[0], "with-dash-7.0.dist-info", named("with-dash", "7.0"))
    put(path[1], "in_place.egg-info", named("in-place", "0.1.dev3"), "PKG-INFO")
    assert told() == {"in-place": "0.1.dev3", "old": "1.2", "single": "3.0", "with-dash": "7.0"}
    assert all("Metadata-Version" in one.headers() for one in installed().values())


def test_an_egg_on_the_path_is_found(path: list[str]) -> None:
    egg = Path(path[0], "laid-4.5-py3.11.egg")
    egg.mkdir()
    put(str(egg), "EGG-INFO", named("laid", "4.5"), "PKG-INFO")
    path.append(str(egg))
    assert told() == {"laid": "4.5"}


def test_what_is_in_an_archive_is_found(path: list[str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("packed-1.0.dist-info/METADATA", named("packed", "1.0"))
    path.append(str(tmp_path / "all.zip"))
    assert told() == {"packed": "1.0"}
    assert "Name: packed" in installed()["packed"].headers()


def test_what_an_interrupted_installation_left_is_not_installed(path: list[str]) -> None:
    put(path[0], "broken-1.0.dist-info")
    put(path[0], "~umpy-1.0.dist-info", named("numpy", "1.0"))
    put(path[1], "broken-0.9.dist-info", named("broken", "0.9"))
    path.append(os.path.join(path[0], "gone"))
    assert {name: one.version for name, one in installed().items()} == {"broken": "0.9"}


def test_what_is_declared_is_found_in_folders_and_archives(path: list[str], tmp_path: Path) -> None:
    declared = "[console_scripts]\ntool = tool:main\n[obs.renderers]\ntool.Frame = tool:Renderer\n"
    put(path[0], "tool-1.0.dist-info", named("tool", "1.0")).joinpath("entry_points.txt").write_text(declared)
    put(path[0], "other-1.0.dist-info", named("other", "1.0")).joinpath("entry_points.txt").write_text("[x]\na = b\n")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("packed-1.0.dist-info/METADATA", named("packed", "1.0"))
        archive.writestr("packed-1.0.dist-info/entry_points.txt", declared.replace("tool", "packed"))
    path.append(str(tmp_path / "all.zip"))
    found = [point for one in installed().values() for point in one.entry_points("obs.")]
    assert [(point.group, point.value, point.dist and point.dist.name) for point in found] == [
        ("obs.renderers", "packed:Renderer", "packed"),
        ("obs.renderers", "tool:Renderer", "tool"),
    ]


def test_what_is_installed_meanwhile_is_found(path: list[str]) -> None:
    assert told() == {}
    put(path[1], "new-1.0.dist-info", named("new", "1.0"))
    os.utime(path[1], ns=(1, 1))  # whatever the file system's clock tells apart
    assert told() == {"new": "1.0"}
