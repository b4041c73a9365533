"""What every renderer, transformer and integration promises, as tests to inherit.

Examples:
    >>> import pandas
    >>> from obs_renderers import TopFrameRenderer
    >>> class TestTopFrameRenderer(RendererContract):
    ...     renderer = TopFrameRenderer()
    ...     values = (pandas.DataFrame({"delay": [1.0, None]}),)
    ...     def hostile(self, text: str) -> object:
    ...         return pandas.DataFrame({text: [text]})
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from obs_core.recording.executions import execution
from obs_core.rendering import Renderable, bounded_repr
from obs_core.tasks.task import task
from obs_core.testing.stores import recording
from obs_core.trackers import Tracker
from obs_core.transformers import TypeTransformer

__all__ = ["HOSTILE_TEXTS", "ImportContract", "RendererContract", "TrackerContract", "TransformerContract"]

HOSTILE_TEXTS = (
    "<script>hostile()</script>",
    '"><img src=x onerror=hostile()>',
    "'><svg onload=hostile()>",
    "' onmouseover='hostile()",
    '" onfocus="hostile()" autofocus="',
    "x onmouseover=hostile()",
    "</script><script>hostile()</script>",
    "</style><script>hostile()</script>",
    "</textarea></title><b onclick=hostile()>",
    "--><iframe srcdoc='&lt;script>hostile()</script>'>",
    "&lt;script&gt;hostile()&lt;/script&gt;",
    'x";hostile();"y',
    "x';hostile();'y",
    "${hostile()} {{hostile()}} `hostile()`",
    "javascript:hostile()",
)
"""Texts that run as code, or leave the place where they are put, where a renderer does not escape them."""

_MARK = "hostile()"
_LOADS = re.compile(r"""url\(\s*['"]?\s*(?:https?:)?//|@import\b""", re.IGNORECASE)
_FROM_NETWORK = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_STRING = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_IN_TEMPLATE = re.compile(r"(?<!\\)\$\{[^}]*\}")
_CLICKED = frozenset({"a", "area"})
_ADDRESSES = frozenset({"src", "href", "xlink:href", "srcset", "poster", "data", "action", "background", "formaction"})


class RendererContract:
    """What a renderer promises; inherit it in a class named ``Test...`` and set what is below.

    Attributes:
        renderer: The renderer.
        values: Values that it draws.
        wrong: A value of a type that it refuses; None when it draws any value.
    """

    renderer: Renderable
    values: Sequence[Any]
    wrong: Any = object()

    def hostile(self, text: str) -> Any:
        """Make a value that carries a text wherever data can: as a column's name, a cell, a title.

        Override it; return the same kind of value for each text, with nothing that depends on what it says.
        """
        raise NotImplementedError(f"{type(self).__name__} must define hostile(text): a value that carries the text")

    def snapshot(self, value: Any) -> object:
        """Return a value's content, to see whether rendering changed it; override it if pickles differ."""
        return pickle.dumps(value)

    def test_each_value_becomes_a_str_that_utf8_can_hold(self) -> None:
        """What is drawn can be written to a file."""
        for value in self._some_values():
            html = self.renderer.to_html(value)
            assert type(html) is str, f"{self._of(value)} is {type(html).__name__}, not str"
            assert html.strip(), f"{self._of(value)} is empty"
            html.encode("utf-8")

    def test_the_same_value_becomes_the_same_html(self) -> None:
        """No counters, times or random ids: what is equal is stored once."""
        for value in self._some_values():
            first, second = self.renderer.to_html(value), self.renderer.to_html(value)
            assert first == second, f"{self._of(value)} differs between two calls, at {_difference(first, second)}"

    def test_rendering_leaves_the_value_as_it_is(self) -> None:
        """The task goes on with its own data."""
        for value in self._some_values():
            before = self.snapshot(value)
            self.renderer.to_html(value)
            assert self.snapshot(value) == before, f"{self._of(value)} changed the value"

    def test_text_from_data_stays_text(self) -> None:
        """A hostile text makes the same elements and attributes as a harmless one of its length."""
        for text in HOSTILE_TEXTS:
            page = _Page(self.renderer.to_html(self.hostile(text)))
            harmless = _Page(self.renderer.to_html(self.hostile("x" * len(text))))
            assert page.skeleton == harmless.skeleton, f"{text!r} is not escaped: {page.strange(harmless)}"
            assert not page.runs(), f"{text!r} can run: {page.runs()}"

    def test_nothing_is_loaded_from_a_network(self) -> None:
        """A report works offline, and tells nobody that it is read."""
        for value in self._some_values():
            loaded = _Page(self.renderer.to_html(value)).loaded
            assert not loaded, f"{self._of(value)} loads {loaded}"

    def test_a_wrong_type_is_refused_by_name(self) -> None:
        """The error tells who refused what."""
        if self.wrong is None:
            return
        message = _type_error(self.renderer, self.wrong)
        for name in (type(self.renderer).__name__, type(self.wrong).__name__):
            assert name in message, f"the TypeError does not name {name}: {message!r}"

    def _some_values(self) -> Sequence[Any]:
        assert len(self.values), f"{type(self).__name__}.values is empty: there is nothing to render"
        return self.values

    def _of(self, value: object) -> str:
        return f"the HTML that {type(self.renderer).__name__} made of {bounded_repr(value, 200)}"


class TransformerContract:
    """What a transformer promises; inherit it in a class named ``Test...`` and set what is below.

    Attributes:
        transformer: The transformer.
        values: Values that it can keep.
    """

    transformer: TypeTransformer[Any]
    values: Sequence[Any]

    def equal(self, one: Any, other: Any) -> bool:
        """Tell whether two values are equal; override it where ``==`` does not (frames, NaN)."""
        return bool(type(one) is type(other) and one == other)

    def test_the_name_fits_into_a_journal(self) -> None:
        """The name is short, printable and without spaces."""
        name = self.transformer.name
        assert re.fullmatch(r"[A-Za-z0-9_.:+-]{1,80}", name), f"{name!r} is no name: letters, digits, . _ - : +"

    def test_each_value_becomes_bytes(self) -> None:
        """Bytes, not some view of them that may change."""
        for value in self._some_values():
            assert self.transformer.can_transform(value), f"can_transform({bounded_repr(value, 200)}) is False"
            data = self.transformer.to_bytes(value)
            assert type(data) is bytes, f"{type(self.transformer).__name__}.to_bytes gave {type(data).__name__}"

    def test_an_equal_value_comes_back(self) -> None:
        """What was kept is what is loaded."""
        for value in self._some_values():
            back = self.transformer.from_bytes(self.transformer.to_bytes(value))
            assert self.equal(back, value), f"{bounded_repr(back, 200)} came back for {bounded_repr(value, 200)}"

    def test_another_process_reads_what_this_one_wrote(self) -> None:
        """Nothing needed for reading stays behind in the process that wrote."""
        written = [self.transformer.to_bytes(value) for value in self._some_values()]
        again = _in_another_process(self.transformer, written)
        for value, data in zip(self.values, again, strict=True):
            back = self.transformer.from_bytes(data)
            assert self.equal(back, value), f"another process made {bounded_repr(back, 200)} of {value!r}"

    def test_each_value_has_html(self) -> None:
        """A deck can show what is kept."""
        for value in self._some_values():
            html = self.transformer.to_html(value)
            assert isinstance(html, str), f"{type(self.transformer).__name__}.to_html gave {type(html).__name__}"

    def _some_values(self) -> Sequence[Any]:
        assert len(self.values), f"{type(self).__name__}.values is empty: there is nothing to keep"
        return self.values


class TrackerContract:
    """What a tracker promises; inherit it in a class named ``Test...`` and define what is below.

    The tests run the real client: offline, or against a server on loopback.
    """

    def tracker(self, **arguments: Any) -> Tracker:
        """Make the decorator for an experiment that needs no account; `arguments` are `Tracker`'s own."""
        raise NotImplementedError(f"{type(self).__name__} must define tracker(**arguments)")

    def ended(self) -> Sequence[tuple[str, bool]]:
        """Read back the experiments that have ended: the id of each, and whether it ended as failed."""
        raise NotImplementedError(f"{type(self).__name__} must define ended()")

    def test_a_task_that_succeeds_ends_its_experiment_well(self) -> None:
        """And the task carries a link to it."""
        with recording() as store:
            assert task(self.tracker()(_give_seven))() == 7
            (tracked,) = store.last().tasks
        assert [failed for _, failed in self.ended()] == [False]
        assert [link.name for link in tracked.links] == [self.tracker().link_name]

    def test_an_exception_goes_on_as_it_was_and_ends_the_experiment_as_failed(self) -> None:
        """Whatever the exception is, but for an exit that is a success."""
        for error in (ValueError("of the task"), SystemExit(3), KeyboardInterrupt(), SystemExit(0)):
            raised = _raised_by(task(self.tracker()(_raising(error))))
            assert raised is error, f"{raised!r} came out instead of {error!r}"
        assert sorted(failed for _, failed in self.ended()) == [False, True, True, True]

    def test_two_calls_are_two_experiments_and_a_retry_goes_on_with_the_failed_one(self) -> None:
        """The id of an experiment comes from execution and task."""
        with recording(), execution("contract"):
            task(self.tracker()(_give_seven), name="work")()
            _raised_by(task(self.tracker()(_raising(ValueError("once"))), name="work"))
            task(self.tracker()(_give_seven), name="work", attempt=2)()
        assert len({name for name, _ in self.ended()}) == 2

    def test_a_client_that_breaks_changes_nothing_for_the_task(self, monkeypatch: Any) -> None:
        """Whether it breaks at its beginning or at its end."""
        monkeypatch.setenv("OBS_STRICT", "0")
        for broken in ("begin", "finish"):
            tracker = self.tracker()
            monkeypatch.setattr(tracker, broken, _raising(ConnectionError("the service is down")))
            with recording() as store, warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                assert task(tracker(_give_seven))() == 7
                (tracked,) = store.last().tasks
            assert tracked.status == "succeeded"
            assert any("the service is down" in note for note in tracked.notes), tracked.notes
            assert sum("the service is down" in str(one.message) for one in warned) == 1

    def test_a_client_that_hangs_is_left_behind(self, monkeypatch: Any) -> None:
        """The task waits for it no longer than its timeout."""
        monkeypatch.setenv("OBS_STRICT", "0")
        tracker, released = self.tracker(timeout=0.2), threading.Event()
        monkeypatch.setattr(tracker, "begin", lambda *_: released.wait(600))
        monkeypatch.setattr(tracker, "finish", lambda *_, **__: None)
        with recording() as store, warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            assert task(tracker(_give_seven))() == 7
            (tracked,) = store.last().tasks
        released.set()
        assert any("took longer than 0.2 s" in note for note in tracked.notes), tracked.notes

    def test_a_missing_secret_is_said_when_the_function_is_decorated(self) -> None:
        """Not when the task has done its night's work; and only where a key is used, so not offline."""
        if not self.tracker().is_online():
            with recording() as store:
                assert task(self.tracker(secret=None)(_give_seven))() == 7
                (tracked,) = store.last().tasks
            assert [link.name for link in tracked.links] == [self.tracker().link_name]
            return
        try:
            self.tracker(secret=None)
        except ValueError as error:
            assert "secret must be set" in str(error)  # noqa: PT017  # pytest is not needed to inherit this
        else:
            raise AssertionError("a tracker without a secret was made")


def _give_seven() -> int:
    return 7


def _raising(error: BaseException) -> Any:
    def work(*_: Any, **__: Any) -> None:
        raise error

    return work


def _raised_by(call: Any) -> BaseException | None:
    try:
        call()
    except BaseException as error:
        return error
    return None


class ImportContract:
    """What importing a package promises; inherit it in a class named ``Test...`` and set what is below.

    Attributes:
        package: The package to import, such as ``"obs_renderers"``.
        lazy: What importing it must not load, such as ``("pandas", "plotly")``.
    """

    package: str
    lazy: Sequence[str]

    def test_importing_loads_no_client(self) -> None:
        """A client is imported when it is used by a task."""
        source = f"import sys, {self.package}; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", source], check=True, capture_output=True, text=True)
        heavy = sorted(set(loaded.stdout.split()) & set(self.lazy))
        assert not heavy, f"import {self.package} loads {', '.join(heavy)}"


class _Page(HTMLParser):
    """What a browser would make of HTML: which elements, what they run, what they load.

    Attributes:
        skeleton: Each element with the names of its attributes.
        loaded: What is fetched from a network when the page is shown.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: list[tuple[str, ...]] = []
        self.loaded: list[str] = []
        self._attributes: list[tuple[str, str]] = []
        self._scripts: list[str] = []
        self._inside = ""
        self._is_json = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton.append((tag, *(name for name, _ in attrs)))
        self._inside = tag
        self._is_json = "json" in (dict(attrs).get("type") or "")
        for name, value in attrs:
            self._see(tag, name, value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.loaded += _LOADS.findall(data)
        elif self._inside == "script" and not self._is_json:
            self._scripts.append(data)

    def handle_comment(self, data: str) -> None:
        self.skeleton.append(("comment", str(len(data))))

    def strange(self, harmless: _Page) -> str:
        """The elements that are in this page only."""
        expected = set(harmless.skeleton)
        return str([element for element in self.skeleton if element not in expected] or "fewer elements")

    def runs(self) -> list[str]:
        """Where hostile text would be run as a script."""
        attributes = [f'{name}="{value}"' for name, value in self._attributes if _is_run(name, value)]
        return attributes + [script[:200] for script in self._scripts if _is_called(script)]

    def _see(self, tag: str, name: str, value: str) -> None:
        self._attributes.append((name, value))
        if name == "srcdoc":
            inner = _Page(value)
            self.skeleton += inner.skeleton
            self.loaded += inner.loaded
            self._attributes += inner._attributes
            self._scripts += inner._scripts
        if _LOADS.search(value) if name == "style" else self._is_loaded(tag, name, value):
            self.loaded.append(f'<{tag} {name}="{value[:200]}">')

    def _is_loaded(self, tag: str, name: str, value: str) -> bool:
        if name not in _ADDRESSES or tag in _CLICKED:
            return False
        places = value.split(",") if name == "srcset" else [value]
        return any(_FROM_NETWORK.match(place) for place in places)


def _is_run(name: str, value: str) -> bool:
    if name.startswith("on"):
        return _is_called(value)
    return name in _ADDRESSES and _MARK in value and value.strip().lower().startswith("javascript:")


def _is_called(script: str) -> bool:
    """Tell whether the hostile call stands in a script outside of every string."""
    return _MARK in script and _MARK in _STRING.sub(_called_part, script)


def _called_part(string: re.Match[str]) -> str:
    """Leave of a string what is run: a template's ``${...}``."""
    return " ".join(_IN_TEMPLATE.findall(string[0])) if string[0].startswith("`") else " "


def _type_error(renderer: Renderable, value: object) -> str:
    try:
        html = renderer.to_html(value)
    except TypeError as error:
        return str(error)
    raise AssertionError(f"{type(renderer).__name__} drew a {type(value).__name__}: {html[:200]!r}")


def _difference(first: str, second: str) -> str:
    place = next((i for i, (one, two) in enumerate(zip(first, second, strict=False)) if one != two), 0)
    return f"character {place}: {first[place : place + 40]!r} and {second[place : place + 40]!r}"


_READ_AND_WRITE = """
import pickle, sys
sys.path[:0], transformer, written = pickle.load(sys.stdin.buffer)
transformer = pickle.loads(transformer)
again = [transformer.to_bytes(transformer.from_bytes(data)) for data in written]
sys.stdout.buffer.write(b"\\n==\\n" + pickle.dumps(again))
"""


def _pickled(transformer: object) -> bytes:
    try:
        return pickle.dumps(transformer)
    except Exception as error:
        raise AssertionError(f"{type(transformer).__name__} cannot be pickled: {error}") from error


def _in_another_process(transformer: TypeTransformer[Any], written: list[bytes]) -> list[bytes]:
    """Read and write values in a fresh Python."""
    handed = pickle.dumps((sys.path, _pickled(transformer), written))
    done = subprocess.run([sys.executable, "-c", _READ_AND_WRITE], input=handed, capture_output=True, check=False)
    assert done.returncode == 0, f"another process failed:\n{done.stderr.decode(errors='replace')}"
    again: list[bytes] = pickle.loads(done.stdout.partition(b"\n==\n")[2])
    return again
