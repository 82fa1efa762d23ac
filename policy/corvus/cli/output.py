"""What commands write: bodies for programs, tables for persons, files (CLI-1, REP-3, REP-4)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias, cast

import typer

from corvus.answers.kv import kv_words
from corvus.base.errors import ReportParameterInvalid
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from corvus.reporting.formats import Format
    from corvus.reporting.table import Table
    from corvus.wording.words import Words

GAP_CELLS = 2
"""Space between two columns."""
_INDENT = "  "
FORMATS = ("table", "kv", "csv", "json", "jsonl", "markdown", "parquet")
_BY_SUFFIX = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
}

Output: TypeAlias = Annotated[
    str | None,
    typer.Option("--format", help=f"{', '.join(FORMATS)}; table on a terminal, else kv."),
]
OutputFile: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead.")
]


TableOrBody: TypeAlias = Annotated[
    Literal["table", "kv", "json"] | None,
    typer.Option("--format", help="Default: table on a terminal, else kv."),
]
TextOrBody: TypeAlias = Annotated[
    Literal["text", "kv", "json"] | None,
    typer.Option("--format", help="Default: text on a terminal, else kv."),
]


def emit(
    shape: str | None,
    body: Callable[[], object],
    show: Callable[[], None],
    *,
    kv: Callable[[], Iterable[str]] | None = None,
) -> None:
    """Write an answer: what a person reads on a terminal, else ``key=value`` lines.

    Args:
        shape: The value of ``--format``; ``None`` lets the reader decide.
        body: Returns the answer as data, for JSON; a list is one of objects.
        show: Prints it for a person.
        kv: Returns its lines for scripts; left out, they are the members of the body, those of an
            object in a list on one line.
    """
    match shape or (None if is_terminal() else "kv"):
        case "json":
            print(json_text(body()))
        case "kv":
            for line in kv() if kv is not None else _flat(body()):
                print(line)
        case _:
            show()


def _flat(body: object) -> list[str]:
    if isinstance(body, list):
        return [" ".join(kv_words(row)) for row in cast("list[dict[str, object]]", body)]
    return kv_words(cast("dict[str, object]", body))


def choose_format(output: str | None, file: Path | None, *, chart: bool = False) -> Format:
    """Decide the format: the one asked for, else by the file's suffix, else by who reads.

    Args:
        output: The format asked for.
        file: The file to write, if any.
        chart: Whether bars are asked for, which only a table has.

    Raises:
        ReportParameterInvalid: The format is unknown, or does not go with the file or the bars.
    """
    from corvus.reporting.formats import Format

    if output is not None and output not in FORMATS:
        raise ReportParameterInvalid(
            f"--format must be one of {', '.join(FORMATS)}, got {output!r}"
        )
    chosen = output or (_BY_SUFFIX.get(file.suffix.lower()) if file else None)
    shape = Format(chosen or ("table" if file is None and (chart or is_terminal()) else "kv"))
    if shape is Format.PARQUET and file is None:
        raise ReportParameterInvalid("parquet is no text: name a file with -o FILE")
    if shape is Format.TABLE and file is not None:
        raise ReportParameterInvalid("a table is for a terminal: take --format markdown for a file")
    if chart and shape is not Format.TABLE:
        raise ReportParameterInvalid(f"--chart draws beside a table, not in {shape}")
    return shape


def give(
    table: Table,
    shape: Format,
    file: Path | None,
    *,
    about: Mapping[str, object],
    head: Mapping[str, object],
) -> None:
    """Write an answer in any format but ``table``.

    Args:
        table: The answer.
        shape: The format.
        file: The file to write, whole or not at all; ``None`` is standard output.
        about: What JSON tells before columns and rows.
        head: What the lines of ``kv`` start with, before ``rows``.

    Raises:
        ReportError: The file cannot be written.
    """
    from corvus.base.files import whole_file
    from corvus.reporting.parquet import write_parquet

    text = _text(table, shape, about, head)
    if file is None:
        sys.stdout.write(text or "")
        return
    with whole_file(file) as path:
        if text is None:
            write_parquet(table, path)
        else:
            path.write_text(text, encoding="utf-8", newline="")


def _text(
    table: Table, shape: Format, about: Mapping[str, object], head: Mapping[str, object]
) -> str | None:
    """Write an answer as text; ``None`` for a format that is no text."""
    from corvus.reporting import formats

    match shape:
        case formats.Format.CSV:
            return formats.csv_text(table)
        case formats.Format.JSON:
            return formats.json_text(table, about)
        case formats.Format.JSONL:
            return formats.jsonl_text(table)
        case formats.Format.MARKDOWN:
            return formats.markdown_text(table)
        case formats.Format.PARQUET:
            return None
        case formats.Format.KV | formats.Format.TABLE:
            lines = [f"{key}={value}" for key, value in {**head, "rows": len(table.rows)}.items()]
            return "\n".join([*lines, *formats.kv_lines(table)]) + "\n"


@contextmanager
def counting(noun: str) -> Generator[Callable[[int, int], None] | None]:
    """Show a bar on standard error while a person waits; elsewhere nothing.

    Args:
        noun: What is counted.

    Yields:
        What takes how many are done, and of how many.
    """
    out = console(stderr=True)
    if not out.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(noun, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; colour follows the terminal and NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def shown(text: str) -> str:
    """Return text of strangers for a rich console: no markup, no escapes of a terminal."""
    from rich.markup import escape as no_markup

    return no_markup(escape(text))


def is_terminal() -> bool:
    """Return whether a person reads standard output."""
    return sys.stdout.isatty()


def words() -> Words:
    """Return the words of the user's language, as POSIX finds it: LC_ALL, LC_MESSAGES, LANG.

    Only what a person reads at a terminal has a language; what programs read has none.
    """
    from corvus.wording.words import language_of, load_words

    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return load_words(language_of(next(filter(None, named), None)))


def is_unicode() -> bool:
    """Return whether standard output can show every character.

    A full screen puts something without an encoding in its place.
    """
    named = getattr(sys.stdout, "encoding", None) or getattr(sys.__stdout__, "encoding", None)
    return (named or "").lower().replace("-", "").startswith("utf")


def json_text(value: object) -> str:
    """Write JSON for standard output: readable where it can show every character, else ASCII."""
    return json.dumps(value, indent=2, ensure_ascii=not is_unicode())


_FOLDED_CELLS = 24
"""A word longer than this may be folded."""


def print_rows(
    out: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[Text | str]],
    *,
    right: Collection[int] = (),
) -> None:
    """Print a table; where it is too wide, without what is the same throughout, or folded.

    Only where not even that has room is it stacked. What is left out is named below.

    Args:
        out: Where to print.
        headings: One for each column.
        rows: The cells; the first of a row names it.
        right: Places of the columns that are aligned to the right.
    """
    from rich.table import Table

    kept = [*range(len(headings))]
    same: list[str] = []
    if natural_width(headings, rows) > out.width and len(rows) > 1:
        values = [{_styled(row[place]).plain for row in rows} for place in kept]
        dropped = {place for place in kept[1:] if place not in right and len(values[place]) == 1}
        same = [f"{headings[place]} {values[place].pop()}" for place in sorted(dropped)]
        kept = [place for place in kept if place not in dropped]
    columns = [_Fitted(headings[place], [row[place] for row in rows]) for place in kept]
    rigid = [place in right or place == 0 for place in kept]
    least = [
        one.width if is_rigid else one.least for one, is_rigid in zip(columns, rigid, strict=True)
    ]
    if sum(least) + GAP_CELLS * (len(kept) - 1) > out.width:
        print_stacked(out, headings, rows)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    is_wide = sum(one.width for one in columns) + GAP_CELLS * (len(kept) - 1) > out.width
    for place, wide, is_rigid in zip(kept, least, rigid, strict=True):
        table.add_column(
            headings[place],
            justify="right" if place in right else "left",
            no_wrap=is_rigid or not is_wide,
            overflow="fold",
            min_width=wide if is_wide else None,
        )
    for row in rows:
        table.add_row(*(_styled(row[place]) for place in kept))
    out.print(table)
    if same:
        out.print(f"the same throughout: {', '.join(same)}", style="dim", markup=False)


class _Fitted(NamedTuple):
    """A column of a table with its heading."""

    heading: str
    cells: Sequence[Text | str]

    @property
    def width(self) -> int:
        return max(_styled(cell).cell_len for cell in (self.heading, *self.cells))

    @property
    def least(self) -> int:
        """The width below which its words would be folded, but for very long ones."""
        words = [word for cell in self.cells for word in _styled(cell).plain.split()]
        longest = max((_styled(word).cell_len for word in words), default=0)
        return max(_styled(self.heading).cell_len, min(longest, _FOLDED_CELLS))


def print_stacked(
    out: Console, headings: Sequence[str], rows: Sequence[Sequence[Text | str]]
) -> None:
    """Print each row as its first value and, below it, one line for each other value.

    A value that has no room next to its heading stands below it.
    """
    from rich.padding import Padding
    from rich.text import Text

    wide = max(map(len, headings[1:]), default=0)
    for row in rows:
        out.print(_styled(row[0]), style="bold")
        for heading, cell in list(zip(headings, row, strict=True))[1:]:
            value = _styled(cell)
            lines = value.split("\n")
            room = out.width - len(_INDENT) - wide - GAP_CELLS
            label = Text(f"{_INDENT}{heading:<{wide + GAP_CELLS}}", style="dim")
            if len(lines) == 1 and value.cell_len <= room:
                out.print(Text.assemble(label, value))
            else:
                label.rstrip()
                out.print(label)
                out.print(Padding(value, (0, 0, 0, 2 * len(_INDENT)), expand=False))


def natural_width(headings: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> int:
    """Return the character cells that a table takes when nothing is folded."""
    columns = zip(headings, *rows, strict=True)
    widths = [max(_styled(cell).cell_len for cell in column) for column in columns]
    return sum(widths) + GAP_CELLS * (len(widths) - 1)


def _styled(cell: Text | str) -> Text:
    from rich.text import Text

    return Text(cell) if isinstance(cell, str) else cell
