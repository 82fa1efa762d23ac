"""Makes October: what three people and a nightly agent did, call by call, in month.duckdb.

Nothing is sent anywhere. The calls are governed by corvus.toml, under a clock that is set.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from corvus import Usage, open_runtime
from corvus.testing import FrozenClock

OPUS, SONNET = "claude-opus-4-5", "claude-sonnet-4-5"
PEOPLE = {"ada": (OPUS, 0.7, 14), "bo": (OPUS, 0.3, 10), "cy": (OPUS, 0.05, 8)}
"""What each uses: the larger model, in which part of the sessions, and calls a session."""

dice = Random(2026)
clock = FrozenClock(datetime(2026, 10, 1, tzinfo=UTC))
runtime = open_runtime("corvus.toml", ledger="month.duckdb", clock=clock)


def call(model: str, session: str, who: str, agent: str, context: int) -> None:
    """Make a call whose context was read before, but for a few thousand tokens."""
    asked = {"input_tokens": context, "max_output_tokens": dice.choice([4_000, 8_000, 16_000])}
    names = {"session_id": session, "user": who, "agent": agent, "project": "shop"}
    request = governor.request(model, provider="anthropic", **names, **asked)
    decision = governor.reserve(request)
    clock.move(timedelta(seconds=dice.randrange(5, 60)))
    if decision.reservation is not None:
        new, written = min(context, 3_000), dice.randrange(200, 3_500)
        usage = Usage(new, written, cache_read_tokens=context - new)
        governor.commit(decision.reservation, usage)


with runtime.governor() as governor:
    for day in range(31):
        morning = datetime(2026, 10, 1, 9, tzinfo=UTC) + timedelta(days=day)
        clock.set(morning - timedelta(hours=7))
        call(SONNET, f"nightly-{day + 1}", "ci", "nightly", 30_000)
        if morning.weekday() > 4:
            continue
        clock.set(morning)
        for who, (large, part, calls) in PEOPLE.items():
            for session in range(dice.randrange(1, 4)):
                clock.move(timedelta(minutes=dice.randrange(1, 40)))
                model = large if dice.random() < part else SONNET
                name = f"{who}-{day + 1}-{session + 1}"
                for place in range(dice.randrange(calls // 2, calls * 2)):
                    call(model, name, who, "claude-code", 20_000 + 6_000 * place)
    governor.keep_up()
runtime.bookkeeping.drain()
for file in Path().glob("month.duckdb.store*"):  # of a month that is over, the ledger is enough
    file.unlink()
