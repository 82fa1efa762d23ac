"""A price as ``key=value`` lines, for scripts."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.answers.kv import kv_value, kv_words
from corvus.answers.prices import PriceAnswer, hours_words
from corvus.model.price import Price, Rates
from corvus.model.usage import FEES
from corvus.prices.stated import rate_text


def lines_of(answer: PriceAnswer) -> Iterator[str]:
    """Yield what answers: a line for each fact, and one for each tier, time of day and variant."""
    price, match = answer.match.price, answer.match
    yield from kv_words({"model": answer.model, "provider": answer.provider, "on": str(answer.on)})
    if price is None:
        yield from kv_words({"entry": None, "problem": answer.problem})
        yield f"nearest={kv_value(','.join(match.nearest))}"
    else:
        yield from kv_words({"entry": price.entry, "found_by": match.how and match.how.value})
        yield from _facts(price)
        yield from rate_words(price.rates)
        yield from _parts(price)
        for name, offer in answer.variants.items():
            head = kv_words({"variant": name, "entry": offer.entry})
            yield " ".join((*head, *rate_words(offer.rates)))
            yield from (f"variant={name} {line}" for line in _parts(offer))
    yield f"book_version={kv_value(answer.book_version)}"
    yield f"book_sha256={answer.book_sha256}"


def rate_words(rates: Rates) -> Iterator[str]:
    """Yield a word for each rate, named by its unit."""
    for kind, rate in rates.items():
        unit = "usd_per_use" if kind in FEES else "usd_per_million"
        yield f"{kind}_{unit}={rate_text(kind, rate)}"


def _facts(price: Price) -> list[str]:
    since = price.effective_from.isoformat() if price.effective_from else None
    aliases = ",".join(price.aliases) or None
    return kv_words({"effective_from": since, "source": price.source, "aliases": aliases})


def _parts(price: Price) -> Iterator[str]:
    for tier in price.tiers:
        yield " ".join((f"above_tokens={tier.above_tokens}", *rate_words(tier.rates)))
    for some in price.hours:
        when = f"hours={kv_value(hours_words(some))}"
        yield " ".join((when, *rate_words(some.rates)))
        for tier in some.tiers:
            yield " ".join((when, f"above_tokens={tier.above_tokens}", *rate_words(tier.rates)))
