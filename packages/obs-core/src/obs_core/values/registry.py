"""What other packages declare in their entry points, and the registry that finds it by a value's type."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from obs_core.failsafe import ObsError, strict, warn
from obs_core.interruptions import let_pass
from obs_core.locks import new_rlock
from obs_core.text.bounded_repr import describe_error
from obs_core.undisturbed import import_undisturbed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Registration", "TypeRegistry", "check_target", "declared", "imported_class", "load"]

E = TypeVar("E")

_PREFIX = "obs."
_MOST_CACHED = 1_000


def declared(group: str) -> tuple[EntryPoint, ...]:
    """List the entry points of a group; their modules are not imported.

    Where two packages declare the same name, one that is not obs's own comes first, then the first by name.

    Args:
        group: Such as ``"obs.renderers"``; must begin with ``"obs."``.
    """
    return _all_declared().get(group, ())


@cache
def _all_declared() -> dict[str, tuple[EntryPoint, ...]]:
    from obs_core.installed import installed  # once something is rendered that is not plain

    found: dict[str, list[EntryPoint]] = {}
    for distribution in installed().values():
        for point in distribution.entry_points(_PREFIX):
            found.setdefault(point.group, []).append(point)
    return {group: tuple(sorted(points, key=_precedence)) for group, points in found.items()}


def _precedence(point: EntryPoint) -> tuple[bool, str]:
    return point.value.startswith("obs_"), point.value


def load(point: EntryPoint) -> Any:
    """Import what an entry point names.

    Raises:
        ObsError: It cannot be imported; the message names the package and says what to type.
    """
    if point.module.startswith("obs_"):
        import_undisturbed(point.module)
    try:
        return point.load()
    except (RecursionError, MemoryError):
        raise  # it passes: the next time it may load
    except Exception as error:
        let_pass(error)
        raise ObsError(_cannot_load(point, error)) from error


def _cannot_load(point: EntryPoint, error: BaseException) -> str:
    package = point.dist.name if point.dist else point.module
    return (
        f"{point.name!r} of the entry points {point.group!r} cannot be loaded from {point.value!r} "
        f"({describe_error(error)}). Type: pip install --upgrade {package}; or, to go without: "
        f"pip uninstall {package}"
    )


class Registration:
    """What was registered at run time; `unregister` or the end of a ``with`` block takes it back."""

    __slots__ = ("_undo",)

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo = undo

    def unregister(self) -> None:
        """Take it back: what was registered before, if anything, holds again."""
        self._undo()

    def __enter__(self) -> Registration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unregister()


class _Offer(Generic[E]):
    """An entry for a type that may not be imported yet.

    Args:
        target: The type, or its dotted name.
        supply: Gives the entry, or None when it cannot be had.
    """

    __slots__ = ("kind", "last", "name", "root", "supply")

    def __init__(self, target: type | str, supply: Callable[[], E | None]) -> None:
        self.kind = target if isinstance(target, type) else None
        self.name = target if isinstance(target, str) else ""
        self.root = self.name.partition(".")[0]
        self.last = self.name.rpartition(".")[2]
        self.supply = supply

    def resolve(self) -> bool:
        """Find the class that the name means, if its module is imported."""
        if self.kind is None:
            self.kind = imported_class(self.name, vars_only=True)
        return self.kind is not None

    def means(self, kind: type) -> bool:
        """Tell whether the name means this class after all: of a lazy, or a reloaded, module."""
        if kind.__name__ != self.last or kind.__module__.partition(".")[0] != self.root or kind is self.kind:
            return False
        if imported_class(self.name, vars_only=False) is kind:
            self.kind = kind
        return self.kind is kind


class TypeRegistry(Generic[E]):
    """Entries found by a value's type: the nearest class in its method resolution order wins.

    At the same class, what was registered at run time wins over what a package declares as an entry point,
    that over what the class brings itself, and that over the built-in. A class may be given by its dotted
    name, such as ``"pandas.DataFrame"``, so that nothing is imported before such a value exists.

    Args:
        group: The entry points' group, such as ``"obs.renderers"``.
        accept: Makes an entry of what was registered or loaded; raises TypeError for what cannot be one.
        built_in: The entries that are always there.
        own: Gives the entry that a class brings itself, if any.
        closed: Types for which nothing that packages declare is taken, so that it need not be read for them.
    """

    def __init__(
        self,
        group: str,
        accept: Callable[[object], E],
        built_in: Mapping[type, E],
        own: Callable[[type], E | None] = lambda _: None,
        closed: frozenset[type] = frozenset(),
    ) -> None:
        self._group = group
        self._accept = accept
        # By the ids of classes, whose metaclasses may refuse to be hashed; each is kept alive beside its entry.
        self._built_in = {id(kind): (kind, entry) for kind, entry in built_in.items()}
        self._own = own
        self._closed = {id(kind): kind for kind in closed}
        self._registered: list[_Offer[E]] = []
        self._declared: list[_Offer[E]] | None = None
        self._tables: tuple[dict[int, _Offer[E]], ...] = ({}, {})
        self._pending: list[_Offer[E]] = []
        self._cache: dict[int, tuple[type, E]] = {}
        self._modules_seen = 0
        self._lock = new_rlock()

    def register(self, target: type | str, entry: object) -> Registration:
        """Register an entry for a type and its subclasses; it replaces an earlier one.

        Args:
            target: The type, or its dotted name.
            entry: The entry, or a class of which one is made without arguments.

        Raises:
            TypeError: `target` is no type, or `entry` cannot be an entry.
            ValueError: `target` is no dotted name.
        """
        check_target(target)
        accepted = self._accept(entry)
        offer = _Offer(target, lambda: accepted)
        with self._lock:
            self._registered.append(offer)
            self._arrange()
        return Registration(partial(self._unregister, offer))

    def find(self, kind: type) -> E | None:
        """Find the entry for values of a type."""
        if len(sys.modules) != self._modules_seen:
            self._notice_imports()
        found = self._cache.get(id(kind))
        return self._search(kind) if found is None else found[1]

    def entries(self) -> Iterator[E]:
        """Give each entry: those registered, the built-in, and those declared, loaded as they are reached."""
        yield from _supplied(reversed(self._registered))
        yield from (entry for _, entry in self._built_in.values())
        self._read_declared()
        yield from _supplied(self._declared or ())

    def _unregister(self, offer: _Offer[E]) -> None:
        with self._lock:
            if offer in self._registered:
                self._registered.remove(offer)
                self._arrange()

    def _arrange(self) -> None:
        """Sort the offers by the classes that they are for; forget what was found before."""
        with self._lock:
            layers = (self._registered, (self._declared or [])[::-1])
            self._tables = tuple({id(o.kind): o for o in layer if o.resolve()} for layer in layers)
            self._pending = [offer for layer in layers for offer in layer if offer.kind is None]
            self._cache = {}

    def _notice_imports(self) -> None:
        """Look again for classes whose modules may have been imported meanwhile."""
        self._modules_seen = len(sys.modules)
        if any(offer.resolve() for offer in self._pending):
            self._arrange()

    def _search(self, kind: type) -> E | None:
        if id(kind) not in self._closed:
            self._read_declared()
        self._notice_unusual_modules(kind)
        cache = self._cache if len(self._cache) < _MOST_CACHED else {}
        self._cache = cache
        for each in kind.__mro__:
            entry = self._entry_of(each)
            if entry is not None:
                # A class that a function made is to go with it, and there may be one for each call.
                if "<locals>" not in kind.__qualname__:
                    cache[id(kind)] = kind, entry
                return entry
        return None

    def _entry_of(self, kind: type) -> E | None:
        for table in self._tables[: 1 if id(kind) in self._closed else 2]:
            offer = table.get(id(kind))
            entry = offer.supply() if offer else None
            if entry is not None:
                return entry
        own = self._own(kind)
        _, built_in = self._built_in.get(id(kind), (kind, None))
        return built_in if own is None else own

    def _notice_unusual_modules(self, kind: type) -> None:
        offers = [*self._registered, *(self._declared or ())]
        if any(offer.means(each) for each in kind.__mro__ for offer in offers):
            self._arrange()

    def _read_declared(self) -> None:
        if self._declared is not None:
            return
        points = declared(self._group)
        with self._lock:
            if self._declared is None:
                self._declared = [_Offer(point.name, cache(partial(self._load, point))) for point in points]
                self._arrange()

    def _load(self, point: EntryPoint) -> E | None:
        """Load a declared entry; one that fails leaves one warning and counts as not there."""
        try:
            return self._accept(load(point))
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            let_pass(error)
            message = str(error) if isinstance(error, ObsError) else _cannot_load(point, error)
            if strict():
                raise ObsError(message) from error
            warn(message)
            return None


def _supplied(offers: Iterable[_Offer[E]]) -> Iterator[E]:
    return (entry for offer in offers if (entry := offer.supply()) is not None)


def check_target(target: object) -> None:
    """Raise if this is neither a type nor a type's dotted name.

    Raises:
        TypeError: It is neither a type nor text.
        ValueError: It is text that is no dotted name.
    """
    if isinstance(target, str):
        parts = target.split(".")
        if len(parts) < 2 or not all(part.isidentifier() for part in parts):
            raise ValueError(f"a type's dotted name is needed, such as 'pandas.DataFrame', not {target!r}")
    elif not isinstance(target, type):
        raise TypeError(f"a type or its dotted name is needed, not {type(target).__name__}: {target!r}")


def imported_class(name: str, *, vars_only: bool) -> type | None:
    """Find a class by its dotted name without importing anything.

    Args:
        name: Such as ``"pandas.DataFrame"``.
        vars_only: Do not ask modules for attributes that they make only when asked: that could import a lot.
    """
    parts = name.split(".")
    if parts[0] not in sys.modules:
        return None
    depths = [cut for cut in range(1, len(parts)) if ".".join(parts[:cut]) in sys.modules]
    depth = max(depths, default=1)
    found: Any = sys.modules[".".join(parts[:depth])]
    for part in parts[depth:]:
        found = _attribute(found, part, vars_only)
    return found if isinstance(found, type) else None


def _attribute(owner: object, name: str, vars_only: bool) -> object:
    try:
        return vars(owner).get(name) if vars_only else getattr(owner, name, None)
    except Exception as error:  # a lazy module's own import may fail
        let_pass(error)
        return None
