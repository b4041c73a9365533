"""The UI's scripts for pages that are opened from disk: a browser loads no modules there, but classic scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import obs_core.report
from obs_ui.security import DECK_POLICY
from obs_ui.site import HERE

__all__ = ["assets"]

_REPORT = Path(obs_core.report.__file__).parent
_OF_ALL = (
    "report/elements.js",
    "report/wording.js",
    "report/theme.js",
    "report/documents.js",
    "report/frames.js",
    "report/tabs.js",
    "asking.js",
    "fetching.js",
)
"""Modules that others import, each behind those that it imports itself."""

_OF_SOME = ("page.js", "timeline.js", "lanes.js", "decks.js", "compare.js", "metrics.js", "pipeline.js", "pipelines.js")
_AS_THEY_ARE = ("report/theme.css", "report/page.css", "report/uplot.css", "report/curves.css", "report/uplot.js")
_CLASSIC = ("report/numbers.js", "report/curves.js")
_IN_FRAMES = ("theme.css", "frame.css", "frame.js", "paper.js")

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export const (\w+)", re.MULTILINE)
_DIRECTIVES_OF_HEADERS = re.compile(r"(?:sandbox|frame-ancestors)[^;]*;?\s*")
"""What a policy may say in a header only; the frame has its own attribute ``sandbox``."""


def assets() -> Iterator[tuple[str, str | bytes]]:
    """Yield the files that all pages share: their names, and what they hold."""
    own = HERE / "static"
    yield "static/obs.js", "var obsModules = {};\n" + "\n".join(_classic(name) for name in _OF_ALL)
    for name in _OF_SOME:
        yield f"static/{name}", _classic(name)
    for name in (*_AS_THEY_ARE, *_CLASSIC):
        yield f"static/{name}", _file_of(name).read_bytes()
    for name in ("ui.css", "theme.js", "icon.svg"):
        yield f"static/{name}", (own / name).read_bytes()
    texts = {name: (_REPORT / name).read_text(encoding="utf-8") for name in _IN_FRAMES}
    yield "static/frames.js", f"obsFile({as_script(texts)});\n"
    yield "static/frame.html", _frame()
    yield ".nojekyll", ""


def as_script(value: object) -> str:
    """Return a value as the text of a JSON text, for a script file to read: nothing in it is taken for code."""
    return json.dumps(json.dumps(value))


def _frame() -> str:
    """Return the empty document of a frame, with its policy inside: plain files have no headers."""
    policy = _DIRECTIVES_OF_HEADERS.sub("", DECK_POLICY).strip("; ")
    page = (HERE / "static" / "frame.html").read_text(encoding="utf-8")
    start = '<!doctype html><meta charset="utf-8">'
    if not page.startswith(start):
        raise AssertionError("frame.html begins otherwise: its policy has to stand before its script")
    return f'{start}<meta http-equiv="Content-Security-Policy" content="{policy}">{page.removeprefix(start)}'


def _file_of(name: str) -> Path:
    if name == "asking.js":
        return Path(__file__).with_name("asking.js")
    return _REPORT / name.removeprefix("report/") if name.startswith("report/") else HERE / "static" / name


def _classic(name: str) -> str:
    """Return a module as a function that is called at once: what it imports and exports lies in `obsModules`."""
    text = _file_of(name).read_text(encoding="utf-8")
    folder = name.rpartition("/")[0]
    names = _EXPORT.findall(text)

    def imported(found: re.Match[str]) -> str:
        place = f"{folder}/{found[2]}" if folder else found[2]
        return f'const {{{found[1].replace(" as ", ": ")}}} = obsModules["{place}"];\n'

    body = _EXPORT.sub(r"const \1", _IMPORT.sub(imported, text))
    if re.search(r"^(?:import|export)\b|\bimport\.meta\b", body, re.MULTILINE):
        raise AssertionError(f"{name} imports or exports in a way that cannot be written for plain files")
    return f'obsModules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(names)} }};\n}})();\n'
