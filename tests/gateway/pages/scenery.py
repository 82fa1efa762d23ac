"""A place where much has happened, for pages that have much to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from corvus import Governor, Usage
from corvus.base.money import NanoUSD
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.request import Request
from corvus.model.steering import MissionOutcome, MissionRequest, OverrideRequest, ResetRequest
from tests.cli.places import CENT, Place

CONFIG = """
# The team's budgets.
[cost]
enabled = true
session_limit_usd = 2
daily_limit_usd = 40 # agreed in March
monthly_limit_usd = 900
warn_at_percent = 80
allow_override = true
unpriced_models = "warn"
default_output_tokens = 100
ask_seconds = 3600

[cost.prices.m] # USD per million
input = 3
output = 15

[[cost.budgets]]
name = "opus-week"
period = "week"
limit_usd = 12
match = { model = "opus-*" }

[[cost.budgets]]
name = "experiments"
period = "day"
limit_usd = 5
on_exceeded = ["ask"]
match = { project = "lab" }

[[cost.budgets]]
name = "each-session-agent"
per = ["project", "agent"]
window = "5h"
limit_tokens = 20_000
limits = { "lab,*" = 4_000 }
enforce = "warn"

[governance]
shadow = "next.toml"
"""
SHADOW = """
[cost]
enabled = true
daily_limit_usd = 10

[cost.prices.m]
input = 3
output = 15
"""
LONG_MODEL = "a-provider/models/" + "very-long-name-of-a-model-" * 7 + "2026"
Record = Callable[..., Path]


def spend(
    governor: Governor, cost_nano_usd: int | None, session: str = "a", **options: object
) -> None:
    """Make one call, held for a cent of any cost; ``None`` is a call without a price."""
    cost = None if cost_nano_usd is None else NanoUSD(cost_nano_usd)
    held = None if cost is None else NanoUSD(min(cost, CENT))
    model = str(options.pop("model", "m"))
    request = Request(model, held, session, **options)  # type: ignore[arg-type]
    decision = governor.reserve(request)
    assert decision.reservation is not None, decision
    governor.commit(decision.reservation, Usage(1200, 340), cost_nano_usd=cost)


def bill(place: Place, folder: Path) -> None:
    """Read a bill of the last days, with a model that nobody recorded and a discount."""
    today = place.runtime.clock.now().date()
    lines = ["BillingCurrency,ChargePeriodStart,EffectiveCost,ListCost,ProviderName,SkuId"]
    for day in range(1, 6):
        at = today - timedelta(days=day)
        lines += [f"USD,{at}T00:00:00Z,1.5{day},1.9{day},Anthropic,claude-opus-5"]
    file = folder / "bill.csv"
    file.write_text("\n".join(lines))
    where = ["--provider", "anthropic", *place.where]
    assert main(["reconcile", str(file), *where]) == Exit.FINDINGS


def busy_place(folder: Path, record: Record) -> Place:
    """Return a place with calls of two weeks, sessions, missions, an override, a reset."""
    place = Place(folder)
    place.config.write_text(CONFIG)
    place.config.with_name("next.toml").write_text(SHADOW)
    now = place.runtime.clock.now()
    old = [
        {
            "admitted_at": (now - timedelta(days=day)).replace(tzinfo=None),
            "requested_model": ("m", "opus", LONG_MODEL)[day % 3],
            "session_id": f"past-{day}",
            "project": ("web", "lab", None)[day % 3],
            "cost_nano_usd": (day * 37 % 11 + 1) * 80 * CENT,
        }
        for day in range(1, 30)
    ]
    record(place.ledger, *old)
    bill(place, folder)
    with place.governor() as governor:
        governor.start_mission(MissionRequest("a", "mend-the-tests", NanoUSD(10**9), project="web"))
        governor.start_mission(MissionRequest("b", "done", NanoUSD(10**9), project="lab"))
        spend(governor, 55 * CENT, mission_id="mend-the-tests", project="web")
        spend(governor, 117 * CENT, "b", model="opus-5", mission_id="done", project="lab")
        governor.end_mission("b", "done", MissionOutcome.COMPLETED, "lab")
        spend(governor, 370 * CENT // 2, "c", project="lab", model=LONG_MODEL)
        spend(governor, 130 * CENT, "d", project="lab", model="opus-5")
        spend(governor, None, "d", model="unheard-of")
        governor.close_session("d")
        for session in "efghij":
            spend(governor, 190 * CENT, session, model="opus-5")
        governor.reserve(Request("m", NanoUSD(40 * CENT), "a"))
        governor.reserve(Request("opus-5", NanoUSD(190 * CENT), "k"))
        for number in range(70):
            agent = f"agent-{number:02}"
            spend(governor, CENT // 10, "shared", model="small", project="web", agent=agent)
        governor.reset(ResetRequest("session", "ana", "a run went astray", "b", project="lab"))
        governor.override(OverrideRequest("ana", "the release must go out", "c", project="lab"))
    return place
