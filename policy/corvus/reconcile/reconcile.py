"""Reconciles: reads the files of a bill, compares their days with the ledger, keeps the charges."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from corvus.base.errors import BillRefused
from corvus.ledger.ledger import Ledger
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import provider_id
from corvus.reconcile.cells import build_cells
from corvus.reconcile.charge import Form, Sheet
from corvus.reconcile.compare import compare
from corvus.reconcile.forms.reader import Context
from corvus.reconcile.names import Names, provider_of
from corvus.reconcile.notes import Notes
from corvus.reconcile.ours import Used, read_used
from corvus.reconcile.rates import RateCard
from corvus.reconcile.recognise import read_bill
from corvus.reconcile.recording import record
from corvus.reconcile.result import Reconciliation
from corvus.reconcile.sheets import newest

OpenLedger: TypeAlias = Callable[[], AbstractContextManager[Ledger]]
"""Opens the ledger for a moment."""

TOLERANCE = Fraction(1, 100)
"""The part of a bill that a gap may come to, where nothing else is said."""
_SUFFIXES = (".json", ".jsonl", ".csv")


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be compared.

    Attributes:
        provider: Who bills; ``None`` takes the one that the files name.
        since: First UTC day, inclusive.
        until: Last UTC day, inclusive.
        tolerance: The part of the bill that the gap may come to, >= 0.
        now: The present instant, aware.
    """

    now: datetime
    provider: str | None = None
    since: date | None = None
    until: date | None = None
    tolerance: Fraction = TOLERANCE


def reconcile(
    patterns: Sequence[str],
    books: PriceBooks,
    choice: Choice,
    *,
    read: OpenLedger,
    write: OpenLedger | None,
) -> Reconciliation:
    """Hold the bills in some files against the ledger.

    Args:
        patterns: Files, folders, or globs.
        books: The price books, for names and rates.
        choice: What is to be compared.
        read: Opens the ledger for reading.
        write: Opens it for writing, to keep the charges; ``None`` keeps nothing.

    Raises:
        BillRefused: A file cannot be used, or no day is left to compare.
        LedgerError: The ledger cannot be read or written.
    """
    provider = provider_id(choice.provider) if choice.provider else None
    context = _context(provider, books)
    bills = [read_bill(path, context) for path in _files(patterns)]
    every = newest(sheet for bill in bills for sheet in bill.sheets)
    provider = provider or _provider_of(every)
    sheets = [sheet for sheet in every if _is_chosen(sheet.day, choice)]
    days = sorted({sheet.day for sheet in sheets})
    if not days:
        raise BillRefused(f"no day to compare: {_covered(every)}")
    aliases = {name: model for bill in bills for name, model in bill.names.items()}
    names = Names(books, provider, aliases)
    terms = _Terms(provider, names, RateCard(books, provider))
    names.introduce(line.model for sheet in sheets for line in sheet.charges if line.model)
    with read() as ledger:
        used = read_used(ledger, provider, days, names, terms.card)
    notes = Notes(bills, sheets, choice.now)
    found = _compared(sheets, used, terms, notes, choice.tolerance)
    if write is not None:
        with write() as ledger:
            record(ledger, every, found, names, choice.now)
    return found


@dataclass(frozen=True, slots=True)
class _Terms:
    """How one provider names and charges what it sells."""

    provider: str
    names: Names
    card: RateCard


def _compared(
    sheets: list[Sheet], used: list[Used], terms: _Terms, notes: Notes, tolerance: Fraction
) -> Reconciliation:
    amounts = _one_form(sheets, notes, states_amounts=True)
    counted = _one_form(sheets, notes, states_amounts=False)
    days = {sheet.day for sheet in amounts or counted}
    left_out = {sheet.form.leaves_out for sheet in amounts if sheet.form.leaves_out}
    used = [one for one in used if one.day in days]
    if left_out:
        used = notes.leave_out(used, left_out)
        counted = [_without(sheet, left_out) for sheet in counted]
    counted = [sheet for sheet in counted if sheet.day in days]
    cells = build_cells(amounts, counted, used, terms.names, terms.card)
    partial = {sheet.day for sheet in amounts if not sheet.form.is_whole}
    unnamed = [key for key, cell in cells.items() if key.day in partial and not cell.is_billed]
    rest = [one for key in unnamed for one in cells.pop(key).used]
    return Reconciliation(
        provider=terms.provider,
        files=notes.files,
        days=tuple(sorted(days)),
        rows=tuple(compare(cells, terms.card, has_amounts=bool(amounts))),
        left_out_nano_usd=sum(one.certain_nano_usd + one.estimated_nano_usd for one in rest),
        left_out_calls=sum(one.calls for one in rest),
        notes=tuple(notes.all(sorted(days), rest)),
        tolerance=tolerance,
    )


def _files(patterns: Sequence[str]) -> list[Path]:
    """Return the files behind paths, folders and globs, each once, in a stable order.

    Raises:
        BillRefused: One of them matches nothing.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        name = os.path.expanduser(pattern)
        if os.path.isdir(name):
            matches = [
                os.path.join(name, each)
                for each in sorted(os.listdir(name))
                if each.removesuffix(".gz").endswith(_SUFFIXES)
            ]
        elif os.path.lexists(name):
            matches = [name]
        else:
            matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            raise BillRefused(f"no file matches {pattern!r}")
        for match in matches:
            found.setdefault(os.path.realpath(match), Path(match))
    return list(found.values())


def _context(provider: str | None, books: PriceBooks) -> Context:
    names = Names(books, provider or "openai", {})
    return Context(provider, names.is_listed, lambda name: provider_of(name, books))


def _provider_of(sheets: Iterable[Sheet]) -> str:
    found = sorted({sheet.provider for sheet in sheets})
    if len(found) != 1:
        seen = f"bills of {', '.join(found)}" if found else "they have no line"
        raise BillRefused(f"whose bill are the files? {seen}; name the provider with --provider")
    return found[0]


def _is_chosen(day: date, choice: Choice) -> bool:
    return (choice.since is None or day >= choice.since) and (
        choice.until is None or day <= choice.until
    )


def _covered(sheets: Sequence[Sheet]) -> str:
    days = sorted({sheet.day for sheet in sheets})
    return f"the files cover {days[0]} to {days[-1]}" if days else "the files cover none"


def _one_form(sheets: list[Sheet], notes: Notes, *, states_amounts: bool) -> list[Sheet]:
    """Return the sheets of one form for each day: what two bills say of it does not add up."""
    by_day: dict[date, dict[Form, list[Sheet]]] = {}
    for sheet in sheets:
        if sheet.form.states_amounts is states_amounts:
            by_day.setdefault(sheet.day, {}).setdefault(sheet.form, []).append(sheet)
    chosen: list[Sheet] = []
    for day, forms in by_day.items():
        lines = {form: sum(len(sheet.charges) for sheet in some) for form, some in forms.items()}
        best = max(forms, key=lambda form: (lines[form], form.name))
        chosen += forms[best]
        others = sorted(form.name for form in forms if form is not best)
        if others:
            notes.more.append(f"{day} is compared by {best.name}, and not by {', '.join(others)}")
    return chosen


def _without(sheet: Sheet, tiers: set[str]) -> Sheet:
    kept = {
        line: charge
        for line, charge in sheet.charges.items()
        if line.offer.service_tier not in tiers
    }
    return Sheet(
        sheet.form,
        sheet.day,
        sheet.provider,
        sheet.grouping,
        sheet.source,
        sheet.file,
        sheet.through,
        sheet.smallest_usd,
        charges=kept,
    )
