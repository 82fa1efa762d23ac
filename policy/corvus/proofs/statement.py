"""Makes a statement about a period: what was used of each budget, and what let more pass.

It says what the ledger has, after ledger, store and audit were held against each other. What it
does not prove stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from corvus.base.errors import ProofRefused
from corvus.base.time import naive_utc
from corvus.model.budget import Budget, Measure
from corvus.model.columns import ESTIMATED_TOKENS
from corvus.model.usage import TOKENS
from corvus.proofs.judging import unexplained
from corvus.reporting.catalog import load_catalog
from corvus.reporting.in_force import WINDOWS_MAX, show_budgets
from corvus.reporting.run import run_report
from corvus.version import __version__

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from corvus.bookkeeping import Verification
    from corvus.runtime import Runtime

SCHEMA: Final = "corvus.proof/1"
_PARTS_MAX: Final = 100_000
_PAGE: Final = 10_000
_EVER: Final = "1970-01-01T00:00:00+00:00"
LIMITS_OF_PROOF: Final = (
    "It does not show that every call of the period was recorded: what passed by no meter of "
    "corvus is not in it.",
    "It is about the limits that it names, which are those of the config it was made with; what "
    "other policies allowed then is not judged.",
    "Budgets per session and per mission, and budgets that only warn, are not in it.",
    "It shows who signed, not that the signer is honest: whoever has the key and the files can "
    "make another.",
)
"""What a statement says of itself."""

_TOKENS = f"({' + '.join(TOKENS)} + coalesce({ESTIMATED_TOKENS}, 0))"
_EXCEPTIONS = f"""
WITH admitted AS (
    SELECT
        reservation_id,
        max(estimate_nano_usd) AS held,
        max(estimate_tokens) AS held_tokens,
        bool_or(override_id IS NOT NULL) AS is_lifted,
        bool_or(list_contains(string_split(rungs, ','), 'ask')) AS is_approved
    FROM reservation_event
    WHERE kind IN ('reserved', 'extended') AND reservation_id IS NOT NULL
    GROUP BY reservation_id
),
used AS (
    SELECT
        call.reservation_id,
        call.admitted_at,
        call.provider,
        call.requested_model AS model,
        coalesce(call.cost_nano_usd, 0) AS cost,
        {_TOKENS} AS tokens,
        coalesce(admitted.held, 0) AS held,
        coalesce(admitted.held_tokens, 0) AS held_tokens,
        CASE
            WHEN admitted.reservation_id IS NULL THEN 'not_admitted'
            WHEN admitted.is_lifted THEN 'override'
            WHEN admitted.is_approved THEN 'approval'
            ELSE 'overrun'
        END AS kind
    FROM usage_call AS call
    LEFT JOIN admitted ON admitted.reservation_id = call.reservation_id
    WHERE admitted_at >= $since AND admitted_at < $until
)
SELECT kind, reservation_id::VARCHAR, admitted_at, admitted_at, provider, model,
    CASE kind WHEN 'overrun' THEN greatest(0, cost - held) ELSE cost END::BIGINT,
    CASE kind WHEN 'overrun' THEN greatest(0, tokens - held_tokens) ELSE tokens END::BIGINT,
    (kind <> 'overrun')::BIGINT
FROM used WHERE kind <> 'not_admitted' AND (
    kind <> 'overrun' OR cost > held OR ($counts_tokens AND tokens > held_tokens)
)
UNION ALL
SELECT kind, NULL, min(admitted_at), max(admitted_at), provider, model,
    sum(cost)::BIGINT, sum(tokens)::BIGINT, count(*)
FROM used WHERE kind = 'not_admitted'
GROUP BY kind, provider, model, date_trunc('hour', admitted_at)
ORDER BY 3, 1, 2, 5, 6
"""  # noqa: S608 - made of constants
_RECORDS = f"""
SELECT id::VARCHAR, corrects_id::VARCHAR, calls, admitted_at, reservation_id::VARCHAR, provider,
    requested_model, cost_nano_usd, {_TOKENS}, source, policy_hash
FROM usage_record WHERE admitted_at >= $since AND admitted_at < $until
ORDER BY admitted_at, id, calls
"""  # noqa: S608 - made of constants
_POLICIES = """
SELECT policy_hash, sum(calls)::BIGINT, min(admitted_at), max(admitted_at) FROM usage_record
WHERE admitted_at >= $since AND admitted_at < $until GROUP BY policy_hash
HAVING sum(calls) > 0 ORDER BY min(admitted_at), policy_hash
"""
_PASSED = """
SELECT recorded_at, budget, part, measure, limit_amount, spent FROM budget_event
WHERE kind = 'limit_passed' AND recorded_at >= $since AND recorded_at < $until
ORDER BY recorded_at, budget, part
"""


def make_statement(
    runtime: Runtime, name: str, starts: datetime, ends: datetime
) -> dict[str, object]:
    """Return a statement about a period that is over.

    Raises:
        ProofRefused: The period is not over, a call of it is still under way, or ledger, store and
            audit contradict each other.
        LedgerError: The ledger cannot be read.
        StoreError: The store cannot be read.
    """
    found = _sound(runtime, name, ends)
    books = runtime.bookkeeping
    budgets = [
        budget
        for budget in runtime.policy.budgets
        if budget.enforce == "block" and (budget.limit or budget.limits)
    ]
    with books.ledger() as ledger:
        connection = ledger.connection
        windows = [*_windows(connection, budgets, (starts, ends))]
        firsts = [str(each["starts_at"] or _EVER) for each in windows]
        since = min(starts, datetime.fromisoformat(min(firsts, default=_text(starts))))
        statement: dict[str, object] = {
            "schema": SCHEMA,
            "corvus": __version__,
            "issued_at": _text(runtime.clock.now()),
            "period": {"name": name, "starts_at": _text(starts), "ends_at": _text(ends)},
            "policy_hash": runtime.policy.content_hash,
            "policies": _policies(connection, starts, ends),
            "audit": {"position": found.audit_position, "head": found.audit_head},
            "store_id": books.store_id(),
            "records": _records(connection, starts, ends),
            "windows": windows,
            "exceptions": _exceptions(connection, (since, ends), budgets),
            "limits_passed": _passed(connection, starts, ends),
            "does_not_prove": [*LIMITS_OF_PROOF],
        }
    return statement | {"holds": not unexplained(statement)}


def _sound(runtime: Runtime, name: str, ends: datetime) -> Verification:
    """Return what a verification found, of a period that can be signed.

    Raises:
        ProofRefused: It cannot.
    """
    if runtime.clock.now() < ends:
        raise ProofRefused(f"the period {name} is not over: it ends at {_text(ends)}")
    books = runtime.bookkeeping
    if books.is_untouched():
        raise ProofRefused(f"nothing was ever recorded in {runtime.ledger_path}")
    found = books.verify()
    if not found.is_sound:
        raise ProofRefused("ledger, store and audit contradict each other: `corvus ledger verify`")
    holds = books.health().store.holds
    if holds.oldest_at is not None and holds.oldest_at < ends:
        raise ProofRefused("a call of the period is still under way: wait until it is settled")
    return found


def _windows(
    connection: DuckDBPyConnection, budgets: list[Budget], span: tuple[datetime, datetime]
) -> Iterator[dict[str, object]]:
    """Yield every window that overlaps the period, as it was at its end."""
    starts, ends = span
    last = ends - timedelta(microseconds=1)
    show_budgets(connection, budgets, last, since=starts)
    given = {
        "as_of": last,
        "since": starts,
        "until": ends,
        "windows": WINDOWS_MAX,
        "parts": _PARTS_MAX,
    }
    table = run_report(connection, load_catalog().find("budgets/status-over-time"), given, now=last)
    names = [column.name for column in table.columns]
    for row in table.rows:
        one: dict[str, Any] = dict(zip(names, row, strict=True))
        yield {
            "budget": one["budget"],
            "part": one["part"],
            "period": one["period"],
            "starts_at": _naive(one["window_start"]),
            "ends_at": _naive(one["window_end"]),
            "measure": one["measure"],
            "limit": one["limit_amount"],
            "used": one["used_amount"],
            "calls": one["calls"],
            "unpriced_calls": one["unpriced_calls"],
            "refused_calls": one["denied_calls"],
            "resets": one["resets"],
        }


def _policies(
    connection: DuckDBPyConnection, starts: datetime, ends: datetime
) -> list[dict[str, object]]:
    rows = connection.execute(_POLICIES, _span(starts, ends)).fetchall()
    return [
        {"policy_hash": each, "calls": calls, "first_at": _naive(first), "last_at": _naive(last)}
        for each, calls, first, last in rows
    ]


def _records(connection: DuckDBPyConnection, starts: datetime, ends: datetime) -> dict[str, object]:
    """Return how many records of usage there are, and a hash over all of them in order."""
    digest, count = sha256(), 0
    result = connection.execute(_RECORDS, _span(starts, ends))
    while rows := result.fetchmany(_PAGE):
        count += len(rows)
        for row in rows:
            digest.update(repr(tuple(map(str, row))).encode())
    return {"count": count, "sha256": digest.hexdigest()}


def _exceptions(
    connection: DuckDBPyConnection, span: tuple[datetime, datetime], budgets: list[Budget]
) -> list[dict[str, object]]:
    """Return what let a budget use more than its limit: each call, of others each hour."""
    counts_tokens = any(budget.measure is Measure.TOKENS for budget in budgets)
    given = {**_span(*span), "counts_tokens": counts_tokens}
    rows = connection.execute(_EXCEPTIONS, given).fetchall()
    return [
        {
            "kind": kind,
            "reservation_id": reservation,
            "first_at": _naive(first),
            "last_at": _naive(last),
            "provider": provider,
            "model": model,
            "usd": cost,
            "tokens": tokens,
            "calls": calls,
        }
        for kind, reservation, first, last, provider, model, cost, tokens, calls in rows
    ]


def _passed(
    connection: DuckDBPyConnection, starts: datetime, ends: datetime
) -> list[dict[str, object]]:
    """Return what was reported of costs that brought any budget over its limit."""
    rows = connection.execute(_PASSED, _span(starts, ends)).fetchall()
    return [
        {
            "at": _naive(at),
            "budget": budget,
            "part": part or None,
            "measure": measure,
            "limit": limit,
            "spent": spent,
        }
        for at, budget, part, measure, limit, spent in rows
    ]


def _span(since: datetime, until: datetime) -> Mapping[str, object]:
    return {"since": naive_utc(since), "until": naive_utc(until)}


def _naive(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="microseconds") + "+00:00"


def _text(instant: datetime) -> str:
    return _naive(naive_utc(instant)) or ""
