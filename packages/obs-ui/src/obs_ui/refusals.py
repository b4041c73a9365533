"""Answers to who may not look, or asks for what there is not: a page that says what to do, or one line for programs."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

import obs_core.report
from obs_core.values.plain import escape

__all__ = ["refusal"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · obs</title>
<style>{style}</style>
</head>
<body><main>{mark}<h1>{title}</h1><p>{message}</p><p class="code">obs answered {code}.</p></main></body>
</html>
"""


def refusal(headers: Headers, code: int, title: str, message: str, more: Mapping[str, str] | None = None) -> Response:
    """Return an answer that refuses a request.

    Its page is whole in itself: who is refused gets no stylesheet of ours either.

    Args:
        headers: The request's; a browser that opens a page says in ``Accept`` that it takes HTML.
        code: The HTTP status.
        title: What is wrong, in a few words.
        message: What to do about it: sentences, commands in backticks.
        more: Further headers.
    """
    if "text/html" not in headers.get("accept", ""):
        return PlainTextResponse(f"{title}. {message}\n", code, more)
    style = _style()
    told = re.sub("`(.+?)`", r"<code>\1</code>", escape(message))
    page = _PAGE.format(title=escape(title), message=told, code=code, style=style, mark=_mark())
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    only_this = {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'", "Vary": "Accept"}
    return HTMLResponse(page, code, only_this | dict(more or {}))


@functools.cache
def _style() -> str:
    """Return the colours of all pages, chosen by what the browser prefers since no script runs, and the page's own."""
    theme = (Path(obs_core.report.__file__).parent / "theme.css").read_text("utf-8")
    dark = theme.replace("@media screen", "@media screen and (prefers-color-scheme: dark)")
    return dark.replace(':root[data-theme="dark"]', ":root") + _static("refusal.css")


@functools.cache
def _mark() -> str:
    return _static("icon.svg").replace("<svg ", '<svg aria-hidden="true" ')


def _static(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text("utf-8")
