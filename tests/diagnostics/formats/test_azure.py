from __future__ import annotations

import re
from collections.abc import Callable

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]
_UNESCAPED = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))


def read(line: str) -> tuple[dict[str, str], str]:
    """Read a logging command as the agent does."""
    found = re.fullmatch(r"##vso\[task\.logissue ([^\]]*)\](.*)", line)
    assert found is not None
    pairs = [pair.partition("=") for pair in found[1].split(";") if pair]
    return {name: decoded(value) for name, _, value in pairs}, decoded(found[2])


def decoded(text: str) -> str:
    for escape, char in _UNESCAPED:
        text = text.replace(escape, char)
    return text


def one(*, severity: Severity = Severity.ERROR, message: str = "m", file: str = "a.toml") -> str:
    found = Diagnostic("unknown-key", severity, message, file, None)
    return written("azure", Outcome((Input(file, "", diagnostics=(found,)),)))


def test_an_issue_names_the_place_and_the_code(check: Check) -> None:
    """DIA-2."""
    printed = written("azure", check("[cost]\n\ndayly_limit_usd = 5\n", folder="/repo/teams"))
    assert printed == (
        "##vso[task.logissue type=error;sourcepath=teams/corvus.toml;linenumber=3;columnnumber=1;"
        "code=unknown-key;]unknown key `cost.dayly_limit_usd`. Did you mean `daily_limit_usd`?"
    )


def test_there_are_errors_and_warnings_only() -> None:
    types = [read(one(severity=severity))[0]["type"] for severity in Severity]
    assert types == ["error", "warning", "warning"]


def test_what_would_end_a_value_is_escaped() -> None:
    properties, message = read(one(file="a;b]c%3B.toml", message="100 % of ]; [x]"))
    assert properties["sourcepath"] == "a;b]c%3B.toml"
    assert message == "100 % of ]; [x]"


def test_no_text_becomes_a_command_of_its_own() -> None:
    line = one(message="\n##vso[task.setvariable variable=x]y")
    assert line.count("\n") == 0
    assert read(line)[1] == "\\n##vso[task.setvariable variable=x]y"
    summary = written("azure", Outcome((), summary=("found ##vso[task.x]y", "##[error]z")))
    assert "##vso[" not in summary
    assert "##[" not in summary


def test_an_argument_that_is_no_file_has_no_path() -> None:
    missing = Diagnostic("no-file-matched", Severity.ERROR, "no file", "*.tmol", None)
    assert "sourcepath" not in read(written("azure", Outcome((), (missing,))))[0]
