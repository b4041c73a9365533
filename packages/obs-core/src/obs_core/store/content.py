"""Content as the store keeps it: masked, compressed, named by what it is."""

from __future__ import annotations

import zlib

from obs_core.secrets import mask


def digest_of(content: bytes) -> str:
    """Return the name of content by what it is: 32 hexadecimal digits of its SHA-256."""
    import hashlib  # loads OpenSSL: five milliseconds, which a pipeline that only times spans need not pay

    return hashlib.sha256(content).hexdigest()[:32]


def compressed(content: bytes) -> bytes:
    """Return content as gzip, the same for the same content."""
    return zlib.compress(content, level=6, wbits=31)


def masked_bytes(text: str) -> bytes:
    """Return text as it may leave the process: without secrets, and without what UTF-8 cannot hold."""
    return mask(text).encode("utf-8", "backslashreplace")
