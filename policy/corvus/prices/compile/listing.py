"""One model of the book while it is made: its names, its prices, its variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from corvus.prices.compile.entries import Entry


@dataclass(frozen=True, slots=True)
class Listing:
    """One model of one provider.

    Attributes:
        names: ``ids``, ``families``, ``anchored`` and ``patterns``, as the book writes them.
        entries: Standard prices, ascending.
        variants: Prices of other ways to be served.
        own: The provider made the model, so that the bare id means it (PRC-4).
        regions: Regions at whose prices the id without a region is sold; ``None`` for any.
    """

    names: dict[str, list[str]]
    entries: list[Entry]
    variants: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    own: bool = False
    regions: tuple[str, ...] | None = None

    def changed(self, change: Callable[[Entry], Entry]) -> Listing:
        """Return the listing with each entry changed, those of variants too."""
        return replace(
            self,
            entries=[change(one) for one in self.entries],
            variants={
                name: [change(one) for one in offer] for name, offer in self.variants.items()
            },
        )

    def written(self) -> dict[str, Any]:
        """Return the line of the book."""
        found: dict[str, Any] = {
            **self.names,
            "prices": [one.written() for one in self.entries],
            "variants": {
                name: [one.written() for one in offer] for name, offer in self.variants.items()
            },
            "own": int(self.own),
            "regions": list(self.regions) if self.regions is not None else [],
        }
        return {key: value for key, value in found.items() if value}
