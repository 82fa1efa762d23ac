"""What the server of a store says of itself, and which hosts it has seen; a file has none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host that has written to the store of late.

    Attributes:
        host: Its name.
        policy_hash: Of the policy by which its newest process decides; empty where it has none.
        processes: Of the host that have written by that policy.
        seen_at: When it last did, by the clock of the store, aware UTC.
    """

    host: str
    policy_hash: str
    processes: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ServerStanding:
    """How the server of a store is.

    Attributes:
        engine: Name and version.
        tls: Version of TLS on the way to it; empty without.
        is_local: Whether it is reached over a Unix socket or on this very host.
        is_pooled: Whether a pooler stands between.
        standbys: Those that a commit waits for, as the server names them; empty is none.
        clock_at: What its clock said just now, aware UTC.
        ahead_seconds: How far its clock is ahead of this host's; negative is behind.
        round_trip_seconds: How long one question took.
        hosts: Those seen within the last minute, by host and policy, the latest first.
    """

    engine: str
    tls: str
    is_local: bool
    is_pooled: bool
    standbys: str
    clock_at: datetime
    ahead_seconds: float
    round_trip_seconds: float
    hosts: tuple[HostSeen, ...] = ()
