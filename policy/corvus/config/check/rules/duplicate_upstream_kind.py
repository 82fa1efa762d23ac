"""A request does not say which of two upstreams of one kind it means (PRX-5)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_UPSTREAMS = ("governance", "upstreams")

INFO = CodeInfo(
    "duplicate-upstream-kind",
    Severity.ERROR,
    "two upstreams of one kind",
    "A request names a path of an API, and goes to the one upstream of its kind. With two of them "
    "nobody could say which is meant, so the gateway serves neither.",
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "https://a.example.com/v1"\n\n'
    '[governance.upstreams.spare]\nkind = "openai"\nbase_url = "https://b.example.com/v1"\n',
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "https://a.example.com/v1"\n',
    "Keep one of them; a second gateway with a config of its own can serve the other.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every upstream whose kind another one has."""
    upstreams = value_at(subject.tables, _UPSTREAMS)
    earlier: dict[str, Route] = {}
    for name, upstream in upstreams.items() if is_table(upstreams) else ():
        route: Route = (*_UPSTREAMS, name, "kind")
        kind = upstream.get("kind") if is_table(upstream) else None
        if not isinstance(kind, str) or reporter.is_reported(route):
            continue
        first = earlier.setdefault(kind, route)
        if first != route:
            seen = reporter.quoted(kind)
            message = f"two upstreams are of the kind {seen}: a request says not which it means"
            help_ = ("Keep one of them.",)
            related = ((ValueOf(first), "the first one"),)
            place = ValueOf(route)
            reporter.add(Finding(INFO.code, message, place, "the same kind", help_, related))
