"""A batch takes two round trips; three when another host wrote what was not looked for (STO-4).

Counted by what passes on the wire, with a real server behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corvus.governor.governor import Governor
from corvus.model.reservation import Reservation
from corvus.model.steering import OverrideRequest
from tests.delay_proxy import DelayProxy, Message, Way
from tests.faults.governed import cents, config, policy_of
from tests.faults.hosts.opening import Open, through

MORE = """
session_limit_usd = 50

[mission]
enabled = true
max_estimated_cost_cents = 100
"""


@pytest.fixture
def governor(opening: Open, proxy: DelayProxy, postgres_url: str, tmp_path: Path) -> Governor:
    """A governor behind a proxy, which has made a call already."""
    made = opening(through(proxy, postgres_url), policy_of(config(tmp_path, "1000", MORE)))
    for _ in range(2):
        made.commit(held(made))
    return made


def held(governor: Governor) -> Reservation:
    """Reserve a call that must be admitted."""
    reservation = governor.reserve(cents(1, "s", mission_id="m")).reservation
    assert reservation is not None
    return reservation


def trips(proxy: DelayProxy, do: Callable[[], object]) -> int:
    """Return how many round trips something took."""
    before = proxy.round_trips
    do()
    return proxy.round_trips - before


def test_a_call_takes_two_round_trips_and_its_settlement_two(
    governor: Governor, proxy: DelayProxy
) -> None:
    for _ in range(3):
        made: list[Reservation] = []
        assert trips(proxy, lambda made=made: made.append(held(governor))) == 2
        assert trips(proxy, lambda made=made: governor.commit(made[0])) == 2


def test_a_refused_call_takes_no_more(governor: Governor, proxy: DelayProxy) -> None:
    governor.reserve(cents(90_000))
    assert trips(proxy, lambda: governor.reserve(cents(90_000))) == 2


def test_while_another_host_writes_a_call_takes_two_once_that_is_expected(
    governor: Governor, opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    other = opening(postgres_url, governor.policy)
    counted: list[int] = []
    for _ in range(5):
        other.commit(held(other))
        counted.append(trips(proxy, lambda: held(governor)))
    assert counted[0] <= 3
    assert counted[1:] == [2] * 4


def test_after_another_host_wrote_what_is_rarely_written_a_call_takes_three(
    governor: Governor, opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    other = opening(postgres_url, governor.policy)
    other.commit(held(other))
    held(governor)
    for _ in range(2):
        other.override(OverrideRequest("ana"))
        assert trips(proxy, lambda: held(governor)) == 3
        other.commit(held(other))
        assert trips(proxy, lambda: held(governor)) == 2


def test_callers_who_come_together_share_the_two_round_trips(
    governor: Governor, proxy: DelayProxy
) -> None:
    proxy.latency_seconds = 0.005  # so that they meet
    with counting_commits(proxy) as commits:
        threads = [threading.Thread(target=held, args=(governor,)) for _ in range(32)]
        counted = trips(proxy, lambda: run(threads))
    assert counted == 2 * len(commits)
    assert len(commits) < 16


def run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def counting_commits(proxy: DelayProxy) -> Generator[list[Message]]:
    """Collect the commits that pass."""
    seen: list[Message] = []

    def hook(message: Message) -> None:
        if message.way is Way.TO_SERVER and message.kind == "P" and b"COMMIT\0" in message.body:
            seen.append(message)

    proxy.hook = hook
    yield seen
    proxy.hook = None


def test_nothing_follows_the_word_that_ends_a_round_trip(
    governor: Governor, proxy: DelayProxy
) -> None:
    """The server counts for how long a transaction is idle from there, up to the next message."""
    seen: list[Message] = []
    proxy.hook = seen.append
    held(governor)
    proxy.hook = None
    kinds = "".join(one.kind for one in seen if one.way is Way.TO_SERVER)
    assert "SH" not in kinds
    assert kinds.endswith("S")
