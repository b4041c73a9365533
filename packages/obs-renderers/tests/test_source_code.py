"""Source code."""

import html as markup
import re

from obs_renderers import SourceCodeRenderer


def code(page):
    inner = re.search(r"<code>(.*?)</code>", page, re.DOTALL)[1]
    return markup.unescape(re.sub(r"<[^>]*>", "", inner))


def test_the_code_is_there_character_for_character():
    source = "def f(a):\n\tif a < 3 and 'x' in \"é\":\n\n        return '''\n  two\n'''"

    assert code(SourceCodeRenderer().to_html(source)) == source


def test_keywords_are_marked():
    assert '<span class="k">return</span>' in SourceCodeRenderer().to_html("return 1")


def test_shared_indentation_is_taken_off():
    assert code(SourceCodeRenderer().to_html("    a = 1\n    b = 2\n")) == "a = 1\nb = 2"


def test_each_line_is_numbered_from_the_first():
    page = SourceCodeRenderer(first_line=41).to_html("a\nb\nc")

    assert page.count('class="line"') == 3
    assert "counter-reset: line 40" in page


def test_the_title_is_shown_unless_empty():
    assert "<b>Source Code</b>" in SourceCodeRenderer().to_html("a")
    assert "<b>" not in SourceCodeRenderer("").to_html("a")


def test_another_language_is_highlighted():
    assert '<span class="k">SELECT</span>' in SourceCodeRenderer(language="sql").to_html("SELECT 1")


def test_an_unknown_language_is_plain_text():
    assert code(SourceCodeRenderer(language="no such").to_html("a < b")) == "a < b"
