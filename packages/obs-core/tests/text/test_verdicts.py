"""Verdicts in HTML."""

from __future__ import annotations

from typing import Any

import pytest

from obs_core.rendering import escape, verdict_mark
from obs_core.text.verdicts import verdicts_in


@pytest.mark.parametrize("outcome", ["passed", "warned", "failed"])
@pytest.mark.parametrize("what", ["", "3 of 5 checks failed", "delay > 3 & < 9"])
def test_a_verdict_is_read_back_wherever_it_stands(outcome: Any, what: str) -> None:
    html = f"<p>before</p>{verdict_mark(outcome, what)}<p>after</p>"
    assert verdicts_in(html) == [(outcome, what.replace("<", "‹").replace(">", "›"))]


@pytest.mark.parametrize("what", ["-->", "--", "a-->b", "--!>", "-", "<!--", "line\nbreak"])
def test_nothing_that_was_found_ends_the_comment_early(what: str) -> None:
    mark = verdict_mark("failed", what)
    assert mark.count("-->") == 1
    assert mark.endswith("-->")
    assert "--" not in mark[len("<!--") : -len("-->")]
    assert [outcome for outcome, _ in verdicts_in(mark)] == ["failed"]


def test_escaped_text_is_no_verdict() -> None:
    assert verdicts_in(f"<td>{escape(verdict_mark('failed', 'by a value'))}</td>") == []


def test_another_outcome_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="not 'broken'"):
        verdict_mark("broken")  # type: ignore[arg-type]
