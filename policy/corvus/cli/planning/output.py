"""Writes a plan: text for a person, Markdown for a pull request, JSON for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from corvus.answers.amounts import amount_exact
from corvus.base.money import usd
from corvus.base.time import instant_at
from corvus.cli.output import json_text
from corvus.cli.planning.wording import (
    SIGNS,
    change_words,
    covering,
    dollars,
    effect_lines,
    not_known,
    plural,
    summary,
    switch_lines,
    switch_reasons,
    terms,
    value_words,
    when,
)
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import scrub
from corvus.model.budget import Rung
from corvus.planning.change import BudgetPlan, Plan, Side
from corvus.planning.difference import BudgetChange, Change, Fate
from corvus.planning.replay import Outcome
from corvus.planning.switch import BudgetCost, SwitchCost, Switched
from corvus.planning.tally import Count, Effects

_RUNGS = {
    "capped": Rung.CAP,
    "waited": Rung.WAIT,
    "downgraded": Rung.DOWNGRADE,
    "asked": Rung.ASK,
}


_MARKS = {ord(mark): f"\\{mark}" for mark in "\\`*_{}[]#|!~"} | {
    ord(mark): f"&#{ord(mark)};" for mark in "<@&"
}


def text(plan: Plan, other: Switched | None = None) -> str:
    """Write a plan for a terminal.

    Args:
        plan: The plan.
        other: What the calls would have cost with other models.
    """
    lines = [*_lines(plan), *(["", *switch_lines(other)] if other else [])]
    return "\n".join(map(_shown, lines)) + "\n"


def _shown(words: str) -> str:
    """Write words of strangers, who may have given a key for a name."""
    return escape(scrub(words))


def _lines(plan: Plan) -> Iterator[str]:
    yield _head(plan)
    yield _calls(plan)
    yield ""
    for change in plan.difference.settings:
        sign = "+" if change.before is None else "-" if change.after is None else "~"
        yield f"{sign} {change_words(change)}"
    for one in plan.budgets:
        if _is_worth_it(one):
            yield from _budget_lines(one)
    if any(map(_is_worth_it, plan.budgets)) or plan.difference.settings:
        yield ""
    if quiet := [one.change.name for one in plan.budgets if not _is_worth_it(one)]:
        yield f"unchanged, and never in the way: {', '.join(quiet)}"
    yield from summary(plan)
    if plan.before is not None:
        yield f"policy {_short(plan.before)} -> {_short(plan.after)}"
    else:
        yield f"policy {_short(plan.after)}"
    yield "not known:"
    yield from (f"  {line}" for line in not_known(plan))


def _short(side: Side) -> str:
    return side.policy.content_hash[:19]


def _head(plan: Plan) -> str:
    against = f" against {plan.before.shown}" if plan.before is not None else ""
    since, until = plan.span
    return f"plan: {plan.after.shown}{against}, {when(since)} to {when(until)} UTC"


def _calls(plan: Plan) -> str:
    total = plan.totals
    said = f"{plural(total.calls, 'call')}, {dollars(total.cost_nano_usd)}"
    if total.refused_calls:
        said += f"; {total.refused_calls:,} more were refused when they were asked for"
    return said


def _is_worth_it(one: BudgetPlan) -> bool:
    """Return whether a budget changed, or is in the way of a call."""
    effects = [each for each in (one.before, one.after) if each is not None]
    return one.change.fate is not Fate.SAME or any(each.bound for each in effects)


def _budget_lines(one: BudgetPlan) -> Iterator[str]:
    sign, changes = SIGNS[one.change.fate], one.change.changes
    yield f"{sign} {one.change.name} ({one.budget.config_key})  {_title(one, changes)}"
    for change in changes[1:]:
        yield f"    {change_words(change, one.change)}"
    for line in effect_lines(one):
        yield f"    {line}"


def _title(one: BudgetPlan, changes: tuple[Change, ...]) -> str:
    if changes:
        return change_words(changes[0], one.change)
    return terms(one.budget)


def markdown(plan: Plan, other: Switched | None = None) -> str:
    """Write a plan for a comment on a pull request; arguments are those of ``text``."""
    lines = [*_markdown(plan)]
    if other:
        lines += ["", *(f"- {_plain(line.strip())}" for line in switch_lines(other))]
    return "\n".join(lines) + "\n"


def _markdown(plan: Plan) -> Iterator[str]:
    since, until = plan.span
    yield "### What this change of budgets would have done"
    yield ""
    against = f" against {_code(plan.before.shown)}" if plan.before is not None else ""
    yield (
        f"{_code(plan.after.shown)}{against}, {when(since)} to {when(until)} UTC: "
        f"{_plain(_calls(plan))}."
    )
    yield ""
    for line in summary(plan):
        yield f"**{_plain(line[0].upper() + line[1:])}.**"
    yield ""
    rows = [one for one in plan.budgets if _is_worth_it(one)]
    if rows:
        yield "| | budget | change | binds | refused | least limit that refuses nothing |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, rows)
        yield ""
    if plan.difference.settings:
        yield from (f"- {_plain(change_words(change))}" for change in plan.difference.settings)
        yield ""
    for one in rows:
        if one.after is not None and one.after.first is not None:
            yield f"<details><summary>{_plain(one.change.name)}</summary>"
            yield ""
            yield from (f"- {_plain(line)}" for line in effect_lines(one))
            yield ""
            yield "</details>"
            yield ""
    yield f"Not known: {_plain('; '.join(not_known(plan)))}."


def _row(one: BudgetPlan) -> str:
    after = one.after or Effects()
    changes = "<br>".join(_plain(change_words(each, one.change)) for each in one.change.changes)
    cells = [
        SIGNS[one.change.fate],
        _code(one.change.name),
        changes or _plain(terms(one.budget)),
        f"{len(after.bound)} of {one.windows}",
        f"{after.refused.calls:,} ({dollars(after.refused.cost_nano_usd)})",
        covering(one.least, one.budget.measure),
    ]
    return f"| {' | '.join(cells)} |"


def _code(words: str) -> str:
    plain = _shown(words).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def _plain(words: str) -> str:
    """Write words of strangers so that Markdown takes none of them for its own."""
    return _shown(words).translate(_MARKS)


def json(plan: Plan, other: Switched | None = None) -> str:
    """Write a plan as its published schema says; arguments are those of ``text``."""
    total = plan.totals
    before = plan.before
    body: dict[str, object] = {
        "before": None if before is None else _policy(before),
        "after": _policy(plan.after),
        "since": plan.span.since.isoformat(),
        "until": plan.span.until.isoformat(),
        "tightens": plan.difference.tightens,
        "changes": [_change(each) for each in plan.difference.settings],
        "calls": {
            "made": total.calls,
            **_money("cost", total.cost_nano_usd),
            "unknown_cost": total.unknown_calls,
            "not_held": total.unheld_calls,
            "refused_then": total.refused_calls,
            **_money("refused_then_expected", total.refused_nano_usd),
            "evaluated": plan.evaluated,
        },
        "budgets": [_budget(one) for one in plan.budgets],
        "total": {
            "before": None if plan.tally_before is None else _effects(plan.tally_before.all),
            "after": _effects(plan.tally_after.all),
            "newly_refused": _count(plan.newly_refused),
            "newly_passed": _count(plan.newly_passed),
            "passes_now": total.refused_calls - plan.tally_after.refused_then,
        },
        "not_known": [*not_known(plan)],
        "switched": None if other is None else _switched(other),
    }
    return json_text(body) + "\n"


def _switched(other: Switched) -> dict[str, object]:
    return {
        "prices_of": other.on.isoformat(),
        "switches": [
            {
                "models": cost.switch.glob,
                "model": cost.switch.model,
                "calls": cost.calls,
                "unpriced_calls": cost.unpriced_calls,
                **_interval(cost),
            }
            for cost in other.costs
        ],
        "budgets": [{"budget": each.budget, **_interval(each)} for each in other.budgets],
        "reasons": [*switch_reasons(other)],
    }


def _interval(cost: SwitchCost | BudgetCost) -> dict[str, object]:
    return {
        **_money("cost", cost.cost_nano_usd),
        **_money("low", cost.low_nano_usd),
        **_money("high", cost.high_nano_usd),
    }


def _policy(side: Side) -> dict[str, object]:
    return {"shown": side.shown, "policy_hash": side.policy.content_hash}


def _money(name: str, nano_usd: int) -> dict[str, object]:
    return {f"{name}_usd": float(usd(nano_usd)), f"{name}_nano_usd": str(nano_usd)}


def _count(count: Count) -> dict[str, object]:
    return {
        "calls": count.calls,
        **_money("cost", count.cost_nano_usd),
        **_money("expected", count.expected_nano_usd),
    }


def _effects(effects: Effects) -> dict[str, object]:
    return {
        "binding_windows": len(effects.bound),
        "refused": _count(effects.refused),
        **{name: _count(effects.rungs[rung]) for name, rung in _RUNGS.items()},
        "lifted": _count(effects.lifted),
        "first": None if effects.first is None else _call(effects.first),
        "denials": {denial.value: many for denial, many in effects.denials.most_common()},
        "users": _users(effects),
    }


def _users(effects: Effects) -> dict[str, int]:
    found: Counter[str] = Counter()
    for user, many in effects.users.items():
        found[scrub(user) if user else "(none)"] += many
    return dict(found.most_common())


def _call(outcome: Outcome) -> dict[str, object]:
    call, request = outcome.call, outcome.call.request
    names = {
        name: value and scrub(value)
        for name, value in (
            ("session_id", request.session_id),
            ("model", request.model),
            ("mission_id", request.mission_id),
            ("project", request.project),
            ("user", request.user),
            ("agent", request.agent),
            ("subagent", request.subagent),
            ("branch", request.branch),
        )
    }
    return {
        "id": call.id,
        "requested_at": instant_at(call.requested_us).isoformat(),
        "denial": outcome.denial.value if outcome.denial else None,
        "rungs": [rung.value for rung in outcome.rungs],
        **names,
    }


def _change(change: Change, of: BudgetChange | None = None) -> dict[str, object]:
    old, new = (of.before, of.after) if of else (None, None)
    return {
        "key": change.name,
        "before": None if change.before is None else value_words(change.name, change.before, old),
        "after": None if change.after is None else value_words(change.name, change.after, new),
        "effect": change.effect.value,
    }


def _budget(one: BudgetPlan) -> dict[str, object]:
    budget, measure = one.budget, one.budget.measure
    enough = one.lets_pass
    return {
        "budget": one.change.name,
        "config_key": budget.config_key,
        "fate": one.change.fate.value,
        "effect": one.change.effect.value,
        "changes": [_change(each, one.change) for each in one.change.changes],
        "measure": measure.value,
        "calls": one.calls,
        "windows": one.windows,
        "limit": amount_exact(budget.limit, measure) if budget.limit else None,
        "least_limit": amount_exact(one.least, measure),
        "limit_for_99_percent": None if enough is None else amount_exact(enough, measure),
        "before": None if one.before is None else _effects(one.before),
        "after": None if one.after is None else _effects(one.after),
    }
