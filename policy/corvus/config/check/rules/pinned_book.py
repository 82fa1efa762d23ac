"""A pinned price book that cannot be used (PRC-10)."""

from __future__ import annotations

import os
from errno import EFBIG, EINVAL
from pathlib import Path

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_BOOK: Route = ("governance", "prices", "book")
_SHA256: Route = ("governance", "prices", "sha256")
_LARGEST_BYTES = 64 * 1024 * 1024

INFO = CodeInfo(
    "pinned-book",
    Severity.ERROR,
    "a pinned price book that is not there or is another one",
    "A book of prices stands in for the bundled one only as it was when it was pinned. If the file "
    "is gone or was changed since, nothing says what calls cost: no command goes on with another "
    "book in its place.",
    '[governance.prices]\nbook = "prices.json"\n',
    "[governance.prices]\n",
    "Write `sha256` as `sha256sum` prints it, or run `corvus prices update`, which writes both.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report a book without its hash, a hash without a book, and a file that has another hash."""
    book, sha256 = (value_at(subject.tables, route) for route in (_BOOK, _SHA256))
    if reporter.is_reported(_BOOK) or reporter.is_reported(_SHA256):
        return
    if isinstance(sha256, str) and book is None:
        message = f"`{reporter.shown(_SHA256)}` pins no book: `book` is missing"
        reporter.add(Finding(INFO.code, message, KeyOf(_SHA256), "of which file?"))
    elif isinstance(book, str):
        _judge(book, sha256, reporter)


def _content(path: Path) -> bytes:
    """Read a book; a config of strangers may name what has no end, or never answers.

    Raises:
        OSError: It cannot be read, or is no file of the size of a book.
    """
    if not path.is_file():
        path.stat()
        raise OSError(EINVAL, "it is no regular file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise OSError(EFBIG, "it is far larger than a price book")
    return path.read_bytes()


def _judge(book: str, sha256: object, reporter: Reporter) -> None:
    from hashlib import sha256 as hashed

    name = reporter.quoted(book)
    path = reporter.document(_BOOK).folder / os.path.expanduser(book)
    try:
        found = hashed(_content(path)).hexdigest()
    except OSError as failure:
        message = f"the price book {name} cannot be read: {failure.strerror}"
        help_ = ("`corvus prices update` makes one from a package or a file.",)
        reporter.add(Finding(INFO.code, message, ValueOf(_BOOK), "not readable", help_))
        return
    if sha256 is None:
        message = f"the price book {name} is not pinned: `sha256` is missing"
        help_ = (f'Write `sha256 = "{found}"` if that is the book you mean.',)
        reporter.add(Finding(INFO.code, message, ValueOf(_BOOK), "not pinned", help_))
    elif sha256 != found:
        message = f"the price book {name} has another hash than `{reporter.shown(_SHA256)}`"
        help_ = (f'Put the old file back, or write "{found}" if you trust the new one.',)
        related = ((ValueOf(_BOOK), "the book"),)
        finding = Finding(INFO.code, message, ValueOf(_SHA256), "another hash", help_, related)
        reporter.add(finding)
