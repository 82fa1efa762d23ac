"""Compiles the prices of genai-prices into the text of a price book (PRC-3, PRC-8, PRC-10).

The output is deterministic: the same package gives the same bytes. No book is made when the source
says something that this module does not understand.

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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from corvus.prices.compile.amounts import entries_of
from corvus.prices.compile.clauses import Aliases, aliases
from corvus.prices.compile.decide import Decisions
from corvus.prices.compile.entries import Entry
from corvus.prices.compile.listing import Listing
from corvus.prices.compile.records import ModelInfo, Provider
from corvus.prices.compile.review import StaleDecision, load_review
from corvus.prices.compile.source import conditions, digest, standard, variants
from corvus.prices.compile.units import Tally, uncounted
from corvus.prices.compile.writing import book_text
from corvus.prices.names import provider_id

_SAME_VENDOR = {"zai": "zhipuai"}
"""Second shop of the same vendor, with other prices: a bare id does not say which of the two."""


def compile_book(
    providers: Sequence[Provider],
    package: str,
    release: str,
    tally: Tally,
    *,
    is_strict: bool = True,
) -> str:
    """Return the text of ``book.json``: a header line with the hash of all lines below it.

    ``is_strict`` says whether a reviewed decision that no longer fits the source fails the compile.

    Raises:
        ValueError: The source has a price or a clause that this module does not understand.
    """
    decisions = Decisions(load_review(), tally, is_strict=is_strict)
    shops = {provider.id: provider for provider in providers}
    listed = {provider.id: dict(_listings(shops, provider, decisions)) for provider in providers}
    added: dict[str, dict[str, Listing]] = {one.provider: {} for one in decisions.review.addition}
    found = {
        provider: decisions.decide(provider, listings)
        for provider, listings in (added | listed).items()
    }
    decisions.pass_on_media(found)
    unpriced = {provider.id: list(_unpriced(provider)) for provider in providers}
    models = {
        provider: {name: listing.written() for name, listing in listings.items()}
        for provider, listings in found.items()
    }
    return book_text(
        models,
        package=package,
        release=release,
        equal=decisions.equal_at_hosts(found),
        unpriced=unpriced,
        doubtful=_doubtful(found, unpriced),
    )


def _listings(
    shops: Mapping[str, Provider], provider: Provider, decisions: Decisions
) -> Iterable[tuple[str, Listing]]:
    taken = {model.id for model in provider.models}
    for model in provider.models:
        named = aliases(model.match)
        listing = _listing(provider.id, model, decisions)
        if listing is not None:
            own = _is_own(shops, provider, model.id)
            yield model.id, replace(listing, names=_named(named, taken), own=own)
        taken.update(named.ids)


def _unpriced(provider: Provider) -> Iterable[str]:
    """Yield ids that the provider sells by units that no record counts."""
    for model in provider.models:
        if _units_left_out(model):
            yield from sorted({model.id, *aliases(model.match).ids})


def _units_left_out(model: ModelInfo) -> list[str]:
    stated = [one.prices for one in (*conditions(model), *(model.price_variants or ()))]
    return sorted({unit for prices in stated for unit in uncounted(prices)})


def _is_own(shops: Mapping[str, Provider], provider: Provider, model: str) -> bool:
    """Return whether the provider made the model, so that the bare id means it (PRC-4)."""
    clause = shops[_SAME_VENDOR.get(provider.id, provider.id)].model_match
    return clause is not None and clause.is_match(model.lower())


def _named(named: Aliases, taken: set[str]) -> dict[str, list[str]]:
    found = {
        "ids": sorted(named.ids - taken),
        "families": sorted(named.families),
        "anchored": sorted(named.anchored),
        "patterns": sorted(named.patterns),
    }
    return {key: value for key, value in found.items() if value}


def _listing(provider: str, model: ModelInfo, decisions: Decisions) -> Listing | None:
    tally, review = decisions.tally, decisions.review
    if units := _units_left_out(model):
        tally.counts[f"models left out: {', '.join(units)}"] += 1
        return None
    entries = _entries(provider, model, decisions)
    if not any(entry.rates for entry in entries):
        tally.counts["models left out: no price stated"] += 1
        return None
    tally.counts["models"] += 1
    offers = variants(model, review.starts(provider, model.id), tally)
    return Listing({}, entries, offers)


def _entries(provider: str, model: ModelInfo, decisions: Decisions) -> list[Entry]:
    """Return the standard prices, those of the review where the source still says the same."""
    history = decisions.review.history_of(provider, model.id)
    if history is not None:
        with decisions.unless_stale():
            if digest(model) != history.replaces:
                raise StaleDecision(
                    f"{provider}/{model.id}: other prices than those that were reviewed, "
                    f"{digest(model)}"
                )
            return entries_of(history)
    try:
        return standard(model, decisions.tally)
    except ValueError:
        if decisions.is_strict:
            raise
        decisions.tally.counts["models left out: hours that nobody has reviewed"] += 1
        return []


def _doubtful(
    models: Mapping[str, Mapping[str, Listing]], unpriced: Mapping[str, Iterable[str]]
) -> set[str]:
    """Return the names that are listed and may have no price, for ``corvus.prices.listed``."""
    listed = {name: one for listings in models.values() for name, one in listings.items()}
    ended = {name for name, one in listed.items() if not one.entries[-1].rates}
    named = {
        provider: {*unpriced.get(provider, ()), *_names_of_ended(listings)}
        for provider, listings in models.items()
    }
    anyone = [start for starts in named.values() for start in starts]
    elsewhere: set[str] = set()
    for name in listed:
        prefix, _, rest = name.partition("/")
        starts = named.get(provider_id(prefix), ()) if rest else anyone
        if any((rest or name).startswith(start) for start in starts):
            elsewhere.add(name)
    return elsewhere | ended


def _names_of_ended(listings: Mapping[str, Listing]) -> Iterable[str]:
    """Yield ids and starts of ids that lead to a model without a price today."""
    for name, one in listings.items():
        if not one.entries[-1].rates:
            yield from (name, *one.names.get("ids", ()))
            yield from (text.partition("|")[0] for text in one.names.get("families", ()))
