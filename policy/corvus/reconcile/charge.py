"""What a bill says, as data: charges, and sheets, the charges of one day from one file.

Amounts are exact decimals of USD until they are stored. Nothing here reads a file or a ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from corvus.model.usage import TokenKind


class ChargeKind(StrEnum):
    """What a charge is for, where that is no kind of token or fee that has a price.

    ``USAGE`` is all that a model did, undivided. ``PROMPT``, ``COMPLETION`` and ``TOKENS`` are
    counts alone: all that was read, all that was written, and both. ``FEE`` is a service that has
    no kind of its own.
    """

    USAGE = "usage"
    PROMPT = "prompt"
    COMPLETION = "completion"
    TOKENS = "tokens"
    FEE = "fee"
    TAX = "tax"
    CREDIT = "credit"


Kind: TypeAlias = TokenKind | ChargeKind


@dataclass(frozen=True, slots=True)
class Offer:
    """The way in which calls were served, as far as it decides their rates.

    Attributes:
        service_tier: Tier with prices of its own; ``None`` is the usual one.
        context_tokens: A context that has the rates of these calls; 0 is a short one.
        is_kept_in_us: Whether they were kept within the United States, at a surcharge.
    """

    service_tier: str | None = None
    context_tokens: int = 0
    is_kept_in_us: bool = False


USUAL = Offer()


@dataclass(frozen=True, slots=True)
class Line:
    """What tells a charge of a sheet from the others of its day.

    Attributes:
        model: As the bill names it; ``None`` where it names none.
        label: The bill's words for it, where the other members leave something unsaid.
    """

    model: str | None
    kind: Kind
    offer: Offer = USUAL
    project: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """How much one line of a bill comes to. ``None`` is what the bill does not state.

    Attributes:
        amount_usd: What is to be paid, negative for a credit.
        list_usd: The same before discounts.
        quantity: Tokens or uses, >= 0.
        requests: Calls, >= 0.
        lines: How many lines of the file are summed up here; each may have been rounded.
    """

    amount_usd: Decimal | None = None
    list_usd: Decimal | None = None
    quantity: int | None = None
    requests: int | None = None
    lines: int = 1

    def plus(self, other: Charge) -> Charge:
        """Return both in one; what neither states stays unstated.

        A list price that only one of them states is what the other is to be paid.
        """
        listed = None
        if self.list_usd is not None or other.list_usd is not None:
            listed = _sum(
                self.amount_usd if self.list_usd is None else self.list_usd,
                other.amount_usd if other.list_usd is None else other.list_usd,
            )
        return Charge(
            amount_usd=_sum(self.amount_usd, other.amount_usd),
            list_usd=listed,
            quantity=_count(self.quantity, other.quantity),
            requests=_count(self.requests, other.requests),
            lines=self.lines + other.lines,
        )


def _sum(mine: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if mine is None else mine if other is None else mine + other


def _count(mine: int | None, other: int | None) -> int | None:
    return other if mine is None else mine if other is None else mine + other


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of bill.

    Attributes:
        name: Such as ``openai-costs``.
        provider: Who writes it; ``None`` where the file names several.
        states_amounts: Whether it has money, and not counts alone.
        is_whole: Whether it has all that the provider billed for a day: then a model that it does
            not name was not billed.
        leaves_out: A service tier that it never has.
    """

    name: str
    provider: str | None
    states_amounts: bool = True
    is_whole: bool = True
    leaves_out: str | None = None


@dataclass(slots=True)
class Sheet:
    """The charges of one day from one page or file.

    Attributes:
        day: UTC day.
        provider: Who bills, by the book's name.
        grouping: What the report was divided by, such as ``model`` and ``workspace_id``.
        source: SHA-256 of the file, and which of its pages.
        file: Name of the file, for a person.
        through: Last day that the page or file covers: of two that have one line, the one that
            reaches further is the newer.
        smallest_usd: The last decimal place that any amount of the file has.
        is_page: Whether it is of a page that others follow.
        identities: Hashes of its lines, where one is known by itself and not by what it is summed
            up under: lines of one day may be divided over several files or pages.
    """

    form: Form
    day: date
    provider: str
    grouping: str
    source: str
    file: str
    through: date
    smallest_usd: Decimal = Decimal("0.01")
    is_page: bool = False
    charges: dict[Line, Charge] = field(default_factory=dict[Line, Charge])
    identities: set[int] = field(default_factory=set[int])

    def add(self, line: Line, charge: Charge) -> None:
        """Add a charge to its line."""
        known = self.charges.get(line)
        self.charges[line] = charge if known is None else known.plus(charge)

    def supersedes(self, other: Sheet) -> bool:
        """Return whether this newer sheet of the same day and form stands in the other's place.

        It does where a line is in both, or where the report was divided by something else.
        """
        if self.overlaps(other):
            return True
        is_one_report = self.is_page or other.is_page or self.source[:64] == other.source[:64]
        has_both = bool(self.charges) and bool(other.charges)
        return has_both and not is_one_report and self.grouping != other.grouping

    def overlaps(self, other: Sheet) -> bool:
        """Return whether two sheets of one day and form have a line in common."""
        if self.identities and other.identities:
            return not self.identities.isdisjoint(other.identities)
        return not self.charges.keys().isdisjoint(other.charges)


@dataclass(slots=True)
class Bill:
    """What one file says.

    Attributes:
        has_more: Whether a page says that others follow, and none of them is in the file.
        notes: What a person should know: fields that are not read, lines of others.
        names: Names of models in the file that mean the same as another one.
    """

    file: str
    form: Form
    sheets: list[Sheet]
    has_more: bool = False
    notes: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
