"""Writes the card that ``corvus statusline`` reads: which budgets are in force in a folder (CLI-7).

A line must come within milliseconds, and to load a config takes hundreds. What the line shows of a
store in a file it reads there itself; what only a server or the ledger knows is written here, with
its time. A card holds until a file that was looked at, a variable or the last window changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corvus.base.errors import PolicyError
from corvus.base.period import Period, window_at
from corvus.base.time import microseconds
from corvus.cli.everyday.line import (
    CARD_VERSION,
    STALE_SECONDS,
    card_path,
    fingerprint,
    read_card,
    signature,
    state_folder,
)
from corvus.diagnostics.plain import escape
from corvus.gateway.proxy.clients import CLIENTS
from corvus.governor.rules import MISSION, budgets_to_register, part_of_run
from corvus.model.budget import NONE, values_of
from corvus.model.parts import PartsQuery
from corvus.store.kinds import budget_key

if TYPE_CHECKING:
    from datetime import datetime

    from corvus.compile import RunLimits
    from corvus.governor.governor import Governor
    from corvus.model.budget import Budget
    from corvus.model.status_report import StatusReport
    from corvus.model.steering import MissionRequest
    from corvus.runtime import Runtime

_FAULT_MAX = 160
_HOLDS_SECONDS = 3600
_WINDOWS = 10
_KEPT_SECONDS = 7 * 86_400
_OF_SESSIONS = (Period.SESSION, Period.MISSION)


def refresh(directory: Path, environment: Mapping[str, str]) -> None:
    """Write the card of a folder; what keeps it from being known stands on it.

    Where no budget is in force, what is new in the logs of agents is imported first, as the day of
    the line is that of the ledger.

    Args:
        directory: The folder.
        environment: Of the process.
    """
    from corvus.config.layers.load import load_layers
    from corvus.runtime import open_runtime

    os.chdir(directory)
    where = card_path(environment, str(directory))
    card = _empty(str(directory), environment)
    try:
        located = load_layers((), (), environment).located
        card["places"] = _places([*located.looked_at, *located.paths])
        runtime = open_runtime()
        card |= _in_force(runtime)
        if card["store"] is None and not runtime.bookkeeping.place.is_shared:
            card["places"] |= _places([Path(runtime.bookkeeping.place.name)])  # none is there yet
    except PolicyError as fault:
        card["fault"] = escape(f"corvus: {str(fault).splitlines()[0]}"[:_FAULT_MAX])
        card["places"] = card["places"] or _tried(environment)
    write(where, card)
    with suppress(OSError):
        os.unlink(f"{where}.starting")
    _forget_old(environment)


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


@contextmanager
def of_run(runtime: Runtime, run: RunOnCard, governor: Governor) -> Generator[None]:
    """Keep a card for the command of a run, whose limits stand in no config, while it lasts.

    What stands in the way must not stop a run that is governed without it.

    Args:
        runtime: What is in force, the limits of the run included.
        run: The run.
        governor: Of its calls.
    """
    environment = {**os.environ, "CORVUS_RUN": run.run_id}
    where = card_path(environment, "")
    card = _empty("", environment)
    card["run"] = {
        "config": [os.path.abspath(path) for path in runtime.config_paths],
        "ledger": os.path.abspath(runtime.ledger_path),
        "limits": asdict(run.limits),
        "project": run.project,
    }
    with suppress(PolicyError, OSError):
        card |= _in_force(runtime, run, governor, holds_seconds=_KEPT_SECONDS)
        write(where, card)
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(where)


def runtime_of_run(environment: Mapping[str, str]) -> Runtime | None:
    """Return what governs the run that this process belongs to; ``None`` outside of one.

    Its limits, and perhaps its config, were stated on a command line that this process has not
    seen. Settings of ``--set`` are not among them.

    Raises:
        ConfigError: The config of the run has errors by now.
    """
    if not environment.get("CORVUS_RUN"):
        return None
    card = read_card(environment, "", time.time_ns() // 1000)
    run = (card or {}).get("run")
    if run is None:
        return None
    from corvus.compile import RunLimits
    from corvus.runtime import open_runtime

    limits = RunLimits(**run["limits"])
    return open_runtime(run["config"], ledger=run["ledger"]).limited(limits)


def project_of_run(environment: Mapping[str, str]) -> str | None:
    """Return the project of the run that this process belongs to; ``None`` outside of one."""
    if not environment.get("CORVUS_RUN"):
        return None
    card = read_card(environment, "", time.time_ns() // 1000)
    run: dict[str, Any] | None = (card or {}).get("run")
    return None if run is None else run.get("project") or None


def _empty(directory: str, environment: Mapping[str, str]) -> dict[str, Any]:
    now_us = time.time_ns() // 1000
    return {
        "version": CARD_VERSION,
        "directory": directory,
        "environment": fingerprint(environment),
        "places": {},
        "stale_after_us": now_us + int(STALE_SECONDS * 1e6),
        "until_us": now_us + _HOLDS_SECONDS * 10**6,
        "as_of_us": None,
        "fault": "",
        "is_enforced": False,
        "run": None,
        "store": None,
        "day": None,
        "budgets": [],
    }


def _places(paths: Sequence[Path]) -> dict[str, list[int] | None]:
    return {os.path.abspath(path): signature(os.path.abspath(path)) for path in paths}


def _tried(environment: Mapping[str, str]) -> dict[str, list[int] | None]:
    """Return the places of a config that could not be read."""
    from corvus.config.layers.locate import locate

    with suppress(PolicyError):
        located = locate(environment=environment)
        return _places([*located.looked_at, *located.paths])
    return {}


def _in_force(
    runtime: Runtime,
    run: RunOnCard | None = None,
    governor: Governor | None = None,
    *,
    holds_seconds: int = _HOLDS_SECONDS,
) -> dict[str, Any]:
    """Return what a policy and its store say."""
    now, place = runtime.clock.now(), runtime.bookkeeping.place
    if not runtime.policy.enabled:
        return {"day": _day(runtime)}
    found: dict[str, Any] = {"is_enforced": True}
    # It enrols a budget that is new, and counts what was imported; of a run the governor does so.
    status = runtime.status() if run is None else None
    if place.is_shared or not place.exists:
        found["as_of_us"] = microseconds(now)
    else:
        status = None
        found["store"] = os.path.abspath(place.name)
        found["stale_after_us"] = microseconds(now) + holds_seconds * 10**6
    found["until_us"] = microseconds(now) + (holds_seconds + _HOLDS_SECONDS) * 10**6
    budgets: list[dict[str, Any]] = []
    for budget in budgets_to_register(runtime.policy):
        part = _part(budget, run)
        if part is not None:
            entry = _entry(budget, part, now, run)
            if status is not None:
                entry["standing"] = _standing(budget, status)
            elif place.is_shared and run is not None and governor is not None:
                entry["standing"] = _standing_in_run(budget, part, run, governor)
            budgets.append(entry)
    return found | {"budgets": budgets}


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


def _standing_in_run(budget: Budget, part: str, run: RunOnCard, governor: Governor) -> list[int]:
    """Return what a store that hosts share says of a budget where a run starts."""
    mission = run.mission.id if run.mission is not None else None
    project = run.project or None
    if not part:
        return _standing(budget, governor.status(run.session_id, mission, project=project))
    query = PartsQuery(
        budget.name, part, session_id=run.session_id, mission_id=mission, project=project
    )
    rows = governor.parts(query).rows
    return [rows[0].status.spent, rows[0].status.held] if rows else [0, 0]


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
        "standing": None,
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


def _day(runtime: Runtime) -> int | None:
    """Return what the ledger has of today, nano-USD; ``None`` where it cannot say."""
    from corvus.base.extras import has_ledger

    if not has_ledger():
        return None
    from corvus.cli.everyday.today import import_new, machine_zone
    from corvus.reporting.today import today

    import_new(runtime, shows_progress=False)
    if runtime.bookkeeping.is_untouched():
        return None
    with runtime.bookkeeping.ledger() as opened:
        return today(opened.connection, runtime.clock.now(), machine_zone()).day.cost_nano_usd


def write(path: str, card: Mapping[str, Any]) -> None:
    """Write a card, whole or not at all; for the user alone.

    Raises:
        OSError: It cannot be written.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(card, file)
    os.replace(draft, path)


def _forget_old(environment: Mapping[str, str]) -> None:
    """Remove cards that nobody has asked for in a week."""
    with suppress(OSError):
        for entry in os.scandir(state_folder(environment)):
            with suppress(OSError):
                if time.time() - entry.stat().st_mtime > _KEPT_SECONDS:
                    os.unlink(entry.path)
