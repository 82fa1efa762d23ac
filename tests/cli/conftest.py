"""Every command of these tests runs in an empty folder, as a user without any setting."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.places import Place
from tests.fakes import FrozenClock


@pytest.fixture(autouse=True)
def _private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("CORVUS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Let every command of this process read a clock that stands: Wednesday, noon."""
    clock = FrozenClock(datetime(2026, 11, 18, 12, tzinfo=UTC))
    for module in ("corvus.runtime", "corvus.cli.times"):
        monkeypatch.setattr(f"{module}.SystemClock", lambda: clock)
    return clock


@pytest.fixture
def place(tmp_path: Path, clock: FrozenClock) -> Place:
    """A place where calls are governed, at the time of the clock."""
    return Place(tmp_path, clock)


@pytest.fixture
def real_place(tmp_path: Path) -> Place:
    """A place for processes, which have the machine's clock."""
    return Place(tmp_path)
