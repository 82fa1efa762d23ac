"""An upstream says all that its kind needs, and where its calls go instead (PRX-7)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.base.record import Record
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, Table, as_items, is_table, shown, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_UPSTREAMS = ("governance", "upstreams")
_NEEDED = {
    "azure": ("base_url",),
    "bedrock": ("region",),
    "vertex": ("project", "location"),
}
"""What a kind cannot do without."""
_OWN = {"region": "bedrock", "project": "vertex", "location": "vertex", "deployments": "azure"}
"""Keys that say something of one kind alone."""
RESERVED = frozenset(
    {
        *("v1", "v1alpha", "v1beta", "v1beta1", "api", "audio", "chat", "completions"),
        *("embeddings", "files", "fim", "images", "messages", "model", "models", "moderations"),
        *("projects", "responses"),
    }
)
"""What paths of calls begin with, so that no upstream can be named by it."""

INFO = CodeInfo(
    "upstream-target",
    Severity.ERROR,
    "an upstream that cannot be used as it is written",
    "A call that goes nowhere, or to another place than was meant, is found out too late. Bedrock "
    "needs a region, Vertex a project and a location, Azure the base URL of its resource. A "
    "fallback is another upstream of the same kind, and does not lead back. A name that begins the "
    "paths of calls cannot choose an upstream.",
    '[governance.upstreams.aws]\nkind = "bedrock"\n',
    '[governance.upstreams.aws]\nkind = "bedrock"\nregion = "us-east-1"\n',
    "State what the kind needs, and name upstreams that are there.",
)


class _Fault(Record):
    route: Route
    message: str
    label: str
    help: tuple[str, ...] = ()
    is_of_key: bool = False


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every upstream that cannot be used."""
    tables = value_at(subject.tables, _UPSTREAMS)
    if not is_table(tables):
        return
    upstreams = {name: each for name, each in tables.items() if is_table(each)}
    for name, upstream in upstreams.items():
        route: Route = (*_UPSTREAMS, name)
        for fault in (
            *_missing(route, upstream),
            *_stray(route, upstream),
            *_name_faults(route, name, reporter),
            *_glob_faults(route, upstream, reporter),
            *_fallback_faults(name, upstreams, reporter),
        ):
            if not reporter.is_reported(fault.route):
                place = (KeyOf if fault.is_of_key else ValueOf)(fault.route)
                reporter.add(Finding(INFO.code, fault.message, place, fault.label, fault.help))


def _missing(route: Route, upstream: Table) -> Iterator[_Fault]:
    kind = upstream.get("kind")
    lacking = [key for key in _NEEDED.get(str(kind), ()) if key not in upstream]
    if lacking:
        names = " and ".join(f"`{key}`" for key in lacking)
        message = f"an upstream of kind `{kind}` needs {names}"
        yield _Fault(
            (*route, "kind"), message, "incomplete", (f"Add {names} to [{shown(route)}].",)
        )


def _stray(route: Route, upstream: Table) -> Iterator[_Fault]:
    for key, kind in _OWN.items():
        if key in upstream and upstream.get("kind") not in (None, kind):
            message = f"`{key}` says nothing of an upstream of kind `{upstream['kind']}`"
            help_ = (f"Remove it: it is for kind `{kind}`.",)
            yield _Fault((*route, key), message, "not used", help_, is_of_key=True)


def _name_faults(route: Route, name: str, reporter: Reporter) -> Iterator[_Fault]:
    if name in RESERVED:
        message = f"no upstream can be named {reporter.quoted(name)}: paths of calls begin so"
        yield _Fault(route, message, "taken", ("Choose another name.",), is_of_key=True)


def _glob_faults(route: Route, upstream: Table, reporter: Reporter) -> Iterator[_Fault]:
    from corvus.base.globs import glob_fault

    for index, glob in enumerate(as_items(upstream.get("models"))):
        if isinstance(glob, str) and (fault := glob_fault(glob)):
            place = (*route, "models", index)
            yield _Fault(place, f"the glob {reporter.quoted(glob)} {fault}", "no glob")


def _fallback_faults(
    name: str, upstreams: dict[str, Table], reporter: Reporter
) -> Iterator[_Fault]:
    route: Route = (*_UPSTREAMS, name, "fallback")
    wanted = upstreams[name].get("fallback")
    if not isinstance(wanted, str):
        return
    quoted = reporter.quoted(wanted)
    if wanted not in upstreams:
        known = ", ".join(f"`{each}`" for each in upstreams if each != name)
        help_ = (f"There are {known}.",) if known else ("There is no other upstream.",)
        yield _Fault(route, f"there is no upstream {quoted}", "unknown", help_)
        return
    kinds = upstreams[name].get("kind"), upstreams[wanted].get("kind")
    if kinds[0] != kinds[1]:
        message = f"the fallback {quoted} is of kind `{kinds[1]}`, not `{kinds[0]}`"
        yield _Fault(route, message, "another kind", ("A fallback speaks the same API.",))
    elif name in _followed(wanted, upstreams):
        message = f"the fallback {quoted} leads back to this upstream"
        yield _Fault(route, message, "a circle", ("Leave the last one without a fallback.",))


def _followed(name: str, upstreams: dict[str, Table]) -> list[object]:
    """Return an upstream and those that are tried after it, each once."""
    found: list[object] = []
    following: object = name
    while following in upstreams and following not in found:
        found.append(following)
        following = upstreams[str(following)].get("fallback")
    return found
