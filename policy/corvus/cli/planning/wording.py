"""What a plan says, in words that its text and its Markdown share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from corvus.answers.amounts import amount_words, limit_words, match_words, span_words
from corvus.base.money import usd_short, usd_text
from corvus.base.period import Period
from corvus.base.time import instant_at
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.decision import Denial
from corvus.model.price import Price
from corvus.planning.change import BudgetPlan, Plan
from corvus.planning.difference import BudgetChange, Change, Effect, Fate
from corvus.planning.replay import Outcome
from corvus.planning.switch import (
    LEAST_TOKENS_PERCENT,
    MOST_TOKENS_PERCENT,
    SwitchCost,
    Switched,
)
from corvus.planning.tally import Count, Effects

SIGNS = {Fate.ADDED: "+", Fate.REMOVED: "-", Fate.CHANGED: "~", Fate.SAME: "="}
_WINDOWS = {
    Period.SESSION: "session",
    Period.MISSION: "mission",
    Period.WINDOW: "window",
    Period.TOTAL: "sum",
}
_PASSED = {
    Rung.CAP: "shortens",
    Rung.WAIT: "delays",
    Rung.DOWNGRADE: "downgrades",
    Rung.ASK: "asks a person about",
}


_CENT = 10_000_000


def dollars(nano_usd: int) -> str:
    """Write an amount for a person, to the cent, or exact where it is less than one."""
    return f"${usd_text(nano_usd, 2 if nano_usd == 0 or nano_usd >= _CENT else 4)}"


def covering(value: int, measure: Measure) -> str:
    """Write the least amount that covers one, for a person: a limit that is typed so covers it."""
    if measure is Measure.USD:
        step = _CENT if value >= _CENT else _CENT // 100
        value = -(-value // step) * step
    return amount_words(value, measure)


def plural(number: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def when(instant: datetime) -> str:
    """Write an instant, to the minute."""
    return f"{instant:%Y-%m-%d %H:%M}"


def value_words(key: str, value: Any, budget: Budget | None = None) -> str:
    """Write a value of a policy for a person."""
    if value is None:
        return "none"
    if budget is not None and key in _OF_BUDGET:
        return _OF_BUDGET[key](budget)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(_item, cast("tuple[object, ...]", value))) or "none"
    return str(value)


def _limits(budget: Budget) -> str:
    listed = (f"{glob} {amount_words(limit, budget.measure)}" for glob, limit in budget.limits)
    return ", ".join(listed) or "none"


_OF_BUDGET: Mapping[str, Callable[[Budget], str]] = {
    "limit": limit_words,
    "limits": _limits,
    "match": lambda budget: match_words(budget) or "every call",
    "window_seconds": lambda budget: span_words(budget.window_seconds or 0),
}


def _item(value: object) -> str:
    if isinstance(value, tuple):  # a glob of `downgrade`, and the models for it
        glob, models = cast("tuple[str, tuple[str, ...]]", value)
        return f"{glob} to {', '.join(models)}"
    if not isinstance(value, Price):
        return str(value)
    rates = ", ".join(f"{kind.value} ${usd_short(rate)}" for kind, rate in value.rates.items())
    since = f" from {value.effective_from}" if value.effective_from else ""
    return f"{rates or 'no rates'}{since}"


def change_words(change: Change, of: BudgetChange | None = None) -> str:
    """Write what differs, and what that does."""
    before = value_words(change.name, change.before, of.before if of else None)
    after = value_words(change.name, change.after, of.after if of else None)
    effect = f"  ({change.effect.value})" if change.effect is not Effect.NONE else ""
    return f"{change.name} {before} -> {after}{effect}"


def terms(budget: Budget) -> str:
    """Write what a budget limits."""
    period = span_words(budget.window_seconds) if budget.window_seconds else budget.period.value
    parts = [f"{limit_words(budget)} a {period}"]
    if budget.per:
        parts.append(f"per {', '.join(budget.per)}")
    if budget.match:
        parts.append(match_words(budget))
    if budget.enforce == "warn":
        parts.append("warns only")
    return ", ".join(parts)


def windows_of(plan: BudgetPlan) -> str:
    """Write how many sums a budget has, with the word for them."""
    budget = plan.budget
    noun = _WINDOWS.get(budget.period, budget.period.value)
    of = f" of {', '.join(budget.per)}" if budget.per else ""
    return f"{plural(plan.windows, noun)}{of}"


def effect_lines(plan: BudgetPlan) -> Iterator[str]:
    """Write what a budget does to calls, a line for each thing."""
    budget, after, before = plan.budget, plan.after, plan.before
    if after is None:
        bound = f"bound in {len(before.bound)} of {windows_of(plan)}" if before else ""
        yield f"it {bound}: {refused(before)}" if before and before.bound else "it never bound"
    elif not budget.limit and not budget.limits:
        yield f"off; the calls come to at most {covering(plan.least, budget.measure)}"
    elif not after.bound:
        yield _never(plan)
    else:
        yield from _binding(plan, after)


def _never(plan: BudgetPlan) -> str:
    budget, before = plan.budget, plan.before
    was = f" (before: in {len(before.bound)})" if before is not None and before.bound else ""
    most = f"at most {covering(plan.least, budget.measure)} of {limit_words(budget)}"
    if not plan.is_enforced:
        calls = most if plan.calls else "no call"
        return f"not enforced, as cost.enabled is false{was}: {calls} in {windows_of(plan)}"
    if budget.enforce == "warn":
        return f"only warns{was}: {most if plan.calls else 'no call'} in {windows_of(plan)}"
    if budget.limit and plan.least > budget.limit:
        most = f"other budgets refuse first; had every call passed, {most}"
    return f"never binds{was}: {most if plan.calls else 'no call'} in {windows_of(plan)}"


def _binding(plan: BudgetPlan, after: Effects) -> Iterator[str]:
    before, measure = plan.before, plan.budget.measure
    was = f" (before: {len(before.bound)})" if before is not None else ""
    yield f"binds in {len(after.bound)} of {windows_of(plan)}{was}; {refused(after, before)}"
    if passed := [*_passed(after)]:
        yield ", ".join(passed)
    if after.first is not None:
        yield f"first: {who(after.first)}"
    if len(after.users) > 1:
        yield f"refused most: {', '.join(_users(after))}"
    line = f"least limit that refuses nothing: {covering(plan.least, measure)}"
    if plan.lets_pass is not None:
        line += f"; 99 % pass with {covering(plan.lets_pass, measure)}"
    yield line


def refused(effects: Effects, before: Effects | None = None) -> str:
    """Write what is refused."""
    if not effects.refused.calls:
        return "refuses nothing"
    was = f" (before: {before.refused.calls:,})" if before is not None else ""
    return f"refuses {plural(effects.refused.calls, 'call')} that cost {cost(effects.refused)}{was}"


def cost(count: Count) -> str:
    """Write what some calls cost, with what is not known of it."""
    if not count.expected_nano_usd:
        return dollars(count.cost_nano_usd)
    return f"{dollars(count.cost_nano_usd)} and an unknown amount"


def _passed(effects: Effects) -> Iterator[str]:
    for rung, verb in _PASSED.items():
        if many := effects.rungs[rung].calls:
            yield f"{verb} {plural(many, 'call')} ({cost(effects.rungs[rung])})"
    if effects.lifted.calls:
        yield f"an override lifts it for {plural(effects.lifted.calls, 'call')}"


def who(outcome: Outcome) -> str:
    """Write when a call was asked for, by whom, and for which model."""
    request = outcome.call.request
    said = [f"{when(instant_at(outcome.call.requested_us))} UTC", f"session {request.session_id}"]
    said += [
        f"{name} {value}"
        for name, value in (
            ("mission", request.mission_id),
            ("project", request.project),
            ("user", request.user),
            ("agent", request.subagent or request.agent),
        )
        if value
    ]
    return ", ".join([*said, request.model])


def _users(effects: Effects) -> Iterator[str]:
    for user, many in effects.users.most_common(3):
        yield f"{user or '(no user)'} {many:,}"


_OTHER_REASONS = {
    Denial.UNPRICED_MODEL: "their model has no price (cost.unpriced_models)",
    Denial.MISSION_ENDED: "their mission had ended",
}


def summary(plan: Plan) -> Iterator[str]:
    """Write what the change does to all calls together."""
    new, old, total = plan.newly_refused, plan.newly_passed, plan.totals
    all_ = plan.tally_after.all
    if plan.before is None:
        yield f"together: {refused(all_)} of {plural(total.calls, 'call')}"
    elif plan.difference.is_empty:
        yield "both policies enforce the same"
    else:
        share = f" of {dollars(total.cost_nano_usd)}" if total.cost_nano_usd else ""
        yield (
            f"together: {plural(new.calls, 'call')} refused that the old policy lets pass "
            f"({cost(new)}{share}), {old.calls:,} pass that it refuses"
        )
    for denial, reason in _OTHER_REASONS.items():
        if many := all_.denials[denial]:
            yield f"no budget refuses {plural(many, 'call')}, but {reason}"
    passes = total.refused_calls - plan.tally_after.refused_then
    if total.refused_calls and passes:
        yield (
            f"{passes:,} of the {plural(total.refused_calls, 'call')} that were refused then would "
            "pass now; what they would have cost is not known"
        )


def switch_lines(other: Switched) -> Iterator[str]:
    """Write what calls would have cost with other models, and why that is an interval."""
    yield f"with other models, at the prices of {other.on}:"
    for cost in other.costs:
        yield f"  {cost.switch.glob} -> {cost.switch.model}: {_switch_cost(cost)}"
    for budget in other.budgets:
        was, low, high = map(dollars, budget[1:])
        yield f"    {budget.budget}: {was} -> {_between(low, high)}"
    yield from (f"  {line}" for line in switch_reasons(other))


def _switch_cost(cost: SwitchCost) -> str:
    if not cost.calls:
        return "no call"
    low, high = dollars(cost.low_nano_usd), dollars(cost.high_nano_usd)
    said = (
        f"{plural(cost.calls, 'call')} that cost {dollars(cost.cost_nano_usd)} would have cost "
        f"{_between(low, high)}"
    )
    if cost.unpriced_calls:
        said += f"; {cost.unpriced_calls:,} of them are left out, as one of the two has no price"
    return said


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def switch_reasons(other: Switched) -> Iterator[str]:
    """Write why what calls would have cost is an interval."""
    if any(cost.low_nano_usd != cost.high_nano_usd for cost in other.costs):
        yield (
            "from a warm cache to a cold one: a cache is of one model, and the first call of a "
            "session that is switched may find nothing in it"
        )
    if any(cost.is_other_maker for cost in other.costs):
        yield (
            f"by the tokenizer of another maker, {LEAST_TOKENS_PERCENT} to {MOST_TOKENS_PERCENT} % "
            "of the tokens"
        )
    yield "not known: how many calls another model would have taken for the same work"


_PRICING = {"cost.hold", "cost.default_output_tokens", "governance.prices.book"}
"""Settings that change what is held for a call, or what it costs."""


def not_known(plan: Plan) -> Sequence[str]:
    """Return what a replay cannot know, as far as it matters here."""
    total = plan.totals
    said = ["what an agent would have done after a refusal", "calls that were never recorded"]
    if total.refused_calls:
        said.append(
            f"what the {plural(total.refused_calls, 'call')} would have cost that were refused "
            "then; they count in no sum"
        )
    if total.unheld_calls:
        said.append(
            f"what {plural(total.unheld_calls, 'imported or reported call')} would have held: "
            "judged by their cost alone"
        )
    if total.unknown_calls:
        said.append(f"what {plural(total.unknown_calls, 'call')} cost: no price")
    changed = {change.name for change in plan.difference.settings}
    if any(name.startswith("cost.prices.") or name in _PRICING for name in changed):
        said.append("what calls hold and cost at changed prices and holds: both are those recorded")
    return said
