"""Compiles the installed genai-prices into ``book.json``, the bundled price book.

genai-prices is imported only here, so that users need neither it nor the network. The output is
deterministic: the same package gives the same bytes. No book is made when the source says something
that this module does not understand.

What it decides, where the source leaves room:

- A model whose calls carry a fee per request is left out: tokens alone would under-count it.
- A model that states no price for text tokens is left out, also when the source means "free" by it:
  only an explicit 0 is free (PRC-2).
- ``cache_write_mtok`` is the 5-minute write. A missing kind stays missing, except ``reasoning``,
  which costs as output.
- Prices by time of day are held at their highest, kind by kind: a budget must hold at any hour.
- Some prices are binary floats written out, such as 0.18000000000000002 or a twelfth of a dollar.
  They are known by 15 or more digits and rounded to a whole nano-USD per million. Any other price
  that is no whole number fails the compile.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from corvus.model.usage import TokenKind
from corvus.prices.book import BOOK_PATH, FORMAT, KINDS
from corvus.prices.names import VARIANTS
from tools.generate.match_clauses import Aliases, aliases

if TYPE_CHECKING:
    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, Provider

_PACKAGE = "genai-prices"
_UNITS = {
    "input_mtok": (TokenKind.INPUT, 1),
    "output_mtok": (TokenKind.OUTPUT, 1),
    "cache_read_mtok": (TokenKind.CACHE_READ, 1),
    "cache_write_mtok": (TokenKind.CACHE_WRITE_5M, 1),
    "cache_write_5m_mtok": (TokenKind.CACHE_WRITE_5M, 1),
    "cache_write_1h_mtok": (TokenKind.CACHE_WRITE_1H, 1),
    "output_reasoning_mtok": (TokenKind.REASONING, 1),
    "web_searches_kcount": (TokenKind.WEB_SEARCH, 1000),
}
"""Price keys of the source that corvus counts, and how many of their units make a million."""

_FEE_PER_REQUEST = "requests_kcount"
_FLOAT_DIGITS = 15
_VARIANT_KEYS = {"processing", "service_tier", "speed"}
_SAME_VENDOR = {"zai": "zhipuai"}
"""Second shop of the same vendor, with other prices: a bare id does not say which of the two."""

_Rates = dict[TokenKind, int]
_Entry = list[Any]
"""``[effective_from, rates, tiers]`` as the book writes them."""


@dataclass
class Tally:
    """What the compile met, for the report it prints."""

    counts: Counter[str] = field(default_factory=Counter[str])
    rounded: list[str] = field(default_factory=list[str])


def render() -> str | None:
    """Return the text of the book; ``None`` where another version of the source is installed.

    The book names the version that it was compiled from. To compile a new one, install it and
    delete the old book first.
    """
    old = BOOK_PATH.read_text(encoding="utf-8") if BOOK_PATH.exists() else ""
    if old and json.loads(old)["book"]["package_version"] != version(_PACKAGE):
        return None
    tally = Tally()
    text = compile_book(tally)
    if text != old:
        _print(tally)
    return text


def _print(tally: Tally) -> None:
    """Print what was left out."""
    for name, count in sorted(tally.counts.items()):
        print(f"  {count:5,} {name}")
    for line in tally.rounded:
        print(f"  rounded {line}")


def compile_book(tally: Tally) -> str:
    """Return the text of ``book.json``: a header line with the hash of all lines below it.

    Raises:
        ValueError: The source has a price or a clause that this module does not understand.
    """
    from genai_prices.data import providers

    shops = {provider.id: provider for provider in providers}
    models = {provider.id: dict(_models(shops, provider, tally)) for provider in providers}
    body = (
        f'"kinds":{_json(list(KINDS))},\n"fallbacks":{_json(_fallbacks(providers))},\n'
        f'"models":{{\n{_lines(models)}\n}}}}\n'
    )
    header = {
        "format": FORMAT,
        "package": _PACKAGE,
        "package_version": version(_PACKAGE),
        "sha256": hashlib.sha256(body.encode()).hexdigest(),
    }
    return f'{{"book":{_json(header)},\n{body}'


def _fallbacks(providers: Iterable[Provider]) -> dict[str, list[str]]:
    """Return whose prices a cloud charges for models that it does not list itself."""
    return {
        provider.id: provider.fallback_model_providers
        for provider in providers
        if provider.fallback_model_providers
    }


def _models(
    shops: Mapping[str, Provider], provider: Provider, tally: Tally
) -> Iterable[tuple[str, dict[str, Any]]]:
    taken = {model.id for model in provider.models}
    for model in provider.models:
        named = aliases(model.match)
        entry = _model(model, named, taken, tally)
        if entry is not None:
            if _is_own(shops, provider, model.id):
                entry["own"] = 1
            yield model.id, entry
        taken.update(named.ids)


def _is_own(shops: Mapping[str, Provider], provider: Provider, model: str) -> bool:
    """Return whether the provider made the model, so that the bare id means it (PRC-4)."""
    clause = shops[_SAME_VENDOR.get(provider.id, provider.id)].model_match
    return clause is not None and clause.is_match(model.lower())


def _model(
    model: ModelInfo, named: Aliases, taken: set[str], tally: Tally
) -> dict[str, Any] | None:
    conditions = _conditions(model)
    if any(getattr(one.prices, _FEE_PER_REQUEST) is not None for one in conditions):
        tally.counts["models left out: fee per request"] += 1
        return None
    entries = _entries(conditions, model.id, tally)
    if not any(rate is not None for entry in entries for rate in entry[1][:2]):
        media = any(vars(one.prices) for one in conditions)
        reason = "other units only" if media else "no price stated"
        tally.counts[f"models left out: {reason}"] += 1
        return None
    tally.counts["models"] += 1
    found: dict[str, Any] = {
        "ids": sorted(named.ids - taken),
        "families": sorted(named.families),
        "anchored": sorted(named.anchored),
        "patterns": sorted(named.patterns),
        "prices": entries,
        "variants": _variants(model, conditions, tally),
    }
    return {key: value for key, value in found.items() if value}


def _conditions(model: ModelInfo) -> list[ConditionalPrice]:
    from genai_prices.types import ConditionalPrice, ModelPrice

    if isinstance(model.prices, ModelPrice):
        return [ConditionalPrice(prices=model.prices)]
    return model.prices


def _entries(conditions: Iterable[ConditionalPrice], model: str, tally: Tally) -> list[_Entry]:
    """Return the dated entries, ascending; the first has no date."""
    from genai_prices.types import StartDateConstraint, TimeOfDateConstraint

    dated: list[tuple[str | None, ModelPrice]] = []
    hours: list[ModelPrice] = []
    for one in conditions:
        match one.constraint:
            case TimeOfDateConstraint():
                hours.append(one.prices)
            case StartDateConstraint():
                dated.append((one.constraint.start_date.isoformat(), one.prices))
            case None:
                dated.append((None, one.prices))
    days = [day or "" for day, _ in dated]
    if days[0] or days != sorted(set(days)):
        raise ValueError(f"{model}: prices are not in the order of their dates: {days}")
    if hours:
        tally.counts["models priced by time of day, held at the most expensive"] += 1
    return [_entry(day, [prices, *hours], model, tally) for day, prices in dated]


def _entry(day: str | None, at_hours: list[ModelPrice], model: str, tally: Tally) -> _Entry:
    starts = sorted({start for prices in at_hours for start in _tier_starts(prices)})
    base = _listed(_most_expensive(at_hours, 0, model, tally))
    tiers = [
        [start, _listed(_most_expensive(at_hours, start + 1, model, tally))] for start in starts
    ]
    tally.counts["price entries"] += 1
    tally.counts["tiers"] += len(tiers)
    return [day, base, tiers] if tiers else [day, base]


def _tier_starts(prices: ModelPrice) -> set[int]:
    from genai_prices.types import TieredPrices

    tiered = [value for value in vars(prices).values() if isinstance(value, TieredPrices)]
    return {tier.start for value in tiered for tier in value.tiers}


def _most_expensive(at_hours: list[ModelPrice], context: int, model: str, tally: Tally) -> _Rates:
    """Return the highest rate of each kind over the hours of a day, for a length of context."""
    found: _Rates = {}
    for prices in at_hours:
        for kind, rate in _rates(prices, context, model, tally).items():
            found[kind] = max(rate, found.get(kind, 0))
    return found


def _rates(prices: ModelPrice, context: int, model: str, tally: Tally) -> _Rates:
    from genai_prices.types import TieredPrices

    found: _Rates = {}
    for key, value in vars(prices).items():
        if value is None or key not in _UNITS:
            continue
        kind, units = _UNITS[key]
        if isinstance(value, TieredPrices):
            passed = [tier.price for tier in value.tiers if context > tier.start]
            value = passed[-1] if passed else value.base
        found[kind] = _whole(value * units, f"{model} {key} {value}", tally)
    if TokenKind.OUTPUT in found:
        found.setdefault(TokenKind.REASONING, found[TokenKind.OUTPUT])  # PRC-2
    return found


def _whole(usd: Decimal, what: str, tally: Tally) -> int:
    """Return nano-USD per million of a price in USD per million."""
    nano = usd * 1_000_000_000
    whole = nano.to_integral_value(ROUND_HALF_EVEN)
    if whole == nano:
        return int(whole)
    if len(usd.normalize().as_tuple().digits) < _FLOAT_DIGITS:
        raise ValueError(f"{what}: not a whole number of nano-USD per million")
    if what not in tally.rounded:
        tally.rounded.append(what)
    return int(whole)


def _listed(rates: _Rates) -> list[int | None]:
    """Return the rates in the order of the book's kinds, without the empty tail."""
    found = [rates.get(kind) for kind in KINDS]
    while found and found[-1] is None:
        found.pop()
    return found


def _variants(
    model: ModelInfo, conditions: list[ConditionalPrice], tally: Tally
) -> dict[str, list[_Entry]]:
    """Return the prices of other ways to be served, each laid over the standard ones."""
    names = {
        value
        for one in model.price_variants or ()
        if len(one.when) == 1
        for key, value in one.when.items()
        if key in _VARIANT_KEYS and value in VARIANTS
    }
    tally.counts["variants (fast, batch, …)"] += len(names)
    return {name: _variant(model, name, conditions, tally) for name in sorted(names)}


def _variant(
    model: ModelInfo, name: str, conditions: list[ConditionalPrice], tally: Tally
) -> list[_Entry]:
    from datetime import UTC, date, datetime, time

    from genai_prices.types import ConditionalPrice, StartDateConstraint, TimeOfDateConstraint

    offers = [one for one in model.price_variants or () if list(one.when.values()) == [name]]
    limits = [one.constraint for one in chain(conditions, offers)]
    if any(isinstance(limit, TimeOfDateConstraint) for limit in limits):
        raise ValueError(f"{model.id}: a variant with prices by time of day")
    days = {limit.start_date for limit in limits if isinstance(limit, StartDateConstraint)}
    context = offers[0].when
    found: list[ConditionalPrice] = []
    for day in (None, *sorted(days)):
        at = datetime.combine(day or date.min, time.min, tzinfo=UTC)
        prices = model.get_prices(at, context)
        found.append(ConditionalPrice(StartDateConstraint(day) if day else None, prices=prices))
    return _entries(found, f"{model.id}-{name}", tally)


def _lines(models: Mapping[str, Mapping[str, object]]) -> str:
    """Write one model on each line, so that a diff of two books can be read."""
    return ",\n".join(
        f"{_json(provider)}:{{\n{_members(models[provider])}\n}}"
        for provider in sorted(models)
        if models[provider]
    )


def _members(values: Mapping[str, object]) -> str:
    return ",\n".join(f"{_json(name)}:{_json(values[name])}" for name in sorted(values))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)
