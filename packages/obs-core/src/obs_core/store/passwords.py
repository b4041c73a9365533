"""Passwords in the URLs of stores: used to open them, and in nothing that is shown, written or carried."""

from __future__ import annotations

from obs_core.settings import store_url
from obs_core.text.masking import MASK, register_secret_value

__all__ = ["password_of", "with_password", "without_password"]

_known: dict[str, str] = {}
"""URLs with their passwords, by what is shown of them."""


def password_of(url: str) -> str:
    """Return the password in a URL; empty if there is none."""
    _, separator, rest = url.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return user.partition(":")[2] if separator and at else ""


def without_password(url: str) -> str:
    """Return a URL as it may be shown, and mask its password in all that is recorded from now on.

    Examples:
        >>> without_password("sftp://ann:k9-secret@host/obs")
        'sftp://ann:***@host/obs'
    """
    password = password_of(url)
    if not password or password == MASK:
        return url
    register_secret_value(password)
    shown = url.replace(f":{password}@", f":{MASK}@", 1)
    _known[shown] = url
    return shown


def with_password(url: str) -> str:
    """Return a URL as it was before it was shown or carried.

    The password is known from `OBS_STORE`, or since this process opened the store before; else nothing is changed.
    """
    if password_of(url) != MASK:
        return url
    without_password(store_url())
    return _known.get(url, url)
