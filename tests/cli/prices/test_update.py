"""``corvus prices update``: a book of a file, pinned in the config, without a network (PRC-10)."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.prices.book import BOOK_PATH

Capture = pytest.CaptureFixture[str]
CONFIG = "# ours\n[cost]\nenabled = true # on\n"
LITELLM = {
    "house": {
        "litellm_provider": "openai",
        "input_cost_per_token": 3e-06,
        "output_cost_per_token": 1.5e-05,
    }
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def pinned(config: Path) -> tuple[Path, str]:
    table: dict[str, Any] = tomllib.loads(config.read_text())["governance"]["prices"]
    return config.parent / table["book"], table["sha256"]


def litellm_json(folder: Path, models: object = LITELLM) -> Path:
    path = folder / "model_prices.json"
    path.write_text(json.dumps(models))
    return path


def test_the_installed_package_makes_the_bundled_book_and_is_not_imported(config: Path) -> None:
    loaded = "genai_prices" in sys.modules
    assert main(["prices", "update", "--installed"]) == Exit.CLEAN
    book, sha256 = pinned(config)
    assert hashlib.sha256(book.read_bytes()).hexdigest() == sha256
    if distribution("genai-prices").version in BOOK_PATH.read_text()[:200]:
        assert book.read_bytes() == BOOK_PATH.read_bytes()
    assert ("genai_prices" in sys.modules) is loaded


def test_a_wheel_makes_the_same_book_as_what_is_installed(tmp_path: Path, config: Path) -> None:
    spec = find_spec("genai_prices")
    assert spec is not None
    assert spec.submodule_search_locations
    wheel = tmp_path / "genai_prices-9.9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(Path(spec.submodule_search_locations[0], "data.py"), "genai_prices/data.py")
        archive.writestr("genai_prices-9.9.9.dist-info/METADATA", "Name: x\nVersion: 9.9.9\n")
    assert main(["prices", "update", str(wheel)]) == Exit.CLEAN
    book, _ = pinned(config)
    _, _, body = BOOK_PATH.read_bytes().partition(b"\n")
    assert json.loads(book.read_bytes())["book"]["package_version"] == "9.9.9"
    if distribution("genai-prices").version in BOOK_PATH.read_text()[:200]:
        assert book.read_bytes().partition(b"\n")[2] == body


def test_the_book_is_pinned_and_every_other_byte_of_the_config_stays(
    tmp_path: Path, config: Path, capsys: Capture
) -> None:
    assert main(["prices", "update", str(litellm_json(tmp_path))]) == Exit.CLEAN
    assert "1 models" in capsys.readouterr().out
    assert config.read_text().startswith(CONFIG)
    assert main(["check"]) == Exit.CLEAN
    capsys.readouterr()
    assert main(["prices", "show", "house", "--format", "json"]) == Exit.CLEAN
    price = json.loads(capsys.readouterr().out)["price"]
    assert price["entry"] == "pinned:openai/house"
    assert price["usd_per_million"]["input"] == "3"


def test_another_update_leaves_the_book_that_is_in_use_alone(tmp_path: Path, config: Path) -> None:
    assert main(["prices", "update", str(litellm_json(tmp_path))]) == Exit.CLEAN
    first, _ = pinned(config)
    before = first.read_bytes()
    dearer = {"house": LITELLM["house"] | {"output_cost_per_token": 2e-05}}
    assert main(["prices", "update", str(litellm_json(tmp_path, dearer))]) == Exit.CLEAN
    second, _ = pinned(config)
    assert second != first
    assert first.read_bytes() == before


def test_a_dry_run_prints_what_to_state_and_writes_nothing(
    tmp_path: Path, config: Path, capsys: Capture
) -> None:
    source = litellm_json(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert main(["prices", "update", str(source), "--dry-run"]) == Exit.CLEAN
    assert {path.name for path in tmp_path.iterdir()} == before
    assert config.read_text() == CONFIG
    assert {*tomllib.loads(capsys.readouterr().out)["governance"]["prices"]} == {"book", "sha256"}


def test_without_a_config_the_lines_to_state_are_printed(tmp_path: Path, capsys: Capture) -> None:
    assert main(["prices", "update", str(litellm_json(tmp_path)), "-o", "b.json"]) == Exit.CLEAN
    lines = capsys.readouterr().out.partition("\n")[2]
    stated = tomllib.loads(lines)["governance"]["prices"]
    assert stated["book"] == "b.json"
    assert hashlib.sha256(Path("b.json").read_bytes()).hexdigest() == stated["sha256"]


def test_a_book_of_corvus_is_taken_as_it_is(tmp_path: Path, config: Path) -> None:
    source = tmp_path / "company.json"
    source.write_bytes(BOOK_PATH.read_bytes())
    assert main(["prices", "update", str(source)]) == Exit.CLEAN
    assert pinned(config)[0].read_bytes() == BOOK_PATH.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "makes no price book"),
        (b"\xff\xfe", "makes no price book"),
        (b"[]", "no provider"),
        (b"{}", "no prices of tokens"),
        (b'{"book": {}}', "no price book"),
        (b"[" * 100_000, "makes no price book"),
    ],
    ids=["empty", "binary", "list", "object", "book", "deep"],
)
def test_a_file_that_makes_no_book_is_refused_and_nothing_is_written(
    content: bytes, said: str, tmp_path: Path, config: Path, capsys: Capture
) -> None:
    source = tmp_path / "source.json"
    source.write_bytes(content)
    before = {path.name for path in tmp_path.iterdir()}
    assert main(["prices", "update", str(source)]) == Exit.USAGE
    assert said in capsys.readouterr().err
    assert config.read_text() == CONFIG
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_book_whose_lines_were_changed_is_refused(
    tmp_path: Path, config: Path, capsys: Capture
) -> None:
    source = tmp_path / "book.json"
    source.write_text(BOOK_PATH.read_text().replace("000000", "000001", 1))
    assert main(["prices", "update", str(source)]) == Exit.USAGE
    assert "changed" in capsys.readouterr().err
    assert config.read_text() == CONFIG


@pytest.mark.parametrize("words", [[], ["x.json", "--installed"]])
def test_exactly_one_source_is_named(words: list[str], capsys: Capture) -> None:
    assert main(["prices", "update", *words]) == Exit.USAGE
    assert "--installed" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(capsys: Capture) -> None:
    assert main(["prices", "update", "nowhere.whl"]) == Exit.USAGE
    assert "cannot read" in capsys.readouterr().err
