"""How many actions a principal may take in an hour, and the answer about one of them (ACT-2).

The span slides: any 3600 seconds hold at most ``autonomy.max_actions_per_hour`` admitted actions,
whichever process admitted them. What was refused, what still needs approval and what only reads is
not counted, so that trying again never keeps the way closed. This is the governance domain
``action_rate``: it never reads or changes a budget, and no word here is about money.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from corvus.autonomy.decide import CONFIG_KEY, Action, ActionAnswer, ActionDecision, Rule, Verdict
from corvus.base.time import instant_at
from corvus.model.policy import Policy
from corvus.store.unit import Unit

SPAN_SECONDS = 3600
SPAN_US = SPAN_SECONDS * 1_000_000


def judge(policy: Policy, action: Action, *, approved: bool = False) -> ActionAnswer:
    """Say what follows for an action of somebody who has had none, without a store.

    Args:
        policy: What is in force.
        action: What is about to be done.
        approved: Whether a person has approved it, which never lifts a denial.
    """
    return _weighed(policy, action, policy.autonomy.decide(action), approved)(())


def step(
    policy: Policy, action: Action, principal: str, *, approved: bool = False, record: bool = True
) -> Callable[[Unit], ActionAnswer]:
    """Return the step of a store that answers for an action, and counts it if it may be done.

    The text of the action is judged here and now: the step, for which all processes wait, only
    counts.

    Args:
        policy: What is in force.
        action: What is about to be done; one that only reads is not counted.
        principal: Who does it: a token's holder, or the local user.
        approved: See ``judge``.
        record: Whether to count it; else the step only says what it would.
    """
    weighed = _weighed(policy, action, policy.autonomy.decide(action), approved)

    def admit(unit: Unit) -> ActionAnswer:
        answer = weighed(unit.actions(principal, SPAN_US))
        if answer.decision.rule is Rule.ACTION_RATE and answer.resets_at is not None:
            wait = math.ceil((answer.resets_at - unit.now).total_seconds())
            return replace(answer, wait_seconds=max(1, wait))
        if not record or not answer.allowed or action.reads_only:
            return answer
        unit.add_action(principal, SPAN_US)
        resets_at = _over(unit.actions(principal, SPAN_US)[0])
        return replace(answer, is_counted=True, admitted=answer.admitted + 1, resets_at=resets_at)

    return admit


def _weighed(
    policy: Policy, action: Action, decided: ActionDecision, approved: bool
) -> Callable[[Sequence[int]], ActionAnswer]:
    """Return what weighs a decision against the instants of the last hour's actions, ascending."""
    limit = policy.autonomy.max_actions_per_hour

    def weigh(instants_us: Sequence[int]) -> ActionAnswer:
        decision, count = decided, len(instants_us)
        resets_at = _over(instants_us[max(0, count - limit)]) if count and limit else None
        is_full = not action.reads_only and count >= limit
        if is_full and decision.verdict is not Verdict.DENY:
            decision = _rate_denial(limit, resets_at)
        elif approved and decision.verdict is Verdict.NEEDS_APPROVAL:
            reason = f"approved: {decision.reason}"
            decision = replace(decision, verdict=Verdict.ALLOW, reason=reason)
        return ActionAnswer(decision, False, count, limit, resets_at, policy.content_hash)

    return weigh


def _rate_denial(limit: int, resets_at: datetime | None) -> ActionDecision:
    reason = f"{CONFIG_KEY} is 0, which blocks every action"
    if resets_at is not None:
        reason = (
            f"all {limit} actions of the last hour are taken; the next one may be at "
            f"{resets_at:%Y-%m-%d %H:%M:%S} UTC; set by {CONFIG_KEY}"
        )
    return ActionDecision(Verdict.DENY, reason, Rule.ACTION_RATE)


def _over(instant_us: int) -> datetime:
    return instant_at(instant_us + SPAN_US)
