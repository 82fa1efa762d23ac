"""Annotations survive the runner's own reading of them, and never exceed what GitHub shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.formats.github import MAX_SHOWN
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def decoded(text: str) -> str:
    for escape, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def commands(output: str) -> list[Command]:
    """Read the log as a runner does: a command is a line that starts with two colons."""
    found: list[Command] = []
    for line in output.splitlines():
        match = re.fullmatch(r"\s*::(\w+) ?([^:]*)::(.*)", line)
        if match:
            pairs = (pair.partition("=") for pair in match[2].split(",") if pair)
            properties = {name: decoded(value) for name, _, value in pairs}
            found.append(Command(match[1], properties, decoded(match[3])))
        else:
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
    return found


def many(severity: Severity, count: int) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic("unknown-key", severity, f"number {index}", "a.toml", None)
        for index in range(count)
    )


def run_with(*diagnostics: Diagnostic) -> Outcome:
    return Outcome((Input("a.toml", "", diagnostics=diagnostics),), summary=("1 file",))


def test_a_finding_is_a_command_with_its_place_and_help(check: Check) -> None:
    (command,) = commands(written("github", check("[cost]\ndayly_limit_usd = 5\n")))
    assert command == Command(
        "error",
        {
            "file": "corvus.toml",
            "line": "2",
            "col": "1",
            "endLine": "2",
            "endColumn": "16",
            "title": "corvus unknown-key",
        },
        "corvus.toml:2:1: unknown key `cost.dayly_limit_usd`\nDid you mean `daily_limit_usd`?\n"
        f"See {rule_page('unknown-key')}",
    )


def test_a_related_place_is_told_in_words(check: Check) -> None:
    text = "[cost]\ndaily_limit_usd = 50\nmonthly_limit_usd = 20\n"
    (command,) = commands(written("github", check(text)))
    assert command.name == "warning"
    assert "\nline 3: this limit binds first\n" in command.message


def test_a_span_over_several_lines_has_no_columns(check: Check) -> None:
    (command,) = commands(written("github", check('[cost]\nenabled = [\n  "x",\n]\n')))
    assert (command.properties["line"], command.properties["endLine"]) == ("2", "4")
    assert "col" not in command.properties
    assert "endColumn" not in command.properties


def test_names_and_values_cannot_end_a_property_or_start_a_command(check: Check) -> None:
    name = "a,line=9::b%3A\n::add-mask::x.toml"
    (command,) = commands(written("github", check('["::stop-commands::x"]\n', name=name)))
    assert command.properties["file"] == name.replace("\n", "\\n")
    assert command.properties["line"] == "1"


@pytest.mark.parametrize("count", [1, MAX_SHOWN, MAX_SHOWN + 1, 50])
@pytest.mark.parametrize("severity", Severity)
def test_no_more_of_a_kind_than_github_shows(severity: Severity, count: int) -> None:
    output = written("github", run_with(*many(severity, count)))
    found = commands(output)
    assert len(found) == min(count, MAX_SHOWN)
    assert len({command.name for command in found}) == 1
    if count > MAX_SHOWN:
        left_out = count - MAX_SHOWN + 1
        assert found[-1].message.startswith(f"{left_out} more {found[-1].name}s: ")
        assert sum(line.startswith("- a.toml: ") for line in output.splitlines()) == left_out
    assert all(f"number {index}" in output for index in range(count))


def test_errors_come_first_and_the_summary_last() -> None:
    found = (*many(Severity.NOTE, 1), *many(Severity.WARNING, 1), *many(Severity.ERROR, 1))
    output = written("github", run_with(*found))
    assert [command.name for command in commands(output)] == ["error", "warning", "notice"]
    assert output.endswith("\n1 file")


def test_what_has_no_room_is_no_command_of_the_older_form() -> None:
    bad = Diagnostic("unknown-key", Severity.ERROR, "##[add-mask]a", "::error::x", None)
    output = written("github", run_with(*(bad,) * 20))
    assert len(commands(output)) == MAX_SHOWN


def test_an_argument_without_a_file_is_put_on_none() -> None:
    one = Diagnostic("no-file-matched", Severity.ERROR, "no file matches `x`", "x", None)
    (command,) = commands(written("github", Outcome((), (one,))))
    message = f"{one.message}\nSee {rule_page(one.code)}"
    assert command == Command("error", {"title": "corvus no-file-matched"}, message)


def test_paths_start_at_the_checkout(check: Check) -> None:
    output = written("github", check("[costs]\n", folder="/repo/teams/a"))
    assert commands(output)[0].properties["file"] == "teams/a/corvus.toml"
