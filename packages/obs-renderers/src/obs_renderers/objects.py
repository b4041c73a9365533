"""Show objects of classes that no other renderer knows."""

from __future__ import annotations

from typing import Any

from obs_core.rendering import bounded_repr, shown_fields
from obs_renderers._markup import escape, fragment
from obs_renderers.tree import TreeRenderer

__all__ = ["ObjectRenderer"]


class ObjectRenderer:
    """Show any object: a dataclass as a tree, one with a notebook display by that, else its `repr`.

    Example:
        >>> html = ObjectRenderer().to_html(object())
    """

    def to_html(self, value: Any) -> str:
        """Render any object.

        Args:
            value: Anything.

        Returns:
            An HTML fragment.
        """
        if isinstance(value, type):
            return _printed(value)
        if callable(getattr(value, "_repr_html_", None)):
            return _displayed(value)
        return _printed(value) if shown_fields(value) is None else TreeRenderer().to_html(value)


def _displayed(value: Any) -> str:
    from obs_renderers.html_repr import HtmlReprRenderer

    try:
        return HtmlReprRenderer().to_html(value)
    except TypeError:  # a display that has nothing to say
        return _printed(value)


def _printed(value: Any) -> str:
    return fragment("tree", f'<span class="value">{escape(bounded_repr(value, 20_000))}</span>', styles=("tree",))
