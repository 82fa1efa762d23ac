"""The parts of a budget with ``per``: ``corvus cost budgets --budget NAME`` (CFG-10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from corvus.answers.amounts import amount_exact, match_words, part_words
from corvus.answers.budgets import parts_body
from corvus.answers.kv import kv_text, kv_value
from corvus.cli.budgets import cells
from corvus.cli.budgets.lines import refusals_text
from corvus.cli.budgets.summary import print_standings, refusal_words
from corvus.cli.output import console, emit, shown, words
from corvus.config.layers.origins import stated_at
from corvus.config.toml.values import shown as dotted
from corvus.model.budget import part_named

if TYPE_CHECKING:
    from corvus.model.budget import Budget
    from corvus.model.parts import PartsPage, PartsQuery, PartStanding
    from corvus.runtime import Runtime


def show_parts(runtime: Runtime, query: PartsQuery, shape: str | None) -> None:
    """Print a page of the parts of a budget.

    Args:
        runtime: The config in force.
        query: Which parts.
        shape: The value of ``--format``.

    Raises:
        SteeringRefused: There is no such budget, it has no parts, or its session or mission is not
            named.
    """
    page = runtime.parts(query)
    emit(
        shape,
        lambda: _body(runtime, page),
        lambda: _print(runtime, page),
        kv=lambda: _lines(runtime, page),
    )


def is_divided(runtime: Runtime, budget: str | None) -> bool:
    """Return whether a budget has parts."""
    return any(each.name == budget and each.per for each in runtime.policy.budgets)


def named(runtime: Runtime, budget: str, part: str | None) -> str:
    """Return the part of a budget that somebody names; empty where none is named."""
    found = next((each for each in runtime.policy.budgets if each.name == budget), None)
    return part_named(found.per, part) if part and found is not None and found.per else part or ""


def limit_place(runtime: Runtime, budget: Budget, limited: Budget) -> str:
    """Return the place that sets the limit of a part: ``corvus.toml:12:1``, or else its key.

    Args:
        runtime: The config in force.
        budget: A budget of the policy.
        limited: The same as it limits the part (``Budget.for_part``).
    """
    base = next((row for row in runtime.effective if dotted(row.route) == budget.config_key), None)
    if base is None:
        return limited.config_key
    if limited.config_key == budget.config_key:
        return base.origin.place
    own = ((*base.route[:-1], "limits", glob) for glob, _ in budget.limits)
    route = next((each for each in own if dotted(each) == limited.config_key), None)
    origin = None if route is None else stated_at(route, runtime.layers)
    return limited.config_key if origin is None else origin.place


def _body(runtime: Runtime, page: PartsPage) -> dict[str, object]:
    places = [limit_place(runtime, page.budget, row.status.budget) for row in page.rows]
    body = parts_body(page)
    items = [
        {**item, "limit_set_at": place}
        for item, place in zip(parts_items(body), places, strict=True)
    ]
    return {**body, "items": items}


def parts_items(body: dict[str, object]) -> list[dict[str, object]]:
    """Return the parts in the body of a page."""
    items = body["items"]
    assert isinstance(items, list)
    return items  # pyright: ignore[reportUnknownVariableType] - made by a shape


def _lines(runtime: Runtime, page: PartsPage) -> Iterator[str]:
    counts = page.counts
    yield f"budget={page.budget.name}"
    yield f"per={','.join(page.budget.per)}"
    yield f"measure={page.budget.measure}"
    yield f"parts={counts.parts}"
    yield f"blocking={counts.blocking}"
    yield f"found={page.found}"
    yield f"offset={page.query.offset}"
    for row in page.rows:
        yield _line(runtime, page.budget, row)


def _line(runtime: Runtime, budget: Budget, row: PartStanding) -> str:
    status, measure = row.status, budget.measure
    headroom = status.headroom
    facts = {
        "part": kv_text(status.part),
        "state": status.state.word,
        f"spent_{measure}": amount_exact(status.spent, measure),
        f"held_{measure}": amount_exact(status.held, measure),
        f"limit_{measure}": amount_exact(status.budget.limit, measure),
        f"headroom_{measure}": "none" if headroom is None else amount_exact(headroom, measure),
        "percent_used": f"{float(status.percent_used):.2f}",
        "calls": row.spend.calls,
        "resets_at": status.resets_at.isoformat() if status.resets_at else "none",
        "blocking": kv_value(row.is_blocking),
    }
    words_ = [f"{name}={value}" for name, value in facts.items()]
    words_.append(refusals_text(row.refusals, measure))
    words_.append(f"key={kv_text(status.budget.config_key)}")
    words_.append(f"limit_set_at={kv_text(limit_place(runtime, budget, status.budget))}")
    return " ".join(words_)


def _print(runtime: Runtime, page: PartsPage) -> None:
    out, say, budget = console(), words(), page.budget
    now, title = f"{page.now:%Y-%m-%d %H:%M} UTC", f"[bold]{shown(budget.name)}[/]"
    heading = say("summary.heading", title=title, config=shown(runtime.config_shown), now=now)
    out.print(heading, soft_wrap=True)
    match = match_words(budget)
    counts = shown(match) if match else say("summary.every_call")
    out.print(f"{cells.period_cell(budget)}, {say('summary.column.counts')}: {counts}")
    items = [row.status for row in page.rows]
    if not items:
        out.print(say("summary.no_part"))
        return
    blocking = [row.is_blocking for row in page.rows]
    columns = {
        "part": [part_words(item.part) for item in items],
        "state": [
            cells.state_cell(item, is_blocking=refuses)
            for item, refuses in zip(items, blocking, strict=True)
        ],
        "used": [*map(cells.percent_cell, items)],
        "spent": cells.spent_cells(items, [True] * len(items)),
        "held": [*map(cells.held_cell, items)],
        "limit": [*map(cells.limit_cell, items)],
        "left": [*map(cells.left_cell, items)],
        "resets": [cells.resets(item, page.now) for item in items],
        "set_by": [limit_place(runtime, budget, item.budget) for item in items],
    }
    print_standings(out, items, columns, blocking)
    for row in page.rows:
        if row.refusals is not None:
            name = f"{budget.name} ({part_words(row.status.part)})"
            text = refusal_words(name, row.refusals, budget.measure)
            out.print(f"[red]{text}[/]" if row.is_blocking else text)
    first, last = page.query.offset + 1, page.query.offset + len(items)
    if page.found > len(items):
        out.print(say("summary.part_page", first=first, last=last, found=f"{page.found:,}"))
