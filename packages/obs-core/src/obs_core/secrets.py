"""Secrets: looked up when they are used, and masked in everything that obs writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

from msgspec import Struct

from obs_core.failsafe import ObsError, warn
from obs_core.text.masking import (
    SHORTEST_MASKED,
    forget_secret_values,
    mask,
    mask_value,
    masks_anything,
    register_secret_value,
)

__all__ = [
    "Secret",
    "SecretAccessor",
    "SecretNotFoundError",
    "forget_secret_values",
    "mask",
    "mask_value",
    "masks_anything",
    "register_secret_value",
]

_DEFAULT_DIRECTORY = "/etc/secrets"

_warned: set[Secret] = set()


class SecretNotFoundError(ObsError, LookupError):
    """No place holds the secret; the message names every place that was tried."""


class Secret(Struct, frozen=True):
    """The name of a secret; its value is looked up each time `resolve` is called and is never kept here.

    Attributes:
        group: What the secret belongs to, such as ``"wandb"``; may be left out.
        key: Its name, such as ``"WANDB_API_KEY"``.

    Raises:
        ValueError: `key` is missing.
        TypeError: `group` or `key` is not text.

    Examples:
        >>> Secret(group="wandb", key="WANDB_API_KEY").resolve()  # doctest: +SKIP
    """

    group: str | None = None
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse names that name nothing."""
        _check_name("group", self.group or "")
        _check_name("key", self.key)
        if not self.key:
            raise ValueError(
                f"{self!r} names no key: write Secret(group='wandb', key='WANDB_API_KEY') or Secret(key=...)"
            )

    def resolve(self) -> str:
        """Look the value up, and mask it from now on in all that obs writes.

        The places, in this order: the environment variable ``OBS_SECRET_<GROUP>_<KEY>``; the environment
        variable ``<KEY>``; the file ``<group>/<key>`` in the folder ``OBS_SECRETS_DIR`` (``/etc/secrets``),
        then the same with both names in lower case; the system's keyring, if keyring is installed.

        Returns:
            The value; of a file's text, one newline at its end is left out.

        Raises:
            SecretNotFoundError: No place holds it.
        """
        tried: list[str] = []
        for place, look in _places(self):
            found, why_not = look()
            if found:
                _mask_from_now_on(self, found)
                return found
            tried.append(f"  - {place}: {why_not}")
        raise SecretNotFoundError(_not_found(self, tried))


class SecretAccessor:
    """What `current_context().secrets` gives: the values of secrets by their names."""

    __slots__ = ()

    def get(self, group: str | None = None, key: str | None = None) -> str:
        """Look a secret's value up.

        Args:
            group: The secret's group; a name given alone is taken for the key.
            key: The secret's key.

        Returns:
            The value.

        Raises:
            SecretNotFoundError: No place holds it.

        Examples:
            >>> SecretAccessor().get("wandb", "WANDB_API_KEY")  # doctest: +SKIP
        """
        if key is None:
            group, key = None, group
        return Secret(group=group, key=key or "").resolve()


_Found = tuple[str, str]
"""The value, or an empty text and why there is none."""


def _check_name(role: str, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a secret's {role} must be a str, not {type(name).__name__}: {name!r}")


def _mask_from_now_on(secret: Secret, value: str) -> None:
    if register_secret_value(value) or secret in _warned:
        return
    _warned.add(secret)
    short = f"under {SHORTEST_MASKED} characters, too short to be masked in reports and journals"
    warn(f"the value of {secret!r} has {short}")


def _places(secret: Secret) -> Iterator[tuple[str, Callable[[], _Found]]]:
    for name in (_variable_name(secret), secret.key):
        yield f"environment variable {name}", partial(_in_environment, name)
    for path in _files(secret):
        yield f"file {path}", partial(_in_file, secret, path)
    service = secret.group or "obs"
    yield f"keyring, service {service!r}, user {secret.key!r}", partial(_in_keyring, service, secret.key)


def _variable_name(secret: Secret) -> str:
    words = ["OBS_SECRET", secret.group, secret.key] if secret.group else ["OBS_SECRET", secret.key]
    name = "_".join(word for word in words if word).upper()
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name)


def _in_environment(name: str) -> _Found:
    value = os.environ.get(name)
    return value or "", "not set" if value is None else "empty"


def _files(secret: Secret) -> list[str]:
    directory = os.environ.get("OBS_SECRETS_DIR") or _DEFAULT_DIRECTORY
    names = [name for name in (secret.group, secret.key) if name]
    spellings = (names, [name.lower() for name in names])
    return list(dict.fromkeys("/".join([directory.rstrip("/"), *each]) for each in spellings))


def _in_file(secret: Secret, path: str) -> _Found:
    outside = [name for name in (secret.group, secret.key) if name and not _is_file_name(name)]
    if outside:
        return "", f"refused, {outside[0]!r} is no plain file name"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        return "", "no such file"
    except (OSError, ValueError) as error:
        return "", f"cannot be read ({type(error).__name__})"
    return text.removesuffix("\n").removesuffix("\r"), "empty"


def _is_file_name(name: str) -> bool:
    """Tell whether a name stays in its folder: a group or key must not reach files elsewhere."""
    return name not in (".", "..") and not any(char in name for char in "/\\:\0")


def _in_keyring(service: str, user: str) -> _Found:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return "", "the package keyring is not installed"
    try:
        return keyring.get_password(service, user) or "", "no such entry"
    except Exception as error:
        return "", f"cannot be read ({type(error).__name__})"


def _not_found(secret: Secret, tried: list[str]) -> str:
    places = "\n".join(tried)
    return (
        f"{secret!r} was not found. Looked, in this order, at:\n{places}\n"
        f"Set one of them, for example: export {_variable_name(secret)}=..."
    )
