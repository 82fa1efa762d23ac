"""What two policies differ in, and what of it makes them tighter (PLN-1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from corvus.autonomy.decide import Autonomy
from corvus.model.budget import Budget, Measure
from corvus.model.policy import Policy
from corvus.model.price import Price


class Effect(StrEnum):
    """What a change does to calls: fewer pass as they are, more do, or it depends on the call."""

    TIGHTENS = "tightens"
    LOOSENS = "loosens"
    DEPENDS = "depends"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs.

    Attributes:
        name: The key, such as ``limit`` or ``cost.wait_seconds``.
        before: As the old policy has it; ``None`` where it has none.
        after: As the new one has it; ``None`` where it has none.
    """

    name: str
    before: Any
    after: Any
    effect: Effect


class Fate(StrEnum):
    """What became of a budget."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """What two policies say of the budget of one name.

    Attributes:
        before: As the old policy has it.
        after: As the new one has it.
        changes: Of one that both have.
        is_governed: Whether either policy governs spend at all (EVA-11).
    """

    name: str
    before: Budget | None
    after: Budget | None
    changes: tuple[Change, ...]
    is_governed: bool = True

    @property
    def fate(self) -> Fate:
        """What became of it."""
        if self.before is None:
            return Fate.ADDED
        if self.after is None:
            return Fate.REMOVED
        return Fate.CHANGED if self.changes else Fate.SAME

    @property
    def effect(self) -> Effect:
        """What all of its changes do together."""
        if self.before is None or self.after is None:
            only = self.after or self.before
            assert only is not None, "it is of one of the two"
            if not self.is_governed or not _limits_anything(only):
                return Effect.NONE
            return Effect.TIGHTENS if self.before is None else Effect.LOOSENS
        return _together(change.effect for change in self.changes)


@dataclass(frozen=True, slots=True)
class Difference:
    """What two policies differ in.

    Attributes:
        budgets: Of every budget, in the order of the new policy; those that were removed last.
        settings: What is no budget: prices, the ladder, missions, actions.
    """

    budgets: tuple[BudgetChange, ...]
    settings: tuple[Change, ...]

    @property
    def tightens(self) -> bool:
        """Whether anything makes the new policy tighter."""
        effects = [budget.effect for budget in self.budgets if budget.fate is not Fate.SAME]
        effects += [change.effect for change in self.settings]
        return Effect.TIGHTENS in effects or Effect.DEPENDS in effects

    @property
    def is_empty(self) -> bool:
        """Whether both enforce the same."""
        return not self.settings and all(each.fate is Fate.SAME for each in self.budgets)


def difference(before: Policy, after: Policy) -> Difference:
    """Return what two policies differ in."""
    old = {budget.name: budget for budget in before.budgets}
    new = {budget.name: budget for budget in after.budgets}
    names = [*new, *(name for name in old if name not in new)]
    is_governed = before.enabled or after.enabled
    budgets = tuple(
        BudgetChange(
            name,
            old.get(name),
            new.get(name),
            tuple(_of_budget(old, new, name, is_governed=is_governed)),
            is_governed,
        )
        for name in names
    )
    settings = [*_of_settings(before, after), *_of_prices(before.prices, after.prices)]
    if not is_governed:
        settings = [
            replace(change, effect=Effect.NONE) if change.name.startswith("cost.") else change
            for change in settings
        ]
    return Difference(budgets, (*settings, *_of_autonomy(before.autonomy, after.autonomy)))


_Judge = Callable[[Any, Any], Effect]


def _lower(before: Any, after: Any) -> Effect:
    return Effect.TIGHTENS if after < before else Effect.LOOSENS


def _higher(before: Any, after: Any) -> Effect:
    return Effect.TIGHTENS if after > before else Effect.LOOSENS


def _limit(before: int, after: int) -> Effect:
    """Compare limits, of which 0 is none."""
    return _lower(before or float("inf"), after or float("inf"))


def _limits(before: Any, after: Any) -> Effect:
    old, new = dict(before), dict(after)
    if old.keys() != new.keys():
        return Effect.DEPENDS
    return _together(_limit(old[glob], new[glob]) for glob in old if old[glob] != new[glob])


def _fewer(before: Any, after: Any) -> Effect:
    """Compare lists of ways to pass."""
    if set(after) < set(before):
        return Effect.TIGHTENS
    return Effect.LOOSENS if set(after) > set(before) else Effect.DEPENDS


def _depends(before: Any, after: Any) -> Effect:
    return Effect.DEPENDS


def _none(before: Any, after: Any) -> Effect:
    return Effect.NONE


def _word(tight: object) -> _Judge:
    return lambda before, after: Effect.TIGHTENS if after == tight else Effect.LOOSENS


_BUDGET: Mapping[str, _Judge] = {
    "limit": _limit,
    "limits": _limits,
    "period": _depends,
    "window_seconds": _depends,
    "timezone": _depends,
    "measure": _depends,
    "match": _depends,
    "per": _depends,
    "enforce": _word("block"),
    "on_exceeded": _fewer,
    "thresholds": _none,
}
"""Which changes of a budget let fewer calls pass: the one table."""

_SETTINGS: Mapping[str, tuple[str, _Judge]] = {
    "enabled": ("cost.enabled", _word(True)),
    "allow_override": ("cost.allow_override", _word(False)),
    "unpriced_models": ("cost.unpriced_models", _word("deny")),
    "hold": ("cost.hold", _word("maximum")),
    "default_output_tokens": ("cost.default_output_tokens", _higher),
    "cap_at_least_tokens": ("cost.cap_at_least_tokens", _higher),
    "wait_seconds": ("cost.wait_seconds", _lower),
    "ask_seconds": ("cost.ask_seconds", _lower),
    "reservation_ttl_seconds": ("cost.reservation_ttl_seconds", _higher),
    "downgrade": ("cost.downgrade", _depends),
    "pinned_book_sha256": ("governance.prices.book", _depends),
}
"""The same of everything that is no budget, with its key."""

_MISSION: Mapping[str, tuple[str, _Judge]] = {
    "enabled": ("mission.enabled", _word(True)),
    "max_steps": ("mission.max_steps", _limit),
    "max_runtime_seconds": ("mission.max_runtime_ms", _limit),
}


def _of_budget(
    old: Mapping[str, Budget], new: Mapping[str, Budget], name: str, *, is_governed: bool
) -> Iterator[Change]:
    before, after = old.get(name), new.get(name)
    if before is None or after is None:
        return
    is_inert = not (is_governed and (_limits_anything(before) or _limits_anything(after)))
    for key, judge in _BUDGET.items():
        was, is_ = getattr(before, key), getattr(after, key)
        if was == is_ or (key == "on_exceeded" and "warn" in (before.enforce, after.enforce)):
            continue  # what only warns has no ladder
        if is_inert:
            yield Change(key, was, is_, Effect.NONE)
            continue
        is_comparable = before.measure is after.measure or key not in ("limit", "limits")
        yield Change(key, was, is_, judge(was, is_) if is_comparable else Effect.DEPENDS)


def _of_settings(before: Policy, after: Policy) -> Iterator[Change]:
    pairs = (
        *((key, judge, getattr(before, name), getattr(after, name))
          for name, (key, judge) in _SETTINGS.items()),
        *((key, judge, getattr(before.mission, name), getattr(after.mission, name))
          for name, (key, judge) in _MISSION.items()),
    )  # fmt: skip
    for key, judge, was, is_ in pairs:
        if was != is_:
            yield Change(key, was, is_, judge(was, is_))


def _of_prices(before: tuple[Price, ...], after: tuple[Price, ...]) -> Iterator[Change]:
    old, new = _by_key(before), _by_key(after)
    for key in dict.fromkeys([*new, *old]):
        was, is_ = old.get(key), new.get(key)
        if was != is_:
            yield Change(f"cost.prices.{key}", was, is_, Effect.DEPENDS)


def _of_autonomy(before: Autonomy, after: Autonomy) -> Iterator[Change]:
    """Compare what decides on actions, which is in the way of no call."""
    for field in fields(Autonomy):
        was, is_ = getattr(before, field.name), getattr(after, field.name)
        if was != is_:
            yield Change(f"autonomy.{field.name}", was, is_, Effect.NONE)


def _by_key(prices: tuple[Price, ...]) -> dict[str, tuple[Price, ...]]:
    found: dict[str, tuple[Price, ...]] = {}
    for price in prices:
        found[price.key] = (*found.get(price.key, ()), price)
    return found


def _together(effects: Any) -> Effect:
    found = {effect for effect in effects if effect is not Effect.NONE}
    if not found:
        return Effect.NONE
    return next(iter(found)) if len(found) == 1 else Effect.DEPENDS


def _limits_anything(budget: Budget) -> bool:
    has_limit = bool(budget.limit) or any(limit for _, limit in budget.limits)
    return has_limit and budget.enforce == "block"


def is_money(budget: Budget) -> bool:
    """Return whether the limit of a budget is an amount of money."""
    return budget.measure is Measure.USD
