"""Metrics of the store, and of the ledgers that are fed from it where hosts share it (OBS-2).

Hosts, ledgers and policies are counted, never named: there may be any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TypeAlias, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from corvus.governor.leases.host import HostLeases, Result
from corvus.model.budget import Measure
from corvus.store.operations.lease_standing import LeaseState
from corvus.store.operations.overview import StoreOverview
from corvus.store.tally import BOUNDS_SECONDS, Durations, StoreTally

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class StoreMetrics:
    """One reading of a store; collected by Prometheus' client.

    Args:
        tally: How the transactions of this process went.
        seen: How the store is; ``None`` where it cannot be looked at.
        leases: The slices of this host, where it has any.
        is_up: Whether it admits calls.
    """

    def __init__(
        self,
        tally: StoreTally,
        seen: StoreOverview | None = None,
        leases: HostLeases | None = None,
        *,
        is_up: bool = False,
    ) -> None:
        self._tally = tally
        self._seen = seen
        self._leases = leases
        self._is_up = is_up

    def collect(self) -> Iterator[Family]:
        """Yield the families of metrics."""
        up = GaugeMetricFamily("corvus_store_up", "1 while the store answers.", int(self._is_up))
        yield up
        yield _histogram(
            "corvus_store_wait_seconds",
            "Time until a transaction had the store: others, and the way to it.",
            self._tally.waits,
        )
        yield _histogram(
            "corvus_store_commit_seconds",
            "Time until the changes of a transaction were durable.",
            self._tally.commits,
        )
        about = "Transactions that failed; collided ones were run again."
        faults = CounterMetricFamily("corvus_store_faults", about, labels=["result"])
        for result, many in self._tally.faults.items():
            faults.add_metric([result], many)
        yield faults
        seen = self._seen
        if self._is_up and seen is not None and seen.is_usable and seen.server is not None:
            yield from _shared(seen)
            yield from _leased(seen)
        if self._leases is not None:
            yield from _own(self._leases)


def _shared(seen: StoreOverview) -> Iterator[GaugeMetricFamily]:
    server, live = seen.server, [one for one in seen.replicas if one.is_live]
    assert server is not None
    policies = {host.policy_hash for host in seen.hosts if host.policy_hash}
    lags = [(server.clock_at - one.seen_at).total_seconds() for one in live if one.behind]
    for name, about, value in (
        ("store_round_trip_seconds", "Of one question to the server.", server.round_trip_seconds),
        ("store_clock_ahead_seconds", "Of its clock before this host's.", server.ahead_seconds),
        ("store_synchronous", "1 while a commit waits for a standby.", int(bool(server.standbys))),
        ("store_hosts", "Hosts that wrote in the last minute.", len({h.host for h in seen.hosts})),
        ("store_policies", "Policies by which they decide; more than 1 is wrong.", len(policies)),
        ("replicas", "Ledgers that the store keeps events for.", len(live)),
        (
            "replica_lag_events",
            "Events that the last of them lacks.",
            max((one.behind for one in live), default=0),
        ),
        (
            "replica_lag_seconds",
            "Since the last of those that lack events was heard of.",
            max(lags, default=0.0),
        ),
        (
            "replicas_unreadable",
            "Ledgers that lack events which are forgotten: seed them.",
            sum(not one.is_readable for one in seen.replicas),
        ),
    ):
        yield GaugeMetricFamily(f"corvus_{name}", about, value=value)


def _leased(seen: StoreOverview) -> Iterator[GaugeMetricFamily]:
    hosts = GaugeMetricFamily(
        "corvus_lease_hosts", "Hosts that have slices of budgets, by state.", labels=["state"]
    )
    for state in LeaseState:
        if state is not LeaseState.LEFT:
            hosts.add_metric([state], sum(one.state is state for one in seen.leases))
    yield hosts
    held: dict[tuple[str, str], float] = {}
    for host in seen.leases:
        for one in host.slices:
            key = one.budget, one.measure.value
            amount = one.held / 1e9 if one.measure is Measure.USD else one.held
            held[key] = held.get(key, 0) + amount
    about = "What hosts have of budgets and have not reported: USD, tokens or calls."
    family = GaugeMetricFamily("corvus_lease_held", about, labels=["budget", "measure"])
    for labels, amount in held.items():
        family.add_metric(labels, amount)
    yield family


def _own(leases: HostLeases) -> Iterator[Family]:
    yield GaugeMetricFamily(
        "corvus_lease_seconds_left",
        "How long this host may go on within its slices; 0 once it has to renew them.",
        value=leases.seconds_left(),
    )
    about = "Questions of this process for slices, by what came of them."
    asked = CounterMetricFamily("corvus_lease_requests", about, labels=["result"])
    for result in get_args(Result):
        asked.add_metric([result], leases.asked[result])
    yield asked


def _histogram(name: str, about: str, durations: Durations) -> HistogramMetricFamily:
    bounds = [*map(str, BOUNDS_SECONDS), "+Inf"]
    buckets = [*zip(bounds, map(float, accumulate(durations.counts)), strict=True)]
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=durations.seconds)
