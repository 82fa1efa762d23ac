"""A reservation: an estimate held in every matching budget until the call is settled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from corvus.base.money import NOTHING, NanoUSD
from corvus.model.budget import Amounts
from corvus.model.price import Price
from corvus.model.request import Request, Surface
from corvus.model.usage import Usage


class ReservationState(StrEnum):
    """Life of a reservation: ``held``, then exactly one of the others (RES-2).

    An expired one may still be settled once by its late holder, whose word replaces what was
    presumed (RES-6).
    """

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Source(StrEnum):
    """How the cost of a usage record is known (LED-3)."""

    PROVIDER = "provider"
    PRICED = "priced"
    ESTIMATED = "estimated"
    PRESUMED = "presumed"
    IMPORTED = "imported"
    UNKNOWN = "unknown"


class AnswerKeys(NamedTuple):
    """By what a client's report of a call is known to be of this call (PRX-9).

    Attributes:
        answer_id: The provider's own id of the answer.
        answer_mark: What stands for it where a report has no such id (``answer_mark``).
    """

    answer_id: str | None = None
    answer_mark: str | None = None


NO_ANSWER = AnswerKeys()


@dataclass(frozen=True, slots=True)
class Reservation:
    """One admitted call.

    Attributes:
        id: UUIDv7 text.
        hold_nano_usd: The amount held while ``held``; the estimate, unless it was raised.
        hold_tokens: The tokens held while ``held``.
        admitted_at: Aware UTC; decides the windows that the call is counted in (EVA-8).
        expires_at: Aware UTC, exclusive: from then on the hold is overdue.
        settled_at: Aware UTC; ``None`` while held.
        cost_nano_usd: What counts in budgets: the cost that was recorded, or the bound of one that
            is unknown; ``None`` while held, when released, or when there is no bound either.
        record_id: The usage record that stands for the call, if there is one.
        policy_hash: Content hash of the policy that admitted it.
        override_id: The override that admitted it, if one did.
        answer: The decision as it was given, compact; kept when there is an idempotency key.
        settlement_key: Idempotency key of the settlement, if it had one.
        recorded: How the cost of a commit is known, and its usage: what a correction takes back.
        answer_id: The provider's own id of the answer, where a client may report the call by it.
        answer_mark: What tells it from other calls where a client reports no such id
            (``answer_mark``); ``None`` once a report was taken for this call.
    """

    id: str
    request: Request
    state: ReservationState
    hold_nano_usd: NanoUSD
    admitted_at: datetime
    expires_at: datetime
    policy_hash: str
    settled_at: datetime | None = None
    cost_nano_usd: NanoUSD | None = None
    record_id: str | None = None
    override_id: str | None = None
    answer: str | None = None
    settlement_key: str | None = None
    recorded: tuple[Source, Usage] | None = None
    hold_tokens: int = 0
    answer_id: str | None = None
    answer_mark: str | None = None

    def estimated_tokens(self, source: Source, usage: Usage) -> int:
        """Return the tokens that count for a call of which nobody reported any: those held.

        Args:
            source: How its cost is known.
            usage: What was reported.
        """
        is_reported = usage.total_tokens or source in (Source.PRICED, Source.IMPORTED)
        return 0 if is_reported else self.hold_tokens

    @property
    def known_cost_nano_usd(self) -> NanoUSD | None:
        """The cost that was recorded; ``None`` while held, when released or when unknown."""
        is_unknown = self.recorded is not None and self.recorded[0] is Source.UNKNOWN
        return None if is_unknown else self.cost_nano_usd

    @property
    def is_reported(self) -> bool:
        """Whether it stands for a call that a client reports, and that nobody held (PRX-9)."""
        return self.request.surface == Surface.TELEMETRY

    @property
    def hold(self) -> Amounts:
        """What is held in every measure."""
        return Amounts(self.hold_nano_usd, self.hold_tokens, 1)

    def ended(  # noqa: PLR0913 - what its end leaves behind
        self,
        state: ReservationState,
        settled_at: datetime,
        *,
        cost_nano_usd: NanoUSD | None = None,
        record_id: str | None = None,
        settlement_key: str | None = None,
        recorded: tuple[Source, Usage] | None = None,
        answer: AnswerKeys = NO_ANSWER,
    ) -> Reservation:
        """Return the reservation as it is after its end; faster than ``replace``."""
        return Reservation(
            self.id,
            self.request,
            state,
            self.hold_nano_usd,
            self.admitted_at,
            self.expires_at,
            self.policy_hash,
            settled_at,
            cost_nano_usd,
            record_id,
            self.override_id,
            self.answer,
            settlement_key,
            recorded,
            self.hold_tokens,
            *answer,
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is known of a call when it is over.

    Attributes:
        cost_nano_usd: Cost, nano-USD; ``None`` is unknown, never 0 (PRC-5).
        source: How the cost is known.
        price: The entry that priced the call (PRC-4); ``None`` when no price took part.
        first_token_at: Aware UTC.
        computed_cost_nano_usd: What the price books make of the call, where that is not its cost:
            next to one that the provider stated, or as the bound of one that is unknown although
            something was held for it; else ``None``.
        is_at_least: The cost is a lower bound: a fee or a modality could not be counted (PRC-8).
    """

    usage: Usage
    cost_nano_usd: NanoUSD | None
    source: Source
    outcome: Outcome = Outcome.COMPLETED
    answering_model: str | None = None
    price: Price | None = None
    service_tier: str | None = None
    provider_request_id: str | None = None
    first_token_at: datetime | None = None
    computed_cost_nano_usd: NanoUSD | None = None
    is_at_least: bool = False

    @property
    def counted_nano_usd(self) -> NanoUSD | None:
        """What counts in budgets: the cost, or the bound of one that is unknown."""
        if self.source is Source.UNKNOWN:
            return self.computed_cost_nano_usd
        return self.cost_nano_usd


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did.

    Attributes:
        overrun_nano_usd: Actual cost above what was held, >= 0.
        replaced: Whether it replaced what had been presumed after the hold expired.
        replayed: Whether it repeats the first answer to the same idempotency key.
    """

    reservation: Reservation
    overrun_nano_usd: NanoUSD = NOTHING
    replaced: bool = False
    replayed: bool = False
