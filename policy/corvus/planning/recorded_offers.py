"""What could have been changed about a recorded call (EVA-14), by what the ledger knows of it.

Its bytes are gone: a maximum is found by the rate of its output, and another model is priced by the
bound of its tokens. Whether everything that the call used exists for that model is not known. Where
the form is one that really passed, it is that one, to the nano-USD.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from corvus.base.money import NanoUSD
from corvus.governor.pricing import highest_estimate, possible_prices, stated_bound
from corvus.model.budget import Rung
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request
from corvus.model.usage import Usage
from corvus.planning.recorded import RecordedCall
from corvus.prices.lookup import PriceBooks

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordedOffers:
    """What could have been changed about a recorded call.

    Attributes:
        call: The call.
        books: Prices of other models.
        on: UTC day of the call.
    """

    call: RecordedCall
    books: PriceBooks
    on: date

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the call with the largest maximum that fits (``Offers.cap``)."""
        if request.output_tokens is None:
            return None
        if (passed := self._passed(request, room)) is not None:
            return passed
        most = request.output_tokens - 1
        read = request.estimate_tokens - request.output_tokens
        if room.tokens is not None:
            most = min(most, room.tokens - read)
        if room.nano_usd is not None:
            most = min(most, _affordable(request, room.nano_usd))
        if most < least_tokens:
            return None
        estimate = (request.input_nano_usd or 0) + -(-(request.output_rate or 0) * most // _MILLION)
        form = replace(
            request,
            estimate_nano_usd=NanoUSD(estimate),
            estimate_tokens=read + most,
            output_tokens=most,
        )
        return Offer(form, most)

    def downgrade(self, model: str) -> Offer | None:
        """Return the call for another model (``Offers.downgrade``)."""
        request = self.call.request
        if request.output_tokens is None:
            return None
        prices = possible_prices(self.books, (model,), None, None, self.on)
        price = prices[0]
        if price is None or price.provider not in ("", request.provider):
            return None
        read = request.estimate_tokens - request.output_tokens
        bound = Usage(input_tokens=read, output_tokens=request.output_tokens)
        estimate = highest_estimate(prices, stated_bound(bound))
        if estimate.total_nano_usd is None:
            return None
        form = replace(
            request,
            model=model,
            estimate_nano_usd=estimate.total_nano_usd,
            input_nano_usd=estimate.input_nano_usd,
            output_rate=estimate.output_rate,
        )
        return Offer(form)

    def _passed(self, request: Request, room: Room) -> Offer | None:
        """Return the form that really passed, where it is the largest that there is room for."""
        decision = self.call.decision
        if decision is None or decision.denial is not None or Rung.CAP not in decision.rungs:
            return None
        hold, rate = decision.hold, -(-(request.output_rate or 0) // _MILLION)
        if request.model != decision.model or decision.output_cap_tokens is None:
            return None
        fits = [
            left >= held and (left - held) <= slack
            for left, held, slack in (
                (room.nano_usd, hold.nano_usd, rate + 1),
                (room.tokens, hold.tokens, 1),
            )
            if left is not None
        ]
        if not fits or not any(fits):
            return None
        if room.nano_usd is not None and hold.nano_usd > room.nano_usd:
            return None
        if room.tokens is not None and hold.tokens > room.tokens:
            return None
        form = replace(
            request,
            estimate_nano_usd=NanoUSD(hold.nano_usd),
            estimate_tokens=hold.tokens,
            output_tokens=decision.output_cap_tokens,
        )
        return Offer(form, decision.output_cap_tokens)


def _affordable(form: Request, nano_usd: int) -> int:
    """Return the longest output of a call that costs at most so much; -1 if none does."""
    left = nano_usd - (form.input_nano_usd or 0)
    if form.input_nano_usd is None or form.output_rate is None or left < 0:
        return -1
    return left * _MILLION // form.output_rate if form.output_rate else form.output_tokens or 0
