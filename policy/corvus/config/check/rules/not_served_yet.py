"""A key that has no effect yet is refused, never accepted in silence (CFG-11)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from corvus.diagnostics.model import Fix

KEYS: dict[Route, str] = {
    ("governance", "ledger", "url"): "Remove it: each host counts for itself, in its own ledger.",
}
"""Keys that are published and not served yet, and what to do until they are."""

INFO = CodeInfo(
    "not-served-yet",
    Severity.ERROR,
    "a key that this version does not serve",
    "The key is reserved for a later version. Accepted without effect it would promise what does "
    "not happen: with governance.ledger.url, that several hosts share one budget, while each "
    "spends the whole of it.",
    '[governance.ledger]\nurl = "postgresql://db.example.com/corvus"\n',
    '[governance.ledger]\npath = "ledger.duckdb"\n',
    "Remove the key until a version of corvus serves it.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every key that is not served."""
    for route, help_ in KEYS.items():
        if value_at(subject.tables, route) is not None and not reporter.is_reported(route):
            message = f"`{shown(route)}` is not served by this version"
            found = Finding(INFO.code, message, KeyOf(route), "no effect yet", (help_,))
            reporter.add(found._replace(fix=_removal(route, reporter)))


def _removal(route: Route, reporter: Reporter) -> Fix | None:
    from corvus.config.check.fixes import remove

    return remove(reporter, route)
