"""What a person reads of a store, line by line, for each command that shows one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from corvus.answers.amounts import amount_words, part_words
from corvus.base.money import usd_short
from corvus.cli.output import shown
from corvus.store.operations.lease_standing import LeaseState

if TYPE_CHECKING:
    from corvus.store.operations.lease_standing import LeaseStanding
    from corvus.store.operations.overview import StoreOverview
    from corvus.store.operations.server import ServerStanding


def status_lines(seen: StoreOverview) -> Iterator[tuple[str, str]]:
    """Yield what a person reads of a store: a word, and what is to be said of it, as markup."""
    health = seen.health
    if health.problem is not None:
        yield "state", f"[red]unusable[/]: {shown(health.problem)}"
        yield from warning_lines(seen)
        return
    if not health.exists:
        yield (
            "state",
            "[yellow]none yet[/]: the first governed call makes it, or `corvus store init`",
        )
        return
    yield "state", f"[green]ok[/], version {health.version}, {health.size_bytes / 1e6:,.1f} MB"
    yield "id", health.store_id or "-"
    held = f"{health.holds.count:,} call{'s' * (health.holds.count != 1)}"
    held += f", {health.holds.overdue:,} overdue" if health.holds.overdue else ""
    yield "held", f"{held}, ${usd_short(health.holds.held_nano_usd)}"
    kept_for = "that the ledger may not have" if seen.server is None else "kept for ledgers"
    yield "events", f"{health.undrained_events:,} {kept_for}"
    yield from shared_lines(seen)
    yield from warning_lines(seen)


def warning_lines(seen: StoreOverview) -> Iterator[tuple[str, str]]:
    """Yield what is not wrong yet, but will hurt."""
    for warning in seen.warnings:
        yield "[yellow]warning[/]", shown(warning.words)


def shared_lines(seen: StoreOverview) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a store that hosts share; nothing of a file."""
    if seen.server is not None:
        yield "server", _server_words(seen.server)
        yield "standbys", shown(seen.server.standbys) or "[yellow]none is waited for[/]"
    for host in seen.hosts:
        policy = host.policy_hash[:19] or "no policy"
        yield "host", f"{shown(host.host)}, {policy}, at {host.seen_at:%H:%M:%S} UTC"
    for lease in seen.leases:
        if lease.state is not LeaseState.LEFT:
            yield "lease", f"{shown(lease.host)}, {shown(held_words(lease))}, {_lease_words(lease)}"
    for one in seen.replicas:
        live = "" if one.is_live else ", [yellow]not seen for 30 days[/]"
        yield "ledger", f"{shown(one.host)}, {one.behind:,} events behind{live}"


def held_words(lease: LeaseStanding) -> str:
    """Return what a host has of budgets and has not reported, in words."""
    held = [
        f"{amount_words(one.held, one.measure)} of {one.budget}"
        + (f" ({part_words(one.part)})" if one.part else "")
        for one in lease.slices
    ]
    return ", ".join(held) or "nothing"


def _lease_words(lease: LeaseStanding) -> str:
    match lease.state:
        case LeaseState.RENEWS:
            return f"until {lease.until:%H:%M:%S} UTC"
        case LeaseState.PRESUMED:
            return "[yellow]presumed to be spent[/]"
        case _:
            return f"[yellow]not heard of since {lease.seen_at:%Y-%m-%d %H:%M:%S} UTC[/]"


def _server_words(server: ServerStanding) -> str:
    way = shown(server.tls) or ("this host" if server.is_local else "[yellow]no TLS[/]")
    pooled = ", through a pooler" if server.is_pooled else ""
    return (
        f"{shown(server.engine)}, {way}{pooled}, {server.round_trip_seconds * 1000:.1f} ms, clock "
        f"{server.ahead_seconds:+.1f} s"
    )
