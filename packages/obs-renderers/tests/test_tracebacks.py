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


def test_values_of_variables_are_not_shown():
    def fails():
        password = "".join(reversed("2retnuh"))
        raise ValueError(len(password))

    assert "hunter" + "2" not in TracebackRenderer().to_html(caught(fails))


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
