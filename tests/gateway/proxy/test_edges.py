"""What a proxied call leaves at its edges: last bytes, whose it was, and what is not governed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.gateway.provider import CHAT_TEXT, Call
from tests.gateway.proxied import Proxied, Settings, proxied

CHAT = {"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"


@pytest.mark.parametrize("wants_usage", [False, True])
def test_the_last_bytes_of_a_stream_without_a_blank_line_are_relayed(
    gateway: Proxied, wants_usage: bool
) -> None:
    """PRX-2: what was held back to look for usage is let go at the end."""
    last = b'data: {"choices":[],"is":"last"}'

    async def stream(call: Call) -> None:
        await call.begin()
        await call.chunk(CHAT_TEXT + last)
        await call.end()

    gateway.provider.script = stream
    more = {"stream_options": {"include_usage": True}} if wants_usage else {}
    answer = gateway.post(PATH, {**CHAT, "stream": True, **more})
    assert answer.content == CHAT_TEXT + last


def test_a_call_belongs_to_the_holder_of_its_token_in_records_and_budgets(tmp_path: Path) -> None:
    budget = (
        'budgets = [{ name = "bots", limit_usd = 1, period = "day", match = { user = "bot" } }]'
    )
    with proxied(tmp_path, Settings(cost=budget)) as gateway:
        assert gateway.post(PATH, CHAT).status_code == 200
        gateway.settled()
        with gateway.runtime.governor() as governor:
            statuses = governor.status().decision.statuses
        with gateway.runtime.ledger() as ledger:
            rows = ledger.connection.execute("SELECT user_name FROM usage_call").fetchall()
    assert rows == [("bot",)]
    (bots,) = [one for one in statuses if one.budget.name == "bots"]
    assert bots.spent > 0


def test_a_header_of_ours_may_have_200_characters(gateway: Proxied) -> None:
    assert gateway.post(PATH, CHAT, **{"x-corvus-session": "x" * 200}).status_code == 200
    assert gateway.record().session_id == "x" * 200
    assert gateway.post(PATH, CHAT, **{"x-corvus-session": "x" * 201}).status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_fails_while_governance_is_off_is_passed_on(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """What was not held cannot be released: nothing is settled, and nothing goes wrong."""

    async def fail(call: Call) -> None:
        await call.answer({"error": {"message": "overloaded"}}, 529)

    with proxied(tmp_path) as gateway:
        gateway.stop()
        gateway.config.write_text(gateway.config.read_text().replace("enabled = true", ""))
        gateway.start()
        gateway.provider.script = fail
        with caplog.at_level(logging.WARNING):
            answer = gateway.post(PATH, {**CHAT, "stream": stream})
        assert (answer.status_code, answer.json()["error"]["message"]) == (529, "overloaded")
        assert gateway.records() == []
    (line,) = caplog.records
    assert "status 529" in line.getMessage()


@pytest.mark.parametrize("status", [199, 600])
def test_an_answer_whose_status_is_none_costs_what_was_held(gateway: Proxied, status: int) -> None:
    async def answer(call: Call) -> None:
        await call.answer({}, status=status)
        call.die()

    gateway.provider.script = answer
    assert gateway.post(PATH, CHAT).status_code == 502
    gateway.settled()
    record = gateway.record()
    assert (record.source, record.outcome) == ("estimated", "failed")
    assert record.cost_nano_usd
