"""The ``corvus`` command.

``check``, ``migrate``, ``explain``, ``lsp`` and ``statusline`` go past the heavy command line,
everything else goes to it. No error of ours ever shows a traceback here; a bug does only when
``CORVUS_TRACEBACK`` is set.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from corvus.base.errors import PolicyError

_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
_ALLOCATIONS = 100_000
"""So many before a check looks for garbage: most are done by then, and looking is a twentieth."""
_PATIENCE_SECONDS = 5.0
"""For how long after one signal others are passed over, lest they cut off the cleaning up."""


class _Stopped(BaseException):
    """A signal asked for the end; no library may take it for an error of its own."""


class _Signals:
    """Turns SIGINT and SIGTERM into ``_Stopped``, and remembers which of them it was."""

    def __init__(self) -> None:
        self.exit_code = 128 + signal.SIGINT
        self.stopped = False
        self._quiet_until = 0.0
        self._before: dict[int, Any] = {}
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._stop)
        except ValueError:  # not the main thread: whoever started it handles signals
            pass

    def restore(self) -> None:
        """Hand the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + _PATIENCE_SECONDS
        self.exit_code = 128 + number
        self.stopped = True
        raise _Stopped(number)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (DIA-5).

    Without arguments it is the program itself, and may end at once.
    """
    if argv is not None:
        return _run_guarded(argv)
    if sys.argv[1:2] == ["check"]:
        gc.set_threshold(_ALLOCATIONS)
    code = _run_guarded(sys.argv[1:])
    _end_at_once(code)
    return code


def _end_at_once(code: int) -> None:
    """End without freeing every object, as mypy does: that takes a seventh of a clean check.

    Whoever has a thread, or something to do at the end, gets the usual end.
    """
    if "atexit" in sys.modules or "threading" in sys.modules:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return
    os._exit(code)


def _run_guarded(arguments: list[str]) -> int:
    _prepare_streams()
    signals = _Signals()
    try:
        code = _run(_as_options(arguments))
        sys.stdout.flush()
        return code
    except (_Stopped, KeyboardInterrupt):
        return signals.exit_code
    except Exception as error:
        return _failed(error, signals)
    finally:
        signals.restore()


def _prepare_streams() -> None:
    """Let every character be printed: what a terminal cannot show is written as an escape."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open until the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _as_options(argv: list[str]) -> list[str]:
    """Return the arguments with ``help COMMAND`` and ``version`` as the options that they mean."""
    match argv:
        case ["help", *words]:
            return [*words, "--help"]
        case ["version"]:
            return ["--version"]
        case _:
            return argv


def _run(argv: list[str]) -> int:
    match argv[:1]:
        case ["check"]:  # typer would cost more than the whole check
            from corvus.cli.check import main as check

            return check(argv[1:])
        case ["migrate"]:
            from corvus.cli.migration.migrate import main as migrate

            return migrate(argv[1:])
        case ["explain"]:
            from corvus.cli.explain import main as explain

            return explain(argv[1:])
        case ["statusline"] if len(argv) == 1:  # after every answer of an agent
            from corvus.cli.everyday.line import main as statusline

            return statusline()
        case ["lsp"]:
            from corvus.cli.serving.lsp import main as lsp

            return lsp(argv[1:])
        case _:
            from corvus.cli.app import run

            return run(argv)


def _failed(error: Exception, signals: _Signals) -> int:
    from corvus.base.errors import PolicyError

    if isinstance(error, PolicyError):
        code = _tell(error)
        return signals.exit_code if signals.stopped else code
    if isinstance(error, OSError):
        return _lost_output(error)
    # A library may turn what a signal raised into an error of its own, as DuckDB does.
    if signals.stopped or str(error) == "Query interrupted":
        return signals.exit_code
    return _unexpected(error)


def _tell(error: PolicyError) -> int:
    from corvus.cli.exits import exit_for
    from corvus.diagnostics.model import ConfigError
    from corvus.diagnostics.plain import escape
    from corvus.model.decision import Denied

    if isinstance(error, Denied) and error.decision is not None:
        from corvus.cli.exits import show_denial

        return show_denial(error.decision)
    if isinstance(error, ConfigError) and error.diagnostics:
        from corvus.diagnostics.formats.text import concise

        print(concise(error.diagnostics), file=sys.stderr)
    print(f"error[{error.code}]: {escape(str(error))}", file=sys.stderr)
    return int(exit_for(error))


def _lost_output(fault: OSError) -> int:
    """End when nobody takes our output: the reader left (``| head``), or the disk is full."""
    if os.environ.get("CORVUS_TRACEBACK"):
        raise fault
    # What is still buffered must not fail once more at the very end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(fault, BrokenPipeError):
        return _BROKEN_PIPE
    from corvus.cli.exits import Exit

    reason = fault.strerror or str(fault)
    where = f" {fault.filename}" if fault.filename else ""
    print(f"error[system-error]: the system refused{where}: {reason}", file=sys.stderr)
    return Exit.USAGE


def _unexpected(error: Exception) -> int:
    from corvus.base.extras import LEDGER_LIBRARY, ledger_not_installed
    from corvus.cli.exits import Exit

    if isinstance(error, ModuleNotFoundError) and error.name == LEDGER_LIBRARY:
        return _tell(ledger_not_installed())
    if os.environ.get("CORVUS_TRACEBACK"):
        raise error
    print(f"corvus failed unexpectedly: {type(error).__name__}: {error}", file=sys.stderr)
    print("This is a bug in corvus. Set CORVUS_TRACEBACK=1 to see where.", file=sys.stderr)
    return Exit.FAILURE
