"""Sums of calls."""

from __future__ import annotations

from dataclasses import dataclass

from corvus.base.money import NanoUSD


@dataclass(frozen=True, slots=True)
class Spend:
    """What the calls of one selection used.

    Attributes:
        cost_nano_usd: Cost of the priced calls.
        unpriced_calls: Those of ``calls`` whose cost is unknown; in the sum is their bound, if any.
        tokens: Tokens of all kinds of all calls.
    """

    cost_nano_usd: NanoUSD
    calls: int
    unpriced_calls: int
    tokens: int
