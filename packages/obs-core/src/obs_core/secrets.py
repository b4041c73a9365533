"""Secrets: looked up when they are used, and masked in everything that obs writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, Literal, TypeVar, overload

from msgspec import Struct

from obs_core.failsafe import ObsError, warn
from obs_core.interruptions import let_pass
from obs_core.text.masking import (
    SHORTEST_MASKED,
    forget_secret_values,
    mask,
    mask_value,
    masked_text,
    masks_anything,
    register_secret_value,
)

__all__ = [
    "Secret",
    "SecretAccessor",
    "SecretGroup",
    "SecretNotFoundError",
    "as_secret",
    "forget_secret_values",
    "mask",
    "mask_value",
    "masked_text",
    "masks_anything",
    "register_secret_value",
]

T = TypeVar("T")

_DEFAULT_DIRECTORY = "/etc/secrets"

_warned: set[Secret] = set()


class SecretNotFoundError(ObsError, LookupError, ValueError):
    """No place holds the secret; the message names every place that was tried."""


class MountType(Enum):
    """How Flyte hands a secret to a task; obs looks at every place anyway."""

    ANY = 0
    ENV_VAR = 1
    FILE = 2


class Secret(Struct, frozen=True, repr_omit_defaults=True):
    """The name of a secret; its value is looked up each time `resolve` is called and is never kept here.

    Attributes:
        group: What the secret belongs to, such as ``"wandb"``; may be left out.
        key: Its name, such as ``"WANDB_API_KEY"``.
        group_version: Which version of the group, where there are several.
        mount_requirement: Accepted, so that Flyte's secrets work unchanged, and ignored: obs looks everywhere anyway.
        env_var: An environment variable of another name that holds the value; looked at first.

    Raises:
        ValueError: `key` is missing.
        TypeError: `group`, `key`, `group_version` or `env_var` is not text.

    Examples:
        >>> Secret(group="wandb", key="WANDB_API_KEY").resolve()  # doctest: +SKIP
    """

    group: str | None = None
    key: str = ""
    group_version: str | None = None
    mount_requirement: Any = None
    env_var: str | None = None

    MountType: ClassVar = MountType

    def __post_init__(self) -> None:
        """Refuse names that name nothing."""
        _check_name("group", self.group or "")
        _check_name("key", self.key)
        _check_name("group_version", self.group_version or "")
        _check_name("env_var", self.env_var or "")
        if not self.key:
            raise ValueError(
                f"{self!r} names no key: write Secret(group='wandb', key='WANDB_API_KEY') or Secret(key=...)"
            )

    def resolve(self) -> str:
        """Look the value up, and mask it from now on in everything that obs writes.

        The places, in this order: the environment variable `env_var`; the environment variables
        ``OBS_SECRET_<GROUP>_<KEY>``, ``_FSEC_<GROUP>_<KEY>`` (Flyte's; the version stands between both) and ``<KEY>``;
        the file ``<group>/<version>/<key>`` in the folder ``OBS_SECRETS_DIR``, else ``FLYTE_SECRETS_DEFAULT_DIR``, else
        ``/etc/secrets``, then the same with the names in lower case; the system's keyring, if keyring is installed.

        Returns:
            The value, without spaces and newlines around it.

        Raises:
            SecretNotFoundError: No place holds it.
        """
        return _looked_up(self, _as_text)


class SecretAccessor:
    """What `current_context().secrets` gives: the values of secrets by their names."""

    __slots__ = ()

    @overload
    def get(
        self,
        group: str | None = ...,
        key: str | None = ...,
        group_version: str | None = ...,
        encode_mode: Literal["r"] = ...,
    ) -> str: ...

    @overload
    def get(
        self, group: str | None, key: str | None, group_version: str | None, encode_mode: Literal["rb"]
    ) -> bytes: ...

    @overload
    def get(
        self,
        group: str | None = ...,
        key: str | None = ...,
        group_version: str | None = ...,
        *,
        encode_mode: Literal["rb"],
    ) -> bytes: ...

    def get(
        self,
        group: str | None = None,
        key: str | None = None,
        group_version: str | None = None,
        encode_mode: str = "r",
    ) -> str | bytes:
        """Look a secret's value up.

        Args:
            group: The secret's group; a name given alone is taken for the key.
            key: The secret's key.
            group_version: Which version of the group.
            encode_mode: ``"rb"`` gives the value as bytes.

        Returns:
            The value.

        Raises:
            SecretNotFoundError: No place holds it; a ValueError too.
            ValueError: The mode is neither ``"r"`` nor ``"rb"``.

        Examples:
            >>> SecretAccessor().get("wandb", "WANDB_API_KEY")  # doctest: +SKIP
        """
        if encode_mode not in ("r", "rb"):
            raise ValueError(f"encode_mode is 'r' or 'rb', not {encode_mode!r}")
        secret = _named(group, key, group_version)
        return secret.resolve() if encode_mode == "r" else _looked_up(secret, _as_bytes)

    def get_secrets_env_var(
        self, group: str | None = None, key: str | None = None, group_version: str | None = None
    ) -> str:
        """Return the name of the environment variable in which Flyte puts a secret, ``"_FSEC_WANDB_API_KEY"``."""
        return _flyte_variable(_named(group, key, group_version))

    def get_secrets_file(
        self, group: str | None = None, key: str | None = None, group_version: str | None = None
    ) -> str:
        """Return the file in which Flyte puts a secret, ``"/etc/secrets/wandb/api_key"``."""
        return _files(_named(group, key, group_version))[-1]

    def __getattr__(self, group: str) -> SecretGroup:
        """Return a group: ``secrets.wandb.WANDB_API_KEY`` is ``secrets.get("wandb", "WANDB_API_KEY")``."""
        if group.startswith("__"):
            raise AttributeError(group)
        return SecretGroup(group)


class SecretGroup:
    """The secrets of one group, as attributes."""

    __slots__ = ("_group",)

    def __init__(self, group: str) -> None:
        self._group = group

    def __getattr__(self, key: str) -> str:
        """Look a secret of the group up.

        Raises:
            SecretNotFoundError: No place holds it.
        """
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)

    def get(self, key: str) -> str:
        """Look a secret of the group up by its key, which may be no attribute's name.

        Raises:
            SecretNotFoundError: No place holds it.

        Examples:
            >>> current_context().secrets.wandb.get("api-key")  # doctest: +SKIP
        """
        return Secret(group=self._group, key=key).resolve()


def as_secret(candidate: Any) -> Any:
    """Return a secret of another library (one with a group and a key, as Flyte's) as one of obs; others as they are."""
    if isinstance(candidate, Secret) or callable(candidate) or not isinstance(getattr(candidate, "key", None), str):
        return candidate
    given: dict[str, Any] = {name: getattr(candidate, name, None) for name in Secret.__struct_fields__}
    return Secret(**given)


_Found = tuple[bytes | str, str]
"""The value, or nothing and why there is none."""


def _named(group: str | None, key: str | None, group_version: str | None) -> Secret:
    """Return the secret that Flyte's arguments name: a name given alone is the key of none."""
    if key is None:
        group, key = None, group
    return Secret(group=group, key=key or "", group_version=group_version)


def _looked_up(secret: Secret, read: Callable[[bytes | str], T]) -> T:
    """Return the first value that is found, as it can be read, and mask it from now on.

    Raises:
        SecretNotFoundError: No place holds one.
    """
    tried: list[str] = []
    for place, look in _places(secret):
        content, why_not = look()
        try:
            found = read(content)
        except ValueError as error:
            let_pass(error)
            found, why_not = None, f"cannot be read ({type(error).__name__})"
        if found:
            _mask_from_now_on(secret, content)
            return found
        tried.append(f"  - {place}: {why_not}")
    raise SecretNotFoundError(_not_found(secret, tried))


def _as_text(content: bytes | str) -> str:
    return (content.decode() if isinstance(content, bytes) else content).strip()


def _as_bytes(content: bytes | str) -> bytes:
    return (content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content).strip()


def _check_name(role: str, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a secret's {role} must be a str, not {type(name).__name__}: {name!r}")


def _mask_from_now_on(secret: Secret, content: bytes | str) -> None:
    try:
        value = _as_text(content)
    except ValueError as error:
        let_pass(error)
        value = repr(content.strip())[2:-1]  # as a report would show what is no text
    if register_secret_value(value) or secret in _warned:
        return
    _warned.add(secret)
    short = f"under {SHORTEST_MASKED} characters, too short to be masked in reports and journals"
    warn(f"the value of {secret!r} has {short}")


def _places(secret: Secret) -> Iterator[tuple[str, Callable[[], _Found]]]:
    own, flytes = _variable_name(secret), _flyte_variable(secret)
    for name in dict.fromkeys(name for name in (secret.env_var, own, flytes, secret.key) if name):
        yield f"environment variable {name}", partial(_in_environment, name)
    for path in _files(secret):
        yield f"file {path}", partial(_in_file, secret, path)
    service = secret.group or "obs"
    yield f"keyring, service {service!r}, user {secret.key!r}", partial(_in_keyring, service, secret.key)


def _variable_name(secret: Secret) -> str:
    name = "_".join(["OBS_SECRET", *_names(secret)]).upper()
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name)


def _flyte_variable(secret: Secret) -> str:
    return os.environ.get("FLYTE_SECRETS_ENV_PREFIX", "_FSEC_") + "_".join(_names(secret)).upper()


def _names(secret: Secret) -> list[str]:
    return [name for name in (secret.group, secret.group_version, secret.key) if name]


def _in_environment(name: str) -> _Found:
    value = os.environ.get(name)
    return value or "", "not set" if value is None else "empty"


def _files(secret: Secret) -> list[str]:
    environ = os.environ
    directory = environ.get("OBS_SECRETS_DIR") or environ.get("FLYTE_SECRETS_DEFAULT_DIR") or _DEFAULT_DIRECTORY
    names = _names(secret)
    flytes = [name.lower() for name in names]
    flytes[-1] = environ.get("FLYTE_SECRETS_FILE_PREFIX", "") + flytes[-1]
    spellings = (names, flytes)
    return list(dict.fromkeys("/".join([directory.rstrip("/"), *each]) for each in spellings))


def _in_file(secret: Secret, path: str) -> _Found:
    outside = [name for name in _names(secret) if not _is_file_name(name)]
    if outside:
        return b"", f"refused, {outside[0]!r} is no plain file name"
    try:
        with open(path, "rb") as file:
            return file.read(), "empty"
    except FileNotFoundError as error:
        let_pass(error)
        return b"", "no such file"
    except (OSError, ValueError) as error:
        let_pass(error)
        return b"", f"cannot be read ({type(error).__name__})"


def _is_file_name(name: str) -> bool:
    """Tell whether a name stays in its folder: a group or key must not reach files elsewhere."""
    return name not in (".", "..") and not any(char in name for char in "/\\:\0")


def _in_keyring(service: str, user: str) -> _Found:
    try:
        keyring = import_module("keyring")
    except ImportError:
        return "", "the package keyring is not installed"
    except OSError as error:  # no descriptor is left
        let_pass(error)
        return "", f"cannot be asked ({type(error).__name__})"
    try:
        return keyring.get_password(service, user) or "", "no such entry"
    except Exception as error:
        let_pass(error)
        return "", f"cannot be read ({type(error).__name__})"


def _not_found(secret: Secret, tried: list[str]) -> str:
    places = "\n".join(tried)
    return (
        f"{secret!r} was not found. Looked, in this order, at:\n{places}\n"
        f"Set one of them, for example: export {_variable_name(secret)}=..."
    )
