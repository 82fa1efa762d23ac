"""Keeps the charges of bills in the ledger, each once, and what a reconciliation found.

All of it in one transaction. Nothing here touches a table of usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from corvus.base.time import naive_utc
from corvus.ledger.ledger import Ledger
from corvus.model.usage import TokenKind
from corvus.prices.names import tier_of
from corvus.reconcile.charge import Charge, ChargeKind, Form, Kind, Line, Offer, Sheet
from corvus.reconcile.names import Names
from corvus.reconcile.recognise import READERS
from corvus.reconcile.result import Reconciliation
from corvus.reconcile.sheets import newest

_FORMS: dict[str, Form] = {reader.form.name: reader.form for reader in READERS}
_KINDS: dict[str, Kind] = {str(kind): kind for kind in (*TokenKind, *ChargeKind)}
_NOTHING = Line(None, ChargeKind.USAGE, label="nothing billed")
"""Stands for a day that a bill covers without a charge."""

_STORED = """
SELECT day, form, grouped_by, source, source_file, covers_through, billed_model, kind,
    service_tier, context_tokens, is_kept_in_us, project, label
FROM provider_charge
WHERE provider = $provider AND list_contains($days, day)
ORDER BY read_at, source
"""
_INSERT = "INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KNOWN_NAMES = "SELECT name, model FROM charge_model WHERE provider = $provider"
_LEARN_NAMES = """
INSERT INTO {table} SELECT $provider, unnest($names::VARCHAR[]), unnest($models::VARCHAR[])
"""
_FOUND = """
INSERT INTO {table}
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, map(?::VARCHAR[], ?::BIGINT[]), ?)
"""


def record(
    ledger: Ledger,
    sheets: Sequence[Sheet],
    found: Reconciliation,
    names: Names,
    now: datetime,
) -> int:
    """Keep charges and result.

    Args:
        ledger: Open for writing.
        sheets: The sheets of the files, each line once.
        found: The result; it is appended.
        names: Gives the one name of each model that either side named.
        now: The present instant, aware.

    Returns:
        How many charges are new.

    Raises:
        LedgerError: The ledger cannot be written; then nothing of it is kept.
    """
    with ledger.transaction():
        stored = _stored(ledger, found.provider, {sheet.day for sheet in sheets})
        kept = {id(sheet) for sheet in newest(sheets, stored)}
        fresh = [sheet for sheet in sheets if id(sheet) in kept]
        taken = {(sheet.form, sheet.day) for sheet in fresh}
        for sheet in stored:
            is_empty = not sheet.charges and (sheet.form, sheet.day) in taken
            if id(sheet) not in kept or is_empty:
                _remove(ledger, sheet)
        rows = [row for sheet in fresh for row in _rows(sheet, names, naive_utc(now))]
        if rows:
            statement = _INSERT.format(table=ledger.table("provider_charge"))
            ledger.connection.executemany(statement, rows)
        _learn(ledger, found.provider, names)
        _append(ledger, found, naive_utc(now))
    return len(rows)


def _stored(ledger: Ledger, provider: str, days: set[date]) -> list[Sheet]:
    """Return the sheets that the ledger has of these days: their lines without amounts."""
    found: dict[tuple[object, ...], Sheet] = {}
    bounds = {"provider": provider, "days": sorted(days)}
    for row in ledger.connection.execute(_STORED, bounds).fetchall():
        day, form, grouping, source, file, through, *written = row
        model, kind, tier, context, is_kept_in_us, project, label = written
        known = _FORMS.get(form) or Form(form, None)
        sheet = found.setdefault(
            (form, day, source), Sheet(known, day, provider, grouping, source, file, through)
        )
        offer = Offer(tier_of(tier), context, is_kept_in_us)
        line = Line(model, _KINDS.get(kind, ChargeKind.FEE), offer, project, label)
        if line != _NOTHING:
            sheet.charges[line] = Charge()
    return list(found.values())


def _remove(ledger: Ledger, sheet: Sheet) -> None:
    ledger.remove(
        {
            "table": "provider_charge",
            "provider": sheet.provider,
            "day": sheet.day.isoformat(),
            "form": sheet.form.name,
            "source": sheet.source,
        }
    )


def _rows(sheet: Sheet, names: Names, read_at: datetime) -> Iterator[list[object]]:
    charges = sheet.charges or {_NOTHING: Charge(amount_usd=Decimal(0))}
    for line, charge in charges.items():
        yield [
            sheet.day,
            sheet.provider,
            names.canonical(line.model) if line.model else None,
            line.model,
            str(line.kind),
            line.offer.service_tier,
            line.offer.context_tokens,
            line.offer.is_kept_in_us,
            line.project,
            line.label,
            _nano(charge.amount_usd) if sheet.form.states_amounts else None,
            _nano(charge.list_usd),
            charge.quantity,
            charge.requests,
            sheet.form.name,
            sheet.grouping,
            sheet.through,
            sheet.source,
            sheet.file,
            read_at,
        ]


def _nano(amount_usd: Decimal | None) -> int | None:
    """Return an amount in nano-USD, rounded half to even."""
    if amount_usd is None:
        return None
    with localcontext() as context:
        context.prec = 100
        return int(amount_usd.scaleb(9).to_integral_value(rounding=ROUND_HALF_EVEN))


def _learn(ledger: Ledger, provider: str, names: Names) -> None:
    """Keep which names mean which model, for the report in SQL."""
    known = dict(ledger.connection.execute(_KNOWN_NAMES, {"provider": provider}).fetchall())
    changed = [name for name in names.introduced() if known.get(name) != names.canonical(name)]
    for name in changed:
        if name in known:
            ledger.remove({"table": "charge_model", "provider": provider, "name": name})
    models = [names.canonical(name) for name in changed]
    values: dict[str, object] = {"provider": provider, "names": changed, "models": models}
    ledger.connection.execute(_LEARN_NAMES.format(table=ledger.table("charge_model")), values)


def _append(ledger: Ledger, found: Reconciliation, now: datetime) -> None:
    causes = found.causes if found.has_amounts else {}
    ledger.connection.execute(
        _FOUND.format(table=ledger.table("reconciliation")),
        [
            now,
            found.provider,
            found.days[0],
            found.days[-1],
            len(found.days),
            found.billed_nano_usd if found.has_amounts else None,
            found.list_nano_usd if found.has_amounts else None,
            found.ours_nano_usd,
            found.low_nano_usd,
            found.high_nano_usd,
            found.gap_nano_usd if found.has_amounts else None,
            [str(cause) for cause in causes],
            list(causes.values()),
            found.is_within,
        ],
    )
