"""Reads what the ledger knows of calls, in the order in which it became true.

Source of truth are the events of reservations: what was asked for and held, how it ended. Usage
that came by another way, such as imports and reports of clients, was never held; it is a call whose
estimate is its cost, over when it is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from corvus.base.time import naive_utc
from corvus.ledger.counts import column_of
from corvus.ledger.ledger import Ledger
from corvus.model.budget import Amounts, Rung
from corvus.model.columns import ESTIMATED_TOKENS
from corvus.model.decision import Denial
from corvus.model.request import ALL_RUNGS, Attributes, Request
from corvus.model.usage import TOKENS
from corvus.planning.recorded import (
    CallTurn,
    RecordedCall,
    RecordedDecision,
    RecordedEvent,
    RecordedMission,
    RecordedOverride,
    RecordedReset,
    Turn,
)

ROWS_AT_ONCE = 10_000
_LONGEST_CALL = timedelta(days=1)
"""How long after the span the ends of its calls are looked for."""

_STATED = tuple(
    column_of(name) for name in (*Attributes._fields, "parent_subagent", "session_id", "mission_id")
)
_TOKENS = f"{' + '.join(TOKENS)} + coalesce({ESTIMATED_TOKENS}, 0)"

_EVENTS = f"""
WITH used AS (
    SELECT reservation_id, settled_at, cost_nano_usd AS cost, ({_TOKENS}) AS tokens,
        coalesce(cost_nano_usd, computed_cost_nano_usd) AS counted,
        corrects_id IS NOT NULL AS is_correction,
        id NOT IN (
            SELECT corrects_id FROM usage_record WHERE calls < 0 AND corrects_id IS NOT NULL
        ) AS stands
    FROM usage_record
    WHERE calls > 0 AND reservation_id IS NOT NULL
        AND admitted_at >= $since AND admitted_at < $until
), free AS (
    SELECT DISTINCT reservation_id FROM reservation_event
    WHERE kind IN ('released', 'expired') AND recorded_at >= $since
), asked AS (
    SELECT 'call' AS what, coalesce(event.requested_at, event.recorded_at) AS instant,
        event.store_id, event.seq, 1 AS place,
        coalesce(event.reservation_id::VARCHAR, event.store_id::VARCHAR || '/' || event.seq) AS id,
        event.kind, {", ".join(f"event.{name}" for name in _STATED)},
        epoch_us(event.recorded_at) AS decided_us, event.state IS NULL AS is_added,
        coalesce(event.times, 1) AS times, event.estimate_nano_usd, event.estimate_tokens,
        event.most_nano_usd, event.asked_nano_usd, event.asked_tokens, event.asked_input_nano_usd,
        event.asked_output_rate, event.asked_output_tokens, event.asked_rungs, event.denial,
        event.governing_budget, event.governing_part, event.rungs, event.output_cap_tokens,
        event.downgraded_from, event.override_id::VARCHAR AS override_id,
        event.approval_id::VARCHAR AS approval_id, event.policy_hash,
        CASE WHEN used.reservation_id IS NULL AND free.reservation_id IS NOT NULL THEN 0
            ELSE used.cost END AS cost, used.tokens
    FROM reservation_event AS event
    LEFT JOIN used ON used.reservation_id = event.reservation_id AND used.stands
    LEFT JOIN free ON free.reservation_id = event.reservation_id
    WHERE event.kind IN ('reserved', 'denied')
        AND event.recorded_at >= $since AND event.recorded_at < $until
), decided AS (
    SELECT 'turn' AS what, event.recorded_at AS instant, event.store_id, event.seq, 2 AS place,
        coalesce(event.reservation_id::VARCHAR, event.store_id::VARCHAR || '/' || event.seq) AS id,
        'decided' AS kind
    FROM reservation_event AS event
    WHERE event.requested_at IS NOT NULL
        AND event.recorded_at >= $since AND event.recorded_at < $until
), turned AS (
    SELECT 'turn' AS what, event.recorded_at AS instant, event.store_id, event.seq, 1 AS place,
        event.reservation_id::VARCHAR AS id, event.kind,
        CASE WHEN event.kind = 'extended' THEN event.estimate_nano_usd END AS estimate_nano_usd,
        used.cost, used.tokens, coalesce(used.counted, event.cost_nano_usd) AS counted,
        used.reservation_id IS NOT NULL AS has_record
    FROM reservation_event AS event
    LEFT JOIN used
        ON used.reservation_id = event.reservation_id AND used.settled_at = event.recorded_at
        AND used.is_correction = (event.kind = 'replaced')
    WHERE event.kind NOT IN ('reserved', 'denied')
        AND event.recorded_at >= $since AND event.recorded_at < $ends
), unheld AS (
    SELECT record.*, ({_TOKENS}) AS tokens
    FROM usage_call AS record
    ANTI JOIN (
        SELECT reservation_id FROM reservation_event
        WHERE kind = 'reserved' AND recorded_at >= $since
    ) AS held ON held.reservation_id = record.reservation_id
    WHERE admitted_at >= $since AND admitted_at < $until
), recorded AS (
    SELECT 'call' AS what, admitted_at AS instant, id AS store_id, 0 AS seq, 1 AS place,
        id::VARCHAR AS id, 'recorded' AS kind, {", ".join(_STATED)},
        epoch_us(admitted_at) AS decided_us, calls AS times,
        coalesce(cost_nano_usd, computed_cost_nano_usd) AS estimate_nano_usd,
        tokens AS estimate_tokens, cost_nano_usd AS cost, tokens, policy_hash
    FROM unheld
), settled AS (
    SELECT 'turn' AS what, greatest(settled_at, admitted_at) AS instant, id AS store_id, 0 AS seq,
        2 AS place, id::VARCHAR AS id, 'committed' AS kind, cost_nano_usd AS cost, tokens,
        coalesce(cost_nano_usd, computed_cost_nano_usd) AS counted, true AS has_record
    FROM unheld
), steered AS (
    SELECT 'reset' AS what, effective_at AS instant, store_id, seq, 1 AS place, budget, budget_key,
        coalesce(epoch_us(window_start), 0) AS window_start_us, coalesce(session_id, '')
        AS session_id, coalesce(mission_id, '') AS mission_id, coalesce(project, '') AS project,
        coalesce(part, '') AS part
    FROM reset
    UNION ALL BY NAME
    SELECT 'override' AS what, recorded_at AS instant, store_id, seq, 1 AS place,
        override_id::VARCHAR AS id, session_id, epoch_us(expires_at) AS expires_us,
        json_extract_string(details, '$.project') AS project
    FROM audit_event WHERE kind = 'override_granted'
    UNION ALL BY NAME
    SELECT 'mission' AS what, recorded_at AS instant, store_id, seq, 1 AS place, event AS kind,
        session_id, mission_id, project, coalesce(limit_nano_usd, 0) AS limit_nano_usd,
        coalesce(max_steps, 0) AS max_steps, epoch_us(deadline_at) AS deadline_us, outcome,
        coalesce(is_share, false) AS is_share, parent_mission_id
    FROM mission WHERE event IN ('started', 'resumed', 'ended')
)
SELECT epoch_us(instant) AS at_us, * EXCLUDE (instant, store_id, seq, place),
    row_number() OVER (ORDER BY instant, store_id, seq, place) AS number
FROM (
    FROM asked
    UNION ALL BY NAME FROM decided
    UNION ALL BY NAME FROM turned
    UNION ALL BY NAME FROM recorded
    UNION ALL BY NAME FROM settled
    UNION ALL BY NAME (FROM steered WHERE instant >= $since AND instant < $until)
)
"""  # noqa: S608 - made of constants of this package
_CHOSEN = f"""
SELECT * FROM ({_EVENTS}) WHERE what NOT IN ('call', 'turn') OR ({{condition}}) ORDER BY number
"""  # noqa: S608 - made of constants of this package


class Span(NamedTuple):
    """A span of time, aware; half-open."""

    since: datetime
    until: datetime


def recorded_events(ledger: Ledger, span: Span) -> Iterator[RecordedEvent]:
    """Yield what became true in a span, in order; of its calls also the ends that came later.

    Nothing else may be asked of the connection until all is read.

    Args:
        ledger: Opened with the outbox.
        span: When the calls were decided.

    Raises:
        LedgerError: It cannot be read.
    """
    yield from read_events(ledger, f"{_EVENTS} ORDER BY number", _bounds(span))


def stage_events(ledger: Ledger, span: Span, columns: Iterable[str]) -> None:
    """Keep some columns of what became true in a span in the temporary table ``planned_event``.

    Raises:
        LedgerError: It cannot be read.
    """
    statement = f"CREATE OR REPLACE TEMP TABLE planned_event AS SELECT {', '.join(columns)}"
    with ledger.explaining():
        ledger.connection.execute(f"{statement} FROM ({_EVENTS})", _bounds(span))


def chosen_events(ledger: Ledger, span: Span, condition: str) -> Iterator[RecordedEvent]:
    """Yield what became true of some calls of a span, and what steered them, in order.

    Args:
        ledger: Where.
        span: As for ``recorded_events``.
        condition: Of ours; holds for the calls, and for what happened to them.

    Raises:
        LedgerError: It cannot be read.
    """
    chosen = _CHOSEN.format(condition=condition)
    return read_events(ledger, chosen, _bounds(span))


def read_events(
    ledger: Ledger, statement: str, values: Mapping[str, object] | None = None
) -> Iterator[RecordedEvent]:
    """Yield the events that a statement selects.

    Args:
        ledger: Where.
        statement: Its rows are those of ``planned_event``, in order.
        values: Its parameters.

    Raises:
        LedgerError: It cannot be read.
    """
    with ledger.explaining():
        found = ledger.connection.execute(statement, values or {})
        names = [column[0] for column in found.description]
        while rows := found.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                yield _event(dict(zip(names, row, strict=True)))


def recorded_calls(ledger: Ledger, span: Span) -> Iterator[RecordedCall]:
    """Yield the calls of a span in the order of their decisions.

    Raises:
        LedgerError: It cannot be read.
    """
    return (each for each in recorded_events(ledger, span) if isinstance(each, RecordedCall))


def _bounds(span: Span) -> dict[str, datetime]:
    return {
        "since": naive_utc(span.since),
        "until": naive_utc(span.until),
        "ends": naive_utc(span.until + _LONGEST_CALL),
    }


def _event(row: Mapping[str, Any]) -> RecordedEvent:
    match row["what"]:
        case "call":
            return _call(row)
        case "turn":
            return CallTurn(
                row["id"],
                Turn(row["kind"]),
                row["at_us"],
                row["counted"],
                row["cost"] is not None,
                row["tokens"] or 0,
                row["estimate_nano_usd"] or 0,
                bool(row["has_record"]),
            )
        case "reset":
            names = "budget budget_key window_start_us session_id mission_id project part"
            return RecordedReset(row["at_us"], *(row[name] for name in names.split()))
        case "override":
            return RecordedOverride(
                row["id"], row["at_us"], row["expires_us"], row["session_id"], row["project"]
            )
        case _:
            names = (
                "session_id mission_id project limit_nano_usd max_steps deadline_us outcome "
                "is_share parent_mission_id"
            )
            return RecordedMission(row["kind"], row["at_us"], *(row[n] for n in names.split()))


def _call(row: Mapping[str, Any]) -> RecordedCall:
    request = _request(row)
    return RecordedCall(
        row["id"],
        row["at_us"],
        row["decided_us"],
        request,
        None if row["kind"] == "recorded" or row["is_added"] else _decision(row),
        not row["is_added"],
        row["times"],
        row["cost"],
        row["tokens"] or 0,
    )


def _request(row: Mapping[str, Any]) -> Request:
    """Return a call as its caller described it."""
    estimate, tokens = row["asked_nano_usd"], row["asked_tokens"]
    if tokens is None:
        estimate, tokens = row["estimate_nano_usd"], row["estimate_tokens"]
    rungs: str | None = row["asked_rungs"]
    tags: Mapping[str, str] = row["tags"] or {}
    return Request(
        model=row["downgraded_from"] or row["requested_model"],
        estimate_nano_usd=estimate,
        session_id=row["session_id"] or row["id"],
        provider=row["provider"],
        mission_id=row["mission_id"],
        surface=row["surface"],
        project=row["project"],
        user=row["user_name"],
        agent=row["agent"],
        subagent=row["subagent"],
        token=row["token"],
        branch=row["branch"],
        tags=tuple(sorted(tags.items())),
        parent_subagent=row["parent_subagent"],
        estimate_tokens=tokens or 0,
        input_nano_usd=row["asked_input_nano_usd"],
        output_rate=row["asked_output_rate"],
        output_tokens=row["asked_output_tokens"],
        rungs=ALL_RUNGS if rungs is None else tuple(map(Rung, filter(None, rungs.split(",")))),
    )


def _decision(row: Mapping[str, Any]) -> RecordedDecision:
    return RecordedDecision(
        Denial(row["denial"]) if row["denial"] else None,
        row["governing_budget"],
        row["governing_part"] or "",
        tuple(map(Rung, row["rungs"].split(","))) if row["rungs"] else (),
        row["requested_model"],
        Amounts(row["estimate_nano_usd"] or 0, row["estimate_tokens"] or 0, 1),
        row["output_cap_tokens"],
        row["override_id"],
        row["approval_id"],
        row["policy_hash"],
    )
