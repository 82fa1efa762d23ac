"""The one tree of errors of corvus.

Errors carry data and a message that says what is wrong, the value seen and what to do. They never
print, log, exit or know HTTP: ``corvus.cli.exits`` turns them into exit codes,
``corvus.gateway.problems`` into answers.

::

    PolicyError
    ├── ConfigError
    ├── Denied ──────── BudgetExceeded · UnpricedModel · MissionEnded · AlreadySettled
    ├── ReservationError ── ReservationNotFound · ReservationSettled · IdempotencyConflict
    ├── SteeringRefused ── ApprovalNotFound · SelfApproval
    ├── ActionRefused ── ActionRateExceeded
    ├── StoreError ──── StoreUnavailable (SettlementPending · OutcomeUnknown) · StoreTooNew
    │                   StoreCorrupt · StoreMoved · StoreMoveRefused · PostgresNotInstalled
    ├── LedgerError ─── LedgerLocked · LedgerOutdated · LedgerTooNew · LedgerCorrupt
    │                   LedgerNotInstalled
    ├── ImportRefused
    ├── BillRefused
    ├── PlanRefused
    ├── ReportError ─── ReportNotFound · ReportParameterInvalid · ReportInvalid
    ├── ProjectRefused
    ├── TokenBound
    ├── DemoRefused
    ├── ProofRefused
    ├── EditRefused
    ├── GatewayRefused
    ├── RunRefused ──── NoBudget · CommandNotFound · CommandNotExecutable
    └── ResourceMissing
"""

from __future__ import annotations


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


class ReservationError(PolicyError):
    """A reservation cannot be used as requested."""

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
    """An override, a reset, a session or a mission cannot be had as requested."""

    code = "steering-refused"


class OverridesDisabled(SteeringRefused):
    """The policy lets no block be lifted (OVR-1)."""

    code = "overrides-disabled"


class SignInRefused(SteeringRefused):
    """Somebody may not sign in, or the OpenID provider does not say who they are (PRX-8)."""

    code = "sign-in-refused"


class ApprovalNotFound(SteeringRefused):
    """No call is parked under this id, or the link to it is not valid (EVA-14)."""

    code = "approval-not-found"


class SelfApproval(SteeringRefused):
    """Whose call is parked cannot approve it (EVA-14)."""

    code = "self-approval"


class StoreError(PolicyError):
    """The store of budgets failed: nothing can be verified, so nothing is admitted (EVA-13)."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The store is locked, full, forbidden or closed; the caller may try again."""

    code = "store-unavailable"


class SettlementPending(StoreUnavailable):
    """A settlement is kept, and will be written later: do not repeat it (RES-9)."""

    code = "settlement-pending"


class OutcomeUnknown(StoreUnavailable):
    """The store was lost while it wrote, and could not be asked what became of it (STO-3).

    What was to be written may be there or not: a call may be held, and its hold ends in time.
    """

    code = "outcome-unknown"


class StoreTooNew(StoreError):
    """The store was written by a newer corvus; it is refused, not damaged."""

    code = "store-too-new"


class StoreCorrupt(StoreError):
    """The file is no store, is damaged, or its figures contradict each other (MIS-3)."""

    code = "store-corrupt"


class PostgresNotInstalled(StoreError):
    """The client of PostgreSQL is not installed, so a store there cannot be opened."""

    code = "postgres-not-installed"


class StoreMoved(StoreError):
    """The store goes on elsewhere, or has not fully arrived here; this copy is unusable (STO-5)."""

    code = "store-moved"


class StoreMoveRefused(StoreError):
    """A store cannot be moved as requested; it is where it was (STO-5)."""

    code = "store-move-refused"


class LedgerError(PolicyError):
    """The ledger file could not be opened, read or written."""

    code = "ledger-error"


class LedgerLocked(LedgerError):
    """Another process holds the ledger; the caller may try again."""

    code = "ledger-locked"


class LedgerOutdated(LedgerError):
    """The ledger was written by an older corvus, and is to be upgraded first (LED-1)."""


class LedgerTooNew(LedgerError):
    """The ledger was written by a newer corvus; it is refused, not damaged (LED-1)."""

    code = "ledger-too-new"


class LedgerCorrupt(LedgerError):
    """The file is no ledger, or DuckDB cannot read it."""

    code = "ledger-corrupt"


class LedgerNotInstalled(LedgerError):
    """DuckDB is not installed, so nothing that needs the ledger is begun."""

    code = "ledger-not-installed"


class ImportRefused(PolicyError):
    """An input of ``usage import`` cannot be read: missing, unknown format, mapped wrongly."""

    code = "import-refused"


class BillRefused(PolicyError):
    """A bill cannot be compared: missing, torn, of an unknown form, or in another currency."""

    code = "bill-refused"


class PlanRefused(PolicyError):
    """What a plan is to be compared with cannot be found."""

    code = "plan-refused"


class ReportError(PolicyError):
    """A report could not be run."""

    code = "report-error"


class ReportNotFound(ReportError):
    """No report has this name."""

    code = "report-not-found"


class ReportParameterInvalid(ReportError):
    """A parameter is unknown, missing, of the wrong type or out of range.

    Attributes:
        parameter: Its name, where the error is about one of those that the report has.
    """

    code = "report-parameter-invalid"

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


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
    """A config cannot be changed as requested, or its file not be written; it is as it was."""

    code = "edit-refused"


class ProofRefused(PolicyError):
    """A statement about a period, or the key to sign it, cannot be made or used (PLN-4)."""

    code = "proof-refused"


class PriceSourceRefused(PolicyError):
    """A file makes no price book: it cannot be read, or says what is not understood."""

    code = "price-source-refused"


class SettingRefused(EditRefused):
    """A key cannot be changed at run time: it needs a restart, or a higher layer decides it."""

    code = "setting-refused"


class NothingNamed(SettingRefused):
    """A change of the config names no key, or one without a value."""

    code = "nothing-named"


class RestartNeeded(SettingRefused):
    """Keys take effect at a restart alone (API-4).

    Attributes:
        fields: Dotted paths of the keys, in the order of the change.
    """

    code = "restart-needed"

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        does = "takes" if len(fields) == 1 else "take"
        names = ", ".join(fields)
        super().__init__(f"{names} {does} effect at a restart only: change the file, then restart")


class GatewayRefused(PolicyError):
    """The gateway cannot be served as requested: its address, its tokens or its libraries."""

    code = "gateway-refused"


class RunRefused(PolicyError):
    """A command is not run under its budgets as requested; nothing was started or recorded."""

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
