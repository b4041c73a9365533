"""Notebooks."""

import json

import pytest

from obs_core.rendering import render
from obs_renderers import NotebookRenderer

NOTEBOOK = {
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Delays\n", "by *carrier*"]},
        {
            "cell_type": "code",
            "source": "def late():\n    return 1",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mred\x1b[0m & done\n"]},
                {"output_type": "execute_result", "data": {"text/html": ["<b>", "12</b>"], "text/plain": "12"}},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=\n"}, "metadata": {}},
                {"output_type": "error", "ename": "KeyError", "evalue": "x", "traceback": ["KeyError: x"]},
            ],
        },
    ],
}


def test_text_code_and_outputs_are_shown_in_order():
    html = NotebookRenderer().to_html(NOTEBOOK)
    found = [
        html.find(text)
        for text in (
            "<h1>Delays</h1>",
            'class="nf">late<',
            "red &amp; done",
            "<b>12</b>",
            "iVBORw0KGgo=",
            "KeyError: x",
        )
    ]

    assert -1 not in found
    assert found == sorted(found)
    assert "\x1b" not in html


def test_without_its_code_it_is_a_report():
    html = NotebookRenderer(code=False).to_html(NOTEBOOK)

    assert "late" not in html
    assert "<b>12</b>" in html


def test_a_file_is_read_and_one_that_is_none_is_named(tmp_path):
    (tmp_path / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    (tmp_path / "b.ipynb").write_text("no JSON")

    assert "<h1>Delays</h1>" in NotebookRenderer().to_html(tmp_path / "a.ipynb")
    with pytest.raises(ValueError, match=r"b\.ipynb is not a notebook"):
        NotebookRenderer().to_html(str(tmp_path / "b.ipynb"))


def test_what_nbformat_reads_is_drawn_by_itself():
    nbformat = pytest.importorskip("nbformat")

    assert "<h1>Delays</h1>" in render(nbformat.from_dict(NOTEBOOK))
