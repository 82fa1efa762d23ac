"""Writes the first cases of a policy: for each budget a call that comes when nothing is left.

They come true as they are written, and show what each budget does at its limit; what its authors
meant is for them to add.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from corvus.base.globs import glob_matches
from corvus.base.period import Period
from corvus.model.budget import TAG, Budget, Measure
from corvus.model.policy import Policy
from corvus.planning.scenarios.recording import Body, CaseWriter
from corvus.planning.scenarios.sums import number_of
from corvus.prices.lookup import PriceBooks

_MODEL = "claude-sonnet-4-5"
_USD = Decimal("0.01")
_TOKENS = 1000


def first_cases(policy: Policy, books: PriceBooks) -> Iterator[Body]:
    """Yield a case for each budget that limits something.

    Args:
        policy: What the cases are of.
        books: Its prices.
    """
    writer = CaseWriter(policy, books)
    for budget in policy.budgets:
        call = _call(budget)
        if not budget.limit or call is None:
            continue
        given = {"spent": {budget.name: number_of(budget.limit, budget.measure)}}
        body = writer.finished({"given": given, "call": call})
        if body is not None:
            yield {**body, "name": f"{budget.name} at its limit"}


def _call(budget: Budget) -> Body | None:
    """Return a call that a budget counts; ``None`` where none is found."""
    call: Body = {"model": _MODEL}
    tags: Body = {}
    stated = {name: globs[0] for name, globs in budget.match}
    for name in budget.per:
        stated.setdefault(name, name.removeprefix(TAG))
    for name, glob in stated.items():
        value = _example(glob)
        if value is None:
            return None
        (tags if name.startswith(TAG) else call)[name.removeprefix(TAG)] = value
    if tags:
        call["tags"] = tags
    if budget.period is Period.MISSION:
        call["mission"] = "mission"
    call["estimate_usd"] = _USD
    if budget.measure is Measure.TOKENS:
        call["input_tokens"] = _TOKENS
    return call


def _example(glob: str) -> str | None:
    """Return a text that a glob matches; ``None`` where that takes more than a look."""
    text = glob.replace("*", "x").replace("?", "x")
    return text if glob_matches(glob, text) else None
