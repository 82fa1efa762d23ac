"""A fix mends its finding, breaks nothing else, and shows nothing of a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.config.check.check import Options, check_paths, check_text
from corvus.config.edit.fixing import prove
from corvus.diagnostics.model import Diagnostic

ROOT = Path(__file__).parents[3]
FILES = sorted(ROOT.glob("tests/golden/invalid/*.toml")) + sorted(
    ROOT.glob("tests/config/check/mistakes/*.toml")
)


BUDGET = '[cost]\nenabled = true\n[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n'
UNPROVED = {"wrong-type--brackets"}
"""A budget gets its second pair of brackets; then the keys that it lacks are reported."""


def found(text: str, dialect: str = "auto") -> tuple[Diagnostic, ...]:
    return check_paths(["-"], Options(dialect=dialect, stdin=text.encode)).diagnostics


def mended(text: str, diagnostic: Diagnostic) -> str:
    assert diagnostic.fix is not None
    for edit in reversed(diagnostic.fix.edits):
        start, end = edit.span.start.offset, edit.span.end.offset
        text = text[:start] + edit.replacement + text[end:]
    return text


def only_fixed(text: str) -> str:
    (diagnostic,) = [one for one in found(text) if one.fix]
    return mended(text, diagnostic)


def proved(text: str) -> tuple[Diagnostic, ...]:
    options = Options()
    return prove(check_text(text.encode(), "corvus.toml", options), options).diagnostics


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_offered_fix_mends_its_finding_and_adds_no_error(path: Path) -> None:
    """What rules offer is right but for a known case: proving it is no excuse for wild guesses."""
    text = path.read_bytes().decode(errors="replace").removeprefix("\ufeff")
    offered = [one for one in found(text) if one.fix and one.code != "byte-order-mark"]
    published = [one.code for one in proved(text) if one.fix]
    assert published == ([] if path.stem in UNPROVED else [one.code for one in offered])


def test_some_files_offer_fixes() -> None:
    offered = [one for path in FILES for one in check_paths([str(path)]).diagnostics if one.fix]
    assert {one.code for one in offered} >= {"unknown-key", "wrong-type", "deprecated-key"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[cost]\ndayly_limit_usd = 5\n", "[cost]\ndaily_limit_usd = 5\n"),
        ("cost.'dayly_limit_usd' = 5\n", "cost.daily_limit_usd = 5\n"),
        ("cost = { dayly_limit_usd = 5 }\n", "cost = { daily_limit_usd = 5 }\n"),
        (
            '[governance.legder]\npath = "x"\n[governance]\n',
            '[governance.ledger]\npath = "x"\n[governance]\n',
        ),
        (
            'cost.budgets = [1, { nmae = "a", period = "day", limit_usd = 1 }]\n',
            'cost.budgets = [1, { name = "a", period = "day", limit_usd = 1 }]\n',
        ),
        (
            'cost.budgets = [{ nmae = "a", period = "day", limit_usd = 1 }]\n',
            'cost.budgets = [{ name = "a", period = "day", limit_usd = 1 }]\n',
        ),
        ('[cost]\ndaily_limit_usd = "5"\n', "[cost]\ndaily_limit_usd = 5\n"),
        ("[cost]\nenabled = '''true'''\n", "[cost]\nenabled = true\n"),
        (
            "[autonomy]\nmax_cost_per_day_cents = 5\n",
            "[autonomy]\nmax_actions_per_hour = 5\n",
        ),
        (
            "[autonomy]\nmax_cost_per_day_cents = 5 # five\nmax_actions_per_hour = 5\n",
            "[autonomy]\nmax_actions_per_hour = 5\n",
        ),
        ('[autonomy]\nlevel = "Full"\n', '[autonomy]\nlevel = "full"\n'),
        ("[cost]\nenabled = 1\n", "[cost]\nenabled = true\n"),
        ('[cost]\nenabled = "yes"\n', "[cost]\nenabled = true\n"),
        ('[cost]\ndaily_limit_usd = "$5" # a\n', "[cost]\ndaily_limit_usd = 5 # a\n"),
        ("[cost]\nwarn_at_percent = 0.8\n", "[cost]\nwarn_at_percent = 80\n"),
        ("[cost]\nwait_seconds = 20.0\n", "[cost]\nwait_seconds = 20\n"),
        ('[cost]\non_exceeded = "cap"\n', '[cost]\non_exceeded = ["cap"]\n'),
        ('[cost]\non_exceeded = ["cap", "cap"]\n', '[cost]\non_exceeded = ["cap"]\n'),
        ('[cost]\non_exceeded = ["refuse", "cap"]\n', '[cost]\non_exceeded = ["cap"]\n'),
        ("[[autonomy]]\nlevel = 'full'\n", "[autonomy]\nlevel = 'full'\n"),
        (
            '[cost.budgets]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n',
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n',
        ),
        (
            '[[budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n',
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n',
        ),
        ("[costs]\nenabled = false\n", "[cost]\nenabled = false\n"),
        (
            "[cost.prices.gpt-4.1]\ninput = 2\noutput = 8\n",
            '[cost.prices."gpt-4.1"]\ninput = 2\noutput = 8\n',
        ),
        (
            "[cost.prices.a.b]\ninput=2\noutput = 8\n[cost.prices.a.c]\ninput = 2\noutput = 8",
            '[cost.prices."a/b"]\ninput=2\noutput = 8\n[cost.prices."a/c"]\ninput = 2\noutput = 8',
        ),
        (
            '[[cost.budgets]]\nname = "a"\nwindow = "5 hours"\nlimit_usd = 1\n',
            '[[cost.budgets]]\nname = "a"\nwindow = "5h"\nlimit_usd = 1\n',
        ),
        (
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nper = ["username"]\n',
            '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nper = ["user"]\n',
        ),
        (
            BUDGET + 'match = { user = "*" }\n',
            BUDGET + 'per = ["user"]\n',
        ),
        (
            BUDGET + 'match = { tag.team = "search" }\n',
            BUDGET + 'match = { "tag.team" = "search" }\n',
        ),
        (
            '[governance.check.severity]\nlimit-never-bind = "error"\n',
            '[governance.check.severity]\nlimit-never-binds = "error"\n',
        ),
        ("[cost]\nenabled = false # corvus: ignore[long-wait] no\n", "[cost]\nenabled = false\n"),
        ("# corvus: ignore-file[long-wait] no\n[cost]\n", "[cost]\n"),
        ("[cost]\r\n# corvus: ignore[long-wiat] no\r\n", "[cost]\r\n"),
        ("[cost]\n# ours. # corvus: ignore[long-wait] no", "[cost]\n# ours."),
    ],
)
def test_a_fix_writes_what_was_most_likely_meant(text: str, expected: str) -> None:
    assert only_fixed(text) == expected


def test_of_two_codes_in_a_comment_the_useless_one_goes() -> None:
    text = "[cost]\nwarn_at_percent = 100 # corvus: ignore[{}] paged\n"
    for codes in ("long-wait, extreme-threshold", "extreme-threshold,long-wait"):
        assert only_fixed(text.format(codes)) == text.format("extreme-threshold")


def test_what_a_runtime_refuses_is_taken_out() -> None:
    text = 'default_temperature = 0.7\nworkspace_dir = "/x" # here\n\n[cost]\nhold = "maximum"\n'
    offered = [one for one in found(text, "corvus") if one.fix]
    assert [one.code for one in offered] == ["runtime-only-key", "native-only-key"]
    assert mended(text, offered[0]) == text.replace('workspace_dir = "/x" # here\n', "")
    assert mended(text, offered[1]) == text.replace('hold = "maximum"\n', "")


@pytest.mark.parametrize(
    ("text", "is_safe"),
    [
        ("[autonomy]\nmax_cost_per_day_cents = 5\n", True),
        ("[autonomy]\nmax_cost_per_day_cents = 5\nmax_actions_per_hour = 5\n", True),
        ("[autonomy]\nmax_cost_per_day_cents = 5\nmax_actions_per_hour = 6\n", False),
        ("[cost]\nenabled = false # corvus: ignore[long-wait] no\n", True),
        ("[cost]\nenabled = false # corvus: ignore[no-such-code] no\n", True),
        ("\ufeff[cost]\n", True),
        ('[cost]\ndaily_limit_usd = "5"\n', False),
    ],
)
def test_safe_is_what_cannot_change_the_meaning_in_force(text: str, is_safe: bool) -> None:
    (diagnostic,) = proved(text)
    assert diagnostic.fix is not None
    assert diagnostic.fix.is_safe == is_safe


def test_a_fix_of_a_guess_is_not_safe() -> None:
    assert all(one.fix and not one.fix.is_safe for one in found("[cost]\ndayly_limit_usd = 5\n"))


@pytest.mark.parametrize(
    "text",
    [
        "[cost]\ndayly_limit_usd = 5\ndaily_limit_usd = 6\n",
        "[cost]\nnothing_like_it = 5\n",
        '[cost]\ndaily_limit_usd = "five"\n',
        '[cost]\ndaily_limit_usd = """\n5"""\n',
    ],
)
def test_where_an_edit_is_not_certain_there_is_none(text: str) -> None:
    assert found(text)
    assert all(one.fix is None for one in found(text))


def test_an_edit_holds_nothing_of_a_value() -> None:
    (diagnostic,) = found('[cost]\ndaily_limit_usd = "8675309"\n')
    assert diagnostic.fix is not None
    assert [edit.replacement for edit in diagnostic.fix.edits] == ["", ""]
    assert "8675309" not in diagnostic.fix.description
