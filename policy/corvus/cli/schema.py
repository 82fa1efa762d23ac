"""``corvus schema``: the published schemas, and documents held against them (SCH-1, SCH-4)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from corvus.cli.exits import Exit

if TYPE_CHECKING:
    from corvus.answers.conformance import Judged
    from corvus.answers.published import PublishedSchema
    from corvus.diagnostics.model import Diagnostic

app = typer.Typer(
    help="The published schemas, and documents held against them.",
    invoke_without_command=True,
)
Style = Annotated[Literal["text", "json"], typer.Option("--format", help="How to answer.")]
NAMES = (
    "native",
    "corvus",
    "zeroclaw",
    "action-decision",
    "audit-event",
    "budget-exceeded",
    "diagnostics",
    "ledger-reclaim",
    "plan",
    "policy-bisect",
    "policy-test",
    "policy-test-run",
    "price",
    "proof",
    "store-move",
    "store-status",
    "usage-record",
)
"""The short names, so that ``corvus schema native`` is a command; a test compares the files."""


def _names(incomplete: str) -> list[str]:
    return [name for name in NAMES if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="As `corvus schema list` shows it.", autocompletion=_names),
]


@app.callback()
def group(context: typer.Context) -> None:
    """The published schemas, and documents held against them.

    Without a command it lists them; `corvus schema NAME` prints one.

    Example: corvus schema check usage-record usage.jsonl
    """
    if context.invoked_subcommand is None:
        list_schemas()


@app.command("list")
def list_schemas(output: Style = "text") -> None:
    """List the schemas: name, what a document of it is, and its address.

    Example: corvus schema list --format json
    """
    from corvus.answers.published import published_schemas
    from corvus.diagnostics.formats.json import json_text

    schemas = published_schemas()
    if output == "json":
        rows = [
            {"name": name, "title": schema.title, "url": schema.url}
            for name, schema in schemas.items()
        ]
        print(json_text(rows))
        return
    width = max(map(len, schemas))
    for name, schema in schemas.items():
        print(f"{name:<{width}}  {schema.title}")


@app.command()
def show(name: Name) -> None:
    """Print a schema, to be kept beside a config or given to another program.

    Example: corvus schema show native > corvus.schema.json
    """
    print(_found(name).text, end="")


def _shown(name: str) -> Callable[[], None]:
    def command() -> None:
        show(name)

    command.__doc__ = f"Print the schema {name}; the same as `corvus schema show {name}`."
    return command


for _name in NAMES:
    app.command(_name, hidden=True)(_shown(_name))


@app.command()
def check(
    name: Name,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="JSON or JSON Lines; - is standard input.")
    ],
    output: Style = "text",
) -> None:
    """Hold documents that other programs wrote against a schema; exit 1 where one breaks it.

    Several documents stand one on each line, or in an array. A config is checked by `corvus check`.

    Example: corvus usage export --format jsonl | corvus schema check usage-record -
    """
    schema = _found(name)
    judged: dict[str, Judged] = {}
    unread: list[Diagnostic] = []
    for file in dict.fromkeys(files):
        shown = "<stdin>" if file == "-" else file
        if schema.is_of_config and file.endswith(".toml"):
            raise typer.BadParameter(
                f"{file} is a config: `corvus check {file}` judges it, and says more",
                param_hint="FILE",
            )
        try:
            judged[shown] = _judged(file, shown, schema)
        except OSError as fault:
            unread.append(_unreadable(shown, fault))
    print(_answer(judged, unread, schema, output))
    if unread:
        raise typer.Exit(Exit.USAGE)
    if any(one.diagnostics for one in judged.values()):
        raise typer.Exit(Exit.FINDINGS)


def _found(name: str) -> PublishedSchema:
    """Return a schema by its name.

    Raises:
        typer.BadParameter: None has it.
    """
    from corvus.answers.published import find_schema, published_schemas
    from corvus.config.check.suggest import closest
    from corvus.diagnostics.plain import escape

    schema = find_schema(name)
    if schema is None:
        near = closest(name, published_schemas())
        hint = f"did you mean {near}?" if near else f"one of {', '.join(published_schemas())}"
        raise typer.BadParameter(f"there is no schema {escape(name)}: {hint}", param_hint="NAME")
    return schema


def _judged(file: str, shown: str, schema: PublishedSchema) -> Judged:
    from corvus.answers.conformance import judge

    if file == "-":
        if sys.stdin is None:
            raise OSError(None, "standard input is closed")
        return judge(sys.stdin.buffer, shown, schema)
    with open(file, "rb") as stream:
        return judge(stream, shown, schema)


def _unreadable(file: str, fault: OSError) -> Diagnostic:
    from corvus.diagnostics.codes import Severity
    from corvus.diagnostics.model import Diagnostic

    is_missing = isinstance(fault, FileNotFoundError)
    code = "file-missing" if is_missing else "file-unreadable"
    reason = "there is no such file" if is_missing else fault.strerror or str(fault)
    return Diagnostic(code, Severity.ERROR, reason, file, None)


def _answer(
    judged: dict[str, Judged], unread: list[Diagnostic], schema: PublishedSchema, style: str
) -> str:
    found = [*unread, *(each for one in judged.values() for each in one.diagnostics)]
    if style == "json":
        return _as_json(judged, found)
    from corvus.diagnostics.formats.text import concise

    documents = sum(one.documents for one in judged.values())
    many = f"{documents} document{'' if documents == 1 else 's'}"
    if not found:
        return f"ok: {many} of {schema.name}"
    errors = f"{len(found)} error{'' if len(found) == 1 else 's'}"
    return f"{concise(found)}\n{errors} in {many} of {schema.name}"


def _as_json(judged: dict[str, Judged], found: list[Diagnostic]) -> str:
    """Write the findings as the schema ``diagnostics`` has them."""
    from corvus.diagnostics.formats.json import as_json, json_text

    files: list[dict[str, object]] = [
        {
            "file": name,
            "dialect": None,
            "dialect_evidence": [],
            "deprecated_fields": [],
            "ignored": 0,
        }
        for name in judged
    ]
    counts = {"files": len(files), "errors": len(found), "warnings": 0, "notes": 0}
    body: dict[str, object] = {
        "version": 1,
        "files": files,
        "diagnostics": as_json(found),
        "summary": counts,
    }
    return json_text(body)
