"""Compares what came of a step with what its case expects, key by key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, cast

from corvus.answers.amounts import amount_words, part_words
from corvus.answers.denial import denial_text
from corvus.autonomy.decide import ActionAnswer
from corvus.base.globs import glob_matches
from corvus.config.model.case_tables import ExpectTable
from corvus.config.toml.values import Route
from corvus.events import Event, ThresholdReached
from corvus.model.budget import Budget, Rung, part_named
from corvus.model.decision import BudgetStatus, Decision, Denial
from corvus.planning.scenarios.queue import MadeCall
from corvus.planning.scenarios.sums import StatedSum, SumOf, Sums, stated_sums
from corvus.store.api import StoredBalance

_SECONDS_APART = Decimal("0.0015")
"""How far a wait may be from the one expected: it is counted in milliseconds, rounded up."""
_FIRST = {Rung.WAIT: "waits", Rung.ASK: "asks"}


class Mismatch(NamedTuple):
    """Something that a case expects and that did not come true.

    Attributes:
        route: Of the expectation in the document.
        message: What came instead, one clause.
        label: A few words at the expectation.
        help: What the governor said, one sentence each.
    """

    route: Route
    message: str
    label: str
    help: tuple[str, ...] = ()


def judge_call(expect: ExpectTable, route: Route, made: MadeCall) -> Iterator[Mismatch]:
    """Yield what of an expectation a call did not come to.

    Args:
        expect: What is expected.
        route: Where it stands.
        made: The call, decided; one that waits or asks, where that is what is expected.
    """
    is_about_first = expect.decision in _FIRST.values()
    decision = made.asked if is_about_first or made.decision is None else made.decision
    word = decision_word(made, first=is_about_first)
    reply = words_of(made, decision, word)
    if expect.decision is not None and word != expect.decision:
        yield Mismatch(
            (*route, "decision"),
            f"the call {_PAST[word]}{_NOT[expect.decision]}",
            f'got "{word}"',
            reply,
        )
        return  # all else follows from it
    if expect.decision == "refused" and expect.reason is None and not _is_by_budget(decision):
        assert decision.denial is not None, "it was refused"
        yield Mismatch(
            (*route, "decision"),
            f"the call was refused, but by no budget: {decision.denial.value}",
            "by no budget",
            (*reply, f'Where that is meant, write `reason = "{decision.denial.value}"`.'),
        )
        return
    rungs = (made.paused,) if is_about_first and made.paused else decision.rungs
    got = _facts(decision, word)
    for key, value in got.items():
        wanted = getattr(expect, key)
        if wanted is not None and wanted != value:
            yield _differs(route, key, wanted, value, reply)
    if expect.rungs is not None and [*rungs] != [Rung(rung) for rung in expect.rungs]:
        yield _differs(route, "rungs", expect.rungs, [rung.value for rung in rungs], reply)
    yield from _judge_rest(expect, route, decision, reply)


_PAST = {
    "allowed": "was allowed",
    "refused": "was refused",
    "waits": "waits for other calls",
    "asks": "asks a person",
}
"""What became of a call, in a sentence."""
_NOT = {
    "allowed": ", not allowed",
    "refused": ", not refused",
    "waits": " and does not wait",
    "asks": " and does not ask",
}
"""The end of that sentence, where something else was expected."""


def decision_word(made: MadeCall, *, first: bool = False) -> str:
    """Return what became of a call: in the end, or at first."""
    if (first or made.decision is None) and made.paused is not None:
        return _FIRST[made.paused]
    assert made.decision is not None, "a call that does not wait is decided"
    return "allowed" if made.decision.allowed else "refused"


def words_of(made: MadeCall, decision: Decision, word: str) -> tuple[str, ...]:
    """Return what the governor said of a call, in sentences for a person."""
    said: list[str] = []
    if word == "refused":
        said.append(denial_text(decision))
        if made.paused is not None:
            said.append(f"It was decided after {decision.waited_seconds:g} s.")
        return tuple(said)
    if not decision.statuses:
        said.append("No budget matches the call.")
    else:
        said.append(f"The budget that governs: {status_words(decision.statuses[0])}.")
    if word == "allowed" and decision.rungs:
        said.append(f"It passed by {', '.join(decision.rungs)}.")
    return tuple(said)


def status_words(status: BudgetStatus) -> str:
    """Write where a budget stands with a call: its sums, and what they are together."""
    budget, measure = status.budget, status.budget.measure
    whose = f" for {part_words(status.part)}" if status.part else ""
    held = f" + {amount_words(status.held, measure)} held" if status.held else ""
    estimate = amount_words(status.projected - status.spent - status.held, measure)
    limit = amount_words(budget.limit, measure) if budget.limit else "no limit"
    return (
        f"{budget.name}{whose}: {amount_words(status.spent, measure)} spent{held} + "
        f"{estimate} asked for = {amount_words(status.projected, measure)} of {limit}, "
        f"{status.state.word}"
    )


def _is_by_budget(decision: Decision) -> bool:
    return decision.denial is Denial.BUDGET_EXCEEDED


def _facts(decision: Decision, word: str) -> dict[str, object]:
    """Return what a decision came to, by the keys of an expectation that compare as they are."""
    governing = decision.governing
    return {
        "reason": decision.denial.value if decision.denial and word == "refused" else None,
        "state": decision.state.word,
        "budget": governing.budget.name if governing is not None else None,
        "model": decision.model,
        "output_cap_tokens": decision.output_cap_tokens,
        "override": decision.override_id is not None,
    }


def _judge_rest(
    expect: ExpectTable, route: Route, decision: Decision, reply: tuple[str, ...]
) -> Iterator[Mismatch]:
    governing = decision.governing
    if expect.part is not None:
        part = governing.part if governing is not None else ""
        per = governing.budget.per if governing is not None else ()
        if part_named(per, expect.part) != part:
            yield _differs(route, "part", expect.part, part_words(part) or None, reply)
    if expect.message is not None:
        text = denial_text(decision) if decision.denial is not None else ""
        if not glob_matches(expect.message, text):
            yield Mismatch(
                (*route, "message"), "the refusal says something else", "no match", reply
            )
    if expect.waited_seconds is not None:
        waited = Decimal(str(decision.waited_seconds))
        if abs(waited - expect.waited_seconds) > _SECONDS_APART:
            wanted = expect.waited_seconds.normalize()
            yield _differs(route, "waited_seconds", wanted, waited.normalize(), reply)


def judge_action(expect: ExpectTable, route: Route, answer: ActionAnswer) -> Iterator[Mismatch]:
    """Yield what of an expectation an action did not come to."""
    verdict = answer.decision.verdict.value
    if expect.verdict is not None and expect.verdict != verdict:
        reply = (f"The reason: {answer.decision.reason}.",)
        yield _differs(route, "verdict", expect.verdict, verdict, reply)


def judge_alerts(expect: ExpectTable, route: Route, events: Sequence[Event]) -> Iterator[Mismatch]:
    """Yield where the thresholds that a step came to are not those expected."""
    if expect.alerts is None:
        return
    reached: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event, ThresholdReached):
            reached[event.threshold.budget].append(event.percent)
    wanted = {name: sorted(percents) for name, percents in expect.alerts.items() if percents}
    got = {name: sorted({*percents}) for name, percents in reached.items()}
    if wanted != got:
        reply = "; ".join(
            f"{name} came to {', '.join(f'{percent} %' for percent in percents)}"
            for name, percents in got.items()
        )
        yield Mismatch(
            (*route, "alerts"),
            "other thresholds were reported",
            "not these",
            (f"{reply or 'No budget came to a threshold'}.",),
        )


def judge_sums(
    expect: ExpectTable, route: Route, sums: Sums, budgets: Mapping[str, Budget]
) -> Iterator[Mismatch]:
    """Yield each sum that is not what it is expected to be."""
    yield from _judge_sums(expect.spent, (*route, "spent"), sums, budgets)
    yield from _judge_sums(expect.held, (*route, "held"), sums, budgets, is_held=True)


def _judge_sums(
    stated: Mapping[str, StatedSum],
    route: Route,
    sums: Sums,
    budgets: Mapping[str, Budget],
    *,
    is_held: bool = False,
) -> Iterator[Mismatch]:
    for each in stated_sums(stated, budgets):
        got = sums.read(each, _measured(each, is_held=is_held))
        if got == each.amount:
            continue
        measure = each.budget.measure
        place = (*route, each.budget.name, *(() if each.part is None else (each.part,)))
        verb = "held" if is_held else "spent"
        yield Mismatch(
            place,
            f"{amount_words(got, measure)} is {verb}, not {amount_words(each.amount, measure)}",
            f"got {amount_words(got, measure)}",
        )


def _measured(each: SumOf, *, is_held: bool) -> Callable[[StoredBalance], int]:
    measure = each.budget.measure
    if is_held:
        return lambda balance: balance.held(measure)
    return lambda balance: balance.spent(measure)


def _differs(
    route: Route, key: str, wanted: object, got: object, reply: tuple[str, ...]
) -> Mismatch:
    name = key.replace("_", " ")
    said = _shown(got)
    return Mismatch((*route, key), f"{name} is {said}, not {_shown(wanted)}", f"got {said}", reply)


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, cast('list[object]', value)))}]"
    if isinstance(value, int):
        return f"{value:,}"
    return f'"{value}"' if isinstance(value, str) else f"{value:f}"
