"""The folder into which a site is written: only what changed is written, only what was written here is removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct, field

from obs_core import ObsError

__all__ = ["MANIFEST", "Manifest", "SiteFolder", "SiteFolderError", "Written"]

MANIFEST = "obs-site.json"
"""What was written last time: all that may be written over or removed."""

FORMAT = 1


class SiteFolderError(ObsError):
    """The site cannot be written there."""


class Written(Struct):
    """What was written of one execution, or of all that belongs to none.

    Attributes:
        state: What it was made from; the same state gives the same files.
        files: The files, with the hashes of what they hold.
    """

    state: str = ""
    files: dict[str, str] = field(default_factory=dict)


class Manifest(Struct):
    """What a site consists of.

    Attributes:
        format: The version of this format.
        at: When anything in it changed last, in nanoseconds since the epoch.
        common: What belongs to no execution.
        executions: What belongs to each execution.
    """

    format: int = FORMAT
    at: int = 0
    common: Written = field(default_factory=Written)
    executions: dict[str, Written] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        """Return all files with their hashes."""
        found = dict(self.common.files)
        for written in self.executions.values():
            found |= written.files
        return found


class SiteFolder:
    """A site's folder.

    Args:
        path: The folder; it is made if it is not there.
        before: The files that a site before this one wrote here, with their hashes.

    Attributes:
        changed: How many files were written since what they held was another.
    """

    def __init__(self, path: str | os.PathLike[str], before: dict[str, str]) -> None:
        self.path = Path(path)
        self.changed = 0
        self._before = before

    def put(self, name: str, content: str | bytes) -> str:
        """Write a file, unless it holds that already.

        Returns:
            The hash of what it holds.

        Raises:
            SiteFolderError: There is a file of this name that no site wrote.
        """
        encoded = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        digest = hashlib.sha256(encoded).hexdigest()[:20]
        target = self.path / name
        if self._before.get(name) == digest and target.is_file():
            return digest
        if name not in self._before and target.exists():
            if target.is_file() and target.read_bytes() == encoded:  # many executions have it in common
                return digest
            raise SiteFolderError(
                f"{target} is there already, and was not written by obs site: choose another folder, or move it away"
            )
        _replace(target, encoded)
        self.changed += 1
        return digest

    def holds_all(self, names: dict[str, str]) -> bool:
        """Tell whether files are there."""
        return all((self.path / name).is_file() for name in names)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Return what a site before wrote into a folder; nothing if there was none.

    Raises:
        SiteFolderError: A later obs wrote it, or it is damaged: nobody knows what may be removed.
    """
    file = Path(path, MANIFEST)
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except NotADirectoryError:
        raise SiteFolderError(f"{path} is not a folder") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SiteFolderError(f"{file} cannot be read ({error}): remove the site and write it again") from error
    if manifest.format > FORMAT:
        raise SiteFolderError(f"{file} was written by a newer obs-ui: use that one, or remove the site")
    return manifest


def write_manifest(folder: SiteFolder, manifest: Manifest) -> None:
    """Write what the site consists of."""
    _replace(folder.path / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def remove_files(folder: SiteFolder, names: set[str]) -> int:
    """Remove files that a site before wrote, and the folders that are empty then; returns how many there were."""
    removed = 0
    parents: set[Path] = set()
    for name in sorted(names):
        target = folder.path / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            continue
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
            removed += 1
        parents.update(parent for parent in target.parents if folder.path in parent.parents)
    for parent in sorted(parents, key=lambda each: len(each.parts), reverse=True):
        with contextlib.suppress(OSError):  # something else lies there
            parent.rmdir()
    return removed


def _replace(target: Path, content: bytes) -> None:
    """Write a file so that whoever reads it meanwhile sees all of it, the old or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".obs-site-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
