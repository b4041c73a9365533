"""What happens while somebody looks: nothing has to be reloaded, nothing is lost."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from obs_core.store import open_store

pytestmark = pytest.mark.browser

SCRIPT = """
import sys
from obs_core import Deck, current_context, execution, link, span, task

@task(deck_fields=(), logs=False)
def work():
    first = Deck("First")
    first.append("<p style='height:3000px'>tall</p><p id=n>step 0</p>")
    Deck.publish()
    print("ready", flush=True)
    for number, order in enumerate(sys.stdin, 1):
        if order.strip() == "end":
            return
        if order.strip() == "deck":
            Deck(f"Deck {number}").append(f"<p>new {number}</p>")
            link("W&B run", "https://wandb.example/1")
        elif order.strip() == "raise":
            raise ValueError("no such airport")
        else:
            first.append(f"<p>step {number}</p>")
        with span(f"span {number}"):
            pass
        Deck.publish()
        print("published", flush=True)

with execution("live", tags={"kind": "test"}):
    work()
"""


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(locator)


def deck_frame(page: Any) -> Any:
    return page.frame_locator(".panel:not(.away) > iframe:not(.arriving)")


class Run:
    """The script while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert self.answer() == "ready"
        self.id = open_store().names("executions")[-1]

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        if order in ("deck", "item"):
            assert self.answer() == "published"


@pytest.fixture
def run(start_script: Callable[..., subprocess.Popen[str]]) -> Run:
    return Run(start_script(SCRIPT))


def test_decks_appear_as_they_are_published(run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{run.id}/tasks/main.2")
    expect(page.locator(".head .badge")).to_have_text("Running")
    expect(deck_frame(page).get_by_text("step 0")).to_be_visible()
    page.evaluate("scrollTo(0, 1500)")
    page.evaluate("window.same = true")

    run.tell("deck")
    expect(page.get_by_role("tab")).to_have_count(2)
    expect(page.get_by_role("tab", name="First")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("link", name="W&B run")).to_have_attribute("href", "https://wandb.example/1")
    run.tell("item")
    expect(deck_frame(page).get_by_text("step 2")).to_have_count(1)
    assert page.evaluate("scrollY") == 1500
    expect(deck_frame(page).get_by_text("step 0")).to_have_count(1)

    page.get_by_role("tab", name="Deck 1").click()
    expect(deck_frame(page).get_by_text("new 1")).to_be_visible()
    run.tell("raise")
    expect(page.locator(".head .badge")).to_have_text("Failed")
    expect(page.locator(".head .error")).to_contain_text("no such airport")
    expect(page.get_by_role("tab", name="Error")).to_be_visible()
    expect(page.get_by_role("tab", name="Deck 1")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("window.same") is True


def test_the_hottest_operations_have_all_spans_while_the_run_goes_on(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{run.id}")
    operations = page.locator(".operations .hot").first
    expect(operations).to_contain_text("work")
    for _ in range(12):  # faster than they are drawn
        run.tell("item")
    expect(operations).to_contain_text("span 12")
    for number in range(1, 13):
        expect(operations.get_by_text(f"span {number}", exact=True)).to_have_count(1)
    expect(page.locator(".head .badge")).to_have_text("Running")


def test_the_hottest_operations_stay_under_the_reader_s_fingers(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{serve().url}executions/{run.id}")
    link = page.locator(".operations .hot").first.get_by_role("link", name="work", exact=True)
    link.focus()
    run.tell("item")
    expect(page.locator(".operations .hot").first).to_contain_text("span 1")
    assert page.evaluate("document.activeElement.closest('.operations') !== null")
    link.hover()
    page.mouse.down()
    page.evaluate("window.held = document.querySelector('.operations .hot')")
    with page.expect_response(re.compile("/operations$")):
        run.tell("item")
    page.evaluate("new Promise((resolve) => setTimeout(resolve))")  # what came has been dealt with
    assert page.evaluate("window.held.isConnected")
    page.mouse.up()
    expect(page.locator(".operations .hot").first).to_contain_text("span 2")
    expect(page.locator(".span-panel")).to_be_visible()


COUNT_READ = """
window.read = 0;
const text = Response.prototype.text;
Response.prototype.text = async function () {
  const found = await text.call(this);
  if (this.url.endsWith("/operations")) setTimeout(() => { window.read += 1; });  // once the page has dealt with it
  return found;
};
"""


def test_an_early_answer_that_comes_late_replaces_no_later_one(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    page = open_page("about:blank")
    page.add_init_script(COUNT_READ)
    page.goto(f"{serve().url}executions/{run.id}")
    operations = page.locator(".operations .hot").first
    expect(operations).to_contain_text("work")
    held: list[tuple[Any, Any]] = []

    def hold_the_first(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(re.compile("/operations$"), hold_the_first)
    run.tell("item")
    expect(page.locator(".fact", has_text="Spans")).to_contain_text("3")
    while not held:
        page.wait_for_timeout(20)
    run.tell("item")
    run.tell("end")
    expect(page.locator(".head .badge")).to_have_text("Succeeded")
    expect(operations).to_contain_text("span 2")
    before = page.evaluate("window.read")
    held[0][0].fulfill(response=held[0][1])
    page.wait_for_function(f"window.read > {before}")
    expect(operations).to_contain_text("span 2")


def test_an_execution_moves_by_itself(run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]) -> None:
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator(".head .badge")).to_have_text("Running")
    expect(page.locator(".fact", has_text="Spans")).to_contain_text("2")  # the execution, and its task at once
    for _ in range(3):
        run.tell("item")
    expect(page.locator(".fact", has_text="Spans")).to_contain_text("5")
    run.tell("end")
    expect(page.locator(".head .badge")).to_have_text("Succeeded")
    expect(page.locator(".hot").first).to_contain_text("span 1")


def test_the_list_moves_by_itself(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    page = open_page(serve().url)
    row = page.locator(".executions tbody")
    expect(row).to_have_attribute("data-status", "running")
    row.get_by_role("checkbox").check()
    started = Run(start_script(SCRIPT))
    expect(row).to_have_count(2)
    expect(row.get_by_role("checkbox").nth(1)).to_be_checked()
    run.tell("end")
    expect(row.nth(1)).to_have_attribute("data-status", "succeeded")
    started.process.kill()
    expect(row.nth(0)).to_have_attribute("data-status", "lost")


def test_what_was_open_when_it_was_killed_took_at_least_as_long(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    run.tell("item")
    run.process.kill()
    page = open_page(f"{serve().url}executions/{run.id}")
    expect(page.locator(".head .badge")).to_have_text("Lost")
    expect(page.locator("[data-shown]")).to_contain_text("at least")
    hottest = page.locator("section", has=page.get_by_role("heading", name="Hottest operations"))
    work, done = hottest.locator("tr", has_text="work"), hottest.locator("tr", has_text="span 1")
    for cell in (1, 3, 5):  # self time, total, longest
        expect(work.locator("td").nth(cell)).to_contain_text("≥")
        expect(done.locator("td").nth(cell)).not_to_contain_text("≥")
    work.get_by_role("link").click()
    expect(page.locator(".span-panel .fact", has_text="Duration")).to_contain_text("at least")


def test_an_empty_store_shows_what_to_type_and_then_what_was_recorded(
    serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    page = open_page(serve().url)
    expect(page.get_by_role("heading", name="Nothing is recorded here yet")).to_be_visible()
    start_script(page.locator("pre").inner_text()).wait()
    expect(page.locator(".executions tbody")).to_have_count(1)
    page.get_by_role("link", name="hello").click()
    expect(page.locator(".head .badge")).to_have_text("Succeeded")


def test_a_server_that_is_gone_is_said_to_be(
    run: Run, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    server = serve()
    page = open_page(f"{server.url}executions/{run.id}", complains=True)
    expect(page.locator(".head .badge")).to_have_text("Running")
    assert server.end() == (0, "")
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()


KILLED = """
import os, signal
from obs_core import execution, span, task
from obs_core.journal import flusher
@task
def devour():
    with span("chew"):
        flusher.flush_all()
        os.kill(os.getpid(), signal.SIGKILL)
with execution("soon"):
    devour()
"""


def test_a_run_that_was_killed_at_once_shows_its_task_and_how_long_it_lasted_at_least(
    serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    start_script(KILLED).wait()
    page = open_page(serve().url)
    row = page.locator(".executions tbody")
    expect(row).to_contain_text("soon")
    expect(row.locator(".number")).to_have_text(re.compile(r"^≥ [1-9].* m?s$"))
    expect(row.locator(".status")).to_have_attribute("title", re.compile("^Lost: it ended without saying so"))
    row.get_by_role("link", name="soon").click()
    expect(page.locator(".head .badge")).to_have_text("Lost")
    expect(page.locator(".fact", has_text="Duration")).to_have_text(re.compile(r"^Durationat least [1-9].* m?s$"))
    expect(page.locator(".head .why")).to_contain_text("ended without saying so")
    expect(page.locator(".tree tbody tr")).to_have_count(1)
    expect(page.locator(".tree tbody tr")).to_contain_text("devour")
    expect(page.locator(".tree .number").last).to_have_text(re.compile("^≥ "))


TALKS = """
import logging, sys
from obs_core import execution, span, task

@task(deck_fields=())
def work():
    print("ready", flush=True)
    for order in sys.stdin:
        with span("answering"):
            logging.getLogger("app").warning("<b>told</b> %s", order.strip())
            print("published", flush=True)

with execution("talks"):
    work()
"""


def test_what_a_task_says_appears_in_its_logs_tab(
    serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    run = Run(start_script(TALKS))
    page = open_page(f"{serve().url}executions/{run.id}/tasks/main.2")
    expect(page.get_by_role("tab", name="Logs")).to_be_visible()
    expect(deck_frame(page).locator(".lines")).to_contain_text("ready")
    run.tell("item")
    expect(deck_frame(page).locator(".lines")).to_contain_text("app: <b>told</b> item")
    expect(deck_frame(page).locator(".problems summary")).to_have_text("1 warning")
    expect(deck_frame(page).locator(".row .span").last).to_have_text("answering")
    run.process.kill()


SAYS = """
import sys
from obs_core import execution, span, task

@task(deck_fields=())
def work():
    with span("reading"):
        print("<b>in</b> the span", file=sys.stderr)
    print("in the task", file=sys.stderr)

with execution("talks"):
    print("outside any task", file=sys.stderr)
    work()
    print("ready", flush=True)
    for order in sys.stdin:
        print("said", order.strip(), file=sys.stderr)
"""


def test_a_line_leads_to_its_span_and_a_span_to_its_lines(
    serve: Callable[..., Any], open_page: Callable[..., Any], start_script: Callable[..., Any]
) -> None:
    run = Run(start_script(SAYS))
    page = open_page(f"{serve().url}executions/{run.id}")
    lines = page.get_by_role("list", name="Lines of all tasks")
    expect(lines.locator("li", has_text="outside any task")).to_be_visible()
    run.tell("while it runs")
    expect(lines).to_contain_text("said while it runs")
    lines.get_by_role("link", name="<b>in</b> the span").click()
    panel = page.locator(".span-panel")
    expect(panel.get_by_role("heading", level=3)).to_have_text("reading")
    of_span = panel.get_by_role("list", name="Lines of this span").locator("li")
    expect(of_span).to_have_count(1)
    expect(of_span).to_contain_text("<b>in</b> the span")
    panel.get_by_role("link", name="work").first.click()
    expect(of_span).to_have_count(2)
    expect(of_span.last).to_contain_text("in the task")
    run.process.kill()
