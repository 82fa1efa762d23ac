"""Writes cases from recorded calls: what stood when a call came, and what the policy makes of it.

The sums are those that were there: every call before passes as it passed. What is expected is what
came of the case when it was run, so that it comes true as it is written. A case says no more than
it takes for that: what makes no difference is left out, and so are the names of sessions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from corvus.base.time import instant_at
from corvus.config.model.case_tables import CasesTable
from corvus.diagnostics.secrets import scrub
from corvus.model.budget import TAG, Measure, Rung
from corvus.model.decision import BudgetState, BudgetStatus, Denial
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.planning.recorded import RecordedCall, RecordedEvent
from corvus.planning.replay import Replay
from corvus.planning.scenarios.judging import decision_word
from corvus.planning.scenarios.queue import MadeCall
from corvus.planning.scenarios.running import run_case
from corvus.planning.scenarios.sums import number_of
from corvus.prices.lookup import PriceBooks

Body: TypeAlias = dict[str, Any]
"""A table of a case, as TOML has it."""
_NEVER_US = 2**62
_SIZE = ("model", "estimate_usd", "input_tokens", "max_output_tokens")
"""What every call says."""
_NAMED = ("project", "user", "agent", "subagent", "token", "branch", "surface")
"""Attributes that a call states by itself."""


class RecordedCase(NamedTuple):
    """A case of a recorded call.

    Attributes:
        body: The table.
        remark: What there is to know about it; empty where nothing is.
        call: The call.
    """

    body: Body
    remark: str
    call: RecordedCall


class _Moment(NamedTuple):
    """A recorded call, and what stood in the budgets of the policy when it came."""

    call: RecordedCall
    statuses: tuple[BudgetStatus, ...]


class Choice(NamedTuple):
    """Which recorded calls are written.

    Attributes:
        since: The calls that came before are only counted; aware.
        session: The calls of this session, in their order; else the latest of each kind of
            decision.
        most: How many at most.
    """

    since: datetime
    session: str | None = None
    most: int = 20


def recorded_cases(
    events: Iterable[RecordedEvent], policy: Policy, books: PriceBooks, choice: Choice
) -> Iterator[RecordedCase]:
    """Yield cases of recorded calls.

    Args:
        events: What the ledger has, from when on it counts in the sums of the chosen calls.
        policy: What the cases are of.
        books: Its prices.
        choice: Which calls are written.
    """
    names, writer = set[str](), CaseWriter(policy, books)
    for moment in [*_moments(events, policy, books, choice).values()][: choice.most]:
        case = writer.case(moment)
        if case is None:
            continue
        name, number = case.body["name"], 2
        while case.body["name"] in names:
            case.body["name"] = f"{name}, {number}"
            number += 1
        names.add(case.body["name"])
        yield case


def _moments(
    events: Iterable[RecordedEvent], policy: Policy, books: PriceBooks, choice: Choice
) -> dict[Hashable, _Moment]:
    replay = Replay(policy, books, lambda outcome: None, judges_from_us=_NEVER_US)
    found: dict[Hashable, _Moment] = {}
    for event in events:
        if isinstance(event, RecordedCall) and event.decision is not None:
            is_wanted = choice.session in (None, event.request.session_id)
            if is_wanted and instant_at(event.requested_us) >= choice.since:
                kind = event.id if choice.session is not None else _kind(event)
                if kind not in found or not _is_plain(event):
                    statuses = replay.weigh(event.request, event.requested_us).decision.statuses
                    found.pop(kind, None)
                    found[kind] = _Moment(event, statuses)
        replay.take(event)
    return found


def _kind(call: RecordedCall) -> Hashable:
    decision = call.decision
    assert decision is not None, "it was decided"
    return decision.denial, decision.budget, decision.rungs


def _is_plain(call: RecordedCall) -> bool:
    decision = call.decision
    return decision is not None and decision.denial is None and not decision.rungs


class CaseWriter:
    """Writes cases of one policy.

    Args:
        policy: The policy.
        books: Its prices.
    """

    def __init__(self, policy: Policy, books: PriceBooks) -> None:
        self._policy = policy
        self._books = books
        stated = {name for budget in policy.budgets for name, _ in budget.match}
        self._stated = stated | {name for budget in policy.budgets for name in budget.per}

    def case(self, moment: _Moment) -> RecordedCase | None:
        """Return a case that comes true; ``None`` where the call cannot be described again."""
        call = moment.call
        body: Body = {
            "name": "recorded",
            "at": instant_at(call.requested_us).replace(microsecond=0),
            "given": self._given(moment),
            "call": self._call(call.request),
        }
        made = self._made(body)
        if made is None:
            return None
        expect = _expectation(made)
        self._shrink(body, expect)
        if not body["given"]:
            del body["given"]
        name = _name(expect, call.request.model)
        whole = {**body, "name": name, "expect": expect}
        return RecordedCase(whole, _remark(call, made), call)

    def finished(self, body: Body) -> Body | None:
        """Return a case with what comes of it; ``None`` where its call cannot be made.

        Args:
            body: What stands before, and the call.
        """
        made = self._made({"name": "first", **body})
        return None if made is None else {**body, "expect": _expectation(made)}

    def _given(self, moment: _Moment) -> Body:
        spent: Body = {}
        held: Body = {}
        for status in moment.statuses:
            measure, name = status.budget.measure, status.budget.name
            if status.spent:
                spent[name] = number_of(status.spent, measure)
            if status.held:
                held[name] = number_of(status.held, measure)
        given: Body = {key: sums for key, sums in (("spent", spent), ("held", held)) if sums}
        decision = moment.call.decision
        if decision is not None and decision.override_id is not None:
            given["override"] = True
        return given

    def _call(self, request: Request) -> Body:
        """Describe a call again, by its tokens where they come to the same estimate."""
        body: Body = {"model": scrub(request.model)}
        for name in _NAMED:
            value = getattr(request, name)
            if value is not None and name in self._stated:
                body[name] = scrub(value)
        if "provider" in self._stated:
            body["provider"] = scrub(request.provider)
        tags = {key: scrub(value) for key, value in request.tags if f"{TAG}{key}" in self._stated}
        if tags:
            body["tags"] = tags
        if request.mission_id is not None:
            body["mission"] = "mission"
        if len(request.rungs) < len(Rung):
            body["rungs"] = [rung.value for rung in request.rungs]
        return {**body, **self._size(body, request)}

    def _size(self, body: Body, request: Request) -> Body:
        most = request.output_tokens
        by_tokens: Body = {}
        if most is not None and request.estimate_tokens >= most:
            by_tokens = {
                "input_tokens": request.estimate_tokens - most,
                "max_output_tokens": most,
            }
        if request.estimate_nano_usd is None:
            return by_tokens
        if by_tokens:
            made = self._made({"name": "size", "call": {**body, **by_tokens}})
            if made is not None and made.request.estimate_nano_usd == request.estimate_nano_usd:
                return by_tokens
        usd = {"estimate_usd": number_of(request.estimate_nano_usd, Measure.USD)}
        counts_tokens = any(each.measure is Measure.TOKENS for each in self._policy.budgets)
        if counts_tokens and request.estimate_tokens:
            usd |= {"input_tokens": request.estimate_tokens, "max_output_tokens": 0}
        return usd

    def _shrink(self, body: Body, expect: Body) -> None:
        """Leave out what makes no difference, but for whose sum it is."""
        named = {budget.name: budget for budget in self._policy.budgets}
        governing = named.get(expect.get("budget", ""))
        kept = {*_SIZE, *(governing.per if governing is not None else ())}
        given: Body = body["given"]
        for sums in (given.get("held", {}), given.get("spent", {}), body["call"]):
            for key in [*sums]:
                if key in kept:
                    continue
                value = sums.pop(key)
                made = self._made(body)
                if made is None or _expectation(made) != expect:
                    sums[key] = value
        for key in [key for key, sums in given.items() if not sums]:
            del given[key]

    def _made(self, body: Body) -> MadeCall | None:
        """Run a case, and return its call; ``None`` where it cannot be made."""
        whole = {**body, "expect": {"decision": "allowed"}}
        table = CasesTable.model_validate({"case": [whole]})
        calls = run_case(table, table.case[0], ("case", 0), self._policy, self._books).calls
        return calls[0] if calls else None


def _expectation(made: MadeCall) -> Body:
    """Return what came of a call, as a case expects it."""
    word = decision_word(made, first=True)
    decision = made.asked if made.paused is not None or made.decision is None else made.decision
    expect: Body = {"decision": word}
    if decision.denial not in (None, Denial.BUDGET_EXCEEDED):
        expect["reason"] = decision.denial.value
        return expect
    if decision.governing is not None and decision.governing.budget.limit:
        expect["budget"] = decision.governing.budget.name
        if decision.state is BudgetState.WARNING:
            expect["state"] = decision.state.word
    if decision.override_id is not None:
        expect["override"] = True
    if word == "allowed" and decision.rungs:
        expect["rungs"] = [rung.value for rung in decision.rungs]
    if decision.downgraded_from is not None:
        expect["model"] = decision.model
    if decision.output_cap_tokens is not None:
        expect["output_cap_tokens"] = decision.output_cap_tokens
    return expect


def _name(expect: Mapping[str, Any], model: str) -> str:
    model = scrub(model)
    budget = expect.get("budget")
    match expect["decision"]:
        case "refused":
            reason = expect.get("reason")
            return f"{budget} refuses {model}" if reason is None else f"{model}: {reason}"
        case "waits":
            return f"{model} waits for what others hold of {budget}"
        case "asks":
            return f"{model} asks a person, for {budget}"
        case _ if expect.get("override"):
            return f"an override lets {model} pass"
        case _ if expect.get("rungs"):
            return f"{model} passes by {', '.join(expect['rungs'])}"
        case _:
            return f"{budget} lets {model} pass" if budget else f"{model} passes"


def _remark(call: RecordedCall, made: MadeCall) -> str:
    """Say how the decision of the time differs, if it does."""
    decision = call.decision
    assert decision is not None, "it was decided"
    was = "allowed" if decision.denial is None else "refused"
    word = decision_word(made, first=True)
    if word in (was, "waits", "asks"):
        return ""
    return f"It was {was} then: the policy, or what the call could follow, is another now."
