"""The published schemas of ``corvus policy test`` and ``corvus policy bisect`` as JSON (SCH-1)."""

from __future__ import annotations

from corvus.answers.shape import (
    COUNT,
    PERCENT,
    Schema,
    array,
    choice,
    closed,
    document,
    exact_words,
    instant_words,
    nullable,
    words,
)

_VERSION: Schema = {"const": 1}
_FLAG: Schema = {"type": "boolean"}
_CASE = closed(
    {
        "name": words("Of the case."),
        "passed": {**_FLAG, "description": "Whether all came true."},
        "seconds": {"type": "number", "minimum": 0, "description": "How long it took."},
    }
)
_FILE = closed(
    {
        "file": words("As it was named."),
        "config": nullable(words("The config under test; null where the file was not run.")),
        "policy_hash": nullable(words("Content hash of its policy.")),
        "cases": array(_CASE, "In the order of the file."),
    }
)
_ITEM = closed(
    {
        "budget": words("Name of the budget."),
        "what": words("`limit`, or a rung of its ladder."),
        "is_touched": {**_FLAG, "description": "Whether a case brings it about."},
    }
)
_COVERAGE = closed(
    {
        "config": words("The config under test."),
        "percent": {**PERCENT, "maximum": 100, "description": "Of the items."},
        "items": array(_ITEM, "Limits, and rungs of ladders that the config states."),
    }
)
_TESTS = closed(
    {
        "version": _VERSION,
        "files": array(_FILE, "In the order of the arguments."),
        "diagnostics": array(
            {"type": "object"}, "What failed or is wrong, each as in the schema `diagnostics`."
        ),
        "coverage": array(_COVERAGE, "One for each config under test."),
        "summary": closed(
            {"cases": COUNT, "passed": COUNT, "failed": COUNT, "files_not_run": COUNT}
        ),
    }
)
_EXACT = "Exact, in the unit of `measure`: USD, tokens or calls."
_NAMES = ("user", "project", "agent")
_INCIDENT = closed(
    {
        "id": words("Its reservation, or its record."),
        "requested_at": instant_words("When it was asked for."),
        "model": words("The model that was called."),
        "session_id": words("Its session."),
        **{name: nullable({"type": "string"}) for name in _NAMES},
        "held_nano_usd": exact_words("What was held for it."),
        "cost_nano_usd": nullable(exact_words("What it cost; null is unknown.")),
    }
)
_CHANGE = closed(
    {
        "kind": choice(
            ("limit", "part", "new"), "A limit is lowered, that of one part, or a budget is new."
        ),
        "budget": words("Its name."),
        "part": nullable(words("Of a budget with `per`: that of the call.")),
        "measure": choice(("usd", "tokens", "calls")),
        "present_limit": nullable(words(f"What counts for the call now; 0 is off. {_EXACT}")),
        "limit": words(f"What to set, in whole cents where that stops the call. {_EXACT}"),
        "least_change": words(f"With any higher limit the call passes. {_EXACT}"),
        "threshold_percent": nullable(
            {**COUNT, "description": "Of the present limit, spent when the call came."}
        ),
        "also_refused": closed(
            {
                "calls": COUNT,
                "cost_nano_usd": exact_words("What those cost whose cost is known."),
                "users": array({"type": "string"}, "Whose they were."),
                "first_at": nullable(instant_words("When the first of them came.")),
            }
        ),
        "patch": nullable(words("Of the config, as `patch -p1` applies it.")),
    }
)
_BISECTION = closed(
    {
        "version": _VERSION,
        "incident": _INCIDENT,
        "already_stopped_by": array(
            {"type": "string"}, "Budgets whose present limit would have stopped it."
        ),
        "since": instant_words("From when on other calls count."),
        "changes": array(_CHANGE, "Those first that refuse the fewest other calls."),
    }
)


def policy_test_run_document() -> Schema:
    """Return the schema of ``corvus policy test --format json``."""
    return document("policy-test-run", _TESTS, title="What policy tests came to")


def policy_bisect_document() -> Schema:
    """Return the schema of ``corvus policy bisect --format json``."""
    return document("policy-bisect", _BISECTION, title="The least change that stops a call")
