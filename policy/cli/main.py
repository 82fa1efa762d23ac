"""The ``corvus`` command.

``check`` and ``explain`` go past the heavy command line, everything else goes to it. No error of
ours ever shows a traceback here; a bug does only when ``CORVUS_TRACEBACK`` is set.
"""

from __future__ import annotations

import os
import sys

from policy.errors import ConfigError, PolicyError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (DIA-5)."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _run(arguments)
    except PolicyError as error:
        return _tell(error)
    except BrokenPipeError:  # the reader of our output left, as in `corvus check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("CORVUS_TRACEBACK"):
            raise
        print(f"corvus failed unexpectedly: {type(error).__name__}: {error}", file=sys.stderr)
        print("This is a bug in corvus. Set CORVUS_TRACEBACK=1 to see where.", file=sys.stderr)
        return 3


def _run(argv: list[str]) -> int:
    match argv[:1]:
        case ["check"]:  # typer would cost more than the whole check
            from policy.cli.check import main as check

            return check(argv[1:])
        case ["explain"]:
            from policy.cli.explain import main as explain

            return explain(argv[1:])
        case _:
            from policy.cli.app import run

            return run(argv)


def _tell(error: PolicyError) -> int:
    from policy.cli.exits import exit_for

    if isinstance(error, ConfigError) and error.diagnostics:
        from policy.diagnostics.machine import concise

        print(concise(error.diagnostics), file=sys.stderr)
    print(f"error[{error.code}]: {error}", file=sys.stderr)
    return int(exit_for(error))
