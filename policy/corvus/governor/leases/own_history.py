"""What a host has reported of its sessions, read back from the shared store (STO-2, STO-3).

A budget of sessions or missions that a policy gets later counts what the sessions of this host have
used before. Their records have left the host's own store, and the shared store has their sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from corvus.base.money import NanoUSD
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.recount import LedgerSums, SumKey
from corvus.model.budget import Budget
from corvus.model.spend import Spend
from corvus.store.kinds import LEASE_HOST, budget_key
from corvus.store.store import Store
from corvus.store.unit import Unit

_T = TypeVar("_T")
_SESSIONS_MAX = 1_000_000


class OfShared(Protocol):
    """Runs a step in the shared store."""

    def __call__(self, step: Callable[[Unit], _T]) -> _T:
        """Return what the step returns."""
        ...


def sums_of_sessions(
    own: Store, of_shared: OfShared, host_id: str, budgets: Sequence[Budget]
) -> LedgerSums:
    """Return what the shared store has recorded of the sessions of a host, of some budgets.

    Args:
        own: The host's own store.
        of_shared: Runs a step in the shared store.
        host_id: Which host.
        budgets: Those to count; what spans hosts is left out.
    """
    scoped = [budget for budget in budgets if not spans_hosts(budget)]
    here = own.run(lambda unit: {one.id for one in unit.sessions(_SESSIONS_MAX)}) if scoped else ()
    if not here:
        return LedgerSums(through_seq=own.run(lambda unit: unit.state.drained_seq))

    def read(unit: Unit) -> LedgerSums:
        host = unit.get(LEASE_HOST, host_id)
        ids = {budget_key(budget): budget_id for budget_id, budget in unit.budgets().items()}
        sums: dict[str, dict[SumKey, Spend]] = {}
        since_us: dict[str, dict[SumKey, int]] = {}
        for budget in scoped:
            key = budget_key(budget)
            budget_id = ids.get(key)
            found = {} if budget_id is None else unit.balances(budget_id)
            for place, sum_ in found.items():
                if place.session_id not in here:
                    continue
                cost = NanoUSD(sum_.spent_nano_usd)
                spend = Spend(cost, sum_.calls, sum_.unpriced_calls, sum_.tokens)
                sums.setdefault(key, {})[SumKey(*place[1:])] = spend
                if sum_.since_us:
                    since_us.setdefault(key, {})[SumKey(*place[1:])] = sum_.since_us
        return LedgerSums(host.reported_seq if host is not None else 0, sums, since_us)

    return of_shared(read)
