"""A baseline accepts what is there, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.config.check.baseline import (
    Baseline,
    BaselineRefused,
    baseline_text,
    may_accept,
    read_baseline,
    without_accepted,
)
from corvus.config.check.check import CheckRun, check_paths

WARNS = "[cost]\nwarn_at_percent = 100\n"
BUDGET = '[[cost.budgets]]\nname = "{}"\nperiod = "day"\nlimit_usd = 5\nthresholds = [100]\n'


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text(WARNS)


def of(run: CheckRun, file: str = "b.json") -> Baseline:
    return read_baseline(file, baseline_text(run, Baseline(file, "", {})))


def codes(run: CheckRun) -> list[str]:
    return [one.code for one in run.diagnostics]


def test_a_run_is_clean_beside_its_own_baseline() -> None:
    run = check_paths(["a.toml"])
    assert codes(run) == ["extreme-threshold"]
    assert codes(without_accepted(run, of(run))) == []


def test_what_is_added_above_changes_nothing() -> None:
    Path("a.toml").write_text("[cost]\n" + BUDGET.format("one"))
    baseline = of(check_paths(["a.toml"]))
    clean = BUDGET.format("two").replace("100", "80")
    Path("a.toml").write_text(
        "# a comment\n\n[cost]\nenabled = true\n" + clean + BUDGET.format("one")
    )
    assert codes(without_accepted(check_paths(["a.toml"]), baseline)) == []


def test_one_more_of_a_kind_is_reported_with_all_of_them() -> None:
    Path("a.toml").write_text("[cost]\n" + BUDGET.format("one"))
    baseline = of(check_paths(["a.toml"]))
    Path("a.toml").write_text("[cost]\n" + BUDGET.format("one") + BUDGET.format("two"))
    left = without_accepted(check_paths(["a.toml"]), baseline)
    assert codes(left) == ["extreme-threshold", "extreme-threshold"]
    assert {one.help[-1] for one in left.diagnostics} == {"The baseline accepts 1 of these 2."}


def test_a_new_kind_or_place_is_reported() -> None:
    baseline = of(check_paths(["a.toml"]))
    Path("a.toml").write_text(WARNS + "daily_limit_usd = 500\n" + BUDGET.format("one"))
    left = without_accepted(check_paths(["a.toml"]), baseline)
    assert codes(left) == ["limit-never-binds", "extreme-threshold"]


def test_an_entry_that_accepts_too_much_is_reported_at_its_place() -> None:
    baseline = of(check_paths(["a.toml"]))
    Path("a.toml").write_text("[cost]\n")
    (unused,) = without_accepted(check_paths(["a.toml"]), baseline).diagnostics
    assert (unused.code, unused.severity.value, unused.file) == (
        "unused-baseline",
        "warning",
        "b.json",
    )
    assert unused.span is not None
    place = slice(unused.span.start.offset, unused.span.end.offset)
    assert baseline.text[place] == '"cost.warn_at_percent"'
    off = without_accepted(check_paths(["a.toml"]), baseline, {"unused-baseline": "off"})
    assert off.diagnostics == ()


def test_of_a_file_that_was_not_checked_nothing_is_said_unless_it_is_gone() -> None:
    Path("other.toml").write_text("[cost]\n")
    baseline = of(check_paths(["a.toml"]))
    assert without_accepted(check_paths(["other.toml"]), baseline).diagnostics == ()
    Path("a.toml").unlink()
    assert codes(without_accepted(check_paths(["other.toml"]), baseline)) == ["unused-baseline"]


def test_of_a_file_with_a_syntax_error_nothing_is_said_and_its_entries_stay() -> None:
    baseline = of(check_paths(["a.toml"]))
    Path("a.toml").write_text("[cost\nwarn_at_percent = 100\n")
    run = check_paths(["a.toml"])
    assert "unused-baseline" not in codes(without_accepted(run, baseline))
    assert baseline_text(run, baseline) == baseline.text


def test_an_error_that_makes_a_file_unusable_is_never_accepted() -> None:
    Path("a.toml").write_text("[cost]\nwarn_at_percent = 900\nzzz = 1\n")
    run = check_paths(["a.toml", "missing.toml"])
    accepted = {one.code for one in run.diagnostics if may_accept(one)}
    assert accepted == {"unknown-key"}
    left = without_accepted(run, of(run))
    assert sorted(codes(left)) == ["file-missing", "out-of-range"]
    forged = Baseline("b.json", "", {"a.toml": {"out-of-range": {"cost.warn_at_percent": 9}}})
    assert "out-of-range" in codes(without_accepted(run, forged))


def test_entries_of_other_files_stay_until_those_are_gone() -> None:
    Path("other.toml").write_text(WARNS)
    baseline = of(check_paths(["."]))
    assert baseline_text(check_paths(["a.toml"]), baseline) == baseline.text
    Path("other.toml").unlink()
    assert "other" not in baseline_text(check_paths(["a.toml"]), baseline)


def test_paths_start_at_the_folder_of_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("team/deep").mkdir(parents=True)
    Path("team/deep/c.toml").write_text(WARNS)
    here = of(check_paths(["."]), "team/b.json")
    assert [*here.counts] == ["../a.toml", "deep/c.toml"]
    monkeypatch.chdir("team/deep")
    again = read_baseline("../b.json", here.text)
    run = check_paths(["c.toml", "../../a.toml"])
    assert codes(without_accepted(run, again)) == []
    assert baseline_text(run, again) == here.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2, "files": {}}',
        '{"version": 1}',
        '{"version": 1, "files": []}',
        '{"version": 1, "files": {"a": 1}}',
        '{"version": 1, "files": {"a": {"b": 1}}}',
        '{"version": 1, "files": {"a": {"b": {"c": "1"}}}}',
        '{"version": 1, "files": {"a": {"b": {"c": true}}}}',
        '{"version": 1, "files": {"a": {"b": {"c": 0}}}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(BaselineRefused):
        read_baseline("b.json", text)


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    with suppress(BaselineRefused):
        read_baseline("b.json", text)
