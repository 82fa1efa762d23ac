"""A denial: one sentence for a person, one object for a program, on every surface (PRX-4)."""

from __future__ import annotations

from shlex import quote

from corvus.answers.amounts import amount_words, in_unit, part_words
from corvus.answers.shape import (
    COUNT,
    INSTANT,
    Schema,
    Shape,
    array,
    choice,
    closed,
    document,
    flag,
    iso,
    member,
    nullable,
    optional_money,
    optional_text,
    percent,
    text,
    texts,
    word,
    words,
)
from corvus.base.money import usd_short
from corvus.base.period import Period
from corvus.config.toml.values import quoted
from corvus.model.budget import Measure
from corvus.model.decision import (
    AlreadySettled,
    BudgetExceeded,
    BudgetState,
    BudgetStatus,
    Decision,
    Denial,
    Denied,
    MissionEnded,
    UnpricedModel,
    headroom,
)
from corvus.model.reservation import Reservation

_LONGEST_NAME = 100
DOMAIN = "token_spend"
"""The governance domain of everything here; action rate is another (ACT-2)."""
STATES: Schema = choice(state.word for state in BudgetState)


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
            return f"{_amounts(governing)}. {_ways_out(governing, decision)}"


def add_lines(model: str) -> str:
    """Return the lines of ``corvus.toml`` that give a model a price."""
    return f"[cost.prices.{quoted(model)}]\ninput = …\noutput = …"


def add_command(model: str) -> str:
    """Return the command that writes such lines (PRC-10); a strange name is left to the reader."""
    is_plain = model.isascii() and model.isprintable() and len(model) <= _LONGEST_NAME
    return f"corvus prices add {quote(model) if is_plain else 'MODEL'} --input USD --output USD"


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
        f"tokens:\n{add_lines(model)}\nas `{add_command(model)}` does, or set "
        'cost.unpriced_models = "warn" to record its cost as unknown'
    )


def _amounts(status: BudgetStatus) -> str:
    measure = status.budget.measure
    held = f" + {amount_words(status.held, measure)} held" if status.held else ""
    estimate = status.projected - status.spent - status.held
    whose = f" for {part_words(status.part)}" if status.part else ""
    return (
        f"budget {status.budget.name!r}{whose} would be exceeded: "
        f"{amount_words(status.spent, measure)} spent{held} + {amount_words(estimate, measure)} "
        f"estimated = {amount_words(status.projected, measure)} of "
        f"{amount_words(status.budget.limit, measure)}, set by {status.budget.config_key}"
    )


def _ways_out(status: BudgetStatus, decision: Decision) -> str:
    measure = status.budget.measure
    room = amount_words(headroom(decision.statuses, measure) or 0, measure)
    ways = [f"{room} would still fit"]
    if status.resets_at is not None:
        ways.append(f"it resets at {status.resets_at:%Y-%m-%d %H:%M} UTC")
    if decision.override_possible:
        ways.append("`corvus cost override` lifts the block for one call")
    return "; ".join(ways)


_MEASURE = "budget.measure"
STATUS = Shape[BudgetStatus](
    text("scope", "Name of the budget.", "budget.name"),
    word("period", Period, None, "budget.period"),
    member("budget_state", STATES, "state.word"),
    word("measure", Measure, "What the budget counts, and the unit of its amounts.", _MEASURE),
    optional_text(
        "part",
        "Which part of a budget with `per`; null without.",
        lambda status: status.part or None,
    ),
    *in_unit("limit", "The hard ceiling; 0 is off.", "budget.limit", _MEASURE),
    *in_unit("spent", "What settled calls used.", "spent", _MEASURE),
    *in_unit("held", "Sum of open reservations.", "held", _MEASURE),
    *in_unit("projected", "Spent, held and asked for.", "projected", _MEASURE),
    percent("percent_used", "projected / limit * 100"),
    member(
        "resets_at",
        nullable({**INSTANT, "description": "End of the window; null without one."}),
        lambda status: iso(status.resets_at),
    ),
    text("config_key", "The key that sets the limit.", "budget.config_key"),
)
"""One budget's status."""
_CALL = Shape[Reservation](
    text("id", "Of the call."), member("state", choice(("committed", "expired")), "state.value")
)
_DENIED = Shape[Decision](
    member("code", choice(Denial), lambda denied: denied.denial.value if denied.denial else None),
    flag(
        "budget_exceeded",
        "Whether a budget is the reason.",
        lambda denied: denied.denial is Denial.BUDGET_EXCEEDED,
    ),
    member("governance_domain", {"const": DOMAIN}, lambda _: DOMAIN),
    member(
        "message",
        words("Why, and what to do, for a person."),
        lambda denied: denial_text(denied) if denied.denial else None,
    ),
    optional_text("session_id", "Session of the call."),
    optional_text("mission_id", "Mission of the call."),
    optional_text(
        "model", "Model that was asked for; the one without a price where that is the reason."
    ),
    optional_text(
        "add_line",
        "Lines of corvus.toml that give the model a price.",
        lambda denied: _line(denied),
    ),
    texts(
        "nearest",
        "Of a model without a price, up to three names that have one and are close.",
        "resembling",
    ),
    text("policy_hash", "Content hash of the policy that decided."),
    flag("override_possible", "Whether a block may be lifted."),
    member(
        "max_affordable_output_tokens",
        nullable({**COUNT, "description": "Longest output that would still fit."}),
    ),
    optional_money(
        "estimate", "Cost expected of the call; null without a price.", "estimate_nano_usd"
    ),
    optional_money(
        "headroom",
        "Most expensive call that would still fit; null without a limit.",
        "headroom_nano_usd",
    ),
    member(
        "scopes",
        array(
            {"$ref": "#/$defs/status"},
            "Every matching budget by precedence, the governing one first.",
        ),
        lambda denied: STATUS.bodies(denied.statuses),
    ),
)
_SETTLED = Shape[Reservation](
    member(
        "reservation",
        {
            **_CALL.schema,
            "description": "The call that a key was used for; there when it is already settled.",
        },
        _CALL.body,
    ),
    optional_money(
        "cost", "What is recorded of that call; null when it is unknown.", "cost_nano_usd"
    ),
)


def denial_body(decision: Decision) -> dict[str, object]:
    """Return a denial as an object with everything a program needs to go on.

    Amounts come as numbers of USD for reading, and as exact strings of nano-USD. What the governing
    budget's status says stands in it too. A call that is ``already_settled`` comes with its
    reservation, and the cost that is recorded of it (RES-2).
    """
    body = _DENIED.body(decision)
    if decision.governing is not None:
        body |= STATUS.body(decision.governing)
    if decision.reservation is not None and decision.denial is Denial.ALREADY_SETTLED:
        body |= _SETTLED.body(decision.reservation)
    return body


def denial_document() -> Schema:
    """Return the published schema of a denial."""
    parts = (_DENIED, STATUS, _SETTLED)
    properties = {name: schema for part in parts for name, schema in part.properties.items()}
    shape = closed(properties, _DENIED.properties)  # a governing budget has more
    return {
        **document("budget-exceeded", shape, title="A call that was refused"),
        "$defs": {"status": STATUS.schema},
    }


def _line(decision: Decision) -> str | None:
    if decision.denial is not Denial.UNPRICED_MODEL:
        return None
    return add_lines(decision.model or "")
