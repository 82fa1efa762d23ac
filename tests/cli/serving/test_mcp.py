"""``corvus mcp``: what an agent may ask, through the client of the official SDK (CLI-7)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from corvus.base.money import NanoUSD
from corvus.cli.agents.run_budgets import known_of_run
from corvus.cli.everyday.card import of_run, project_of_run, runtime_of_run
from corvus.cli.everyday.card_budgets import RunOnCard
from corvus.cli.serving.agent_tools import server_of
from corvus.compile import RunLimits
from tests.cli.places import ROOT, Place

READING = {
    "budget_status",
    "spent_today",
    "estimate",
    "list_reports",
    "run_report",
    "parked_calls",
}
LIFTING = {"lift_next_block", "decide_parked_call"}


def asking(place: Place, ask: Callable[[Client], Awaitable[Any]], *, lifts: bool = False) -> Any:
    """Ask a server in this process."""

    async def scene() -> Any:
        async with Client(server_of(place.runtime, lifts=lifts)) as client:
            return await ask(client)

    return asyncio.run(scene())


def call(place: Place, tool: str, *, lifts: bool = False, **arguments: Any) -> Any:
    """Return what a tool answers."""
    result = asking(place, lambda client: client.call_tool(tool, arguments), lifts=lifts)
    assert not result.is_error, result.content
    found = result.structured_content
    return found["result"] if set(found) == {"result"} else found


def refusal(place: Place, tool: str, *, lifts: bool = False, **arguments: object) -> str:
    """Return the message of a tool that refuses."""
    result = asking(place, lambda client: client.call_tool(tool, arguments), lifts=lifts)
    assert result.is_error, result.structured_content
    return result.content[0].text


def test_nothing_lifts_unless_it_is_allowed(place: Place) -> None:
    async def tools(client: Client) -> dict[str, bool | None]:
        found = (await client.list_tools()).tools
        return {one.name: one.annotations and one.annotations.read_only_hint for one in found}

    assert asking(place, tools) == dict.fromkeys(READING, True)
    allowed = asking(place, tools, lifts=True)
    assert {name for name, reads in allowed.items() if not reads} == LIFTING
    assert "Unknown tool" in refusal(place, "lift_next_block", reason="x")


def test_budget_status_is_that_of_the_command(place: Place) -> None:
    place.spend(50)
    told = call(place, "budget_status", session="a")
    budgets = {one["name"]: one for one in told["budgets"]}
    assert (budgets["session"]["spent_usd"], budgets["day"]["headroom_usd"]) == (0.5, 3.5)
    assert "a mission belongs to a session" in refusal(place, "budget_status", mission="m")


def test_the_session_is_that_of_the_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.spend(50)
    monkeypatch.setenv("CORVUS_SESSION_ID", "a")
    assert call(place, "budget_status")["session_id"] == "a"


def test_an_estimate_says_whether_the_call_would_pass_and_holds_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(50)
    small: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "input_tokens": 1000,
        "output_tokens": 1000,
    }
    monkeypatch.setenv("CORVUS_SESSION_ID", "a")
    told = call(place, "estimate", lifts=False, **small)
    assert (told["estimate_nano_usd"], told["would_pass"]) == ("18000000", True)
    large = call(place, "estimate", lifts=False, **small | {"output_tokens": 200_000})
    assert (large["estimate_usd"], large["would_pass"]) == (3.003, False)
    assert "session" in large["reason"]
    assert "$1.50" in large["reason"]
    assert place.spent("session") == 50
    with place.governor() as governor:
        assert [one.held for one in governor.status("a").decision.statuses] == [0] * 4


def test_an_estimate_makes_no_store(place: Place) -> None:
    told = call(place, "estimate", model="claude-sonnet-4-5", input_tokens=1, output_tokens=1)
    assert told["would_pass"]
    assert not place.store.exists()
    assert not place.ledger.exists()


def test_an_unknown_model_is_refused_with_what_is_near(place: Place) -> None:
    message = refusal(place, "estimate", model="claude-sonet-4-5", input_tokens=1, output_tokens=1)
    assert "there is no price for 'claude-sonet-4-5'" in message
    assert "claude-sonnet-4-5" in message
    assert "input_tokens must be an integer >= 0" in refusal(
        place, "estimate", model="claude-sonnet-4-5", input_tokens=-1, output_tokens=1
    )


def test_reports_are_listed_and_run(place: Place) -> None:
    place.spend(50, times=3)
    names = {one["name"] for one in call(place, "list_reports")}
    assert {"spend/by-model", "budgets/denied"} <= names
    told = call(place, "run_report", name="by-model")
    (row,) = told["rows"]
    assert (row["model"], row["calls"], row["cost_usd"]) == ("m", 3, "1.500000000")
    none = call(place, "run_report", name="by-model", parameters={"since": "2026-11-19"})
    assert none["rows"] == []
    assert "no report 'by-modell'; did you mean" in refusal(place, "run_report", name="by-modell")


def test_the_rows_of_a_report_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corvus.cli.serving.agent_tools.ROWS_MAX", 2)
    for model in "abc":
        place.spend(1, model=model)
    told = call(place, "run_report", name="by-model")
    assert (len(told["rows"]), told["rows_left_out"]) == (2, 1)


def test_today(place: Place) -> None:
    place.spend(50)
    told = call(place, "spent_today", zone="UTC")
    assert (told["today"]["cost_usd"], told["date"]) == (0.5, "2026-11-18")
    assert "IANA" in refusal(place, "spent_today", zone="Berlin")


def test_an_allowed_override_is_in_the_audit(place: Place) -> None:
    place.spend(150)
    granted = call(place, "lift_next_block", lifts=True, reason="release day", session="a")
    assert granted["session_id"] == "a"
    with place.governor() as governor:
        assert [one.id for one in governor.status("a").overrides] == [granted["override_id"]]
    assert call(place, "parked_calls", lifts=True) == []
    message = refusal(
        place, "decide_parked_call", lifts=True, approval_id="x", approve=True, reason="y"
    )
    assert "x" in message


def test_it_is_served_over_the_pipes_of_a_process(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.spend(50)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "policy"), "HOME": "/x"}
    words = place.command("mcp")[1:]
    server = StdioServerParameters(command=sys.executable, args=words, env=environment)

    async def scene() -> Any:
        async with Client(stdio_client(server)) as client:
            return await client.call_tool("budget_status", {"session": "a"})

    told = asyncio.run(asyncio.wait_for(scene(), 60)).structured_content
    (day,) = [one for one in told["budgets"] if one["name"] == "day"]
    assert day["spent_usd"] == 0.5


def test_in_a_run_it_answers_by_the_limits_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were stated on the command line of the run, which the server has not seen."""
    place = Place(tmp_path)
    limits = RunLimits(daily_nano_usd=NanoUSD(3 * 10**9))
    runtime = place.runtime.limited(limits)
    run = RunOnCard("01a2", "a", None, limits, known_of_run("cli-code", project="search"))
    with runtime.governor() as governor, of_run(runtime, run, governor):
        monkeypatch.setenv("CORVUS_RUN", "01a2")
        found = runtime_of_run(os.environ)
        assert project_of_run(os.environ) == "search"
    assert found is not None
    assert (found.ledger_path, found.config_paths) == (place.ledger, (place.config,))
    assert [one.limit for one in found.policy.budgets if one.name == "day"] == [3 * 10**9]
    assert runtime_of_run(os.environ) is None, "the run has ended"
    assert project_of_run(os.environ) is None
