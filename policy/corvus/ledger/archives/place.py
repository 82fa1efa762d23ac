"""A place for archives that a URL names: an object store, a shared folder (LED-4).

fsspec reaches it, with the credentials that the cloud's own tools use: they are in the environment
or in the cloud's own files, never in a URL. A file is there whole or not at all. Refuses to write
over a file, to make a bucket, and to keep anything in the memory of a process.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from corvus.base.errors import LedgerError
from corvus.base.files import sync

_EXTRAS: Final = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
}
_S3: Final[dict[str, object]] = {
    "config_kwargs": {
        "connect_timeout": 5,
        "read_timeout": 30,
        "retries": {"max_attempts": 2, "mode": "standard"},
    }
}
_LOCAL: Final[dict[str, object]] = {"auto_mkdir": True}
_OPTIONS: Final[dict[str, dict[str, object]]] = {
    "s3": _S3,
    "s3a": _S3,
    "file": _LOCAL,
    "local": _LOCAL,
}
_PART_BYTES: Final = 8 << 20
_USER_INFO: Final = re.compile(r"//[^/\s@]*@")
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://")


class ArchiveFault(OSError):
    """A place cannot be reached, or refused something; the words say where, and what to look at."""


class ArchiveFileMissing(ArchiveFault):
    """A file is not there."""


class ArchiveFileExists(ArchiveFault):
    """A file that shall be new is there."""


def is_url(place: str) -> bool:
    """Return whether a name is a URL, and no path."""
    return _SCHEME.match(place) is not None


class ArchivePlace:
    """A folder at a URL.

    Args:
        url: Such as ``s3://bucket/prefix``.

    Attributes:
        url: The same without a slash at its end.

    Raises:
        LedgerError: What is needed for such URLs is not installed, or they are unknown.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        scheme = _scheme(url)
        self._is_local = scheme in {"file", "local"}
        try:
            self._fs, self._root = _connect(self.url, _OPTIONS.get(scheme, {}))
        except ImportError as fault:
            extra = _EXTRAS.get(scheme, "ledger")
            raise LedgerError(
                f"the archive {self.url} needs a library: pip install 'corvus-policy[{extra}]'"
            ) from fault
        except ValueError as fault:
            raise LedgerError(f"the archive {self.url} cannot be used: {_words(fault)}") from fault

    @staticmethod
    def holding(url: str) -> ArchivePlace:
        """Return the place of a file of months by its URL: ``PLACE/TABLE/MONTH/NAME``."""
        return _connected(url.rsplit("/", 3)[0], os.getpid())

    def at(self, name: str) -> str:
        """Return the URL of a file by its name here."""
        return f"{self.url}/{name}"

    def read(self, url: str, start: int | None = None, end: int | None = None) -> bytes:
        """Read a file, or the bytes from ``start`` to before ``end``.

        Raises:
            ArchiveFileMissing: It is not there.
            ArchiveFault: It cannot be had.
        """
        with self._explaining(url):
            return cast("bytes", self._fs.cat_file(self._path(url), start=start, end=end))

    def names(self, folder: str) -> list[str]:
        """Return the names of the files of a folder; none where there is no such folder.

        Raises:
            ArchiveFault: It cannot be listed.
        """
        path = f"{self._root}/{folder}"
        try:
            with self._explaining(self.at(folder)):
                self._fs.invalidate_cache(path)
                found = cast("list[str]", self._fs.ls(path, detail=False))
        except ArchiveFileMissing:
            return []
        return sorted(name.rpartition("/")[2] for name in found)

    def create(self, name: str, data: bytes) -> None:
        """Write a small file that is not there, for certain, even if others try at the same time.

        Raises:
            ArchiveFileExists: It is there, with other bytes.
            ArchiveFault: It cannot be written.
        """
        url = self.at(name)
        try:
            with self._explaining(url):
                if self._is_local:
                    _create_local(Path(self._path(url)), data)
                else:
                    self._fs.pipe_file(self._path(url), data, mode="create")
        except ArchiveFileExists:
            if self.read(url) != data:
                raise  # else the answer to our first attempt was lost
            return
        if self.read(url) != data:
            raise ArchiveFileExists(f"{url} is another's")

    def upload(self, file: Path, name: str, sha256: str) -> None:
        """Write a file, and read it back; the caller knows that no other has its name.

        Raises:
            ArchiveFault: It cannot be written, or was not written right.
        """
        url = self.at(name)
        with self._explaining(url):
            if self._is_local:
                _copy_local(file, Path(self._path(url)))
            else:
                self._fs.put_file(str(file), self._path(url))
        if self.size(url) != file.stat().st_size or self.sha256(url) != sha256:
            raise ArchiveFault(f"{url} is not what was written there; nothing of it is used")

    def size(self, url: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            ArchiveFault: It cannot be had.
        """
        with self._explaining(url):
            path = self._path(url)
            self._fs.invalidate_cache(path.rpartition("/")[0])
            return int(self._fs.info(path)["size"])

    def sha256(self, url: str) -> str:
        """Return the SHA-256 of a file, hexadecimal; reads all of it.

        Raises:
            ArchiveFault: It cannot be had.
        """
        digest, size = hashlib.sha256(), self.size(url)
        for start in range(0, size, _PART_BYTES):
            digest.update(self.read(url, start, min(start + _PART_BYTES, size)))
        return digest.hexdigest()

    def fetch(self, url: str, file: Path) -> None:
        """Copy a file here.

        Raises:
            ArchiveFault: It cannot be had.
            OSError: The copy cannot be written.
        """
        size = self.size(url)
        with file.open("wb") as opened:
            for start in range(0, size, _PART_BYTES):
                opened.write(self.read(url, start, min(start + _PART_BYTES, size)))

    def remove(self, url: str) -> None:
        """Remove a file, if it is there.

        Raises:
            ArchiveFault: It cannot be removed.
        """
        with suppress(ArchiveFileMissing), self._explaining(url):
            path = self._path(url)
            if self._is_local:
                _remove_parts(Path(path))
            self._fs.rm_file(path)

    def _path(self, url: str) -> str:
        return self._root + url.removeprefix(self.url)

    @contextmanager
    def _explaining(self, url: str) -> Generator[None]:
        """Turn whatever a client of a cloud raises into words without a secret."""
        try:
            yield
        except ArchiveFault:
            raise
        except FileNotFoundError as fault:
            raise ArchiveFileMissing(f"{url} is missing") from fault
        except FileExistsError as fault:
            raise ArchiveFileExists(f"{url} is there already") from fault
        except PermissionError as fault:
            raise ArchiveFault(
                f"the archive {self.url} refuses access to {url}: {_words(fault)}; look at the "
                "credentials in the environment, and at what they may do there"
            ) from fault
        except Exception as fault:  # each cloud has errors of its own
            raise ArchiveFault(
                f"the archive {self.url} cannot be reached: {_words(fault)}; look at the network "
                "and at the credentials in the environment"
            ) from fault


def require_reachable(url: str) -> None:
    """Refuse a URL that this install has no library for; nothing there is looked at.

    Raises:
        LedgerError: As for ``ArchivePlace``.
    """
    _connected(url, os.getpid())


@lru_cache(maxsize=64)
def _connected(url: str, process: int) -> ArchivePlace:
    return ArchivePlace(url)


def _connect(url: str, options: dict[str, object]) -> tuple[Any, str]:
    """Return what reaches a URL, and the path of the URL there."""
    import fsspec

    # one that others of this process made may have been made before there were credentials
    options = {"use_listings_cache": False, "skip_instance_cache": True, **options}
    fs, root = cast("Any", fsspec).url_to_fs(url, **options)
    return fs, str(root).rstrip("/")


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    return found[1] if found else ""


def _words(fault: BaseException) -> str:
    """Return what a client says, in a line and without the user of a URL."""
    lines = str(fault).strip().splitlines()
    said = _USER_INFO.sub("//", lines[0])[:200] if lines else ""
    return f"{type(fault).__name__}: {said}" if said else type(fault).__name__


def _create_local(file: Path, data: bytes) -> None:
    """Make a file that is whole from its first instant, unless there is one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = _written(file, data)
    try:
        os.link(part, file)
    finally:
        part.unlink()
    sync(file.parent)


def _copy_local(file: Path, target: Path) -> None:
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    part = _written(target, b"")
    shutil.copyfile(file, part)
    sync(part)
    os.replace(part, target)
    sync(target.parent)


def _remove_parts(file: Path) -> None:
    """Remove what a process that was killed has written of a file."""
    for part in file.parent.glob(f".{file.name}.*.part"):
        part.unlink()


def _written(file: Path, data: bytes) -> Path:
    """Write a file under a name that no reader looks for, on disk and private; return its name."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", closefd=True) as opened:
            opened.write(data)
        sync(part)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    return part
