"""A target of notifications has one place, and a name of its own (OBS-4)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_PLACES = ("url", "url_env", "apprise_env")
_FOR_WEBHOOKS = ("secret_env", "format", "allow_http")

INFO = CodeInfo(
    "notify-target",
    Severity.ERROR,
    "a target of notifications that cannot be used as it is written",
    "A message that is sent nowhere, or in plain text over a network, is found out too late: when "
    "a budget has run out. A target has exactly one of url, url_env and apprise_env, a name that "
    "no other has, and something to send; what is said of webhooks is of no use to apprise.",
    '[[governance.notify]]\nname = "ops"\nurl_env = "OPS_URL"\napprise_env = "OPS_APPRISE"\n',
    '[[governance.notify]]\nname = "ops"\nurl_env = "OPS_URL"\n',
    "State one place for each target, and give the second place a target of its own.",
)


class _Fault(Record):
    route: Route
    message: str
    label: str
    help: tuple[str, ...] = ()
    first: Route | None = None


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every target that cannot be used."""
    earlier: dict[str, Route] = {}
    for index, target in enumerate(as_items(value_at(subject.tables, ("governance", "notify")))):
        route: Route = ("governance", "notify", index)
        if not is_table(target):
            continue
        for fault in (
            *_name_faults(route, target, earlier, reporter),
            *_faults(route, target, reporter),
        ):
            if not reporter.is_reported(fault.route):
                related = ((ValueOf(fault.first), "first used here"),) if fault.first else ()
                place = ValueOf(fault.route)
                reporter.add(
                    Finding(INFO.code, fault.message, place, fault.label, fault.help, related)
                )


def _name_faults(
    route: Route, target: Table, earlier: dict[str, Route], reporter: Reporter
) -> Iterator[_Fault]:
    name = target.get("name")
    if not isinstance(name, str):
        return
    first = earlier.setdefault(name, (*route, "name"))
    if first != (*route, "name"):
        message = f"two targets of notifications are named {reporter.quoted(name)}"
        yield _Fault((*route, "name"), message, "used again", ("Choose another name.",), first)


def _faults(route: Route, target: Table, reporter: Reporter) -> Iterator[_Fault]:
    stated = [name for name in _PLACES if name in target]
    if not stated:
        message = f"`{shown(route)}` has no place to send to"
        help_ = ("Add url_env with the name of the variable that holds the URL of a webhook.",)
        yield _Fault(route, message, "no url, url_env or apprise_env", help_)
    for name in stated[1:]:
        message = f"`{shown(route)}` has {stated[0]} and {name}: a target has one place"
        yield _Fault((*route, name), message, "one too many")
    if stated == ["apprise_env"]:
        for name in (name for name in _FOR_WEBHOOKS if name in target):
            message = f"`{shown((*route, name))}` is for webhooks: apprise sends in its own way"
            yield _Fault((*route, name), message, "of no use here", ("Remove the line.",))
    if target.get("events") == []:
        yield _Fault((*route, "events"), f"`{shown((*route, 'events'))}` is empty", "sends nothing")
    yield from _url_faults(route, target)
    yield from _glob_faults(route, target, reporter)


def _url_faults(route: Route, target: Table) -> Iterator[_Fault]:
    url = target.get("url")
    if not isinstance(url, str) or not url.startswith("http://") or target.get("allow_http"):
        return
    from corvus.base.hosts import is_loopback_url

    if not is_loopback_url(url):
        message = f"`{shown((*route, 'url'))}` must be https://: anyone on the way could read it"
        help_ = ("For a network of your own, add allow_http = true.",)
        yield _Fault((*route, "url"), message, "plain text to another machine", help_)


def _glob_faults(route: Route, target: Table, reporter: Reporter) -> Iterator[_Fault]:
    from corvus.base.globs import glob_fault

    for index, glob in enumerate(as_items(target.get("budgets"))):
        if isinstance(glob, str) and (fault := glob_fault(glob)):
            place: Route = (*route, "budgets", index)
            message = f"`{shown(place)}`: {reporter.quoted(glob)} {fault}"
            yield _Fault(place, message, "not a glob")
