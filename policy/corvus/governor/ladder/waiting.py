"""The queue for room in budgets: rows in the store, first come, first served (EVA-14).

A call that waits holds nothing but its place. It wants those sums that have no room for it, or that
somebody who came earlier wants; who comes later and needs one of these waits behind it, in whatever
process. A place counts while its lease runs: whoever is killed gives it up in two seconds. Limits
never depend on the queue, only the order does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import lru_cache

from corvus.store.api import BalanceKey
from corvus.store.codec import encoded
from corvus.store.kinds import Waiter
from corvus.store.unit import Unit

LEASE_US = 2_000_000
"""How long a place counts after its owner was last heard of."""


def wanted_before(
    unit: Unit, keys: Collection[BalanceKey], turn: int | None
) -> frozenset[BalanceKey]:
    """Return those of some sums that a call which came earlier waits for.

    Args:
        unit: The transaction under way.
        keys: The sums.
        turn: When the call in question arrived; ``None`` is now.
    """
    waiters = unit.waiters()
    if not waiters:
        return frozenset()
    wanted: set[BalanceKey] = set()
    for waiter in waiters.values():
        if (turn is None or waiter.turn < turn) and waiter.alive_until_us > unit.now_us:
            wanted |= _keys(waiter.wants)
    return frozenset(wanted.intersection(keys))


def stand(unit: Unit, turn: int | None, wants: Iterable[BalanceKey]) -> int:
    """Have a call wait for room, and return its turn.

    Args:
        unit: The transaction under way.
        turn: When it arrived, if it waits already; it keeps its place.
        wants: The sums that it waits for.
    """
    if turn is None:
        unit.tick()
        turn = unit.now_us
    text = encoded(sorted(wants))
    before = unit.waiters().get(turn)
    if before is None or before.wants != text:
        unit.put_waiter(Waiter(turn, unit.now_us + LEASE_US, text))
    return turn


def renew(unit: Unit, turns: Iterable[int]) -> None:
    """Say that the calls of some turns still wait, where half of their lease is over."""
    waiters = unit.waiters()
    for turn in turns:
        waiter = waiters.get(turn)
        if waiter is not None and waiter.alive_until_us < unit.now_us + LEASE_US // 2:
            unit.put_waiter(waiter._replace(alive_until_us=unit.now_us + LEASE_US))


def forget_gone(unit: Unit) -> None:
    """Take out those who were not heard of for long; one who comes back has his old place."""
    for turn, waiter in [*unit.waiters().items()]:
        if waiter.alive_until_us <= unit.now_us:
            unit.drop_waiter(turn)


@lru_cache(4096)
def _keys(wants: str) -> frozenset[BalanceKey]:
    return frozenset(BalanceKey(*key) for key in json.loads(wants))
