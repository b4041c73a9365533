"""Where the index lies, and how it is opened and brought up to date."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from obs_core import ObsError
from obs_core.store import Store
from obs_core.store.paths import EXECUTIONS
from obs_ui.index import schema

__all__ = ["IndexError_", "address_of", "connect", "default_address", "insertion", "storable", "store_number"]

_MIGRATING = 0x6F6273
"""The number of the lock under which one server at a time migrates a shared index."""


class IndexError_(ObsError):
    """The index cannot be opened."""


def default_address(store: Store) -> str:
    """Return the address of the SQLite index of a store: a file in the user's cache folder."""
    name = hashlib.sha256(address_of(store).encode()).hexdigest()[:16]
    return f"sqlite:///{_cache_folder() / f'index-{name}.sqlite'}"


def connect(address: str) -> Engine:
    """Open an index, make it if it is not there, and bring its tables up to date.

    Args:
        address: A URL of SQLAlchemy's: ``sqlite:///file`` or ``postgresql://user@host/database``.

    Raises:
        IndexError_: It cannot be opened; the message says why and what to do.
    """
    try:
        engine = sa.create_engine(_url(address), **_options(address))
        _migrate(engine)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise IndexError_(f"cannot open the index {_harmless(address)}: {_reason(error)}") from error
    return engine


def store_number(engine: Engine, store: Store) -> int:
    """Return the number of a store in the index, which gets one if it has none."""
    address = address_of(store)
    with engine.begin() as connection:
        insert: Any = insertion(engine, schema.stores).values(address=address).on_conflict_do_nothing()
        connection.execute(insert)
        return int(connection.scalar(sa.select(schema.stores.c.number).where(schema.stores.c.address == address)) or 0)


def insertion(engine: Engine, table: sa.Table) -> Any:
    """Return an insertion that may be told what to do when the row is there already."""
    if engine.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def address_of(store: Store) -> str:
    """Return the address by which a store is known: the same from every working directory."""
    return store.address(EXECUTIONS).removesuffix(EXECUTIONS).rstrip("/\\")


def _cache_folder() -> Path:
    for folder in (_user_cache() / "obs-ui", Path(tempfile.gettempdir()) / f"obs-ui-{os.environ.get('USER', '')}"):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise IndexError_("there is no writable folder for the index; choose a file: obs ui --index sqlite:///FILE")


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _url(address: str) -> sa.URL:
    url = sa.make_url(address)
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise IndexError_(f"an index is kept in SQLite or PostgreSQL, not in {url.get_backend_name()!r}")
    return url


def _options(address: str) -> dict[str, Any]:
    if address.startswith("sqlite"):
        return {"connect_args": {"timeout": 30}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "obs_ui:index/migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATING})
        else:
            connection.exec_driver_sql("pragma journal_mode = wal")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _harmless(address: str) -> str:
    """Return the address without its password."""
    try:
        return sa.make_url(address).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return repr(address)


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f'{error} (try: pip install "obs-ui[postgresql]")'
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())


def storable(text: str) -> str:
    """Return text as every database takes it: without NUL and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
