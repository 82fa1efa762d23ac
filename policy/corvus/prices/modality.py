"""Says when a price does not fit a call because nobody stated the modality of its tokens (PRC-8).

A model may charge sound, pictures or video at other rates than text. Where a call does not say what
its tokens are, the rates of text may be another kind's: refuses to take them for exact then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from corvus.model.price import Price, Rates
from corvus.model.usage import MODALITIES, TokenKind, Usage

OUTPUT_MODALITIES = tuple(kind for kind in MODALITIES if kind.startswith("output_"))
"""The modalities that a model writes."""

INPUT_MODALITIES = tuple(kind for kind in MODALITIES if kind not in OUTPUT_MODALITIES)
"""The modalities that a model reads, cached or not."""

_TEXT_OF = {
    kind: TokenKind(kind.rpartition("_")[0])  # input_audio -> input, cache_read_image -> cache_read
    for kind in MODALITIES
}
_MODALITIES_OF = {
    text: [kind for kind in MODALITIES if _TEXT_OF[kind] is text]
    for text in dict.fromkeys(_TEXT_OF.values())
}
TEXT_KINDS = tuple(_MODALITIES_OF)
"""The kinds whose counts may hide a modality that is not stated."""


class Doubt(IntEnum):
    """What the cost of a call is worth whose modalities are not stated; the greater, the less."""

    NONE = 0
    AT_LEAST = 1
    """Some of its tokens may have been dearer ones: the cost is a lower bound."""
    UNKNOWN = 2


def doubt(price: Price, usage: Usage, *, states_modalities: bool) -> Doubt:
    """Return what the cost of a call at a price is worth.

    Args:
        price: The price that it is computed with.
        usage: What the call used.
        states_modalities: Whether modalities are known: stated, or text alone can occur.
    """
    counts = usage.by_kind()
    if states_modalities or not counts.keys().isdisjoint(MODALITIES):
        return Doubt.NONE
    by_kind = doubts(price.rates_for(usage.context_tokens))
    return max((by_kind[kind] for kind in counts if kind in by_kind), default=Doubt.NONE)


def doubts(rates: Rates) -> Mapping[TokenKind, Doubt]:
    """Return what a count of each kind is worth that may hide a modality, at these rates."""
    return {
        text: _worth(text, list(differing(rates, kinds))) for text, kinds in _MODALITIES_OF.items()
    }


def _worth(text: TokenKind, differences: list[int]) -> Doubt:
    if not differences:
        return Doubt.NONE
    is_bound = text is not TokenKind.OUTPUT and min(differences) > 0
    return Doubt.AT_LEAST if is_bound else Doubt.UNKNOWN


def differing(rates: Rates, kinds: Iterable[TokenKind]) -> Iterable[int]:
    """Yield by how much modalities cost more than text (negative: less), where they do not equal.

    A modality without text, such as the output of a model that only draws, is no difference: a
    count of text has no price then.
    """
    for kind in kinds:
        text = rates.get(_TEXT_OF[kind])
        if kind in rates and text is not None and rates[kind] != text:
            yield rates[kind] - text
