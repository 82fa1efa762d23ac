"""The bundled book is what was compiled: verified when read, and compiled again the same."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from corvus.base.errors import ResourceMissing
from corvus.prices import book
from corvus.prices.book import BOOK_PATH, BundledBook
from corvus.prices.compile.units import Tally
from tools.generate.price_book import compile_installed

TEXT = BOOK_PATH.read_bytes()
HEADER = json.loads(TEXT)["book"]


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def test_the_book_says_what_it_was_compiled_from_and_its_hash() -> None:
    read = BundledBook()
    assert read.version == f"{HEADER['package']} {HEADER['package_version']}"
    _, _, body = TEXT.partition(b"\n")
    assert read.sha256 == hashlib.sha256(body).hexdigest()


def test_a_book_that_was_changed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRC-3: one digit of one price is enough."""
    place = TEXT.index(b"000000000")
    changed = tmp_path / "book.json"
    changed.write_bytes(TEXT[:place] + b"1" + TEXT[place + 1 :])
    assert json.loads(changed.read_bytes())["book"] == HEADER
    monkeypatch.setattr(book, "BOOK_PATH", changed)
    with pytest.raises(ResourceMissing, match="it was changed after it was compiled; reinstall"):
        BundledBook()


def test_an_absent_book_says_to_reinstall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "BOOK_PATH", tmp_path / "book.json")
    with pytest.raises(ResourceMissing, match="reinstall"):
        BundledBook()


def test_compiling_again_gives_the_committed_book_to_the_byte() -> None:
    found = installed(HEADER["package"])
    if found != HEADER["package_version"]:
        pytest.skip(f"the book is of {HEADER['package']} {HEADER['package_version']}, not {found}")
    assert compile_installed(Tally()).encode() == TEXT
