"""Takes what Claude Code and Codex report of their own calls, for the ledger (PRX-9).

``POST /v1/logs`` is read; ``/v1/metrics`` and ``/v1/traces`` say the same again and are dropped. A
delivery is answered once its calls are durable in the store, or needed no record. Whose calls they
are says the token, with the headers of ours, as for calls through the proxy. Deliveries are read on
threads, few at a time, so that no delivery holds up a proxied call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from corvus.base.errors import PolicyError
from corvus.base.time import Clock
from corvus.gateway.asgi import Receive, Scope, Send, raw_headers, send_whole
from corvus.gateway.guards import TOKEN
from corvus.gateway.proxy.callers import caller_of
from corvus.gateway.refusal import CallRefused
from corvus.gateway.telemetry.answers import Answer, refused, taken
from corvus.gateway.telemetry.late import LookAtLedger, without_known
from corvus.gateway.telemetry.payload import (
    ATTRIBUTES_MAX,
    RECORDS_MAX,
    Form,
    LogRecord,
    PayloadMalformed,
    SignalKind,
    check,
    log_records,
)
from corvus.gateway.telemetry.routes import kind_of
from corvus.governor.governor import Governor
from corvus.model.reported import ReportedCall, Reporter, ReportSummary
from corvus.model.token import Token
from corvus.usage.importers.importer import BadRecord
from corvus.usage.importers.telemetry.reported_calls import reported_call
from corvus.usage.importers.telemetry.shapes import resource_of, signal_of

_AT_ONCE = 2
_BUSY_SECONDS = 5
_FORMS = {
    "application/json": Form.JSON,
    "application/x-protobuf": Form.PROTOBUF,
    "application/protobuf": Form.PROTOBUF,
}
_log = logging.getLogger("corvus.gateway")


class Delivery(NamedTuple):
    """What stood in a delivery of logs.

    Attributes:
        calls: The calls that it reports.
        others: Records that report no call.
        rejected: Reasons of those that were rejected.
    """

    calls: Sequence[ReportedCall] = ()
    others: int = 0
    rejected: Sequence[str] = ()


class Receiver:
    """The receiver as an ASGI app, behind the guards.

    Args:
        governing: Returns the governor in force.
        look: Reads the ledger.
        clock: Says what time it is.

    Attributes:
        on_delivery: Hears of each delivery of logs what stood in it and what became of its calls.
    """

    def __init__(self, governing: Callable[[], Governor], look: LookAtLedger, clock: Clock) -> None:
        self._governing = governing
        self._look = look
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.on_delivery: Callable[[Delivery, ReportSummary], None] = lambda _, __: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        answer = await self._answered(scope, await _body(receive))
        headers = {"content-type": answer.form.value, "content-length": str(len(answer.body))}
        if answer.retry_after_seconds is not None:
            headers["retry-after"] = str(answer.retry_after_seconds)
        await send_whole(send, answer.status, raw_headers(headers), answer.body)

    async def _answered(self, scope: Scope, body: bytes) -> Answer:
        form = _form_of(scope)
        if form is None:
            why = f"send Content-Type: {Form.JSON.value} or {Form.PROTOBUF.value}"
            return refused(Form.JSON, 415, why)
        kind = kind_of(scope["path"])
        assert kind is not None, "the guards let through what has a kind"
        try:
            reporter = _reporter(scope)
            async with self._places:
                return await asyncio.to_thread(self._taken, body, (form, kind), reporter)
        except (PayloadMalformed, CallRefused, PolicyError) as fault:
            return _refusal(form, fault)

    def _taken(self, body: bytes, of: tuple[Form, SignalKind], reporter: Reporter) -> Answer:
        form, kind = of
        if kind is not SignalKind.LOGS:
            check(body, form, kind)
            return taken(form)
        delivery = read_delivery(log_records(body, form), self._clock.now())
        done = self._recorded(delivery.calls, reporter) if delivery.calls else ReportSummary()
        self.on_delivery(delivery, done)
        reasons = delivery.rejected
        return taken(form, len(reasons), reasons[0] if reasons else "")

    def _recorded(self, calls: Sequence[ReportedCall], reporter: Reporter) -> ReportSummary:
        governor = self._governing()
        left, late = without_known(governor, self._look, calls, reporter, self._clock.now())
        done = governor.record_reports(left, reporter) if left else ReportSummary()
        return ReportSummary(*map(sum, zip(done, late, strict=True)))


def _refusal(form: Form, fault: PayloadMalformed | CallRefused | PolicyError) -> Answer:
    """Return the answer to a delivery that was not taken; what is not its fault may come again."""
    if isinstance(fault, PayloadMalformed):
        return refused(form, 400, str(fault))
    if isinstance(fault, CallRefused):
        return refused(form, fault.refusal.status, fault.refusal.message)
    _log.error("reported calls were not recorded: %s", fault)
    return refused(form, 503, "the calls cannot be recorded now", _BUSY_SECONDS)


def read_delivery(records: Sequence[LogRecord], now: datetime) -> Delivery:
    """Return what stands in a delivery of logs.

    Args:
        records: Its records.
        now: The present instant, aware.
    """
    calls: list[ReportedCall] = []
    rejected = [f"a delivery has {RECORDS_MAX:,} records at most"] * (len(records) - RECORDS_MAX)
    others = 0
    for batch, record in records[:RECORDS_MAX]:
        try:
            attributes = record.get("attributes")
            if isinstance(attributes, list) and len(attributes) > ATTRIBUTES_MAX:  # pyright: ignore[reportUnknownArgumentType]
                raise BadRecord(f"a record has {ATTRIBUTES_MAX} attributes at most")
            call = reported_call(signal_of(record, resource_of(batch)), now)
        except BadRecord as fault:
            rejected.append(str(fault))
        except RecursionError:
            rejected.append("its attributes nest too deeply")
        else:
            others += call is None
            if call is not None:
                calls.append(call)
    return Delivery(calls, others, rejected)


def _form_of(scope: Scope) -> Form | None:
    types = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
    if len(types) != 1:
        return None
    return _FORMS.get(types[0].decode("latin-1").partition(";")[0].strip().lower())


def _reporter(scope: Scope) -> Reporter:
    """Return whose calls a delivery reports.

    Raises:
        CallRefused: A header of ours is no short text, or contradicts the token.
    """
    token: Token = scope[TOKEN]
    caller = caller_of(scope)
    assert caller.user is not None, "who spends by a token is known"
    return Reporter(
        principal=token.id,
        token=token.name,
        user=caller.user,
        project=caller.project,
        agent=caller.agent,
        session_id=caller.session_id,
        mission_id=caller.mission_id,
        tags=caller.tags,
    )


async def _body(receive: Receive) -> bytes:
    message = await receive()
    return message.get("body", b"")
