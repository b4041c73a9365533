"""The registry that finds entries by a value's type, and what packages declare as entry points."""

from __future__ import annotations

import importlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import ObsError, ObsWarning
from obs_core.values import registry as _plugins
from obs_core.values.registry import TypeRegistry, declared

Declare = Callable[..., None]
GROUP = "obs.tests"


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Install a distribution that has modules and declares entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def install(name: str, entry_points: dict[str, str], **modules: str) -> None:
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
        for module, source in modules.items():
            (site / f"{module}.py").write_text(source)
        importlib.invalidate_caches()
        _plugins._all_declared.cache_clear()

    yield install
    _plugins._all_declared.cache_clear()
    for module in set(sys.modules) - before:
        del sys.modules[module]


def text(entry: object) -> str:
    if not isinstance(entry, str):
        raise TypeError(f"{entry!r} is no text")
    return entry


def registry(
    built_in: dict[type, str] | None = None,
    own: Callable[[type], str | None] = lambda kind: None,
    closed: frozenset[type] = frozenset(),
) -> TypeRegistry[str]:
    """A registry of texts."""
    return TypeRegistry(GROUP, text, built_in or {}, own, closed)


class Animal:
    pass


class Dog(Animal):
    own = "own"


class Puppy(Dog):
    pass


def test_a_subclass_is_served_too() -> None:
    entries = registry()
    entries.register(Animal, "animal")
    assert entries.find(Puppy) == "animal"
    assert entries.find(int) is None


def test_the_nearest_class_wins() -> None:
    entries = registry({Animal: "built in"})
    entries.register(object, "object")
    entries.register(Dog, "dog")
    assert entries.find(Puppy) == "dog"
    assert entries.find(Animal) == "built in"
    assert entries.find(int) == "object"


def test_the_last_registration_wins_and_can_be_taken_back() -> None:
    entries = registry({Animal: "built in"})
    first = entries.register(Animal, "first")
    second = entries.register(Animal, "second")
    assert entries.find(Dog) == "second"
    second.unregister()
    second.unregister()
    assert entries.find(Dog) == "first"
    first.unregister()
    assert entries.find(Dog) == "built in"


def test_a_registration_may_hold_for_a_block() -> None:
    entries = registry()
    with entries.register(Animal, "animal"):
        assert entries.find(Dog) == "animal"
    assert entries.find(Dog) is None


def test_at_one_class_run_time_beats_declared_beats_own_beats_built_in(declare: Declare) -> None:
    declare("acme", {"acme_zoo.Cat": "acme_zoo:declared"}, acme_zoo="declared = 'declared'\nclass Cat: own = 1")
    zoo = importlib.import_module("acme_zoo")

    def own(kind: type) -> str | None:
        return "own" if "own" in vars(kind) else None

    assert registry({zoo.Cat: "built in"}).find(zoo.Cat) == "declared"
    assert registry({zoo.Cat: "built in"}, own).find(zoo.Cat) == "declared"
    assert registry({Dog: "built in"}, own).find(Puppy) == "own"
    entries = registry({zoo.Cat: "built in"}, own)
    entries.register("acme_zoo.Cat", "run time")
    assert entries.find(zoo.Cat) == "run time"


def test_a_name_is_resolved_by_identity_whatever_module_defines_the_class(declare: Declare) -> None:
    declare("acme", {}, acme_core="class Frame: pass", acme_frames="from acme_core import Frame")
    frames = importlib.import_module("acme_frames")
    entries = registry()
    entries.register("acme_frames.Frame", "frame")
    assert entries.find(frames.Frame) == "frame"


def test_a_name_of_a_module_that_is_imported_later_counts_from_then_on(declare: Declare) -> None:
    declare("acme", {}, acme_core="class Frame: pass", acme_alias="from acme_core import Frame as Table")
    entries = registry({object: "built in"})
    entries.register("acme_alias.Table", "table")
    frame = importlib.import_module("acme_core").Frame
    assert entries.find(frame) == "built in"
    assert "acme_alias" not in sys.modules
    importlib.import_module("acme_alias")
    assert entries.find(frame) == "table"


def test_a_class_of_a_lazy_module_is_found(declare: Declare) -> None:
    lazy = "def __getattr__(name):\n    import acme_core\n    return getattr(acme_core, name)"
    declare("acme", {}, acme_core="class Frame: pass\nFrame.__module__ = 'acme_lazy'", acme_lazy=lazy)
    importlib.import_module("acme_lazy")
    entries = registry()
    entries.register("acme_lazy.Frame", "frame")
    assert entries.find(Animal) is None
    assert "acme_core" not in sys.modules
    assert entries.find(importlib.import_module("acme_core").Frame) == "frame"


def test_a_reloaded_class_is_found(declare: Declare) -> None:
    declare("acme", {}, acme_core="class Frame: pass")
    module = importlib.import_module("acme_core")
    entries = registry()
    entries.register("acme_core.Frame", "frame")
    assert entries.find(module.Frame) == "frame"
    assert entries.find(importlib.reload(module).Frame) == "frame"


def test_a_nested_class_has_a_name_too(declare: Declare) -> None:
    declare("acme", {}, acme_core="class Outer:\n    class Inner: pass")
    entries = registry()
    entries.register("acme_core.Outer.Inner", "inner")
    assert entries.find(importlib.import_module("acme_core").Outer.Inner) == "inner"


def test_a_name_of_a_builtin_works() -> None:
    entries = registry({dict: "built in"})
    entries.register("builtins.dict", "declared")
    assert entries.find(OrderedDict) == "declared"


def test_nothing_is_loaded_before_a_value_needs_it(declare: Declare) -> None:
    declare(
        "acme",
        {"acme_core.Frame": "acme_draws:entry"},
        acme_core="class Frame: pass",
        acme_draws="entry = 'drawn'",
    )
    entries = registry()
    assert entries.find(Animal) is None
    assert "acme_draws" not in sys.modules
    assert "acme_core" not in sys.modules
    assert entries.find(importlib.import_module("acme_core").Frame) == "drawn"


def test_a_broken_entry_point_is_told_once_and_passed_over(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    declare(
        "acme-draws",
        {"acme_core.Frame": "acme_draws:entry"},
        acme_core="class Frame: pass",
        acme_draws="import gone",
    )
    frame = importlib.import_module("acme_core").Frame
    entries = registry({object: "built in"})
    with pytest.warns(ObsWarning) as warned:
        found = [entries.find(kind) for kind in (frame, type("Special", (frame,), {}))]
    assert found == ["built in", "built in"]
    assert [str(each.message) for each in warned] == [
        "'acme_core.Frame' of the entry points 'obs.tests' cannot be loaded from 'acme_draws:entry' "
        "(ModuleNotFoundError: No module named 'gone'). Type: pip install --upgrade acme-draws; "
        "or, to go without: pip uninstall acme-draws"
    ]


def test_an_entry_point_that_names_something_else_is_told(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    declare("acme", {"acme_core.Frame": "acme_core:entry"}, acme_core="class Frame: pass\nentry = 5")
    with pytest.warns(ObsWarning, match=r"'acme_core:entry' .TypeError: 5 is no text."):
        assert registry().find(importlib.import_module("acme_core").Frame) is None


def test_in_strict_mode_a_broken_entry_point_is_an_error(declare: Declare) -> None:
    declare("acme", {"acme_core.Frame": "acme_core:entry"}, acme_core="class Frame: pass")
    with pytest.raises(ObsError, match=r"has no attribute 'entry'.*pip install --upgrade acme"):
        registry().find(importlib.import_module("acme_core").Frame)


def test_of_two_declarations_that_of_another_package_beats_obs_own(declare: Declare) -> None:
    declare("a-obs", {"zoo_core.Frame": "obs_zoo:entry"}, obs_zoo="entry = 'obs'", zoo_core="class Frame: pass")
    declare("b-mine", {"zoo_core.Frame": "zoo_mine:entry"}, zoo_mine="entry = 'mine'")
    assert [point.value for point in declared(GROUP)] == ["zoo_mine:entry", "obs_zoo:entry"]
    assert registry().find(importlib.import_module("zoo_core").Frame) == "mine"


def test_closed_types_take_nothing_declared_and_do_not_read_it(declare: Declare) -> None:
    declare("acme", {"builtins.int": "acme_draws:entry"}, acme_draws="entry = 'declared'")
    entries = registry({int: "built in", object: "object"}, closed=frozenset([int]))
    assert entries.find(int) == "built in"
    assert entries._declared is None
    assert entries.find(Animal) == "object"
    assert entries.find(int) == "built in"
    entries.register(int, "run time")
    assert entries.find(int) == "run time"


def test_all_entries_are_listed_those_declared_last(declare: Declare) -> None:
    declare("acme", {"acme_core.Frame": "acme_draws:entry"}, acme_draws="entry = 'declared'")
    entries = registry({int: "built in"})
    entries.register(Animal, "first")
    entries.register(Animal, "second")
    listed = entries.entries()
    assert [next(listed), next(listed), next(listed)] == ["second", "first", "built in"]
    assert "acme_draws" not in sys.modules
    assert list(listed) == ["declared"]


def test_many_types_do_not_pile_up() -> None:
    entries = registry({object: "object"})
    for number in range(3_000):
        assert entries.find(type(f"Made{number}", (), {})) == "object"
    assert len(entries._cache) <= 1_000


@pytest.mark.parametrize("target", ["DataFrame", "", "pandas.", "pandas.Data Frame", "pandas:DataFrame"])
def test_a_name_without_a_module_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"such as 'pandas.DataFrame', not {target!r}"):
        registry().register(target, "entry")


@pytest.mark.parametrize("target", [5, None, list[int]])
def test_what_is_no_type_is_refused(target: object) -> None:
    with pytest.raises(TypeError, match="a type or its dotted name is needed, not"):
        registry().register(target, "entry")  # type: ignore[arg-type]


class Unhashable(type):
    def __eq__(cls, other: object) -> bool:
        return cls is other


def test_a_class_that_cannot_be_hashed_has_an_entry_like_any_other() -> None:
    odd = Unhashable("Odd", (Dog,), {})
    entries = registry({Animal: "built in"}, closed=frozenset([Animal]))
    assert [entries.find(odd), entries.find(odd)] == ["built in", "built in"]
    registered = entries.register(odd, "odd")
    assert entries.find(odd) == "odd"
    assert entries.find(Dog) == "built in"
    registered.unregister()
    assert entries.find(odd) == "built in"
