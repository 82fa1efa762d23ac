"""The one place that decides what of an event leaves the process, field by field (OBS-3).

Amounts, counts and words of closed sets pass as they are. Names pass when a config or a price book
has them. What callers choose, such as sessions, missions and unknown models, leaves only as a keyed
hash, so that lines can be told to belong together by whoever has the key. Actors, reasons, tokens
and keys are in no event; free text of the log is scrubbed here, too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple, TypeAlias

from corvus.base.money import usd_exact
from corvus.diagnostics.secrets import scrub
from corvus.events import (
    BudgetExceeded,
    BudgetOverride,
    BudgetWarning,
    CallDenied,
    CallSettled,
    Event,
    LimitPassed,
    LimitsChanged,
    Overrun,
    ReservationExpired,
    ResetApplied,
    SettlementCorrected,
    Threshold,
    UnpricedCall,
)
from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.observability.names import EVENTS, OTHER, SURFACES, EventName
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import provider_id

Value: TypeAlias = str | int | float | bool
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
_OUTPUT = ("output", "reasoning")
_HASH_DIGITS = 16
_MODELS_MAX = 10_000


class Told(NamedTuple):
    """One event as every sink may show it.

    Attributes:
        fields: In the order of the table; what has no value is left out.
    """

    kind: EventName
    fields: dict[str, Value]


class Listed(NamedTuple):
    """A model as the price book names it; both are ``other`` when no book knows it."""

    provider: str
    model: str


_UNLISTED = Listed(OTHER, OTHER)


class Redactor:
    """Turns events into what may be shown.

    Args:
        books: Price books; only what they know is shown by name.
        key: Of the hashes; a random one by default, which ends with the process.
    """

    def __init__(self, books: PriceBooks, key: bytes | None = None) -> None:
        self._books = books
        self._key = key or secrets.token_bytes(32)
        self._listed: dict[tuple[str, str], Listed] = {}

    def use(self, books: PriceBooks) -> None:
        """Go on with other price books."""
        self._books = books
        self._listed = {}

    def told(self, event: Event) -> Told:
        """Return what may be shown of an event."""
        kind = EVENTS[type(event)]
        found = self._fields(event)
        return Told(
            kind,
            {name: value for name in kind.fields if (value := found.get(name)) is not None},
        )

    def listed(self, model: str, provider: str) -> Listed:
        """Return a model as the books name it, whatever it was called by."""
        key = (model, provider)
        found = self._listed.get(key)
        if found is None:
            if len(self._listed) >= _MODELS_MAX:
                self._listed.clear()
            found = self._listed[key] = self._look_up(model, provider)
        return found

    def hashed(self, text: str) -> str:
        """Return a keyed hash of what a caller chose."""
        digest = hmac.new(self._key, text.encode(errors="replace"), hashlib.sha256)
        return digest.hexdigest()[:_HASH_DIGITS]

    def _fields(self, event: Event) -> dict[str, Value | None]:
        match event:
            case BudgetWarning(threshold) | BudgetExceeded(threshold) | LimitPassed(threshold):
                return self._threshold(threshold)
            case CallSettled():
                return self._settled(event)
            case UnpricedCall():
                listed = self.listed(event.model, event.provider)
                return {
                    "provider": listed.provider,
                    "model": self._model(event.model, listed),
                    "refused": event.refused,
                    "surface": surface(event.surface),
                }
            case SettlementCorrected():
                return {
                    "reservation_id": self._id(event.reservation_id),
                    "was": event.was,
                    "recorded_usd": _usd(event.recorded_nano_usd),
                    "measured_usd": _usd(event.measured_nano_usd),
                    "session": self._chosen(event.session_id),
                    "surface": surface(event.surface),
                }
            case _:
                return self._plain(event)

    def _plain(
        self,
        event: BudgetOverride
        | ResetApplied
        | LimitsChanged
        | ReservationExpired
        | Overrun
        | CallDenied,
    ) -> dict[str, Value | None]:
        match event:
            case BudgetOverride():
                return {
                    "action": event.action,
                    "scope": event.scope,
                    "previous_state": event.previous_state,
                    "period": event.period,
                    "override_id": self._id(event.override_id),
                    "session": self._chosen(event.session_id),
                    "surface": surface(event.surface),
                }
            case ResetApplied():
                return {
                    "budget": event.budget,
                    "period": event.period,
                    "removed_usd": usd_exact(event.removed_nano_usd),
                    "removed_requests": event.removed_requests,
                }
            case LimitsChanged():
                return {"policy_hash": event.policy_hash}
            case ReservationExpired():
                return {
                    "reservation_id": self._id(event.reservation_id),
                    "presumed_usd": _usd(event.presumed_nano_usd),
                    "session": self._chosen(event.session_id),
                    "surface": surface(event.surface),
                }
            case Overrun():
                return {
                    "reservation_id": self._id(event.reservation_id),
                    "overrun_usd": usd_exact(event.overrun_nano_usd),
                    "surface": surface(event.surface),
                }
            case CallDenied():
                return {"denial": event.denial, "surface": surface(event.surface)}

    def _threshold(self, told: Threshold) -> dict[str, Value | None]:
        return {
            "budget_state": told.budget_state,
            "period": told.period,
            "budget": told.budget,
            "current_usd": usd_exact(told.current_nano_usd),
            "projected_usd": usd_exact(told.projected_nano_usd),
            "limit_usd": usd_exact(told.limit_nano_usd),
            "percent_used": told.percent_used,
            "session": self._chosen(told.session_id),
            "mission": self._chosen(told.mission_id),
            "surface": surface(told.surface),
        }

    def _settled(self, call: CallSettled) -> dict[str, Value | None]:
        listed = self.listed(call.model, call.provider)
        is_spent = bool(call.source)
        return {
            "reservation_id": self._id(call.reservation_id),
            "provider": listed.provider,
            "model": self._model(call.model, listed),
            "session": self._chosen(call.session_id),
            "mission": self._chosen(call.mission_id),
            "surface": surface(call.surface),
            "outcome": call.outcome,
            "source": call.source or None,
            "cost_usd": _usd(call.cost_nano_usd),
            "input_tokens": input_tokens(call) if is_spent else None,
            "output_tokens": output_tokens(call) if is_spent else None,
            "duration_seconds": round((call.settled_at - call.admitted_at).total_seconds(), 3),
        }

    def _look_up(self, model: str, provider: str) -> Listed:
        for by in (provider, None):
            try:
                price = self._books.find(model, provider=by)
            except UnpricedModel:
                continue
            if price is not None:
                return Listed(self._biller(price, provider), price.model)
        return _UNLISTED

    def _biller(self, price: Price, provider: str) -> str:
        """Return who bills; an entry of the user's own book need not say so, but the call does."""
        if price.book == "user" and self._books.knows_provider(provider):
            return provider_id(provider)
        return price.provider or OTHER

    def _model(self, model: str, listed: Listed) -> str:
        return f"unlisted:{self.hashed(model)}" if listed is _UNLISTED else listed.model

    def _chosen(self, text: str | None) -> str | None:
        return self.hashed(text) if text else None

    def _id(self, text: str) -> str:
        """Return an id of ours; one that a caller chose leaves as a hash."""
        return text if _UUID.fullmatch(text) else self.hashed(text)


def surface(word: str) -> str:
    """Return a surface of the closed set; any other word is ``other``."""
    return word if word in SURFACES else OTHER


def input_tokens(call: CallSettled) -> int:
    """Return all that a call read, cached or not."""
    return sum(n for kind, n in call.tokens if kind in _INPUT)


def output_tokens(call: CallSettled) -> int:
    """Return all that a call wrote, reasoning included."""
    return sum(n for kind, n in call.tokens if kind in _OUTPUT)


def clean(text: str) -> str:
    """Return free text of the log without what looks like a secret."""
    return scrub(text)


def _usd(amount: int | None) -> str | None:
    return None if amount is None else usd_exact(amount)
