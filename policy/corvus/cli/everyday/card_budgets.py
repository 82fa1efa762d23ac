"""What the card of ``corvus statusline`` says of each budget (CLI-7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from corvus.base.period import Period, window_at
from corvus.base.time import microseconds
from corvus.cli.agents.run_budgets import part_of_run
from corvus.gateway.proxy.clients import CLIENTS
from corvus.governor.rules import MISSION, budgets_to_register
from corvus.model.budget import NONE, Budget, values_of
from corvus.model.parts import PartsQuery
from corvus.store.kinds import budget_key

if TYPE_CHECKING:
    from corvus.compile import RunLimits
    from corvus.governor.governor import Governor
    from corvus.model.policy import Policy
    from corvus.model.status_report import StatusReport
    from corvus.model.steering import MissionRequest

_WINDOWS = 10
_OF_SESSIONS = (Period.SESSION, Period.MISSION)


@dataclass(frozen=True, slots=True)
class RunOnCard:
    """A run, as its card knows it.

    Attributes:
        run_id: Its id.
        session_id: Its session.
        mission: Its mission, if it is one.
        limits: What its options limit.
        known: What all of its calls have (``known_of_run``).
    """

    run_id: str
    session_id: str
    mission: MissionRequest | None
    limits: RunLimits
    known: Mapping[str, str | None]

    @property
    def project(self) -> str:
        """The project of session and mission; empty without one."""
        return self.known["project"] or ""

    @property
    def of_line(self) -> dict[str, str | None]:
        """What calls of Claude Code have in the run: the line is its alone."""
        return {**self.known, "agent": CLIENTS[0].name}


def entries_of(
    policy: Policy, now: datetime, run: RunOnCard | None, status: StatusReport | None
) -> list[dict[str, Any]]:
    """Return what the line needs of the budgets that it may show.

    Args:
        policy: What is in force.
        now: The present instant, aware.
        run: The run that it is for; without one, nobody knows which parts are meant.
        status: Where they stand, where the line cannot look for itself.
    """
    found: list[dict[str, Any]] = []
    for budget in budgets_to_register(policy):
        part = _part(budget, run)
        if part is not None:
            standing = None if status is None else _standing(budget, status)
            found.append(_entry(budget, part, now, run) | {"standing": standing})
    return found


def shared_entries(
    policy: Policy, now: datetime, run: RunOnCard, governor: Governor
) -> list[dict[str, Any]]:
    """Return the same for a run on a store that hosts share, as it stands where the run starts."""
    mission = run.mission.id if run.mission is not None else None
    project = run.project or None
    status = governor.status(run.session_id, mission, project=project)
    found = entries_of(policy, now, run, status)
    names = {budget_key(budget): budget.name for budget in policy.budgets}
    for entry in found:
        if entry["part"]:
            rows = governor.parts(
                PartsQuery(
                    names[entry["key"]],
                    entry["part"],
                    session_id=run.session_id,
                    mission_id=mission,
                    project=project,
                )
            ).rows
            entry["standing"] = [rows[0].status.spent, rows[0].status.held] if rows else [0, 0]
    return found


def _part(budget: Budget, run: RunOnCard | None) -> str | None:
    """Return the part of a budget that the line shows, empty without ``per``; ``None`` for none.

    Whose call is meant is known in a run alone.
    """
    if run is None:
        return None if budget.per or budget.name == MISSION else ""
    if budget.name == MISSION and run.mission is None:
        return None
    return part_of_run(budget, run.of_line)


def _standing(budget: Budget, status: StatusReport) -> list[int]:
    items = {item.budget.name: item for item in status.decision.statuses}
    item = items.get(budget.name)
    return [item.spent, item.held] if item is not None else [0, 0]


def _name(budget: Budget, part: str) -> str:
    if not part:
        return budget.name
    pairs = zip(budget.per, values_of(part), strict=True)
    words = [f"no {name}" if value == NONE else value for name, value in pairs]
    return f"{budget.name} ({', '.join(words)})"


def _entry(budget: Budget, part: str, now: datetime, run: RunOnCard | None) -> dict[str, Any]:
    """Return what the line needs of a budget."""
    mission = run.mission if run is not None else None
    limit = budget.for_part(part).limit if part else budget.limit
    if budget.name == MISSION and mission is not None and mission.limit_nano_usd is not None:
        limit = mission.limit_nano_usd
    of_session = budget.period in _OF_SESSIONS
    return {
        "name": _name(budget, part),
        "key": budget_key(budget),
        "measure": budget.measure.value,
        "limit": limit,
        "warns": budget.warn_at_percent,
        "windows": _windows(budget, now),
        "seconds": budget.window_seconds,
        "of_session": of_session,
        "session": run.session_id if run is not None and of_session else None,
        "project": run.project if run is not None and of_session else None,
        "part": part,
        "mission": mission.id if mission and budget.period is Period.MISSION else None,
    }


def _windows(budget: Budget, now: datetime) -> list[tuple[int, int]] | None:
    """Return the present window and some after it, so that a card outlives the end of a day."""
    window = window_at(budget.period, now, budget.timezone)
    if window is None:
        return None
    found: list[tuple[int, int]] = []
    for _ in range(_WINDOWS):
        found.append((microseconds(window.start), microseconds(window.end)))
        window = window_at(budget.period, window.end, budget.timezone)
        assert window is not None, "its period has a calendar"
    return found
