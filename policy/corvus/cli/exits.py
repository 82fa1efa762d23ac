"""The exit codes, and the one table that turns an error into one (DIA-5).

| code | meaning |
|---|---|
| 0 | clean |
| 1 | findings at or above ``--fail-on`` |
| 2 | usage error, unreadable input, or no file matched |
| 3 | unexpected failure of the program |
| 20 | denied by a spend budget |
| 21 | denied by action rate or autonomy |
| 30 | ledger or store unavailable |
| 31 | upstream unavailable |
| 126 | the command of ``agent`` or ``code`` cannot be executed |
| 127 | the command of ``agent`` or ``code`` is not there |
"""

from __future__ import annotations

from enum import IntEnum

from corvus.autonomy.decide import ActionRefused
from corvus.base import errors
from corvus.diagnostics.model import ConfigError
from corvus.model.decision import Denied, UnpricedModel


class Exit(IntEnum):
    """Every exit code that corvus uses."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    FAILURE = 3
    DENIED_SPEND = 20
    DENIED_ACTION = 21
    LEDGER_UNAVAILABLE = 30
    UPSTREAM_UNAVAILABLE = 31
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127


_BY_ERROR: dict[type[errors.PolicyError], Exit] = {
    ConfigError: Exit.USAGE,
    UnpricedModel: Exit.USAGE,
    Denied: Exit.DENIED_SPEND,
    errors.ReservationError: Exit.USAGE,
    errors.SteeringRefused: Exit.USAGE,
    ActionRefused: Exit.DENIED_ACTION,
    errors.StoreError: Exit.LEDGER_UNAVAILABLE,
    errors.LedgerError: Exit.LEDGER_UNAVAILABLE,
    errors.ImportRefused: Exit.USAGE,
    errors.ReportError: Exit.USAGE,
    errors.ProjectRefused: Exit.USAGE,
    errors.TokenBound: Exit.USAGE,
    errors.DemoRefused: Exit.USAGE,
    errors.EditRefused: Exit.USAGE,
    errors.GatewayRefused: Exit.USAGE,
    errors.RunRefused: Exit.USAGE,
    errors.CommandNotFound: Exit.NOT_FOUND,
    errors.CommandNotExecutable: Exit.NOT_EXECUTABLE,
    errors.ResourceMissing: Exit.FAILURE,
}


def exit_for(error: errors.PolicyError) -> Exit:
    """Return the exit code of an error: that of its nearest listed ancestor."""
    for kind in type(error).__mro__:
        if kind in _BY_ERROR:
            return _BY_ERROR[kind]
    return Exit.FAILURE
