"""What is said of logging in can be used (CFG-8, PRX-8)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.base.plain_hosts import is_plain_origin, is_plain_url
from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_TABLE: Route = ("governance", "signin")
_OIDC: Route = (*_TABLE, "oidc")

INFO = CodeInfo(
    "unusable-sign-in",
    Severity.ERROR,
    "a setting of governance.signin that cannot be used as it is written",
    "People would find out in front of a page that lets nobody in, or a token would travel where "
    "others can read it. Clients take the gateway's URL as it is, so it has no path, and is "
    "https:// unless it is this machine's own; tokens of a provider name their issuer letter by "
    "letter; what a proxy says of addresses is believed of the proxies that are named.",
    '[governance.signin]\nurl = "http://corvus.example.org"\n',
    '[governance.signin]\nurl = "https://corvus.example.org"\n',
    "Write the URL that people type, the issuer that the provider publishes, and groups that can "
    "fit somebody.",
)


class _Fault(Record):
    route: Route
    message: str
    label: str
    help: tuple[str, ...] = ()


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every setting that cannot be used."""
    table = value_at(subject.tables, _TABLE)
    if not is_table(table):
        return
    oidc = table.get("oidc")
    faults = [*_url_faults(table), *_proxy_faults(table), *_file_faults(table, reporter)]
    if is_table(oidc):
        faults += [*_issuer_faults(oidc), *_scope_faults(oidc), *_group_faults(oidc, reporter)]
    for fault in faults:
        if not reporter.is_reported(fault.route):
            place = ValueOf(fault.route)
            reporter.add(Finding(INFO.code, fault.message, place, fault.label, fault.help))


def _url_faults(table: Table) -> Iterator[_Fault]:
    url, route = table.get("url"), (*_TABLE, "url")
    if not isinstance(url, str) or is_plain_origin(url.removesuffix("/")):
        return
    from corvus.base.endpoints import served_origin_fault

    if fault := served_origin_fault(url):
        yield _Fault(
            route, f"`{shown(route)}` {fault.reason}", "no client can use it", (fault.help,)
        )


def _issuer_faults(oidc: Table) -> Iterator[_Fault]:
    issuer, route = oidc.get("issuer"), (*_OIDC, "issuer")
    if not isinstance(issuer, str) or is_plain_url(issuer):
        return
    from corvus.base.endpoints import upstream_fault

    if fault := upstream_fault(issuer):
        yield _Fault(route, f"`{shown(route)}` {fault.reason}", "no issuer")


def _scope_faults(oidc: Table) -> Iterator[_Fault]:
    scopes, route = as_items(oidc.get("scopes")), (*_OIDC, "scopes")
    if "scopes" in oidc and "openid" not in scopes:
        message = f"`{shown(route)}` lacks openid: without it the provider says nobody's name"
        yield _Fault(route, message, "no openid", ('Add "openid".',))


def _proxy_faults(table: Table) -> Iterator[_Fault]:
    for index, proxy in enumerate(as_items(table.get("trusted_proxies"))):
        if not isinstance(proxy, str):
            continue
        import ipaddress

        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            route: Route = (*_TABLE, "trusted_proxies", index)
            message = f"`{shown(route)}` is neither an address nor a network"
            help_ = ("Write 10.0.0.7, or 10.0.0.0/8.",)
            yield _Fault(route, message, "no address", help_)


def _file_faults(table: Table, reporter: Reporter) -> Iterator[_Fault]:
    """Yield what is wrong with the file of managed settings, as far as this machine has it."""
    name, route = table.get("managed_settings"), (*_TABLE, "managed_settings")
    if not isinstance(name, str) or reporter.is_reported(route):
        return
    import os

    from corvus.base.json_file import JsonFileFault, read_object

    try:
        read_object(reporter.document(route).folder / os.path.expanduser(name))
    except JsonFileFault as fault:
        yield _Fault(route, f"`{shown(route)}` {fault}", "no settings")


def _group_faults(oidc: Table, reporter: Reporter) -> Iterator[_Fault]:
    earlier: set[str] = set()
    for index, rule in enumerate(as_items(oidc.get("groups"))):
        group = rule.get("group") if is_table(rule) else None
        if not isinstance(group, str):
            continue
        from corvus.base.globs import glob_fault

        route: Route = (*_OIDC, "groups", index, "group")
        if fault := glob_fault(group):
            message = f"`{shown(route)}`: {reporter.quoted(group)} {fault}"
            yield _Fault(route, message, "not a glob")
        elif group in earlier or "*" in earlier:
            message = f"`{shown(route)}` never counts: a group above fits everybody whom it fits"
            yield _Fault(route, message, "never counts", ("Put the narrower group first.",))
        earlier.add(group)
