"""What ``corvus reconcile`` writes: rows, sums and remarks, for a person and for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.money import usd_exact
from corvus.cli.output import console, json_text
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.reconcile.result import Reconciliation, Row
    from corvus.reporting.table import Cell, Table


def table_of(found: Reconciliation) -> Table:
    """Return a row for each day and model, with the gap and why."""
    from corvus.reporting.table import Column, Table

    columns = (
        Column("day", "DATE", "UTC"),
        Column("model", "VARCHAR", "model, or what was charged apart from models"),
        Column("billed_nano_usd", "BIGINT", "nano-USD"),
        Column("list_nano_usd", "BIGINT", "nano-USD", "before discounts"),
        Column("ours_nano_usd", "BIGINT", "nano-USD"),
        Column("low_nano_usd", "BIGINT", "nano-USD", "without estimates"),
        Column("high_nano_usd", "BIGINT", "nano-USD", "NULL where costs are open"),
        Column("gap_nano_usd", "BIGINT", "nano-USD", "billed less ours"),
        Column("cause", "VARCHAR", "cause and USD of each part of the gap"),
    )
    return Table(columns, tuple(map(_cells, found.rows)))


def _cells(row: Row) -> tuple[Cell, ...]:
    parts = [f"{cause} {usd_exact(amount)}" for cause, amount in row.causes.items()]
    parts += [f"{kind} {number:+,}" for kind, number in row.unseen.items()]
    return (
        row.day,
        _name(row),
        row.billed_nano_usd,
        row.list_nano_usd,
        row.ours_nano_usd,
        row.low_nano_usd,
        row.high_nano_usd,
        row.gap_nano_usd,
        "; ".join([*parts, *row.notes]) or None,
    )


def _name(row: Row) -> str:
    return f"({row.what})" if row.what else row.model or "(all models)"


def _usd(amount: int | None) -> str | None:
    return None if amount is None else usd_exact(amount)


def totals_of(found: Reconciliation) -> dict[str, object]:
    """Return the sums of both sides and the gap; amounts are decimal text in USD."""
    has = found.has_amounts
    deviation = found.deviation
    return {
        "billed_usd": _usd(found.billed_nano_usd) if has else None,
        "list_usd": _usd(found.list_nano_usd) if has else None,
        "ours_usd": _usd(found.ours_nano_usd),
        "ours_low_usd": _usd(found.low_nano_usd),
        "ours_high_usd": _usd(found.high_nano_usd),
        "gap_usd": _usd(found.gap_nano_usd) if has else None,
        "deviation_percent": None if deviation is None else f"{float(100 * deviation):.4g}",
        "within_tolerance": found.is_within,
    }


def _body(found: Reconciliation) -> dict[str, object]:
    days = [day.isoformat() for day in found.days]
    totals = totals_of(found)
    verdict = {name: totals.pop(name) for name in ("deviation_percent", "within_tolerance")}
    causes = {str(cause): usd_exact(amount) for cause, amount in found.causes.items()}
    return {
        "provider": found.provider,
        "tolerance_percent": f"{float(100 * found.tolerance):g}",
        "days": {"first": days[0], "last": days[-1], "compared": days},
        "files": [
            {
                "file": one.file,
                "form": one.form,
                "first_day": min(map(str, one.days), default=None),
                "last_day": max(map(str, one.days), default=None),
                "lines": one.lines,
            }
            for one in found.files
        ],
        "left_out": {"usd": usd_exact(found.left_out_nano_usd), "calls": found.left_out_calls},
        "notes": list(found.notes),
        "rows": list(map(_row_body, found.rows)),
        "totals": {
            **totals,
            "unseen": dict(found.unseen),
            "causes_usd": causes if found.has_amounts else {},
            **verdict,
        },
    }


def _row_body(row: Row) -> dict[str, object]:
    return {
        "day": row.day.isoformat(),
        "model": row.model,
        "charge": row.what or None,
        "billed_usd": _usd(row.billed_nano_usd),
        "list_usd": _usd(row.list_nano_usd),
        "ours_usd": _usd(row.ours_nano_usd),
        "ours_low_usd": _usd(row.low_nano_usd),
        "ours_high_usd": _usd(row.high_nano_usd),
        "gap_usd": _usd(row.gap_nano_usd),
        "calls": row.calls,
        "billed_calls": row.requests,
        "unseen": dict(row.unseen),
        "causes_usd": {str(cause): usd_exact(amount) for cause, amount in row.causes.items()},
        "notes": list(row.notes),
    }


def give_json(found: Reconciliation, file: Path | None) -> None:
    """Write everything as JSON, the sums last; amounts are decimal text in USD."""
    from corvus.base.files import whole_file

    text = json_text(_body(found)) + "\n"
    if file is None:
        sys.stdout.write(text)
        return
    with whole_file(file) as path:
        path.write_text(text, encoding="utf-8")


def show(found: Reconciliation) -> None:
    """Print the rows, the sums and the gap by cause for a person."""
    from corvus.cli.tables import print_table

    out = console()
    title = f"{found.provider}: bill and ledger, {min(found.days)} to {max(found.days)} (UTC)"
    print_table(out, table_of(found), title)
    out.print()
    for line in _sums(found):
        out.print(line, markup=False, soft_wrap=True)


def _sums(found: Reconciliation) -> list[str]:
    if not found.has_amounts:
        unseen = [f"{kind} {number:+,}" for kind, number in found.unseen.items()]
        return [f"the files count and state no amounts; not seen: {', '.join(unseen) or 'nothing'}"]
    high = "open" if found.high_nano_usd is None else usd_exact(found.high_nano_usd)
    lines = [
        f"billed {usd_exact(found.billed_nano_usd)} USD, "
        f"list price {usd_exact(found.list_nano_usd)} USD",
        f"ours   {usd_exact(found.ours_nano_usd)} USD, "
        f"from {usd_exact(found.low_nano_usd)} to {high}",
        f"gap    {usd_exact(found.gap_nano_usd)} USD",
    ]
    return lines + [
        f"       {usd_exact(amount)} {cause.replace('_', ' ')}"
        for cause, amount in found.causes.items()
    ]


def say(found: Reconciliation) -> None:
    """Say on standard error which days were compared, and what a reader should know with them."""
    err = console(stderr=True)
    days = f"{len(found.days)} days" if len(found.days) > 1 else "1 day"
    said = [f"compared: {days}, {min(found.days)} to {max(found.days)} (UTC)", *found.notes]
    if not found.is_within:
        deviation = found.deviation
        much = "without a bill" if deviation is None else f"{float(100 * deviation):.4g} %"
        said.append(f"above the tolerance of {float(100 * found.tolerance):g} %: {much}")
    for line in said:
        err.print(escape(line), style="yellow", markup=False, soft_wrap=True)
