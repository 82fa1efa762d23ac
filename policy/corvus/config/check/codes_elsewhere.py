"""Codes that ``corvus check`` never finds: other commands do (DIA-4)."""

from __future__ import annotations

from typing import Final

from corvus.diagnostics.codes import CodeInfo, Severity

OF_DOCUMENTS: Final = (
    CodeInfo(
        "not-json",
        Severity.ERROR,
        "a document that is not JSON",
        "Documents are read strictly: a name that stands twice in one object, NaN, or a number "
        "that no double holds would be understood in different ways by different readers. An "
        "empty file holds no document: what should have written it has failed.",
        '`corvus schema check usage-record` reads {"model": "a", "model": "b"}.',
        "It reads what `corvus usage export --format jsonl` writes.",
        "Mend the program that writes the document; the position is that of the first fault.",
        bad_is_text=False,
    ),
    CodeInfo(
        "schema-mismatch",
        Severity.ERROR,
        "a document that is not as its schema says",
        "A member is missing, is not known, or has another type or form than the published schema "
        "gives it. The finding names it as a JSON Pointer; values are never repeated, because they "
        "may be secrets.",
        '`corvus schema check audit-event` reads {"position": "1"}: a text where a number belongs.',
        "It reads what `corvus cost audit --format jsonl` writes.",
        "Mend the program that writes the document. `corvus schema show NAME` prints the schema.",
        bad_is_text=False,
    ),
)
"""Found by ``corvus schema check`` in documents that other programs wrote (SCH-4)."""

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
