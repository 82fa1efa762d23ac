"""The dearest that a call can be, from bounds of its counts: what is to be held for it (PRC-7).

A provider may bill input as a write to its cache and output as reasoning. The bound takes the
dearest of the kinds that are possible, so that no mix of them costs more. Refuses to bound what is
billed beside tokens, such as searches: nothing in a request says how many there will be.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from corvus.model.price import Price, Rates
from corvus.model.usage import TokenKind, Usage

_OUTPUT = (TokenKind.OUTPUT, TokenKind.REASONING)


def dearest(
    price: Price | None,
    input_tokens: int,
    output_tokens: int,
    input_kinds: Collection[TokenKind] = (),
) -> Usage:
    """Return the usage to expect.

    Args:
        price: Of the model; without one all input is ``input``, all output ``output``.
        input_tokens: Upper bound.
        output_tokens: Upper bound, reasoning included.
        input_kinds: How input may be billed beside plain input; those without a price are not.
    """
    plain = Usage(input_tokens=input_tokens)
    rates: Rates = price.rates_for(plain.context_tokens) if price else {}
    read = max((TokenKind.INPUT, *input_kinds), key=lambda kind: rates.get(kind, -1))
    written = max(_OUTPUT, key=lambda kind: rates.get(kind, -1))
    if read is not TokenKind.INPUT:
        plain = Usage(**{f"{read.value}_tokens": input_tokens})
    return replace(plain, **{f"{written.value}_tokens": output_tokens})
