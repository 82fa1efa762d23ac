"""Names of the price book, for the shell."""

from __future__ import annotations


def provider_names(incomplete: str) -> list[str]:
    """Return the providers of the bundled book that begin as typed."""
    from corvus.prices.book import BundledBook

    return [name for name in BundledBook().shops if name.startswith(incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Return the models of the bundled book that begin as typed, those of their makers bare."""
    from corvus.prices.book import BundledBook

    entries = [entry for shop in BundledBook().shops.values() for entry in shop.models()]
    bare = (entry.model for entry in entries if entry.own)
    whole = (f"{entry.provider}/{entry.model}" for entry in entries)
    return sorted(name for name in {*bare, *whole} if name.startswith(incomplete))
