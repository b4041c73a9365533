"""Show whatever has a notebook display: pandas Styler, great_tables, scikit-learn estimators and others."""

from __future__ import annotations

from typing import Any

from obs_core.rendering import display_html
from obs_renderers._markup import encodable, fragment
from obs_renderers._types import reject

__all__ = ["HtmlReprRenderer"]


class HtmlReprRenderer:
    """Show an object as notebooks do: HTML, SVG, PNG, JPEG, Markdown, LaTeX as text.

    Examples:
        >>> from sklearn.linear_model import LinearRegression
        >>> html = HtmlReprRenderer().to_html(LinearRegression())
    """

    def to_html(self, value: Any) -> str:
        """Render an object.

        Args:
            value: Anything that has a ``_repr_mimebundle_``, ``_repr_html_``, ``_repr_svg_`` or the like.

        Returns:
            What that shows, in a box that scrolls when it is wide.

        Raises:
            TypeError: It has no such method, or they showed nothing.
        """
        html = display_html(value)
        if html is None:
            reject(self, value, "an object that shows itself in notebooks (_repr_html_ or the like)")
        html = encodable(html)
        if html.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
            return html
        return fragment("repr", f'<div class="wide">{html}</div>')
