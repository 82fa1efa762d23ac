"""What every command shares: where text goes and how a person is told from a machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.runtime import Runtime
    from corvus.wording.words import Words


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; colour follows the terminal and NO_COLOR."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def shown(text: str) -> str:
    """Return text of strangers for a rich console: no markup, no escapes of a terminal."""
    from rich.markup import escape as no_markup

    from corvus.diagnostics.plain import escape

    return no_markup(escape(text))


def warn_unused(runtime: Runtime) -> None:
    """Say on standard error which keys of the config the opened ledger does not follow."""
    from corvus.diagnostics.plain import escape

    for key in runtime.unused_keys:
        path = escape(str(runtime.ledger_path))
        print(f"warning: {key} is not used yet; usage goes to {path}", file=sys.stderr)


def say_governing(runtime: Runtime) -> None:
    """Say on standard error which file governs what a command does, or that none does (CFG-6)."""
    from corvus.diagnostics.plain import escape

    what = "governed by" if runtime.config_paths else "no config governs:"
    print(f"corvus: {what} {escape(runtime.governing)}", file=sys.stderr, flush=True)


def warn_unlimited(runtime: Runtime) -> None:
    """Say on standard error when no budget limits what passes: nothing may be open in silence."""
    policy = runtime.policy
    if policy.enabled and any(budget.limit_nano_usd for budget in policy.budgets):
        return
    why = "every limit is 0" if policy.enabled else "cost.enabled is not true"
    print(f"warning: no budget is in force ({why}): calls pass without a limit", file=sys.stderr)


def require_session(session: str | None, mission: str | None) -> None:
    """Refuse a mission without its session: ids of missions are unique inside a session only."""
    if mission is not None and not session:
        import typer

        raise typer.BadParameter(
            "a mission belongs to a session: name it with --session", param_hint="--mission"
        )


def is_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout.isatty()


def words() -> Words:
    """Return the words of the user's language, as POSIX finds it: LC_ALL, LC_MESSAGES, LANG.

    Only what a person reads at a terminal has a language; what programs read has none.
    """
    from corvus.wording.words import language_of, load_words

    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return load_words(language_of(next(filter(None, named), None)))


def is_unicode() -> bool:
    """Tell whether standard output can show every character."""
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def json_text(value: object) -> str:
    """Write JSON for standard output: readable where it can show every character, else ASCII."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=not is_unicode())
