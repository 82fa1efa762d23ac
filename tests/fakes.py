"""Stand-ins for what tests must control: time, and whom clients trust."""

from __future__ import annotations

import ssl

from corvus.testing import FrozenClock as FrozenClock

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: reading the usual authorities takes 50 ms for each client."""
