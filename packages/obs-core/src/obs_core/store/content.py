"""Content as the store keeps it: masked, compressed, named by what it is."""

from __future__ import annotations

from obs_core.secrets import mask
from obs_core.store.base import Store, StoreError
from obs_core.store.packing import compressed, unpacked

__all__ = ["blob_at", "compressed", "digest_of", "masked_bytes"]


def digest_of(content: bytes) -> str:
    """Return the name of content by what it is: 32 hexadecimal digits of its SHA-256."""
    import hashlib  # loads OpenSSL: five milliseconds, which a pipeline that only times spans need not pay

    return hashlib.sha256(content).hexdigest()[:32]


def masked_bytes(text: str) -> bytes:
    """Return text as it may leave the process: without secrets, and without what UTF-8 cannot hold."""
    return mask(text).encode("utf-8", "backslashreplace")


def blob_at(store: Store, path: str) -> bytes:
    """Return content of an execution, or content that many share, as it was written.

    Raises:
        FileNotFoundError: It is not in the store.
        StoreError: It is damaged.
    """
    content = unpacked(store.get(path))
    folder, _, name = path.rpartition("/")
    # What is shared is named by what it was before secrets were masked in it.
    if folder.endswith("/blobs") and name.partition(".")[0] != digest_of(content):
        raise StoreError("it is not what was written under this name")
    return content
