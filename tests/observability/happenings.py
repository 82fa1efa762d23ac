"""One of each event, made by a governor that is given a secret wherever it takes a text."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from corvus import Governor, Usage, open_runtime
from corvus.events import Event, Redaction, Threshold, shown_fields
from corvus.governor.engine import Listener
from corvus.model.approval import Approval, ApprovalRequest
from corvus.model.budget import Rung
from corvus.model.steering import MissionRequest, OverrideRequest, ResetRequest
from corvus.observability.redact import Redactor
from corvus.observability.sinks import hash_key
from tests.fakes import FrozenClock

CANARY = "correct horse battery staple"
"""A secret without the shape of one: only redaction by field can keep it in."""
SHAPED = "sk-canary0123456789abcdefghij"

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 10
monthly_limit_usd = 0
session_limit_usd = 0
warn_at_percent = 50
allow_override = true
unpriced_models = "warn"

[cost.prices."acme/house"]
input = 1
output = 2
cache_read = 0.5
"""
KEY = hash_key("a store")
MILLION = 1_000_000


class Scene:
    """A governor and its clock."""

    def __init__(
        self,
        governor: Governor,
        clock: FrozenClock,
        redactor: Redactor,
        listeners: tuple[Listener, ...],
    ) -> None:
        self.listeners = listeners
        self.governor = governor
        self.clock = clock
        self.redactor = redactor

    def all_happens(self, secret: str = CANARY) -> None:
        """Bring about every kind of event."""
        governor, clock = self.governor, self.clock
        session = f"session {secret}"
        governor.start_mission(MissionRequest(session, f"mission {secret}", project=secret))

        def ask(model: str = "acme/house", **more: object) -> Any:
            told: dict[str, Any] = {
                "project": secret,
                "user": secret,
                "agent": secret,
                "tags": {secret: secret},
                "session_id": session,
                "surface": "cli-agent",
                **more,
            }
            request = governor.request(model, **told)
            return governor.reserve(request, reservation_id=None).reservation

        first = ask(input_tokens=MILLION, max_output_tokens=0, mission_id=f"mission {secret}")
        self.commit(first, Usage(MILLION // 2, 100, 400, reasoning_tokens=7), secret=secret)
        over = ask(input_tokens=1, max_output_tokens=1)
        self.commit(over, Usage(MILLION))
        unpriced = ask(f"model {secret}", provider=secret)
        self.commit(unpriced, Usage(5))
        released = ask(input_tokens=1, max_output_tokens=0)
        governor.correct(over, Usage(MILLION))
        warned = ask(input_tokens=6 * MILLION, max_output_tokens=0)
        self.commit(warned, Usage(4 * MILLION))
        ask(input_tokens=1, max_output_tokens=0, surface=secret)
        governor.extend(released, hold_usd=10)
        governor.release(released)
        ask(input_tokens=90 * MILLION, max_output_tokens=0)
        wanted = OverrideRequest(secret, f"because {secret}", session_id=session, project=secret)
        governor.override(wanted)
        ask(input_tokens=20 * MILLION, max_output_tokens=0, ttl_seconds=60)
        clock.move(timedelta(hours=2))
        governor.status()
        governor.reset(ResetRequest("day", secret, f"because {secret}"))
        self._climb(session, secret)
        policy = replace(governor.policy, allow_override=False)
        changed = Governor(policy, governor.store, listeners=self.listeners)
        governor.note_limits(f"origin {secret}", secret)
        changed.note_limits(f"origin {secret}", secret)
        tight = [
            replace(each, limit=1, on_exceeded=()) for each in policy.budgets if each.name == "day"
        ]
        shadow = replace(policy, budgets=tuple(tight), content_hash="sha256:0123456789abcdef")
        wide = replace(policy, budgets=(), content_hash="sha256:wide")
        targets = governor.engine._notices.targets  # pyright: ignore[reportPrivateUsage]
        seen = Governor(
            wide, governor.store, listeners=self.listeners, shadow=shadow, notify=targets
        )
        request = seen.request("acme/house", input_tokens=9, session_id=session, project=secret)
        seen.release(seen.reserve(request).reservation)  # pyright: ignore[reportArgumentType]

    def _climb(self, session: str, secret: str) -> None:
        """Have a call pass by a rung, and another by a person."""
        for rung in (Rung.CAP, Rung.ASK):
            policy = self.governor.policy
            budgets = [
                replace(budget, on_exceeded=(rung,), thresholds=()) for budget in policy.budgets
            ]
            ladder = replace(policy, budgets=tuple(budgets))
            governor = Governor(ladder, self.governor.store, listeners=self.listeners)
            request = governor.request(
                "claude-sonnet-4-5", max_output_tokens=MILLION, session_id=session, project=secret
            )
            call = threading.Thread(target=governor.reserve, args=(request,))
            call.start()
            parked: list[Approval] = []
            while rung is Rung.ASK and not parked:
                time.sleep(0.01)
                parked = governor.approvals()
            for one in parked:
                granted = ApprovalRequest(one.id, secret, is_granted=True, reason=secret)
                governor.decide_approval(granted)
            call.join()

    def commit(self, held: Any, usage: Usage, secret: str | None = None) -> None:
        """Settle a call two seconds after it was admitted."""
        self.clock.move(timedelta(seconds=2))
        told: dict[str, Any] = {"answering_model": secret} if secret else {}
        self.governor.commit(
            held,
            usage,
            first_token_at=self.clock.now() - timedelta(seconds=1),
            **told,
        )


@contextmanager
def scene(folder: Path, *listeners: Listener) -> Generator[Scene]:
    """Open a governor whose events the listeners hear."""
    (folder / "corvus.toml").write_text(CONFIG)
    clock = FrozenClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    runtime = open_runtime([folder / "corvus.toml"], ledger=folder / "l.duckdb", clock=clock)
    with runtime.governor(listeners) as governor:
        yield Scene(governor, clock, Redactor(runtime.books, KEY), listeners)


def all_events(folder: Path) -> tuple[list[Event], Redactor]:
    """Return one of each event at least, and a redactor for them."""
    heard: list[Event] = []
    with scene(folder, heard.append) as on:
        on.all_happens()
        return heard, on.redactor


def shown_names(kind: type[Event]) -> list[str]:
    """Return the names under which a kind of event shows what it has."""
    names: list[str] = []
    for each in shown_fields(kind):
        parts = shown_fields(Threshold) if each.redaction is Redaction.PARTS else [each]
        names += [part.name for part in parts]
    return [*names, *kind.kind.figures]
