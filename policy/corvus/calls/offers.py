"""The forms of a call that its maker offers to the ladder of a budget (EVA-14).

A maximum is found by the price of the call itself, with all that it may cost: answers, thinking,
searches, tiers. So what is held for a capped call is never above the room that it was given.
"""

from __future__ import annotations

from collections.abc import Callable

from corvus.calls.plan import Plan
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request

_MILLION = 1_000_000


class PlannedOffers:
    """What can be changed about a call that was read from a request.

    Args:
        plan: The call as it was proposed.
        describe: Returns a form of it as it is put to the governor.
        serves: Returns whether its upstream takes calls with another model.
    """

    def __init__(
        self,
        plan: Plan,
        describe: Callable[[Plan], Request],
        serves: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._plan = plan
        self._describe = describe
        self._serves = serves

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the call with the largest maximum that costs no more than there is room for.

        Args:
            request: The call, or a form of it that ``downgrade`` has returned.
            room: What its budgets have left.
            least_tokens: Smallest maximum of one answer that is worth a call.
        """
        plan = self.form(request.model)
        if plan is None or not plan.endpoint.may_be_capped:
            return None
        least = max(least_tokens, plan.least_cap_tokens)
        if least > plan.output_tokens:
            return None
        found = self._largest(plan, request, room, least)
        if found is None or found.output_tokens == plan.output_tokens:
            return None if found is None else Offer(request, plan.cap_tokens)
        return Offer(self._describe(found), found.cap_tokens)

    def downgrade(self, model: str) -> Offer | None:
        """Return the call for another model; ``None`` where that may not work, or has no price."""
        plan = self._plan.downgraded(model) if self._serves(model) else None
        if plan is None:
            return None
        request = self._describe(plan)
        return None if request.estimate_nano_usd is None else Offer(request, plan.cap_tokens)

    def form(self, model: str, cap_tokens: int | None = None) -> Plan | None:
        """Return the form of the call that was decided on; ``None`` where there is none.

        Args:
            model: The model that is called.
            cap_tokens: The maximum that every larger one is lowered to.
        """
        plan = self._plan if model == self._plan.model else self._plan.downgraded(model)
        return plan if plan is None or cap_tokens is None else plan.capped(cap_tokens)

    def _largest(self, plan: Plan, request: Request, room: Room, least: int) -> Plan | None:
        """Return the form with the largest maximum that fits; ``None`` if ``least`` does not.

        The cost grows with the maximum, nearly always by the rate of the request: so the search
        begins at that guess, and two forms decide. Steps away from it double; what lies between two
        of them is halved.
        """
        low, high, step = least, plan.output_tokens, 1
        best: Plan | None = None
        tried = min(max(self._guess(plan, request, room), low), high)
        while low <= high:
            form = plan if tried == plan.output_tokens else plan.capped(tried)
            if _fits(self._describe(form), room):
                best, low, tried = form, tried + 1, tried + step
            else:
                high, tried = tried - 1, tried - step
            step *= 2
            tried = tried if low <= tried <= high else (low + high) // 2
        return best

    def _guess(self, plan: Plan, request: Request, room: Room) -> int:
        """Return about how much output there is room for, by what the request says of its cost."""
        guesses = [plan.output_tokens]
        read, rate = request.input_nano_usd, request.output_rate
        if room.nano_usd is not None and read is not None and rate:
            guesses.append((room.nano_usd - read) * _MILLION // rate // plan.choices)
        if room.tokens is not None:
            guesses.append((room.tokens - plan.input_tokens) // plan.choices)
        return min(guesses) - plan.extra_output_tokens


def _fits(request: Request, room: Room) -> bool:
    """Return whether there is room for a call."""
    if room.nano_usd is not None and (request.estimate_nano_usd or 0) > room.nano_usd:
        return False
    return room.tokens is None or request.estimate_tokens <= room.tokens
