"""URLs can be called, and those of providers carry a key safely (CFG-8, PRX-5)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.base.plain_hosts import is_plain_url
from corvus.config.check.endpoints import report_fault, texts
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_UPSTREAMS = ("governance", "upstreams")
_NOTIFY = ("governance", "notify")

INFO = CodeInfo(
    "invalid-url",
    Severity.ERROR,
    "a URL that cannot be called, or that would give a key away",
    "The gateway sends the key of a provider to its base_url. It refuses one in plain text to "
    "another machine, a link-local address, where clouds keep their credentials, and one with a "
    "user, a query or a fragment, behind which no path can be added. Every URL needs a host that "
    "can exist, and a port from 1 to 65535.",
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "http://api.example.com/v1"\n',
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "https://api.example.com/v1"\n',
    "Write the URL that the provider's own SDK takes; name the variable of the key in api_key_env.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every URL that cannot be used."""
    called = [
        *texts(subject.tables, ("governance", "observability", "otlp_endpoint")),
        *_urls(subject, _NOTIFY, "url"),
        *_urls(subject, _NOTIFY, "gateway_url"),
    ]
    upstreams = [*_urls(subject, _UPSTREAMS, "base_url")]
    if all(is_plain_url(url) for _, url in (*upstreams, *called)):
        return
    from corvus.base.endpoints import upstream_fault, url_fault

    for route, url in upstreams:
        allows = value_at(subject.tables, (*route[:-1], "allow_plain_http")) is True
        report_fault(INFO.code, route, upstream_fault(url, allows_plain_http=allows), reporter)
    for route, url in called:
        report_fault(INFO.code, route, url_fault(url), reporter)


def _urls(subject: Subject, tables: Route, key: str) -> Iterator[tuple[Route, str]]:
    """Yield one key of each table in a table or an array of tables."""
    holder = value_at(subject.tables, tables)
    names = [*holder] if is_table(holder) else range(len(as_items(holder)))
    for name in names:
        yield from texts(subject.tables, (*tables, name, key))
