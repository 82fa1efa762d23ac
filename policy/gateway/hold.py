"""The hold of one proxied call: kept alive while the call runs, settled once (RES-5, RES-7).

Settling goes on when the client is gone and when the store is busy; whoever serves waits for it
before the end. A store that does not answer for a minute leaves the hold to its deadline, and then
it is presumed to be spent (RES-6): nothing is lost, and nothing is free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from policy.errors import PolicyError, StoreError
from policy.governor.governor import Governor
from policy.governor.pricing import Report
from policy.metering.usage import MeteredUsage
from policy.model.reservation import Reservation
from policy.money import divide_up, usd
from policy.prices.names import VARIANTS

_RETRY_SECONDS = (0.05, 0.2, 1.0, 4.0, 15.0, 40.0)
_BEATS_PER_LIFE = 3

_log = logging.getLogger("corvus.gateway")


class Hold:
    """The hold of a call that was admitted.

    Args:
        governor: The one that admitted it.
        reservation: ``None`` while governance is disabled: then there is nothing to settle.
        pending: Gets what must be waited for before the store is closed.
    """

    def __init__(
        self,
        governor: Governor,
        reservation: Reservation | None,
        pending: set[asyncio.Task[None]],
    ) -> None:
        self._governor = governor
        self._reservation = reservation
        self._pending = pending
        self._settling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held_nano_usd = reservation.hold_nano_usd if reservation is not None else 0
        self._ttl_seconds = governor.policy.reservation_ttl_seconds
        if reservation is not None:
            self._wait_for_beat()

    @property
    def is_settled(self) -> bool:
        """Whether it is settled, or about to be."""
        return self._settling is not None

    def commit(self, metered: MeteredUsage | None, report: Report) -> None:
        """Have it recorded what the call used; the first word counts.

        Args:
            metered: ``None`` takes what is held, marked as estimated.
            report: What else is known.
        """
        held = self._reservation
        if held is None or self.is_settled:
            return
        told: Report = {**report, "settlement_key": held.id}
        if metered is None:
            self._settle(lambda: self._governor.acommit(held, None, **told))
            return
        told["parts"] = metered.parts
        told["is_estimated"] = metered.is_estimated
        told["answering_model"] = metered.model
        told["service_tier"] = metered.service_tier if metered.service_tier in VARIANTS else None
        self._settle(lambda: self._governor.acommit(held, metered.total, **told))

    def release(self) -> None:
        """Have it freed: the provider did nothing."""
        held = self._reservation
        if held is not None and not self.is_settled:
            self._settle(lambda: self._governor.arelease(held, settlement_key=held.id))

    def cover(self, output_tokens: int) -> None:
        """Hold more where a stream has written more than was expected of it, and will go on."""
        held = self._reservation
        if held is None or self.is_settled or held.request.output_rate is None:
            return
        read = held.request.input_nano_usd or 0
        written = divide_up(output_tokens * held.request.output_rate, 1_000_000)
        if read + written > self._held_nano_usd:
            self._held_nano_usd = read + 2 * written
            self._start(self._extend())

    async def settled(self, timeout_seconds: float | None = None) -> None:
        """Wait until it is settled, or for so long."""
        if self._settling is not None:
            await asyncio.wait([self._settling], timeout=timeout_seconds)

    def _settle(self, step: Callable[[], Awaitable[object]]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._settling = self._start(self._insist(step))

    async def _insist(self, step: Callable[[], Awaitable[object]]) -> None:
        for pause in (*_RETRY_SECONDS, None):
            try:
                await step()
                return
            except StoreError as fault:
                if pause is None:
                    _log.error("a call is left to the deadline of its hold: %s", fault)
                    return
                await asyncio.sleep(pause)
            except (PolicyError, ValueError) as fault:
                _log.error("a call cannot be settled: %s", fault)
                return

    def _wait_for_beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._ttl_seconds / _BEATS_PER_LIFE, self._beat)

    def _beat(self) -> None:
        self._start(self._extend())
        self._wait_for_beat()

    async def _extend(self) -> None:
        held = self._reservation
        if held is None or self.is_settled:
            return
        try:
            await self._governor.aextend(
                held, ttl_seconds=self._ttl_seconds, hold_usd=usd(self._held_nano_usd)
            )
        except (PolicyError, ValueError) as fault:
            _log.warning("a hold was not extended: %s", fault)

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return task
