"""Runs through all surfaces, in the interpreter of the checkout that is recorded."""

from __future__ import annotations

import fcntl
import gc
import os
import pkgutil
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from tools.checkout import Checkout
from tools.surfaces import commands, governing, usage, web
from tools.surfaces.provider import Provider
from tools.surfaces.stage import Stage

WORK = Path("/tmp/corvus-surfaces")


_NUMBERED = (
    "commands/help",
    "commands/check",
    "commands/settings",
    "commands/actions",
    "terminal",
    "usage/imports",
    "usage/reports",
    "governing",
    "gateway",
    "pages",
    "python",
)


def record(
    checkout: Checkout, folder: Path, *, areas: tuple[str, ...], configs: Path | None
) -> None:
    """Record the surfaces of a checkout.

    Args:
        checkout: Whose interpreter runs this.
        folder: Gets the answers; the areas named are emptied first.
        areas: Which of them.
        configs: A folder with further config files to check.
    """
    WORK.mkdir(exist_ok=True)
    lock = (WORK / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    place = WORK / "place"
    shutil.rmtree(place, ignore_errors=True)
    _load(checkout)
    _preload(Stage(checkout, place / "first", place / "none", 0))
    provider: Provider | None = None

    def stage(name: str) -> Stage:
        number = _NUMBERED.index(name) + 1 << 12  # whatever else is recorded
        return Stage(checkout, place / name, folder / name, number)

    def served() -> Provider:
        nonlocal provider
        provider = provider or Provider(place / "provider.log")
        return provider

    runs: dict[str, Callable[[], None]] = {
        "commands": lambda: _commands(stage, configs),
        "terminal": lambda: governing.record_terminal(stage("terminal")),
        "usage": lambda: _usage(stage),
        "governing": lambda: governing.record_steering(stage("governing")),
        "gateway": lambda: web.record_gateway(stage("gateway"), served()),
        "pages": lambda: web.record_pages(stage("pages")),
        "python": lambda: _python(stage("python"), checkout, served()),
    }
    place.mkdir(parents=True, exist_ok=True)
    try:
        for area in areas:
            began = time.monotonic()
            shutil.rmtree(folder / area, ignore_errors=True)
            runs[area]()
            print(f"{area}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        if provider is not None:
            os.kill(provider.process, signal.SIGKILL)
            os.waitpid(provider.process, 0)
        lock.close()


def _load(checkout: Checkout) -> None:
    """Import every module, so that a fork need not."""
    sys.path.insert(0, str(checkout.import_root))
    package = import_module(checkout.package)
    assert Path(str(package.__file__)).is_relative_to(checkout.folder), package.__file__
    for found in pkgutil.walk_packages(package.__path__, f"{checkout.package}."):
        if not found.name.endswith("__main__"):
            import_module(found.name)


def _preload(stage: Stage) -> None:
    """Import what commands import late, from libraries too, so that no fork has to."""
    report = stage.folder / "modules"

    def tried() -> int:
        main = import_module(f"{stage.checkout.package}.cli.main").main
        for words in (["--help"], ["cost", "summary"], ["policy", "show", "--format", "table"]):
            main(words)
        main(["usage", "import", str(report), "--ledger", "l.duckdb"])
        main(["report", "by-model", "--ledger", "l.duckdb", "--format", "table"])
        report.write_text("\n".join(sys.modules))
        return 0

    stage.call(tried)
    for name in report.read_text().split("\n"):
        if name not in sys.modules and not name.startswith(stage.checkout.package):
            with suppress(ImportError):
                import_module(name)
    gc.collect()
    gc.freeze()


def _commands(stage: Callable[[str], Stage], configs: Path | None) -> None:
    commands.record_help(stage("commands/help"))
    commands.record_checks(stage("commands/check"), configs)
    commands.record_settings(stage("commands/settings"))
    commands.record_actions(stage("commands/actions"))


def _usage(stage: Callable[[str], Stage]) -> None:
    usage.record_imports(stage("usage/imports"))
    usage.record_reports(stage("usage/reports"))


def _python(stage: Stage, checkout: Checkout, provider: Provider) -> None:
    governing.record_clients(stage, provider)
    for name in ("schemas", "reports", "examples"):
        for path in sorted((checkout.folder / name).rglob("*")):
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="backslashreplace")
                stage.note(f"shipped/{path.relative_to(checkout.folder)}", text)
