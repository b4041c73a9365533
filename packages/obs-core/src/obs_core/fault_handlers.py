"""`faulthandler`, which obs shares with the program: what obs sets there changes nothing of what others call.

There is one `faulthandler` for a process. While obs has enabled it, a program that enables it too would only be given
another file, and its handlers would stay where obs's were, below those that Python was given since; and it would read
that it is enabled. So the program's calls go through one that knows what is obs's: that gives way, and is not told of.

Where a handler was set meanwhile, and another thread than the main one enables it, the handler stays above it: no other
thread could set that again.

Names that a program took out of `faulthandler` before obs was there are the bare ones. obs itself imports this before
the program does such things, mostly: the module is Python's own, and costs nothing.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal.getsignal` takes 20 times as long: it makes enums
import contextlib
import faulthandler
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "aside",
    "enable",
    "is_enabled_by_anyone",
    "is_enabled_by_obs",
    "is_listening",
    "is_registered_by_program",
    "listen",
    "stop_listening",
]

_enable, is_enabled_by_anyone = faulthandler.enable, faulthandler.is_enabled
_disable: Callable[[], Any] = faulthandler.disable  # it tells whether it was enabled
_register, _unregister = getattr(faulthandler, "register", None), getattr(faulthandler, "unregister", None)
_SIGTERM: int = _signal.SIGTERM
_FAULTS: tuple[int, ...] = tuple(
    getattr(_signal, name) for name in ("SIGSEGV", "SIGFPE", "SIGABRT", "SIGBUS", "SIGILL") if hasattr(_signal, name)
)
_Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class _Owners:
    """Whose it is, and what Python had set for the signals when obs took them."""

    __slots__ = ("before_enable", "before_register", "program")

    def __init__(self) -> None:
        self.before_enable: dict[int, Any] | None = None
        """None where it is not enabled, or by the program."""
        self.before_register: dict[int, Any] | None = None
        self.program: _Arguments | None = None
        """How the program registered SIGTERM."""


_owners = _Owners()


def enable(descriptor: int) -> None:
    """Let a crash be told of; only where nobody does it, who is found by `is_enabled_by_anyone`.

    Args:
        descriptor: Where it is written to.
    """
    before = _set_in_python(_FAULTS)
    _enable(descriptor)
    _owners.before_enable = before


def is_enabled_by_obs() -> bool:
    """Tell whether it is enabled, and by obs."""
    return _owners.before_enable is not None


def listen(descriptor: int) -> None:
    """Let the stack be written at SIGTERM, unless the program has its own written.

    Args:
        descriptor: Where it is written to.
    """
    if _register is None or _owners.program is not None:
        return
    before = _set_in_python((_SIGTERM,))
    # Not of all threads: the others go on while their stacks are read, and now and then that ends the process with
    # SIGSEGV (https://github.com/python/cpython/issues/116008).
    _register(_SIGTERM, file=descriptor, all_threads=False, chain=True)
    _owners.before_register = before


def is_listening() -> bool:
    """Tell whether `listen` was called, and nobody took it back."""
    return _owners.before_register is not None


def stop_listening() -> None:
    """Take that back, if it still stands."""
    before, _owners.before_register = _owners.before_register, None
    if before is not None and _unregister is not None:
        _unregister(_SIGTERM)
        _set_again(before)


def is_registered_by_program() -> bool:
    """Tell whether the program lets a stack be written at SIGTERM, since obs is there."""
    return _owners.program is not None


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Let a handler of Python's be set for SIGTERM below what the program registered, which would be gone by that."""
    registered = _owners.program
    if registered is None or _unregister is None or _register is None:
        yield
        return
    _unregister(_SIGTERM)
    try:
        yield
    finally:
        _register(*registered[0], **registered[1])


def _set_in_python(numbers: tuple[int, ...]) -> dict[int, Any]:
    return {number: _signal.getsignal(number) for number in numbers}


def _set_again(before: dict[int, Any]) -> None:
    """Set what the program has set for a signal since: what was there before is back now, below Python.

    All functions of Python's are one and the same there.
    """
    for number in _changed(before):
        with contextlib.suppress(ValueError):  # only the main thread sets handlers
            _signal.signal(number, _signal.getsignal(number))


def _changed(before: dict[int, Any]) -> list[int]:
    now = _set_in_python(tuple(before))
    return [number for number in before if now[number] is not None and _kind(now[number]) != _kind(before[number])]


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _kind(handler: Any) -> Any:
    return "of Python" if callable(handler) else handler


def _enable_for_program(*args: Any, **kwargs: Any) -> None:
    before, _owners.before_enable = _owners.before_enable, None
    if before is not None and (_in_main_thread() or not _changed(before)):
        _disable()
        _set_again(before)
    _enable(*args, **kwargs)


def _disable_for_program() -> Any:
    return _owners.before_enable is None and _disable()


def _is_enabled_for_program() -> bool:
    return _owners.before_enable is None and is_enabled_by_anyone()


def _share_registering() -> None:
    register, unregister = _register, _unregister
    if register is None or unregister is None:
        return  # Windows has none

    def register_for_program(*args: Any, **kwargs: Any) -> None:
        if _is_sigterm(args, kwargs):
            if len(args) < 2 and kwargs.get("file") is None:
                kwargs["file"] = sys.stderr  # that of now, if it has to be done again
            stop_listening()
            register(*args, **kwargs)
            _owners.program = args, kwargs
        else:
            register(*args, **kwargs)

    def unregister_for_program(*args: Any, **kwargs: Any) -> bool:
        if _is_sigterm(args, kwargs):
            if _owners.before_register is not None:
                return False
            _owners.program = None
        return bool(unregister(*args, **kwargs))

    _offer(register_for_program, "register")
    _offer(unregister_for_program, "unregister")


def _is_sigterm(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return (args[0] if args else kwargs.get("signum")) == _SIGTERM


def _offer(function: Callable[..., Any], name: str) -> None:
    """Put a function in the place of one of `faulthandler`'s, and let it look like that one."""
    setattr(faulthandler, name, functools.wraps(getattr(faulthandler, name))(function))


_offer(_enable_for_program, "enable")
_offer(_disable_for_program, "disable")
_offer(_is_enabled_for_program, "is_enabled")
_share_registering()
