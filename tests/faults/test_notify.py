"""A gateway that is killed at every point of a delivery: each threshold arrives, under one id."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from corvus.runtime import Runtime, open_runtime
from tests.faults.governed import ROOT
from tests.faults.notify_worker import POINTS
from tests.observability.notify.receiver import Receiver, receiving

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 0
monthly_limit_usd = 0

[[governance.notify]]
name = "ops"
url = "{url}/hook"
events = ["thresholds"]
"""
BUDGET = """
[[cost.budgets]]
name = "b{number}"
period = "total"
limit_usd = 100
warn_at_percent = {number}
"""


@contextmanager
def placed(folder: Path, url: str, budgets: int) -> Generator[Place]:
    place = Place(folder, url, budgets)
    try:
        yield place
    finally:
        place.end()


class Place:
    """A config whose budget ``bN`` comes to its threshold when N dollars are spent, and a token."""

    def __init__(self, folder: Path, url: str, budgets: int) -> None:
        self.config = folder / "corvus.toml"
        numbers = range(1, budgets + 1)
        self.config.write_text(
            "".join(BUDGET.format(number=number) for number in numbers) + CONFIG.format(url=url)
        )
        self.where = ["--config", str(self.config), "--ledger", str(folder / "l.duckdb")]
        self.runtime: Runtime = open_runtime([self.config], ledger=folder / "l.duckdb")
        self.secret = new_secret()
        self.started: list[subprocess.Popen[str]] = []
        with self.runtime.bookkeeping.store() as store:
            request = TokenRequest("it", TokenScope.RESERVE)
            store.run(lambda unit: tokens.create(unit, request, self.secret, "ana"))

    def gateway(self, point: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "tests.faults.notify_worker", point, "gateway"]
        process = subprocess.Popen(
            [*command, "--port", "0", *self.where], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.started.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        return process, line.split()[-1] if line.startswith("listening") else ""

    def spend(self, url: str, number: int) -> bool:
        """Make a call of a dollar under keys of its own; return whether it is known to be over."""
        call: dict[str, Any] = {
            "model": "m",
            "session_id": "s",
            "estimate_usd": 1,
            "idempotency_key": f"k{number}",
        }
        cost = {"cost_usd": 1, "settlement_key": f"s{number}"}
        headers = {"authorization": f"Bearer {self.secret}"}
        with httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=20) as client:
            try:
                held = client.post("/web/reservations", json=call)
                if "already_settled" in held.text:
                    return True
                made = held.json()["reservation"]["id"]
                return client.post(f"/web/reservations/{made}/commit", json=cost).status_code == 200
            except httpx2.HTTPError:
                return False

    def end(self) -> None:
        """Leave no process behind, whatever has happened."""
        for process in self.started:
            process.kill()
            process.communicate()


def ends(process: subprocess.Popen[str], seconds: float) -> bool:
    try:
        return process.wait(seconds) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        return False


def comes(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def named(receiver: Receiver) -> dict[str, set[str]]:
    """Return the ids under which each budget came."""
    ids: dict[str, set[str]] = {}
    for request in receiver.received:
        ids.setdefault(request.json["data"]["budget"], set()).add(request.id)
    return ids


def test_each_threshold_arrives_under_one_id_whenever_the_gateway_is_killed(tmp_path: Path) -> None:
    """OBS-4: at least once, in order, and a repetition is known by its id."""
    with receiving() as receiver, placed(tmp_path, receiver.url, len(POINTS)) as place:
        left = [*range(1, len(POINTS) + 1)]
        for point in POINTS:
            process, url = place.gateway(point)
            while url and left and place.spend(url, left[0]):
                left.pop(0)
                if len(left) % 2:  # some die with one notice that waits, some with several
                    break
            assert ends(process, 30), f"it lives on: {point}"
        process, url = place.gateway("never")
        for number in left:
            assert place.spend(url, number)
        expected = [f"b{number}" for number in range(1, len(POINTS) + 1)]
        assert comes(lambda: sorted(named(receiver)) == sorted(expected)), named(receiver)
        (standing,) = place.runtime.notify_standings()
        assert comes(lambda: place.runtime.notify_standings()[0].pending == 0), standing
        stop(process)
    ids = named(receiver)
    assert all(len(of) == 1 for of in ids.values()), ids
    first_seen = list(dict.fromkeys(r.json["data"]["budget"] for r in receiver.received))
    assert first_seen == expected
    repeated = sum(receiver.counts.values()) - len(receiver.counts)
    assert repeated <= len(POINTS), "only what was sent and not marked is sent again"
    (standing,) = place.runtime.notify_standings()
    assert standing.state == "ok"


def test_two_gateways_send_each_threshold_once(tmp_path: Path) -> None:
    with receiving() as receiver, placed(tmp_path, receiver.url, 12) as place:
        gateways = [place.gateway("never") for _ in range(2)]
        for number in range(1, 13):
            assert place.spend(gateways[number % 2][1], number)
        assert comes(lambda: len(receiver.counts) == 12), receiver.counts
        assert comes(lambda: place.runtime.notify_standings()[0].pending == 0)
        for process, _ in gateways:
            stop(process)
    assert set(receiver.counts.values()) == {1}


@pytest.mark.nightly
def test_a_gateway_that_is_killed_at_random_loses_no_threshold(tmp_path: Path) -> None:
    with receiving() as receiver, placed(tmp_path, receiver.url, 60) as place:
        number = 0
        while number < 60:
            process, url = place.gateway("never")
            end = time.monotonic() + 0.2 + (number % 7) / 10
            while time.monotonic() < end and number < 60:
                assert place.spend(url, number + 1)
                number += 1
            process.kill()
        process, _ = place.gateway("never")
        assert comes(lambda: len(named(receiver)) == 60, 60)
        stop(process)
    assert all(len(of) == 1 for of in named(receiver).values())
