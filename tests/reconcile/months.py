"""A month of calls, and what each provider's report makes of it: the truth that bills are made of.

A call says what was used. ``recorded`` writes it into a ledger as settlement would, ``…_bill`` into
the form of a bill. What a test plants it changes on one side alone.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from corvus.base.time import SystemClock
from corvus.ledger.ledger import Ledger
from corvus.model.usage import COUNTS, TokenKind, Usage
from corvus.prices.cost import cost
from corvus.prices.lookup import PriceBooks

BOOKS = PriceBooks()
FIRST = date(2026, 10, 20)
CLAUDE = ("claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5")
TOKEN_TYPES = {
    TokenKind.INPUT: "uncached_input_tokens",
    TokenKind.OUTPUT: "output_tokens",
    TokenKind.CACHE_READ: "cache_read_input_tokens",
    TokenKind.CACHE_WRITE_5M: "cache_creation.ephemeral_5m_input_tokens",
    TokenKind.CACHE_WRITE_1H: "cache_creation.ephemeral_1h_input_tokens",
}
Write = Callable[[Fraction], str]
"""Writes an amount in the unit of a bill."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it was.

    Attributes:
        charged: What is recorded, where it is not what the books charge.
    """

    day: date
    model: str
    usage: Usage
    provider: str = "anthropic"
    tier: str | None = None
    charged: int | None = None
    source: str = "priced"

    @property
    def nano_usd(self) -> int:
        name = f"{self.model}-{self.tier}" if self.tier else self.model
        price = BOOKS.find(name, provider=self.provider, on=self.day)
        assert price is not None, name
        return cost(self.usage, price)


def rate(call: Call, kind: TokenKind) -> Fraction:
    """Return nano-USD of one token."""
    name = f"{call.model}-{call.tier}" if call.tier else call.model
    price = BOOKS.find(name, provider=call.provider, on=call.day)
    assert price is not None, name
    return Fraction(price.rates_for(call.usage.context_tokens)[kind], 1_000_000)


def month(
    seed: int, *, days: int = 30, models: Iterable[str] = CLAUDE, provider: str = "anthropic"
) -> list[Call]:
    """Return calls of every day and model; no two days have the same use."""
    dice = random.Random(seed)
    is_claude = provider == "anthropic"
    return [
        Call(
            FIRST + timedelta(days=number),
            model,
            Usage(
                input_tokens=dice.randint(1, 50_000),
                output_tokens=dice.randint(1, 4_000),
                cache_read_tokens=dice.randint(0, 50_000),
                cache_write_5m_tokens=dice.randint(0, 9_000) if is_claude else 0,
                cache_write_1h_tokens=dice.randint(0, 9_000) if is_claude else 0,
            ),
            provider,
        )
        for number in range(days)
        for model in models
        for _ in range(dice.randint(1, 4))
    ]


def recorded(ledger: Ledger, calls: Iterable[Call]) -> None:
    """Write calls into an open ledger."""
    names = ", ".join(
        (
            "id, calls, requested_at, admitted_at, settled_at, surface, provider",
            "requested_model, service_tier, cost_nano_usd, source, outcome, at_least",
            *COUNTS,
        )
    )
    for number, call in enumerate(calls):
        at = datetime.combine(call.day, time(12), UTC).replace(tzinfo=None)
        spent = call.charged if call.charged is not None else call.nano_usd
        counts = [getattr(call.usage, name) for name in COUNTS]
        known = None if call.source == "unknown" else spent
        row: list[object] = [
            UUID(int=number),
            1,
            at,
            at,
            at,
            "import",
            call.provider,
            call.model,
            call.tier,
        ]
        row += [known, call.source, "completed", False, *counts]
        marks = ", ".join("?" for _ in row)
        table = ledger.table("usage_record")
        ledger.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608
    ledger.fill_roll_ups(SystemClock())


def cents(amount: Fraction) -> str:
    """Write nano-USD as Anthropic does: text in cents with fractions, exact."""
    return exact(amount * 100)


def exact(amount: Fraction) -> str:
    """Write nano-USD as decimal USD, exact."""
    value = Decimal(amount.numerator) / Decimal(amount.denominator)
    assert Fraction(value) == amount, "an amount that decimals hold"
    return f"{value.scaleb(-9):f}"


def rounded(places: int, scale: int = 1) -> Write:
    """Return what writes amounts with so many decimals of their unit."""

    def write(amount: Fraction) -> str:
        value = round(amount * scale / 10**9, places)
        return f"{Decimal(value.numerator) / Decimal(value.denominator):.{places}f}"

    return write


def as_float(amount: Fraction) -> str:
    """Write nano-USD as USD in the text of a float, as OpenAI does."""
    return repr(float(amount / 10**9))


Lines = dict[tuple[date, str, TokenKind, str | None], Fraction]


def lines_of(calls: Iterable[Call]) -> Lines:
    """Return nano-USD by day, model, kind and tier."""
    found: Lines = defaultdict(Fraction)
    for call in calls:
        for kind, number in call.usage.by_kind().items():
            found[call.day, call.model, kind, call.tier] += number * rate(call, kind)
    return found


def days_of(calls: Iterable[Call]) -> list[date]:
    return sorted({call.day for call in calls})


def bucket(day: date) -> dict[str, object]:
    """Return the ends of a day as Anthropic writes them."""
    after = day + timedelta(days=1)
    return {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{after}T00:00:00Z"}


def anthropic_cost(
    calls: list[Call],
    write: Write = cents,
    more: Mapping[date, list[dict[str, object]]] | None = None,
) -> str:
    """Return the cost report of some calls, with results of one's own for some days."""
    lines = lines_of(calls)
    data = [
        {
            **bucket(day),
            "results": [
                *(_result(line, amount, write) for line, amount in lines.items() if line[0] == day),
                *(more or {}).get(day, []),
            ],
        }
        for day in days_of(calls)
    ]
    return json.dumps({"data": data, "has_more": False, "next_page": None})


def _result(
    line: tuple[date, str, TokenKind, str | None], amount: Fraction, write: Write
) -> dict[str, object]:
    _, model, kind, tier = line
    is_search = kind is TokenKind.WEB_SEARCH
    return {
        "currency": "USD",
        "amount": write(amount),
        "workspace_id": "wrkspc_a",
        "description": "Web Search Usage" if is_search else f"{model} usage",
        "cost_type": "web_search" if is_search else "tokens",
        "model": None if is_search else model,
        "service_tier": None if is_search else tier or "standard",
        "token_type": None if is_search else TOKEN_TYPES[kind],
        "context_window": None if is_search else "0-200k",
        "inference_geo": None,
    }


def anthropic_usage(calls: list[Call]) -> str:
    """Return the usage report of some calls."""
    found: dict[tuple[date, str, str | None], Usage] = {}
    for call in calls:
        key = (call.day, call.model, call.tier)
        known = found.get(key, Usage())
        added = {name: getattr(known, name) + getattr(call.usage, name) for name in COUNTS}
        found[key] = Usage(**added)
    data = [
        {
            **bucket(day),
            "results": [
                {
                    "model": model,
                    "service_tier": tier or "standard",
                    "uncached_input_tokens": used.input_tokens,
                    "output_tokens": used.output_tokens,
                    "cache_read_input_tokens": used.cache_read_tokens,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": used.cache_write_5m_tokens,
                        "ephemeral_1h_input_tokens": used.cache_write_1h_tokens,
                    },
                    "server_tool_use": {"web_search_requests": used.web_search_requests},
                }
                for (at, model, tier), used in found.items()
                if at == day
            ],
        }
        for day in days_of(calls)
    ]
    return json.dumps({"data": data, "has_more": False})


def anthropic_analytics(
    calls: list[Call], write: Write = cents, discount: Fraction = Fraction(0)
) -> str:
    """Return the current cost report, by model, with list prices."""
    rows: list[dict[str, object]] = []
    for (day, model), some in _by_model(calls).items():
        listed = sum((Fraction(call.nano_usd) for call in some), Fraction(0))
        cost_of = {"amount": write(listed * (1 - discount)), "list_amount": write(listed)}
        group = {"model": model, "cost_type": None, "token_type": None, "workspace_id": None}
        paid = {**cost_of, "currency": "USD", "requests": len(some)}
        rows.append({**bucket(day), "group": group, "cost": paid})
    return json.dumps({"data": rows, "has_more": False})


def _by_model(calls: list[Call]) -> dict[tuple[date, str], list[Call]]:
    found: dict[tuple[date, str], list[Call]] = defaultdict(list)
    for call in calls:
        found[call.day, call.model].append(call)
    return found


WORDS = {
    TokenKind.INPUT: "input",
    TokenKind.OUTPUT: "output",
    TokenKind.CACHE_READ: "cached input",
}


def openai_costs(calls: list[Call], write: Write = as_float) -> str:
    """Return the costs of some calls; amounts are numbers, written as ``write`` does."""
    lines = lines_of(calls)
    buckets: list[str] = []
    for day in days_of(calls):
        start = int(datetime.combine(day, time(), UTC).timestamp())
        results = [
            '{"object": "organization.costs.result", "project_id": "proj_a", '
            f'"line_item": "{model}, {WORDS[kind]}", '
            f'"amount": {{"value": {write(amount)}, "currency": "usd"}}}}'
            for (at, model, kind, _), amount in lines.items()
            if at == day
        ]
        buckets.append(
            f'{{"object": "bucket", "start_time": {start}, "end_time": {start + 86_400}, '
            f'"results": [{", ".join(results)}]}}'
        )
    return f'{{"object": "page", "data": [{", ".join(buckets)}], "has_more": false}}'


def openrouter_activity(calls: list[Call], write: Write = exact) -> str:
    """Return the activity of some calls."""
    return "\n".join(_activity(calls, write)) + "\n"


def _activity(calls: list[Call], write: Write) -> Iterator[str]:
    yield (
        "date,model,model_permaslug,endpoint_id,provider_name,usage,byok_usage_inference,requests,"
        "prompt_tokens,completion_tokens,reasoning_tokens"
    )
    for (day, model), some in _by_model(calls).items():
        paid = write(Fraction(sum(call.nano_usd for call in some)))
        read = sum(call.usage.context_tokens for call in some)
        written = sum(call.usage.output_tokens for call in some)
        yield f"{day},{model},{model},ep,Anthropic,{paid},0,{len(some)},{read},{written},0"


def focus(calls: list[Call], write: Write = exact, discount: Fraction = Fraction(0)) -> str:
    """Return a FOCUS file of some calls, by day and model."""
    rows = [
        "BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,EffectiveCost,ListCost,"
        "ServiceCategory,ServiceProviderName,SkuId"
    ]
    for (day, model), some in _by_model(calls).items():
        listed = Fraction(sum(call.nano_usd for call in some))
        rows.append(
            f"USD,Usage,{day}T00:00:00Z,{day + timedelta(days=1)}T00:00:00Z,"
            f"{write(listed * (1 - discount))},{write(listed)},"
            f"AI and Machine Learning,{some[0].provider},{model}"
        )
    return "\n".join(rows) + "\n"


def charged(call: Call, kind: TokenKind, factor: Fraction) -> Call:
    """Return a call whose record has another rate for one kind."""
    number = call.usage.by_kind().get(kind, 0)
    more = number * rate(call, kind) * (factor - 1)
    return replace(call, charged=call.nano_usd + round(more))
