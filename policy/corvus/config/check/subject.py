"""What the rules look at: the tables of a config, and what the price books know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from corvus.base.record import Record
from corvus.config.model.defaults import LIMITS_USD
from corvus.config.toml.values import Route, Table, value_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from corvus.config.check.reporter import Reporter

HasPrice: TypeAlias = Callable[[str], bool]
"""Returns whether the bundled price book prices a model."""
PriceClashes: TypeAlias = Callable[[Table], Iterable[tuple[Route, Route, str]]]
"""Takes valid ``cost.prices``; yields two names in it that clash (PRC-4), and why they do.

A name is the route of a key or of an alias, below ``cost.prices``."""


class PriceFacts(Record):
    """What rules need of the price books; config itself may not import them.

    Attributes:
        has_price: Called with the host's default model.
        clashes: Called with own prices, once they are valid.
    """

    has_price: HasPrice
    clashes: PriceClashes


class Subject(Record):
    """A config as the rules see it.

    Attributes:
        tables: The governed tables of all layers.
        whole: All keys, for the host's ``default_model``.
        facts: Answers about prices; ``None`` leaves out the rules that need them.
    """

    tables: Table
    whole: Mapping[str, object]
    facts: PriceFacts | None

    def limit(self, route: Route, reporter: Reporter) -> Decimal | None:
        """Return a limit in force, written or default; ``None`` when it was reported.

        It is unknown as well where it is not written and an unknown key of its table was reported:
        that may be the same limit, misspelt.
        """
        value = value_at(self.tables, route)
        if value is None:
            return None if reporter.has_unknown_key(route[:-1]) else LIMITS_USD[str(route[-1])]
        if reporter.is_reported(route) or isinstance(value, bool):
            return None
        return Decimal(value) if isinstance(value, int | Decimal) else None
