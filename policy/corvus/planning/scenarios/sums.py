"""The sums of budgets as a case states them: what stands before, and what stands after a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from corvus.base.money import NANO_USD_PER_USD, nano_usd
from corvus.base.period import Period
from corvus.base.time import microseconds
from corvus.governor.engine import Engine
from corvus.governor.rules import SumPlace, budgets_to_register, part_of_call
from corvus.governor.thresholds import is_open, note_sums
from corvus.model.budget import Budget, Measure, part_named
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.store.api import BalanceKey, StoredBalance
from corvus.store.unit import Unit

Number: TypeAlias = int | Decimal
StatedSum: TypeAlias = Number | Mapping[str, Number]
"""In the unit of the budget; a table has one for each part."""


class SumOf(NamedTuple):
    """One sum that a case states.

    Attributes:
        budget: Its budget.
        part: Of a budget with ``per``, as it is written; ``None`` is that of the call.
        amount: In the unit of the budget's measure.
    """

    budget: Budget
    part: str | None
    amount: int


def budgets_by_name(policy: Policy) -> dict[str, Budget]:
    """Return the budgets that a case may name: the policy's, and that of missions."""
    return {budget.name: budget for budget in budgets_to_register(policy)}


def stated_sums(sums: Mapping[str, StatedSum], budgets: Mapping[str, Budget]) -> Iterator[SumOf]:
    """Yield the sums of a table, each in the unit of its budget.

    Args:
        sums: By name of the budget; all of them are known.
        budgets: Those of the policy by name.
    """
    for name, stated in sums.items():
        budget = budgets[name]
        if isinstance(stated, Mapping):
            for part, number in stated.items():
                yield SumOf(budget, part, amount_of(number, budget.measure))
        else:
            yield SumOf(budget, None, amount_of(stated, budget.measure))


def amount_of(number: Number, measure: Measure) -> int:
    """Return a number of USD, tokens or calls in the unit of its measure."""
    return nano_usd(number) if measure is Measure.USD else int(number)


def number_of(amount: int, measure: Measure) -> Number:
    """Write an amount in the unit of a budget, exact and as short as that is."""
    if measure is not Measure.USD:
        return amount
    usd = (Decimal(amount) / NANO_USD_PER_USD).normalize()
    return int(usd) if usd == usd.to_integral_value() else usd


class Sums:
    """The sums in the store of one case, for the calls of whoever makes its first one.

    Args:
        engine: Runs the case.
        request: Its first call; its session, mission and attributes say which sums are meant.
    """

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request

    def read(self, sum_of: SumOf, measured: Callable[[StoredBalance], int]) -> int:
        """Return what stands in a sum now.

        Args:
            sum_of: Which one; its amount says nothing.
            measured: Returns it of the balance.
        """
        return self._engine.store.run(
            lambda unit: measured(unit.balance(self._place(unit, sum_of).key))
        )

    def write(self, spent: list[SumOf], held: list[SumOf]) -> None:
        """Have sums stand where a case says, with the thresholds reported that they have passed."""

        def step(unit: Unit) -> None:
            for sum_of in spent:
                self._change(unit, sum_of, _spend)
            for sum_of in held:
                self._change(unit, sum_of, _hold)

        self._engine.store.run(step)

    def _change(
        self, unit: Unit, sum_of: SumOf, change: Callable[[StoredBalance, SumOf], None]
    ) -> None:
        place = self._place(unit, sum_of)
        key = place.key
        if sum_of.budget.period is Period.WINDOW and not is_open(unit, key):
            unit.open_window(key.budget_id, key.part, key.window_start_us)
        balance = unit.balance(key)
        change(balance, sum_of)
        unit.put_balance(balance)
        note_sums(unit, self._engine.rules, [place], [balance], self._request)

    def _place(self, unit: Unit, sum_of: SumOf) -> SumPlace:
        budget, request = sum_of.budget, self._request
        budget_id = next(
            key for key, each in self._engine.rules.budgets.items() if each.name == budget.name
        )
        part = part_of_call(budget, request.attributes)
        if sum_of.part is not None:
            part = part_named(budget.per, sum_of.part)
        session, project = request.session_id, request.project or ""
        match budget.period:
            case Period.SESSION:
                return SumPlace(BalanceKey(budget_id, 0, session, "", project, part), None)
            case Period.MISSION:
                mission = request.mission_id or ""
                return SumPlace(BalanceKey(budget_id, 0, session, mission, project, part), None)
            case Period.TOTAL:
                return SumPlace(BalanceKey(budget_id, part=part), None)
            case Period.WINDOW:
                start_us = self._opened(unit, budget, budget_id, part)
            case _:
                start_us = 0
        counting = self._engine.register.counting(unit)
        window = counting.window(budget, unit.now, start_us)
        assert window is not None, f"{budget.period} has windows"
        return SumPlace(BalanceKey(budget_id, microseconds(window.start), part=part), window)

    def _opened(self, unit: Unit, budget: Budget, budget_id: int, part: str) -> int:
        opened = unit.window_opened(budget_id, part, unit.now_us)
        is_over = opened is None or unit.now_us >= opened + budget.window_seconds * 1_000_000
        return unit.now_us if opened is None or is_over else opened


def _spend(balance: StoredBalance, sum_of: SumOf) -> None:
    match sum_of.budget.measure:
        case Measure.USD:
            balance.spent_nano_usd += sum_of.amount
        case Measure.TOKENS:
            balance.tokens += sum_of.amount
        case Measure.CALLS:
            balance.calls += sum_of.amount


def _hold(balance: StoredBalance, sum_of: SumOf) -> None:
    match sum_of.budget.measure:
        case Measure.USD:
            balance.held_nano_usd += sum_of.amount
        case Measure.TOKENS:
            balance.held_tokens += sum_of.amount
        case Measure.CALLS:
            balance.held_calls += sum_of.amount
