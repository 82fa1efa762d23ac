"""Repeated idempotency keys: whether the request is the same, and the answer it had (RES-2).

What counts as the same is what the caller said. What was filled in is left out: a session that was
made, a price, the time; so a retry is the same request after a restart, too, and after an edit of a
price. The decision is kept with its reservation, so that repeating a request repeats its answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, cast

from corvus.base.money import nano_usd
from corvus.base.period import Period
from corvus.base.time import instant_at, microseconds
from corvus.governor.options import CallOptions
from corvus.governor.shadow.marks import unmarked
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.decision import BudgetState, BudgetStatus, Decision
from corvus.model.request import Request
from corvus.model.reservation import Reservation
from corvus.model.usage import Usage

_UNSAID = {
    *("idempotency_key", "made_session_id", "dispatched", "resumes_mission"),
    *("principal", "token"),
}
"""Options that are no part of what a request says: they are filled in, or differ by attempt."""


def answer_text(decision: Decision) -> str:
    """Write a decision compactly."""
    statuses = [
        [
            status.budget.name,
            status.budget.period,
            status.budget.limit,
            status.budget.thresholds,
            status.budget.config_key,
            status.budget.timezone,
            int(status.state),
            status.spent,
            status.held,
            status.projected,
            microseconds(status.resets_at) if status.resets_at else None,
            status.budget.measure,
            status.budget.enforce,
            status.part,
        ]
        for status in decision.statuses
    ]
    kept: list[object] = [int(decision.state), decision.max_affordable_output_tokens, statuses]
    if decision.rungs:
        kept.append(
            [
                decision.rungs,
                decision.output_cap_tokens,
                decision.downgraded_from,
                decision.waited_seconds,
                decision.approval_id,
            ]
        )
    return json.dumps(kept, separators=(",", ":"))


def answer_of(reservation: Reservation) -> Decision:
    """Return the decision that admitted a reservation, as it was given."""
    state, affordable, statuses, *more = json.loads(reservation.answer or "[0,null,[]]")
    rungs, cap, downgraded_from, waited_seconds, approval_id = (
        more[0] if more else ((), None, None, 0.0, None)
    )
    return Decision(
        state=BudgetState(state),
        statuses=tuple(_status(kept) for kept in statuses),
        estimate_nano_usd=reservation.request.estimate_nano_usd,
        reservation=reservation,
        override_id=reservation.override_id,
        override_possible=False,
        max_affordable_output_tokens=affordable,
        replayed=True,
        policy_hash=reservation.policy_hash,
        session_id=reservation.request.session_id,
        mission_id=reservation.request.mission_id,
        model=reservation.request.model,
        output_cap_tokens=cap,
        downgraded_from=downgraded_from,
        waited_seconds=waited_seconds,
        approval_id=approval_id,
        rungs=tuple(map(Rung, rungs)),
    )


def _status(kept: list[Any]) -> BudgetStatus:
    name, period, limit, thresholds, config_key, timezone, state, *amounts = kept
    spent, held, projected, resets_us, *more = amounts
    measure, enforce, part = more or (Measure.USD, "block", "")
    budget = Budget(
        name,
        Period(period),
        limit,
        (thresholds,) if isinstance(thresholds, int) else tuple(thresholds),
        config_key,
        timezone=timezone,
        measure=Measure(measure),
        enforce=enforce,
    )
    resets_at = instant_at(resets_us) if resets_us is not None else None
    return BudgetStatus(budget, BudgetState(state), spent, held, projected, resets_at, part)


def fingerprint_of(model: str, options: CallOptions) -> str:
    """Return the SHA-256, hexadecimal, of what a caller said of a call, as canonical JSON.

    Args:
        model: As the caller named it.
        options: As the caller gave them; an absent one and ``None`` are the same.
    """
    said: dict[str, object] = {"model": model}
    for name, value in options.items():
        if (
            name in _UNSAID
            or value is None
            or callable(value)
            or (name == "input_tokens" and value == 0)
        ):
            continue
        if name == "estimate_usd":
            said[name] = nano_usd(value)  # pyright: ignore[reportArgumentType]
        elif isinstance(value, Usage):
            said[name] = asdict(value)
        elif isinstance(value, Mapping):
            if value:
                said[name] = dict(cast("Mapping[str, str]", value))
        else:
            said[name] = value
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint_of_request(request: Request) -> str:
    """Return the fingerprint of a call that was not made from what a caller said: all of it.

    A repetition is compared by it, for what is kept of the first call may be another form of it.
    """
    said = asdict(replace(request, dispatched=True, resumes_mission=False, said=None, rungs=()))
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_same(first: Request, repeated: Request) -> bool:
    """Return whether two requests of one idempotency key say the same, by the same principal.

    Of requests that were not made from what a caller said, every member counts.
    """
    if (first.principal, first.surface) != (repeated.principal, repeated.surface):
        return False
    if first.fingerprint is not None and repeated.fingerprint is not None:
        return first.fingerprint == repeated.fingerprint
    said = replace(repeated, dispatched=first.dispatched, fingerprint=first.fingerprint)
    kept = replace(first, resumes_mission=repeated.resumes_mission, tags=unmarked(first.tags))
    return kept == said
