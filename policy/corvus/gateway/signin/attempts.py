"""How often an address may fail in a while, so that codes and tokens are not guessed (PRX-8).

Memory is bounded: of very many addresses the ones that were quiet longest are forgotten. The
addresses of one IPv6 network count as one, for whoever has one of them has them all.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import ceil

from corvus.gateway.asgi import Scope

_ADDRESSES_MAX = 10_000
_V6_NETWORK_BITS = 64


class Attempts:
    """Counts for each address.

    Args:
        most: Attempts of an address in one span.
        span_seconds: How long one lasts, from the first of its attempts on.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self, most: int, span_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._span_seconds, self._monotonic = most, span_seconds, monotonic
        self._counted: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note(self, address: str) -> None:
        """Count one attempt."""
        count, until = self._counted.pop(address, (0, 0.0))
        if self._monotonic() >= until:
            count, until = 0, self._monotonic() + self._span_seconds
        self._counted[address] = count + 1, until
        while len(self._counted) > _ADDRESSES_MAX:
            self._counted.popitem(last=False)

    def wait_seconds(self, address: str) -> int:
        """Return after how many seconds an address may try again; 0 is now."""
        count, until = self._counted.get(address, (0, 0.0))
        left = until - self._monotonic()
        return ceil(left) if count >= self._most and left > 0 else 0


def address_of(scope: Scope, proxies: Sequence[str] = ()) -> str:
    """Return whose attempt a request is.

    Args:
        scope: The request.
        proxies: Addresses and networks whose ``X-Forwarded-For`` is believed; the last address in
            it that is none of them is the caller's.
    """
    peer = (scope.get("client") or ("", 0))[0]
    trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
    steps = [peer]
    if trusted:
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        steps = [*(step.strip() for step in said.decode("latin-1").split(",")), peer]
    for step in reversed(steps):
        address = _address(step)
        if address is None:
            break  # nobody can say who is behind it
        peer = step
        if not any(address in network for network in trusted):
            break
    return _network(peer)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _network(text: str) -> str:
    address = _address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _V6_NETWORK_BITS), strict=False))
    return str(address) if address is not None else text
