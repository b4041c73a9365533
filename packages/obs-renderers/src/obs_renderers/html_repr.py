"""Show whatever has a notebook display: pandas Styler, great_tables, scikit-learn estimators and others."""

from __future__ import annotations

from typing import Any

from obs_renderers._markup import encodable, fragment
from obs_renderers._types import reject

__all__ = ["HtmlReprRenderer"]


class HtmlReprRenderer:
    """Show an object by the `_repr_html_` that it offers to notebooks.

    Examples:
        >>> from sklearn.linear_model import LinearRegression
        >>> html = HtmlReprRenderer().to_html(LinearRegression())
    """

    def to_html(self, value: Any) -> str:
        """Render an object.

        Args:
            value: Anything whose `_repr_html_` returns HTML.

        Returns:
            That HTML, in a box that scrolls when it is wide.

        Raises:
            TypeError: It has no `_repr_html_`, or one that returned none.
        """
        method = None if isinstance(value, type) else getattr(value, "_repr_html_", None)
        html = method() if callable(method) else None
        if not isinstance(html, str):
            reject(self, value, "an object whose _repr_html_ returns HTML")
        html = encodable(html)
        if html.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
            return html
        return fragment("repr", f'<div class="scroll" tabindex="0">{html}</div>')
