from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import corvus
from corvus.base import errors
from corvus.cli import exits
from corvus.cli.exits import Exit, exit_for

PACKAGE = Path(corvus.__file__).parent
for _path in PACKAGE.rglob("*.py"):
    if re.search(r"^class \w+\(\w*(Error|Denied|Refused)\):", _path.read_text(), re.MULTILINE):
        import_module(".".join(_path.relative_to(PACKAGE.parent).with_suffix("").parts))


def _kinds(kind: type[errors.PolicyError]) -> list[type[errors.PolicyError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _kinds(child))]


KINDS = [kind for kind in _kinds(errors.PolicyError) if "code" in vars(kind)]
"""All that leave us; what has no code of its own is caught by us."""
LEAVES = [kind for kind in KINDS if not set(kind.__subclasses__()) & set(KINDS)]

EXITS = {
    "PolicyError": Exit.FAILURE,
    "ConfigError": Exit.USAGE,
    "UnpricedModel": Exit.USAGE,
    "AmbiguousModel": Exit.USAGE,
    "Denied": Exit.DENIED_SPEND,
    "BudgetExceeded": Exit.DENIED_SPEND,
    "ActionRefused": Exit.DENIED_ACTION,
    "ActionRateExceeded": Exit.DENIED_ACTION,
    "MissionEnded": Exit.DENIED_SPEND,
    "AlreadySettled": Exit.DENIED_SPEND,
    "ReservationError": Exit.USAGE,
    "ReservationNotFound": Exit.USAGE,
    "ReservationSettled": Exit.USAGE,
    "IdempotencyConflict": Exit.USAGE,
    "SteeringRefused": Exit.USAGE,
    "OverridesDisabled": Exit.USAGE,
    "SignInRefused": Exit.USAGE,
    "ApprovalNotFound": Exit.USAGE,
    "SelfApproval": Exit.USAGE,
    "StoreError": Exit.LEDGER_UNAVAILABLE,
    "StoreUnavailable": Exit.LEDGER_UNAVAILABLE,
    "SettlementPending": Exit.LEDGER_UNAVAILABLE,
    "OutcomeUnknown": Exit.LEDGER_UNAVAILABLE,
    "StoreTooNew": Exit.LEDGER_UNAVAILABLE,
    "StoreCorrupt": Exit.LEDGER_UNAVAILABLE,
    "PostgresNotInstalled": Exit.USAGE,
    "StoreMoved": Exit.LEDGER_UNAVAILABLE,
    "StoreMoveRefused": Exit.USAGE,
    "ProofRefused": Exit.USAGE,
    "LedgerError": Exit.LEDGER_UNAVAILABLE,
    "LedgerLocked": Exit.LEDGER_UNAVAILABLE,
    "LedgerTooNew": Exit.LEDGER_UNAVAILABLE,
    "LedgerCorrupt": Exit.LEDGER_UNAVAILABLE,
    "LedgerNotInstalled": Exit.USAGE,
    "ImportRefused": Exit.USAGE,
    "BillRefused": Exit.USAGE,
    "PlanRefused": Exit.USAGE,
    "ReportError": Exit.USAGE,
    "ReportNotFound": Exit.USAGE,
    "ReportParameterInvalid": Exit.USAGE,
    "ReportInvalid": Exit.USAGE,
    "ProjectRefused": Exit.USAGE,
    "TokenBound": Exit.USAGE,
    "DemoRefused": Exit.USAGE,
    "EditRefused": Exit.USAGE,
    "PriceSourceRefused": Exit.USAGE,
    "SettingRefused": Exit.USAGE,
    "NothingNamed": Exit.USAGE,
    "RestartNeeded": Exit.USAGE,
    "GatewayRefused": Exit.USAGE,
    "RunRefused": Exit.USAGE,
    "NoBudget": Exit.USAGE,
    "CommandNotFound": Exit.NOT_FOUND,
    "CommandNotExecutable": Exit.NOT_EXECUTABLE,
    "ResourceMissing": Exit.FAILURE,
}
"""The whole table (DIA-5): a new error needs a row here, and a decision."""


def test_every_error_has_the_exit_code_of_the_table() -> None:
    assert {kind.__name__: exit_for(kind.__new__(kind)) for kind in KINDS} == EXITS


def test_the_documented_exit_codes_are_all_there_are() -> None:
    documented = re.findall(r"^\| (\d+) \|", str(exits.__doc__), flags=re.MULTILINE)
    assert [int(code) for code in documented] == [code.value for code in Exit]


def test_error_codes_are_unique_and_kebab_case() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_error_is_raised_somewhere() -> None:
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    made = (
        r"(?:raise|return|=|:) (\w+)|(?<!class )\b(\w+)\("  # some are made where others raise them
    )
    names = {name for pair in re.findall(made, source) for name in pair}
    unused = [kind.__name__ for kind in LEAVES if kind.__name__ not in names]
    assert not unused
