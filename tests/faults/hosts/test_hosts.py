"""Hosts on one store, through faults: nothing acknowledged is lost, no budget is exceeded (STO-3).

Judged from bare rows and from what each host wrote down before it went on (``judge``).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.delay_proxy import DelayProxy, Message, Way
from tests.faults import raw
from tests.faults.hosts.host import Host
from tests.faults.hosts.opening import through
from tests.faults.hosts.team import Namespaces, Team
from tests.postgres import PostgresServer, url_of, wait_until

MakeServer = Callable[..., PostgresServer]


def share_a_tight_budget(team: Team, urls: list[str], url: str, *, namespaces: list[str]) -> None:
    """Let hosts use up a budget together, and show that they did, to the cent."""
    for place, namespace in zip(urls, namespaces, strict=True):
        team.start(place, namespace=namespace, calls=60, cents=[20, 60], commit=0.7, release=0.2)
    team.go()
    team.finish(300)
    assert team.findings(url) == []
    assert team.facts("denied")
    assert team.facts("refused") == team.facts("unknown") == []
    (day,) = [one for one in raw.RawStore(url).balances if one["window_start_us"] > 0][:1]
    taken = day["spent_nano_usd"] + day["held_nano_usd"]
    limit = team.limit_cents * 10_000_000
    assert limit - 60 * 10_000_000 < taken <= limit


def test_four_hosts_share_a_tight_budget_to_the_cent(
    tmp_path: Path, team: Team, proxy: DelayProxy, postgres_url: str
) -> None:
    tight = Team(tmp_path, limit_cents=2_000)
    proxy.latency_seconds = 0.000_25
    urls = [through(proxy, postgres_url)] * 4
    share_a_tight_budget(tight, urls, postgres_url, namespaces=[""] * 4)


@pytest.mark.nightly
@pytest.mark.parametrize("round_trip_ms", [0, 0.5, 5])
def test_four_hosts_in_two_networks_share_a_tight_budget(
    tmp_path: Path,
    postgres_server: PostgresServer,
    postgres_url: str,
    two_networks: Namespaces,
    round_trip_ms: float,
) -> None:
    tight = Team(tmp_path, limit_cents=10_000)
    with ExitStack() as proxies:
        between = [
            proxies.enter_context(
                DelayProxy(postgres_server.port, round_trip_ms / 2_000, host=gateway)
            )
            for gateway in two_networks.gateways
        ]
        urls = [through(one, postgres_url) for one in between for _ in range(2)]
        names = [name for name in two_networks.names for _ in range(2)]
        share_a_tight_budget(tight, urls, postgres_url, namespaces=names)


def kill_between_messages(team: Team, proxy: DelayProxy, url: str, place: tuple[Way, int]) -> bool:
    """Kill a host just before its n-th message passes; return whether it came to that."""
    way, number = place
    process = team.start(through(proxy, url), threads=1, calls=1, commit=1)
    team.wait_ready([process])
    seen = 0
    killed = threading.Event()

    def hook(message: Message) -> bool:
        nonlocal seen
        seen += message.way is way
        if seen == number and not killed.is_set():
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed.set()
        return True

    proxy.hook = hook
    team.go([process])
    team.finish()
    proxy.hook = None
    return killed.is_set()


def test_a_host_that_is_killed_at_a_step_of_the_protocol_leaves_all_or_nothing(
    team: Team, proxy: DelayProxy, postgres_url: str
) -> None:
    """A sample of all steps; each leaves a store that the next host goes on with at once."""
    chance = random.Random(20)
    for way in Way:
        assert kill_between_messages(team, proxy, postgres_url, (way, chance.randint(1, 30)))
        assert team.findings(postgres_url) == []


@pytest.mark.nightly
@pytest.mark.parametrize("way", [*Way])
def test_a_host_that_is_killed_at_any_step_of_the_protocol_leaves_all_or_nothing(
    team: Team, proxy: DelayProxy, postgres_url: str, way: Way
) -> None:
    """Before each message of a call and of its settlement, up to the last."""
    steps = count(1)
    while kill_between_messages(team, proxy, postgres_url, (way, next(steps))):
        assert team.findings(postgres_url) == []
    assert next(steps) > 30
    assert {"held", "committed"} <= {*raw.RawStore(postgres_url).states().values()}


@pytest.mark.nightly
def test_hosts_that_are_killed_at_random_leave_all_or_nothing(
    team: Team, postgres_url: str
) -> None:
    chance = random.Random(7)
    for _ in range(8):
        processes = [team.start(postgres_url) for _ in range(4)]
        team.go(processes)
        for process in chance.sample(processes, 4):
            time.sleep(chance.uniform(0.05, 0.5))
            process.send_signal(signal.SIGKILL)
        team.finish()
        assert team.findings(postgres_url) == []
    assert len(team.facts("committed")) > 100


@pytest.mark.parametrize(
    "kills", [pytest.param(1, id="once"), pytest.param(6, id="often", marks=pytest.mark.nightly)]
)
def test_a_server_that_is_killed_under_load_loses_nothing_acknowledged(
    team: Team, make_postgres_server: MakeServer, kills: int
) -> None:
    server = make_postgres_server()
    url = server.url("corvus")
    chance = random.Random(kills)
    for _ in range(2):
        team.start(url, seconds=1.5 * kills + 2)
    team.go()
    for _ in range(kills):
        time.sleep(chance.uniform(0.8, 1.5))
        server.kill()
        time.sleep(0.2)
        server.start()
    team.finish()
    assert team.findings(url) == []
    assert team.facts("refused"), "some were told that the store is away"
    assert len(team.facts("committed")) > 20


@pytest.mark.nightly
def test_a_failover_to_a_synchronous_standby_loses_nothing_acknowledged(
    team: Team, make_postgres_server: MakeServer
) -> None:
    server = make_postgres_server()
    standby = server.standby(is_synchronous=True)
    try:
        url = url_of(server.port, standby.port, schema="corvus", target_session_attrs="read-write")
        for _ in range(2):
            team.start(url, seconds=3)
        team.go()
        time.sleep(1.2)
        server.kill()
        before = len(team.facts("committed"))
        standby.promote()
        team.finish()
        assert team.findings(standby.url("corvus")) == []
        assert len(team.facts("committed")) > before > 0, "hosts went on with the standby"
    finally:
        standby.stop()


@pytest.mark.nightly
def test_a_stopped_holder_of_the_lock_is_ended_and_finds_out(
    team: Team, proxy: DelayProxy, postgres_url: str
) -> None:
    """Others wait no longer than the time after which a silent transaction is ended."""
    stopped = team.start(through(proxy, postgres_url), threads=1, calls=3, commit=1)
    other = team.start(postgres_url, threads=4, calls=20)
    team.wait_ready([stopped, other])
    held = threading.Event()

    def hook(message: Message) -> bool:
        # The lock came with the first answer of the transaction; this is the first that writes it.
        if not held.is_set() and message.kind == "P" and b"UPDATE store_lock" in message.body:
            os.kill(stopped.pid, signal.SIGSTOP)
            proxy.cut(Way.TO_SERVER)  # what it had sent already stays with it
            held.set()
        return True

    proxy.hook = hook
    team.go([stopped])
    assert held.wait(20)
    started = time.monotonic()
    team.go([other])
    other.wait(60)
    assert time.monotonic() - started > 3, "the lock was held"
    proxy.hook = None
    proxy.heal()
    os.kill(stopped.pid, signal.SIGCONT)
    team.finish()
    assert team.findings(postgres_url) == []
    assert len(team.facts("reserved")) > 20


def goes_on(team: Team) -> None:
    """Wait until those hosts that are well have settled more calls."""
    before = len(team.facts("committed"))
    wait_until(lambda: len(team.facts("committed")) > before + 8, "the others go on", 40)


@pytest.mark.nightly
@pytest.mark.parametrize("ways", [tuple(Way), (Way.TO_SERVER,), (Way.TO_CLIENT,)])
def test_a_network_that_is_cut_stops_one_host_and_not_the_others(
    team: Team, proxy: DelayProxy, postgres_url: str, ways: tuple[Way, ...]
) -> None:
    """Both ways, and each alone; what was on its way arrives late."""
    far = team.start(through(proxy, postgres_url), seconds=30, threads=4)
    team.start(postgres_url, seconds=30, threads=4)
    team.go()
    time.sleep(2)
    for _ in range(2):
        proxy.cut(*ways)
        time.sleep(1)
        goes_on(team)
        proxy.heal()
        time.sleep(1)
    del far
    team.finish()
    assert team.findings(postgres_url) == []


@pytest.mark.nightly
def test_a_cable_that_is_pulled_stops_one_network_and_not_the_other(
    team: Team, postgres_server: PostgresServer, postgres_url: str, two_networks: Namespaces
) -> None:
    """A real cut: nothing is acknowledged, not even by the kernel of the other side.

    Each of the hosts that are cut off may get the lock once before it is ended.
    """
    with ExitStack() as proxies:
        for gateway, name in zip(two_networks.gateways, two_networks.names, strict=True):
            between = proxies.enter_context(DelayProxy(postgres_server.port, host=gateway))
            for _ in range(2):
                team.start(through(between, postgres_url), namespace=name, seconds=30, threads=4)
        team.go()
        time.sleep(2)
        two_networks.cut(0)
        time.sleep(1)
        goes_on(team)
        two_networks.heal(0)
        team.finish()
    assert team.findings(postgres_url) == []


def test_the_clocks_of_hosts_do_not_matter(team: Team, postgres_url: str) -> None:
    """An hour ahead and an hour behind: the server stamps, and nobody's hold expires early."""
    hosts: list[Host] = []
    for wrong in (3_600, -3_600):
        more = {"calls": 15, "threads": 4, "commit": 0.5, "release": 0.2}
        hosts.append(Host(team.task(postgres_url, wrong_clock=wrong, **more)))
    started_us = time.time_ns() // 1000
    threads = [threading.Thread(target=host.work) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert team.findings(postgres_url) == []
    reservations = raw.RawStore(postgres_url).reservations
    assert {one["state"] for one in reservations} == {"held", "committed", "released"}
    ended_us = time.time_ns() // 1000
    for one in reservations:
        assert started_us <= one["admitted_at_us"] <= ended_us
        assert 0 <= (one["settled_at_us"] or ended_us) - one["admitted_at_us"] < 60_000_000
