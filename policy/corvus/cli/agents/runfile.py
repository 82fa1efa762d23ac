"""Knows which runs are alive, so that what a killed one left open is ended (CLI-4).

Each run keeps a small file next to the ledger and locks it for as long as it lives; the system
gives the lock back whatever ends the process. A file that can be locked belongs to a run that is
dead: its mission ends as ``failed`` and its own session is closed when the next run starts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import SteeringRefused
from corvus.base.locks import HAS_LOCKS, try_lock
from corvus.model.steering import MissionOutcome

if TYPE_CHECKING:
    from corvus.governor.governor import Governor

_ENDING = ".run"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """What a run has opened, and would close at its end.

    Attributes:
        is_own_session: Whether the session is of this run alone.
        project: Of session and mission.
    """

    run_id: str
    session_id: str
    mission_id: str | None
    is_own_session: bool
    project: str | None = None


def folder_of(ledger: Path) -> Path:
    """Return where the runs of this host are noted that are governed by the store of a ledger."""
    return ledger.with_name(f"{ledger.name}.store.runs")


@contextmanager
def noted(folder: Path, run: OpenRun) -> Generator[None]:
    """Note a run while the context lasts; where that is impossible, it is left out.

    What stands in the way, such as a full disk, must not stop a run that is governed without it.
    """
    final = folder / f"{run.run_id}{_ENDING}"
    descriptor = -1
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{run.run_id}"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _lock(descriptor)
        os.write(descriptor, json.dumps(asdict(run)).encode())
        draft.rename(final)
    try:
        yield
    finally:
        with suppress(OSError):
            final.unlink()
        if descriptor >= 0:
            os.close(descriptor)


def end_dead_runs(folder: Path, governor: Governor) -> list[OpenRun]:
    """End what runs have left open that are dead; return them.

    Raises:
        StoreError: The store cannot be written.
    """
    ended: list[OpenRun] = []
    for file, run in _dead(folder):
        if run is not None:
            _end(governor, run)
            ended.append(run)
        with suppress(OSError):
            file.unlink()
    return ended


def _dead(folder: Path) -> Iterator[tuple[Path, OpenRun | None]]:
    """Yield the files of dead runs, locked while each is dealt with; ``None`` is unreadable."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == _ENDING)
    except OSError:
        return
    for file in files:
        try:
            descriptor = os.open(file, os.O_RDWR)
        except OSError:
            continue
        try:
            if _lock(descriptor):
                yield file, _read(descriptor)
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> OpenRun | None:
    try:
        said = json.loads(os.read(descriptor, 65_536))
        return OpenRun(
            str(said["run_id"]),
            str(said["session_id"]),
            None if said["mission_id"] is None else str(said["mission_id"]),
            said["is_own_session"] is True,
            None if said.get("project") is None else str(said["project"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _end(governor: Governor, run: OpenRun) -> None:
    if run.mission_id is not None:
        with suppress(SteeringRefused):  # it never began
            governor.end_mission(run.session_id, run.mission_id, MissionOutcome.FAILED, run.project)
    if run.is_own_session and _is_known(governor, run):
        with suppress(SteeringRefused):  # it is closed already
            governor.close_session(run.session_id, run.project)


def _is_known(governor: Governor, run: OpenRun) -> bool:
    return governor.status(run.session_id, project=run.project).session is not None


def _lock(descriptor: int) -> bool:
    """Lock a file unless another process has; return whether it is ours now."""
    try:
        return HAS_LOCKS and try_lock(descriptor)  # without locks nothing is ever held for dead
    except OSError:
        return False
