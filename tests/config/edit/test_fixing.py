"""A fix that is published was proved, and applying it leaves the file better (DIA-1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from corvus.config.check.check import CheckedFile, Options, check_text
from corvus.config.edit import fixing
from corvus.config.edit.fixing import FixedText, fix_text, prove
from corvus.diagnostics.model import Diagnostic, Edit, Fix

OPTIONS = Options()


def fixed(text: str | bytes, *, unsafe: bool = True) -> FixedText:
    raw = text.encode() if isinstance(text, str) else text
    return fix_text(raw, "corvus.toml", OPTIONS, unsafe=unsafe)


def proposing(text: str, replacement: str, *, is_safe: bool = False) -> CheckedFile:
    """Check a text whose first finding has a fix that replaces what it is about."""
    checked = check_text(text.encode(), "corvus.toml", OPTIONS)
    first, *others = checked.diagnostics
    assert first.span is not None
    fix = Fix("Write it", (Edit(first.span, replacement),), is_safe)
    return checked._replace(diagnostics=(replace(first, fix=fix), *others))


def fixes(checked: CheckedFile) -> list[Fix | None]:
    return [found.fix for found in prove(checked, OPTIONS).diagnostics]


def codes(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [found.code for found in diagnostics]


@pytest.mark.parametrize(
    "replacement",
    [
        "nothing_like_it",  # still unknown
        "warn_at_percent",  # known, and the value is out of its range
        "daily limit",  # no TOML any more
        "enabled",  # there already
        "dayly_limit_usd",  # no change at all
    ],
)
def test_a_fix_that_does_not_mend_is_not_published(replacement: str) -> None:
    text = "[cost]\ndayly_limit_usd = 500\nenabled = true\n"
    assert fixes(proposing(text, replacement)) == [None]


def test_a_fix_that_mends_is_published() -> None:
    assert fixes(proposing("[cost]\ndayly_limit_usd = 5\n", "daily_limit_usd")) != [None]


def test_a_fix_that_would_change_the_meaning_is_not_safe_whatever_it_says() -> None:
    (fix,) = fixes(proposing("[cost]\ndayly_limit_usd = 5\n", "daily_limit_usd", is_safe=True))
    assert fix is not None
    assert not fix.is_safe


def test_a_file_that_is_not_utf_8_has_no_fix() -> None:
    checked = check_text(b"[cost]\nx = '\xff'\n", "corvus.toml", OPTIONS)
    (first, *_) = checked.diagnostics
    assert first.span is not None
    offered = replace(first, fix=Fix("Write it", (Edit(first.span, "y"),)))
    assert fixes(checked._replace(diagnostics=(offered,))) == [None]


def test_all_fixes_of_a_text_are_applied_and_what_is_left_is_returned() -> None:
    result = fixed('[cost]\nenabeld = true\ndaily_limit_usd = "5"\nsomething_else = 1\n')
    assert result.after == b"[cost]\nenabled = true\ndaily_limit_usd = 5\nsomething_else = 1\n"
    assert codes(result.applied) == ["unknown-key", "wrong-type"]
    assert codes(result.remaining.diagnostics) == ["unknown-key"]


def test_of_two_keys_that_would_become_one_only_the_first_is_renamed() -> None:
    result = fixed("[cost]\ndayly_limit_usd = 5\ndaily_limit_us = 6\n")
    assert result.after == b"[cost]\ndaily_limit_usd = 5\ndaily_limit_us = 6\n"
    assert codes(result.remaining.diagnostics) == ["unknown-key"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"[cost]\r\nenabeld = true\r\n", b"[cost]\r\nenabled = true\r\n"),
        (b"[cost]\nenabeld = true", b"[cost]\nenabled = true"),
        ("[cost] # ä𝄞\nenabeld = true\n".encode(), "[cost] # ä𝄞\nenabled = true\n".encode()),
    ],
)
def test_no_other_byte_changes(before: bytes, after: bytes) -> None:
    assert fixed(before).after == after


def test_a_text_without_a_fix_stays_as_it_is() -> None:
    for text in ("", "[cost]\nnothing_like_it = 1\n", "[cost]\nx = \n", "[cost]\nenabled = true\n"):
        result = fixed(text)
        assert result.before == result.after == text.encode()
        assert result.applied == ()


def test_many_mistakes_of_one_file_are_mended_in_one_go() -> None:
    budget = '[[cost.budgets]]\nnmae = "b{}"\nperiod = "day"\nlimit_usd = 1\n'
    result = fixed("".join(budget.format(index) for index in range(120)))
    assert result.after.count(b"\nname =") == 120
    assert result.remaining.diagnostics == ()


def test_a_second_run_changes_nothing() -> None:
    once = fixed('[cost]\nenabeld = "true"\ndayly_limit_usd = "$5"\n')
    assert fixed(once.after).after == once.after


def test_a_fix_that_was_proved_in_other_company_alone_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where many are proved together, the safe ones among them need not do without the others."""
    text = "[cost]\nenabeld = true\n"
    proposed = proposing(text, "[cost]\nenabeldd = true\n")

    def as_proposed(*_: object) -> object:
        return proposed

    monkeypatch.setattr(fixing, "prove", as_proposed)
    done = fix_text(text.encode(), "c.toml", Options(), unsafe=True)
    assert (done.after, done.applied) == (text.encode(), ())
    assert [found.fix for found in done.remaining.diagnostics] == [None]


def test_a_file_of_mistakes_is_checked_a_few_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[[cost.budgets]]\nnmae = "b1"\nperiod = "day"\nlimit_usd = 1\n' * 520
    checked = check_text(text.encode(), "corvus.toml", OPTIONS)
    assert checked.is_cut
    assert "more follow" in checked.diagnostics[-1].help[-1]
    looked: list[str] = []

    def count(text: bytes, name: str, options: Options) -> CheckedFile:
        looked.append(name)
        return check_text(text, name, options)

    monkeypatch.setattr(fixing, "check_text", count)
    prove(checked, OPTIONS)
    assert len(looked) <= 4
