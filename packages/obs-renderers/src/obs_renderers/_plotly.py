"""What every plotly chart of a report shares: plotly.js, and a script that follows page and theme."""

from __future__ import annotations

import functools
import json
from typing import Any

from obs_renderers._markup import json_for_script, script

__all__ = ["chart_html"]


@functools.cache
def library() -> str:
    """Give plotly.js of the installed plotly as a script element.

    It is the same bytes for each chart, so a report keeps one copy; a page that holds several runs it once.
    """
    from plotly.offline import get_plotlyjs

    return f"<script data-obs-once>\nif (!window.Plotly) {{\n{get_plotlyjs()}\n}}\n</script>"


def chart_html(figure: Any) -> str:
    """Write a plotly figure as HTML that holds the library, the theme script, and the figure by itself.

    The default template, 6 KB in each figure, is left out: the theme script has one for light and one for
    dark pages. A template that the user chose is kept.

    Args:
        figure: A plotly Figure.
    """
    content = json.loads(figure.to_json(validate=False))
    layout = content.get("layout", {})
    own_template = not _is_default(figure)
    if not own_template:
        layout.pop("template", None)
    content = {
        "data": content.get("data", []),
        "layout": layout,
        "frames": content.get("frames", []),
        "own": own_template,
    }
    encoded = json_for_script(json.dumps(content, separators=(",", ":")))
    starter = "<script>obsPlotly(document.currentScript.parentElement)</script>"
    return (
        f'<div class="chart"><noscript><p class="note">This chart needs scripts.</p></noscript>'
        f'<script type="application/json">{encoded}</script>{library()}'
        f"{script('plotly_theme')}{starter}</div>"
    )


def _is_default(figure: Any) -> bool:
    import plotly.io as pio

    template = figure.layout.template
    if template is None or not template.to_plotly_json():
        return True
    name = pio.templates.default
    return isinstance(name, str) and name in ("plotly", "plotly_white") and template == pio.templates[name]
