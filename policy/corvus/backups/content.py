"""What a backup is: a folder of files, each with its size and hash, and what they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from corvus.base.errors import LedgerError
from corvus.base.files import file_sha256
from corvus.store.place import StorePlace
from corvus.store.spill import UNSETTLED, rejected_path, waiting
from corvus.version import __version__

MANIFEST = "backup.json"
"""What is in a backup; written last."""
LEDGER = "ledger.duckdb"
"""What the ledger is called in a backup."""
STORE = f"{LEDGER}.store"
"""What the store is called, and how the names of settlements begin that wait for it."""
_FORMAT = 1
_OURS = re.compile(
    rf"{re.escape(LEDGER)}(?:\.store(?:\.unsettled[\w.-]*\.jsonl)?|\.archive/[\w.-]*[\w-][\w.-]*)?"
)
"""Names of files that a backup has; no other is ever written."""
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """A file of a backup: its name inside of it, and what it must be."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is whole.

    Attributes:
        folder: Where it lies.
        made_at: The instant that it is of, aware UTC.
        ledger: The ledger that was backed up, as a path of its host.
        store: Name of the store that it belongs to.
        is_shared: Whether hosts share that store, so that it is no part of the backup.
        files: All files.
        removed: Older backups that were removed for it.
    """

    folder: Path
    made_at: datetime
    ledger: str
    store: str
    is_shared: bool
    files: tuple[BackedUpFile, ...]
    removed: tuple[Path, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def read_backup(folder: Path) -> Backup:
    """Read a backup, or the newest of a folder of backups, and examine every byte of it.

    Raises:
        LedgerError: There is none, or it is not as it was written.
    """
    if not (folder / MANIFEST).is_file() and (newest := backups_in(folder)):
        folder = newest[-1]
    try:
        body = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if body["format"] != _FORMAT:
            raise LedgerError(
                f"the backup {folder} was made by corvus {body['corvus']}; upgrade corvus "
                "(pip install --upgrade corvus-policy)"
            )
        files = tuple(BackedUpFile(**file) for file in body["files"])
        if any(not _OURS.fullmatch(file.name) for file in files):
            raise ValueError("it names files that no backup has")
        backup = Backup(
            folder,
            datetime.fromisoformat(body["made_at"]),
            body["ledger"],
            body["store"],
            body["is_shared"],
            files,
        )
    except FileNotFoundError:
        raise LedgerError(
            f"{folder} is no backup and has none; name a folder that `corvus ledger backup` made"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as fault:
        raise LedgerError(f"the backup {folder} cannot be read: {fault}") from fault
    for file in backup.files:
        _examine(backup, file)
    return backup


def manifest_of(backup: Backup) -> str:
    """Return what is written down of a backup."""
    body = {
        "format": _FORMAT,
        "corvus": __version__,
        "made_at": backup.made_at.isoformat(),
        "ledger": backup.ledger,
        "store": backup.store,
        "is_shared": backup.is_shared,
        "files": [asdict(file) for file in backup.files],
    }
    return json.dumps(body, indent=2) + "\n"


def backups_in(folder: Path) -> list[Path]:
    """Return the backups of a folder, the oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(
        path for path in found if _NAME.fullmatch(path.name) and (path / MANIFEST).is_file()
    )


def spilled_files(place: StorePlace) -> list[Path]:
    """Return the files of settlements that wait, and that were kept aside."""
    path = place.unsettled_path
    if path is None:
        return []
    aside = rejected_path(path)
    return [*waiting(path), *([aside] if aside.is_file() else [])]


def spilled_ending(file: Path) -> str:
    """Return what the name of such a file adds to that of its store."""
    return file.name[file.name.rindex(UNSETTLED.partition(".jsonl")[0]) :]


def _examine(backup: Backup, file: BackedUpFile) -> None:
    path = backup.folder / file.name
    try:
        is_whole = path.stat().st_size == file.size_bytes and file_sha256(path) == file.sha256
    except OSError as fault:
        raise LedgerError(f"the backup file {path} cannot be read: {fault.strerror}") from fault
    if not is_whole:
        raise LedgerError(f"the backup file {path} is not as it was written; take another backup")


@contextmanager
def refused(what: str) -> Generator[None]:
    """Turn faults of the system into ours, which say what could not be done."""
    try:
        yield
    except OSError as fault:
        raise LedgerError(f"{what}: {fault.strerror or fault}") from fault
