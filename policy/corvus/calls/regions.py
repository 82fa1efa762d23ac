"""Refuses calls to a region of Bedrock whose price no book knows (PRC-8).

An id such as ``amazon.nova-pro-v1:0`` does not say where it is served; the host does. The price of
another region is not taken for that one.
"""

from __future__ import annotations

import re

from corvus.calls.plan import Plan
from corvus.calls.routes import Unreadable
from corvus.governor.governor import Governor
from corvus.governor.pricing import find_price
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import Kind
from corvus.prices.names import region_of

_HOST = re.compile(r"(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z]{2}(?:-gov)?-[a-z]+-\d)\.")


def unpriced_there(
    governor: Governor, plan: Plan, provider: str | None, host: str | None
) -> Unreadable | None:
    """Return why a call is not made where it is sent; ``None`` where its price holds there.

    Args:
        governor: Whose price books count.
        plan: The call.
        provider: Who bills.
        host: Host that the call is sent to.
    """
    maker = PROVIDERS[Kind.BEDROCK].maker
    place = _HOST.search((host or "").lower())
    if plan.endpoint.kind is not Kind.BEDROCK or provider != maker or place is None:
        return None
    region = region_of(maker, f"{place[1]}/{plan.model}")
    today = governor.store.clock.now().date()
    price = find_price(governor.books, plan.model, provider, today)
    if price is None or region is None or governor.books.holds_in(price, region):
        return None
    detail = (
        f"no book knows what {plan.model} costs in {place[1]}: state it in the config, under "
        f'[cost.prices."{plan.model}"]'
    )
    return Unreadable(402, "unpriced_model", detail)
