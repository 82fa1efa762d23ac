"""``corvus sql``: read-only SQL on the ledger, once or at a prompt (REP-4)."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.base.errors import PolicyError, ReportParameterInvalid
from corvus.bookkeeping import Bookkeeping
from corvus.cli.options import Config, LedgerPath, books_of
from corvus.cli.output import Output, OutputFile, choose_format, console, give, is_terminal, shown
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.reporting.sql import Answer


_TABLE_ROWS = 200
"""Rows of a table for a person, unless asked otherwise; other formats give all."""
_TIMEOUT_SECONDS = 60.0
_TIMEOUT_MAX_SECONDS = 86_400.0


Limit: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, help=f"Rows at most, 0 for all; default: {_TABLE_ROWS} in a table."
    ),
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", help="Give up after this long; 0 never does."),
]


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(
            metavar="[SELECT]", help="One SELECT; left out, a prompt opens, or stdin is read."
        ),
    ] = None,
    *,
    output: Output = None,
    file: OutputFile = None,
    limit: Limit = None,
    timeout: Timeout = _TIMEOUT_SECONDS,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show DuckDB's plan instead of the rows.")
    ] = False,
    config: Config = None,
    ledger: LedgerPath = None,
) -> None:
    """Ask the ledger in SQL: one SELECT, which reads its tables and nothing else.

    The tables are usage_call (one row for each call) and those of `.tables` at the prompt. A column
    named …_nano_usd is shown as money, so write `SUM(cost_nano_usd) AS cost_nano_usd`.

    Example: corvus sql "SELECT requested_model, SUM(cost_nano_usd) AS cost_nano_usd FROM usage_call
    GROUP BY ALL" --format csv
    """
    from corvus.reporting.sql import run_sql

    if not 0 <= timeout <= _TIMEOUT_MAX_SECONDS:
        raise ReportParameterInvalid(
            f"--timeout must be 0 (never) to {_TIMEOUT_MAX_SECONDS:g} seconds, got {timeout:g}"
        )
    books = books_of(config, ledger)
    if statement is None and sys.stdin.isatty() and is_terminal() and output is file is None:
        Prompt(
            books, timeout_seconds=timeout or None, rows_max=_rows_max(limit, is_table=True)
        ).run()
        return
    text = sys.stdin.read() if statement in {None, "-"} else str(statement)
    shape = choose_format(output, file)
    is_table = shape.value == "table"
    with books.ledger() as opened:
        answer = run_sql(
            opened.connection,
            text,
            rows_max=_rows_max(limit, is_table=is_table),
            timeout_seconds=timeout or None,
            explain=explain,
        )
    if is_table or (answer.plan is not None and output is file is None):
        print_answer(answer)
    else:
        give(answer.table, shape, file, about={"statement": text.strip()}, head={})
        _tell_more(answer)


def print_answer(answer: Answer) -> None:
    """Print an answer for a person: a table that fits the terminal, or a plan."""
    from corvus.cli.tables import print_table

    if answer.plan is not None:
        print(answer.plan)
        return
    print_table(console(), answer.table, "")
    _tell_more(answer)


def _tell_more(answer: Answer) -> None:
    if answer.has_more:
        shown = len(answer.table.rows)
        print(f"only the first {shown:,} rows; --limit 0 gives all", file=sys.stderr)


def _rows_max(limit: int | None, *, is_table: bool) -> int | None:
    if limit is None:
        return _TABLE_ROWS if is_table else None
    return limit or None


_HELP = """\
A SELECT may take several lines; a semicolon ends it.
.tables         names of the tables
.schema NAME    columns of a table
.quit           leave, as does Ctrl-D; Ctrl-C drops a line or stops a statement"""
_COMMANDS = (".help", ".quit", ".schema", ".tables")
_WORDS = (
    *("SELECT", "FROM", "WHERE", "GROUP", "ORDER", "BY", "ALL", "HAVING", "LIMIT", "DISTINCT"),
    *("AS", "DESC", "AND", "OR", "NOT", "NULL", "IS", "IN", "LIKE", "BETWEEN", "JOIN", "ON"),
    *("USING", "WITH", "CASE", "WHEN", "THEN", "ELSE", "END", "DESCRIBE"),
    *("COUNT(*)", "SUM(", "AVG(", "MIN(", "MAX("),
)
_HISTORY_LINES = 1000
_QUIET_SECONDS = 0.2
"""For how long after one Ctrl-C others are passed over."""


class Prompt:
    """Asks for statements until the end.

    Args:
        books: The place of the ledger.
        rows_max: Rows to show of an answer at most; ``None`` shows all.
        timeout_seconds: After how long to give up on a statement; ``None`` waits.
    """

    def __init__(
        self, books: Bookkeeping, *, rows_max: int | None, timeout_seconds: float | None
    ) -> None:
        self._books = books
        self._rows_max = rows_max
        self._timeout_seconds = timeout_seconds
        self._interrupts = _Interrupts()

    def run(self) -> None:
        """Read and answer statements; leaves at ``.quit`` or the end of the input.

        Raises:
            LedgerError: There is no ledger to ask.
        """
        names = self._names()
        print("SQL on the ledger, read-only; a semicolon ends a statement, .help helps.")
        with self._interrupts.caught(), _line_editor(names):
            lines: list[str] = []
            while True:
                try:
                    self._interrupts.seen = False
                    if not self._take(lines):
                        return
                except KeyboardInterrupt:
                    lines.clear()
                    print()

    def _take(self, lines: list[str]) -> bool:
        """Read a line onto those of a statement, and answer what is complete; ``False`` leaves."""
        line = _read("   ...> " if lines else "corvus> ")
        if line is None:
            return False
        if not lines and line.strip().startswith("."):
            return self._command(line.strip())
        if lines or line.strip():
            lines.append(line)
        if is_complete("\n".join(lines)):
            statement = "\n".join(lines)
            lines.clear()
            self._answer(statement)
        return True

    def _names(self) -> list[str]:
        from corvus.reporting.sql_guard import columns, relations

        with self._books.ledger() as ledger:
            tables = relations(ledger.connection)
            found = [name for table in tables for name, *_ in columns(ledger.connection, table)]
        return sorted({*tables, *found})

    def _command(self, line: str) -> bool:
        """Do a command of the prompt; ``False`` leaves it."""
        from corvus.reporting.sql_guard import columns, relations

        word, _, name = line.rstrip(";").partition(" ")
        with self._telling():
            match word, name.strip():
                case ".quit" | ".exit", "":
                    return False
                case ".tables", "":
                    with self._books.ledger() as ledger:
                        print("\n".join(relations(ledger.connection)))
                case ".schema", str(table) if table:
                    with self._books.ledger() as ledger:
                        for column, kind, nullable in columns(ledger.connection, table):
                            print(f"{column:<24}{kind}{'' if nullable else ' NOT NULL'}")
                case _:
                    print(_HELP)
        return True

    def _answer(self, statement: str) -> None:
        from corvus.reporting.sql import run_sql

        with self._telling():
            with self._books.ledger() as ledger:
                answer = run_sql(
                    ledger.connection,
                    statement,
                    rows_max=self._rows_max,
                    timeout_seconds=self._timeout_seconds,
                )
            print_answer(answer)

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Tell what went wrong, and go on; what Ctrl-C stopped is no fault, whoever raised it."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if self._interrupts.seen:
                print("stopped", file=sys.stderr)
            elif isinstance(error, PolicyError):
                message = f"[red]error[/red]: {shown(str(error))}"
                console(stderr=True).print(message, soft_wrap=True)
            else:
                raise


class _Interrupts:
    """Lets Ctrl-C stop a line or a statement rather than the program.

    A second Ctrl-C at once does not cut off the answer to the first. One that is lost, as between
    two steps of DuckDB, can be repeated.
    """

    def __init__(self) -> None:
        self.seen = False
        """Whether Ctrl-C was pressed since this was last set to ``False``."""
        self._quiet_until = 0.0

    @contextmanager
    def caught(self) -> Generator[None]:
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + _QUIET_SECONDS
        self.seen = True
        raise KeyboardInterrupt


def is_complete(text: str) -> bool:
    """Return whether a semicolon ends a statement; one inside quotes or a comment does not."""
    quote = ""
    ended = False
    place = 0
    while place < len(text):
        char = text[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote, ended = char, False
        elif text.startswith("--", place):
            place = text.find("\n", place)
            if place < 0:
                break
        elif not char.isspace():
            ended = char == ";"
        place += 1
    return ended and not quote


def _read(prompt: str) -> str | None:
    """Read a line; ``None`` at the end of the input."""
    try:
        return input(prompt)
    except EOFError:
        print()
        return None


@contextmanager
def _line_editor(names: list[str]) -> Generator[None]:
    """Edit lines with a history that is kept, and with completion, where the system can."""
    try:
        import readline
    except ImportError:  # Python was built without it: lines are read as they come
        yield
        return
    file = history_file()
    with suppress(OSError):
        readline.read_history_file(file)
    candidates = [*_COMMANDS, *names, *_WORDS]
    readline.set_completer(lambda text, state: _completion(candidates, text, state))
    readline.set_completer_delims(" \t\n,()=<>+-*/;\"'")
    is_editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_editline else "tab: complete")
    readline.set_history_length(_HISTORY_LINES)
    try:
        yield
    finally:
        readline.set_completer(None)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            readline.write_history_file(file)
        except OSError as error:
            print(f"warning: no history is kept: {escape(str(error))}", file=sys.stderr)


def _completion(candidates: list[str], text: str, state: int) -> str | None:
    """Return one of the words that begin as typed; keywords keep the case that is typed."""
    fitting = [candidate for candidate in candidates if candidate.lower().startswith(text.lower())]
    if state >= len(fitting):
        return None
    found = fitting[state]
    return found.lower() if found in _WORDS and text.islower() else found


def history_file() -> Path:
    """Return where the lines typed are kept: ``$XDG_STATE_HOME/corvus/sql_history``."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "corvus" / "sql_history"
