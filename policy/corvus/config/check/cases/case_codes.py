"""Codes of policy tests that only a run of them can find (DIA-4)."""

from __future__ import annotations

from typing import Final

from corvus.diagnostics.codes import CodeInfo, Severity

OF_TESTS: Final = (
    CodeInfo(
        "case-failed",
        Severity.ERROR,
        "a case of a policy test that did not come true",
        "`corvus policy test` puts the calls of a case to the policy by the rules that enforce it. "
        "Something came of them that the case does not expect: either the policy does not do what "
        "its authors mean, or the case is out of date. The help says what the governor said.",
        'A case expects `decision = "refused"`, and the limit was raised so that the call fits.',
        "The case expects what the policy does.",
        "Mend the limit, or change the expectation together with it in one commit.",
        bad_is_text=False,
    ),
    CodeInfo(
        "unknown-budget",
        Severity.ERROR,
        "a budget in a policy test that the policy does not have",
        "A sum of a budget that does not exist would change nothing, and a case that expects one "
        "to refuse could never come true. Names are those of the config under test: session, day "
        "and month are the limits of [cost], mission is that of [mission].",
        "A case says `given = { spent = { serach-day = 19 } }`, and the budget is search-day.",
        "It says `given = { spent = { search-day = 19 } }`.",
        "Take the suggested name, or name the config that is meant: `config` at the top of the "
        "file, or --config.",
        bad_is_text=False,
    ),
    CodeInfo(
        "untested-limit",
        Severity.WARNING,
        "a limit or a rung of a policy that no case comes to",
        "Whether a budget does what its authors mean shows where a call would pass its limit: "
        "which budget refuses, for whom, and what is tried before. `corvus policy test --coverage` "
        "lists the budgets and the rungs of their ladders that no case brings about.",
        "A config has a budget opus-week, and no case has a call that is more than it has left.",
        "A case has such a call, with `given = { spent = { opus-week = 199.9 } }`.",
        "Write a case whose call is more than the budget has left; --fail-under says how much may "
        "be left out.",
        bad_is_text=False,
    ),
)
"""Found by ``corvus policy test``; the file that a finding is about may be the config."""
