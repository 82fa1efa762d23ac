"""Random runs of a real governor, whose ledger a replay must understand call by call."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from corvus import Usage, open_runtime
from corvus.base.errors import PolicyError
from corvus.base.time import FrozenClock
from corvus.governor.governor import Governor
from corvus.model.budget import Rung
from corvus.model.policy import Policy
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionOutcome, MissionRequest, OverrideRequest, ResetRequest
from corvus.planning.ledger_events import Span, recorded_events
from corvus.planning.replay import Outcome, Replay
from corvus.runtime import Runtime

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 16
session_limit_usd = 9
allow_override = true
wait_seconds = 0
on_exceeded = ["cap", "downgrade"]
cap_at_least_tokens = 1000
reservation_ttl_seconds = 7200

[cost.downgrade]
big = ["small"]

[[cost.budgets]]
name = "each-user"
window = "5h"
limit_usd = 5
per = ["user"]
on_exceeded = []

[[cost.budgets]]
name = "team-calls"
period = "day"
limit_calls = 60
per = ["project", "tag.team"]
timezone = "Europe/Berlin"

[[cost.budgets]]
name = "big-tokens"
period = "week"
limit_tokens = 6_000_000
match = { model = "big*" }

[[cost.budgets]]
name = "heard"
period = "month"
limit_usd = 1
enforce = "warn"

[mission]
enabled = true
max_estimated_cost_cents = 300
max_runtime_ms = 40_000_000
max_steps = 40

[cost.prices."openai/big"]
input = 3
output = 15
cache_read = 0.3

[cost.prices."openai/small"]
input = 0.3
output = 1.5
"""
START = datetime(2026, 10, 24, 9, tzinfo=UTC)


@dataclass
class Run:
    """A governor's run, and everything that is still open in it."""

    governor: Governor
    clock: FrozenClock
    random: Random

    def __post_init__(self) -> None:
        self.open: list[Reservation] = []
        self.missions: list[tuple[str, str, str | None]] = []

    def step(self) -> None:
        dice = self.random.random()
        if dice < 0.52:
            self.ask()
        elif dice < 0.88:
            self.settle()
        elif dice < 0.90:
            self.steer()
        elif dice < 0.92:
            self.mission()
        minutes = self.random.choice([0.001, 0.02, 0.5, 2, 9] if dice < 0.98 else [60, 300, 900])
        self.clock.move(timedelta(minutes=minutes * self.random.random(), microseconds=1))

    def ask(self) -> None:
        random, model = self.random, self.random.choice(["big", "big", "small"])
        of_mission = random.choice(self.missions) if self.missions and random.random() < 0.2 else ()
        session, mission, project = of_mission or (
            f"s{random.randrange(6)}",
            None,
            random.choice([None, "search", "ads"]),
        )
        request = self.governor.request(
            model,
            session_id=session,
            mission_id=mission,
            project=project,
            user=random.choice([None, "ana", "bo", "cy"]),
            agent=random.choice([None, "claude-code"]),
            tags={"team": random.choice("xy")} if random.random() < 0.5 else {},
            surface=random.choice(["python", "proxy"]),
            input_tokens=random.randrange(1, 60_000),
            max_output_tokens=random.randrange(1, 60_000),
            dispatched=random.random() < 0.7,
            rungs=random.choice([(), tuple(Rung), tuple(Rung), (Rung.CAP,)]),
        )
        with suppress(PolicyError):
            decision = self.governor.reserve(request)
            if decision.reservation is not None:
                self.open.append(decision.reservation)

    def settle(self) -> None:
        if not self.open:
            return
        random = self.random
        held = self.open.pop(random.randrange(len(self.open)))
        dice = random.random()
        with suppress(PolicyError):
            if dice < 0.1:
                self.governor.release(held)
            elif dice < 0.2:
                self.governor.extend(held, hold_usd=Decimal(held.hold_nano_usd + 10**7) / 10**9)
                self.open.append(held)
            elif dice < 0.9:
                read, written = random.randrange(1, 60_000), random.randrange(1, 70_000)
                usage = Usage(read // 2, written // 3, cache_read_tokens=read // 4)
                self.governor.commit(held, usage)

    def steer(self) -> None:
        random = self.random
        session = random.choice([None, f"s{random.randrange(6)}"])
        with suppress(PolicyError):
            if random.random() < 0.6:
                project = random.choice([None, "search", "ads"]) if session else None
                expires = timedelta(minutes=random.randrange(1, 90))
                self.governor.override(
                    OverrideRequest("me", session_id=session, project=project, expires_in=expires)
                )
            else:
                scope = random.choice(["day", "session", "each-user", "big-tokens"])
                part = "ana" if scope == "each-user" else None
                self.governor.reset(ResetRequest(scope, "me", session_id=session, part=part))

    def mission(self) -> None:
        random = self.random
        with suppress(PolicyError):
            if self.missions and random.random() < 0.5:
                session, mission, project = self.missions.pop()
                self.governor.end_mission(session, mission, MissionOutcome.COMPLETED, project)
            else:
                session, project = f"s{random.randrange(6)}", random.choice([None, "search"])
                mission = f"m{random.randrange(99)}"
                self.governor.start_mission(MissionRequest(session, mission, project=project))
                self.missions.append((session, mission, project))


def run(folder: Path, seed: int, steps: int, config: str = CONFIG) -> Runtime:
    """Run a governor for so many random steps, and return its runtime, drained."""
    file = folder / "corvus.toml"
    file.write_text(config)
    clock = FrozenClock(START)
    runtime = open_runtime([file], ledger=folder / "l.duckdb", clock=clock)
    with runtime.governor() as governor:
        one = Run(governor, clock, Random(seed))
        for _ in range(steps):
            one.step()
        for _ in range(2):  # everything expires, and what was only counted is written
            clock.move(timedelta(hours=5))
            governor.keep_up()
    runtime.bookkeeping.drain()
    return runtime


def replayed(runtime: Runtime, policy: Policy | None = None) -> list[Outcome]:
    """Put the recorded calls of a run to a policy; by default that which decided them."""
    outcomes: list[Outcome] = []
    replay = Replay(policy or runtime.policy, runtime.books, outcomes.append)
    span = Span(START - timedelta(days=1), runtime.clock.now() + timedelta(days=1))
    with runtime.ledger() as ledger:
        for event in recorded_events(ledger, span):
            replay.take(event)
    replay.finish()
    return outcomes


def differences(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    """Return each call of which a replay makes another thing than was recorded."""
    found: list[tuple[object, ...]] = []
    for one in outcomes:
        was = one.call.decision
        assert was is not None
        now = (
            one.denial,
            one.rungs,
            one.request.model,
            one.request.amounts if one.denial is None else None,
            one.output_cap_tokens,
            one.override_id,
            one.decided_us if one.denial is None or one.call.times == 1 else None,
        )
        then = (
            was.denial,
            was.rungs,
            was.model,
            was.hold if was.denial is None else None,
            was.output_cap_tokens,
            was.override_id,
            one.call.decided_us if one.denial is None or one.call.times == 1 else None,
        )
        if now != then:
            found.append((one.call.id, "now", now, "then", then, one.in_the_way))
    return found


def kinds(outcomes: list[Outcome]) -> Counter[str]:
    """Count what became of the calls, to show that a run has some of each."""
    counts: Counter[str] = Counter()
    for one in outcomes:
        counts["refused" if one.denial else "passed"] += 1
        counts[str(one.denial)] += one.denial is not None
        counts.update(rung.value for rung in one.rungs)
        counts["lifted"] += one.override_id is not None
    return counts
