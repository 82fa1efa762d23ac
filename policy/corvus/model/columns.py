"""The columns of ``usage_record``, once: what each is, and where its value comes from (LED-3).

The ledger's table, the rows that the store hands to it, imports, exports and the JSON Schema of a
record follow from this list. A new column is a line here and a migration of the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple, get_args

from corvus.base.time import microseconds
from corvus.model.outbox import Cell, Row
from corvus.model.price import Book
from corvus.model.request import Request
from corvus.model.reservation import Outcome, Reservation, Settlement, Source
from corvus.model.usage import COUNTS

_JSON_TYPES = {
    "BIGINT": "integer",
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "MAP(VARCHAR, VARCHAR)": "object",
}
_INSTANT = "UTC, ISO 8601."


ESTIMATED_TOKENS = "estimated_tokens"
"""The column of the tokens that count although nobody reported them."""


class SettledCall(NamedTuple):
    """What the record of a governed call is made from.

    Attributes:
        reservation: After its settlement.
        settlement: What is known of the call.
        corrects_id: The record that this one replaces or takes back.
        calls: 1, or -1 to take a record back; counts and cost are then negated.
    """

    reservation: Reservation
    settlement: Settlement
    corrects_id: str | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``usage_record``.

    Attributes:
        name: Its name in the ledger, in exports and in SQL of users.
        type: Its type as DuckDB names it. Instants are naive, in UTC.
        description: What it says, for the JSON Schema; may be empty.
        is_nullable: Whether it may be NULL, which is unknown and never 0 (PRC-5).
        choices: The closed set of its values, if there is one.
        attribute: Attribute of a ``Request`` that states it; empty for what no request states.
        path: Where a governed call has it as it is, such as ``reservation.policy_hash``; empty
            where it is computed.
        value: Returns it for a governed call where it is computed, an instant as microseconds since
            1970. Without both only imports have it.
        is_derived: Whether corvus finds it out by itself, so that no log or export states it.
    """

    name: str
    type: str
    description: str = ""
    is_nullable: bool = False
    choices: tuple[str, ...] = ()
    attribute: str = ""
    path: str = ""
    value: Callable[[SettledCall], Cell] | None = None
    is_derived: bool = False

    def json_schema(self) -> dict[str, object]:
        """Return the JSON Schema of the value, as an export writes it."""
        about: dict[str, object] = {"description": self.description} if self.description else {}
        if self.choices:
            return {"enum": [*self.choices, *([None] if self.is_nullable else [])], **about}
        schema: dict[str, object] = {"type": _JSON_TYPES.get(self.type, "string"), **about}
        if self.type == "TIMESTAMP":
            schema["format"] = "date-time"
            schema["description"] = f"{self.description} {_INSTANT}".strip()
        if schema["type"] == "object":
            schema["additionalProperties"] = {"type": "string"}
        return {"anyOf": [schema, {"type": "null"}]} if self.is_nullable else schema


def _stated(
    name: str, description: str, attribute: str = "", *, is_nullable: bool = True
) -> Column:
    """Return a column of text that the request of a call states."""
    attribute = attribute or name
    path = f"reservation.request.{attribute}"
    return Column(name, "VARCHAR", description, is_nullable, (), attribute, path)


def _reported(name: str, description: str) -> Column:
    """Return a column of text that the answer to a call states."""
    return Column(name, "VARCHAR", description, is_nullable=True, path=f"settlement.{name}")


def _count(name: str) -> Column:
    return Column(name, "BIGINT", "Disjoint kinds.", path=f"settlement.usage.{name}")


def _instant(instant: datetime | None) -> int | None:
    return None if instant is None else microseconds(instant)


def _admitted(call: SettledCall) -> int:
    return microseconds(call.reservation.admitted_at)


def _settled(call: SettledCall) -> int | None:
    assert call.reservation.settled_at is not None, "what is recorded is settled"
    return _instant(call.reservation.settled_at)


def _estimated_tokens(call: SettledCall) -> int | None:
    settlement = call.settlement
    tokens = call.reservation.estimated_tokens(settlement.source, settlement.usage)
    return tokens * call.calls or None


def _cost(call: SettledCall) -> int | None:
    cost = call.settlement.cost_nano_usd
    return None if cost is None else cost * call.calls


def _computed_cost(call: SettledCall) -> int | None:
    cost = call.settlement.computed_cost_nano_usd
    return None if cost is None else cost * call.calls


def _book(call: SettledCall) -> str | None:
    return call.settlement.price.book if call.settlement.price else None


def _entry(call: SettledCall) -> str | None:
    return call.settlement.price.entry if call.settlement.price else None


_FIRST_COUNTS = 7
_LATER_COUNTS = COUNTS[_FIRST_COUNTS:]
"""Counts that the first ledgers did not have: behind what was there, and 0 by default."""

COLUMNS = (
    Column(
        "id",
        "UUID",
        "UUIDv7, by time of admission.",
        path="reservation.record_id",
        is_derived=True,
    ),
    Column(
        "corrects_id",
        "UUID",
        "The record that this row takes back or replaces.",
        is_nullable=True,
        path="corrects_id",
        is_derived=True,
    ),
    Column(
        "calls",
        "INTEGER",
        "1, or more for a sum; negative takes a record back.",
        path="calls",
    ),
    Column("import_key", "UUID", "Identity of the call at its origin.", is_nullable=True),
    Column("requested_at", "TIMESTAMP", value=_admitted),
    Column("admitted_at", "TIMESTAMP", "Decides the window.", value=_admitted),
    Column(
        "first_token_at",
        "TIMESTAMP",
        is_nullable=True,
        value=lambda call: _instant(call.settlement.first_token_at),
    ),
    Column("settled_at", "TIMESTAMP", value=_settled),
    _stated("session_id", "Session of the call."),
    _stated("mission_id", "Mission of the call."),
    _stated("surface", "api, proxy, cli-…, python, telemetry or import.", is_nullable=False),
    _stated("provider", "Who bills.", is_nullable=False),
    _stated("requested_model", "Model that was asked for.", "model", is_nullable=False),
    _reported("answering_model", "Model that answered."),
    _reported("service_tier", "Tier with prices of its own, such as batch."),
    _stated("project", "Project of the call."),
    _stated("user_name", "User of the call.", "user"),
    _stated("agent", "Agent of the call."),
    Column(
        "tags",
        "MAP(VARCHAR, VARCHAR)",
        is_nullable=True,
        attribute="tags",
        value=lambda call: dict(call.reservation.request.tags) or None,
    ),
    *(_count(name) for name in COUNTS[:_FIRST_COUNTS]),
    Column(
        "cost_nano_usd",
        "BIGINT",
        "nano-USD; null is unknown, never 0.",
        is_nullable=True,
        value=_cost,
        is_derived=True,
    ),
    Column("price_book", "VARCHAR", "", True, get_args(Book), value=_book, is_derived=True),
    Column(
        "price_entry",
        "VARCHAR",
        "The entry that priced the call.",
        is_nullable=True,
        value=_entry,
        is_derived=True,
    ),
    Column(
        "source",
        "VARCHAR",
        "How the cost is known.",
        choices=tuple(Source),
        path="settlement.source.value",
        is_derived=True,
    ),
    Column(
        "outcome",
        "VARCHAR",
        choices=tuple(Outcome),
        path="settlement.outcome.value",
    ),
    Column(
        "policy_hash",
        "VARCHAR",
        "Content hash of the policy that admitted it.",
        is_nullable=True,
        path="reservation.policy_hash",
        is_derived=True,
    ),
    Column(
        "reservation_id",
        "UUID",
        "The reservation that it settles.",
        is_nullable=True,
        path="reservation.id",
        is_derived=True,
    ),
    _reported("provider_request_id", "The provider's own id."),
    _stated("subagent", "Agent inside the agent, by the client's own id."),
    _stated("token", "Name of the access token that the call came with."),
    _stated("branch", "Branch of the repository that the call works on."),
    Column(
        ESTIMATED_TOKENS,
        "BIGINT",
        "Tokens held for a call of which nobody reported any; they count in budgets of tokens.",
        is_nullable=True,
        value=_estimated_tokens,
        is_derived=True,
    ),
    _stated("parent_subagent", "Sub-agent that started it; null is the agent itself."),
    *(_count(name) for name in _LATER_COUNTS),
    Column(
        "computed_cost_nano_usd",
        "BIGINT",
        "What the price books make of it, where that is not its cost: next to one that the "
        "provider stated, or the bound of one that is unknown, which counts in budgets.",
        is_nullable=True,
        value=_computed_cost,
        is_derived=True,
    ),
    Column(
        "at_least",
        "BOOLEAN",
        "Whether the cost is a lower bound: a fee or a modality was not counted.",
        path="settlement.is_at_least",
        is_derived=True,
    ),
)
"""Every column, in the order of the table."""

STATED = tuple(column for column in COLUMNS if not column.is_derived)
"""What a log or an export can state of a call."""

_ORDER = dict.fromkeys(
    column.name
    for column in COLUMNS
    if (column.path or column.value) and column.name not in _LATER_COUNTS
)
_READ = {column.name: column.path for column in COLUMNS if column.path and column.name in _ORDER}
_read = attrgetter(*_READ.values())
_read_later = attrgetter(*_LATER_COUNTS)
_COMPUTED = [(column.name, column.value) for column in COLUMNS if column.value is not None]
_STATED = [column.name for column in COLUMNS if column.attribute]
_state = attrgetter(*(column.attribute for column in COLUMNS if column.attribute))


def usage_row(call: SettledCall) -> Row:
    """Return the usage record of a settled reservation; without most counts that are 0."""
    row: Row = {**_ORDER}
    row.update(zip(_READ, _read(call), strict=True))
    for name, value in _COMPUTED:
        row[name] = value(call)
    usage = call.settlement.usage
    later = _read_later(usage)
    if any(later):
        row.update(zip(_LATER_COUNTS, later, strict=True))
    if call.calls != 1:
        for name in COUNTS:
            row[name] = getattr(usage, name) * call.calls
    return row


def request_row(request: Request) -> Row:
    """Return what the request of a call states: the columns that say whose call it is."""
    row: Row = dict(zip(_STATED, _state(request), strict=True))
    row["tags"] = dict(request.tags) or None
    return row
