"""The password of a shared store stands in no file that others can read (CFG-8)."""

from __future__ import annotations

import os

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_URL: Route = ("governance", "ledger", "url")
_FOR_OTHERS = 0o077

INFO = CodeInfo(
    "readable-password",
    Severity.WARNING,
    "a password in a file that others can read",
    "Whoever has the password of the store can write balances, and so raise every limit. A config "
    "is kept in version control and shown to people. PostgreSQL's client finds the password "
    "without it: in the file that PGPASSFILE names (~/.pgpass by default), or in PGPASSWORD.",
    "A file that everybody can read has a user and a password in its governance.ledger.url.",
    '[governance.ledger]\nurl = "postgresql://corvus@db.example.com/corvus"\n',
    "Leave the password out and put it into ~/.pgpass, or set the whole URL in the variable "
    "CORVUS_GOVERNANCE__LEDGER__URL; change a password that was published.",
    bad_is_text=False,
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report a password in the URL of a store where the file itself does not keep it."""
    url = value_at(subject.tables, _URL)
    if not isinstance(url, str) or "@" not in url or reporter.is_reported(_URL):
        return
    from corvus.base.postgres_address import AddressInvalid, PostgresAddress

    try:
        has_password = PostgresAddress.of(url).has_password
    except AddressInvalid:
        return
    if has_password and _is_for_others(reporter.document(_URL).file):
        message = f"`{reporter.shown(_URL)}` has a password, and others can read the file"
        help_ = (
            "Leave it out and put it into ~/.pgpass or the file that PGPASSFILE names; or set the "
            "whole URL in CORVUS_GOVERNANCE__LEDGER__URL.",
        )
        reporter.add(Finding(INFO.code, message, ValueOf(_URL), "a password", help_))


def _is_for_others(file: str) -> bool:
    """Return whether the system lets anybody but the owner read a file; ``False`` if unknown."""
    if os.name != "posix":
        return False  # the mode says nothing of who may read
    try:
        return bool(os.stat(file).st_mode & _FOR_OTHERS)
    except (OSError, ValueError):
        return False  # standard input, or the environment
