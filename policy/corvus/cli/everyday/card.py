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
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corvus.base.errors import PolicyError
from corvus.base.time import microseconds
from corvus.cli.everyday.card_budgets import RunOnCard, entries_of, shared_entries
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

if TYPE_CHECKING:
    from corvus.governor.governor import Governor
    from corvus.runtime import Runtime

_FAULT_MAX = 160
_HOLDS_SECONDS = 3600
_KEPT_SECONDS = 7 * 86_400


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
    if place.is_shared and run is not None and governor is not None:
        return found | {"budgets": shared_entries(runtime.policy, now, run, governor)}
    return found | {"budgets": entries_of(runtime.policy, now, run, status)}


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
