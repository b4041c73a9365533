"""Markdown."""

import re

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
    assert "<ol>" not in html("It was in\n1986. A good year.")


def test_footnotes_of_two_texts_do_not_share_anchors():
    first = re.findall(r'id="(fn.*?)"', html("a[^1]\n\n[^1]: one"))
    second = re.findall(r'id="(fn.*?)"', html("b[^1]\n\n[^1]: two"))

    assert first
    assert set(first).isdisjoint(second)


def test_a_link_that_would_run_a_script_has_no_address():
    assert "href" not in html("[a](java\tscript:alert(1))")
    assert "href" not in html("[a](javascript:alert(1))")


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


def test_a_list_whose_first_item_alone_is_at_the_margin_keeps_its_levels():
    assert html("- a\n  - b\n  - c").count("<ul>") == 2


def test_an_image_that_would_be_loaded_is_named_instead():
    text = html("![Delays by hour](https://example.com/plot.png)")

    assert "<img" not in text
    assert "Delays by hour" in text
    assert "not loaded: https://example.com/plot.png" in text
    assert '<img src="data:image/png;base64,aaaa" alt="dot"' in html("![dot](data:image/png;base64,aaaa)")
