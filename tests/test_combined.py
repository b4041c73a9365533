"""Any packages go together, and each goes away without taking another one along: tried on built wheels."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BRIDGES = {"obs-whylogs": "obs-profiles"}
"""Packages that stand on another one."""

OTHERS = sorted({path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")} - {"obs-core"})


def naming(name: str) -> set[str]:
    """Return the packages but obs-core whose code names a package, so that they may miss it."""
    module = name.replace("-", "_")
    sources = {other: ROOT.glob(f"packages/{other}/src/**/*.py") for other in OTHERS if other != name}
    return {other for other, paths in sources.items() if any(module in path.read_text("utf-8") for path in paths)}


BY_DAY = {name: found for name in OTHERS if (found := naming(name))} | {"obs-renderers": {*OTHERS}}
"""What goes away by day, and who may miss it: obs-renderers draws for all."""

BY_NIGHT = {name: {*OTHERS} for name in OTHERS}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("uv"), reason="uv is not on PATH; ./scripts/test puts it there"),
]

PIPELINE = r'''
import importlib, inspect, itertools, sys
from typing import Annotated
from obs_core import TaskDecorator, Tracker, execution, load_execution, task

def decorators(name):
    module = importlib.import_module(name)
    found = [getattr(module, each) for each in module.__all__]
    found = [each for each in found if inspect.isclass(each) and issubclass(each, TaskDecorator)]
    trackers = [each for each in found if issubclass(each, Tracker)]
    return trackers or found[:1]

def made(kind):
    """Make a decorator of what it cannot do without: a key, and names."""
    known = {name: "combined" for name in ("project", "project_name", "entity", "workspace")}
    known["secret"] = lambda: "0" * 40
    wanted = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in known.items() if name in wanted})

def total(values):
    return int(sum(values["value"]))

values = {"value": [1, 2, 3]}
if "obs_pandera" in sys.argv:  # refuses a function without a schema, and what is no frame
    import pandas
    from pandera.pandas import Column, DataFrameSchema
    values = pandas.DataFrame(values)
    total.__annotations__["values"] = Annotated[object, DataFrameSchema({"value": Column(int)})]

kinds = [kind for name in sys.argv[1:] for kind in decorators(name)]
function = total
for kind in kinds:
    function = made(kind)(function)
with execution("combined") as run:
    assert task(function)(values) == 6
read = load_execution(run.id)
assert read.status == "succeeded", read.status
assert [each.notes for each in read.tasks if any("fail" in note for note in each.notes)] == []
print("stacked", *(kind.__name__ for kind in kinds))
'''


PROBE = r"""
import importlib, sys
from importlib.metadata import entry_points

for name in sys.argv[1:]:
    module = importlib.import_module(name)
    assert "site-packages" in module.__file__, module.__file__
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert not missing, (name, missing)
points = [point for group in entry_points().groups if group.startswith("obs.") for point in entry_points(group=group)]
for point in points:
    point.load()
print(len(points), "entry points")
"""


@pytest.fixture(scope="module")
def wheels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packages as they are released, by name: those that ./scripts/test has built, or built here."""
    given = request.config.getoption("--wheels")
    built: dict[str, Path] = {}
    for name in ["obs-core", *OTHERS]:
        folder = (given or tmp_path_factory.getbasetemp() / "wheels") / name
        if given is None:
            command = ["uv", "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(folder)]
            subprocess.run([*command, str(ROOT / "packages" / name)], check=True)
        (built[name],) = folder.glob("*.whl")
    return built


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(tmp_path / "environment")], check=True)
    return tmp_path / "environment" / "bin" / "python"


def install(python: Path, files: Iterable[Path]) -> None:
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(python), *map(str, files)], check=True)


def run(python: Path, script: str, names: Iterable[str]) -> str:
    """Run a script with the names of some packages, and return what it printed."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("OBS_", "PYTHON"))}
    variables |= {"OBS_STRICT": "1", "WANDB_MODE": "offline", "WANDB_SILENT": "true", "COMET_START_ONLINE": "0"}
    folder = python.parents[2]
    (folder / "script.py").write_text(script)
    command = [str(python), "script.py", *(name.replace("-", "_") for name in names)]
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.nightly
@pytest.mark.parametrize("pair", list(itertools.combinations(OTHERS, 2)), ids="+".join)
def test_two_packages_go_together(pair: tuple[str, str], wheels: dict[str, Path], environment: Path) -> None:
    install(environment, [wheels["obs-core"], *(wheels[name] for name in pair)])

    for order in (pair, pair[::-1]):
        assert "stacked" in run(environment, PIPELINE, order)


def test_all_go_together_and_go_on_when_one_is_uninstalled(
    wheels: dict[str, Path], environment: Path, nightly: bool
) -> None:
    install(environment, wheels.values())
    assert "entry points" in run(environment, PROBE, ["obs-core", *OTHERS])
    for order in (OTHERS, OTHERS[::-1]):
        assert "stacked" in run(environment, PIPELINE, order)

    for gone, missing in (BY_NIGHT if nightly else BY_DAY).items():
        subprocess.run(["uv", "pip", "uninstall", "--quiet", "--python", str(environment), gone], check=True)
        left = [name for name in OTHERS if name in missing and name != gone and BRIDGES.get(name) != gone]
        assert "stacked" in run(environment, PIPELINE, left)
        install(environment, [wheels[gone]])
