"""A call does not say which of two upstreams of one kind it means (PRX-7)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_UPSTREAMS = ("governance", "upstreams")

INFO = CodeInfo(
    "duplicate-upstream-kind",
    Severity.ERROR,
    "two upstreams of one kind that take the same models",
    "A call goes to the upstream whose `models` fit best, else to the one of its kind that states "
    "none. With two that state none, nobody could say which is meant.",
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "https://a.example.com/v1"\n\n'
    '[governance.upstreams.spare]\nkind = "openai"\nbase_url = "https://b.example.com/v1"\n',
    '[governance.upstreams.main]\nkind = "openai"\nbase_url = "https://a.example.com/v1"\n',
    "State the models of one of them, or `models = []` for one that is called by its name alone.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every upstream whose kind another one has."""
    upstreams = value_at(subject.tables, _UPSTREAMS)
    earlier: dict[str, Route] = {}
    globs: dict[tuple[object, object], Route] = {}
    for name, upstream in upstreams.items() if is_table(upstreams) else ():
        route: Route = (*_UPSTREAMS, name, "kind")
        if not is_table(upstream):
            continue
        kind = upstream.get("kind")
        if not isinstance(kind, str) or reporter.is_reported(route):
            continue
        if "models" in upstream:
            _report_globs((*_UPSTREAMS, name), upstream, globs, reporter)
            continue
        first = earlier.setdefault(kind, route)
        if first != route:
            seen = reporter.quoted(kind)
            message = f"two upstreams of the kind {seen} take the same models"
            help_ = ("State the `models` of one of them; `models = []` leaves it to its name.",)
            related = ((ValueOf(first), "the first one"),)
            place = ValueOf(route)
            reporter.add(Finding(INFO.code, message, place, "the same kind", help_, related))


def _report_globs(
    route: Route,
    upstream: Table,
    earlier: dict[tuple[object, object], Route],
    reporter: Reporter,
) -> None:
    """Report every glob that another upstream of the same kind has, too."""
    for index, glob in enumerate(as_items(upstream.get("models"))):
        place: Route = (*route, "models", index)
        first = earlier.setdefault((upstream["kind"], glob), place)
        if first != place and first[:-2] != (*route,) and isinstance(glob, str):
            seen = reporter.quoted(glob)
            message = (
                f"two upstreams of the kind {reporter.quoted(str(upstream['kind']))} take {seen}"
            )
            related = ((ValueOf(first), "the first one"),)
            help_ = ("Leave it to one of them.",)
            reporter.add(Finding(INFO.code, message, ValueOf(place), "again", help_, related))
