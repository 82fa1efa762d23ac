"""Says up to where a stated cost is believed (PRC-9).

The figure of whoever bills is the invoice. Not believed is what cannot be one: a figure beyond a
thousand times what the books make of the call, unless it is small in itself.
"""

from __future__ import annotations

TIMES_MAX = 1_000
"""How many times what the books make of a call a stated cost may be, inclusive."""

ALWAYS_BELIEVED_NANO_USD = 1_000_000_000
"""Up to which a stated cost is never absurd: a search or a picture costs more than few tokens."""

ALONE_MAX_NANO_USD = 1_000_000_000_000
"""Most of one call, inclusive, where no book says what to expect of it."""
