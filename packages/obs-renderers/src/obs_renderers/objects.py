"""Show objects of classes that no other renderer knows."""

from __future__ import annotations

from typing import Any

from obs_core.rendering import bounded_repr, display_html, shown_fields
from obs_renderers._markup import escape, fragment
from obs_renderers.tree import TreeRenderer

__all__ = ["ObjectRenderer"]


class ObjectRenderer:
    """Show any object: a dataclass as a tree, others by their notebook display or, without one, their `repr`.

    Examples:
        >>> html = ObjectRenderer().to_html(object())
    """

    def to_html(self, value: Any) -> str:
        """Render any object.

        Args:
            value: Anything.

        Returns:
            An HTML fragment.
        """
        if not isinstance(value, type):
            if (html := display_html(value)) is not None:
                return html
            if shown_fields(value) is not None:
                return TreeRenderer().to_html(value)
        return fragment("tree", f'<span class="value">{escape(bounded_repr(value, 20_000))}</span>', styles=("tree",))
