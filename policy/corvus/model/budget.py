"""A budget: a limit over one period for the requests it matches (CFG-10)."""

from __future__ import annotations

from dataclasses import dataclass

from corvus.base.money import NanoUSD
from corvus.base.period import Period


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit. The four scopes of ``[cost]`` and ``[mission]`` are budgets like any other.

    Attributes:
        name: Unique slug: ``session``, ``day``, ``month``, ``mission`` or the author's.
        period: How often the budget starts again.
        limit_nano_usd: The hard ceiling in nano-USD; 0 switches the budget off (CFG-7).
        warn_at_percent: Threshold in percent of the limit, 0..=100.
        config_key: The key of the settings that set the limit, named in every message (PRX-4).
        match: Pairs of attribute and glob that a request must all match; empty matches every
            request.
        timezone: IANA zone of the calendar windows.
    """

    name: str
    period: Period
    limit_nano_usd: NanoUSD
    warn_at_percent: int
    config_key: str
    match: tuple[tuple[str, str], ...] = ()
    timezone: str = "UTC"
