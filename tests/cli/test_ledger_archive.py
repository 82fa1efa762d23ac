"""``corvus ledger archive`` and what status and drain say of an archive at a URL (LED-4)."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from corvus.cli.app import application
from tests.object_store import files_at


@pytest.fixture
def place(tmp_path: Path, record_calls: Any) -> Path:
    """A config that names an archive, and a ledger with an old call."""
    ledger = record_calls(tmp_path / "l.duckdb", {"admitted_at": datetime(2025, 1, 2)})  # noqa: DTZ001 - the ledger is naive UTC
    config = tmp_path / "corvus.toml"
    config.write_text(
        f'[governance.ledger]\npath = "{ledger}"\nretention_days = 30\n'
        f'archive = "file://{tmp_path}/far/archive"\n'
    )
    return config


def run(*words: str) -> Any:
    done = CliRunner().invoke(application(), [*words, "--format", "json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_key_decides_where_drain_moves_a_month(place: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/far/archive"
    drained = run("ledger", "drain", "-c", str(place))
    assert (drained["archived_rows"], drained["archive"]) == (1, url)
    assert len(files_at(url)) == 3
    assert run("status", "-c", str(place))["ledger"]["archive_places"] == url
    (file,) = run("ledger", "archive", "-c", str(place))["files"]
    assert (file["month"], file["table"], file["rows"]) == ("2025-01", "usage_record", 1)
    assert file["file"].startswith(f"{url}/usage_record/2025-01/")
    counted = run("sql", "SELECT count(*) AS n FROM usage_record", "-c", str(place))
    assert "1" in json.dumps(counted)


def test_an_archive_is_moved_home_and_away(place: Path, tmp_path: Path) -> None:
    run("ledger", "drain", "-c", str(place))
    (home,) = run("ledger", "archive", "--home", "-c", str(place))["moved"]
    assert Path(home).is_file()
    other = f"file://{tmp_path}/other"
    (away,) = run("ledger", "archive", "--to", other, "-c", str(place))["moved"]
    assert away.startswith(other)
    assert not Path(home).exists()


@pytest.mark.parametrize("url", ["memory://x", "s3://user:geheim@b/p", "https://x/y", "folder"])
def test_a_place_that_forgets_or_names_a_secret_is_refused(place: Path, url: str) -> None:
    done = CliRunner().invoke(application(), ["ledger", "archive", "--to", url, "-c", str(place)])
    assert done.exit_code == 2
    assert "geheim" not in done.output


def test_a_place_without_its_library_is_refused_also_when_nothing_is_to_move(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "s3fs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    imported: Any = vars(import_module("fsspec.registry"))["_registry"]
    monkeypatch.delitem(imported, "s3", raising=False)  # what was imported before
    words = ["ledger", "archive", "--to", "s3://bucket/without", "-c", str(place)]
    done = CliRunner().invoke(application(), words)
    assert "pip install 'corvus-policy[s3]'" in str(done.exception)
