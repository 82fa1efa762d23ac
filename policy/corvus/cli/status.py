"""``corvus status``: what is in force, whether store and ledger work, what is under way (CLI-6)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast

import typer

from corvus.answers.amounts import amount_words, part_words
from corvus.answers.budgets import refusals_body
from corvus.answers.kv import kv_text, kv_value, kv_words
from corvus.answers.notify import STANDING
from corvus.answers.status import OVERRIDE
from corvus.answers.store import SHARED
from corvus.base.errors import StoreError
from corvus.base.money import usd_exact, usd_short
from corvus.cli.budgets.lines import refusals_text
from corvus.cli.budgets.shadow import shadow_json, shadow_lines, shadow_rows
from corvus.cli.config import row_json
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import TextOrBody, console, emit, print_rows, shown
from corvus.cli.serving.notify import standing_words
from corvus.cli.stores.standing_lines import shared_lines, warning_lines
from corvus.config.layers import origins
from corvus.config.layers.load import load_layers
from corvus.config.toml.values import shown as dotted
from corvus.config.toml.values import written
from corvus.diagnostics.plain import escape
from corvus.governor.rules import budgets_to_register
from corvus.model.ledger_health import LedgerHealth
from corvus.store.operations.overview import overview
from corvus.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.bookkeeping import Health
    from corvus.config.layers.load import Layers
    from corvus.config.layers.origins import EffectiveSetting
    from corvus.model.budget import Measure
    from corvus.runtime import Runtime
    from corvus.store.health import Blocking, StoreHealth
    from corvus.store.operations.overview import StoreOverview
    from corvus.store.standing import TargetStanding


def status(
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Show the config in force, whether store and ledger work, and what is under way.

    It settles and changes nothing. The exit code is 30 when store or ledger cannot be used, else 0;
    an install without the ledger is one that cannot be used where budgets are enforced, or a store
    or ledger is there.

    Example: corvus status
    """
    runtime = opened(config, ledger, sets)
    layered = load_layers(config or (), sets or (), os.environ)
    place = Place(runtime, layered, runtime.health(), runtime.clock.now())
    emit(output, lambda: as_json(place), lambda: print_page(place), kv=lambda: as_lines(place))
    if not place.is_healthy:
        raise typer.Exit(Exit.LEDGER_UNAVAILABLE)


_SHOWN_MAX = 10
"""Blocked sums that a page lists."""
_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True)
class Place:
    """A config with its store and its ledger.

    Attributes:
        now: When it was looked at, aware UTC.
    """

    runtime: Runtime
    layered: Layers
    health: Health
    now: datetime

    @property
    def changed(self) -> list[EffectiveSetting]:
        """What a file, a variable or the command line sets."""
        return [row for row in origins.effective(self.layered.loaded) if not row.is_default]

    @property
    def is_healthy(self) -> bool:
        """Whether all that is needed works; a ledger is not needed where nothing is governed."""
        store, ledger = self.health.store, self.health.ledger
        if ledger.is_installed or self.runtime.policy.enabled or store.exists or ledger.exists:
            return self.health.is_usable
        return store.problem is None

    @cached_property
    def notify(self) -> list[TargetStanding]:
        """How far each target of notifications has got; none where the store cannot say."""
        if self.health.store.problem is not None:
            return []
        with suppress(StoreError):
            return self.runtime.notify_standings()
        return []

    @cached_property
    def shared(self) -> StoreOverview | None:
        """How the store is that hosts share; ``None`` where it is a file of this one."""
        place = self.runtime.bookkeeping.place
        return overview(place, self.health.store) if place.is_shared else None

    @property
    def blocking(self) -> list[Blocking]:
        """The sums of budgets in force that refuse calls at present; none while disabled."""
        policy = self.runtime.policy
        if not policy.enabled:
            return []
        return [each for each in self.health.store.blocking if each.budget in self.measures]

    @property
    def measures(self) -> dict[str, Measure]:
        """What the budgets in force count, by name."""
        budgets = budgets_to_register(self.runtime.policy)
        return {budget.name: budget.measure for budget in budgets}


def as_json(place: Place) -> dict[str, object]:
    """Return the state as data."""
    runtime, store, ledger = place.runtime, place.health.store, place.health.ledger
    policy, books = runtime.policy, runtime.books
    return {
        "version": __version__,
        "as_of": place.now.isoformat(),
        "healthy": place.is_healthy,
        "config": runtime.config_shown,
        "settings": {dotted(row.route): row_json(row) for row in place.changed},
        "deprecated_fields": list(policy.deprecated_fields),
        "policy_hash": policy.content_hash,
        "cost_enabled": policy.enabled,
        "allow_override": policy.allow_override,
        "price_book": books.bundled_version,
        "own_prices": len(policy.prices),
        "store": {
            "path": store.name,
            "state": _state(store),
            "problem": store.problem,
            "writable": store.is_writable,
            "size_bytes": store.size_bytes,
            "version": store.version,
            "undrained_events": store.undrained_events,
            "recount_due": store.recount_due,
        },
        "shared": None if place.shared is None else SHARED.body(place.shared),
        "ledger": {
            "path": str(ledger.path),
            "state": _state(ledger),
            "problem": ledger.problem,
            "writable": ledger.is_writable,
            "size_bytes": ledger.size_bytes,
            "version": ledger.version,
            "archive_files": ledger.archive_files,
            "archive_places": ", ".join(ledger.archive_places) or None,
        },
        "reservations": {
            "open": store.holds.count,
            "held_usd": usd_exact(store.holds.held_nano_usd),
            "oldest_at": store.holds.oldest_at.isoformat() if store.holds.oldest_at else None,
            "overdue": store.holds.overdue,
        },
        "open_sessions": store.open_sessions,
        "audit": {"position": store.audit_position, "hash": store.audit_head},
        "overrides": OVERRIDE.bodies(store.overrides),
        "blocking": [_blocking_json(each, place.measures[each.budget]) for each in place.blocking],
        "notify": STANDING.bodies(place.notify),
        "shadow": shadow_json(runtime),
    }


def _blocking_json(blocked: Blocking, measure: Measure) -> dict[str, object]:
    about = {
        "budget": blocked.budget,
        "session_id": blocked.session_id,
        "mission_id": blocked.mission_id,
        **({"part": blocked.part} if blocked.part else {}),
    }
    return about | refusals_body(blocked.refusals, measure)


def as_lines(place: Place) -> list[str]:
    """Return ``key=value`` lines: one for each fact, then each override, target and setting."""
    lines = [*_fact_lines(place)]
    for override in place.health.store.overrides:
        session = kv_value(override.session_id)
        expires = override.expires_at.isoformat()
        lines.append(f"override={override.id} session_id={session} expires_at={expires}")
    for blocked in place.blocking:
        session, mission = kv_value(blocked.session_id), kv_value(blocked.mission_id)
        about = f"blocking={kv_text(blocked.budget)} session_id={session} mission_id={mission}"
        about += f" part={kv_text(blocked.part)}" if blocked.part else ""
        lines.append(f"{about} {refusals_text(blocked.refusals, place.measures[blocked.budget])}")
    for body in STANDING.bodies(place.notify):
        lines.append(" ".join(kv_words({"notify": body.pop("name"), **body})))
    lines += shadow_lines(place.runtime)
    for row in place.changed:
        value, origin = kv_text(_value(row)), kv_text(row.origin.place)
        lines.append(f"setting={kv_text(dotted(row.route))} value={value} origin={origin}")
    return lines


def _fact_lines(place: Place) -> Iterator[str]:
    for name, value in as_json(place).items():
        match name, value:
            case (("settings" | "overrides" | "blocking" | "notify"), _):
                continue
            case "deprecated_fields", _:
                yield f"{name}={','.join(place.runtime.policy.deprecated_fields) or 'none'}"
            case _, dict():
                inner = cast("dict[str, object]", value)
                yield from (
                    f"{name}_{key}={kv_value(part)}"
                    for key, part in inner.items()
                    if not isinstance(part, list)
                )
            case _:
                yield f"{name}={kv_value(value)}"


def print_page(place: Place) -> None:
    """Print a page for a person."""
    from rich.table import Table

    out = console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in (*_in_force(place), *_files(place), *_under_way(place)):
        table.add_row(name, words)
    out.print(f"[bold]corvus {__version__}[/] on {shown(place.runtime.config_shown)}")
    out.print(table)
    _print_settings(out, place.changed)


def _in_force(place: Place) -> Iterator[tuple[str, str]]:
    policy, books = place.runtime.policy, place.runtime.books
    limits = sum(1 for budget in policy.budgets if budget.limit)
    overrides = "allowed" if policy.allow_override else "not allowed"
    enabled = f"{_many(limits, 'limit')}, overrides {overrides}"
    yield "policy", enabled if policy.enabled else "[yellow]disabled[/]: nothing is enforced"
    yield "", f"[dim]{policy.content_hash[:23]}[/]"
    yield from shadow_rows(place.runtime)
    yield "prices", f"{shown(books.bundled_version)}, {len(policy.prices)} of your own"
    for path in policy.deprecated_fields:
        yield "[yellow]deprecated[/]", f"{shown(path)}: `corvus migrate` rewrites it"


def _files(place: Place) -> Iterator[tuple[str, str]]:
    health = place.health
    for name, part in (("store", health.store), ("ledger", health.ledger)):
        state = _state(part)
        mild = {"missing", "busy", *(("not-installed",) if place.is_healthy else ())}
        colour = "green" if state == "ok" else "yellow" if state in mild else "red"
        word = "none yet" if state == "missing" else state.replace("-", " ")
        about = [f"[{colour}]{word}[/]"]
        if part.exists:
            about.append(_size(part.size_bytes))
            about += [f"version {part.version}"] if part.version else []
            about += [] if part.is_writable else ["[yellow]read-only[/]"]
        yield name, f"{shown(_place_name(part))}  {', '.join(about)}"
        if part.problem is not None:
            yield "", f"[{colour}]{shown(part.problem)}[/]"
    if health.ledger.archive_places:
        where = ", ".join(map(shown, health.ledger.archive_places))
        yield "archive", f"{where}  {_many(health.ledger.archive_files, 'file')}"
    if health.store.undrained_events and place.shared is None:
        yield "", f"{_many(health.store.undrained_events, 'event')} for `corvus ledger drain`"
    if place.shared is not None:
        yield from shared_lines(place.shared)
        yield from warning_lines(place.shared)


def _under_way(place: Place) -> Iterator[tuple[str, str]]:
    store = place.health.store
    if store.store_id is None:
        return
    holds = store.holds
    held = f"{_many(holds.count, 'call')} open, ${usd_short(holds.held_nano_usd)} held"
    if holds.oldest_at is not None:
        held += f", the oldest since {holds.oldest_at:%Y-%m-%d %H:%M} UTC"
    if holds.overdue:
        held += f", [yellow]{holds.overdue} overdue[/]"
    yield "held", held
    yield "sessions", f"{store.open_sessions:,} open"
    for blocked in place.blocking[:_SHOWN_MAX]:
        yield "[red]blocking[/]", _blocking_words(blocked, place.measures[blocked.budget])
    if len(place.blocking) > _SHOWN_MAX:
        yield "", f"and {len(place.blocking) - _SHOWN_MAX:,} more sessions or missions"
    for override in store.overrides:
        whose = f"session {shown(override.session_id)}" if override.session_id else "any session"
        yield (
            "override",
            f"{override.id} of {whose}, until {override.expires_at:%Y-%m-%d %H:%M} UTC",
        )
    head = f", the newest [dim]{store.audit_head[:16]}[/]" if store.audit_head else ""
    for standing in place.notify:
        is_well = standing.state != "failing"
        words = f"{standing.target.name}: {standing_words(standing)}"
        yield "notify", shown(words) if is_well else f"[yellow]{shown(words)}[/]"
    yield "audit", f"{_many(store.audit_position, 'event')}{head}"


def _blocking_words(blocked: Blocking, measure: Measure) -> str:
    named = (("session", blocked.session_id), ("mission", blocked.mission_id))
    whose = "".join(f", {word} {shown(name)}" for word, name in named if name)
    whose += f", {shown(part_words(blocked.part))}" if blocked.part else ""
    last = blocked.refusals
    needed = "?" if last.needed is None else amount_words(last.needed, measure)
    return (
        f"budget {shown(blocked.budget)}{whose}: {_many(last.count, 'call')} refused, the last at "
        f"{last.last_at:%Y-%m-%d %H:%M} UTC: {shown(last.model)} needed {needed} with "
        f"{amount_words(last.left, measure)} left"
    )


def _print_settings(out: Console, changed: Sequence[EffectiveSetting]) -> None:
    if not changed:
        return
    rows = [
        [escape(dotted(row.route)), escape(_value(row)), escape(row.origin.place)]
        for row in changed
    ]
    print_rows(out, ("set, unlike the default", "value", "by"), rows)


def _value(row: EffectiveSetting) -> str:
    return written(origins.masked(row.route, row.value))


def _place_name(part: StoreHealth | LedgerHealth) -> str:
    return str(part.path) if isinstance(part, LedgerHealth) else part.name


def _state(part: StoreHealth | LedgerHealth) -> str:
    if isinstance(part, LedgerHealth) and not part.is_installed:
        return "not-installed"
    if part.problem is not None:
        return "unusable"
    if not part.exists:
        return "missing"
    return "busy" if isinstance(part, LedgerHealth) and part.is_busy else "ok"


def _many(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} {_UNITS[-1]}"
