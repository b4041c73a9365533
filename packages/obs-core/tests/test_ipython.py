"""The extension of IPython, in a real kernel and a real shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from obs_core import executions, load_execution

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

CELLS = {
    "load": "%load_ext obs_core\nimport logging\nfrom obs_core import Deck, execution, span, task",
    "tasks": """@task
def double(number):
    logging.warning("doubling")
    return 2 * number

double(2), double(3)""",
    "plain": "print('said outside any task')",
    "named": """%%obs night
import asyncio

@task
async def slow():
    await asyncio.sleep(0)
    return 7

await slow()""",
    "own": "with execution('own'):\n    double(1)",
    "span": "with span('only'):\n    pass",
    "failing": "%%obs bad\n\ndouble(4)\n1 / 0",
    "drawn": """%%obs drawn
from obs_core import executions

class Drawn(Exception):
    def _render_traceback_(self):
        return [executions(name="drawn")[0].status]

@task
def fails():
    raise Drawn

fails()""",
    "report": "%obs night",
    "deck": "Deck('Table').append('<table><tr><td>three</td></tr></table><script>1</script>')",
    "chart": """chart = Deck('Chart').append(f"<script data-obs-once>{'/' * 5000}</script>")
cell = get_ipython().get_parent()["metadata"]
cell["cellId"] = "first"
display(chart)
cell["cellId"] = "second"
display(chart)
cell["cellId"] = "first"
display(chart)
del cell["cellId"]
display(chart)
get_ipython().get_parent()["content"]["allow_stdin"] = True
display(chart)""",
    "again": "%unload_ext obs_core\ndouble(5)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def outputs(folder: Path) -> dict[str, list[Any]]:
    """What each cell shows, by its key in CELLS, run in the folder."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    client = nbclient.NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3")
    variables = {key: value for key, value in os.environ.items() if not key.startswith("OBS_")}
    variables |= {"OBS_STORE": str(folder / "store"), "JPY_SESSION_NAME": "/work/Delays of 2013.ipynb"}
    with client.setup_kernel(cwd=str(folder), env=variables):
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
    return {key: cell.outputs for key, cell in zip(CELLS, notebook.cells, strict=True)}


def lines(outputs: list[Any]) -> list[str]:
    """The folded lines of executions below a cell."""
    shown = [output.data.get("text/html", "") for output in outputs if output.output_type == "display_data"]
    found = [re.search(r"<summary>(.*?)</summary>", html) for html in shown]
    return [re.sub(r"<[^>]+>|[\d.]+ (µs|ms|s)", "", match[1]) for match in found if match]


def test_a_cell_that_calls_tasks_is_one_execution_named_after_the_notebook(outputs: dict[str, list[Any]]) -> None:
    assert lines(outputs["tasks"]) == ["Delays of 2013 succeeded in , 2 warnings"]
    assert lines(outputs["span"]) == ["Delays of 2013 succeeded in "]


def test_a_cell_that_records_nothing_shows_and_leaves_nothing(outputs: dict[str, list[Any]], folder: Path) -> None:
    assert [output.output_type for output in outputs["plain"]] == ["stream"]
    assert outputs["load"] == []
    names = [view.name for view in executions(folder / "store")][::-1]
    assert names == [
        "Delays of 2013",  # double(2), double(3)
        "night",
        "own",
        "Delays of 2013",  # a span
        "bad",
        "drawn",
        "Delays of 2013",  # a deck
        "Delays of 2013",  # a chart
        "double",
    ]


def test_a_name_above_a_cell_names_its_execution_and_changes_nothing_else(
    outputs: dict[str, list[Any]], folder: Path
) -> None:
    assert lines(outputs["named"]) == ["night succeeded in "]
    (result,) = [output for output in outputs["named"] if output.output_type == "execute_result"]
    assert result.data["text/plain"] == "7"
    night = load_execution(executions(folder / "store", name="night")[0].id, folder / "store")
    assert [one.name for one in night.tasks] == ["night", "slow"]  # what belongs to no task, and the task
    (source,) = night.task("night").decks
    assert source.name == "Source Code"
    shown = re.sub(r"<[^>]*>", "", "".join(source.items))
    assert "async def slow" in shown


def test_an_execution_that_a_cell_makes_itself_is_shown_alone(outputs: dict[str, list[Any]]) -> None:
    assert lines(outputs["own"]) == ["own succeeded in , 1 warning"]


def test_a_cell_that_raises_is_a_failed_execution(outputs: dict[str, list[Any]], folder: Path) -> None:
    assert lines(outputs["failing"]) == ["bad failed in , 1 warning"]
    (error,) = [output for output in outputs["failing"] if output.output_type == "error"]
    assert error.ename == "ZeroDivisionError"
    assert "----> 4 1 / 0" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    bad = executions(folder / "store", name="bad")[0]
    assert bad.error == "ZeroDivisionError: division by zero"
    assert load_execution(bad.id, folder / "store").why().place == "In[7]:4"


def test_a_cell_that_raises_ends_before_its_traceback_is_drawn(outputs: dict[str, list[Any]], folder: Path) -> None:
    (error,) = [output for output in outputs["drawn"] if output.output_type == "error"]
    assert error.traceback == ["failed"]
    assert lines(outputs["drawn"]) == ["drawn failed in "]
    (view,) = executions(folder / "store", name="drawn")
    assert view.error == "Drawn"


def test_the_report_is_shown_in_a_sandboxed_frame(outputs: dict[str, list[Any]]) -> None:
    (shown,) = outputs["report"]
    assert 'sandbox="allow-scripts allow-popups allow-downloads"' in shown.data["text/html"]
    assert "night · succeeded" in shown.data["text/html"]


def test_the_report_is_a_line_where_scripts_are_off(outputs: dict[str, list[Any]]) -> None:
    (still,) = re.findall(r"<noscript>(.*?)</noscript>", outputs["report"][0].data["text/html"], re.DOTALL)
    assert "<summary><b>night</b> succeeded in " in still


@pytest.mark.browser
@pytest.mark.parametrize("cell", ["report", "deck"])
def test_where_scripts_are_off_there_is_no_empty_frame(
    outputs: dict[str, list[Any]], browser: Any, tmp_path: Path, cell: str
) -> None:
    (tmp_path / "notebook.html").write_text(outputs[cell][0].data["text/html"])
    page = browser.new_page(java_script_enabled=False)
    page.goto((tmp_path / "notebook.html").as_uri())
    assert page.locator("iframe").count() == 1
    assert not page.locator("iframe").is_visible()
    page.close()


def test_a_deck_is_legible_where_scripts_are_off(outputs: dict[str, list[Any]]) -> None:
    html = outputs["deck"][0].data["text/html"]
    (still,) = re.findall(r"<noscript>(.*?)</noscript>", html, re.DOTALL)
    assert "<td>three</td>" in still
    assert "<script" not in still


def test_a_large_script_is_in_one_cell_of_a_notebook(outputs: dict[str, list[Any]]) -> None:
    """JupyterLab and VS Code tell which cell runs: the first that needs it brings it, also when it is run again."""
    shown = [output.data["text/html"] for output in outputs["chart"] if "Chart" in output.data.get("text/html", "")]
    first, second, again, run_by_a_program, without_an_id = shown[:5]
    assert ["data-obs-body" in html for html in (first, second, again)] == [True, False, True]
    assert "data-obs-body" not in run_by_a_program + without_an_id
    assert "obs-shared-" in without_an_id
    assert "obs-shared-" not in first + second + again + run_by_a_program


def test_a_notebook_that_a_program_runs_has_it_once_too(folder: Path) -> None:
    """As nbconvert, papermill and this test do: no cell has an id, and nobody can answer."""
    source = CELLS["chart"].partition("cell =")[0] + "display(chart)"
    cells = [nbformat.v4.new_code_cell(text) for text in ("from obs_core import Deck", source, "display(chart)")]
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120, kernel_name="python3")
    with client.setup_kernel(cwd=str(folder), env=os.environ | {"OBS_STORE": str(folder / "other")}):
        for number, cell in enumerate(cells):
            client.execute_cell(cell, number)
    brought = ["data-obs-body" in one.data["text/html"] for cell in cells for one in cell.outputs]
    assert brought == [True, False]


def test_unloaded_it_leaves_cells_alone(outputs: dict[str, list[Any]]) -> None:
    assert lines(outputs["again"]) == []


def test_in_a_terminal_it_says_one_line_for_each_cell(tmp_path: Path) -> None:
    script = tmp_path / "cells.ipy"
    script.write_text(f"{CELLS['load']}\n{CELLS['tasks']}\n")
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", f"%run {script}"]
    variables = os.environ | {"OBS_STORE": str(tmp_path / "store"), "IPYTHONDIR": str(tmp_path / "ipython")}
    result = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.search(r"<Execution '\w+' \S+ succeeded>", result.stdout), result.stdout


FAILING = """
import asyncio
from obs_core import task

@task
def broken(number: int):
    return 1 / number

@task
async def awaited():
    broken(0)

@task
def generated():
    yield asyncio.run(awaited())

list(generated())
"""


def test_a_traceback_shows_the_users_calls_and_none_of_obs(tmp_path: Path) -> None:
    source = f"from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell().run_cell({FAILING!r})"
    variables = os.environ | {"OBS_STORE": str(tmp_path / "store"), "IPYTHONDIR": str(tmp_path / "ipython")}
    result = subprocess.run([sys.executable, "-c", source], env=variables, capture_output=True, text=True, check=True)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    assert [name for name in ("broken", "awaited", "generated") if f", in {name}(" in shown] == [
        "broken",
        "awaited",
        "generated",
    ]
    assert "obs_core" not in shown.partition("Traceback")[2].replace("from obs_core import task", "")


def test_where_nobody_tells_the_notebooks_name_a_cell_is_named_after_the_program(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(CELLS[key]) for key in ("load", "tasks", "again")]
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=120, kernel_name="python3")
    hidden = ("OBS_", "JPY_SESSION_NAME")
    variables = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    with client.setup_kernel(cwd=str(tmp_path), env=variables | {"OBS_STORE": str(tmp_path / "store")}):
        for number, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, number)
    assert [view.name for view in executions(tmp_path / "store")] == ["double", "python"]
