"""The settings of the checker: which count, and what they can change (CFG-13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.config.check.check import Options, check_paths, check_text
from corvus.config.check.codes import CODES
from corvus.config.check.rule_settings import (
    SettingsFinder,
    absolute_folder,
    refusal,
    regraded,
)
from corvus.config.edit.migrate import Plan
from corvus.config.edit.migrate_files import migrate_paths
from corvus.config.layers.load import load
from corvus.diagnostics.codes import LEVELS, OFF, Severity
from corvus.diagnostics.model import Diagnostic

WARNS = "[cost]\nwarn_at_percent = 100\n"
SEVERITY = '[governance.check.severity]\nextreme-threshold = "{}"\n'


def found(*names: str, **options: object) -> list[tuple[str, str, str]]:
    run = check_paths(names, Options()._replace(**options))
    return [(one.file, one.code, one.severity.value) for one in run.diagnostics]


@pytest.fixture(autouse=True)
def in_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".git").mkdir()
    Path("team/deep").mkdir(parents=True)
    Path("team/a.toml").write_text(WARNS)


def test_the_nearest_file_with_the_table_counts() -> None:
    Path("corvus.toml").write_text(SEVERITY.format("error"))
    assert found("team/a.toml") == [("team/a.toml", "extreme-threshold", "error")]
    Path("team/corvus.toml").write_text("[cost]\n")  # it has no such table
    assert found("team/a.toml") == [("team/a.toml", "extreme-threshold", "error")]
    Path("team/corvus.toml").write_text(SEVERITY.format("note"))
    assert found("team/a.toml") == [("team/a.toml", "extreme-threshold", "note")]
    assert (
        SettingsFinder().of_folder(absolute_folder("team/deep/")).file.endswith("/team/corvus.toml")
    )


def test_the_search_ends_at_the_root_of_the_repository() -> None:
    Path("corvus.toml").write_text(SEVERITY.format("off"))
    Path("team/.git").write_text("gitdir: elsewhere\n")
    assert found("team/a.toml") == [("team/a.toml", "extreme-threshold", "warning")]


@pytest.mark.parametrize("name", ["corvus.toml", "other.toml"])
def test_a_file_with_the_table_follows_its_own(name: str) -> None:
    Path("corvus.toml").write_text(SEVERITY.format("note"))
    Path(name).write_text(WARNS + SEVERITY.format("error"))
    assert found(name) == [(name, "extreme-threshold", "error")]
    text = (WARNS + SEVERITY.format("off")).encode()
    assert check_text(text, "team/unsaved.toml").diagnostics == ()


def test_the_command_line_wins() -> None:
    Path("corvus.toml").write_text(SEVERITY.format("off"))
    assert found("team/a.toml") == []
    levels = {"extreme-threshold": "error"}
    assert found("team/a.toml", severity=levels) == [("team/a.toml", "extreme-threshold", "error")]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("code", sorted(CODES))
def test_only_what_is_no_error_can_be_chosen(code: str, level: str) -> None:
    is_error = CODES[code].severity is Severity.ERROR
    assert (refusal(code, level) is None) == (not is_error or level == "error")


def test_an_error_stays_one_whatever_the_settings_say() -> None:
    """So that no check passes what loading refuses."""
    error = Diagnostic("unknown-key", Severity.ERROR, "m", "a.toml", None)
    assert regraded([error], {"unknown-key": OFF}) == (error,)
    Path("a.toml").write_text('[cost]\nzzz = 1\n[governance.check.severity]\nunknown-key = "off"\n')
    assert [code for _, code, _ in found("a.toml")] == ["unknown-key", "invalid-severity"]
    assert load([Path("a.toml")]).settings is None


@pytest.mark.parametrize("level", LEVELS)
def test_a_severity_never_changes_what_other_commands_take(level: str) -> None:
    Path("a.toml").write_text(WARNS + SEVERITY.format(level))
    assert load([Path("a.toml")]).settings is not None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('severity.limit-nevr-binds = "off"', "invalid-severity"),
        ('severity.wrong-type = "warning"', "invalid-severity"),
        ('severity.limit-never-binds = "loud"', "invalid-value"),
        ('severity = "off"', "wrong-type"),
        ('exclude = "drafts"', "wrong-type"),
        ('exclude = [""]', "invalid-value"),
        ('exclude = ["!"]', "invalid-value"),
        ('exclude = ["#drafts"]', "invalid-value"),
        ('dialect."a" = "klingon"', "invalid-value"),
        ('dialect."!a" = "native"', "invalid-value"),
        ('dialect."" = "native"', "invalid-value"),
        ('excludes = ["a"]', "unknown-key"),
    ],
)
def test_what_cannot_be_meant_is_a_finding_with_a_place(line: str, code: str) -> None:
    text = f"[governance.check]\n{line}\n"
    (finding,) = check_text(text.encode(), "corvus.toml").diagnostics
    assert finding.code == code
    assert finding.span is not None
    assert finding.span.start.line == 2
    Path("corvus.toml").write_text(text)
    assert load([Path("corvus.toml")]).settings is None
    # Of another file the check says that it follows no settings, and fails.
    run = check_paths(["team/a.toml"])
    assert [one.code for one in run.unmatched] == ["unusable-settings"]
    assert run.unreadable


def test_settings_of_a_broken_file_are_not_passed_over_in_silence() -> None:
    Path("corvus.toml").write_text("[governance.check]\nexclude = [\n")
    assert ("corvus.toml", "unusable-settings", "error") in found("team/a.toml")
    assert "unusable-settings" not in [code for _, code, _ in found(".")]


@pytest.mark.parametrize("pattern", ["team/*.toml", "**/a.toml", "a.toml", "/team/", "team"])
def test_a_pattern_names_the_dialect_of_files(pattern: str) -> None:
    Path("corvus.toml").write_text(f'[governance.check.dialect]\n"{pattern}" = "zeroclaw"\n')
    (file,) = check_paths(["team/a.toml"]).files
    assert file.detected is not None
    assert (file.detected.dialect.value, file.detected.evidence) == ("zeroclaw", (pattern,))
    (file,) = check_paths(["team/a.toml"], Options(dialect="native")).files
    assert file.detected is not None
    assert file.detected.dialect.value == "native"


def test_every_command_takes_a_file_for_what_the_settings_say() -> None:
    Path("team/a.toml").write_text("[cost]\n[storage]\n[unheard_of]\n")
    Path("corvus.toml").write_text('[governance.check.dialect]\n"team/" = "native"\n')
    (file,) = check_paths(["team/a.toml"]).files
    loaded = load([Path("team/a.toml")])
    assert file.detected == loaded.dialects[0]
    assert loaded.settings is None
    Path("team/a.toml").write_text("[autonomy]\nmax_cost_per_day_cents = 5\n")
    for dialect, is_pending in (("native", True), ("zeroclaw", False)):
        Path("corvus.toml").write_text(f'[governance.check.dialect]\n"team/" = "{dialect}"\n')
        (migrated,) = migrate_paths(["team/a.toml"], Plan(), bytes, "<stdin>").files
        assert migrated.migration is not None
        assert migrated.migration.is_pending == is_pending


def test_of_several_patterns_the_last_counts() -> None:
    Path("corvus.toml").write_text(
        '[governance.check.dialect]\n"*.toml" = "zeroclaw"\n"a.*" = "native"\n"b.*" = "corvus"\n'
    )
    (file,) = check_paths(["team/a.toml"]).files
    assert file.detected is not None
    assert file.detected.dialect.value == "native"


def test_a_file_with_a_dialect_of_its_own_is_not_of_another_tool() -> None:
    Path("team/a.toml").write_text("unheard_of = 1\n")
    assert found("team") == [("team", "no-file-matched", "error")]
    Path("corvus.toml").write_text('[governance.check.dialect]\n"team/" = "zeroclaw"\n')
    assert [code for _, code, _ in found("team")] == ["unknown-host-key"]


def test_many_files_follow_the_same_settings_in_every_process() -> None:
    Path("corvus.toml").write_text(SEVERITY.format("error"))
    for number in range(250):
        Path(f"team/deep/{number}.toml").write_text(WARNS)
    assert {severity for _, _, severity in found("team/deep")} == {"error"}
