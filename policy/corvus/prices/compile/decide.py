"""Applies the decisions of the review to one provider's models."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

from corvus.model.usage import MODALITIES, TokenKind
from corvus.prices.compile.amounts import entries_of, rates_from
from corvus.prices.compile.entries import Entry, Rates
from corvus.prices.compile.listing import Listing
from corvus.prices.compile.review import (
    Addition,
    Difference,
    Fee,
    Media,
    Regions,
    Review,
    SameRate,
    StaleDecision,
    fits,
)
from corvus.prices.compile.units import Tally


class Decisions:
    """The review, applied to the models of one book.

    Args:
        review: The decisions.
        tally: What the compile met.
        is_strict: Whether a decision that no longer fits the source fails the compile; else the
            source stands as it is, as in a book of a release that nobody has reviewed yet.
    """

    def __init__(self, review: Review, tally: Tally, *, is_strict: bool) -> None:
        self.review = review
        self.tally = tally
        self.is_strict = is_strict

    @contextmanager
    def unless_stale(self) -> Generator[None]:
        """Pass over a decision that no longer fits the source, unless strict."""
        try:
            yield
        except StaleDecision:
            if self.is_strict:
                raise
            self.tally.counts["decisions that no longer fit the source"] += 1

    def decide(self, provider: str, models: Mapping[str, Listing]) -> dict[str, Listing]:
        """Return a provider's models with every decision applied.

        Raises:
            StaleDecision: The source no longer says what a decision is about.
        """
        found = dict(models)
        for difference in self.review.difference:
            if difference.provider == provider:
                with self.unless_stale():
                    change = partial(_settled, one=difference)
                    _change(found, difference.models, change)
        for addition in self.review.addition:
            if addition.provider == provider:
                with self.unless_stale():
                    found[addition.model] = _added(addition, found)
        self._complete(provider, found)
        return found

    def _complete(self, provider: str, found: dict[str, Listing]) -> None:
        """Write out kinds that cost as others, fees and regions."""
        review = self.review
        changes = [
            *((one.provider, one.models, partial(_with_fee, fee=one)) for one in review.fee),
            *(
                (one.provider, one.models, partial(_with_same, same=one))
                for one in review.same_rate
            ),
            *((one.host, one.models, partial(_within, area=one)) for one in review.regions),
        ]
        for seller, patterns, change in changes:
            if seller == provider:
                with self.unless_stale():
                    _change(found, patterns, change)

    def equal_at_hosts(
        self, models: Mapping[str, Mapping[str, Listing]]
    ) -> dict[str, dict[str, dict[str, str | None]]]:
        """Return by host and maker the models that cost the same, and since when.

        They were found equal on one day, so the price of that day is the earliest that is known.

        Raises:
            StaleDecision: The maker has no such model.
        """
        found: dict[str, dict[str, dict[str, str | None]]] = {}
        for one in self.review.equal:
            listed = found.setdefault(one.host, {}).setdefault(one.maker, {})
            for name in one.models:
                with self.unless_stale():
                    if name not in models[one.maker]:
                        raise StaleDecision(f"{one.host}: {one.maker} has no {name}")
                    starts = [entry.day for entry in models[one.maker][name].entries]
                    since = [day for day in starts if day is None or day <= one.read][-1]
                    listed[name] = since.isoformat() if since else None
        return found

    def pass_on_media(self, models: Mapping[str, dict[str, Listing]]) -> None:
        """Write out what hosts pass on for audio, pictures and video.

        Raises:
            StaleDecision: A host asks another price for text than the maker: nothing is known.
        """
        for one in self.review.media:
            for name, of_maker in one.models.items():
                with self.unless_stale():
                    models[one.host][name] = _with_media(models, one, name, of_maker)


def _with_media(
    models: Mapping[str, Mapping[str, Listing]], one: Media, name: str, of_maker: str
) -> Listing:
    listing, maker = models[one.host].get(name), models[one.maker].get(of_maker)
    if listing is None or maker is None:
        raise StaleDecision(f"{one.host}/{name}: one of the two is gone")
    ours, theirs = listing.entries[-1].rates, maker.entries[-1].rates
    if any(ours.get(kind) != theirs.get(kind) for kind in (TokenKind.INPUT, TokenKind.OUTPUT)):
        raise StaleDecision(f"{one.host}/{name}: another price for text than {one.maker}'s")
    media = {kind: rate for kind, rate in theirs.items() if kind in MODALITIES}
    return listing.changed(_with(media))


def _with_fee(_: str, listing: Listing, fee: Fee) -> Listing:
    return listing.changed(_with(rates_from(fee.rates)))


def _with_same(_: str, listing: Listing, same: SameRate) -> Listing:
    return listing.changed(_alike(same.kinds))


def _within(_: str, listing: Listing, area: Regions) -> Listing:
    return replace(listing, regions=tuple(area.regions))


def _change(
    found: dict[str, Listing], patterns: Sequence[str], change: Callable[[str, Listing], Listing]
) -> None:
    fitting = [name for name in found if fits(name, patterns)]
    if not fitting:
        raise StaleDecision(f"no model has a name of {', '.join(patterns)}; review it again")
    for name in fitting:
        found[name] = change(name, found[name])


def _with(more: Rates) -> Callable[[Entry], Entry]:
    return lambda entry: entry.changed(lambda rates: {**more, **rates} if rates else rates)


def _alike(kinds: Mapping[str, str]) -> Callable[[Entry], Entry]:
    def change(rates: Rates) -> Rates:
        found = dict(rates)
        for kind, other in kinds.items():
            if TokenKind(other) in rates:
                found.setdefault(TokenKind(kind), rates[TokenKind(other)])
        return found

    return lambda entry: entry.changed(change)


def _added(addition: Addition, models: Mapping[str, Listing]) -> Listing:
    """Return a new model, or one of the source with further names.

    Raises:
        ValueError: The source has the model by now, or lacks the one that is to be named.
    """
    old = models.get(addition.model)
    names = {"ids": sorted(addition.names), "patterns": sorted(addition.patterns)}
    names = {key: value for key, value in names.items() if value}
    if not addition.like and not addition.entries:
        if old is None:
            raise StaleDecision(f"{addition.provider} has no {addition.model} to give names to")
        ids = sorted({*old.names.get("ids", ()), *addition.names})
        return replace(old, names={**old.names, "ids": ids})
    if old is not None:
        raise StaleDecision(f"{addition.provider}/{addition.model}: the source has it by now")
    if addition.like:
        return replace(models[addition.like], names=names, own=addition.own)
    return Listing(names, entries_of(addition), own=addition.own)


def _settled(model: str, listing: Listing, one: Difference) -> Listing:
    """Return the listing after a decision; the source must still say what the decision is about."""
    offer = listing.variants.get(one.variant, []) if one.variant else listing.entries
    if not offer:
        raise StaleDecision(
            f"{one.provider}/{model}: no {one.variant or 'standard'} prices to decide on"
        )
    _check_stated(model, offer[-1], one)
    if one.decision == "book":
        return listing
    changed = _from_day(offer, one.day)
    decided = [
        _decided(entry, one) if entry.start >= (one.day or date.min) else entry for entry in changed
    ]
    if one.variant:
        return replace(listing, variants={**listing.variants, one.variant: decided})
    return replace(listing, entries=decided)


def _check_stated(model: str, entry: Entry, one: Difference) -> None:
    stated = _at(entry, one.above)
    for kind in {*one.book, *one.second}:
        expected = rates_from({kind: one.book[kind]})[TokenKind(kind)] if kind in one.book else None
        found = stated.get(TokenKind(kind))
        if found != expected:
            raise StaleDecision(
                f"{one.provider}/{model} {one.variant} {kind} above {one.above}: the review was "
                f"about {expected}, the source says {found}; review it again"
            )


def _at(entry: Entry, above: int) -> Rates:
    found = entry.rates
    for bound, rates in entry.tiers:
        if bound <= above:
            found = rates
    return found


def _from_day(offer: Sequence[Entry], day: date | None) -> list[Entry]:
    """Return the entries with one that begins on the day."""
    if day is None or any(one.start == day for one in offer):
        return list(offer)
    before = [one for one in offer if one.start < day]
    if not before:
        raise StaleDecision(f"no price before {day} to change")
    later = [one for one in offer if one.start > day]
    return [*before, replace(before[-1], day=day), *later]


def _decided(entry: Entry, one: Difference) -> Entry:
    kinds = {TokenKind(kind) for kind in {*one.book, *one.second}}
    second = rates_from(one.second) if one.decision == "second" else {}
    if TokenKind.OUTPUT in kinds:
        kinds.add(TokenKind.REASONING)

    def change(rates: Rates) -> Rates:
        kept = {kind: rate for kind, rate in rates.items() if kind not in kinds}
        return {**kept, **second}

    if not one.above:
        return replace(entry, rates=change(entry.rates))
    tiers = {**dict(entry.tiers), one.above: change(_at(entry, one.above))}
    kept = [(bound, rates) for bound, rates in sorted(tiers.items()) if rates != entry.rates]
    return replace(entry, tiers=tuple(kept))
