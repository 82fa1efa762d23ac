"""``corvus cost audit``: who changed what about budgets, when and why (AUD-3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import typer

from corvus.answers.amounts import amount_words
from corvus.answers.audit import AUDIT_EVENT, details_of, lifted_of, part_of_event
from corvus.answers.kv import kv_words
from corvus.base.money import usd_exact, usd_short
from corvus.cli.options import Config, LedgerPath, opened
from corvus.cli.output import console, emit, is_unicode

if TYPE_CHECKING:
    from corvus.model.steering import AuditEvent
    from corvus.runtime import Runtime

_NONE = "-"


AuditFormat: TypeAlias = Annotated[
    Literal["table", "kv", "json", "jsonl"] | None,
    typer.Option("--format", help="Default: table on a terminal, else kv."),
]


def kinds(incomplete: str) -> list[str]:
    """Return the kinds of events that begin as typed, for the shell's completion."""
    from corvus.model.steering import AuditKind

    return [kind.value for kind in AuditKind if kind.startswith(incomplete)]


def audit(
    *,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=0, max=1_000_000)] = 50,
    since: Annotated[
        str | None, typer.Option(help="Only from then on: 7d, today, 2026-11, 2026-11-23T10:00Z.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only of this kind, such as reset_applied; repeatable.",
            autocompletion=kinds,
        ),
    ] = None,
    anchor: Annotated[
        bool,
        typer.Option(
            "--anchor",
            help="Print POSITION:HASH of the newest event, to be kept elsewhere: "
            "`corvus ledger verify --anchor` proves by it that nothing was cut off.",
        ),
    ] = False,
    output: AuditFormat = None,
    config: Config = None,
    ledger: LedgerPath = None,
) -> None:
    """Show who changed what about budgets, when and why; the newest last.

    Example: corvus cost audit --since 7d --kind reset_applied
    """
    for wanted in kind or ():
        if wanted not in (known := kinds("")):
            raise typer.BadParameter(
                f"{wanted!r} is none of {', '.join(known)}", param_hint="--kind"
            )
    from corvus.cli.times import parse_since

    runtime = opened(config, ledger)
    if anchor:
        _print_anchor(runtime, output)
        return
    first = parse_since(since, runtime.clock.now()) if since is not None else None
    events = runtime.audit(limit, first, kind or ())
    if output == "jsonl":
        for event in events:
            print(json.dumps(AUDIT_EVENT.body(event), ensure_ascii=not is_unicode()))
        return
    emit(
        output,
        lambda: {"events": AUDIT_EVENT.bodies(events)},
        lambda: _print_table(events),
        kv=lambda: map(_line, events),
    )


def _print_anchor(runtime: Runtime, shape: str | None) -> None:
    position, digest = runtime.audit_head()
    if shape in ("json", "jsonl"):
        print(json.dumps({"position": position, "hash": digest}))
    else:
        print(f"{position}:{digest}")


def _line(event: AuditEvent) -> str:
    body = AUDIT_EVENT.body(event)
    removed = event.removed_cost_nano_usd
    body["removed_cost_usd"] = None if removed is None else usd_exact(removed)
    return " ".join(kv_words({"audit_event": body.pop("position"), **body}))


def _print_table(events: Sequence[AuditEvent]) -> None:
    from corvus.cli.output import print_rows
    from corvus.diagnostics.plain import escape

    out = console()
    if not events:
        out.print("no audit event")
        return
    headings = ("event", "at, UTC", "kind", "by", "about", "what", "why")
    rows = [
        [
            f"{event.position}",
            f"{event.recorded_at:%Y-%m-%d %H:%M:%S}",
            escape(str(event.kind)),
            escape(event.actor),
            escape(_about(event)),
            escape(_what(event)),
            escape(event.reason or _NONE),
        ]
        for event in events
    ]
    print_rows(out, headings, rows, right={0})


def _details(event: AuditEvent) -> str:
    """Write what changed: ``budgets.day.limit: $5.00 to $9.00``; else all of it."""
    found = details_of(event)
    if not isinstance(found, dict):
        return str(found)
    details = cast("dict[str, Any]", found)
    budgets = details.get("lifted") or details.get("blocked")
    if isinstance(budgets, list):
        return ", ".join(_budget(status) for status in cast("list[dict[str, Any]]", budgets))
    before, after = details.get("before"), details.get("after")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return ", ".join(f"{name}: {value}" for name, value in _flat(details))
    was = dict(_flat(cast("dict[str, Any]", before)))
    has = dict(_flat(cast("dict[str, Any]", after)))
    return ", ".join(
        f"{name}: {was.get(name, 'none')} to {has.get(name, 'none')}"
        for name in was | has
        if was.get(name) != has.get(name)
    )


def _budget(status: dict[str, Any]) -> str:
    """Write a budget that an override lifts: ``day: $3.10 of $2.00``."""
    lifted = lifted_of(status)
    projected, limit = (
        amount_words(each, lifted.measure) for each in (lifted.projected, lifted.limit)
    )
    return f"{lifted.name}: {projected} of {limit}"


def _flat(values: dict[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{within}{name}.")
        elif name.endswith("_nano_usd") and isinstance(value, int):
            yield f"{within}{name.removesuffix('_nano_usd')}", f"${usd_short(value)}"
        else:
            yield f"{within}{name}", value if isinstance(value, str) else json.dumps(value)


def _about(event: AuditEvent) -> str:
    named = (
        ("budget", event.budget),
        ("part", part_of_event(event)),
        ("session", event.session_id),
        ("mission", event.mission_id),
    )
    return ", ".join(f"{name} {value}" for name, value in named if value) or _NONE


def _what(event: AuditEvent) -> str:
    if event.removed_cost_nano_usd is not None:
        count = event.removed_requests or 0
        calls = "1 call" if count == 1 else f"{count:,} calls"
        return f"${usd_short(event.removed_cost_nano_usd)} in {calls}"
    if event.details:
        return _details(event)
    if event.expires_at is not None:
        return f"until {event.expires_at:%Y-%m-%d %H:%M}"
    return _NONE
