"""``corvus prove``: a signed statement that the budgets of a period held, and its check offline."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from corvus.base.errors import ProofRefused
from corvus.base.money import usd_short
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import console, shown
from corvus.diagnostics.formats.json import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN_MAX = 10


def prove(
    *,
    period: Annotated[
        str | None,
        typer.Option(help="A month 2026-11, a day, a year or last-month, in UTC; it must be over."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key that signs.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; else standard output.")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check a statement; needs no ledger and no network."),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="With --verify: who must have signed; text or a file."),
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make a key; its public key goes to FILE.pub."),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Sign that no budget of a period was exceeded but for what is named, or check that.

    The statement has every window of every budget with what was used of which limit; each call that
    cost more than was held, was let pass by an override or a person, or was never admitted; the
    policies, the head of the audit, and a hash over all records. What it does not prove stands in
    it. The exit code is 1 where the budgets did not hold, or a statement is not to be believed.

    Example: corvus prove --period last-month --key team.key --out november.json
    """
    if new_key is not None:
        _refuse_others("--new-key", period, key, out, verify, public_key)
        _make_key(new_key)
    elif verify is not None:
        _refuse_others("--verify", key, out)
        _verify(verify, public_key, period)
    elif period is None or key is None:
        raise typer.BadParameter("name a --period and a --key, or --verify, or --new-key")
    else:
        _refuse_others("--period", public_key)
        _sign(period, key, out, (config, sets, ledger))


def _refuse_others(option: str, *others: object) -> None:
    if any(other is not None for other in others):
        raise typer.BadParameter(f"{option} goes without the options of the other two uses")


def _make_key(path: Path) -> None:
    from corvus.proofs.keys import new_key

    public = new_key(path)
    print(f"private key: {path} (keep it; nobody else may read it)")
    print(f"public key:  {public} (hand it on: {path}.pub)")


def _sign(period: str, key: Path, out: Path | None, where: tuple[Any, Any, Any]) -> None:
    from corvus.base.files import whole_file
    from corvus.proofs.keys import signed
    from corvus.proofs.statement import make_statement

    if out is not None and _is_same(out, key):
        raise typer.BadParameter(f"{out} is the key, which it would replace", param_hint="--out")
    config, sets, ledger = where
    runtime = opened(config, ledger, sets)
    starts, ends = _span(period, runtime.clock.now())
    name = period if period[:1].isdigit() else f"{starts:%Y-%m-%d}..{ends:%Y-%m-%d}"
    statement = make_statement(runtime, name, starts, ends)
    text = json_text(signed(statement, key))
    if out is None:
        print(text)
    else:
        with whole_file(out) as part:
            part.write_text(text + "\n", encoding="utf-8")
        for line in summary(statement):
            console().print(shown(line))
    if not statement["holds"]:
        raise typer.Exit(Exit.FINDINGS)


def _is_same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _span(period: str, now: datetime) -> tuple[datetime, datetime]:
    from corvus.cli.times import parse_since, parse_until

    starts, ends = parse_since(period, now), parse_until(period, now)
    if starts >= ends:
        raise typer.BadParameter(f"{period} is no span of time", param_hint="--period")
    return starts, ends


def _verify(path: Path, public_key: str | None, period: str | None) -> None:
    from corvus.proofs.checking import check_document
    from corvus.proofs.keys import public_key_of

    pinned = None if public_key is None else public_key_of(public_key)
    span = None if period is None else _span(period, datetime.now(UTC))
    found = check_document(path, pinned, span)
    try:
        said = summary(found.statement)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProofRefused(f"{path} lacks what a statement has") from None
    out = console()
    for fault in found.faults:
        out.print(f"[red]not to be believed[/]: {shown(fault)}")
    if not found.faults:
        out.print(f"[green]good[/]: signed by {shown(found.public_key)}")
    for line in said:
        out.print(shown(line))
    if found.faults:
        raise typer.Exit(Exit.FINDINGS)


def summary(statement: Mapping[str, Any]) -> list[str]:
    """Return what a statement says, in lines for a person."""
    period, windows = statement["period"], statement["windows"]
    over = [one for one in windows if one["limit"] and one["used"] > one["limit"]]
    kinds: dict[str, list[int]] = {}
    for one in statement["exceptions"]:
        kinds.setdefault(str(one["kind"]).replace("_", " "), []).append(one["usd"])
    verb = "held" if statement["holds"] else "did not hold"
    lines = [
        f"{period['name']}: budgets {verb}; {len(windows):,} windows, {len(over):,} over their "
        f"limit, {statement['records']['count']:,} records"
    ]
    lines += [
        f"named: {len(costs):,} {kind}, ${usd_short(sum(costs))}"
        for kind, costs in sorted(kinds.items())
    ]
    lines += [
        f"over: {one['budget']} from {one['starts_at']}: {one['used']} of {one['limit']} "
        f"{one['measure']}"
        for one in over[:_SHOWN_MAX]
    ]
    lines += [f"does not prove: {text}" for text in statement["does_not_prove"]]
    return lines
