"""How values become HTML."""

from __future__ import annotations

import re
import subprocess
import types
from collections.abc import Callable, Iterator
from enum import Enum
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_core import ObsWarning, Renderable, register_renderer
from obs_core.rendering import escape, find_renderer, render, renderer_for_annotation
from obs_core.secrets import forget_secret_values, register_secret_value

if TYPE_CHECKING:
    from decimal import Decimal

HOSTILE = "</pre></code><script>hostile()</script><img src=x onerror='hostile()'>"


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures of obs are warnings, as users have them."""
    monkeypatch.setenv("OBS_STRICT", "0")


@pytest.fixture
def no_secrets() -> Iterator[None]:
    forget_secret_values()
    yield
    forget_secret_values()


class Fixed:
    """Draws the same for every value."""

    def __init__(self, html: str = "<i>drawn</i>") -> None:
        self.html = html

    def to_html(self, python_value: Any) -> str:
        return self.html


class Failing:
    def to_html(self, python_value: Any) -> str:
        raise ValueError(f"cannot draw {HOSTILE}")


class Plane:
    def __repr__(self) -> str:
        return "<Plane N14228>"


class Fancy:
    def _repr_html_(self) -> str:
        return "<b>fancy</b>"


def elements(html: str) -> set[str]:
    """The names of a page's elements."""
    found: set[str] = set()

    class Names(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.add(tag)

    Names().feed(html)
    return found


def shown(html: str) -> str:
    """A page's text."""
    pieces: list[str] = []

    class Text(HTMLParser):
        def handle_data(self, data: str) -> None:
            pieces.append(data)

    Text().feed(html)
    return "".join(pieces)


# What is chosen


def test_a_registered_renderer_draws_its_type_and_its_subclasses() -> None:
    class Jet(Plane):
        pass

    with register_renderer(Plane, Fixed()):
        assert render(Plane()) == render(Jet()) == "<i>drawn</i>"
    assert shown(render(Plane())) == "<Plane N14228>"


def test_a_renderer_may_be_given_as_its_class() -> None:
    with register_renderer(Plane, Fixed):
        assert render(Plane()) == "<i>drawn</i>"


def test_a_renderer_may_inherit_from_the_protocol() -> None:
    class Bold(Renderable):
        def to_html(self, python_value: Any) -> str:
            return f"<b>{escape(str(python_value))}</b>"

    assert render("a<b", Bold()) == "<b>a&lt;b</b>"
    assert isinstance(Fixed(), Renderable)
    assert not isinstance(5, Renderable)


def test_the_renderer_given_wins_over_the_registered_one() -> None:
    with register_renderer(Plane, Fixed("registered")):
        assert render(Plane(), Fixed("given")) == "given"


def test_a_registered_renderer_wins_over_the_values_own_html() -> None:
    with register_renderer(Fancy, Fixed()):
        assert render(Fancy()) == "<i>drawn</i>"
    assert render(Fancy()) == "<b>fancy</b>"


def test_the_own_html_of_a_nearer_class_wins_over_what_is_registered_for_a_base() -> None:
    class Table(dict[str, int]):
        def _repr_html_(self) -> str:
            return "<table></table>"

    with register_renderer(dict, Fixed()):
        assert render(Table(a=1)) == "<table></table>"
        assert render({"a": 1}) == "<i>drawn</i>"


@pytest.mark.parametrize("answer", [None, b"<b></b>", (5, {}), 5])
def test_own_html_that_is_no_text_is_passed_over(answer: object) -> None:
    class Half(list[int]):
        def _repr_html_(self) -> object:
            return answer

    assert shown(render(Half([1, 2]))) == "[1, 2]"


def test_own_html_may_come_with_what_is_told_about_it() -> None:
    class Pair:
        def _repr_html_(self) -> object:
            return "<b>drawn</b>", {"isolated": True}

    assert render(Pair()) == "<b>drawn</b>"


def test_own_html_switched_off_is_passed_over() -> None:
    class Off(Fancy):
        _repr_html_ = None  # type: ignore[assignment]

    assert "Off object" in shown(render(Off()))


def test_a_class_is_not_asked_for_its_instances_html() -> None:
    assert shown(render(Fancy)) == f"<class '{__name__}.Fancy'>"


def test_a_proxy_shows_what_it_stands_for() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Any:
            return getattr(Fancy(), name)

    assert render(Proxy()) == "<b>fancy</b>"


def test_an_object_that_has_every_attribute_is_not_called() -> None:
    everything = MagicMock()
    assert "MagicMock" in shown(render(everything))
    assert everything.mock_calls == []


def test_find_renderer_gives_none_where_only_the_repr_can_be_shown() -> None:
    assert find_renderer(Plane()) is None
    with register_renderer(Plane, Fixed()):
        assert isinstance(find_renderer(Plane()), Fixed)


@pytest.mark.parametrize("renderer", [5, "<b></b>", Plane, object()])
def test_what_is_no_renderer_is_refused(renderer: Any) -> None:
    with pytest.raises(TypeError, match=r"a renderer has a method to_html\(value\) -> str; .* has none"):
        register_renderer(Plane, renderer)


# Where a renderer fails


@pytest.mark.usefixtures("lenient")
def test_a_failing_renderer_leaves_the_repr_a_note_and_a_warning() -> None:
    with (
        register_renderer(Plane, Failing()),
        pytest.warns(ObsWarning, match="obs failed while rendering a Plane with Failing: ValueError: cannot draw"),
    ):
        html = render(Plane())
    assert elements(html) == {"p", "pre"}
    reason = f"Failing failed on this Plane: ValueError: cannot draw {HOSTILE}."
    assert shown(html) == f"{reason} Its repr is shown instead.<Plane N14228>"


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(("answer", "name"), [(None, "NoneType"), (b"<b></b>", "bytes"), (5, "int")])
def test_html_that_is_no_text_counts_as_a_failure(answer: Any, name: str) -> None:
    with pytest.warns(ObsWarning, match=f"Fixed.to_html returned {name}, not str"):
        assert "<Plane N14228>" in shown(render(Plane(), Fixed(answer)))


@pytest.mark.usefixtures("lenient")
def test_failing_own_html_is_told() -> None:
    class Sad:
        def _repr_html_(self) -> str:
            raise KeyError("column")

    with pytest.warns(ObsWarning, match="rendering a Sad with its own _repr_html_: KeyError: 'column'"):
        assert "Sad object" in shown(render(Sad()))


@pytest.mark.usefixtures("lenient")
def test_a_wrong_renderer_given_is_told() -> None:
    with pytest.warns(ObsWarning, match="TypeError: a renderer has a method to_html"):
        assert "<Plane N14228>" in shown(render(Plane(), 5))  # type: ignore[arg-type]


@pytest.mark.usefixtures("lenient", "no_secrets")
def test_a_secret_in_an_error_is_masked() -> None:
    register_secret_value("k9-very-secret")

    class Telling:
        def to_html(self, python_value: Any) -> str:
            raise ValueError("login with k9-very-secret failed")

    with pytest.warns(ObsWarning, match=r"login with \*\*\* failed"):
        assert "k9-very-secret" not in render(Plane(), Telling())


def test_in_strict_mode_the_error_goes_on() -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        render(Plane(), Failing())


def test_an_interrupt_is_never_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")

    class Interrupted:
        def to_html(self, python_value: Any) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(Plane(), Interrupted())


def test_html_of_a_str_subclass_becomes_plain_text() -> None:
    class Markup(str):
        __slots__ = ()

    assert type(render(1, Fixed(Markup("<b></b>")))) is str


def test_html_can_be_encoded() -> None:
    assert render(1, Fixed("<b>é\ud800</b>")) == "<b>é\\ud800</b>"


# What core draws by itself


@pytest.mark.parametrize(
    ("value", "html"),
    [
        (None, "<code>None</code>"),
        (True, "<code>True</code>"),
        (42, "<code>42</code>"),
        (1.5, "<code>1.5</code>"),
        (float("nan"), "<code>nan</code>"),
        ("", "<code>&#x27;&#x27;</code>"),
    ],
)
def test_literals_are_code(value: object, html: str) -> None:
    assert render(value) == html


def test_an_integer_too_long_for_decimal_is_told_by_its_length() -> None:
    assert render(10**5000) == "<code>&lt;int of about 5,000 digits&gt;</code>"


def test_text_is_shown_as_it_is() -> None:
    assert shown(render("  two\n  lines & <b>")).strip("\n") == "  two\n  lines & <b>"
    assert elements(render("<b>")) == {"pre"}


def test_a_line_break_at_the_start_of_a_text_is_kept() -> None:
    assert "\n\nfirst line</pre>" in render("\nfirst line")  # HTML drops the first one in a <pre>


def test_long_text_is_cut_and_tells_how_much_more_there_is() -> None:
    assert shown(render("a" * 21_000)).strip() == "a" * 20_000 + "1,000 more characters"


def test_a_short_container_stands_on_one_line_and_a_long_one_on_many() -> None:
    assert shown(render([1, 2])) == "[1, 2]"
    assert shown(render({"key": "v" * 120})) == "{\n    'key': '" + "v" * 120 + "'\n}"


def test_bytes_are_dumped() -> None:
    text = shown(render(b"GIF89a\x00\xff" + bytes(300)))
    assert text.startswith("bytes, 308 bytes, the first 256 are shown")
    assert "0000  47 49 46 38 39 61 00 ff" in text
    assert "GIF89a.." in text
    assert "00f0 " in text
    assert "0100 " not in text


def test_other_values_are_shown_by_their_repr() -> None:
    class Colour(Enum):
        RED = "<red>"

    assert shown(render(Path("/data") / "<b>")) == "PosixPath('/data/<b>')"
    assert shown(render(Colour.RED)) == "<Colour.RED: '<red>'>"
    assert shown(render(types.SimpleNamespace(a=1))) == "namespace(a=1)"


def load_flights(airport: str) -> None:
    local_password = "never shown"  # noqa: F841
    raise LookupError(f"no airport {airport}")


def test_an_exception_is_shown_with_its_traceback_and_without_variables() -> None:
    try:
        load_flights("<JFK>")
    except LookupError as error:
        html = render(error)
    text = shown(html)
    assert text.startswith("LookupError: no airport <JFK>Traceback (most recent call last):")
    assert 'raise LookupError(f"no airport {airport}")' in text
    assert "in load_flights" in text
    assert elements(html) == {"p", "strong", "pre"}
    assert text.count("never shown") == 0


@pytest.mark.usefixtures("no_secrets")
def test_a_secret_in_a_traceback_is_masked() -> None:
    register_secret_value("k9-very-secret")
    assert "k9-very-secret" not in render(ValueError("token k9-very-secret refused"))


def test_causes_and_groups_are_shown() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            raise ExceptionGroup("several", [ValueError("one"), TypeError("two")]) from first
    except ExceptionGroup as error:
        text = shown(render(error))
    for part in ("KeyError: 'first'", "direct cause", "ValueError: one", "TypeError: two"):
        assert part in text


def test_calls_through_obs_that_led_to_the_task_are_left_out() -> None:
    with pytest.raises(ValueError, match="cannot draw") as raised:
        render(Plane(), Failing())
    assert raised.value.__traceback__ is not None
    text = shown(render(raised.value.with_traceback(raised.value.__traceback__.tb_next)))
    assert "in to_html" in text
    assert "obs_core" not in text


def test_a_traceback_is_bounded() -> None:
    assert len(render(ValueError("x" * 1_000_000))) < 40_000


def even(count: int) -> None:
    odd(count - 1)


def odd(count: int) -> None:
    even(count - 1)


def test_a_recursion_error_is_bounded() -> None:
    with pytest.raises(RecursionError) as raised:
        even(0)
    text = shown(render(raised.value))
    assert len(text) < 40_000
    assert "characters left out" in text
    assert text.rstrip().endswith("maximum recursion depth exceeded")


# Hostile values


class Named:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    "carry",
    [
        str,
        lambda text: text.encode("utf-8", "replace"),
        lambda text: [text],
        lambda text: {text: {text}},
        ValueError,
        Named,
        lambda text: [Named(text)],
        lambda text: type(text.replace("\0", "") or "x", (), {})(),
    ],
    ids=["str", "bytes", "list", "dict", "error", "repr", "list of repr", "class name"],
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_text_becomes_markup(carry: Callable[[str], object], text: str) -> None:
    for each in (text, HOSTILE + text):
        html = render(carry(each))
        html.encode()
        assert elements(html) <= {"pre", "code", "p", "strong"}
        assert "<script" not in html


@given(st.text())
def test_escaped_text_reads_back(text: str) -> None:
    import html

    assert html.unescape(escape(text)) == html.unescape(html.escape(text))
    assert not set(escape(text)) & set("<>\"'")


# Annotations


def test_annotated_names_a_renderer() -> None:
    renderer = Fixed()
    assert renderer_for_annotation(Annotated[int, "unit", renderer]) is renderer
    assert isinstance(renderer_for_annotation(Annotated[int, Fixed]), Fixed)
    assert renderer_for_annotation(Annotated[int, "unit"]) is None
    assert renderer_for_annotation(int) is None


def test_the_outermost_renderer_wins() -> None:
    inner, outer = Fixed("inner"), Fixed("outer")
    assert renderer_for_annotation(Annotated[Annotated[int, inner], outer]) is outer


def test_an_optional_value_has_a_renderer_too() -> None:
    renderer = Fixed()
    assert renderer_for_annotation(Annotated[int, renderer] | None) is renderer
    assert renderer_for_annotation(Optional[Annotated[int, renderer]]) is renderer  # noqa: UP045


def annotated(
    value: Annotated[int, Fixed("by value")],
    hidden: Annotated[Decimal, Fixed("type unknown")],
    union: Annotated[Decimal, Fixed("in a union")] | Decimal | None,
    wrong: Annotated[int, Missing("x")],  # noqa: F821
    plain: list[int],
) -> None:
    """Its annotations are text, because of ``from __future__ import annotations``."""


@pytest.mark.parametrize(
    ("name", "html"),
    [
        ("value", "by value"),
        ("hidden", "type unknown"),
        ("union", "in a union"),
        ("wrong", None),
        ("plain", None),
    ],
)
def test_annotations_that_are_text_are_understood(name: str, html: str | None) -> None:
    text = annotated.__annotations__[name]
    assert isinstance(text, str)
    renderer = renderer_for_annotation(text, annotated.__globals__)
    assert (renderer and renderer.to_html(1)) == html


@pytest.mark.parametrize("text", ["", "Annotated[", "1 / 0", "Annotated[int, Fixed(1, 2, 3)]", "no_such_name"])
def test_annotations_that_mean_nothing_are_no_error(text: str) -> None:
    assert renderer_for_annotation(text, globals()) is None


# Entry points and imports


def test_a_declared_renderer_is_loaded_when_a_value_of_its_type_is_rendered(
    run_script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    files = {
        "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme-1.0.dist-info/entry_points.txt": "[obs.renderers]\nframes.Frame = acme:FrameRenderer\n",
        "frames/__init__.py": "from frames.core import Frame",
        "frames/core.py": "class Frame: rows = 7",
        "acme.py": "class FrameRenderer:\n    def to_html(self, value): return f'<b>{value.rows} rows</b>'",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    result = run_script(
        """
import sys
from obs_core.rendering import render
render([1, 2])
assert not {"acme", "frames"} & set(sys.modules)
import frames
class Special(frames.Frame): rows = 8
print(render(frames.Frame()), render(Special()))
"""
    )
    assert result.stdout == "<b>7 rows</b> <b>8 rows</b>\n"


def test_rendering_imports_little(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    result = run_script("import sys, obs_core.rendering, obs_core.transformers, obs_core.secrets\nprint(*sys.modules)")
    loaded = set(result.stdout.split())
    heavy = {"pandas", "numpy", "html", "html.parser", "json", "importlib.metadata", "urllib.parse", "base64"}
    assert not loaded & {*heavy, "traceback", "dataclasses", "inspect", "asyncio", "logging"} - preloaded(run_script)


def preloaded(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> set[str]:
    """What this machine's Python loads by itself."""
    return set(run_script("import sys, msgspec, warnings; print(*sys.modules)").stdout.split())


def test_names_of_variables_that_style_the_page_are_the_frames_own() -> None:
    html = render(b"abc") + render(ValueError("x"))
    assert set(re.findall(r"var\((--[a-z-]+)", html)) <= {"--obs-muted", "--obs-bad", "--obs-warn"}
