"""Calls that are parked until a person lets them pass or refuses them (EVA-14).

A parked call is a row that everybody may decide on once who may lift a block, but not the call's
own principal. What was approved lets that one call pass, once, and is of no use to any other. The
row lives as long as its caller says that he is still there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta

from corvus.base.errors import ApprovalNotFound, SelfApproval, SteeringRefused
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.events import ApprovalDecided, CallParked, Event
from corvus.governor.audit_chain import SYSTEM, append_audit
from corvus.governor.weighing import Case, exceeded
from corvus.model.approval import Approval, ApprovalRequest, ApprovalState, BlockingBudget
from corvus.model.budget import values_of
from corvus.model.decision import BudgetStatus
from corvus.model.policy import Policy
from corvus.model.request import LOCAL, Request
from corvus.model.steering import AuditKind
from corvus.store.unit import Unit

_LEASE_US = 10_000_000
"""How long a parked call counts as there after it was last heard of."""
_KEPT = timedelta(days=7)
"""How long what became of a parked call is remembered."""
PARKED_MAX = 100
"""How many calls a principal may park within ``ask_seconds``: each is a message to people."""
_LINKS = "approval-links"
_KINDS = {
    ApprovalState.APPROVED: AuditKind.APPROVAL_GRANTED,
    ApprovalState.DENIED: AuditKind.APPROVAL_DENIED,
    ApprovalState.EXPIRED: AuditKind.APPROVAL_EXPIRED,
}


def may_park(unit: Unit, policy: Policy, principal: str) -> bool:
    """Return whether a principal may park another call.

    Calls that left before anybody decided count as long as they might have waited: who comes and
    goes must not bury what others ask.
    """
    waiting = [each for each in unit.open_approvals().values() if each.principal == principal]
    if len(waiting) >= PARKED_MAX:
        return False
    since_us = microseconds(unit.now - timedelta(seconds=policy.ask_seconds))
    return len(waiting) + unit.approvals_left(principal, since_us) < PARKED_MAX


def park(unit: Unit, policy: Policy, case: Case) -> tuple[Approval, list[Event]]:
    """Park a call that its budgets refuse.

    Args:
        unit: The transaction under way.
        policy: Says how long it waits for a person.
        case: The call, weighed.
    """
    unit.forget_approvals(microseconds(unit.now - _KEPT))
    request, in_the_way = case.request, exceeded(case)
    approval = Approval(
        id=new_id(unit.now_us),
        parked_at=unit.now,
        deadline_at=unit.now + timedelta(seconds=policy.ask_seconds),
        alive_until_us=unit.now_us + _LEASE_US,
        principal=request.principal,
        session_id=request.session_id,
        model=request.model,
        provider=request.provider,
        surface=request.surface,
        budgets=json.dumps([_blocking(status, request)._asdict() for status in in_the_way]),
        estimate_nano_usd=request.estimate_nano_usd,
        estimate_tokens=request.estimate_tokens,
        project=request.project,
        user=request.user,
        agent=request.agent,
        mission_id=request.mission_id,
    )
    unit.put_approval(approval, is_new=True)
    governing = in_the_way[0]
    event = CallParked(
        approval_id=approval.id,
        budget=governing.budget.name,
        part=_part(governing),
        provider=request.provider,
        model=request.model,
        estimate_nano_usd=request.estimate_nano_usd,
        deadline_at=approval.deadline_at,
        link=link_of(unit, approval),
        session_id=request.session_id,
        surface=request.surface,
    )
    return approval, [event]


def pending(unit: Unit) -> tuple[list[Approval], list[Event]]:
    """Return the parked calls that nobody has decided, the oldest first."""
    events = expire_approvals(unit)
    parked = unit.open_approvals().values()
    return [each for each in parked if each.state is ApprovalState.PENDING], events


def keep_alive(unit: Unit, approval: Approval) -> None:
    """Say that a parked call is still there, where half of its lease is over."""
    if approval.alive_until_us < unit.now_us + _LEASE_US // 2:
        unit.put_approval(replace(approval, alive_until_us=unit.now_us + _LEASE_US))


def decide(unit: Unit, request: ApprovalRequest) -> tuple[Approval, list[Event]]:
    """Let a parked call pass, or refuse it; whoever comes second learns that.

    Raises:
        ApprovalNotFound: No call is or was parked under this id.
        SteeringRefused: Somebody has decided already, or the call has left.
        SelfApproval: It is the call of the token that decides.
    """
    events = expire_approvals(unit)
    approval = unit.approval(request.approval_id)
    if approval is None:
        raise ApprovalNotFound(
            f"no call is parked as {request.approval_id!r}; `corvus approve` lists those that are"
        )
    if request.principal is not None and request.principal == approval.principal != LOCAL:
        raise SelfApproval("whose call it is cannot approve it: ask somebody else")
    if approval.state is not ApprovalState.PENDING:
        raise SteeringRefused(_why_not(approval))
    decided = replace(
        approval,
        state=ApprovalState.APPROVED if request.is_granted else ApprovalState.DENIED,
        decided_by=request.actor,
        reason=request.reason,
        amount_nano_usd=request.amount_nano_usd if request.is_granted else None,
        decided_at=unit.now,
    )
    unit.put_approval(decided)
    _audit(unit, decided, request.actor)
    return decided, [*events, _decided(decided, request.surface)]


def use(unit: Unit, approval: Approval) -> list[Event]:
    """Let the call pass for which an approval was given; it is used then."""
    unit.put_approval(replace(approval, state=ApprovalState.USED))
    return []


def let_go(unit: Unit, approval_id: str) -> list[Event]:
    """End an approval that its call does not need any more; does nothing to one that has ended."""
    approval = unit.open_approvals().get(approval_id)
    return [] if approval is None else [_expire(unit, approval)]


def expire_approvals(unit: Unit) -> list[Event]:
    """End the approvals whose time is over or whose call has left, each once."""
    over = [
        approval
        for approval in unit.open_approvals().values()
        if approval.alive_until_us <= unit.now_us
        or (approval.state is ApprovalState.PENDING and approval.deadline_at <= unit.now)
    ]
    return [_expire(unit, approval) for approval in over]


def link_of(unit: Unit, approval: Approval) -> str:
    """Return the path of the page that decides on a parked call, for whoever holds the link.

    The link is the permission, so it goes to people alone: into notifications, and never to the
    caller, a log or a metric.
    """
    until_us = microseconds(approval.deadline_at)
    return (
        f"/dashboard/approve/{approval.id}?until={until_us}&signature={_signature(unit, approval)}"
    )


def by_link(unit: Unit, approval_id: str, until: str, signature: str) -> Approval:
    """Return the parked call of a link.

    Raises:
        ApprovalNotFound: The link is not one of ours, or its time is over.
    """
    approval = unit.approval(approval_id)
    refusal = ApprovalNotFound("this link is not valid, or its time is over")
    if approval is None or until != str(microseconds(approval.deadline_at)):
        raise refusal
    if not hmac.compare_digest(_signature(unit, approval).encode(), signature.encode()):
        raise refusal
    if approval.deadline_at <= unit.now:
        raise refusal
    return approval


def _signature(unit: Unit, approval: Approval) -> str:
    text = f"{approval.id}.{microseconds(approval.deadline_at)}"
    return hmac.new(unit.secret(_LINKS), text.encode(), hashlib.sha256).hexdigest()


def _expire(unit: Unit, approval: Approval) -> Event:
    expired = replace(approval, state=ApprovalState.EXPIRED)
    unit.put_approval(expired)
    _audit(unit, expired, SYSTEM)
    return _decided(expired, approval.surface)


def _audit(unit: Unit, approval: Approval, actor: str) -> None:
    details = {
        "approval_id": approval.id,
        "amount_nano_usd": _text(approval.amount_nano_usd),
        "blocked": [_audited(each) for each in approval.blocking],
        "estimate_nano_usd": _text(approval.estimate_nano_usd),
        "model": approval.model,
    }
    is_over = approval.state is ApprovalState.EXPIRED
    append_audit(
        unit,
        _KINDS[approval.state],
        actor,
        None if is_over else approval.reason,
        budget=approval.blocking[0].budget,
        session_id=approval.session_id,
        mission_id=approval.mission_id,
        expires_at=approval.deadline_at,
        details=json.dumps(details, sort_keys=True, separators=(",", ":")),
    )


def _audited(each: BlockingBudget) -> dict[str, str | int]:
    projected = each.spent + each.held + each.needed
    amounts = {"limit": each.limit, "projected": projected}
    return {
        "budget": each.budget,
        **{f"{name}_{each.measure.unit}": amount for name, amount in amounts.items()},
        **({"part": each.part} if each.part else {}),
    }


def _decided(approval: Approval, surface: str) -> Event:
    return ApprovalDecided(approval.id, approval.state.value, approval.session_id, surface)


def _blocking(status: BudgetStatus, request: Request) -> BlockingBudget:
    budget = status.budget
    return BlockingBudget(
        budget.name,
        _part(status) or "",
        budget.measure,
        budget.limit,
        status.spent,
        status.held,
        request.amounts.of(budget.measure),
        status.headroom or 0,
    )


def _part(status: BudgetStatus) -> str | None:
    return ", ".join(values_of(status.part)) if status.budget.per else None


def _why_not(approval: Approval) -> str:
    match approval.state:
        case ApprovalState.APPROVED | ApprovalState.USED:
            return f"{approval.decided_by} has let this call pass at {_when(approval.decided_at)}"
        case ApprovalState.DENIED:
            return f"{approval.decided_by} has refused this call at {_when(approval.decided_at)}"
        case _:
            return "this call is over: it was not decided in time, has left, or has passed without"


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else "some time"


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
