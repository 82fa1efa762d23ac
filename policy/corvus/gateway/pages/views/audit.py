"""Who changed what, when and why: the audit, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from corvus.answers.audit import lifted_of
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.gateway.pages.pager import ROWS, pager, requested_page
from corvus.gateway.pages.span import span_of
from corvus.model.steering import AuditKind

_EVENTS_MAX = 10_000
_BUDGETS = ("lifted", "blocked")
"""Details that are lists of budgets."""


@page("/audit", live_seconds=5.0, menu=6)
def audit(request: PageRequest) -> Page:
    """Show audit events, in pages; of one kind, if requested."""
    kind = request.query.get("kind", "")
    kind = kind if kind in set(AuditKind) else ""
    span = span_of(request)
    begin = (requested_page(request) - 1) * ROWS
    count = 0 if span.mistakes else min(_EVENTS_MAX, begin + ROWS + 1)
    kinds = [kind] if kind else []
    events: list[dict[str, Any]] = request.service.audit(count, kinds, span.since, span.until)[::-1]
    shown = events[begin : begin + ROWS]
    data = {
        "span": span,
        "events": [{**one, "lines": _lines(request, one["details"])} for one in shown],
        "kind": kind,
        "kinds": [one.value for one in AuditKind],
        "pager": pager(request, len(shown), None, has_more=len(events) > begin + ROWS),
    }
    return Page("audit", data, 422 if span.mistakes else 200)


def _lines(request: PageRequest, details: object) -> list[str]:
    """Return the details of an event as lines: what a limit was and is, or names with values."""
    if not isinstance(details, dict):
        return [] if details is None else [str(details)]
    known: dict[str, Any] = details  # pyright: ignore[reportUnknownVariableType] - JSON
    if "before" in known and "after" in known:
        return _changes(request, dict(_flat("", known["before"])), dict(_flat("", known["after"])))
    lines: list[str] = []
    for name, value in known.items():
        if name in _BUDGETS and isinstance(value, list):
            lines += [_budget(request, one) for one in cast("list[dict[str, Any]]", value)]
        elif value is not None:
            lines.append(_line(request, name, value))
    return lines


def _line(request: PageRequest, name: str, value: object) -> str:
    """Write one detail of an event: what it is called, and its value."""
    is_money = name.endswith("_nano_usd")
    key = f"audit_detail.{name.removesuffix('_nano_usd')}"
    label = request.words(key) if request.words.has(key) else name
    if is_money:
        return f"{label}: {request.figures.usd_exact(int(str(value)))}"
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return f"{label}: {', '.join(f'{one} {table[one]}' for one in table)}"
    if isinstance(value, list):
        return f"{label}: {', '.join(map(str, cast('list[object]', value)))}"
    return f"{label}: {request.figures.part(str(value)) if name == 'part' else value}"


def _budget(request: PageRequest, one: dict[str, Any]) -> str:
    """Write a budget that an override lifts: what was projected, of which limit."""
    lifted = lifted_of(one)
    projected, limit = (
        request.figures.amount_exact(each, lifted.measure)
        for each in (lifted.projected, lifted.limit)
    )
    return request.words("audit.lifted", budget=lifted.name, projected=projected, limit=limit)


def _changes(
    request: PageRequest, before: dict[str, object], after: dict[str, object]
) -> list[str]:
    return [
        f"{name.removesuffix('_nano_usd')}: "
        f"{_written(request, name, before.get(name))} → {_written(request, name, after.get(name))}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _written(request: PageRequest, name: str, value: object) -> str:
    if value is None:
        return request.words("figure.none")
    if isinstance(value, bool):
        return request.words("figure.yes" if value else "figure.no")
    if name.endswith("_nano_usd") and isinstance(value, int):
        return request.figures.usd_exact(value)
    return str(value)


def _flat(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        yield prefix, value
        return
    table: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType] - JSON
    for name, inner in table.items():
        yield from _flat(f"{prefix}.{name}" if prefix else name, inner)
