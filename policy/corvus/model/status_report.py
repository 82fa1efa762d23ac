"""Where every budget of a policy stands, as a value: the governor makes it, surfaces show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from corvus.model.decision import Decision
from corvus.model.parts import PartCounts
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.steering import MissionRecord, Override, SessionRecord


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Where every budget of a policy stands.

    Attributes:
        now: The instant of which this is true, aware UTC.
        session_id: The session whose budgets are shown; ``None`` leaves them at 0.
        project: The project of that session.
        mission_id: The mission whose budget is shown.
        decision: The statuses of all budgets, evaluated with an estimate of 0.
        spends: Per budget name, what was counted against it; ``None`` when no session or mission
            was named.
        refusals: Per budget name, what it refused in the present window; absent while nothing.
        session: What is known of the session.
        mission: What is known of the mission.
        overrides: The active overrides that a call of the session could use.
        latest_session_id: The session of the call that was admitted last, as a hint when none was
            named.
        parts: Per name of a budget with ``per``, how many parts it has; its status is that of the
            part that is nearest its limit.
        is_recorded: Whether it comes from the ledger alone: without holds, resets and overrides.
    """

    now: datetime
    session_id: str | None
    mission_id: str | None
    decision: Decision
    spends: Mapping[str, Spend | None]
    refusals: Mapping[str, Refusals] = field(default_factory=dict[str, Refusals])
    session: SessionRecord | None = None
    mission: MissionRecord | None = None
    overrides: tuple[Override, ...] = ()
    latest_session_id: str | None = None
    is_recorded: bool = False
    project: str | None = None
    parts: Mapping[str, PartCounts] = field(default_factory=dict[str, PartCounts])

    def is_blocking(self, budget: str) -> bool:
        """Return whether a budget refuses calls at present (DSH-4)."""
        refusals = self.refusals.get(budget)
        return refusals is not None and refusals.is_blocking

    @property
    def blocking(self) -> tuple[str, ...]:
        """Names of the budgets that refuse calls at present, the governing one first."""
        names = (status.budget.name for status in self.decision.statuses)
        return tuple(name for name in names if self.is_blocking(name))
