"""What an operator asks of a store: its server, its hosts and replicas, what is about to go wrong.

One question, one answer, whatever keeps the store: ``corvus store status``, ``corvus status`` and
the metrics of the gateway all show this. It changes nothing, and raises nothing: that a store does
not answer is an answer, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corvus.base.errors import StoreError
from corvus.store.health import StoreHealth
from corvus.store.operations.lease_standing import LeaseStanding, LeaseState, lease_standings
from corvus.store.operations.server import HostSeen, ServerStanding
from corvus.store.place import StorePlace
from corvus.store.replicas import ReplicaStanding, replicas
from corvus.store.spill import rejected_path, waiting

_CLOCK_OFF_SECONDS = 5.0
"""From here on the distance of two clocks is worth a word."""
_LAGGING_EVENTS = 100_000
"""Events that a live replica may lack before it is worth a word."""


@dataclass(frozen=True, slots=True)
class StoreWarning:
    """What is not wrong yet, but will hurt.

    Attributes:
        code: Stable kebab-case name.
        words: What is the matter, and what to do.
    """

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class StoreOverview:
    """How a store is, and who uses it.

    Attributes:
        name: The store, as the user knows it.
        health: The store itself, and what is under way in it.
        server: The server that keeps it; ``None`` where it is a file, or does not answer.
        replicas: The ledgers that are fed from it, where hosts share it.
        leases: The hosts that have slices of its budgets, and those that had.
        unsettled: Files of this host with settlements that wait for the store.
        rejected: The file of those that could not be applied, if there are any.
    """

    name: str
    health: StoreHealth
    server: ServerStanding | None = None
    replicas: tuple[ReplicaStanding, ...] = ()
    leases: tuple[LeaseStanding, ...] = ()
    unsettled: tuple[Path, ...] = ()
    rejected: Path | None = None

    @property
    def hosts(self) -> tuple[HostSeen, ...]:
        """Those that have written within the last minute, the latest first."""
        return self.server.hosts if self.server is not None else ()

    @property
    def is_usable(self) -> bool:
        """Whether calls can be admitted."""
        return self.health.problem is None

    @property
    def warnings(self) -> tuple[StoreWarning, ...]:
        """What is not wrong yet, but will hurt."""
        return tuple(_warnings(self))


def overview(place: StorePlace, health: StoreHealth) -> StoreOverview:
    """Examine a store, which need not exist.

    Args:
        place: Where it is.
        health: What is known of it already.
    """
    seen = replace(StoreOverview(place.name, health), **_left_by_calls(place.unsettled_path))
    if health.problem is not None or not health.exists:
        return seen
    try:
        server = place.admin.server()
        with place.looking() as look:
            fed = tuple(replicas(look))
            leases: tuple[LeaseStanding, ...] = ()
            if server is not None and look.is_current:
                leases = tuple(lease_standings(look, server.clock_at))
    except StoreError as fault:
        return replace(seen, health=replace(health, problem=str(fault)))
    return replace(seen, server=server, replicas=fed, leases=leases)


def _left_by_calls(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    rejected = rejected_path(path)
    return {
        "unsettled": tuple(waiting(path)),
        "rejected": rejected if rejected.exists() else None,
    }


def _warnings(seen: StoreOverview) -> Iterator[StoreWarning]:
    for file in seen.unsettled:
        words = f"settlements wait in {file}: the next who writes to the store takes them in"
        yield StoreWarning("settlements-wait", words)
    if seen.rejected is not None:
        yield StoreWarning(
            "settlements-rejected",
            f"settlements in {seen.rejected} could not be applied, and count nowhere: "
            "`corvus ledger settle` books them",
        )
    if (server := seen.server) is not None:
        yield from _server_warnings(server)
        yield from _policy_warnings(server.hosts)
    yield from _lease_warnings(seen.leases)
    for one in seen.replicas:
        if not one.is_readable:
            words = f"the ledger {one.host} lacks events that are forgotten: `corvus ledger seed`"
            yield StoreWarning("replica-behind-retention", words)
        elif one.is_live and one.behind > _LAGGING_EVENTS:
            words = (
                f"the ledger {one.host} lacks {one.behind:,} events, and the store keeps them for "
                "it: run `corvus ledger drain` there"
            )
            yield StoreWarning("replica-lags", words)


def _lease_warnings(leases: Sequence[LeaseStanding]) -> Iterator[StoreWarning]:
    for host in leases:
        if host.state is LeaseState.SILENT:
            words = (
                f"host {host.host} has slices and was not heard of since "
                f"{host.seen_at:%Y-%m-%d %H:%M:%S} UTC; what it has stays held until it is back, "
                f"or `corvus ledger reclaim {host.host}`"
            )
            yield StoreWarning("lease-host-silent", words)


def _server_warnings(server: ServerStanding) -> Iterator[StoreWarning]:
    if not server.standbys:
        yield StoreWarning(
            "no-synchronous-standby",
            "synchronous_standby_names is empty: when the disk of the server is lost, or an "
            "asynchronous standby takes over, acknowledged holds are lost",
        )
    if not server.tls and not server.is_local:
        yield StoreWarning(
            "no-tls", "the connection is not encrypted: add ?sslmode=verify-full to the URL"
        )
    if abs(server.ahead_seconds) > _CLOCK_OFF_SECONDS:
        way = "ahead of" if server.ahead_seconds > 0 else "behind"
        yield StoreWarning(
            "clock-differs",
            f"the clock of the server, which stamps everything, is {abs(server.ahead_seconds):.0f} "
            f"s {way} this host's: windows begin and end by the server's",
        )


def _policy_warnings(hosts: Sequence[HostSeen]) -> Iterator[StoreWarning]:
    policies = {host.policy_hash for host in hosts if host.policy_hash}
    if len(policies) > 1:
        named = ", ".join(
            f"{host.host} {host.policy_hash[:19]}" for host in hosts if host.policy_hash
        )
        yield StoreWarning(
            "policies-differ",
            f"{len(policies)} policies govern this store at the same time ({named}): where their "
            "limits differ, the looser one goes on admitting",
        )
