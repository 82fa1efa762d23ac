"""Every generated file is what ``python -m tools generate`` makes of the sources (SCH-1, PRC-3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.base.links import SCHEMA_VERSION
from corvus.prices.book import BOOK_PATH
from tools import generate
from tools.checkout import HERE

GENERATED = generate.generated()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(HERE)))
def test_the_committed_file_is_the_generated_one(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path]


def test_everything_that_is_published_is_generated() -> None:
    schemas = {path for path in GENERATED if path.parent == HERE / "schemas"}
    assert schemas == {*(HERE / "schemas").glob("*.json")}
    pages = {path for path in GENERATED if path.parent == HERE / "docs" / "rules"}
    assert pages == {*(HERE / "docs" / "rules").iterdir()}
    assert {*(HERE / "docs" / "reference").iterdir()} <= {*GENERATED}
    assert HERE / "policy/corvus/config/model/settings_core.json" in GENERATED


def test_the_newest_schemas_are_those_of_their_version() -> None:
    """SCH-1: what ``$id`` names; earlier versions are no longer generated, and stay."""
    newest = HERE / "schemas"
    for path in newest.glob("*.json"):
        assert (newest / f"v{SCHEMA_VERSION}" / path.name).read_bytes() == path.read_bytes()


def test_a_stale_file_is_named_by_a_check_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "a.json"
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: {stale: "new\n"})
    assert generate.main(["--check"]) == 1
    assert not stale.exists()
    assert generate.main([]) == 0
    assert stale.read_text() == "new\n"
    assert generate.main(["--check"]) == 0
    assert capsys.readouterr().out == "stale: a.json\nwritten: a.json\n"


def test_the_page_of_a_code_that_is_gone_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "docs" / "rules" / "gone.md"
    gone.parent.mkdir(parents=True)
    gone.touch()
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr(generate, "generated", dict[Path, str])
    assert generate.main(["--check"]) == 1
    assert gone.exists()
    assert generate.main([]) == 0
    assert not gone.exists()
    assert capsys.readouterr().out == (
        "without a source: docs/rules/gone.md\nremoved: docs/rules/gone.md\n"
    )


def test_the_price_book_of_another_version_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def other(_package: str) -> str:
        return "0.0.0"

    monkeypatch.setattr(generate.price_book, "version", other)
    assert generate.price_book.render() is None
    assert BOOK_PATH.exists()
