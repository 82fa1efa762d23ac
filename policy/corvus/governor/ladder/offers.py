"""What can be changed about a call that was described in words (EVA-14): its maximum, its model.

The caller applies what is decided: the decision carries the maximum and the model. What the
governor does not see cannot be judged, so another model is offered only where the same provider
bills it and it has a price. Calls whose bytes are at hand have offers of their own
(``corvus.calls``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from corvus.governor.options import CallOptions
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request

Describe: TypeAlias = Callable[[str, CallOptions], Request]
"""Describes a call of a model, as ``Governor.request`` does."""

_MILLION = 1_000_000
_ROUNDS_MAX = 20


@dataclass(frozen=True, slots=True)
class DescribedOffers:
    """What can be changed about a described call.

    Attributes:
        request: The call.
        describe: Describes it again.
    """

    request: Request
    describe: Describe

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the call with the largest maximum that fits (``Offers.cap``)."""
        if request.output_tokens is None or request.said is None:
            return None
        most = request.output_tokens - 1
        if room.tokens is not None:
            most = min(most, room.tokens - (request.estimate_tokens - request.output_tokens))
        form = request
        for _ in range(_ROUNDS_MAX):  # of several prices, another may be the highest further down
            if room.nano_usd is not None:
                most = min(most, _affordable(form, room.nano_usd))
            if most < least_tokens:
                return None
            form = self._described(request.model, {"max_output_tokens": most}, request)
            if room.nano_usd is None or (form.estimate_nano_usd or 0) <= room.nano_usd:
                return Offer(form, most)
        return None

    def downgrade(self, model: str) -> Offer | None:
        """Return the call for another model (``Offers.downgrade``)."""
        said = self.request.said
        if said is None or said.get("estimate_usd") is not None or said.get("models"):
            return None
        form = self._described(model, {}, self.request)
        if form.estimate_nano_usd is None or form.provider != self.request.provider:
            return None
        return Offer(form)

    def _described(self, model: str, words: CallOptions, of: Request) -> Request:
        """Return the call in other words; whose it is, and how it is repeated, stays."""
        said = cast("CallOptions", {**(of.said or {}), **words})
        form = self.describe(model, said)
        return replace(form, session_id=of.session_id, fingerprint=of.fingerprint)


def _affordable(form: Request, nano_usd: int) -> int:
    """Return the longest output of a call that costs at most so much; -1 if none does."""
    left = nano_usd - (form.input_nano_usd or 0)
    if form.input_nano_usd is None or form.output_rate is None or left < 0:
        return -1
    return left * _MILLION // form.output_rate if form.output_rate else form.output_tokens or 0
