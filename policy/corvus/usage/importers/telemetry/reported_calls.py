"""Calls in the telemetry that Claude Code and Codex send while they work (PRX-9).

The names are those that imports of telemetry know (``log_events``). A record that is sent is a
claim of a stranger: what is missing, doubled, no count or of no believable time is no call. Of
other programs nothing is read: their calls could not be known again if they pass the proxy, too.

Claude Code does not say how long its cache writes last: they are counted as the shorter ones, and
the cost is a lower bound. Codex writes counts as text, and ``event.kind`` says which of its events
ends a response; on a websocket the same event does, as it stands for the response and not for what
carries it (openai/codex, ``codex-rs/otel``, read on 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from corvus.base.time import instant_at
from corvus.model.reported import ReportedCall
from corvus.model.usage import Usage
from corvus.usage.importers.importer import BadRecord, Object, text_at
from corvus.usage.importers.reading.unread import unread_counts, whole
from corvus.usage.importers.seller import seller_of
from corvus.usage.importers.telemetry.log_events import Program, identity, program_of
from corvus.usage.importers.telemetry.shapes import Signal

OLDEST = timedelta(days=400)
"""How far back a record may lie; what is older belongs to no budget that is shown."""
NEWEST = timedelta(days=1)
"""How far ahead the clock of a client may be; such a record is taken for one of now."""

_CHARACTERS_MAX = 200
_TOKENS_MAX = 100_000_000
"""Tokens of one call beyond which a record is no call; the largest context is a fiftieth of it."""
_CLIENT_COST_MAX = 1_000_000
_COMPLETED = "response.completed"
_STARTED_SECONDS = 20


@dataclass(frozen=True, slots=True)
class _Client:
    """What a report of a client must have.

    Attributes:
        counts: Names of the counts without which it is none: of input, and of output.
        writes: Names of cache writes of which it does not say how long they last.
        session: Name of the session.
        kind: The ``event.kind`` that ends a response; empty where each event is one.
    """

    counts: tuple[tuple[str, ...], ...]
    session: str
    writes: tuple[str, ...] = ()
    kind: str = ""


_CLIENTS = {
    "claude-code": _Client(
        (("input_tokens",), ("output_tokens",)),
        "session.id",
        ("cache_creation_tokens", "cache_creation_input_tokens"),
    ),
    "codex": _Client(
        (("input_token_count",), ("output_token_count",)), "conversation.id", kind=_COMPLETED
    ),
}


def reported_call(signal: Signal, now: datetime) -> ReportedCall | None:
    """Return the call that a log record reports, if it is such a report.

    Args:
        signal: The record.
        now: The present instant, aware.

    Raises:
        BadRecord: It is one and cannot be believed.
    """
    program = program_of(signal)
    client = _CLIENTS.get(program.client) if program is not None else None
    if program is None or client is None or not _ends_a_call(signal, client):
        return None
    attributes = signal.attributes
    _refuse_doubled(signal, program)
    used = _usage(attributes, program, client)
    session = _short(attributes, client.session)
    model = _short(attributes, "model", "slug")
    if session is None or model is None:
        raise BadRecord("it names no session, or no model")
    request_id = _short(attributes, "request_id")
    return ReportedCall(
        client=program.client,
        identity=_identity(signal, used, request_id),
        session_id=session,
        at=_time(signal, now),
        model=model,
        usage=used,
        provider=seller_of(model) or program.provider,
        service_tier="fast" if text_at(attributes, "speed") == "fast" else None,
        request_id=request_id,
        client_cost_usd=_client_cost(attributes),
        is_at_least=_is_at_least(attributes, program, client),
    )


def _ends_a_call(signal: Signal, client: _Client) -> bool:
    if client.kind:
        return text_at(signal.attributes, "event.kind") == client.kind
    return signal.name.endswith("api_request")


def _refuse_doubled(signal: Signal, program: Program) -> None:
    read = {*program.names, "session.id", "conversation.id", "model", "request_id", "speed"}
    for name in sorted(signal.doubled & {*read, "event.name", "event.kind", "event.timestamp"}):
        raise BadRecord(f"{name} is there twice, with other values")


def _usage(attributes: Object, program: Program, client: _Client) -> Usage:
    for alike in client.counts:
        if all(attributes.get(name) in (None, "") for name in alike):
            raise BadRecord(f"it has no {alike[0]}")
    counts: dict[str, int] = {}
    for name, count in program.counts(attributes).disjoint().items():
        assert isinstance(count, int), "counts are whole numbers"
        counts[name] = count
    used = Usage(**counts)
    if used.total_tokens > _TOKENS_MAX:
        raise BadRecord(f"no call has {used.total_tokens:,} tokens")
    return used


def _identity(signal: Signal, used: Usage, request_id: str | None) -> str:
    """Return what tells a call from the others of its session."""
    known = identity(signal) or ""
    if request_id is not None:
        return known
    at = text_at(signal.attributes, "event.timestamp") or signal.started or ""
    read = used.context_tokens
    return f"{known}:{at}:{read}:{used.total_tokens - read}"


def _short(attributes: Object, *names: str) -> str | None:
    text = text_at(attributes, *names)
    if text is not None and not (text.isprintable() and len(text) <= _CHARACTERS_MAX):
        raise BadRecord(f"{names[0]} is no text of 1 to {_CHARACTERS_MAX} characters")
    return text


def _client_cost(attributes: Object) -> Decimal | None:
    """Return what the client reckons; its whole millionths come first, and 0 is no cost."""
    for cost in _client_costs(attributes):
        if cost.is_finite() and 0 < cost <= _CLIENT_COST_MAX:
            return cost.quantize(Decimal("1e-9")).normalize()
    return None


def _client_costs(attributes: Object) -> Iterator[Decimal]:
    if micros := whole(attributes.get("cost_usd_micros")):
        yield Decimal(micros).scaleb(-6)
    try:
        yield Decimal(text_at(attributes, "cost_usd") or "0")
    except InvalidOperation:
        return


def _is_at_least(attributes: Object, program: Program, client: _Client) -> bool:
    writes = any(whole(attributes.get(name)) for name in client.writes)
    return writes or bool(unread_counts(attributes, program.names, ""))


def _time(signal: Signal, now: datetime) -> datetime:
    """Return when a call was over: the time of the event, not of the record."""
    text = text_at(signal.attributes, "event.timestamp") or signal.started
    at = _instant(text) if text is not None and len(text) <= _CHARACTERS_MAX else None
    if at is None:
        raise BadRecord("it has no time")
    if not now - OLDEST <= at <= now + NEWEST:
        raise BadRecord(f"its time is not within {OLDEST.days} days before now")
    return min(at, now)


def _instant(text: str) -> datetime | None:
    """Read ISO 8601, or seconds since 1970."""
    try:
        if text.replace(".", "", 1).isdecimal() and len(text) <= _STARTED_SECONDS:
            return instant_at(int(Decimal(text).scaleb(6)))
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, InvalidOperation, OSError):
        return None
