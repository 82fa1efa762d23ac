"""``corvus policy test``: what a user types, and what he sees (PLN-2)."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from corvus.answers.published import find_schema
from corvus.cli.main import main

CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 0
monthly_limit_usd = 0

[[cost.budgets]]
name = "search-day"
match = { project = "search" }
period = "day"
limit_usd = 20

[[cost.budgets]]
name = "calls"
per = ["user"]
period = "day"
limit_calls = 2
on_exceeded = ["wait"]
"""
REFUSED = """\
[[case]]
name = "the day's cap stops an expensive call"
at = 2026-11-25T15:00:00Z
given = { spent = { search-day = 19.5 } }
call = { model = "claude-opus-4-5", project = "search", estimate_usd = 0.6 }
expect = { decision = "refused", budget = "search-day", message = "*$20.00*" }
"""
WRONG = """
[[case]]
name = "a cheap one, too"
call = { model = "claude-opus-4-5", project = "search", estimate_usd = 0.1 }
expect = { decision = "refused" }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / ".git").mkdir()
    (folder / "corvus.toml").write_text(CONFIG)
    (folder / "budgets.test.toml").write_text(REFUSED)
    monkeypatch.chdir(folder)
    return folder


def run(*words: str) -> int:
    return main(["policy", "test", *words])


def test_cases_that_come_true_exit_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    shown = capsys.readouterr().out
    assert shown.startswith("budgets.test.toml  .\n\n1 passed in ")
    assert "by corvus.toml (sha256:" in shown


def test_what_failed_is_shown_at_its_place_with_what_the_governor_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "budgets.test.toml").write_text(REFUSED + WRONG)
    assert run() == 1
    shown = capsys.readouterr().out
    assert shown.startswith(
        """\
budgets.test.toml  .F

error[case-failed]: "a cheap one, too": the call was allowed, not refused
  --> budgets.test.toml:11:23
   |
 9 | name = "a cheap one, too"
   |        ------------------ of this case
...
11 | expect = { decision = "refused" }
   |                       ^^^^^^^^^ got "allowed"
   |
   = help: The budget that governs: calls: $
""".rstrip().replace("calls: $", "calls for (none): 0 calls spent + 1 call asked for")
    )
    assert "\n1 failed, 1 passed in " in shown


def test_tests_are_found_by_the_config_and_in_folders(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "policy-tests").mkdir()
    (folder / "policy-tests/day.toml").write_text(REFUSED)
    (folder / "policy-tests/notes.md").write_text("no test")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert run("-v") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "../budgets.test.toml\n  ok     the day's cap stops an expensive call\n"
        "../policy-tests/day.toml\n  ok     "
    )


def test_a_file_may_name_its_config(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "next.toml").write_text(CONFIG.replace("limit_usd = 20", "limit_usd = 30"))
    (folder / "next.test.toml").write_text(
        'config = "next.toml"\n' + REFUSED.replace("19.5", "29.5").replace("$20", "$30")
    )
    assert run() == 0
    assert "by corvus.toml (sha256:" in (shown := capsys.readouterr().out)
    assert "next.toml (sha256:" in shown
    assert run("--config", "next.toml", "budgets.test.toml") == 1
    assert run("--config", "next.toml", "next.test.toml") == 0


def test_variables_are_no_part_of_a_test(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORVUS_COST__ENABLED", "false")
    assert run() == 0
    assert run("--set", "cost.enabled=false") == 1


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        ({}, ["nowhere.test.toml"], "the file `nowhere.test.toml` does not exist"),
        ({}, ["below"], "no test file in `below`"),
        ({"budgets.test.toml": None}, [], "no test file in the folder of the config"),
        ({"x.test.toml": "[[case]\n"}, [], "the table header is not closed"),
        ({"x.test.toml": "[[case]]\nname = 'a'\n"}, [], "lacks `call` or `step`"),
        ({"x.test.toml": b"\xff\xfe"}, [], "UTF-16"),
        (
            {"x.test.toml": REFUSED.replace("search-day", "serach-day")},
            [],
            "Did you mean `search-day`?",
        ),
        (
            {"x.test.toml": REFUSED.replace("= 19.5", "= { ada = 19.5 }")},
            [],
            "budget `search-day` has no parts",
        ),
        (
            {"x.test.toml": REFUSED.replace("{ search-day = 19.5 }", "{ calls = 0.5 }")},
            [],
            "budget `calls` counts whole calls, not 0.5",
        ),
        (
            {"x.test.toml": REFUSED.replace("19.5", "9_000_000_001")},
            [],
            "must be at most 9000000000 USD",
        ),
    ],
)
def test_what_is_wrong_with_a_file_exits_with_2(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str | bytes | None],
    words: list[str],
    said: str,
) -> None:
    (folder / "below").mkdir()
    for name, text in files.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for form in ("text", "json", "junit", "github"):
        assert run(*words, "--format", form) == 2
        shown = capsys.readouterr()
        assert said.replace("`", "") in shown.out.replace("`", "").replace("\\u0060", "")
        assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[cost]\nenabld = true\n", "unknown key"),
        (None, "no corvus.toml next to"),
    ],
)
def test_a_config_that_cannot_be_used_exits_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], config: str | None, said: str
) -> None:
    if config is None:
        (folder / "corvus.toml").unlink()
    else:
        (folder / "corvus.toml").write_text(config)
    assert run("budgets.test.toml") == 2
    assert said in capsys.readouterr().err


def test_coverage_names_what_no_case_comes_to(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--coverage") == 0
    assert (
        "coverage of corvus.toml: 1 of 3 limits and rungs (33 %)\n"
        "  calls  its limit is never in the way of a call\n"
    ) in capsys.readouterr().out
    assert run("--fail-under", "34") == 1
    assert capsys.readouterr().err == "coverage is 33 %, and --fail-under asks for 34 %\n"
    assert run("--fail-under", "33") == 0
    assert run("--fail-under", "101") == 2


def test_one_case_can_be_chosen(folder: Path) -> None:
    (folder / "budgets.test.toml").write_text(REFUSED + WRONG)
    assert run("--case", "DAY'S CAP") == 0
    assert run("--case", "cheap") == 1


@pytest.mark.parametrize("form", ["text", "json", "junit", "github"])
def test_a_choice_that_no_case_meets_is_never_a_pass(
    folder: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert run("--case", "no such words", "--format", form) == 2
    assert "no case has" in capsys.readouterr().out


def test_a_refusal_that_no_budget_made_is_no_proof_of_a_budget(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt model has no price, and is refused whatever the budgets are."""
    misspelt = "call = { model = 'claude-opsu-4-5', project = 'search', input_tokens = 1 }"
    case = f"[[case]]\nname = 'x'\n{misspelt}\nexpect = {{ decision = 'refused' }}\n"
    (folder / "budgets.test.toml").write_text(case)
    assert run() == 1
    shown = capsys.readouterr().out
    assert '"x": the call was refused, but by no budget: unpriced_model' in shown
    assert 'Where that is meant, write `reason = "unpriced_model"`.' in shown
    expected = case.replace("'refused'", "'refused', reason = 'unpriced_model'")
    (folder / "budgets.test.toml").write_text(expected)
    assert run() == 0


def test_a_policy_that_is_off_is_said_to_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "corvus.toml").write_text(CONFIG.replace("enabled = true", "enabled = false"))
    assert run() == 1
    assert capsys.readouterr().err == (
        "warning: cost.enabled is not true in corvus.toml: no budget refuses anything\n"
    )


def test_a_report_is_not_written_over_a_test(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-o", "./budgets.test.toml") == 2
    assert "budgets.test.toml is a test file: name another one" in capsys.readouterr().err
    assert (folder / "budgets.test.toml").read_text() == REFUSED


def test_json_has_cases_findings_and_coverage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "budgets.test.toml").write_text(REFUSED + WRONG)
    assert run("--format", "json") == 1
    body = json.loads(capsys.readouterr().out)
    schema = find_schema("policy-test-run")
    assert schema is not None
    jsonschema.validate(body, schema.document)
    assert [(case["name"], case["passed"]) for case in body["files"][0]["cases"]] == [
        ("the day's cap stops an expensive call", True),
        ("a cheap one, too", False),
    ]
    [found] = body["diagnostics"]
    assert (found["code"], found["start"]["line"]) == ("case-failed", 11)
    assert found["path"] == ["case", 1, "expect", "decision"]
    assert body["summary"] == {"cases": 2, "passed": 1, "failed": 1, "files_not_run": 0}
    assert {"budget": "calls", "what": "limit", "is_touched": False} in body["coverage"][0]["items"]


def test_junit_has_a_test_for_each_case(folder: Path) -> None:
    (folder / "budgets.test.toml").write_text(
        REFUSED + WRONG.replace("cheap", '<cheap> & \\u0007 \\"quoted\\"')
    )
    (folder / "x.test.toml").write_text("[[case]\n")
    assert run("--format", "junit", "-o", "report.xml") == 2
    root = ElementTree.parse(folder / "report.xml").getroot()
    assert root.attrib | {"time": ""} == {
        "name": "corvus policy test",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "",
    }
    passed, failed, broken = root.iter("testcase")
    assert [*passed] == []
    assert failed.attrib["name"] == 'a <cheap> & \\x07 "quoted" one, too'
    [failure] = failed
    assert failure.tag == "failure"
    assert "budgets.test.toml:11:23" in str(failure.text)
    assert [problem.tag for problem in broken] == ["error"]


def test_annotations_stand_at_the_expectation_and_at_the_limit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "budgets.test.toml").write_text(REFUSED + WRONG)
    assert run("--format", "github", "--coverage") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "::error file=budgets.test.toml,line=11,col=23,endLine=11,endColumn=32,title=corvus case-f"
    )
    assert [line.partition("title")[0] for line in lines[1:3]] == [
        "::warning file=corvus.toml,line=16,col=15,endLine=16,endColumn=16,"
    ] * 2


def test_a_report_that_cannot_be_written_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-o", "nowhere/report.txt") == 2
    assert "cannot write nowhere/report.txt" in capsys.readouterr().err


def test_check_judges_tests_by_themselves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "budgets.test.toml").write_text(REFUSED.replace("expect", "expekt"))
    assert main(["check", "."]) == 1
    shown = capsys.readouterr().out
    assert "budgets.test.toml:6:1" in shown
    assert "Did you mean `expect`?" in shown
    assert main(["check", "budgets.test.toml", "--fix", "--unsafe-fixes"]) == 0
    assert run() == 0


def test_a_starter_has_a_case_for_each_budget(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--starter", "-o", "starter.test.toml") == 0
    assert (folder / "starter.test.toml").read_text().count("[[case]]") == 2
    assert run("starter.test.toml", "--coverage") == 0
    assert "2 of 3 limits and rungs (67 %)" in capsys.readouterr().out
    assert run("--starter", "-o", "starter.test.toml") == 2
    assert "is there already" in capsys.readouterr().err
    (folder / "corvus.toml").write_text("[cost]\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n")
    assert run("--starter") == 0
    assert "no budget of corvus.toml limits anything" in capsys.readouterr().err
