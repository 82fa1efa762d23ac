"""``corvus store``: make it, examine it, bring it up to date, move it to another place (STO-5)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import TextOrBody, console, counting, emit, shown
from corvus.cli.stores.naming import URL_MARK, named_place
from corvus.cli.stores.standing_lines import status_lines

if TYPE_CHECKING:
    from corvus.runtime import Runtime
    from corvus.store.moving import MoveSummary
    from corvus.store.operations.overview import StoreOverview
    from corvus.store.operations.server import HostSeen
    from corvus.store.place import StorePlace

Url: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[STORE]",
        help="A postgresql:// URL, or the ledger next to which the store lies; default: the one "
        "in force.",
        show_default=False,
    ),
]

Sql: TypeAlias = Annotated[
    bool,
    typer.Option("--sql", help="Print the SQL for a database administrator, and change nothing."),
]
Role: TypeAlias = Annotated[
    str, typer.Option("--role", help="With --sql: the role that corvus connects as.")
]

app = typer.Typer(
    help="The store of budgets: make it, examine it, move it to many hosts.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """The store of budgets: make it, examine it, move it to many hosts."""


@app.command("init")
def init(
    store: Url = None,
    *,
    sql: Sql = False,
    role: Role = "corvus",
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Make the store with its tables; one that is there is brought up to date.

    Example: corvus store init "postgresql://corvus@db.example/corvus?schema=team_a"
    """
    runtime = opened(config, ledger, sets)
    with named_place(store, runtime) as place:
        if sql:
            _print_script(place, role)
        else:
            _bring_up_to_date(place, output)


@app.command("migrate")
def migrate(
    store: Url = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    sql: Sql = False,
    role: Role = "corvus",
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Bring the tables of the store to the version of this corvus.

    Hosts with an older corvus are refused from that moment on, admit nothing and lose nothing:
    upgrade them next. Whatever opens the store migrates it, too; this says so before.

    Example: corvus store migrate --dry-run
    """
    runtime = opened(config, ledger, sets)
    with named_place(store, runtime) as place:
        if not place.exists:
            from corvus.base.errors import StoreUnavailable

            raise StoreUnavailable(f"there is no store at {place.name} yet; `corvus store init`")
        if sql:
            _print_script(place, role, since=_version(place))
        else:
            _bring_up_to_date(place, output, dry_run=dry_run)


def _print_script(place: StorePlace, role: str, since: int = 0) -> None:
    script = place.admin.script(role, since)
    if script is None:
        raise typer.BadParameter("a store in a file needs no SQL", param_hint="--sql")
    sys.stdout.write(script)


def _bring_up_to_date(place: StorePlace, output: str | None, *, dry_run: bool = False) -> None:
    before = _version(place)
    server = place.admin.server() if before else None
    others = server.hosts if server is not None else ()
    if not dry_run:
        place.admin.make()
    after = place.admin.newest_version if dry_run else _version(place)
    body: dict[str, object] = {
        "store": place.name,
        "version_before": before,
        "version": after,
        "dry_run": dry_run,
        "hosts": [host.host for host in others],
    }
    emit(output, lambda: body, lambda: print("\n".join(_version_words(body, others))))


def _version(place: StorePlace) -> int:
    if not place.exists:
        return 0
    with place.looking() as look:
        return look.version


def _version_words(body: dict[str, object], others: Sequence[HostSeen]) -> Iterator[str]:
    store, before, after = body["store"], body["version_before"], body["version"]
    if before == after:
        yield f"{store} is up to date (version {after})"
        return
    will = "would be" if body["dry_run"] else "was"
    done = f"{will} made" if before == 0 else f"{will} brought from version {before}"
    yield f"{store} {done} (version {after})"
    if before and others:
        yield (
            f"{', '.join(sorted({host.host for host in others}))} wrote within the last minute: "
            "where corvus is older there, every call is refused until it is upgraded"
        )


@app.command("status")
def status(
    store: Url = None,
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Show how the store is: its server, what is held, which hosts and ledgers use it.

    It changes nothing. The exit code is 30 when no call can be admitted.

    Example: corvus store status --format json
    """
    runtime = opened(config, ledger, sets)
    seen = _overview(store, runtime)
    from corvus.answers.store import STORE_STATUS

    emit(output, lambda: STORE_STATUS.body(seen), lambda: _print_status(seen))
    if not seen.is_usable:
        raise typer.Exit(Exit.LEDGER_UNAVAILABLE)


def _overview(store: str | None, runtime: Runtime) -> StoreOverview:
    from corvus.store.operations.overview import overview

    with named_place(store, runtime) as place:
        return overview(place, place.health(runtime.clock.now()))


@app.command("move")
def move(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="A postgresql:// URL, or a ledger next to which the store shall lie.",
            show_default=False,
        ),
    ],
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STORE",
            help="The store to move, as TARGET is named; default: the one in force.",
        ),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Move the store with its open holds to another place, all of it or nothing.

    End every agent, gateway and program that uses it before: a store that is in use is not moved.
    Until the last row was read back it stays where it is. Then the old place is refused, and says
    where the store went. A move that was cut off is finished by the same command.

    Example: corvus store move "postgresql://corvus@db.example/corvus?schema=team_a"
    """
    from corvus.answers.store import MOVED
    from corvus.runtime import local_actor
    from corvus.store.moving import move_store
    from corvus.store.operations.move_event import Mover

    runtime = opened(config, ledger, sets)
    with (
        named_place(source, runtime) as leaving,
        named_place(target, runtime) as arriving,
        counting("rows") as on_progress,
    ):
        _take_in(leaving, runtime)
        by = Mover(local_actor(), runtime.clock)
        done = move_store(leaving, arriving, by, on_progress=on_progress)
    emit(output, lambda: MOVED.body(done), lambda: print("\n".join(_moved_words(done, target))))


def _take_in(leaving: StorePlace, runtime: Runtime) -> None:
    """Book settlements that wait in a file, so that they go with their store (RES-9)."""
    from corvus.governor.upkeep import keep_up
    from corvus.store.place import open_store
    from corvus.store.spill import waiting

    path = leaving.unsettled_path
    if path is not None and waiting(path) and leaving.exists:
        with closing(open_store(leaving, runtime.clock)) as store:
            keep_up(store)


def _moved_words(done: MoveSummary, target: str) -> Iterator[str]:
    if done.is_resumed:
        yield f"the store was moved to {done.target} already; it goes on there"
    else:
        yield (
            f"{sum(done.rows.values()):,} rows moved to {done.target}, among them "
            f"{done.open_holds:,} open holds and {done.undrained_events:,} events for the ledger"
        )
    yield f"{done.source} is refused from now on"
    if URL_MARK in target:
        yield "set governance.ledger.url in the config of each host, without a password in it"
    else:
        yield "take governance.ledger.url out of the config"


def _print_status(seen: StoreOverview) -> None:
    from rich.table import Table

    out = console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in status_lines(seen):
        table.add_row(name, words)
    out.print(f"[bold]{shown(seen.name)}[/]")
    out.print(table)
