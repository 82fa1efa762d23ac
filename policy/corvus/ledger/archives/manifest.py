"""What an archive at a URL says of itself: whose it is, and which files count (LED-4).

A file of months counts from the instant at which its entry is there. An object store makes a small
object whole, and refuses a second one of its name: so an entry is made once, by whoever is first,
and is never written again. What has no entry is a leftover.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, cast
from uuid import UUID

from corvus.base.errors import LedgerCorrupt, LedgerError
from corvus.ledger.archives.place import ArchiveFileExists, ArchiveFileMissing, ArchivePlace

_FORMAT = 1
_OWNER = "archive.json"
_FOLDER = "manifest"
_ENTRY = re.compile(r"(usage_record|reservation_event)-(\d+-\d\d)-(\d+)\.json")
_FILE = re.compile(
    r"(usage_record|reservation_event)/\d+-\d\d/[a-z_]+-\d+-\d\d-\d+-[0-9a-f]+\.parquet"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What counts as one file.

    Attributes:
        table: The table whose rows it has.
        month: ``YYYY-MM``, of UTC.
        number: Which file of the month, from 1.
        file: Its name at the place.
        amount: The sum of the costs, nano-USD, of usage; of the numbers, of events.
        through: By store, the number of its newest event that the archiving ledger had.
        archived_us: When it was archived, microseconds since 1970, UTC.
    """

    table: str
    month: str
    number: int
    file: str
    rows: int
    size_bytes: int
    sha256: str
    amount: int
    through: Mapping[str, int]
    archived_us: int

    @property
    def name(self) -> str:
        """Its own name at the place."""
        return f"{self.table}-{self.month}-{self.number}.json"

    def as_bytes(self) -> bytes:
        """Return it as it is written."""
        body = {"format": _FORMAT, **asdict(self), "amount": str(self.amount)}
        return json.dumps(body, indent=1, sort_keys=True).encode()

    @classmethod
    def of(cls, data: bytes, url: str) -> Self:
        """Read an entry from its URL.

        Raises:
            LedgerCorrupt: It is none, or of a newer corvus.
        """
        body = _decoded(data, url)
        try:
            del body["format"]
            body["amount"] = int(body["amount"])
            entry = cls(**body)
            counts = (entry.rows, entry.size_bytes, entry.number, entry.archived_us)
            is_whole = all(type(count) is int for count in counts) and _ENTRY.fullmatch(entry.name)
            if not is_whole or not _FILE.fullmatch(entry.file) or not url.endswith(entry.name):
                raise ValueError
        except (KeyError, TypeError, ValueError) as fault:
            raise LedgerCorrupt(f"{url} is no entry of an archive") from fault
        return entry


def entry_names(place: ArchivePlace) -> set[str]:
    """Return the names of all entries of an archive.

    Raises:
        ArchiveFault: They cannot be listed.
    """
    return {name for name in place.names(_FOLDER) if _ENTRY.fullmatch(name)}


def next_number(names: Collection[str], table: str, month: str) -> int:
    """Return the number that the next file of a month gets."""
    found = (_ENTRY.fullmatch(name) for name in names)
    return 1 + max(
        (int(one[3]) for one in found if one and one.group(1, 2) == (table, month)), default=0
    )


def read_entry(place: ArchivePlace, name: str) -> Entry:
    """Read an entry by its name.

    Raises:
        ArchiveFault: It cannot be had.
        LedgerCorrupt: It is none, or of a newer corvus.
    """
    url = place.at(f"{_FOLDER}/{name}")
    return Entry.of(place.read(url), url)


def create_entry(place: ArchivePlace, entry: Entry) -> None:
    """Make a file count, for all who look from now on.

    Raises:
        ArchiveFileExists: Another file of the month has taken the number.
        ArchiveFault: It cannot be written, or whether it was cannot be known now.
    """
    place.create(f"{_FOLDER}/{entry.name}", entry.as_bytes())


def remove_entry(place: ArchivePlace, name: str) -> None:
    """Let a file that was moved elsewhere no longer count here.

    Raises:
        ArchiveFault: It cannot be removed.
    """
    place.remove(place.at(f"{_FOLDER}/{name}"))


def has_entry(file_url: str) -> bool:
    """Return whether a file counts.

    Raises:
        ArchiveFault: It cannot be known now.
    """
    place = ArchivePlace.holding(file_url)
    file = file_url.removeprefix(f"{place.url}/")
    stem = file.rpartition("/")[2].rpartition("-")[0]
    try:
        return read_entry(place, f"{stem}.json").file == file
    except ArchiveFileMissing:
        return False


def owner_of(place: ArchivePlace, archive_id: UUID, stores: Collection[str]) -> UUID:
    """Return the id of the archive at a place; it becomes this one where there is none.

    Args:
        place: The place.
        archive_id: The id by which the ledger knows it, or would make it.
        stores: The stores whose events the ledger has: replicas of one ledger share an archive.

    Raises:
        LedgerError: It is the archive of another ledger.
        ArchiveFault: It cannot be reached.
    """
    url = place.at(_OWNER)
    body = {"format": _FORMAT, "archive_id": str(archive_id), "stores": sorted(stores)}
    try:
        found = place.read(url)
    except ArchiveFileMissing:
        try:
            place.create(_OWNER, json.dumps(body, indent=1, sort_keys=True).encode())
        except ArchiveFileExists:
            found = place.read(url)
        else:
            return archive_id
    there = _decoded(found, url)
    if there.get("archive_id") == str(archive_id) or {*there.get("stores", ())} & {*stores}:
        try:
            return UUID(there["archive_id"])
        except (KeyError, ValueError) as fault:
            raise LedgerCorrupt(f"{url} does not say whose archive this is") from fault
    raise LedgerError(
        f"{place.url} has the archive of another ledger; name another prefix in "
        "governance.ledger.archive"
    )


def _decoded(data: bytes, url: str) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise LedgerCorrupt(f"{url} is damaged: it is no JSON") from fault
    if not isinstance(body, dict) or "format" not in body:
        raise LedgerCorrupt(f"{url} is not of an archive of corvus")
    found = cast("dict[str, Any]", body)
    if found["format"] != _FORMAT:
        raise LedgerError(f"{url} was written by a newer corvus; upgrade corvus on this host")
    return found
