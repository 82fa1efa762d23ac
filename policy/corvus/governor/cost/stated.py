"""Judges the cost that an answer states before it is recorded (PRC-9).

The figure of whoever bills is the invoice, however far below the books it is. Not believed is what
cannot be one: no amount, 0 for a call that nothing else shows to be free, and a figure beyond a
thousand times what the books make of the call. What the books make of it stands then, and the log
says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from corvus.metering.stated_cost import StatedCost
from corvus.prices.belief import ALONE_MAX_NANO_USD, ALWAYS_BELIEVED_NANO_USD, TIMES_MAX

_FREE = ":free"


def fault_of(
    stated: StatedCost, expected_nano_usd: int | None, models: Iterable[str | None]
) -> str | None:
    """Return why a stated cost is not believed; ``None`` where it is.

    Args:
        stated: As the answer states it.
        expected_nano_usd: What the books make of the call, or what was held for it; ``None`` where
            neither is known.
        models: The names that the call goes by.
    """
    amount = stated.nano_usd
    if amount is None:
        return stated.fault
    if amount == 0:
        is_free = any(model is not None and model.endswith(_FREE) for model in models)
        return None if is_free or expected_nano_usd == 0 else "0, and nothing says that it is free"
    most = ALONE_MAX_NANO_USD
    if expected_nano_usd is not None:
        most = max(ALWAYS_BELIEVED_NANO_USD, expected_nano_usd * TIMES_MAX)
    return None if amount <= most else f"beyond {TIMES_MAX:,} times what is expected of the call"
