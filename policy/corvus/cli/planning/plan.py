"""``corvus plan``: what a change of the config would have done to recorded calls (PLN-1)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from corvus.cli.exits import Exit
from corvus.cli.options import AsOf, Config, LedgerPath, Sets, Since, Until, opened, require_books
from corvus.cli.output import OutputFile, counting

if TYPE_CHECKING:
    from corvus.planning.change import Plan, Side
    from corvus.planning.ledger_events import Span
    from corvus.planning.switch import Switch, Switched
    from corvus.runtime import Runtime

_SINCE = "30d"
_HEAD = "HEAD"


def plan(  # noqa: PLR0917 - options of a command
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="The config as it shall be; default: as found."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REF|FILE",
            help="What it is compared with: a revision of git, or a file; default: HEAD, where "
            "the file is in it.",
        ),
    ] = None,
    since: Since = _SINCE,
    until: Until = None,
    output: Annotated[
        Literal["text", "json", "markdown"], typer.Option("--format", help="How to answer.")
    ] = "text",
    file: OutputFile = None,
    fail_on: Annotated[
        Literal["never", "refusals", "tightened"],
        typer.Option(
            "--fail-on",
            help="Exit with 1 where the new policy refuses calls that the old one lets pass, or "
            "where a change tightens it.",
        ),
    ] = "never",
    switch: Annotated[
        list[str] | None,
        typer.Option(
            "--switch",
            metavar="GLOB=MODEL",
            help="Also show what the calls of some models would have cost with another; "
            "repeatable, the first that matches a call holds.",
        ),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Show what a change of the config would have done to recorded calls.

    The two policies are compared key by key. Then the calls of the ledger are put to both in their
    order, with what was held for them and what they cost, by the rules that admit calls: which
    budgets bind, what is refused, shortened, delayed or downgraded, and with which limit nothing
    would be.

    Example: corvus plan --base origin/main --since last-month
    """
    from corvus.cli.planning import output as writer
    from corvus.planning.change import Side
    from corvus.planning.switch import switch_of

    named = [*(config or ()), *(files or ())]
    runtime = opened(named, ledger, sets, as_of=as_of)
    require_books(runtime)
    after = Side(runtime.policy, runtime.books, runtime.config_shown)
    switches = [switch_of(text) for text in switch or ()]
    before = _base(base, runtime, sets or ())
    span = _span(runtime, since, until)
    found = _planned(runtime, before, after, span)
    other = _switched(runtime, switches, span) if switches else None
    shapes = {"text": writer.text, "json": writer.json, "markdown": writer.markdown}
    _give(shapes[output](found, other), file)
    if found.totals.calls + found.totals.refused_calls == 0:
        print(
            f"corvus: no call is recorded in this span in {runtime.ledger_path}; name another one "
            "with --since and --until, or another ledger with --ledger",
            file=sys.stderr,
        )
    if _fails(found, fail_on):
        raise typer.Exit(Exit.FINDINGS)


def _span(runtime: Runtime, since: str | None, until: str | None) -> Span:
    from corvus.base.errors import ReportParameterInvalid
    from corvus.cli.times import parse_bounds
    from corvus.planning.ledger_events import Span

    now = runtime.clock.now()
    bounds = parse_bounds(since or _SINCE, until, now)
    if bounds["since"] > now:
        raise ReportParameterInvalid(
            f"--since {since} ({bounds['since']:%Y-%m-%d %H:%M}) is in the future"
        )
    return Span(bounds["since"], bounds.get("until", now))


def _planned(runtime: Runtime, before: Side | None, after: Side, span: Span) -> Plan:
    from corvus.planning.change import plan as planned

    with runtime.bookkeeping.ledger() as opened_ledger, counting("events") as bar:

        def on_progress(what: str, done: int, of: int) -> None:
            if bar is not None and what == "replay":
                bar(done, of)

        return planned(opened_ledger, before, after, span, on_progress)


def _switched(runtime: Runtime, switches: Sequence[Switch], span: Span) -> Switched:
    from corvus.planning.switch import switched

    with runtime.bookkeeping.ledger() as opened_ledger:
        return switched(opened_ledger, runtime.books, runtime.policy, switches, span)


def _fails(found: Plan, fail_on: str) -> bool:
    if fail_on == "refusals":
        count = found.newly_refused.calls
        return (count if found.before is not None else found.tally_after.all.refused.calls) > 0
    return fail_on == "tightened" and found.difference.tightens


def _give(text: str, file: Path | None) -> None:
    from corvus.base.files import whole_file

    if file is None:
        sys.stdout.write(text)
        return
    with whole_file(file) as path:
        path.write_text(text, encoding="utf-8")


def _base(base: str | None, runtime: Runtime, sets: Sequence[str]) -> Side | None:
    """Return what is compared with; ``None`` where there is nothing, and nothing was named.

    Raises:
        PlanRefused: It cannot be found.
        ConfigError: It does not check; it is named.
    """
    from corvus.base.errors import PlanRefused
    from corvus.cli.planning.revision import has_at_head

    paths = runtime.config_paths
    if base is not None and os.path.isfile(base):
        return _side(runtime, sets, [Path(base)], None, base)
    if not paths:
        if base is None:
            return None
        raise PlanRefused(f"there is no config to look up at {base}: name the file to plan")
    if base is None:
        if not all(map(has_at_head, paths)):
            return None
        base = _HEAD
    return _revision(runtime, sets, base)


def _revision(runtime: Runtime, sets: Sequence[str], name: str) -> Side:
    from corvus.cli.planning.revision import revision_of

    revision = revision_of(runtime.config_paths[-1], name)
    texts: dict[Path, bytes] = {}
    for path in runtime.config_paths:
        found = revision.file(path)
        if found.content is None:
            print(f"corvus: {name} has no {path}: all of it is new", file=sys.stderr)
        elif found.renamed_from is not None:
            print(f"corvus: {path} was {found.renamed_from} at {name}", file=sys.stderr)
        texts[path] = found.content or b""
    return _side(runtime, sets, runtime.config_paths, texts, name)


def _side(
    runtime: Runtime,
    sets: Sequence[str],
    paths: Sequence[Path],
    texts: dict[Path, bytes] | None,
    shown: str,
) -> Side:
    from corvus.diagnostics.model import ConfigError
    from corvus.planning.change import Side
    from corvus.runtime import open_runtime

    try:
        old = open_runtime(
            paths, sets=sets, ledger=runtime.ledger_path, clock=runtime.clock, texts=texts
        )
    except ConfigError as refused:
        raise ConfigError(
            f"the config to compare with does not check, as it is at {shown}; the new one does. "
            "Name another base with --base",
            refused.diagnostics,
        ) from None
    return Side(old.policy, old.books, shown)
