"""The one tree of errors of corvus.

Errors carry data and a message that says what is wrong, the value seen and what to do. They never
print, log, exit or know HTTP: ``policy.cli.exits`` alone turns them into exit codes.

::

    PolicyError
    ├── ConfigError
    ├── UnpricedModel
    ├── AmbiguousModel
    ├── LedgerError ─── LedgerLocked · LedgerTooNew · LedgerCorrupt
    ├── ImportRefused
    ├── ReportError ─── ReportNotFound · ReportParameterInvalid · ReportInvalid
    ├── DemoRefused
    ├── EditRefused
    └── ResourceMissing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy.diagnostics.model import Diagnostic


class PolicyError(Exception):
    """Every error that corvus raises on purpose.

    Attributes:
        code: Stable kebab-case name of the kind of failure, the same on every surface.
    """

    code: str = "policy-error"


class ConfigError(PolicyError):
    """The author must edit a configuration file.

    Attributes:
        diagnostics: All problems found, in file order.
    """

    code = "config-error"

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class UnpricedModel(PolicyError):
    """A used model, or a used kind of token, has no price (PRC-2, PRC-5)."""

    code = "unpriced-model"

    def __init__(self, message: str, model: str) -> None:
        super().__init__(message)
        self.model = model


class AmbiguousModel(UnpricedModel):
    """A model name fits several entries of the price book that cost different amounts (PRC-4)."""

    code = "ambiguous-model"


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


class DemoRefused(PolicyError):
    """The folder of ``corvus demo`` is somebody else's, or cannot be written."""

    code = "demo-refused"


class EditRefused(PolicyError):
    """A config cannot be changed as asked, or its file not be written; it is as it was."""

    code = "edit-refused"


class ResourceMissing(PolicyError):
    """A shipped directory is absent: the wheel was built wrong."""

    code = "resource-missing"
