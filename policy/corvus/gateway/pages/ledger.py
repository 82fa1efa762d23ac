"""Runs reports of the catalogue for the pages."""

from __future__ import annotations

from corvus.base.errors import LedgerError
from corvus.gateway.pages.page import Ask
from corvus.reporting.catalog import load_catalog
from corvus.reporting.table import Table


def answer(ask: Ask, name: str, **given: object) -> Table | None:
    """Run a report; parameters that are ``None`` are not given.

    Returns:
        Its answer; ``None`` while nothing was ever recorded and there is no ledger yet.

    Raises:
        ReportError: It cannot be run as asked.
        LedgerError: The ledger cannot be read.
    """
    report = load_catalog().find(name)
    known = {key: value for key, value in given.items() if value is not None}
    try:
        return ask.desk.run_report(report, known)
    except LedgerError:
        runtime = ask.desk.runtime
        if runtime.ledger_path.exists() or runtime.policy.enabled:
            raise
        return None
