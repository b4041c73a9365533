"""Let whylogs' own ``why.log`` run on numpy 2: one of its modules asks for a name that numpy has no more."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["mend_whylogs"]

_MODULE = "whylogs.core.datatypes"
"""Its only module that names ``numpy.unicode_``."""


def mend_whylogs() -> None:
    """Mend the module as soon as it is imported; whylogs itself is not imported for that."""
    if _MODULE in sys.modules:
        _mend(sys.modules[_MODULE])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the module as it would be found, and sees to it that it is mended; it does so once."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the one module; None for all others."""
        if name != _MODULE:
            return None
        with contextlib.suppress(ValueError):  # another thread was here
            sys.meta_path.remove(self)
        spec = find_spec(name)
        loader = None if spec is None else spec.loader
        if loader is not None:
            execute = loader.exec_module

            def execute_and_mend(module: ModuleType) -> None:
                execute(module)
                _mend(module)

            with contextlib.suppress(AttributeError):  # a loader of an unknown kind: whylogs stays as it is
                loader.exec_module = execute_and_mend  # type: ignore[method-assign]
        return spec


def _mend(module: ModuleType) -> None:
    """Give it a numpy of its own that has the name; numpy itself stays as it is."""
    numpy = getattr(module, "np", None)
    if isinstance(numpy, ModuleType) and not hasattr(numpy, "unicode_"):
        own = ModuleType(numpy.__name__)
        vars(own).update(vars(numpy), unicode_=numpy.str_)
        module.np = own  # type: ignore[attr-defined]
