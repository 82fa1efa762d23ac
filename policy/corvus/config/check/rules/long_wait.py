"""A wait that outlasts the patience of the gateway."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

INFO = CodeInfo(
    "long-wait",
    Severity.WARNING,
    "a wait that is longer than the gateway waits for an upstream",
    "Whoever sets a timeout for calls sets it at both ends: a client gives up about when the "
    "gateway would give up its upstream. A call that waits longer than that for a budget, or for "
    "a person, has no client any more.",
    "[cost]\nwait_seconds = 120\n\n[governance.gateway]\nrequest_timeout_seconds = 60\n",
    "[cost]\nwait_seconds = 30\n\n[governance.gateway]\nrequest_timeout_seconds = 60\n",
    "Shorten the wait, or give calls more time.",
)
_TIMEOUT: Route = ("governance", "gateway", "request_timeout_seconds")
_TIMEOUT_DEFAULT = 600


def check(subject: Subject, reporter: Reporter) -> None:
    """Compare the stated waits with the timeout of the gateway."""
    stated = value_at(subject.tables, _TIMEOUT)
    timeout = _TIMEOUT_DEFAULT if stated is None else stated
    if not isinstance(timeout, int) or reporter.is_reported(_TIMEOUT):
        return
    for key in ("wait_seconds", "ask_seconds"):
        route: Route = ("cost", key)
        seconds = value_at(subject.tables, route)
        if not isinstance(seconds, int) or seconds <= timeout or reporter.is_reported(route):
            continue
        default = ", the default" if stated is None else ""
        message = (
            f"`{shown(route)}` = {seconds} is longer than `{shown(_TIMEOUT)}` = {timeout}{default}"
        )
        related = ((ValueOf(_TIMEOUT), "when a call is given up"),)
        help_ = ("A client that gives up then has left before the wait is over.",)
        reporter.add(Finding(INFO.code, message, ValueOf(route), "too long", help_, related))
