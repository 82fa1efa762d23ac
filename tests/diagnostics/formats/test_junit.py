"""JUnit reports hold to the schema, and each file is a test that passes or does not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]
ROOT: Final = Path(__file__).parents[3]
XS: Final = "{http://www.w3.org/2001/XMLSchema}"
SCHEMA: Final = ET.parse(ROOT / "tests/standards/junit-10.xsd").getroot()
FILES = sorted((ROOT / "tests/golden/invalid").glob("*.toml"))


def assert_declared(element: ET.Element) -> None:
    """Hold an element against its declaration: attributes, required ones, and what is inside."""
    declared = SCHEMA.find(f"{XS}element[@name='{element.tag}']")
    assert declared is not None, element.tag
    attributes = {one.get("name"): one.get("use") for one in declared.iter(f"{XS}attribute")}
    assert set(element.attrib) <= set(attributes)
    assert {name for name, use in attributes.items() if use == "required"} <= set(element.attrib)
    inside = {one.get("ref") for one in declared.iter(f"{XS}element")}
    assert {child.tag for child in element} <= inside
    is_text = declared.get("type") == "xs:string" or any(
        one.get("mixed") == "true" for one in declared.iter(f"{XS}complexType")
    )
    assert is_text or not (element.text or "").strip()
    for child in element:
        assert_declared(child)


def suite_of(outcome: Outcome) -> ET.Element:
    output = written("junit", outcome)
    assert output.isascii()
    whole = ET.fromstring(output)
    assert_declared(whole)
    (suite,) = whole
    cases = suite.findall("testcase")
    assert suite.get("tests") == whole.get("tests") == str(len(cases))
    for word in ("failure", "error"):
        bad = sum(case.find(word) is not None for case in cases)
        assert suite.get(f"{word}s") == whole.get(f"{word}s") == str(bad)
    return suite


def only_case(outcome: Outcome) -> ET.Element:
    (case,) = suite_of(outcome)
    return case


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_report_of_every_golden_file_is_valid(path: Path, check: Check) -> None:
    suite_of(check(path.read_bytes(), name=path.name))


def test_the_reader_of_the_schema_refuses_what_it_does_not_declare() -> None:
    for wrong in (
        '<testsuite name="a" tests="1" failures="0"/>',
        '<testcase name="a" colour="red"/>',
        "<testcase name='a'><testsuite/></testcase>",
        "<testcase name='a'>text</testcase>",
    ):
        with pytest.raises(AssertionError):
            assert_declared(ET.fromstring(wrong))


def test_a_passing_file_is_a_test_that_passes(check: Check) -> None:
    case = only_case(check(""))
    assert case.get("name") == "corvus.toml"
    assert [child.tag for child in case] == ["system-out"]
    assert case.findtext("system-out") == "checked as native"


def test_each_failing_finding_is_a_failure_with_its_excerpt(check: Check) -> None:
    case = only_case(check("[cost]\ndayly_limit_usd = 5\nwarn_at_percent = 150\n"))
    first, second = case.findall("failure")
    assert first.get("type") == "unknown-key"
    assert first.get("message") == "2:1: unknown key `cost.dayly_limit_usd`"
    assert "2 | dayly_limit_usd = 5\n  | ^^^^" in str(first.text)
    assert second.get("type") == "out-of-range"


def test_a_failure_ends_with_the_page_of_its_rule(check: Check) -> None:
    """GitLab and Jenkins show the text of a failure, and its type nowhere as a link."""
    gone = Diagnostic("file-missing", Severity.ERROR, "gone", "a.toml", None)
    for outcome in (
        check("[cost]\ndayly_limit_usd = 5\n"),
        Outcome((Input("a", diagnostics=(gone,)),)),
    ):
        (problem,) = only_case(outcome)[:1]
        *_, last = str(problem.text).splitlines()
        assert last == rule_page(str(problem.get("type")))


def test_the_fail_level_decides_between_a_failure_and_a_remark(check: Check) -> None:
    warns = "[cost]\nwarn_at_percent = 100\n"
    case = only_case(check(warns))
    assert case.find("failure") is None
    assert "corvus.toml:2:19: warning[extreme-threshold]" in str(case.findtext("system-out"))
    case = only_case(check(warns, failing=("error", "warning")))
    assert [one.get("type") for one in case.findall("failure")] == ["extreme-threshold"]


def test_what_was_not_read_is_an_error_and_never_a_pass() -> None:
    gone = Diagnostic("file-missing", Severity.ERROR, "gone", "a.toml", None)
    unmatched = Diagnostic("no-file-matched", Severity.ERROR, "no file", "*.tmol", None)
    outcome = Outcome((Input("a.toml", diagnostics=(gone,)),), (unmatched,), failing=())
    cases = list(suite_of(outcome))
    assert [case.get("name") for case in cases] == ["a.toml", "*.tmol"]
    assert [[child.tag for child in case] for case in cases] == [["error"], ["error"]]


def test_characters_that_xml_cannot_hold_are_spelled_out(check: Check) -> None:
    name = "a\x00\x1b\ud800\ufffe\u202e.toml"
    case = only_case(check('["\\u0007<&]]>\'"]\n', name=name))
    assert case.get("name") == "a\\x00\\x1b\\ud800\\ufffe\\u202e.toml"
    assert re.search(r"unknown table `\[.*<&\]\]>'.*\]`", str(case[0].get("message")))
