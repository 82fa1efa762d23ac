from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]


def files(outcome: Outcome) -> list[ET.Element]:
    root = ET.fromstring(written("checkstyle", outcome))
    assert root.tag == "checkstyle"
    return list(root)


def test_a_finding_is_an_error_of_its_file(check: Check) -> None:
    """DIA-2."""
    (file,) = files(check("[cost]\ndayly_limit_usd = 5\n", folder="/repo/teams"))
    assert file.get("name") == "teams/corvus.toml"
    assert [error.attrib for error in file] == [
        {
            "line": "2",
            "column": "1",
            "severity": "error",
            "message": "unknown key `cost.dayly_limit_usd`. Did you mean `daily_limit_usd`?",
            "source": "corvus.unknown-key",
        }
    ]


def test_each_file_is_there_once_and_in_order(check: Check) -> None:
    clean = check("", name="b.toml").inputs
    outcome = Outcome((*clean, Input("a.toml", ""), Input("./b.toml", "")), root="/r", folder="/r")
    assert [file.get("name") for file in files(outcome)] == ["b.toml", "a.toml"]


def test_a_finding_without_a_place_is_at_line_0() -> None:
    missing = Diagnostic("no-file-matched", Severity.ERROR, "no file", "*.tmol", None)
    ((error,),) = files(Outcome((), (missing,)))
    assert (error.get("line"), error.get("column")) == ("0", "0")


def test_severities_are_those_of_checkstyle() -> None:
    found = tuple(Diagnostic("unknown-key", one, "m", "a.toml", None) for one in Severity)
    (file,) = files(Outcome((Input("a.toml", "", diagnostics=found),)))
    assert [error.get("severity") for error in file] == ["error", "warning", "info"]


def test_what_xml_cannot_hold_is_spelled_out() -> None:
    name = 'a\x1b"<&\ud800.toml'
    found = Diagnostic("unknown-key", Severity.ERROR, "tab\t, null\0, \ufffe, é", name, None)
    (file,) = files(Outcome((Input(name, "", diagnostics=(found,)),), root="/", folder="/"))
    assert file.get("name") == 'a\\x1b"<&\\ud800.toml'
    assert file[0].get("message") == "tab\\t, null\\x00, \\ufffe, é"
