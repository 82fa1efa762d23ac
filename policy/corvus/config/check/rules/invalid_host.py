"""What the gateway listens on and answers to are hosts, not URLs (CFG-8)."""

from __future__ import annotations

from corvus.base.plain_hosts import is_plain_host
from corvus.config.check.endpoints import report_fault, texts
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.diagnostics.codes import CodeInfo, Severity

_GATEWAY = ("governance", "gateway")

INFO = CodeInfo(
    "invalid-host",
    Severity.ERROR,
    "a host that cannot be one",
    "The gateway listens on a host and answers to requests that name one: an IP address or a name, "
    "without scheme, port and path. What is spelt otherwise could not be listened on, and an entry "
    "of allowed_hosts could never match a request.",
    '[governance.gateway]\nallowed_hosts = ["https://budgets.example.com"]\n',
    '[governance.gateway]\nallowed_hosts = ["budgets.example.com"]\n',
    "Write the host alone; the port of the gateway is governance.gateway.port.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every host that cannot be used."""
    own = [*texts(subject.tables, (*_GATEWAY, "host"))]
    served = [*texts(subject.tables, (*_GATEWAY, "allowed_hosts"))]
    if all(is_plain_host(host) for _, host in (*own, *served)):
        return
    from corvus.base.endpoints import listening_host_fault, served_host_fault

    for route, host in own:
        report_fault(INFO.code, route, listening_host_fault(host), reporter)
    for route, host in served:
        report_fault(INFO.code, route, served_host_fault(host), reporter)
