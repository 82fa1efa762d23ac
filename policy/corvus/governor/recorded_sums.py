"""Reads what the ledger has recorded, for balances that are to be counted again (STO-2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerOutdated
from corvus.base.time import microseconds
from corvus.governor.recount import LedgerSums, SumKey
from corvus.model.budget import Budget
from corvus.model.spend import Spend
from corvus.store.api import StoreState, session_mark
from corvus.store.kinds import budget_key
from corvus.store.outbox import StoreOutbox
from corvus.store.store import Store
from corvus.store.unit import Unit

if TYPE_CHECKING:
    from corvus.ledger.counts import CountKey
    from corvus.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class LedgerHistory:
    """What is recorded in a ledger, with what its store has not handed over yet.

    Attributes:
        path: The ledger file; it need not exist.
        store: The store next to it.
        outbox: Opens the events of the store; ``None`` where the store has no file yet.
    """

    path: Path
    store: Store
    outbox: Callable[[], StoreOutbox | None]

    @contextmanager
    def __call__(
        self, budgets: Sequence[Budget], session_id: str | None = None
    ) -> Generator[LedgerSums]:
        """Read the sums of budgets; see ``corvus.governor.recount.History``.

        Raises:
            LedgerError: The ledger cannot be read.
            StoreError: The store cannot be read.
        """
        outbox = self.outbox()
        is_empty = outbox is None or not (outbox.drained_seq() or outbox.pending(0, 1))
        if is_empty and not os.path.isfile(self.path):
            yield LedgerSums()
            return
        from corvus.ledger.ledger import open_ledger, upgrade

        state, marks = self.store.run(_state_and_marks, alone=True)
        with ExitStack() as opened:
            try:
                ledger = opened.enter_context(open_ledger(self.path, outbox=outbox))
            except LedgerOutdated:
                upgrade(self.path)
                ledger = opened.enter_context(open_ledger(self.path, outbox=outbox))
            recorded = LedgerSums(ledger.through_seq, forgotten_times=state.forgotten_times)
            if session_id is None:
                yield self._counted(ledger, recorded, budgets, marks=marks)
                return
            recorded = self._counted(ledger, recorded, budgets, session_id=session_id)
            yield _with_scopes(ledger, recorded, state.store_id, session_id)

    def _counted(
        self,
        ledger: Ledger,
        recorded: LedgerSums,
        budgets: Sequence[Budget],
        *,
        session_id: str | None = None,
        marks: Sequence[str] = (),
    ) -> LedgerSums:
        from corvus.ledger.counts import count_budget, latest_resets, opened_windows

        # The store's present, not the clock's, which may have gone back behind a stamp.
        now = self.store.run(lambda unit: unit.now)
        left_out = {*marks}
        sums: dict[str, dict[SumKey, Spend]] = {}
        since_us: dict[str, dict[SumKey, int]] = {}
        windows_us: dict[str, Mapping[str, Sequence[int]]] = {}
        for budget in budgets:
            name = budget_key(budget)
            resets = {
                key: at
                for key, at in latest_resets(ledger, name).items()
                if at <= now and not (left_out and session_mark(key.session_id) in left_out)
            }
            counts = count_budget(
                ledger, budget, name, resets, session_id=session_id, forgotten=marks
            )
            windows_us[name] = opened_windows(ledger, budget, name)
            since_us[name] = {_sum_key(key): microseconds(at) for key, at in resets.items()}
            sums[name] = {_sum_key(key): spend for key, spend in counts.items()}
        return replace(recorded, sums=sums, since_us=since_us, windows_us=windows_us)


def _with_scopes(
    ledger: Ledger, recorded: LedgerSums, store_id: str, session_id: str
) -> LedgerSums:
    from corvus.ledger.scopes import recorded_missions, recorded_sessions

    return replace(
        recorded,
        sessions=recorded_sessions(ledger, store_id, session_id),
        missions=recorded_missions(ledger, store_id, session_id),
    )


def _sum_key(key: CountKey) -> SumKey:
    start = microseconds(key.window_start) if key.window_start else 0
    return SumKey(start, key.session_id, key.mission_id, key.project, key.part)


def _state_and_marks(unit: Unit) -> tuple[StoreState, Sequence[str]]:
    return copy(unit.state), unit.forgotten_marks()
