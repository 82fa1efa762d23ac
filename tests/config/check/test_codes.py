"""The registry holds every code that the program can report, and explains each fully (DIA-4)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corvus.config.check import codes, codes_elsewhere, rules
from corvus.config.check.codes import CODES, lookup
from corvus.config.toml import codes as document_codes
from corvus.diagnostics.codes import CodeInfo, Severity
from corvus.diagnostics.model import Diagnostic, Position, Span

PACKAGE = Path(codes.__file__).parents[2]
RULES = Path(rules.__file__).parent
REGISTRIES = {
    Path(codes.__file__),
    Path(document_codes.__file__),
    Path(codes_elsewhere.__file__),
}
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path not in REGISTRIES
)


def test_no_code_stands_twice() -> None:
    text = SOURCE + "\n".join(path.read_text(encoding="utf-8") for path in REGISTRIES)
    entries = re.findall(r'CodeInfo\(\s*"([a-z0-9.-]+)"', text)
    assert sorted(entries) == sorted(CODES)


def test_a_rule_is_a_file_named_after_its_code() -> None:
    files = {path.stem for path in RULES.rglob("*.py")} - {"__init__"}
    listed = {rules.load(name).INFO.code for name in (*rules.RULES, *rules.ON_ONE_LAYER)}
    assert {name.replace("_", "-") for name in files} == listed


def test_a_code_that_is_not_registered_cannot_be_explained() -> None:
    with pytest.raises(KeyError):
        lookup("no-such-code")


def test_the_registry_cannot_be_changed_at_run_time() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        CODES["x"] = CODES["unknown-key"]  # pyright: ignore[reportIndexIssue] - the point


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_kebab_case_and_reported_somewhere(code: str) -> None:
    assert re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", code)
    assert f'"{code}"' in SOURCE
    assert lookup(code).code == code


@pytest.mark.parametrize("info", CODES.values(), ids=lambda info: info.code)
def test_an_entry_is_complete_and_ends_its_sentences(info: CodeInfo) -> None:
    assert info.title
    assert not info.title.endswith(".")
    for text in (info.explanation, info.mend):
        assert text.endswith(".")
        assert "  " not in text
    assert info.bad != info.good
    assert info.bad


def test_errors_come_before_warnings_before_notes() -> None:
    ordered = sorted(Severity, key=lambda severity: severity.rank)
    assert ordered == [Severity.ERROR, Severity.WARNING, Severity.NOTE]
    assert [severity.rank for severity in ordered] == [0, 1, 2]


@pytest.mark.parametrize("severity", Severity)
def test_only_an_error_makes_a_document_unusable(severity: Severity) -> None:
    one = Diagnostic("unknown-key", severity, "m", "f", None)
    assert one.is_error is (severity is Severity.ERROR)


def test_spans_are_ordered_by_place() -> None:
    places = [Position(offset, offset, 1, offset + 1) for offset in range(3)]
    spans = [Span(places[1], places[2]), Span(places[0], places[2]), Span(places[0], places[1])]
    assert sorted(spans) == spans[::-1]
