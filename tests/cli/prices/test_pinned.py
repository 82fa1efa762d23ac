"""A pinned book stands in for the bundled one, and only while it is that very file (PRC-10)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from corvus.base.errors import ResourceMissing
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.diagnostics.model import ConfigError
from corvus.prices.book import BOOK_PATH, BundledBook, PinnedBook
from corvus.runtime import open_runtime

Capture = pytest.CaptureFixture[str]
COMMANDS = [
    ["check"],
    ["prices", "show", "gpt-4o"],
    ["prices", "search", "gpt"],
    ["prices", "check"],
    ["policy", "show"],
    ["config", "show"],
    ["status"],
    ["cost", "summary"],
    ["usage", "import", "x.jsonl"],
    ["report", "reprice", "--book", "2026-01-01"],
]


def pin(folder: Path, data: bytes, sha256: str | None = None) -> Path:
    """Write a book into a folder of its own, and a config that pins it."""
    (folder / "books").mkdir(exist_ok=True)
    (folder / "books/prices.json").write_bytes(data)
    config = folder / "corvus.toml"
    stated = sha256 or hashlib.sha256(data).hexdigest()
    config.write_text(f'[governance.prices]\nbook = "books/prices.json"\nsha256 = "{stated}"\n')
    return config


@pytest.fixture
def data() -> bytes:
    return BOOK_PATH.read_bytes()


def test_its_entries_are_called_pinned_wherever_the_command_is_run(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    config = pin(tmp_path, data)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = ["prices", "show", "gpt-4o", "-c", str(config), "--format", "json"]
    assert main(words) == Exit.CLEAN
    body = json.loads(capsys.readouterr().out)
    assert body["book_sha256"] == hashlib.sha256(data).hexdigest()
    price = body["price"]
    assert price["book"] == "pinned"
    assert price["entry"].startswith("pinned:openai/gpt-4o")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_book_that_was_changed_is_an_error_of_every_command_at_its_place(
    command: list[str], tmp_path: Path, data: bytes, capsys: Capture
) -> None:
    config = pin(tmp_path, data)
    (tmp_path / "books/prices.json").write_bytes(data + b"\n")
    assert main(command) in (Exit.USAGE, Exit.FINDINGS)
    out, err = capsys.readouterr()
    assert "pinned-book" in out + err
    assert f"{config.name}:3:10" in out + err


@pytest.mark.parametrize("command", COMMANDS[:3], ids=" ".join)
def test_a_book_that_is_gone_is_an_error(
    command: list[str], tmp_path: Path, data: bytes, capsys: Capture
) -> None:
    pin(tmp_path, data)
    (tmp_path / "books/prices.json").unlink()
    assert main(command) in (Exit.USAGE, Exit.FINDINGS)
    out, err = capsys.readouterr()
    assert "cannot be read" in out + err


def test_the_hash_is_part_of_the_policys_and_is_shown(
    tmp_path: Path, data: bytes, capsys: Capture
) -> None:
    plain = open_runtime().policy.content_hash
    config = pin(tmp_path, data)
    assert open_runtime(config).policy.content_hash != plain
    assert main(["policy", "show", "--format", "kv"]) == Exit.CLEAN
    sha256 = hashlib.sha256(data).hexdigest()
    assert f"pinned_book_sha256={sha256}" in capsys.readouterr().out


def test_a_file_that_is_no_book_is_refused_when_a_price_is_looked_up(
    tmp_path: Path, capsys: Capture
) -> None:
    pin(tmp_path, b'{"prices": {}}\n')
    assert main(["prices", "show", "gpt-4o"]) != Exit.CLEAN
    assert "it is no price book" in capsys.readouterr().err


def test_a_book_that_changes_after_the_config_was_read_is_refused(
    tmp_path: Path, data: bytes
) -> None:
    books = open_runtime(pin(tmp_path, data)).books
    (tmp_path / "books/prices.json").write_bytes(data + b"\n")
    with pytest.raises(ResourceMissing, match="another hash"):
        books.find("gpt-4o")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"format":', '"format":9', "format"),
        ("000000", "000001", "changed after it was compiled"),
        ('"kinds":[', '"kinds":["other",', "changed after it was compiled"),
        ('"models":', '"model":', "no price book"),
        ('{"book"', '"book"', "no price book"),
    ],
)
def test_a_book_that_cannot_be_read_says_why(
    old: str, new: str, why: str, tmp_path: Path, data: bytes
) -> None:
    changed = data.decode().replace(old, new, 1).encode()
    path = tmp_path / "b.json"
    path.write_bytes(changed)
    with pytest.raises(ResourceMissing, match=why):
        BundledBook(PinnedBook(path, hashlib.sha256(changed).hexdigest()))


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A config of strangers may name what has no end; a check of it must not hang."""
    config = tmp_path / "corvus.toml"
    config.write_text(f'[governance.prices]\nbook = "/dev/zero"\nsha256 = "{"0" * 64}"\n')
    with pytest.raises(ConfigError) as refused:
        open_runtime(config)
    assert "no regular file" in str(refused.value.diagnostics[0].message)
