"""``corvus demo``: the main job, done in front of the user on the configs and log that ship.

Every step is a real command, printed as one would type it and run through the same entry point. It
writes only into the folder it names.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from importlib.resources import as_file
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from corvus.base.errors import DemoRefused
from corvus.base.resources import shipped
from corvus.cli.exits import Exit
from corvus.cli.output import console

AS_OF = "2026-11-20T18:00:00Z"
"""The instant at which the demo looks at its log: the afternoon of the log's last day."""

SESSION = "00000001-5e55-4a0e-8a11-47bc711c219b"
"""The last session of that log."""

_MARKER = ".corvus-demo"


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="Folder to work in; nothing is written anywhere else.")
    ] = Path("corvus-demo"),
) -> None:
    """Check a config, import a real agent log and report its spend, in under ten seconds.

    Example: corvus demo --dir /tmp/corvus-demo
    """
    from corvus.base.extras import require_ledger

    require_ledger()
    out = console()
    _prepare(folder)
    try:
        _run_all(folder)
    finally:
        (folder / _MARKER).write_text(_state(folder))
    out.rule("[bold]Next", align="left")
    for line in _next(folder):
        out.print(line, soft_wrap=True)


def _run_all(folder: Path) -> None:
    out = console()
    for title, words in _steps(folder):
        out.rule(f"[bold]{title}", align="left")
        out.print(f"[dim]$[/] [bold]corvus {shlex.join(words)}[/]\n", soft_wrap=True)
        _run(words)
        out.print()


def _prepare(folder: Path) -> None:
    """Copy the example into the folder, fresh.

    Raises:
        DemoRefused: The folder is somebody else's or was changed, or cannot be written.
    """
    marker = folder / _MARKER
    try:
        if os.path.isdir(folder) and any(folder.iterdir()):
            if not marker.is_file():
                raise DemoRefused(
                    f"{folder} exists and was not made by `corvus demo`; name another with --dir"
                )
            if marker.read_text() != _state(folder):
                raise DemoRefused(
                    f"{folder} was changed since `corvus demo` made it; delete it, or name another "
                    "with --dir"
                )
        folder.mkdir(parents=True, exist_ok=True)
        for old in ("ledger.duckdb", "ledger.duckdb.wal"):
            (folder / old).unlink(missing_ok=True)
        _copy(shipped("examples").joinpath("first-light"), folder)
    except OSError as fault:
        raise DemoRefused(
            f"cannot use the folder {folder}: {fault.strerror}; name another with --dir"
        ) from fault


def _state(folder: Path) -> str:
    """Return what changes with any file of the folder but the marker and the locks."""
    stats = [
        (path.relative_to(folder).as_posix(), path.stat())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in {".lock", ".queue"} and path.name != _MARKER
    ]
    lines = (f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    return "\n".join(["Made by `corvus demo`; safe to delete.", *lines, ""])


def _copy(source: Traversable, target: Path) -> None:
    for item in source.iterdir():
        if item.is_dir():
            (target / item.name).mkdir(exist_ok=True)
            _copy(item, target / item.name)
        else:
            with as_file(item) as path:
                (target / item.name).write_bytes(path.read_bytes())


def _steps(folder: Path) -> Iterator[tuple[str, list[str]]]:
    config = ["--config", str(folder / "corvus.toml")]
    now = ["--as-of", AS_OF]
    yield "1. A config with three mistakes", ["check", str(folder / "broken.toml")]
    yield (
        "2. A config with a deprecated key, and what to write instead",
        ["check", str(folder / "legacy.toml")],
    )
    yield (
        "   What migrate would change",
        ["migrate", "--diff", "--quiet", str(folder / "legacy.toml")],
    )
    yield "3. The mended config", ["check", str(folder / "corvus.toml")]
    yield "4. Import a coding agent's log", ["usage", "import", str(folder / "sessions"), *config]
    yield (
        "5. Where the budgets stand",
        ["cost", "summary", "--session", SESSION, *config, *now, "--format", "table"],
    )
    yield (
        "6. Spend by day",
        ["cost", "history", "--window", "7", *config, *now, "--format", "table"],
    )
    yield "7. Spend by model", ["report", "by-model", *config, "--format", "table"]


def _run(words: list[str]) -> None:
    """Run one command as the user would; a demo goes on after findings, which are its point."""
    from corvus.cli.main import main

    code = main(words)
    if code not in (Exit.CLEAN, Exit.FINDINGS):
        raise typer.Exit(code)
    sys.stdout.flush()


def _next(folder: Path) -> list[str]:
    config = folder / "corvus.toml"
    return [
        f"everything lies in [bold]{folder}[/]; delete it when you are done. Now with your own:",
        "  corvus check path/to/corvus.toml          [dim]# in CI: exit code 1 on findings[/]",
        "  corvus migrate --diff path/to/corvus.toml [dim]# what a newer key would look like[/]",
        "  corvus usage import ~/.claude/projects    [dim]# your own logs, your own ledger[/]",
        "  corvus cost history                       [dim]# what each day cost[/]",
        f"  corvus report list --config {config}  [dim]# every report there is[/]",
    ]
