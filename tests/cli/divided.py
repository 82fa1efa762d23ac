"""A place whose budgets have parts, count tokens and calls, and open with a call."""

from __future__ import annotations

from pathlib import Path

from corvus import Decision, Usage
from corvus.base.money import NanoUSD
from corvus.base.time import Clock
from corvus.model.request import Request
from tests.cli.places import CENT, Place

CONFIG = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 900
monthly_limit_usd = 0
warn_at_percent = 75
on_exceeded = []

[[cost.budgets]]
name = "each-developer"
per = ["user"]
period = "day"
limit_usd = 20
limits = { ana = 50, "bot-*" = 2 }
thresholds = [50, 80]

[[cost.budgets]]
name = "five-hours"
window = "5h"
limit_tokens = 200_000

[[cost.budgets]]
name = "pairs"
per = ["project", "agent"]
period = "quarter"
limit_calls = 500
enforce = "warn"
"""


class Divided(Place):
    """Where users spend, each for themselves."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(folder, clock)
        self.config.write_text(CONFIG)

    def use(self, user: str | None, cents: int, tokens: int = 100, **about: str) -> Decision:
        """Make a call of a user, and return what was decided; what is admitted costs so much."""
        with self.governor() as governor:
            cost = NanoUSD(cents * CENT)
            request = Request("m", cost, "s", user=user, estimate_tokens=tokens, **about)  # type: ignore[arg-type]
            decision = governor.reserve(request)
            if decision.reservation is not None and decision.allowed:
                governor.commit(decision.reservation, Usage(tokens), cost_nano_usd=cost)
            return decision
