"""Admits a call at its longest, or as much of it as every budget has room for (PRC-7, RES-1)."""

from __future__ import annotations

from collections.abc import Callable

from corvus.base.money import NOTHING, NanoUSD
from corvus.governor import admission, settlement
from corvus.governor.calls import Calls
from corvus.governor.engine import Step, Told
from corvus.model.decision import Decision, Denial
from corvus.model.request import Request
from corvus.store.unit import Unit


class Fitting(Calls):
    """What can be done about a call that may be made shorter."""

    def reserve_fitting(
        self, request: Request, lower: Callable[[NanoUSD], Request]
    ) -> tuple[Decision, Request]:
        """Do what ``reserve`` does, or admit less where a budget has no room for all of it.

        Which of the two is asked for is decided in the transaction that admits it (RES-1).

        Args:
            request: The call at its longest.
            lower: Returns the call that costs at most so much, or the least that makes sense. May
                be asked more than once; the last answer counts.

        Returns:
            The decision, and the request that it is about.

        Raises:
            StoreError: The store cannot answer, so the call must not be made.
        """
        if not self.policy.enabled:
            return self._ungoverned(request), request
        step = self._fitting(request, lower)
        decision, asked = self.run_step(step, undo=self._give_back_fitting)
        return self._explained(decision), asked

    async def areserve_fitting(
        self, request: Request, lower: Callable[[NanoUSD], Request]
    ) -> tuple[Decision, Request]:
        """Do what ``reserve_fitting`` does, without keeping the event loop waiting."""
        if not self.policy.enabled:
            return self._ungoverned(request), request
        step = self._fitting(request, lower)
        decision, asked = await self.arun_step(step, undo=self._give_back_fitting)
        return self._explained(decision), asked

    def _fitting(
        self, request: Request, lower: Callable[[NanoUSD], Request]
    ) -> Step[tuple[Decision, Request]]:
        def step(unit: Unit) -> Told[tuple[Decision, Request]]:
            events = settlement.upkeep(unit, self.in_force)
            asked = request
            decision = admission.weigh(unit, self.rules, self.register, request).decision
            if decision.denial is Denial.BUDGET_EXCEEDED:
                asked = lower(decision.headroom_nano_usd or NOTHING)
            answer = admission.reserve(unit, self.rules, self.register, asked, None)
            return (answer.decision, asked), events + answer.events

        return step

    def _give_back_fitting(self, told: Told[tuple[Decision, Request]]) -> None:
        (decision, _), events = told
        self._give_back((decision, events))
