"""What a person should know with a reconciliation: pages that are missing, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from corvus.base.money import usd_exact
from corvus.reconcile.charge import Bill, Sheet
from corvus.reconcile.ours import Used
from corvus.reconcile.result import FileRead
from corvus.reconcile.values import days_between

_SHOWN = 5


class Notes:
    """Collects what a person should know."""

    def __init__(self, bills: Sequence[Bill], sheets: Sequence[Sheet], now: datetime) -> None:
        self.files = tuple(map(_file_of, bills))
        self.more: list[str] = [f"{bill.file}: {note}" for bill in bills for note in bill.notes]
        self.more += _missing_pages(bills)
        today = now.astimezone(UTC).date()
        running = sorted({sheet.day for sheet in sheets if sheet.day >= today})
        if running:
            self.more.append(f"not over when this was compared: {_listed(running)}")

    def leave_out(self, used: Sequence[Used], tiers: set[str]) -> list[Used]:
        """Leave out calls in tiers that the bill never has."""
        without = [one for one in used if one.offer.service_tier in tiers]
        if without:
            cost = sum(one.certain_nano_usd + one.estimated_nano_usd for one in without)
            calls = sum(one.calls for one in without)
            self.more.append(
                f"the report has no {', '.join(sorted(tiers))} tier: left out "
                f"{_calls(calls)}, {usd_exact(cost)} USD"
            )
        return [one for one in used if one.offer.service_tier not in tiers]

    def all(self, days: Sequence[date], rest: Sequence[Used]) -> list[str]:
        """Return every note."""
        gaps = sorted(set(days_between(days)) - set(days))
        if gaps:
            self.more.append(f"not covered by the files: {_listed(gaps)}")
        if rest:
            cost = sum(one.certain_nano_usd + one.estimated_nano_usd for one in rest)
            models = sorted({one.model for one in rest})
            shown = ", ".join(models[:_SHOWN]) + (" and more" if len(models) > _SHOWN else "")
            self.more.append(
                f"the files have no line for {shown}: left out "
                f"{_calls(sum(one.calls for one in rest))}, {usd_exact(cost)} USD"
            )
        return list(dict.fromkeys(self.more))


def _calls(number: int) -> str:
    return f"{number:,} {'call' if number == 1 else 'calls'}"


def _listed(days: Sequence[date]) -> str:
    """Return days as text, those that follow each other as a range."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    spans = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    rest = f" and {len(spans) - _SHOWN} more" if len(spans) > _SHOWN else ""
    return ", ".join(spans[:_SHOWN]) + rest


def _file_of(bill: Bill) -> FileRead:
    days = tuple(sorted({sheet.day for sheet in bill.sheets}))
    lines = sum(charge.lines for sheet in bill.sheets for charge in sheet.charges.values())
    return FileRead(bill.file, bill.form.name, days, lines, tuple(bill.notes))


def _missing_pages(bills: Sequence[Bill]) -> list[str]:
    """Return a note for each form whose last page is not among the files."""
    found: list[str] = []
    for form in dict.fromkeys(bill.form for bill in bills):
        pages = [bill for bill in bills if bill.form is form]
        if pages and all(bill.has_more for bill in pages):
            found.append(
                f"{pages[-1].file}: more pages follow (has_more), and none of the files is the "
                "last one: the days after it are not compared"
            )
    return found
