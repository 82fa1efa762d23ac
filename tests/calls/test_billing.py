"""Who answered, where a request lets several models do it (PRC-7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import cast

import pytest

from corvus.base.money import NanoUSD
from corvus.calls.billing import may_have_answered
from corvus.calls.flight import Flight, Settle
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.metering.providers.openai import CHAT
from corvus.model.request import Request
from corvus.model.reservation import Reservation, ReservationState

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("models", "answering", "provider", "expected"),
    [
        (("m", "large"), ["m"], "openai", ("m", "large")),  # perhaps an echo
        (("m", "large"), [None], "openai", ("m", "large")),
        (("m", "large"), ["large"], "openai", ()),
        (("m", "large"), ["m", "large"], "openai", ()),
        (("m", "large"), ["m"], "openrouter", ()),
        (("m", "large"), ["m"], "anthropic", ()),
        (("m",), ["m"], "openai", ()),
    ],
)
def test_a_name_that_may_be_an_echo_says_nothing(
    models: tuple[str, ...], answering: list[str | None], provider: str, expected: tuple[str, ...]
) -> None:
    assert tuple(may_have_answered(models, answering, provider)) == expected


@pytest.mark.parametrize(("answering", "unknown"), [("m", ("m", "large")), ("large", ())])
def test_a_call_with_fallbacks_reports_whoever_may_have_answered(
    answering: str, unknown: tuple[str, ...]
) -> None:
    body = {"model": "m", "models": ["large"], "max_tokens": 9, "messages": []}
    plan = cast("Plan", read(CHAT, json.dumps(body).encode()))
    request = Request("m", NanoUSD(9), "s", provider="openai")
    held = Reservation("r", request, ReservationState.HELD, NanoUSD(9), NOW, NOW, "hash")
    flight = Flight(held, plan)
    flight.sent(NOW)
    answer = {"model": answering, "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    flight.head(200, {"content-type": "application/json"}, NOW)
    flight.data(json.dumps(answer).encode(), NOW)
    (settle,) = [each for each in flight.end(NOW) if isinstance(each, Settle)]
    assert tuple(settle.ending.report.get("models", ())) == unknown
