"""What programs read: one line each, or JSON as the published schema says (DIA-2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats.json import as_json
from corvus.diagnostics.formats.text import concise
from corvus.diagnostics.model import Diagnostic, Edit, Fix, Label, Position, Span

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "schemas" / "diagnostics.schema.json").read_text()
)
ITEM: Any = Draft202012Validator({"$ref": "#/$defs/diagnostic", "$defs": SCHEMA["$defs"]})
HERE = Span(Position(10, 12, 2, 3), Position(14, 16, 2, 7))
THERE = Span(Position(0, 0, 1, 1), Position(4, 4, 1, 5))
FULL = Diagnostic(
    code="duplicate-key",
    severity=Severity.ERROR,
    message="key `a` stands twice",
    file="team/corvus.toml",
    span=HERE,
    label="again",
    related=(Label(THERE, "first here"),),
    help=("Remove one.", "Or rename it."),
    path=("cost", "budgets", 2, "a"),
    fix=Fix("Rename it", (Edit(HERE, "b"),)),
)
BARE = Diagnostic("not-found", Severity.WARNING, "no file", "x.toml", None)

COUNTS = st.integers(0, 10**9)
NUMBERS = st.integers(1, 10**9)
POSITIONS = st.builds(Position, COUNTS, COUNTS, NUMBERS, NUMBERS)
SPANS = st.builds(Span, POSITIONS, POSITIONS)
TEXTS = st.text()
DIAGNOSTICS = st.builds(
    Diagnostic,
    code=TEXTS,
    severity=st.sampled_from(Severity),
    message=TEXTS,
    file=TEXTS,
    span=st.none() | SPANS,
    label=TEXTS,
    related=st.lists(st.builds(Label, SPANS, TEXTS), max_size=2).map(tuple),
    help=st.lists(TEXTS, max_size=2).map(tuple),
    path=st.lists(TEXTS | COUNTS, max_size=3).map(tuple),
    fix=st.none() | st.builds(Fix, TEXTS, st.tuples(st.builds(Edit, SPANS, TEXTS)), st.booleans()),
)


def test_a_line_has_place_severity_code_message_and_help() -> None:
    assert concise([FULL, BARE]) == (
        "team/corvus.toml:2:3: error[duplicate-key] key `a` stands twice "
        "(Remove one. Or rename it.)\n"
        "x.toml: warning[not-found] no file"
    )


def test_nothing_to_say_is_no_line_and_no_object() -> None:
    assert concise([]) == ""
    assert as_json([]) == []


@given(st.lists(DIAGNOSTICS, min_size=1, max_size=3))
def test_each_diagnostic_is_one_line_whatever_it_holds(diagnostics: list[Diagnostic]) -> None:
    assert len(concise(diagnostics).splitlines()) == len(diagnostics)
    assert "\x1b" not in concise(diagnostics)


def test_an_object_holds_every_field_with_null_for_an_unknown_place() -> None:
    """DIA-1."""
    full, bare = as_json([FULL, BARE])
    assert full == {
        "code": "duplicate-key",
        "url": rule_page("duplicate-key"),
        "severity": "error",
        "message": "key `a` stands twice",
        "label": "again",
        "file": "team/corvus.toml",
        "start": {"line": 2, "column": 3, "offset": 10, "byte_offset": 12},
        "end": {"line": 2, "column": 7, "offset": 14, "byte_offset": 16},
        "related": [
            {
                "message": "first here",
                "start": {"line": 1, "column": 1, "offset": 0, "byte_offset": 0},
                "end": {"line": 1, "column": 5, "offset": 4, "byte_offset": 4},
            }
        ],
        "help": ["Remove one.", "Or rename it."],
        "path": ["cost", "budgets", 2, "a"],
        "fix": {
            "description": "Rename it",
            "applicability": "unsafe",
            "is_safe": False,
            "edits": [
                {
                    "start": {"line": 2, "column": 3, "offset": 10, "byte_offset": 12},
                    "end": {"line": 2, "column": 7, "offset": 14, "byte_offset": 16},
                    "replacement": "b",
                }
            ],
        },
    }
    assert (bare["start"], bare["end"], bare["related"], bare["help"]) == (None, None, [], [])
    assert bare["fix"] is None
    assert bare.keys() == full.keys()


@given(DIAGNOSTICS)
def test_any_diagnostic_follows_the_published_schema(diagnostic: Diagnostic) -> None:
    (found,) = as_json([diagnostic])
    assert [error.message for error in ITEM.iter_errors(json.loads(json.dumps(found)))] == []


@pytest.mark.parametrize("key", ["code", "start", "path"])
def test_the_schema_refuses_an_object_that_lacks_a_key(key: str) -> None:
    """Without this the test above could pass on a schema that checks nothing."""
    (found,) = as_json([FULL])
    del found[key]
    assert not ITEM.is_valid(found)
