"""Metrics of the store, and of the ledgers that are fed from it where hosts share it (OBS-2).

Hosts, ledgers and policies are counted, never named: there may be any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from corvus.store.operations.overview import StoreOverview
from corvus.store.tally import BOUNDS_SECONDS, Durations, StoreTally

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class StoreMetrics:
    """One reading of a store; collected by Prometheus' client.

    Args:
        tally: How the transactions of this process went.
        seen: How the store is; ``None`` where it cannot be looked at.
        is_up: Whether it admits calls.
    """

    def __init__(
        self, tally: StoreTally, seen: StoreOverview | None = None, *, is_up: bool = False
    ) -> None:
        self._tally = tally
        self._seen = seen
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


def _histogram(name: str, about: str, durations: Durations) -> HistogramMetricFamily:
    bounds = [*map(str, BOUNDS_SECONDS), "+Inf"]
    buckets = [*zip(bounds, map(float, accumulate(durations.counts)), strict=True)]
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=durations.seconds)
