"""The one tree of errors of corvus.

Errors carry data and a message that says what is wrong, the value seen and what to do. They never
print, log, exit or know HTTP: ``corvus.cli.exits`` turns them into exit codes,
``corvus.gateway.problems`` into answers.

::

    PolicyError
    ├── ConfigError
    ├── Denied ──────── BudgetExceeded · UnpricedModel · MissionEnded · AlreadySettled
    ├── ReservationError ── ReservationNotFound · ReservationSettled · IdempotencyConflict
    ├── SteeringRefused
    ├── ActionRefused ── ActionRateExceeded
    ├── StoreError ──── StoreUnavailable (SettlementPending) · StoreTooNew · StoreCorrupt
    ├── LedgerError ─── LedgerLocked · LedgerTooNew · LedgerCorrupt
    ├── ImportRefused
    ├── ReportError ─── ReportNotFound · ReportParameterInvalid · ReportInvalid
    ├── ProjectRefused
    ├── TokenBound
    ├── DemoRefused
    ├── EditRefused
    ├── GatewayRefused
    ├── RunRefused ──── NoBudget · CommandNotFound · CommandNotExecutable
    └── ResourceMissing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic
    from corvus.governor.actions import ActionAnswer
    from corvus.model.decision import Decision


class PolicyError(Exception):
    """Every error that corvus raises on purpose.

    Attributes:
        code: Stable kebab-case name of the kind of failure, the same on every surface.
    """

    code: str = "policy-error"

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the class, the message and the attributes, whatever ``__init__`` takes.

        What the standard library does by itself calls ``__init__`` with the message alone, so an
        error with data could not come back from a process pool.
        """
        return _rebuilt, (type(self), self.args, self.__dict__)


class ConfigError(PolicyError):
    """The author must edit a configuration file.

    Attributes:
        diagnostics: All problems found, in file order.
    """

    code = "config-error"

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class Denied(PolicyError):
    """A call was refused; raised only by the context managers, ``reserve`` returns the decision.

    Attributes:
        decision: All that was decided, with the statuses of all budgets; ``None`` where nobody
            asked for admission, such as a look-up in the price book.
    """

    code = "denied"

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.decision = decision


class BudgetExceeded(Denied):
    """Token spend: a budget refused the call."""

    code = "budget-exceeded"


class UnpricedModel(Denied):
    """A used model, or a used kind of token, has no price (PRC-2, PRC-5).

    Attributes:
        model: The model as it was named.
    """

    code = "unpriced-model"

    def __init__(self, message: str, model: str, decision: Decision | None = None) -> None:
        super().__init__(message, decision)
        self.model = model


class AmbiguousModel(UnpricedModel):
    """A model name fits several entries of the price book that cost different amounts (PRC-4)."""

    code = "ambiguous-model"


class MissionEnded(Denied):
    """A mission has ended, so it takes no further step and no further call (MIS-4, MIS-5).

    Attributes:
        outcome: Of the mission: ``completed``, ``failed``, ``budget_exhausted`` or
            ``sla_exceeded``.
    """

    code = "mission-ended"

    def __init__(self, message: str, outcome: str, decision: Decision | None = None) -> None:
        super().__init__(message, decision)
        self.outcome = outcome


class AlreadySettled(Denied):
    """The idempotency key belongs to a call that is over: it is no permission (RES-2)."""

    code = "already-settled"


class ReservationError(PolicyError):
    """A reservation cannot be used as asked."""

    code = "reservation-error"


class ReservationNotFound(ReservationError):
    """No reservation has this id, or it was settled so long ago that it is forgotten."""

    code = "reservation-not-found"


class ReservationSettled(ReservationError):
    """The reservation is settled already (RES-2).

    Attributes:
        final_state: ``committed``, ``released`` or ``expired``.
    """

    code = "reservation-settled"

    def __init__(self, message: str, final_state: str) -> None:
        super().__init__(message)
        self.final_state = final_state


class IdempotencyConflict(ReservationError):
    """An idempotency key was used again with another body (RES-2)."""

    code = "idempotency-conflict"


class SteeringRefused(PolicyError):
    """An override, a reset, a session or a mission cannot be had as asked."""

    code = "steering-refused"


class ActionRefused(PolicyError):
    """Autonomy: an action is denied, or a person must approve it first (ACT-1).

    Attributes:
        answer: All that was decided, and how many actions there were.
    """

    code = "action-refused"

    def __init__(self, message: str, answer: ActionAnswer) -> None:
        super().__init__(message)
        self.answer = answer


class ActionRateExceeded(ActionRefused):
    """Action rate: the hour has had all its actions (ACT-2)."""

    code = "action-rate-exceeded"


class StoreError(PolicyError):
    """The store of budgets failed: nothing can be verified, so nothing is admitted (EVA-13)."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The store is locked, full, forbidden or closed; the caller may try again."""

    code = "store-unavailable"


class SettlementPending(StoreUnavailable):
    """A settlement is kept, and will be written later: do not repeat it (RES-9)."""

    code = "settlement-pending"


class StoreTooNew(StoreError):
    """The store was written by a newer corvus; it is refused, not damaged."""

    code = "store-too-new"


class StoreCorrupt(StoreError):
    """The file is no store, is damaged, or its figures contradict each other (MIS-3)."""

    code = "store-corrupt"


class LedgerError(PolicyError):
    """The ledger file could not be opened, read or written."""

    code = "ledger-error"


class LedgerLocked(LedgerError):
    """Another process holds the ledger; the caller may try again."""

    code = "ledger-locked"


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer corvus; it is refused, not damaged (LED-1)."""

    code = "ledger-too-new"


class LedgerCorrupt(LedgerError):
    """The file is no ledger, or DuckDB cannot read it."""

    code = "ledger-corrupt"


class ImportRefused(PolicyError):
    """An input of ``usage import`` cannot be read: missing, unknown format, mapped wrongly."""

    code = "import-refused"


class ReportError(PolicyError):
    """A report could not be run."""

    code = "report-error"


class ReportNotFound(ReportError):
    """No report has this name."""

    code = "report-not-found"


class ReportParameterInvalid(ReportError):
    """A parameter is unknown, missing, of the wrong type or out of range."""

    code = "report-parameter-invalid"


class ReportInvalid(ReportError):
    """A report file breaks its own contract: header, statement kind or columns (REP-1)."""

    code = "report-invalid"


class ProjectRefused(PolicyError):
    """A call says another project than its token is for."""

    code = "project-refused"


class TokenBound(PolicyError):
    """A call says that it belongs to something else than its token is bound to."""

    code = "token-bound"


class DemoRefused(PolicyError):
    """The folder of ``corvus demo`` is somebody else's, or cannot be written."""

    code = "demo-refused"


class EditRefused(PolicyError):
    """A config cannot be changed as asked, or its file not be written; it is as it was."""

    code = "edit-refused"


class SettingRefused(EditRefused):
    """A key cannot be changed at run time: it needs a restart, or a higher layer decides it."""

    code = "setting-refused"


class GatewayRefused(PolicyError):
    """The gateway cannot be served as asked: its address, its tokens or its libraries."""

    code = "gateway-refused"


class RunRefused(PolicyError):
    """A command is not run under its budgets as asked; nothing was started or recorded."""

    code = "run-refused"


class NoBudget(RunRefused):
    """No enforced budget limits the run (CLI-4)."""

    code = "no-budget"


class CommandNotFound(RunRefused):
    """There is no such command."""

    code = "command-not-found"


class CommandNotExecutable(RunRefused):
    """The command is there and may not, or cannot, be executed."""

    code = "command-not-executable"


class ResourceMissing(PolicyError):
    """A shipped directory is absent: the wheel was built wrong."""

    code = "resource-missing"


def _rebuilt(
    kind: type[PolicyError], arguments: tuple[object, ...], data: dict[str, object]
) -> PolicyError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(data)
    return error
