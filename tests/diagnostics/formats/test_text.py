"""What a person reads: headline, place, lines with markers, and what to do (DIA-2)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats.text import place, render
from corvus.diagnostics.model import Diagnostic, Label, Position, Span

TEXT = "[cost]\ndayly_limit = 5\nother = 1\n\n\n\n\n\n\n\nlast = 2\n"


def span(line: int, start: int, end: int) -> Span:
    return Span(Position(0, 0, line, start), Position(0, 0, line, end))


TYPO = Diagnostic(
    code="unknown-key",
    severity=Severity.ERROR,
    message="unknown key `dayly_limit`",
    file="corvus.toml",
    span=span(2, 1, 12),
    label="not a key",
    help=("Did you mean `daily_limit`?", "It limits a day."),
)


def shown(*diagnostics: Diagnostic, text: str = TEXT, colour: bool = False) -> str:
    return render(diagnostics, {"corvus.toml": text}, colour=colour)


def test_a_block_has_headline_place_excerpt_and_help() -> None:
    assert shown(TYPO).splitlines() == [
        "error[unknown-key]: unknown key `dayly_limit`",
        " --> corvus.toml:2:1",
        "  |",
        "2 | dayly_limit = 5",
        "  | ^^^^^^^^^^^ not a key",
        "  |",
        "  = help: Did you mean `daily_limit`?",
        "  = help: It limits a day.",
    ]


def test_on_a_terminal_a_code_is_a_link_to_its_page() -> None:
    linked = render([TYPO], {"corvus.toml": TEXT}, colour=True, links=True)
    target = f"\x1b]8;;{rule_page('unknown-key')}\x1b\\unknown-key\x1b]8;;\x1b\\"
    assert linked.splitlines()[0].count(target) == 1
    assert linked.replace(target, "unknown-key") == shown(TYPO, colour=True)
    assert render([TYPO], {"corvus.toml": TEXT}, colour=False, links=True) == shown(TYPO)


def test_the_gutter_is_as_wide_as_the_longest_line_number() -> None:
    related = (Label(span(11, 1, 5), "see also"),)
    assert shown(replace(TYPO, related=related, help=())).splitlines()[1:] == [
        "  --> corvus.toml:2:1",
        "   |",
        " 2 | dayly_limit = 5",
        "   | ^^^^^^^^^^^ not a key",
        "...",
        "11 | last = 2",
        "   | ---- see also",
    ]


def test_blocks_are_apart_by_one_empty_line_and_end_without_one() -> None:
    both = shown(TYPO, replace(TYPO, severity=Severity.WARNING))
    first, second = both.split("\n\n")
    assert first.startswith("error[")
    assert second.startswith("warning[")
    assert not both.endswith("\n")
    assert shown() == ""


@pytest.mark.parametrize("changed", [{"span": None}, {"file": "absent.toml"}])
def test_without_a_place_or_a_text_there_is_no_excerpt(changed: dict[str, str | None]) -> None:
    diagnostic = replace(TYPO, **changed)
    assert shown(diagnostic).splitlines() == [
        "error[unknown-key]: unknown key `dayly_limit`",
        f" --> {place(diagnostic)}",
        "  = help: Did you mean `daily_limit`?",
        "  = help: It limits a day.",
    ]


def test_a_place_beyond_the_text_is_told_without_an_excerpt() -> None:
    assert shown(replace(TYPO, span=span(99, 1, 2), help=())).splitlines() == [
        "error[unknown-key]: unknown key `dayly_limit`",
        " --> corvus.toml:99:1",
    ]


def test_an_empty_document_has_an_excerpt_of_its_empty_line() -> None:
    assert shown(replace(TYPO, span=span(1, 1, 1), help=()), text="").splitlines()[2:] == [
        "  |",
        "1 |",
        "  | ^ not a key",
    ]


def test_crlf_makes_no_difference() -> None:
    assert shown(TYPO, text=TEXT.replace("\n", "\r\n")) == shown(TYPO)


def test_colours_change_no_character() -> None:
    coloured = shown(TYPO, colour=True)
    assert coloured.startswith("\x1b[1;31merror[unknown-key]\x1b[0m")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(TYPO)
    assert "\x1b" not in shown(TYPO)


def test_the_severities_differ_in_word_and_colour() -> None:
    heads = {
        shown(replace(TYPO, severity=severity), colour=True).splitlines()[0].partition("[unk")[0]
        for severity in Severity
    }
    assert heads == {"\x1b[1;31merror", "\x1b[1;33mwarning", "\x1b[1;36mnote"}


def test_no_text_of_a_stranger_is_printed_as_it_is() -> None:
    evil = "\x1b[2J\nerror[forged]: x"
    diagnostic = replace(
        TYPO, message=evil, file=evil, label=evil, help=(evil,), related=(Label(TYPO_SPAN, evil),)
    )
    printed = render([diagnostic], {evil: f'"{evil[:4]}" = 1\n' * 3}, colour=False)
    assert "\x1b" not in printed
    assert not any(line.startswith("error[forged]") for line in printed.splitlines())


TYPO_SPAN = span(3, 1, 4)


def test_a_place_is_file_line_and_column_or_the_file_alone() -> None:
    assert place(TYPO) == "corvus.toml:2:1"
    assert place(replace(TYPO, span=None, file="a\nb")) == "a\\nb"
