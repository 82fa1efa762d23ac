"""Which names and addresses are this machine's own."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


@lru_cache(256)  # called for the Host of every request
def is_loopback(host: str) -> bool:
    """Return whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_loopback_url(url: str) -> bool:
    """Return whether a URL is at this machine; one that cannot be read is not."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
