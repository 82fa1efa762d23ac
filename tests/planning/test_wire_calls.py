"""Calls that were read off the wire are shortened again as they were (PLN-1, EVA-14)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from corvus import Usage, open_runtime
from corvus.base.time import FrozenClock
from corvus.calls.gate import Gate, Proposal
from corvus.calls.routes import MeteredCall
from corvus.metering.providers.anthropic import MESSAGES
from corvus.model.budget import Rung
from tests.planning.governed_runs import START, differences, replayed

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1
on_exceeded = ["cap"]
cap_at_least_tokens = 100

[cost.prices."anthropic/m"]
input = 3
output = 15
cache_write_5m = 3.75
"""
BODY = {
    "model": "m",
    "max_tokens": 40_000,
    "messages": [{"role": "user", "content": "What is a budget? " * 40}],
}


def test_a_proxied_call_says_what_it_asked_for(tmp_path: Path) -> None:
    config, clock = tmp_path / "corvus.toml", FrozenClock(START)
    config.write_text(CONFIG)
    runtime = open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)
    place = MeteredCall(MESSAGES, MESSAGES.path)
    with runtime.governor() as governor:
        gate = Gate(governor)
        for written in (39_000, 20_000, 9_000):
            proposal = gate.propose(place, json.dumps(BODY).encode())
            assert isinstance(proposal, Proposal)
            decision, _ = gate.admit(proposal)
            clock.move(timedelta(seconds=9))
            if decision.reservation is not None:
                most = decision.output_cap_tokens or written
                usage = Usage(input_tokens=400, output_tokens=min(written, most))
                governor.commit(decision.reservation, usage)
    outcomes = replayed(runtime)
    assert differences(outcomes) == []
    assert [each.call.request.output_tokens for each in outcomes] == [40_000] * 3
    assert outcomes[1].rungs == (Rung.CAP,)
