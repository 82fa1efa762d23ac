from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import COUNT_OF, MODALITIES, TokenKind, Usage
from corvus.prices.cost import cost
from corvus.prices.modality import Doubt, doubt

SPEAKING: Rates = {
    TokenKind.INPUT: 1,
    TokenKind.OUTPUT: 4,
    TokenKind.INPUT_AUDIO: 3,
    TokenKind.OUTPUT_AUDIO: 9,
}
HEARING: Rates = {TokenKind.INPUT: 1, TokenKind.OUTPUT: 4, TokenKind.INPUT_AUDIO: 3}
TEXT: Rates = {TokenKind.INPUT: 1, TokenKind.OUTPUT: 4}


def priced(rates: Rates, *tiers: Tier) -> Price:
    return Price("p", "m", "user", "user:m", rates, tiers)


@pytest.mark.parametrize(
    ("rates", "usage", "right"),
    [
        (TEXT, Usage(5, 5), Doubt.NONE),
        (SPEAKING, Usage(5, 5), Doubt.UNKNOWN),
        (SPEAKING, Usage(5, 0), Doubt.AT_LEAST),
        (HEARING, Usage(5, 5), Doubt.AT_LEAST),
        (HEARING, Usage(0, 5), Doubt.NONE),
        (HEARING, Usage(5, 5, input_audio_tokens=1), Doubt.NONE),
        ({**HEARING, TokenKind.INPUT_AUDIO: 0}, Usage(5), Doubt.UNKNOWN),
        ({**TEXT, TokenKind.INPUT_IMAGE: 1}, Usage(5, 5), Doubt.NONE),
    ],
)
def test_rates_of_text_are_not_taken_for_those_of_a_modality(
    rates: Rates, usage: Usage, right: Doubt
) -> None:
    """PRC-8: what nobody stated is unknown, or at least so much."""
    assert doubt(priced(rates), usage, states_modalities=False) is right
    assert doubt(priced(rates), usage, states_modalities=True) is Doubt.NONE


def test_the_tier_of_the_call_decides() -> None:
    price = priced(TEXT, Tier(3, SPEAKING))
    assert doubt(price, Usage(3, 1), states_modalities=False) is Doubt.NONE
    assert doubt(price, Usage(4, 1), states_modalities=False) is Doubt.UNKNOWN


MILLIONS = st.integers(0, 9).map(lambda number: number * 10**6)
RATES = st.fixed_dictionaries(
    {TokenKind.INPUT: st.integers(0, 9), TokenKind.OUTPUT: st.integers(0, 9)},
    optional={kind: st.integers(0, 9) for kind in (TokenKind.CACHE_READ, *MODALITIES)},
)


@given(RATES, MILLIONS, MILLIONS, st.sampled_from(MODALITIES))
def test_without_doubt_no_modality_would_have_cost_anything_else(
    rates: Rates, read: int, written: int, kind: TokenKind
) -> None:
    """PRC-8: and a lower bound is one, whatever the tokens were."""
    price = priced(rates)
    usage = Usage(read, written)
    text = TokenKind.OUTPUT if kind.startswith("output") else TokenKind.INPUT
    if kind not in rates or kind.startswith("cache"):
        return
    count = getattr(usage, COUNT_OF[text])
    other = Usage(
        **{
            COUNT_OF[TokenKind.INPUT]: 0 if text is TokenKind.INPUT else read,
            COUNT_OF[TokenKind.OUTPUT]: 0 if text is TokenKind.OUTPUT else written,
            COUNT_OF[kind]: count,
        }
    )
    match doubt(price, usage, states_modalities=False):
        case Doubt.NONE:
            assert cost(other, price) == cost(usage, price)
        case Doubt.AT_LEAST:
            assert cost(other, price) >= cost(usage, price)
        case Doubt.UNKNOWN:
            pass
