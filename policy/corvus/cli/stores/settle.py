"""``corvus ledger settle``: book settlements that were kept aside and count nowhere (RES-9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import typer

from corvus.base.money import usd_exact, usd_short
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened, require_books
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.governor.endings.kept_aside import BookedSettlements
    from corvus.runtime import Runtime

_SHOWN = 20
_KNOWN = """
SELECT id::VARCHAR FROM usage_record WHERE id IN (SELECT unnest($ids)::UUID)
UNION
SELECT reservation_id::VARCHAR FROM reservation_event
WHERE reservation_id IN (SELECT unnest($ids)::UUID)
"""


def settle(
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Book settlements that could not be applied; `corvus store status` says whether there are any.

    A call that neither store nor ledger knows, as a backup was restored that is older, is recorded
    at its cost, at the time it was made; its session and project are lost. What contradicts the
    record stays in the file, and the exit code is 1. Booking again adds nothing.

    Example: corvus ledger settle
    """
    runtime = opened(config, ledger, sets)
    require_books(runtime)
    with runtime.steering() as governor:
        done = governor.book_kept_aside(lambda ids: _recorded(runtime, ids))
    body: dict[str, object] = {
        "ledger": str(runtime.ledger_path),
        "applied": done.applied,
        "booked": done.booked,
        "cost_usd": usd_exact(done.cost_nano_usd),
        "cost_nano_usd": str(done.cost_nano_usd),
        "left": [one._asdict() for one in done.left],
    }
    emit(output, lambda: body, lambda: print("\n".join(map(escape, _words(done)))))
    if done.left:
        raise typer.Exit(Exit.FINDINGS)


def _recorded(runtime: Runtime, ids: Collection[str]) -> Collection[str]:
    with runtime.bookkeeping.ledger(may_be_missing=True) as opened, opened.explaining():
        found = opened.connection.execute(_KNOWN, {"ids": [*ids]}).fetchall()
    return {one for (one,) in found}


def _words(done: BookedSettlements) -> Iterator[str]:
    if not (done.applied or done.booked or done.left):
        yield "no settlement is kept aside"
        return
    calls = "1 call" if done.booked == 1 else f"{done.booked:,} calls"
    yield (
        f"{calls} recorded at ${usd_short(done.cost_nano_usd)}, "
        f"{done.applied:,} applied, {len(done.left):,} left aside"
    )
    for one in done.left[:_SHOWN]:
        yield f"{one.reservation_id}: {one.reason}"
    if len(done.left) > _SHOWN:
        yield f"and {len(done.left) - _SHOWN:,} more"
