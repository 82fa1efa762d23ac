"""Mistakes in valid configs get one message each; a check that falls short is noticed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from corvus.config.check.check import Options, check_text
from tools import fuzz
from tools.checkout import HERE
from tools.fuzz import verdict as verdicts
from tools.fuzz.mistakes import KINDS, Mutant, mutants_of
from tools.fuzz.verdict import Verdict, judge

TEAM = HERE / "examples" / "team" / "corvus.toml"
CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 5.0 # five
warn_at_percent = 80

[autonomy]
level = "full"
auto_approve = ["read"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def test_a_sample_of_each_kind_gets_one_message_at_the_right_line() -> None:
    paths = [path for path in fuzz.configs() if path.is_relative_to(HERE / "examples")]
    sample = fuzz.sampled(paths, 4 * len(KINDS), "suite")
    assert len({mutant.kind for mutant in sample}) > 25
    short = [(mutant, judge(mutant)) for mutant in sample]
    assert fuzz.report(short, bar=98) == 0


def test_each_kind_of_mistake_is_made(config: Path) -> None:
    made = {mutant.kind for path in (config, TEAM) for mutant in mutants_of(path, random.Random(0))}
    assert made == KINDS


def test_a_mutant_has_one_line_that_differs(config: Path) -> None:
    for mutant in mutants_of(config, random.Random(0)):
        lines = mutant.text.split("\n")
        (at,) = mutant.lines
        assert lines[at - 1] == mutant.shown
        rest = [*lines[: at - 1], *lines[at:]]
        before = CONFIG.split("\n")
        assert rest in (before, [*before[: at - 1], *before[at:]])


def test_the_same_seed_gives_the_same_mutants() -> None:
    assert fuzz.sampled([TEAM], 50, "a") == fuzz.sampled([TEAM], 50, "a")
    assert fuzz.sampled([TEAM], 50, "a") != fuzz.sampled([TEAM], 50, "b")


def test_a_file_without_a_mistake_has_no_message_and_so_falls_short(config: Path) -> None:
    found = judge(Mutant(config, "none", CONFIG, frozenset({1}), ""))
    assert found == Verdict(is_one=False, is_right=False, fault="", lines=())


def test_a_message_at_another_line_falls_short(config: Path) -> None:
    text = CONFIG.replace("enabled", "enabld")
    assert judge(Mutant(config, "typo", text, frozenset({2}), "")).is_right
    found = judge(Mutant(config, "typo", text, frozenset({3}), ""))
    assert found.is_one
    assert not found.is_right


def accept(raw: bytes, name: str) -> bool:
    return True


def test_an_exception_and_a_disagreement_are_faults(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mutant = Mutant(config, "typo", CONFIG.replace("enabled", "enabld"), frozenset({2}), "x")
    monkeypatch.setattr(verdicts, "_loads", accept)
    assert judge(mutant).fault == "loading accepts it, checking does not"

    def fail(text: bytes, name: str, options: Options) -> None:
        raise ZeroDivisionError(check_text)

    monkeypatch.setattr(verdicts, "check_text", fail)
    found = judge(mutant)
    assert found.fault == "exception"
    assert fuzz.report([(mutant, found)], bar=0) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
