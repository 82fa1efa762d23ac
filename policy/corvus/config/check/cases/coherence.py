"""What no single key of a policy test shows to be wrong: keys that exclude or need each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from corvus.base.globs import glob_fault
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.model.case_tables import (
    VERBS,
    CallTable,
    CasesTable,
    CaseTable,
    ExpectTable,
    SettleTable,
    StepTable,
)
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route

_OF_ALL_STEPS = frozenset({"spent", "held", "alerts"})
"""Keys of ``expect`` that go with every step."""
_OF_ACTIONS = frozenset({"verdict"})
_OF_REFUSALS = frozenset({"reason", "message"})
_OF_PERMISSIONS = frozenset({"model", "output_cap_tokens", "override"})


def report_incoherent(table: CasesTable, reporter: Reporter, places: Sequence[int]) -> None:
    """Report what is wrong between the keys of cases that have the right types.

    Args:
        table: Those cases.
        reporter: Receives the findings.
        places: Where each of them stands among all cases of the file.
    """
    names: dict[str, Route] = {}
    for index, case in zip(places, table.case, strict=True):
        route: Route = ("case", index)
        _report_name(case.name, (*route, "name"), names, "case", reporter)
        _report_case(table, case, route, reporter)


def _report_case(table: CasesTable, case: CaseTable, route: Route, reporter: Reporter) -> None:
    if case.step and case.call is not None:
        _report_conflict(route, "step", "call", "A case is one call, or steps.", reporter)
    elif case.step and case.expect is not None:
        _report_conflict(route, "expect", "step", "Each step has its own `expect`.", reporter)
    elif case.step:
        _Steps(table, reporter).report(case.step, route)
    elif case.call is None:
        help_ = ('Write `call = { model = "…", input_tokens = … }`, or `[[case.step]]`.',)
        message = f"`{reporter.header(route)}` lacks `call` or `step`"
        reporter.add(Finding("missing-key", message, KeyOf(route), "incomplete", help_))
    else:
        _report_call(table, case.call, (*route, "call"), reporter)
        if case.expect is None:
            help_ = ('Write `expect = { decision = "refused" }`, or what else it must come to.',)
            message = f"`{reporter.header(route)}` lacks `expect`, so it tests nothing"
            reporter.add(Finding("missing-key", message, KeyOf(route), "incomplete", help_))
        else:
            _report_expect(case.expect, (*route, "expect"), "call", reporter)


class _Steps:
    """Checks the steps of one case, in order.

    Args:
        table: The file.
        reporter: Receives the findings.
    """

    def __init__(self, table: CasesTable, reporter: Reporter) -> None:
        self._table = table
        self._reporter = reporter
        self._names: dict[str, Route] = {}
        self._has_call = False
        self._expects = False

    def report(self, steps: Sequence[StepTable], route: Route) -> None:
        """Report what is wrong with the steps of a case."""
        for index, step in enumerate(steps):
            self._report_step(step, (*route, "step", index))
        if not self._expects:
            message = f"no step of `{self._reporter.header(route)}` has `expect`: it tests nothing"
            help_ = ('Write `expect = { decision = "refused" }` in the step that matters.',)
            finding = Finding("missing-key", message, KeyOf(route), "incomplete", help_)
            self._reporter.add(finding)

    def _report_step(self, step: StepTable, route: Route) -> None:
        verbs = [verb for verb in VERBS if getattr(step, verb) is not None]
        if not verbs:
            message = f"`{self._reporter.header(route)}` says nothing that happens"
            help_ = (f"A step has one of {', '.join(VERBS)}.",)
            found = Finding("missing-key", message, KeyOf(route), "incomplete", help_)
            self._reporter.add(found)
            return
        for other in verbs[1:]:
            _report_conflict(route, other, verbs[0], "One thing happens in a step.", self._reporter)
        if len(verbs) == 1:
            self._report_verb(step, verbs[0], route)
        if step.expect is not None:
            self._expects = True
            _report_expect(step.expect, (*route, "expect"), verbs[0], self._reporter)

    def _report_verb(self, step: StepTable, verb: str, route: Route) -> None:
        reporter = self._reporter
        for place, name in _named_calls(step, route):
            if name is not None and name not in self._names:
                self._report_name_of_call(place, name)
            elif name is None and not self._has_call:
                message = f"`{reporter.shown(route)}` follows no call"
                found = Finding("invalid-value", message, KeyOf(place), "of which call?")
                reporter.add(found)
        if step.call is not None:
            self._has_call = True
            _report_call(self._table, step.call, (*route, "call"), reporter)
        if step.name is not None:
            self._report_name(step, step.name, (*route, "name"))
        if step.settle is not None:
            _report_settle(step.settle, (*route, "settle"), reporter)
        if step.act is not None and (step.act.command is None) == (step.act.tool is None):
            message = (
                f"`{reporter.shown((*route, verb))}` needs a `command` or a `tool`, one of them"
            )
            found = Finding("missing-key", message, KeyOf((*route, verb)), "incomplete")
            reporter.add(found)

    def _report_name(self, step: StepTable, name: str, route: Route) -> None:
        if step.call is not None:
            _report_name(name, route, self._names, "call", self._reporter)
            return
        message = f"`{self._reporter.shown(route)}` names what is no call"
        help_ = ("Other steps name calls only.",)
        self._reporter.add(Finding("conflicting-keys", message, KeyOf(route), "of no call", help_))

    def _report_name_of_call(self, place: Route, name: str) -> None:
        near = closest(name, self._names)
        known = ", ".join(self._names)
        help_ = (
            (f"Did you mean `{near}`?",)
            if near
            else (f"The calls before it are {known}.",)
            if known
            else ('Name the step of the call: `name = "first"`.',)
        )
        message = f"no call before it is named {self._reporter.quoted(name)}"
        found = Finding("invalid-value", message, ValueOf(place), "no such call", help_)
        self._reporter.add(found)


class _Named(NamedTuple):
    place: Route
    name: str | None


def _named_calls(step: StepTable, route: Route) -> Iterator[_Named]:
    """Yield the calls that a step is about, and where it names them; ``None`` is the last one."""
    if step.settle is not None:
        yield _Named((*route, "settle", "call"), step.settle.call)
    if step.approve is not None:
        yield _Named((*route, "approve", "call"), step.approve.call)
    for verb in ("release", "deny"):
        if (name := getattr(step, verb)) is not None:
            yield _Named((*route, verb), name)


def _report_settle(settle: SettleTable, route: Route, reporter: Reporter) -> None:
    tokens = [key for key in ("input_tokens", "output_tokens") if getattr(settle, key) is not None]
    if settle.cost_usd is not None and tokens:
        words = "What it cost is stated, or follows from what it used."
        _report_conflict(route, tokens[0], "cost_usd", words, reporter)


def _report_call(table: CasesTable, call: CallTable, route: Route, reporter: Reporter) -> None:
    if call.model is None and (table.call is None or table.call.model is None):
        help_ = ("Write it here, or for all calls in `[call]` at the top of the file.",)
        message = f"`{reporter.shown(route)}` lacks `model`"
        reporter.add(Finding("missing-key", message, KeyOf(route), "incomplete", help_))


def _report_expect(expect: ExpectTable, route: Route, verb: str, reporter: Reporter) -> None:
    stated = sorted(expect.model_fields_set)
    if not stated:
        message = f"`{reporter.shown(route)}` expects nothing"
        reporter.add(Finding("missing-key", message, ValueOf(route), "empty"))
    for key in stated:
        if key in _OF_ALL_STEPS:
            continue
        if key in _OF_ACTIONS and verb != "act":
            _report_misplaced(route, key, "It is about an action, `act`.", reporter)
        elif key not in _OF_ACTIONS and verb != "call":
            words = "It is about a call: the step of the call has its own `expect`."
            _report_misplaced(route, key, words, reporter)
    _report_decision(expect, route, reporter)
    if expect.message is not None and (fault := glob_fault(expect.message)):
        place = (*route, "message")
        message = f"`{reporter.shown(place)}`: {reporter.seen(place, expect.message)} {fault}"
        reporter.add(Finding("invalid-value", message, ValueOf(place), "not a glob"))


def _report_decision(expect: ExpectTable, route: Route, reporter: Reporter) -> None:
    """Report what a call cannot come to together with its decision."""
    never = {
        "allowed": _OF_REFUSALS,
        "refused": _OF_PERMISSIONS,
        "waits": _OF_PERMISSIONS | {"waited_seconds"},
        "asks": _OF_PERMISSIONS | {"waited_seconds"},
    }
    for key in sorted(never.get(expect.decision or "", frozenset())):
        if getattr(expect, key) is not None:
            words = f'A call with `decision = "{expect.decision}"` has none.'
            _report_misplaced(route, key, words, reporter)


def _report_misplaced(route: Route, key: str, words: str, reporter: Reporter) -> None:
    place = (*route, key)
    message = f"`{reporter.shown(place)}` can never be met here"
    reporter.add(Finding("conflicting-keys", message, KeyOf(place), "never met", (words,)))


def _report_conflict(route: Route, key: str, other: str, words: str, reporter: Reporter) -> None:
    place = (*route, key)
    message = f"`{reporter.shown(place)}` and `{other}` exclude each other"
    related = ((KeyOf((*route, other)), "the other one"),)
    found = Finding("conflicting-keys", message, KeyOf(place), "one too many", (words,), related)
    reporter.add(found)


def _report_name(
    name: str, route: Route, names: dict[str, Route], what: str, reporter: Reporter
) -> None:
    """Report a name that another case, or call, has."""
    if name not in names:
        names[name] = route
        return
    message = f"another {what} is named {reporter.quoted(name)}, too"
    related = ((ValueOf(names[name]), "first here"),)
    help_ = (f"Give each {what} a name of its own.",)
    found = Finding("duplicate-item", message, ValueOf(route), "again", help_, related)
    reporter.add(found)


def report_empty(reporter: Reporter) -> None:
    """Report that a file has no case."""
    help_ = ("Each case begins with a header of its own, `[[case]]`.",)
    message = "the file has no case, so it tests nothing"
    reporter.add(Finding("missing-key", message, KeyOf(()), "no case", help_))
