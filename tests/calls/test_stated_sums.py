"""Over the answers of vendors that state their costs, the sum of ours is the sum stated (PRC-9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD, usd
from corvus.calls.flight import Flight, Settle
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.governor.cost.recorded import settlement_of
from corvus.metering.provider import Endpoint
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.model.price import Price
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState, Settlement, Source
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PRICE = Price(
    "", "priced", "user", "user:priced", {TokenKind.INPUT: 10**9, TokenKind.OUTPUT: 4 * 10**9}
)
BOOKS = PriceBooks([PRICE])

COSTS = ("0.0132", "3.75e-05", "0.000420001", "1", "0.1234567890123")
VENDORS = ("openrouter", "byok", "x-ai", "perplexity")
TOTALS = {
    CHAT: ("prompt_tokens", "completion_tokens"),
    RESPONSES: ("input_tokens", "output_tokens"),
}


def members(vendor: str, cost: str) -> str:
    """Return how a vendor states a cost, as text: no float takes part."""
    match vendor:
        case "openrouter":
            return f'"cost": {cost}, "cost_details": {{"upstream_inference_cost": null}}'
        case "byok":
            upstream = f'"cost_details": {{"upstream_inference_cost": {cost}}}'
            return f'"cost": 0.00, "is_byok": true, {upstream}'
        case "x-ai":
            return f'"cost_in_usd_ticks": {int(Decimal(cost) * 10**10)}'
        case _:
            return f'"cost": {{"request_cost": 0.006, "total_cost": {cost}}}'


def usage(endpoint: Endpoint, vendor: str, cost: str) -> str:
    read_name, written_name = TOTALS.get(endpoint, ("prompt_tokens", "completion_tokens"))
    counts = f'"{read_name}": 100, "{written_name}": 20, "total_tokens": 120'
    return f"{{{counts}, {members(vendor, cost)}}}"


def whole(endpoint: Endpoint, vendor: str, cost: str) -> bytes:
    return f'{{"model": "m", "usage": {usage(endpoint, vendor, cost)}}}'.encode()


def stream(endpoint: Endpoint, vendor: str, cost: str) -> bytes:
    if endpoint is RESPONSES:
        response = whole(endpoint, vendor, cost).decode()
        return f'data: {{"type": "response.completed", "response": {response}}}\n\n'.encode()
    said = json.dumps({"model": "m", "choices": [{"delta": {"content": "hi"}}]})
    last = f'{{"model": "m", "choices": [], "usage": {usage(endpoint, vendor, cost)}}}'
    return f"data: {said}\n\ndata: {last}\n\ndata: [DONE]\n\n".encode()


def settled(
    endpoint: Endpoint, body: bytes, *, is_stream: bool, ends: str = "end", **request: Any
) -> Settlement:
    """Return what is recorded of a call whose answer has these bytes."""
    given = {"model": "m", "max_tokens": 50, "stream": is_stream, "input": "hi", **request}
    plan = read(endpoint, json.dumps(given).encode())
    assert isinstance(plan, Plan)
    request_of = Request(model=plan.model, estimate_nano_usd=None, session_id="s")
    held = Reservation(
        "r", request_of, ReservationState.HELD, NanoUSD(0), NOW, NOW + timedelta(hours=1), "hash"
    )
    flight = Flight(held, plan)
    kind = "text/event-stream" if is_stream else "application/json"
    flight.sent(NOW)
    flight.head(request.pop("status", 200), {"content-type": kind}, NOW)
    commands = flight.data(body, NOW)
    commands += flight.end(NOW) if ends == "end" else flight.broken(NOW)
    (ending,) = [each.ending for each in commands if isinstance(each, Settle)]
    assert not ending.is_release
    return settlement_of(BOOKS, held, ending.usage, ending.report)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_sum_of_ours_is_the_sum_stated(vendor: str) -> None:
    ours = Decimal(0)
    for endpoint, cost in product((CHAT, RESPONSES, EMBEDDINGS), COSTS):
        forms = [settled(endpoint, whole(endpoint, vendor, cost), is_stream=False)]
        if endpoint.has_output:
            forms.append(settled(endpoint, stream(endpoint, vendor, cost), is_stream=True))
        for found in forms:
            assert found.source is Source.PROVIDER
            assert found.cost_nano_usd is not None
            ours += usd(found.cost_nano_usd)
    rounded = [Decimal(cost).quantize(Decimal("1e-9")) for cost in COSTS]
    assert ours == 5 * sum(rounded)


@given(st.sampled_from(VENDORS), st.integers(1, 10**13), st.booleans())
def test_whatever_is_stated_is_recorded_to_the_nano_usd(
    vendor: str, nano_usd: int, is_stream: bool
) -> None:
    cost = f"{usd(nano_usd):f}"
    body = (stream if is_stream else whole)(CHAT, vendor, cost)
    found = settled(CHAT, body, is_stream=is_stream)
    # where no book says what to expect, more than 1,000 USD for one call is believed of nobody
    expected = nano_usd if nano_usd <= 10**12 else None
    assert found.cost_nano_usd == expected


def test_a_cost_without_counts_is_the_cost_of_the_call() -> None:
    body = b'{"model": "m", "choices": [], "usage": {"cost": 0.01}}'
    found = settled(CHAT, body, is_stream=False)
    assert (found.cost_nano_usd, found.source) == (10_000_000, Source.PROVIDER)
    assert found.usage.total_tokens == 0


def test_a_cost_in_an_error_is_owed() -> None:
    body = b'{"error": {"message": "no", "code": 502}, "usage": {"cost": 0.01}}'
    found = settled(CHAT, body, is_stream=False, status=502)
    assert (found.cost_nano_usd, found.source) == (10_000_000, Source.PROVIDER)


def test_a_cost_of_a_stream_that_broke_off_is_at_least_that() -> None:
    said = json.dumps(
        {
            "model": "m",
            "choices": [{"delta": {"content": "hi"}, "finish_reason": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "cost": {"total_cost": 0.006}},
        }
    )
    found = settled(CHAT, f"data: {said}\n\n".encode(), is_stream=True, ends="broken")
    assert (found.cost_nano_usd, found.source) == (6_000_000, Source.ESTIMATED)
    assert found.is_at_least
