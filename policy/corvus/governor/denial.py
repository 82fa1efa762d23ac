"""What a refused call is told: one sentence for a person, one object for a program (PRX-4)."""

from __future__ import annotations

from corvus.base.money import usd_short, usd_text
from corvus.config.toml.values import quoted
from corvus.model.decision import (
    AlreadySettled,
    BudgetExceeded,
    BudgetStatus,
    Decision,
    Denial,
    Denied,
    MissionEnded,
    UnpricedModel,
)

DOMAIN = "token_spend"
"""The governance domain of everything here; action rate is another (ACT-2)."""


def denial_text(decision: Decision) -> str:
    """Return why a call was refused, and what can be done about it."""
    match decision.denial:
        case Denial.UNPRICED_MODEL:
            return _unpriced(decision)
        case Denial.MISSION_ENDED:
            return f"mission {decision.mission_id!r} has ended: a limit of its own stopped it"
        case Denial.ALREADY_SETTLED:
            return (
                f"the call of this idempotency key is settled already{_recorded(decision)}, so the "
                "key permits no other; use a new key for a new call"
            )
        case _:
            governing = decision.governing
            assert governing is not None, "only a budget denies otherwise"
            return f"{_amounts(governing, decision)}. {_ways_out(governing, decision)}"


def add_lines(model: str) -> str:
    """Return the lines of ``corvus.toml`` that give a model a price."""
    return f"[cost.prices.{quoted(model)}]\ninput = …\noutput = …"


def denial_error(decision: Decision, model: str) -> Denied:
    """Return the exception of a refused call, of the kind that its reason has.

    Args:
        decision: A denial.
        model: The model that was asked for.
    """
    text = denial_text(decision)
    match decision.denial:
        case Denial.UNPRICED_MODEL:
            return UnpricedModel(text, decision.model or model, decision)
        case Denial.MISSION_ENDED:
            return MissionEnded(text, "ended", decision)
        case Denial.ALREADY_SETTLED:
            return AlreadySettled(text, decision)
        case _:
            return BudgetExceeded(text, decision)


def _recorded(decision: Decision) -> str:
    settled = decision.reservation
    if settled is None or settled.cost_nano_usd is None:
        return ""
    return f" at ${usd_short(settled.cost_nano_usd)}"


def _unpriced(decision: Decision) -> str:
    model = decision.model or ""
    near = f"; priced names that are close: {', '.join(decision.resembling)}"
    return (
        f"the model {quoted(model)} has no price, so its cost cannot be held against any "
        f"budget{near if decision.resembling else ''}. Add to corvus.toml, in USD per million "
        f'tokens:\n{add_lines(model)}\nor set cost.unpriced_models = "warn" to record its cost '
        "as unknown"
    )


def _amounts(status: BudgetStatus, decision: Decision) -> str:
    held = f" + ${usd_short(status.held_nano_usd)} held" if status.held_nano_usd else ""
    return (
        f"budget {status.budget.name!r} would be exceeded: ${usd_short(status.spent_nano_usd)} "
        f"spent{held} + ${usd_short(decision.estimate_nano_usd or 0)} estimated = "
        f"${usd_short(status.projected_nano_usd)} of ${usd_short(status.budget.limit_nano_usd)}, "
        f"set by {status.budget.config_key}"
    )


def _ways_out(status: BudgetStatus, decision: Decision) -> str:
    ways = [f"${usd_short(decision.headroom_nano_usd or 0)} would still fit"]
    if status.resets_at is not None:
        ways.append(f"it resets at {status.resets_at:%Y-%m-%d %H:%M} UTC")
    if decision.override_possible:
        ways.append("`corvus cost override` lifts the block for one call")
    return "; ".join(ways)


def denial_body(decision: Decision) -> dict[str, object]:
    """Return a denial as an object with everything a program needs to go on.

    Amounts come as numbers of USD for reading, and as exact strings of nano-USD. A call that is
    ``already_settled`` comes with its reservation, and the cost that is recorded of it (RES-2).
    """
    governing = decision.governing
    is_unpriced = decision.denial is Denial.UNPRICED_MODEL
    body: dict[str, object] = {
        "code": decision.denial.value if decision.denial else None,
        "budget_exceeded": decision.denial is Denial.BUDGET_EXCEEDED,
        "governance_domain": DOMAIN,
        "message": denial_text(decision) if decision.denial else None,
        "session_id": decision.session_id,
        "mission_id": decision.mission_id,
        "model": decision.model,
        "add_line": add_lines(decision.model or "") if is_unpriced else None,
        "policy_hash": decision.policy_hash,
        "override_possible": decision.override_possible,
        "max_affordable_output_tokens": decision.max_affordable_output_tokens,
        **_money("estimate", decision.estimate_nano_usd),
        **_money("headroom", decision.headroom_nano_usd),
        "scopes": [status_body(status) for status in decision.statuses],
    }
    if governing is not None:
        body |= status_body(governing)
    settled = decision.reservation
    if settled is not None and decision.denial is Denial.ALREADY_SETTLED:
        body |= {"reservation": {"id": settled.id, "state": settled.state.value}}
        body |= _money("cost", settled.cost_nano_usd)
    return body


def status_body(status: BudgetStatus) -> dict[str, object]:
    """Return one budget's status as an object."""
    return {
        "scope": status.budget.name,
        "period": status.budget.period.value,
        "budget_state": status.state.word,
        **_money("limit", status.budget.limit_nano_usd),
        **_money("spent", status.spent_nano_usd),
        **_money("held", status.held_nano_usd),
        **_money("projected", status.projected_nano_usd),
        "percent_used": round(float(status.percent_used), 2),
        "resets_at": status.resets_at.isoformat() if status.resets_at else None,
        "config_key": status.budget.config_key,
    }


def _money(name: str, amount: int | None) -> dict[str, object]:
    readable = None if amount is None else float(usd_text(amount, 9))
    return {
        f"{name}_usd": readable,
        f"{name}_nano_usd": None if amount is None else str(amount),
    }
