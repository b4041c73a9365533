"""Links that show one execution for a while, to whoever has them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from obs_core import ObsError, clock

__all__ = ["LinkError", "Links", "SecretFileError", "default_secret_file"]

_TICKET = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,99})\.([0-9]{1,12})\.([A-Za-z0-9_-]{32})", re.ASCII)


class SecretFileError(ObsError):
    """The file of the secret by which links are signed cannot be read or made."""


class LinkError(Exception):
    """A link shows nothing; the message says why."""


class Links(Struct, frozen=True):
    """Signs links, and tells which ones may be followed.

    Attributes:
        secret_file: The file of the secret. Whoever replaces it takes back all links.
    """

    secret_file: str

    def ticket(self, store: str, execution_id: str, seconds: float) -> str:
        """Return what shows an execution for some time, as a part of an address.

        Args:
            store: The address of the store in which it is.
            execution_id: Which execution.
            seconds: How long.

        Raises:
            SecretFileError: The secret cannot be read, or made where there is none.
        """
        expires = int(clock.epoch() / 1e9 + seconds)
        return f"{execution_id}.{expires}.{_signature(self._made_secret(), store, execution_id, expires)}"

    def execution_of(self, store: str, ticket: str) -> str:
        """Return the execution that a ticket shows.

        Args:
            store: The address of the store that is asked.
            ticket: What `ticket` gave.

        Raises:
            LinkError: It is none of ours, or its time is over.
        """
        found = _TICKET.fullmatch(ticket)
        secret = self._secret()
        if found is None or secret is None:
            raise LinkError("This link is not valid.")
        execution_id, expires, signature = found[1], int(found[2]), found[3]
        if not hmac.compare_digest(signature, _signature(secret, store, execution_id, expires)):
            raise LinkError("This link is not valid.")
        if clock.epoch() / 1e9 >= expires:
            raise LinkError("This link has expired. Ask whoever sent it for another one.")
        return execution_id

    def held_by(self, stores: Iterable[str], ticket: str) -> tuple[str, str]:
        """Return the store, of several, and the execution that a ticket shows.

        Args:
            stores: The addresses of the stores that are asked.
            ticket: What `ticket` gave.

        Raises:
            LinkError: It is none of ours, or its time is over.
        """
        refusals = [LinkError("This link is not valid.")]
        for store in stores:
            try:
                return store, self.execution_of(store, ticket)
            except LinkError as error:
                refusals.append(error)
        # That it has expired is said of a signature that is right.
        raise max(refusals, key=lambda error: "expired" in str(error))

    def _secret(self) -> bytes | None:
        """Read the secret anew, since it may have been replaced; None if there is none."""
        with contextlib.suppress(OSError):
            return Path(self.secret_file).read_bytes().strip() or None
        return None

    def _made_secret(self) -> bytes:
        found = self._secret()
        if found is not None:
            return found
        try:
            Path(self.secret_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{secrets.token_urlsafe(32)}\n")
        except FileExistsError:
            pass  # another process was faster, or it cannot be read
        except OSError as error:
            raise SecretFileError(f"cannot write the secret file {self.secret_file}: {error}") from error
        found = self._secret()
        if found is None:
            raise SecretFileError(f"the secret file {self.secret_file} is empty or cannot be read")
        return found


def default_secret_file() -> str:
    """Return where the secret lies if nobody says: in the user's configuration."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return str(folder / "obs-ui" / "secret")


def _signature(secret: bytes, store: str, execution_id: str, expires: int) -> str:
    signed = f"obs-ui link 1\n{store}\n{execution_id}\n{expires}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()[:24]).decode()
