"""Passwords in the URLs of stores: used to open them, and in nothing that is shown, written or carried."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_core.settings import store_url
from obs_core.text.masking import MASK, register_secret_value

__all__ = ["with_password", "without_password"]

_known: dict[str, str] = {}
"""URLs with their passwords, by what is shown of them."""

_IN_QUERY = re.compile(
    r"[?&](?:[^=&#]*(?:pass|pwd|secret|token|credential|signature)[^=&#]*|sig|sas|[^=&#]*[_-]key|key)=([^&#]+)",
    re.IGNORECASE,
)
"""What a query says to be secret: ``?password=``, ``&aws_secret_access_key=``, ``&sig=`` of Azure."""

_TOKEN = re.compile(r"(?=[^:]*\d)(?=[^:]*[A-Za-z])[^:/]{20,}")
"""What stands alone where a user's name may stand, and is none."""


def without_password(url: str) -> str:
    """Return a URL as it may be shown, and mask what is secret in it in all that is recorded from now on.

    Examples:
        >>> without_password("sftp://ann:k9-secret@host/obs?token=k9-other")
        'sftp://ann:***@host/obs?token=***'
    """
    shown, end = "", 0
    for start, stop in sorted(set(_places(url))):
        if start >= end and url[start:stop] != MASK:
            register_secret_value(url[start:stop])
            shown += url[end:start] + MASK
            end = stop
    if not end:
        return url
    shown += url[end:]
    _known[shown] = url
    return shown


def with_password(url: str) -> str:
    """Return a URL as it was before it was shown or carried.

    The password is known from `OBS_STORE`, or since this process opened the store before; else nothing is changed.
    """
    if MASK not in url:
        return url
    without_password(store_url())
    return _known.get(url, url)


def _places(url: str) -> Iterator[tuple[int, int]]:
    """Find what is secret in a URL: where it begins and ends."""
    begin = url.find("://") + 3
    if begin < 3:
        return
    yield from (found.span(1) for found in _IN_QUERY.finditer(url))
    authority = url[begin:].partition("/")[0]
    at = authority.rfind("@")
    name, colon, rest = authority.partition(":")
    if at < 0 and colon and rest and not rest.isdecimal():
        at = url[begin:].find("@")  # a password with a slash that should have been written as %2F
    if at < 0:
        return
    if colon and len(name) < at:
        if at > len(name) + 1:
            yield begin + len(name) + 1, begin + at
    elif _TOKEN.fullmatch(url, begin, begin + at):
        yield begin, begin + at
