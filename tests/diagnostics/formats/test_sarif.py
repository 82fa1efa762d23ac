"""SARIF reports hold to the schema of the standard, and lead back to the very characters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from corvus.base.links import HOMEPAGE, rule_page
from corvus.config.check.check import check_paths
from corvus.config.check.codes import CODES
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "tests/standards/sarif-2.1.0-rtm.5.json").read_text())
FILES = sorted((ROOT / "tests/golden/invalid").glob("*.toml"))
MISTAKES = """\
[cost]
"dayly_limit_usd" = 5 # é
daily_limit_usd = 50
monthly_limit_usd = 20
enabled = "true"
"""
Check = Callable[..., Outcome]


def log_of(outcome: Outcome) -> Any:
    log = json.loads(written("sarif", outcome))
    validator: Any = Draft4Validator(SCHEMA, format_checker=Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(log)] == []
    return log


def run_of(outcome: Outcome) -> Any:
    (run,) = log_of(outcome)["runs"]
    return run


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_report_of_every_golden_file_is_valid(path: Path, check: Check) -> None:
    run = run_of(check(path.read_bytes(), name=path.name))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({one["ruleId"] for one in run["results"]})
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_region_leads_to_the_very_characters(check: Check) -> None:
    run = run_of(check(MISTAKES))
    assert run["columnKind"] == "unicodeCodePoints"
    lines = MISTAKES.split("\n")
    found: dict[str, str] = {}
    for result in run["results"]:
        region: dict[str, int] = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == region["endLine"]
        line = lines[region["startLine"] - 1]
        text = line[region["startColumn"] - 1 : region["endColumn"] - 1]
        start = region["charOffset"]
        assert MISTAKES[start : start + region["charLength"]] == text
        start = region["byteOffset"]
        assert MISTAKES.encode()[start : start + region["byteLength"]] == text.encode()
        found[result["ruleId"]] = text
    assert found == {
        "unknown-key": '"dayly_limit_usd"',
        "limit-never-binds": "50",
        "wrong-type": '"true"',
    }


def test_related_places_and_help_are_there(check: Check) -> None:
    results = run_of(check(MISTAKES))["results"]
    (never,) = [one for one in results if one["ruleId"] == "limit-never-binds"]
    (related,) = never["relatedLocations"]
    assert related["message"]["text"] == "this limit binds first"
    assert related["physicalLocation"]["region"]["startLine"] == 4
    assert "\nLower `daily_limit_usd`" in never["message"]["text"]
    assert never["level"] == "warning"


def test_applying_the_replacements_of_a_fix_mends_the_finding(check: Check) -> None:
    text = '[cost]\nenabled = "true" # é\n[autonomi]\nlevel = "full"\n'
    result = next(one for one in run_of(check(text))["results"] if "fixes" in one)
    (fix,) = result["fixes"]
    assert fix["description"]["text"] == "Remove the quotes"
    assert fix["properties"] == {"applicability": "unsafe", "isSafe": False}
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "corvus.toml"
    for replacement in reversed(change["replacements"]):
        start = replacement["deletedRegion"]["charOffset"]
        end = start + replacement["deletedRegion"]["charLength"]
        text = text[:start] + replacement["insertedContent"]["text"] + text[end:]
    assert text.startswith("[cost]\nenabled = true # é\n")


def test_a_rule_is_explained_as_the_command_explains_it(check: Check) -> None:
    (rule,) = run_of(check("[cost]\nwarn_at_percent = 150\n"))["tool"]["driver"]["rules"]
    info = CODES["out-of-range"]
    assert rule["shortDescription"]["text"] == info.title
    assert rule["name"] == "OutOfRange"
    assert rule["helpUri"] == rule_page("out-of-range")
    assert "How to mend it:" in rule["help"]["text"]
    assert "```toml\n[cost]\nwarn_at_percent = 150\n```" in rule["help"]["markdown"]
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_the_report_says_where_to_read_about_the_program(check: Check) -> None:
    assert run_of(check(""))["tool"]["driver"]["informationUri"] == HOMEPAGE


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_is_a_level_of_the_standard(severity: Severity) -> None:
    one = Diagnostic("unknown-key", severity, "m", "a.toml", None)
    outcome = Outcome((Input("a.toml", text="", diagnostics=(one,)),), codes=CODES)
    (result,) = run_of(outcome)["results"]
    assert result["level"] == severity.value


def test_a_path_is_relative_encoded_and_has_a_base(check: Check) -> None:
    run = run_of(check(FAILS := "[costs]\n", name="./a b/50%:é.toml"))
    location = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "a%20b/50%25%3A%C3%A9.toml", "uriBaseId": "%SRCROOT%"}
    assert run["artifacts"][0]["location"] == location
    assert "uri" not in run["originalUriBaseIds"]["%SRCROOT%"]
    above = run_of(check(FAILS, name="../x.toml"))["artifacts"][0]["location"]
    assert above == {"uri": "file:///x.toml"}


def test_the_root_is_where_paths_start(check: Check) -> None:
    outcome = check("[costs]\n", folder="/repo/teams/a")
    assert run_of(outcome)["artifacts"][0]["location"]["uri"] == "teams/a/corvus.toml"


def test_a_clean_run_has_no_results_and_was_successful(check: Check) -> None:
    run = run_of(check("[cost]\nenabled = false\n"))
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (True, 0)
    assert run["artifacts"][0]["properties"] == {"dialect": "native"}


def test_what_could_not_be_read_is_a_notification_and_no_success() -> None:
    """DIA-5: no report without results may stand for a file that nobody read."""
    checked = check_paths(["absent.toml", "*.tmol"])
    (missing,) = checked.files
    outcome = Outcome(
        (Input(missing.shown, diagnostics=missing.diagnostics),),
        checked.unmatched,
        exit_code=2,
        codes=CODES,
    )
    run = run_of(outcome)
    (invocation,) = run["invocations"]
    assert run["results"] == []
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    told = [one["descriptor"]["id"] for one in invocation["toolConfigurationNotifications"]]
    assert told == ["no-file-matched", "file-missing"]
    descriptors = run["tool"]["driver"]["notifications"]
    for one in invocation["toolConfigurationNotifications"]:
        assert descriptors[one["descriptor"]["index"]]["id"] == one["descriptor"]["id"]


def test_text_of_a_file_is_no_link_and_no_placeholder(check: Check) -> None:
    run = run_of(check('[cost]\n"[a](http://b) {0}" = 1\n'))
    message = run["results"][0]["message"]["text"]
    assert "](" not in message
    assert "{{0}}" in message
