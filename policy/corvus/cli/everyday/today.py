"""``corvus today``: imports what is new, and shows what was spent today on one screen (CLI-7).

It is also the answer of ``corvus`` without arguments, where there is something to show.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.budgets import budget_bodies
from corvus.answers.kv import kv_text
from corvus.base.errors import PolicyError
from corvus.base.money import usd_exact
from corvus.cli.budgets.lines import budget_line_whole
from corvus.cli.budgets.summary import in_order
from corvus.cli.options import AsOf, Config, LedgerPath, Sets, opened
from corvus.cli.output import TableOrBody, emit

if TYPE_CHECKING:
    from corvus.model.decision import BudgetStatus
    from corvus.model.status_report import StatusReport
    from corvus.reporting.today import Share, Spent, Today
    from corvus.runtime import Runtime
    from corvus.usage.importers.known_logs import KnownLogs
    from corvus.usage.importers.model import OnProgress


@dataclass(slots=True)
class Imported:
    """What was imported before the answer.

    Attributes:
        programs: The programs whose logs are known here.
        new: Calls that were not known before, or are known better now.
        bad: Lines and files that could not be read.
        faults: Why a folder could not be imported, one sentence each.
        left_out: The ledger that no log was imported into, as it is not the user's own alone.
    """

    programs: list[str] = field(default_factory=list[str])
    new: int = 0
    bad: int = 0
    faults: list[str] = field(default_factory=list[str])
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is shown.

    Attributes:
        status: Where the budgets stand; ``None`` where nobody can say.
        budgets: Those in force that have a limit, in the order of the policy.
        fault: Why nobody can say where they stand.
    """

    today: Today
    imported: Imported
    status: StatusReport | None
    budgets: list[BudgetStatus]
    fault: str = ""


def today(
    *,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="IANA time zone whose day it is; default: this machine's."),
    ] = None,
    import_logs: Annotated[
        bool | None,
        typer.Option(
            "--import/--no-import",
            help="Whether to import first what is new in the logs of Claude Code, Codex and "
            "others; default: into your own ledger.",
            show_default=False,
        ),
    ] = None,
    output: TableOrBody = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Show what was spent today, on what, and what the budgets have left.

    First it imports what is new in the folders where coding agents keep their logs; what corvus
    itself has recorded is not counted twice. With --as-of it imports nothing, nor by itself into a
    ledger that the config of a repository names, or that hosts share.

    Example: corvus today
    """
    from corvus.base.extras import require_ledger
    from corvus.cli.everyday.today_screen import show

    require_ledger()
    named = _zone(zone)
    runtime = opened(config, ledger, sets, as_of=as_of)
    imported = Imported()
    if import_logs is not False and as_of is None:
        imported = import_new(runtime, is_asked=bool(import_logs))
    answer = answer_of(runtime, named, imported, is_recorded=as_of is not None)
    emit(
        output, lambda: body(runtime, answer), lambda: show(runtime, answer), kv=lambda: kv(answer)
    )


def has_something() -> bool:
    """Return whether there is something to show here: a ledger, a store, or logs of an agent.

    Where a config has errors, or a store does not answer, the list of commands helps more.
    """
    from corvus.base.extras import has_ledger

    if not has_ledger():
        return False
    from corvus.usage.importers.known_logs import known_logs

    try:
        runtime = opened((), None)
        has_logs = is_own(runtime) and bool(known_logs(os.environ))
        return has_logs or not runtime.bookkeeping.is_untouched()
    except PolicyError:
        return False


def is_own(runtime: Runtime) -> bool:
    """Return whether the ledger is the user's own: not that of a repository, nor of several hosts.

    What a machine has spent in all of its folders does not belong into the others unasked.
    """
    from corvus.config.layers.locate import NAME

    if runtime.store_url is not None or runtime.loaded is None or runtime.loaded.settings is None:
        return False
    is_stated = runtime.loaded.settings.governance.ledger.path is not None
    of_repository = any(path.name == NAME for path in runtime.config_paths)
    return runtime.is_ledger_named or not (is_stated and of_repository)


def _zone(name: str | None) -> str:
    """Return the zone asked for, or that of this machine.

    Raises:
        ReportParameterInvalid: There is no such zone.
    """
    from corvus.cli.times import parse_zone

    if name is None:
        return machine_zone()
    parse_zone(name)
    return name


def machine_zone() -> str:
    """Return the IANA name of the zone of this machine; UTC where it has none."""
    from tzlocal import get_localzone_name

    from corvus.base.errors import ReportParameterInvalid
    from corvus.cli.times import parse_zone

    try:
        found = get_localzone_name()
        parse_zone(found)
    except (ReportParameterInvalid, LookupError, OSError, ValueError):
        return "UTC"
    return "UTC" if found in ("Etc/UTC", "Etc/UCT", "UCT", "Zulu") else found


def import_new(
    runtime: Runtime, *, is_asked: bool = False, shows_progress: bool = True
) -> Imported:
    """Import what is new in the logs of known programs; a fault is noted and keeps nothing back.

    Args:
        runtime: Whose ledger.
        is_asked: Whether the user asked for it, so that the ledger need not be their own.
        shows_progress: Whether a person waits.
    """
    from corvus.usage.importers.known_logs import known_logs

    imported = Imported()
    logs = known_logs(os.environ)
    if not logs:
        return imported
    if not is_asked and not is_own(runtime):
        imported.left_out = str(runtime.ledger_path)
        return imported
    from corvus.cli.import_notes import progress, saying_when_stopped

    try:
        with saying_when_stopped(lambda: imported.new):
            _import(runtime, logs, imported, progress() if shows_progress else nullcontext())
    except PolicyError as fault:
        imported.faults.append(str(fault))
    return imported


def _import(
    runtime: Runtime,
    logs: Sequence[KnownLogs],
    imported: Imported,
    shown: AbstractContextManager[OnProgress | None],
) -> None:
    from corvus.usage.importers.known_logs import import_known
    from corvus.usage.importers.model import ImportOptions

    books = runtime.bookkeeping
    options = ImportOptions(
        clock=runtime.clock, imported=books.imported_files(), own_store=books.store_id()
    )
    has_read = False
    with shown as shows:
        for one in logs:
            summary = import_known(
                books.importing, one, runtime.books, options=options, on_progress=shows
            )
            if one.program not in imported.programs:
                imported.programs.append(one.program)
            if summary is not None:
                imported.new += summary.new + summary.updated
                imported.bad += summary.bad_lines
                has_read = has_read or bool(summary.files)
    if has_read:
        books.settle_import()


def answer_of(
    runtime: Runtime, zone: str, imported: Imported, *, is_recorded: bool = False
) -> Answer:
    """Return what was spent today, and where the budgets stand.

    Args:
        runtime: The config in force.
        zone: Whose day.
        imported: What was imported before.
        is_recorded: Whether only what the ledger has counts, up to the clock's instant.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store is there and cannot be read.
    """
    from corvus.reporting.today import today

    now = runtime.clock.now()
    with runtime.bookkeeping.ledger(may_be_missing=not runtime.is_ledger_named) as opened:
        spent = today(opened.connection, now, zone)
    if not runtime.policy.enabled:
        return Answer(spent, imported, None, [])
    try:
        status = runtime.status(recorded=is_recorded)
    except PolicyError as fault:
        return Answer(spent, imported, None, [], str(fault))
    in_force = [item for item in in_order(runtime, status) if item.budget.limit]
    return Answer(spent, imported, status, in_force)


def body(runtime: Runtime, answer: Answer) -> dict[str, object]:
    """Return the answer as data."""
    spent, status = answer.today, answer.status
    return {
        "date": spent.date.isoformat(),
        "zone": spent.zone,
        "as_of": spent.now.isoformat(),
        "today": _spent_body(spent.day),
        "yesterday": _spent_body(spent.yesterday),
        "yesterday_by_now": _spent_body(spent.yesterday_by_now),
        "week": _spent_body(spent.week),
        "month": _spent_body(spent.month),
        "models": [_share_body(row, "model", "provider") for row in spent.models],
        "projects": [_share_body(row, "project") for row in spent.projects],
        "sessions": [_share_body(row, "session_id", "project") for row in spent.sessions],
        "enabled": runtime.policy.enabled,
        "budgets": budget_bodies(status, answer.budgets) if status is not None else [],
        "imported": {
            "programs": answer.imported.programs,
            "calls": answer.imported.new,
            "bad_lines": answer.imported.bad,
            "faults": answer.imported.faults,
            "left_out": bool(answer.imported.left_out),
        },
    }


def _spent_body(spent: Spent) -> dict[str, object]:
    cost = spent.cost_nano_usd
    return {
        "cost_usd": None if cost is None else float(usd_exact(cost)),
        "cost_nano_usd": None if cost is None else str(cost),
        "calls": spent.calls,
        "unpriced_calls": spent.unpriced_calls,
        "tokens": spent.tokens,
    }


def _share_body(row: Share, name: str, detail: str | None = None) -> dict[str, object]:
    details = {detail: row.detail} if detail else {}
    return {name: row.name} | details | _spent_body(row.spent)


def kv(answer: Answer) -> Iterator[str]:
    """Yield the answer as lines for scripts."""
    spent = answer.today
    yield f"date={spent.date}"
    yield f"zone={spent.zone}"
    for name in ("day", "yesterday", "yesterday_by_now", "week", "month"):
        part: Spent = getattr(spent, name)
        yield f"{'today' if name == 'day' else name}_cost_usd={_usd(part)}"
    yield f"calls={spent.day.calls}"
    yield f"tokens={spent.day.tokens}"
    yield f"unpriced_calls={spent.day.unpriced_calls}"
    yield f"imported_calls={answer.imported.new}"
    for title, rows in (
        ("model", spent.models),
        ("project", spent.projects),
        ("session", spent.sessions),
    ):
        for row in rows:
            name = "none" if row.name is None else kv_text(row.name)
            yield (
                f"{title}={name} cost_usd={_usd(row.spent)} calls={row.spent.calls} "
                f"tokens={row.spent.tokens}"
            )
    yield from _kv_of_budgets(answer)


def _kv_of_budgets(answer: Answer) -> Iterator[str]:
    if answer.status is not None:
        for item in answer.budgets:
            yield budget_line_whole(item, answer.status)
    if answer.imported.left_out:
        yield f"no_import_into={kv_text(answer.imported.left_out)}"
    for fault in answer.imported.faults:
        yield f"not_imported={kv_text(fault)}"
    if answer.fault:
        yield f"budgets_unknown={kv_text(answer.fault)}"


def _usd(spent: Spent) -> str:
    return "unknown" if spent.cost_nano_usd is None else usd_exact(spent.cost_nano_usd)
