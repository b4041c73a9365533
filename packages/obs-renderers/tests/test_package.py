"""What importing the package costs, and what it declares."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import obs_renderers

HEAVY = {
    "pandas",
    "numpy",
    "plotly",
    "PIL",
    "markdown",
    "pygments",
    "skrub",
    "polars",
    "pyarrow",
    "matplotlib",
}


def test_importing_it_loads_none_of_the_libraries_it_draws_with():
    code = "import sys, obs_renderers; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )

    assert loaded & HEAVY == set()


def test_a_preview_of_a_polars_frame_does_not_load_pandas():
    pytest.importorskip("polars")
    code = (
        "import sys, polars, obs_renderers\n"
        "obs_renderers.TopFrameRenderer().to_html(polars.DataFrame({'a': [1]}))\n"
        "print('pandas' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", [name for name in obs_renderers.__all__ if name != "__version__"])
def test_every_renderer_can_be_had_from_the_package(name):
    assert getattr(obs_renderers, name).__name__ == name
    assert name in dir(obs_renderers)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'PieRenderer'"):
        obs_renderers.PieRenderer  # noqa: B018


def test_every_entry_point_leads_to_a_renderer():
    declared = [point for point in entry_points(group="obs.renderers") if point.value.startswith("obs_renderers:")]

    assert len(declared) >= 20
    assert [point.name for point in declared if not hasattr(point.load(), "to_html")] == []


def test_a_tasks_own_decks_are_drawn_by_the_renderers_of_this_package(tmp_path):
    code = """
from obs_core import execution, span, task
from obs_core.testing import recording

@task
def work():
    with span("step"):
        return 1

with recording() as store, execution("night"):
    work()
shown = {deck.name: "".join(deck.items) for deck in store.last().tasks[0].decks}
assert 'data-copy="code"' in shown["Source Code"], shown["Source Code"]
assert 'data-copy="requirements"' in shown["Dependencies"], shown["Dependencies"]
assert "step" in shown["Timeline"]
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert result.stderr == ""
