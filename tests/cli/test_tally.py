"""The line at the end of a run: what was done to its calls so that they fit (EVA-14)."""

from __future__ import annotations

from corvus.cli.agents.tally import Tally
from corvus.model.budget import Rung
from corvus.model.decision import BudgetState, Decision, Denial


def allowed(*rungs: Rung, waited_seconds: float = 0.0) -> Decision:
    return Decision(BudgetState.ALLOWED, (), rungs=rungs, waited_seconds=waited_seconds)


DENIED = Decision(BudgetState.EXCEEDED, (), Denial.BUDGET_EXCEEDED, waited_seconds=20.0)


def test_nothing_is_said_of_calls_that_passed_as_they_were() -> None:
    tally = Tally()
    tally.hear(allowed())
    assert tally.line() is None
    assert tally.admitted == 1


def test_each_rung_is_said_with_how_often_it_was_applied() -> None:
    tally = Tally()
    for verdict in (
        allowed(Rung.CAP),
        allowed(Rung.WAIT, Rung.CAP, waited_seconds=1.6),
        allowed(Rung.DOWNGRADE),
        allowed(Rung.ASK, waited_seconds=4.0),
        allowed(),
        DENIED,
    ):
        tally.hear(verdict)
    assert tally.line() == (
        "corvus: of 6 calls, 2 capped, 1 waited (2 s in all), 1 went to another model, "
        "1 approved by a person, 1 refused"
    )
    assert tally.last is DENIED


def test_a_call_that_no_budget_had_to_decide_on_is_not_counted() -> None:
    tally = Tally()
    tally.hear("the body must be a JSON object")
    assert (tally.last, tally.refused, tally.line()) == (
        None,
        "the body must be a JSON object",
        None,
    )
