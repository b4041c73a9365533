"""Markdown."""

import re

import markdown_it
import pytest

from obs_renderers import MarkdownRenderer


def html(text):
    return re.sub(r"<style>.*?</style>", "", MarkdownRenderer().to_html(text), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Delays", "<h1>Delays</h1>"),
        ("|a|b|\n|-|-:|\n|1|2|", "<td>1</td>"),
        ("~~old~~", "<s>old</s>"),
        ("```python\ndef f(): pass\n```", '<span class="k">def</span>'),
        ("```\n<b>\n```", "&lt;b&gt;"),
        ("[a](https://example.com)", 'target="_blank"'),
        ("text\n- item", "<li>item</li>"),
        ("text\n1. item", "<li>item</li>"),
        ("<b>raw</b>", "<b>raw</b>"),
        ("text\n|a|b|\n|-|-|\n|1|2|", "<td>1</td>"),
        ("text\n> quoted", "<blockquote>"),
        ("#Heading", "<p>#Heading</p>"),
        ("#1 in delays", "<p>#1 in delays</p>"),
        ("Term\n: meaning", "<dd>meaning</dd>"),
        ("1. a\n\n   ```\n   x\n   ```", "<code>x</code>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("!!! note\n    Mind.", 'class="admonition note"'),
    ],
)
def test_what_writers_expect(text, expected):
    assert expected in html(text)


@pytest.mark.skipif(
    tuple(map(int, markdown_it.__version__.split(".")[:2])) < (4, 1), reason="markdown-it-py knows alerts from 4.1 on"
)
def test_a_quote_that_begins_with_a_known_kind_is_an_alert():
    text = html("> [!WARNING]\n> Rows are *missing*.\n>\n> - June")

    assert re.search(
        r'<div class="markdown-alert markdown-alert-warning">\s*<p class="markdown-alert-title">Warning</p>\s*'
        r"<p>Rows are <em>missing</em>.</p>\s*<ul>\s*<li>June</li>\s*</ul>\s*</div>",
        text,
    )
    assert "blockquote" not in text
    for other in ("> [!SHOUT]\n> x", "> [!NOTE] and more\n> x", "> Mind [!NOTE]\n> x"):
        assert "<blockquote>" in html(other)
        assert "markdown-alert" not in html(other)


def test_task_list_items_are_checkboxes():
    done, still_open = re.findall("<input.*?>", html("- [x] done\n- [ ] open"))

    assert "checked" in done
    assert "checked" not in still_open
    assert 'type="checkbox"' in still_open


def test_lists_nest_by_two_spaces():
    assert re.sub(r"\s", "", html("- a\n  - b\n    - c\n- d")).count("<ul>") == 3


def test_lists_nest_in_numbered_lists():
    text = re.sub(r"\s", "", html("1. a\n   - b\n2. c"))

    assert "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>" in text


def test_code_inside_a_list_stays_in_it():
    text = re.sub(r"\s", "", html("- a\n\n  ```python\n  x = 1\n  ```\n- b"))

    assert text.count("<ul>") == 1
    assert '<preclass="code"' in text


def test_a_sentence_that_begins_with_a_year_is_no_list():
    assert "<p>It was in\n1986. A good year.</p>" in html("It was in\n1986. A good year.")


def test_footnotes_of_two_texts_do_not_share_anchors():
    first = re.findall(r'id="(fn.*?)"', html("a[^1]\n\n[^1]: one"))
    second = re.findall(r'id="(fn.*?)"', html("b[^1]\n\n[^1]: two"))

    assert first
    assert set(first).isdisjoint(second)


def test_a_link_that_would_run_a_script_has_no_address():
    for address in ("java\tscript:alert(1)", "javascript:alert(1)"):
        shown = html(f"[the run]({address})")
        assert "href" not in shown
        assert "the run" in shown


def test_indentation_that_all_lines_share_is_taken_off():
    assert "<h1>Delays</h1>" in html("    # Delays\n\n    text")


def summarise():
    """Summarise the delays.

    The *mean* by carrier:

    - of departures
      - and of arrivals

    ```python
    if late:
        wait()
    ```
    """


def test_a_docstring_loses_its_margin():
    text = html(summarise.__doc__)

    assert "<p>Summarise the delays.</p>" in text
    assert "<em>mean</em>" in text
    assert text.count("<ul>") == 2
    assert ':</span>\n    <span class="n">wait' in text


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("first", ["Run this:", "# Run", "Run", "A **word**", "Run this:\n\n- one\n- two\n\nand"])
def test_an_indented_block_after_the_first_line_is_code(first, end):
    text = html(f"{first}\n\n    rm *x*\n      y{end}")

    assert re.search(r"<pre.*?><code>rm \*x\*\n  y</code></pre>", text)


def test_the_text_of_an_admonition_stays_in_it():
    for end in ("", "\n"):
        assert re.search(r'<div class="admonition note">.*Mind\..*</div>', html(f"!!! note\n    Mind.{end}"), re.DOTALL)


@pytest.mark.parametrize("end", ["", "\n    ", "\n\n    "])
def test_the_margin_of_a_docstring_is_where_its_quotes_close_or_its_lines_begin(end):
    text = html(f"Summarise the delays.\n\n    The *mean*:\n\n        x = 1\n\n    - a{end}")

    assert "<em>mean</em>" in text
    assert "<code>x = 1</code>" in text
    assert "<li>a</li>" in text


def test_a_docstring_may_begin_with_what_introduces_code():
    assert "<code>rm x</code>" in html("Run this:\n\n        rm x\n\n    and *wait*.\n    ")
    assert "<em>wait</em>" in html("Run this:\n\n        rm x\n\n    and *wait*.\n    ")


def test_a_list_whose_first_item_alone_is_at_the_margin_keeps_its_levels():
    assert html("- a\n  - b\n  - c").count("<ul>") == 2


def test_an_image_that_would_be_loaded_is_named_instead():
    text = html("![Delays by hour](https://example.com/plot.png)")

    assert "<img" not in text
    assert "Delays by hour" in text
    assert "not loaded: https://example.com/plot.png" in text
    assert '<img src="data:image/png;base64,aaaa" alt="dot"' in html("![dot](data:image/png;base64,aaaa)")


def test_html_that_loads_says_from_where():
    assert "The HTML in it loads from example.com: without a network" in html("<img src='https://example.com/a.png'>")
    assert "loads from" not in html("See https://example.com or `<img src=https://example.com/a.png>`.")
