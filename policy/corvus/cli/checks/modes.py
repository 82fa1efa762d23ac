"""What ``corvus check`` does with its options: check, fix, accept, watch, or show its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from corvus.cli.exits import Exit

if TYPE_CHECKING:
    from corvus.cli.check import Arguments
    from corvus.config.check.check import CheckRun, Options

_Show: TypeAlias = "Callable[[CheckRun], int]"
_Check: TypeAlias = "Callable[[Sequence[str], Options, _Show], int]"


def run(paths: Sequence[str], how: Options, options: Arguments, check: _Check, show: _Show) -> int:
    """Do what the options ask for, and return the exit code.

    Args:
        paths: What to check.
        how: How to check.
        options: The command line; what excludes each other was refused.
        check: Checks paths, and hands the run over to be reported.
        show: Reports a run and returns its exit code.
    """
    if options.show_settings:
        from corvus.cli.checks.settings import settings_text

        print(settings_text(options.path or (".",), how, options))
        return Exit.CLEAN
    if options.fix or options.fix_only or options.diff:
        from corvus.cli.checks.fix import fix_paths

        return fix_paths(paths, how, options, show)
    if options.add_ignore is not None:
        from corvus.cli.checks.acceptance import add_ignores_to

        return add_ignores_to(paths, how, options, show)
    if options.baseline is not None:
        from corvus.cli.checks.acceptance import accepting

        try:
            show = accepting(how, options, show)
        except SystemExit as stop:
            return int(stop.code or 0)
    if options.watch:
        from corvus.cli.checks.watch import watch

        also = [options.baseline] if options.baseline is not None else []
        return watch(paths, lambda: check(paths, how, show), also)
    return check(paths, how, show)
