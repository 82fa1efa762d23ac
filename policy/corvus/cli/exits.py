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
| 126 | the command of ``agent`` or ``code`` cannot be executed |
| 127 | the command of ``agent`` or ``code`` is not there |
"""

from __future__ import annotations

from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.base.errors import PolicyError
    from corvus.model.decision import Decision


class Exit(IntEnum):
    """Every exit code that corvus uses."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    FAILURE = 3
    DENIED_SPEND = 20
    DENIED_ACTION = 21
    LEDGER_UNAVAILABLE = 30
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127


_BY_CODE = {
    "config-error": Exit.USAGE,
    "unpriced-model": Exit.USAGE,
    "denied": Exit.DENIED_SPEND,
    "reservation-error": Exit.USAGE,
    "steering-refused": Exit.USAGE,
    "action-refused": Exit.DENIED_ACTION,
    "store-error": Exit.LEDGER_UNAVAILABLE,
    "postgres-not-installed": Exit.USAGE,
    "store-move-refused": Exit.USAGE,
    "proof-refused": Exit.USAGE,
    "ledger-error": Exit.LEDGER_UNAVAILABLE,
    "ledger-not-installed": Exit.USAGE,
    "import-refused": Exit.USAGE,
    "bill-refused": Exit.USAGE,
    "plan-refused": Exit.USAGE,
    "report-error": Exit.USAGE,
    "project-refused": Exit.USAGE,
    "token-bound": Exit.USAGE,
    "demo-refused": Exit.USAGE,
    "edit-refused": Exit.USAGE,
    "price-source-refused": Exit.USAGE,
    "gateway-refused": Exit.USAGE,
    "run-refused": Exit.USAGE,
    "command-not-found": Exit.NOT_FOUND,
    "command-not-executable": Exit.NOT_EXECUTABLE,
}
"""By code and not by class, so that a plain check imports no class that it does not need."""


def exit_for(error: PolicyError) -> Exit:
    """Return the exit code of an error: that of its nearest listed ancestor."""
    from corvus.base.errors import PolicyError

    codes = (kind.code for kind in type(error).__mro__ if issubclass(kind, PolicyError))
    return next((_BY_CODE[code] for code in codes if code in _BY_CODE), Exit.FAILURE)


def show_denial(decision: Decision) -> Exit:
    """Print a denial on standard error as one line of JSON, as its schema says.

    Returns:
        The exit code of the command that was stopped.
    """
    import json
    import sys

    from corvus.answers.denial import denial_body

    print(json.dumps(denial_body(decision), separators=(",", ":")), file=sys.stderr, flush=True)
    return Exit.DENIED_SPEND
