"""One call as a context: admitted on entry, settled on every way out (RES-5).

It serves ``with`` and ``async with`` alike. An exception, Ctrl-C, the cancellation of a task and
the closing of a generator all end here; what was used by then is committed, and where nothing was,
the hold is released. While the block runs, its hold renews itself (RES-7). What the block raised is
never masked (RES-9).
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from threading import Lock
from types import TracebackType
from typing import Any, Self, Unpack

from corvus.answers.denial import denial_error
from corvus.base.errors import IdempotencyConflict, ReservationError, SettlementPending
from corvus.governor import calls
from corvus.governor.engine import Engine, Operation
from corvus.governor.options import CallReport, refuse_unknown
from corvus.metering.changes import changed
from corvus.model.decision import Decision
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, Settled
from corvus.model.usage import Usage

_log = logging.getLogger("corvus.governor")


class Call:
    """A governed call. Made by ``Governor.call``, ``Session.call`` or ``Mission.call``.

    Attributes:
        request: The call, as it was described.
        settled: What became of it; ``None`` until the context is left, and while governance is
            disabled.
    """

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self.request = request
        self.settled: Settled | None = None
        self._decision: Decision | None = None
        self._reservation: Reservation | None = None
        self._usage: Usage | None = None
        self._report: CallReport = {}
        self._has_flowed = False
        self._entry = Lock()

    @property
    def decision(self) -> Decision:
        """The decision that admitted the call.

        Raises:
            ReservationError: The context was not entered: nothing has been decided.
        """
        if self._decision is None:
            raise ReservationError(
                "a call is decided on entry: use `with governor.call(...) as call:` first"
            )
        return self._decision

    @property
    def model(self) -> str:
        """The model to call: the one that was named, or a cheaper one in its place (EVA-14)."""
        return self.decision.model or self.request.model

    @property
    def output_cap_tokens(self) -> int | None:
        """The maximum of output to state in place of a larger one; ``None`` for the call's own."""
        return self.decision.output_cap_tokens

    def apply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of an SDK for this call, as it was admitted (EVA-14).

        Args:
            request: For chat completions, responses, messages or ``generateContent``; it stays as
                it is.

        Raises:
            ReservationError: The context was not entered: nothing has been decided.
            ValueError: The request has a budget for thinking that leaves too little for an answer.
        """
        return changed(request, model=self.model, cap_tokens=self.output_cap_tokens)

    @property
    def reservation(self) -> Reservation | None:
        """The hold of the call as it is now; ``None`` while governance is disabled."""
        return self._reservation or self.decision.reservation

    def used(self, usage: Usage | None = None, **report: Unpack[CallReport]) -> None:
        """Say what the call has used so far; the last word counts.

        Args:
            usage: As the provider reports it; ``None`` when it reports none.
            **report: See ``CallReport``.
        """
        refuse_unknown(report, CallReport)
        self._has_flowed = True
        self._usage = usage if usage is not None else self._usage
        self._report.update(report)

    def started(self) -> None:
        """Say that tokens have begun to flow: from now on the call costs, however it ends."""
        self._has_flowed = True

    def extend(
        self, ttl_seconds: int | None = None, hold_usd: Decimal | int | None = None
    ) -> Decision:
        """Let the call live longer, or hold more for it (RES-7).

        A call renews itself while its block runs; this is for one that is known to take longer than
        its estimate says, or to cost more.

        Args:
            ttl_seconds: Life from now on, 1..=86400.
            hold_usd: The new amount to hold, at least the present one.

        Returns:
            Where the budgets stand now; the call goes on also where one is passed (EVA-9).

        Raises:
            ReservationSettled: It is no longer held.
            ValueError: An argument is out of range.
        """
        if self.reservation is None:
            return self.decision
        extension = calls.extend(self._engine, self.reservation, ttl_seconds, hold_usd)
        return self._extended(self._engine.run(extension))

    async def aextend(
        self, ttl_seconds: int | None = None, hold_usd: Decimal | int | None = None
    ) -> Decision:
        """Do what ``extend`` does, without keeping the event loop waiting."""
        if self.reservation is None:
            return self.decision
        extension = calls.extend(self._engine, self.reservation, ttl_seconds, hold_usd)
        return self._extended(await self._engine.arun(extension))

    def _extended(self, decision: Decision) -> Decision:
        self._reservation = decision.reservation
        return decision

    def __enter__(self) -> Self:
        with self._entering():
            reservation_id = self._engine.new_id()
            try:
                admission = calls.reserve(self._engine, self.request, reservation_id)
                self._admit(self._engine.run(admission))
            except (KeyboardInterrupt, GeneratorExit):
                self._engine.run(calls.forget(self._engine, reservation_id))
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        held = self._leave()
        if held is None:
            return
        with leaving(error):
            self.settled = self._engine.run(self._settlement(held, error))

    async def __aenter__(self) -> Self:
        with self._entering():
            reservation_id = self._engine.new_id()
            admission = calls.reserve(self._engine, self.request, reservation_id)
            self._admit(await self._engine.arun(admission))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        held = self._leave()
        if held is None:
            return
        with leaving(error):
            self.settled = await self._engine.arun(self._settlement(held, error))

    @contextmanager
    def _entering(self) -> Generator[None]:
        """Let one entry through; one that was refused may be tried again.

        Raises:
            ReservationError: The call was entered before. It has one hold, and what a second entry
                used would be taken for what the first one did.
        """
        if not self._entry.acquire(blocking=False):
            raise ReservationError(
                "a call is entered once: make another one with `governor.call(...)`"
            )
        try:
            yield
        except BaseException:
            self._entry.release()
            raise

    def _admit(self, decision: Decision) -> None:
        if not decision.allowed:
            raise denial_error(decision, self.request.model)
        held = decision.reservation
        if held is not None:
            life = held.expires_at - held.admitted_at
            if not self._engine.heartbeat.start(held.id, life.total_seconds()):
                raise IdempotencyConflict(
                    f"a call of the idempotency key {self.request.idempotency_key!r} is running "
                    "in this process, and its hold is for one call: repeat it when that has "
                    "ended, or choose a new key"
                )
        self._decision = decision

    @property
    def _may_be_shared(self) -> bool:
        """Whether another process may run a call under the same hold (RES-2)."""
        return self.request.idempotency_key is not None and "settlement_key" not in self._report

    def _leave(self) -> Reservation | None:
        """Stop renewing the hold, and return it."""
        held = self.reservation
        if held is not None:
            self._engine.heartbeat.stop(held.id)
        return held

    def _settlement(self, held: Reservation, error: BaseException | None) -> Operation[Settled]:
        """Return what settles the call: a commit if it ended well, or tokens had flowed."""
        if error is not None and not self._has_flowed:
            return calls.release(self._engine, held)
        report = self._report
        if error is not None and "outcome" not in report:
            outcome = Outcome.CANCELLED if _is_cancel(error) else Outcome.FAILED
            report: CallReport = {**report, "outcome": outcome}
        commit = calls.add if self._may_be_shared else calls.commit
        return commit(self._engine, held, self._usage, report)


def _is_cancel(error: BaseException) -> bool:
    """Return whether a call was broken off rather than failed."""
    from asyncio import CancelledError

    return isinstance(error, KeyboardInterrupt | GeneratorExit | CancelledError)


@contextmanager
def leaving(error: BaseException | None) -> Generator[None]:
    """Record the end of a block, without masking what the block raised (RES-9).

    A fault while recording is added as a note to what the block raised. Where the block ended well,
    what is kept and written later is only logged, and any other fault is raised.

    Args:
        error: What the block raised.

    Raises:
        PolicyError: The end could not be recorded, and the block raised nothing.
    """
    try:
        yield
    except Exception as fault:
        if error is not None:
            error.add_note(f"corvus: {fault}")
        elif isinstance(fault, SettlementPending):
            _log.warning("%s", fault)
        else:
            raise
