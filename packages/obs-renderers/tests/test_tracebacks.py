"""Exceptions and tracebacks."""

import html as markup
import re

from obs_renderers import TracebackRenderer


def text(html):
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", markup.unescape(re.sub(r"<[^>]*>", " ", html))).strip()


def caught(function):
    try:
        function()
    except BaseException as error:
        return error


def from_cause():
    try:
        {}["EWR"]
    except KeyError as error:
        raise ValueError("no such airport") from error


def test_the_error_comes_first_then_what_caused_it():
    page = text(TracebackRenderer().to_html(caught(from_cause)))

    assert page.startswith("ValueError no such airport")
    assert page.index("ValueError no such") < page.index("caused by") < page.index("KeyError 'EWR'")


def test_an_error_raised_while_handling_another_shows_both():
    def fails():
        try:
            int("x")
        except ValueError:
            raise RuntimeError("second")  # noqa: B904

    assert "raised while handling" in text(TracebackRenderer().to_html(caught(fails)))


def test_the_line_that_raised_is_marked():
    html = TracebackRenderer().to_html(caught(from_cause))
    marked = [text(line) for line in re.findall(r'<span class="line here">(.*)', html)]

    assert [line[:18] for line in marked] == ["function ( )", "raise ValueError (", '{ } [ " EWR " ]']


def test_notes_and_members_of_a_group_are_shown():
    group = ExceptionGroup("two", [ValueError("first"), OSError("second")])
    group.add_note("while loading")
    page = text(TracebackRenderer().to_html(group))

    for part in (
        "ExceptionGroup",
        "two (2 sub-exceptions)",
        "while loading",
        "ValueError first",
        "OSError second",
    ):
        assert part in page


def test_of_many_notes_the_first_are_shown_and_the_others_are_counted():
    error = ValueError("no such airport")
    for number in range(7):
        error.add_note(f"row {number}")
    page = text(TracebackRenderer().to_html(error).partition('<pre class="printed"')[0])

    assert "row 4 and 2 more notes" in page
    assert "row 5" not in page


def test_values_of_variables_are_not_shown():
    def fails():
        password = "".join(reversed("2retnuh"))
        raise ValueError(len(password))

    page = TracebackRenderer().to_html(caught(fails))
    assert "hunter" + "2" not in page
    assert "raise ValueError(len(password))" in text(page)


def test_a_deep_recursion_is_cut():
    def deeper():
        deeper()

    page = TracebackRenderer().to_html(caught(deeper))
    assert "frames not shown" in page
    assert len(page) < 200_000


def test_an_error_that_cannot_be_printed_is_shown():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    assert "its message cannot be printed: RuntimeError" in TracebackRenderer().to_html(Broken())


def test_a_traceback_alone_is_shown():
    assert "from_cause" in TracebackRenderer().to_html(caught(from_cause).__traceback__)


def test_file_and_line_of_the_users_code_come_first_and_can_be_copied():
    import json

    html = TracebackRenderer().to_html(caught(lambda: json.loads("{")))
    page = text(html)

    assert re.match(r"json\.decoder\.JSONDecodeError .*? \S*test_tracebacks\.py:\d+ in <lambda>", page)
    assert f'<span class="path" hidden>{__file__}:' in html
    assert 'data-copy="path"' in html
    assert "Traceback (most recent call last):" in text(html.partition('class="printed"')[2])


def test_frames_of_obs_are_left_out_and_counted():
    from obs_core import task

    @task(enable_deck=False)
    def fails():
        raise ValueError("by the user's code")

    html = TracebackRenderer().to_html(caught(fails))
    shown = html.partition('class="printed"')[0]

    assert "tasks/task.py" not in shown
    assert re.search(r"\d+ frames? of obs left out", shown)
    assert text(shown).count("test_tracebacks.py:") == 4  # where it was raised, once to copy; the two calls


def test_an_error_of_obs_alone_shows_its_frames():
    from obs_core.rendering import verdict_mark

    frames = caught(lambda: verdict_mark("broken")).__traceback__
    while frames.tb_next is not None:
        frames = frames.tb_next

    assert "verdicts.py" in text(TracebackRenderer().to_html(frames))
