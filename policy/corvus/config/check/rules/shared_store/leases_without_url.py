"""Leases are slices of budgets in a store that hosts share, so there must be one (CFG-8, STO-3)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_LEASES: Route = ("governance", "ledger", "leases")
_URL: Route = ("governance", "ledger", "url")

INFO = CodeInfo(
    "leases-without-url",
    Severity.ERROR,
    "leases without a shared store",
    "A host that has leases admits calls from slices of budgets that a shared store gives it. "
    "Without governance.ledger.url there is no such store: each host would have the whole of every "
    "limit for itself.",
    "[governance.ledger]\nleases = true\n",
    '[governance.ledger]\nurl = "postgresql://db.example.com/corvus"\nleases = true\n',
    "Name the store in governance.ledger.url or in the variable CORVUS_GOVERNANCE__LEDGER__URL, "
    "also where the config is checked; or leave leases out.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report leases where no layer names a shared store."""
    leases, url = value_at(subject.tables, _LEASES), value_at(subject.tables, _URL)
    if leases is not True or url is not None or reporter.is_reported(_LEASES):
        return
    message = f"`{reporter.shown(_LEASES)}` needs `{reporter.shown(_URL)}`: no store is shared"
    help_ = ("Set the URL of the store, or the variable CORVUS_GOVERNANCE__LEDGER__URL.",)
    reporter.add(Finding(INFO.code, message, ValueOf(_LEASES), "no shared store", help_))
