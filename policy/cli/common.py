"""What every command shares: where text goes and how a person is told from a machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return a rich console on standard output or standard error; colour follows the terminal and NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def is_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout.isatty()


def default_ledger_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the ledger lives when nothing names one: ``$XDG_STATE_HOME/corvus/ledger.duckdb``."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "corvus" / "ledger.duckdb"
