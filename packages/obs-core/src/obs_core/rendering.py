"""How values become HTML: renderers, and which one serves which type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from obs_core.failsafe import strict, warn
from obs_core.interruptions import let_pass
from obs_core.limits import RenderTimeout, limited
from obs_core.text.bounded_repr import as_shown, bounded_repr, describe_error, hides_itself, shown_fields, shows_items
from obs_core.text.masking import mask
from obs_core.text.verdicts import verdict_mark
from obs_core.values.displays import METHODS, MarkdownText, display_of, first_method, loaded_hosts, picture
from obs_core.values.hints import extras_of, resolved
from obs_core.values.plain import PLAIN_RENDERERS, ReprRenderer, escape, note
from obs_core.values.registry import Registration, TypeRegistry

__all__ = [
    "MarkdownText",
    "Registration",
    "Renderable",
    "as_shown",
    "bounded_repr",
    "describe_error",
    "display_html",
    "escape",
    "find_renderer",
    "hides_itself",
    "register_renderer",
    "render",
    "renderer_for_annotation",
    "shown_fields",
    "shows_items",
    "verdict_mark",
]

_REPR = ReprRenderer()


@runtime_checkable
class Renderable(Protocol):
    """A renderer: anything with a method ``to_html(value) -> str``.

    Examples:
        >>> class Shout(Renderable):
        ...     def to_html(self, python_value: Any) -> str:
        ...         return f"<b>{escape(str(python_value).upper())}</b>"
        >>> Shout().to_html("a < b")
        '<b>A &lt; B</b>'
    """

    def to_html(self, python_value: Any) -> str:
        """Draw a value as HTML.

        Args:
            python_value: The value.

        Returns:
            An HTML fragment. Escape what comes from the value: see `escape`.
        """
        ...


def register_renderer(python_type: type | str, renderer: Renderable | type[Renderable]) -> Registration:
    """Use a renderer for a type and its subclasses from now on.

    Args:
        python_type: The type, or its dotted name (``"pandas.DataFrame"``), which is not imported.
        renderer: The renderer, or its class, which is then called without arguments; it replaces an earlier
            one.

    Returns:
        The registration, to `unregister` it or to use it as a ``with`` block.

    Raises:
        TypeError: `python_type` is no type, or `renderer` has no method ``to_html``.
        ValueError: `python_type` is text that is no dotted name.

    Examples:
        >>> class Celsius(float):
        ...     pass
        >>> class Thermometer:
        ...     def to_html(self, python_value: float) -> str:
        ...         return f"<meter max=50 value={python_value}></meter>"
        >>> with register_renderer(Celsius, Thermometer()):
        ...     render(Celsius(21))
        '<meter max=50 value=21.0></meter>'
    """
    return _registry.register(python_type, renderer)


def find_renderer(value: object) -> Renderable | None:
    """Find the renderer that serves a value: of the nearest class that has one.

    Args:
        value: Any value.

    Returns:
        Its renderer; None when only the value's `repr` can be shown.
    """
    found = _registry.find(type(value))
    return _own_display if found is None and _shows_itself(value) else found


def render(value: object, renderer: Renderable | None = None) -> str:
    """Draw any value as HTML.

    The first of these is taken: the renderer given here; the one registered for the value's type; what the value
    shows of itself in notebooks (`display_html`); the built-in one; the escaped `repr`, bounded. A renderer that
    fails leaves a warning, and a note above the `repr`, whatever it raises; what a signal handler raises meanwhile
    goes on (`obs_core.interruptions` tells them apart). One that takes longer than `OBS_RENDER_TIMEOUT` seconds
    (default 10) is ended, and a note stands in the value's place.

    Args:
        value: Any value.
        renderer: The renderer to use instead of the registered one.

    Returns:
        HTML that can be encoded as UTF-8.

    Raises:
        BaseException: Whatever a renderer raised, with ``OBS_STRICT=1`` only; and what ended the task meanwhile.

    Examples:
        >>> render(7)
        '<code>7</code>'
    """
    name = "the registered renderer"

    def drawn() -> str:
        nonlocal name
        chosen = find_renderer(value) if renderer is None else _as_renderer(renderer)
        chosen = _REPR if chosen is None else chosen
        name = f"its own {first_method(value)}" if chosen is _own_display else type(chosen).__name__
        return _storable(chosen.to_html(value), name)

    try:
        return limited(drawn)
    except BaseException as error:
        let_pass(error)
        if strict():
            raise
        return _failure_html(value, name, error)


def renderer_for_annotation(annotation: object, namespace: Mapping[str, Any] | None = None) -> Renderable | None:
    """Find the renderer in an annotation such as ``Annotated[DataFrame, TopFrameRenderer(5)]``.

    Args:
        annotation: The annotation of a parameter or of what is returned; or its text, as
            ``from __future__ import annotations`` leaves it.
        namespace: What the names in the text mean: the function's ``__globals__``. Names that it lacks
            (imported for type checking only) do no harm.

    Returns:
        The renderer, also out of ``Annotated[T, renderer] | None``; None when there is none, or the text
        means nothing.

    Examples:
        >>> from typing import Annotated
        >>> renderer_for_annotation(Annotated[int, ReprRenderer()])  # doctest: +ELLIPSIS
        <obs_core.values.plain.ReprRenderer object at ...>
    """
    try:
        return _renderer_in(resolved(annotation, namespace or {}))
    except Exception as error:
        let_pass(error)
        return None


class _OwnDisplay:
    """Draws a value by what it shows of itself in notebooks; one that shows nothing is drawn plainly."""

    def to_html(self, python_value: Any) -> str:
        html = display_html(python_value)
        return _plain_html(python_value) if html is None else html


_own_display = _OwnDisplay()


def display_html(value: object) -> str | None:
    """Draw a value by what it shows of itself in notebooks: ``_repr_mimebundle_``, ``_repr_html_``, ``_repr_svg_``...

    The richest is taken: HTML, SVG, PNG, JPEG, Markdown, LaTeX (as text), plain text.

    Args:
        value: Anything.

    Returns:
        HTML; None when it shows nothing.

    Raises:
        BaseException: What its methods raised, when none gave anything.
    """
    shown = display_of(value)
    if shown is None:
        return None
    kind, data, about = shown
    if kind in ("text/html", "image/svg+xml"):
        html = str.__str__(data) if isinstance(data, str) else data.decode("utf-8", "replace")
        hosts = loaded_hosts(html)
        told = f"This display loads from {', '.join(hosts)}: without a network it may be blank." if hosts else ""
        return html + (note(told) if told else "")
    if kind.startswith("image/"):
        return picture(kind, data, about)
    return render(MarkdownText(data)) if kind == "text/markdown" else _plain_html(str(data))


def _plain_html(value: object) -> str:
    served = (_plain.get(id(kind)) for kind in type(value).__mro__)
    html: str = next(filter(None, served), _REPR).to_html(value)
    return html


_plain = {id(kind): renderer for kind, renderer in PLAIN_RENDERERS.items()}
"""By the ids of classes, whose metaclasses may refuse to be hashed."""


def _shows_itself(value: object) -> bool:
    """Tell whether a value that is no class has a method for notebooks through ``__getattr__``, as proxies do.

    An object that has every attribute it is asked for (a mock, a client that turns attributes into remote
    calls) does not count.
    """
    if isinstance(value, type) or hasattr(value, "_obs_asks_for_no_such_attribute"):
        return False
    return bool(first_method(value))


def _as_renderer(candidate: object) -> Renderable:
    made: Any = candidate() if isinstance(candidate, type) else candidate
    if not callable(getattr(made, "to_html", None)):
        raise TypeError(f"a renderer has a method to_html(value) -> str; {bounded_repr(made, 200)} has none")
    return made  # type: ignore[no-any-return]


def _brought_along(kind: type) -> Renderable | None:
    """Return what draws the values of a class as it says itself; None if it says nothing."""
    if any(name in vars(kind) for name in METHODS):
        return _own_display
    if all(_library(base) not in _DATA_LIBRARIES for base in kind.__mro__):
        return None
    # What an array or a table holds may be hidden by a repr of its own class.
    owner = next(base for base in kind.__mro__ if "__repr__" in vars(base))
    return None if _library(owner) in _DATA_LIBRARIES or owner is object else _REPR


def _library(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


_DATA_LIBRARIES = frozenset(("jax", "jaxlib", "numpy", "pandas", "polars", "pyarrow", "tensorflow", "torch"))
"""Libraries of arrays and tables, whose own classes are drawn by what they hold."""

_registry: TypeRegistry[Renderable] = TypeRegistry("obs.renderers", _as_renderer, PLAIN_RENDERERS, own=_brought_along)


def _storable(html: object, name: str) -> str:
    """Check what a renderer gave; text that UTF-8 cannot hold is written in escapes."""
    if not isinstance(html, str):
        raise TypeError(f"{name}.to_html returned {type(html).__name__}, not str")
    text = str.__str__(html)  # a subclass may do anything when it is joined with other text
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _failure_html(value: object, name: str, error: BaseException) -> str:
    # Its own type may refuse to give its name: object's repr asks nobody.
    kind = object.__repr__(value)[1:].partition(" object at ")[0].rpartition(".")[2]
    reason = mask(describe_error(error))
    warn(f"obs failed while rendering a {kind} with {name}: {reason}")
    style = 'style="border-left:3px solid var(--obs-warn, #9a6700);padding-left:.6em"'
    told = f"{name} failed on this {kind}: {reason}"
    if isinstance(error, RenderTimeout):  # its repr may take as long
        return _storable(f'<p role="note" {style}>{escape(told)}. It is not shown.</p>', name)
    return _storable(
        f'<p role="note" {style}>{escape(told)}. Its repr is shown instead.</p>{_REPR.to_html(value)}', name
    )


def _renderer_in(hint: object) -> Renderable | None:
    for extra in extras_of(hint):
        if callable(getattr(extra, "to_html", None)):
            return _as_renderer(extra)
    return None
