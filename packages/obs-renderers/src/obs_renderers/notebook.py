"""Show a notebook: its text, code and what the code gave."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obs_core.rendering import display_html
from obs_core.text.controls import visible_lines
from obs_renderers._highlight import highlighted_lines
from obs_renderers._markup import encodable, escape, fragment, shorten
from obs_renderers._types import reject
from obs_renderers.markdown import MarkdownRenderer

__all__ = ["NotebookRenderer"]

_TAKES = "a notebook of nbformat, its content as a dict, or the path of an .ipynb file"
_MAX_TEXT = 20_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class NotebookRenderer:
    """Show a Jupyter notebook as it is, such as one that papermill wrote; nothing is run.

    Args:
        code: Whether to show the code; without it only text and outputs are shown, as in a report.

    Examples:
        >>> html = NotebookRenderer(code=False).to_html("out/flights.ipynb")  # doctest: +SKIP
    """

    def __init__(self, *, code: bool = True) -> None:
        self._code = code

    def to_html(self, notebook: Any) -> str:
        """Render a notebook.

        Args:
            notebook: What nbformat or papermill gives, such a dict, or the path of a file.

        Returns:
            An HTML fragment.

        Raises:
            TypeError: It is none of these.
            ValueError: The file is no notebook.
            FileNotFoundError: There is no file at that path.
        """
        if isinstance(notebook, (str, os.PathLike)):
            notebook = _read(Path(notebook))
        if not isinstance(notebook, Mapping) or not isinstance(notebook.get("cells"), list):
            reject(self, notebook, _TAKES)
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language") or "python"
        cells = [self._cell(cell, language) for cell in notebook["cells"]]
        return fragment("notebook", "".join(cells), styles=("code", "notebook"))

    def _cell(self, cell: Mapping[str, Any], language: str) -> str:
        source = _joined(cell.get("source"))
        kind = cell.get("cell_type")
        if kind == "markdown":
            return MarkdownRenderer().to_html(source)
        if kind != "code":
            return f"<pre>{escape(shorten(source, _MAX_TEXT))}</pre>"
        lines = "\n".join(highlighted_lines(source, language))
        code = f'<pre class="code" tabindex="0"><code>{lines}</code></pre>' if self._code and source.strip() else ""
        return code + "".join(_output(output) for output in cell.get("outputs", []))


def _read(path: Path) -> Any:
    content = path.read_text(encoding="utf-8")
    try:
        return json.loads(content)
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from None


def _joined(text: Any) -> str:
    """Give a text that the file keeps whole or as a list of lines."""
    return encodable("".join(text) if isinstance(text, list) else str(text or ""))


def _output(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _text(_joined(output.get("text")), "bad" if output.get("name") == "stderr" else "")
    if kind == "error":
        trace = "\n".join(output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"])
        return _text(_joined(trace), "bad")
    shown = display_html(_Output(output.get("data") or {}, output.get("metadata") or {}))
    return f'<div class="output">{encodable(shown)}</div>' if shown is not None else ""


def _text(text: str, css: str) -> str:
    plain = _COLOURS.sub("", text)
    if len(plain) > _MAX_TEXT:
        half = _MAX_TEXT // 2
        plain = f"{plain[:half]}\n… {len(plain) - 2 * half:,} characters left out …\n{plain[-half:]}"
    return f'<pre class="output {css}">{escape(visible_lines(plain))}</pre>' if plain.strip() else ""


class _Output:
    """What a cell displayed, as an object that displays it."""

    def __init__(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self._data = {kind: "".join(part) if isinstance(part, list) else part for kind, part in data.items()}
        self._metadata = dict(metadata)

    def _repr_mimebundle_(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._data, self._metadata
