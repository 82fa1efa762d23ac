"""Upper bound of the input of a request, from its bytes (PRC-7).

The JSON of a request counts as text, too. That is above what providers count for prose and code.
What is not in the request escapes it, see ``corvus.calls.plan``; what providers tell a model about
tools, schemas and citations has a bound of its own.
"""

from __future__ import annotations

from corvus.metering.text import other_bytes_of, token_bound

FRAME_TOKENS = 32
"""Bound of the tokens that set the messages of a short request apart, beyond those of its JSON."""

HIDDEN_TOKENS = 800
"""Most that a provider tells a model about the tools, schemas or citations of one request.

Recorded: up to 570 tokens above the bytes of the request.
"""


def input_token_bound(text: bytes) -> int:
    """Return the most tokens that a text is taken to hold: ASCII / 3 plus all else / 2."""
    other = other_bytes_of(text)
    return token_bound(len(text) - other, other)
