"""The line that says how many findings have a fix; it needs nothing of what applies them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from corvus.diagnostics.model import Diagnostic


def fixable(diagnostics: Iterable[Diagnostic]) -> str:
    """Say how many findings have a fix, and with which options; empty where none has."""
    fixes = [found.fix for found in diagnostics if found.fix]
    safe = sum(fix.is_safe for fix in fixes)
    more = len(fixes) - safe
    if not fixes:
        return ""
    if not safe:
        return f"{more} fixable with `--fix --unsafe-fixes`"
    return f"{safe} fixable with `--fix`" + (f" ({more} more with `--unsafe-fixes`)" * bool(more))
