"""The URL of a store that hosts share says what the store takes (CFG-8, STO-1)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

URL: Route = ("governance", "ledger", "url")
PATH: Route = ("governance", "ledger", "path")

INFO = CodeInfo(
    "unusable-store-url",
    Severity.ERROR,
    "a URL of a shared store that cannot be used",
    "The URL names servers, a database and, with ?schema=, the tables of a team. An option that "
    "the store does not take is refused: it might make commits less durable, or be unknown on the "
    "next host. No server is asked, so what is right here may still not be reached.",
    '[governance.ledger]\nurl = "postgresql://db.example.com/corvus?options=-cfsync%3Doff"\n',
    '[governance.ledger]\nurl = "postgresql://db.example.com/corvus?sslmode=verify-full"\n',
    "Write postgresql://host:5432/database, with options from the list in the message.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report a URL that names no store; the value is not repeated, for it may hold a password."""
    _check_path(subject, reporter)
    url = value_at(subject.tables, URL)
    if not isinstance(url, str) or reporter.is_reported(URL):
        return
    from corvus.base.postgres_address import AddressInvalid, PostgresAddress

    try:
        PostgresAddress.of(url)
    except AddressInvalid as fault:
        message = f"`{reporter.shown(URL)}` cannot be used: {fault}"
        reporter.add(Finding(INFO.code, message, ValueOf(URL), "no store"))


def _check_path(subject: Subject, reporter: Reporter) -> None:
    """Report a URL in the place of the file: each host would make a store of its own."""
    path = value_at(subject.tables, PATH)
    if isinstance(path, str) and "://" in path and not reporter.is_reported(PATH):
        message = f"`{reporter.shown(PATH)}` is a file of this host, and not a URL"
        help_ = (f"Name a store that hosts share in `{reporter.shown(URL)}`.",)
        reporter.add(Finding(INFO.code, message, ValueOf(PATH), "no file", help_))
