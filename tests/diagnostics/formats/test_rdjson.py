from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from corvus.base.links import HOMEPAGE, rule_page
from corvus.config.check.check import check_text
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]
SOURCE = {"name": "corvus", "url": HOMEPAGE}


def whole(outcome: Outcome) -> Any:
    return json.loads(written("rdjson", outcome))


def place(line: int, column: int) -> dict[str, int]:
    return {"line": line, "column": column}


def test_a_finding_has_the_shape_that_reviewdog_reads(check: Check) -> None:
    """DIA-2."""
    document = whole(check("[cost]\ndayly_limit_usd = 5\n", folder="/repo/teams"))
    (finding,) = document.pop("diagnostics")
    assert document == {"source": SOURCE, "severity": "WARNING"}
    where = {"start": place(2, 1), "end": place(2, 16)}
    assert finding == {
        "message": "unknown key `cost.dayly_limit_usd`\nDid you mean `daily_limit_usd`?",
        "location": {"path": "teams/corvus.toml", "range": where},
        "severity": "ERROR",
        "code": {"value": "unknown-key", "url": rule_page("unknown-key")},
        "suggestions": [{"range": where, "text": "daily_limit_usd"}],
    }


def test_each_line_is_a_finding_with_its_source(check: Check) -> None:
    outcome = check("[cost]\na = 1\nb = 2\n")
    lines = [json.loads(line) for line in written("rdjsonl", outcome).splitlines()]
    assert lines == [{**one, "source": SOURCE} for one in whole(outcome)["diagnostics"]]


def test_columns_count_bytes() -> None:
    """Every range, cut out of the bytes of its line, is the text that the span names."""
    text = "\ufeff[cost]\r\nprices = { 'é😀' = { input = 1, outptu = 2 } }\r\n"
    raw = text.encode()
    file = check_text(raw, "a.toml")
    assert file.text is not None
    outcome = Outcome((Input("a.toml", file.text, diagnostics=file.diagnostics),))
    lines = raw.split(b"\n")
    found = [one["location"] for one in whole(outcome)["diagnostics"]]
    pieces: list[bytes] = []
    for where in found:
        start, end = where["range"]["start"], where["range"]["end"]
        assert start["line"] == end["line"]
        line = lines[int(start["line"]) - 1]
        pieces.append(line[int(start["column"]) - 1 : int(end["column"]) - 1])
    expected = [
        file.text[one.span.start.offset : one.span.end.offset].encode()
        for one in file.diagnostics
        if one.span
    ]
    assert b"outptu" in pieces
    assert pieces[1:] == expected[1:]


def test_a_byte_order_mark_counts_on_the_first_line() -> None:
    file = check_text("\ufeffx = 1\n".encode(), "a.toml")
    outcome = Outcome((Input("a.toml", file.text, diagnostics=file.diagnostics),))
    unknown = next(
        one for one in whole(outcome)["diagnostics"] if one["code"]["value"] == "unknown-key"
    )
    assert unknown["location"]["range"] == {"start": place(1, 4), "end": place(1, 5)}


def test_a_finding_without_a_place_has_no_range() -> None:
    found = tuple(Diagnostic("unknown-key", one, "m", "a.toml", None) for one in Severity)
    outcome = Outcome((Input("a.toml", "", diagnostics=found),))
    assert [one["location"] for one in whole(outcome)["diagnostics"]] == [{"path": "a.toml"}] * 3
    severities = [one["severity"] for one in whole(outcome)["diagnostics"]]
    assert severities == ["ERROR", "WARNING", "INFO"]


def test_a_fix_of_two_edits_is_one_suggestion() -> None:
    """Who applies one quotation mark alone breaks the file."""
    text = '[cost]\nenabled = "true"\n'
    (finding,) = check_text(text.encode(), "c.toml").diagnostics
    outcome = Outcome((Input("c.toml", text=text, diagnostics=(finding,)),))
    (found,) = whole(outcome)["diagnostics"]
    (only,) = found["suggestions"]
    assert only["text"] == "true"
    assert only["range"] == {"start": {"line": 2, "column": 11}, "end": {"line": 2, "column": 17}}
