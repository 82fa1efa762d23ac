"""``corvus migrate`` as a user types it (DEP-4, DIA-5)."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corvus.base.errors import EditRefused
from corvus.cli.main import main
from corvus.cli.rewriting import rewrite
from tests.cli.places import CONFIG, Place

OLD = "[autonomy]\nmax_cost_per_day_cents = 500 # cents\n"
NEW = "[autonomy]\nmax_actions_per_hour = 500 # cents\n"


@pytest.fixture
def config() -> Path:
    path = Path("corvus.toml")
    path.write_text(OLD, encoding="utf-8")
    return path


def test_it_rewrites_in_place_and_says_what_to_review(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.chmod(0o640)
    assert main(["migrate", "corvus.toml"]) == 0
    assert config.read_text(encoding="utf-8") == NEW
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    printed = capsys.readouterr().out
    assert "corvus.toml:2:1" in printed
    assert "500 cents per day were read as 500 actions per hour" in printed
    assert "a cap of 5 USD per day is NOT enforced" in printed
    assert main(["migrate", "corvus.toml"]) == 0
    assert capsys.readouterr().out == "nothing to migrate in 1 file\n"


def test_without_a_path_it_takes_the_usual_config(config: Path) -> None:
    assert main(["migrate", "-q"]) == 0
    assert config.read_text(encoding="utf-8") == NEW


def test_check_writes_nothing_and_fails_while_a_change_is_pending(config: Path) -> None:
    assert main(["migrate", "--check", "."]) == 1
    assert config.read_text(encoding="utf-8") == OLD
    assert main(["migrate", "."]) == 0
    assert main(["migrate", "--check", "."]) == 0


def test_the_diff_is_what_is_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_bytes(b"\xef\xbb\xbf" + OLD.replace("\n", "\r\n").encode() + b"# no end")
    assert main(["migrate", "--diff", "corvus.toml"]) == 0
    diff = capsys.readouterr().out
    before = config.read_bytes()
    assert main(["migrate", "corvus.toml"]) == 0
    after = config.read_bytes()
    config.write_bytes(before)
    subprocess.run(["git", "apply", "-"], input=diff.encode(), check=True, cwd=Path.cwd())
    assert config.read_bytes() == after


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = OLD.replace("\n", "\r\n").encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["migrate", "-", "--stdin-filename", "team.toml"]) == 0
    printed = capfdbinary.readouterr()
    assert printed.out == NEW.replace("\n", "\r\n").encode()
    assert b"team.toml:2:1" in printed.err


def test_a_legacy_cap_becomes_a_limit_that_says_when_it_is_in_force(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--legacy-cap", "daily-limit", "corvus.toml"]) == 0
    assert config.read_text(encoding="utf-8") == NEW + "\n[cost]\ndaily_limit_usd = 5\n"
    assert "not in force until `cost.enabled` is true" in capsys.readouterr().out


def test_a_link_stays_a_link(config: Path) -> None:
    Path("link.toml").symlink_to(config)
    assert main(["migrate", "-q", "link.toml"]) == 0
    assert Path("link.toml").is_symlink()
    assert config.read_text(encoding="utf-8") == NEW


def test_a_broken_file_is_told_and_the_others_are_migrated(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.toml").write_text("[autonomy\n", encoding="utf-8")
    Path("b.toml").write_text("[autonomy]\nmax_cost_per_day_cents = 'x'\n", encoding="utf-8")
    assert main(["migrate", "."]) == 1
    assert config.read_text(encoding="utf-8") == NEW
    assert Path("a.toml").read_text(encoding="utf-8") == "[autonomy\n"
    printed = capsys.readouterr()
    assert "a.toml:1:1" in printed.err
    assert "b.toml:2:26" in printed.err
    assert "1 of 3 files migrated; 2 failed" in printed.out


@pytest.mark.parametrize(
    "arguments", [["nothing.toml"], ["*.nothing"], ["--write", "--diff"], ["--to", "soon"], ["--x"]]
)
def test_wrong_use_is_an_error_of_usage(arguments: list[str]) -> None:
    assert main(["migrate", *arguments]) == 2


def test_a_named_file_that_is_excluded_is_left_out_where_that_is_asked_for(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``corvus check`` does: a hook names every file."""
    Path("drafts").mkdir()
    draft = Path("drafts/corvus.toml")
    draft.write_text(OLD)
    config.write_text(f'{NEW}\n[governance.check]\nexclude = ["drafts/"]\n')
    named = ["corvus.toml", str(draft)]
    assert main(["migrate", "--check", *named]) == 1
    assert main(["migrate", "--force-exclude", "--check", str(draft)]) == 0
    capsys.readouterr()
    assert main(["migrate", "--force-exclude", *named, str(draft)]) == 0
    assert capsys.readouterr().out == "nothing to migrate in 1 file; 1 excluded\n"
    assert draft.read_text() == OLD
    assert main(["migrate", "--force-exclude", "drafts/none.toml", "none.toml"]) == 2


def test_a_read_only_file_is_not_touched(
    config: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    config.chmod(0o444)
    request.getfixturevalue("unprivileged")
    assert main(["migrate", "corvus.toml"]) == 1
    assert config.read_text(encoding="utf-8") == OLD
    printed = capsys.readouterr()
    assert "read-only" in printed.err
    assert printed.out == ""


def test_a_folder_of_other_tools_is_passed_over() -> None:
    text = "[tool]\nmax_cost_per_day_cents = 1\n"
    Path("other.toml").write_text(text, encoding="utf-8")
    assert main(["migrate", os.curdir]) == 0
    assert Path("other.toml").read_text(encoding="utf-8") == text


def test_a_migration_of_a_config_that_governs_is_in_its_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.config.write_text(
        f'{CONFIG}[governance.ledger]\npath = "{place.ledger}"\n\n{OLD}', encoding="utf-8"
    )
    other = tmp_path / "other.toml"
    other.write_bytes(place.config.read_bytes())
    place.make_store()
    place.run("cost", "override")  # whoever steers, has it in force
    assert main(["migrate", str(place.config), str(other)]) == 0
    capsys.readouterr()
    assert place.run("cost", "audit", "--format", "json", "--kind", "config_migrated") == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert event["details"] == {
        "keys": ["autonomy.max_cost_per_day_cents"],
        "origin": str(place.config),
    }


HOST = "default_temperature = 0.7\n\n[storage]\nbackend = 'x'\n\n" + OLD


@pytest.mark.parametrize("words", [[], ["--check"], ["--check", "--diff"]])
def test_what_the_host_of_a_file_reads_is_left_alone_with_a_note(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """DEP-7: nothing is pending, so that no hook fails on a file that must stay as it is."""
    file = Path(".zeroclaw/config.toml")
    file.parent.mkdir()
    file.write_text(HOST, encoding="utf-8")
    assert main(["migrate", *words, ".zeroclaw/config.toml"]) == 0
    assert file.read_text(encoding="utf-8") == HOST
    printed = capsys.readouterr()
    said = printed.err if "--diff" in words else printed.out
    assert ".zeroclaw/config.toml:7:1: note: " in said
    assert "its own cap on money" in said
    assert "nothing to migrate in 1 file" in said
    assert "NOT enforced" not in said
    assert main(["check", "--strict", ".zeroclaw/config.toml"]) == 0


def test_a_key_of_a_host_is_rewritten_with_an_option_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("agent.toml").write_text(HOST, encoding="utf-8")
    assert main(["migrate", "--host-keys", "agent.toml"]) == 0
    assert Path("agent.toml").read_text(encoding="utf-8") == HOST.replace(OLD, NEW)
    printed = capsys.readouterr().out
    assert "the zeroclaw runtime reads the key as its own cap on money" in printed
    assert "NOT enforced" not in printed


def test_a_dialect_that_the_team_has_named_counts_for_migrate_and_for_loading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """CFG-13: what a check takes for a host's file, no other command rewrites or reads as ours."""
    Path("corvus.toml").write_text(
        '[governance.check.dialect]\n"agents/" = "zeroclaw"\n', encoding="utf-8"
    )
    Path("agents").mkdir()
    file = Path("agents/a.toml")
    file.write_text(OLD, encoding="utf-8")
    assert main(["migrate", "agents/a.toml"]) == 0
    assert file.read_text(encoding="utf-8") == OLD
    capsys.readouterr()
    assert main(["config", "show", "--config", "agents/a.toml", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    setting = shown["settings"]["autonomy.max_actions_per_hour"]
    assert (setting["value"], setting["origin"], shown["deprecated_fields"]) == (20, "default", [])


def test_a_name_for_standard_input_counts_as_its_path(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = "[memory]\nbackend = 'x'\n" + OLD
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["migrate", "-", "--stdin-filename", ".zeroclaw/config.toml"]) == 0
    printed = capfdbinary.readouterr()
    assert printed.out == text.encode()
    assert b"left to the zeroclaw runtime" in printed.err


def test_nothing_is_said_to_be_done_that_was_not(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_path: Path, _data: bytes, **_more: object) -> None:
        raise EditRefused("corvus.toml cannot be written: No space left on device")

    monkeypatch.setattr("corvus.base.files.replace_file", full)
    assert main(["migrate", "corvus.toml"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "No space left on device" in printed.err
    assert config.read_text(encoding="utf-8") == OLD


@pytest.mark.parametrize(("text", "code"), [(None, 2), ("[autonomy\n", 1)])
def test_a_file_that_is_missing_or_broken_is_not_said_to_need_nothing(
    text: str | None, code: int, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("other.toml").write_text(text, encoding="utf-8")
    assert main(["migrate", "other.toml"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "other.toml" in printed.err
    assert main(["migrate", "other.toml", "corvus.toml"]) == code
    assert capsys.readouterr().out.endswith("1 of 2 files migrated; 1 failed\n")
    assert main(["migrate", "other.toml", "corvus.toml"]) == code
    assert capsys.readouterr().out == "nothing to migrate in 1 of 2 files; 1 failed\n"


def test_a_race_that_is_lost_is_told_and_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken_meanwhile(path: Path, change: Callable[[bytes], bytes]) -> None:
        change(b"[autonomy\n")

    monkeypatch.setattr("corvus.cli.rewriting.rewrite", broken_meanwhile)
    assert main(["migrate", "corvus.toml"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "changed since it was read: nothing is written" in printed.err


def test_a_change_that_another_made_meanwhile_is_kept(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CFG-12: what is migrated is what the file holds when its turn comes."""

    def changed_meanwhile(path: Path, change: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
        path.write_text(f"{OLD}level = 'full'\n", encoding="utf-8")
        return rewrite(path, change)

    monkeypatch.setattr("corvus.cli.rewriting.rewrite", changed_meanwhile)
    assert main(["migrate", "corvus.toml"]) == 0
    assert config.read_text(encoding="utf-8") == f"{NEW}level = 'full'\n"


def test_standard_output_that_takes_nothing_is_a_failure(config: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with config.open("rb") as text, open("/dev/full", "wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "corvus", "migrate", "-"],
            stdin=text, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert run.returncode == 1
    assert b"renamed" not in run.stderr
    assert b"No space left on device" in run.stderr
