"""A parked call, as programs see it (EVA-14)."""

from __future__ import annotations

from corvus.answers.amounts import in_unit
from corvus.answers.shape import (
    Shape,
    array,
    closed,
    instant,
    listing,
    optional_instant,
    optional_money,
    optional_text,
    text,
    word,
)
from corvus.model.approval import Approval, ApprovalState, BlockingBudget
from corvus.model.budget import Measure

BLOCKING = Shape[BlockingBudget](
    text("budget", "Name of the budget."),
    optional_text("part", "Of a budget with `per`: whose sum.", lambda each: each.part or None),
    word("measure", Measure, "What the budget counts, and the unit of its amounts."),
    *in_unit("limit", "The hard ceiling.", "limit", "measure"),
    *in_unit("spent", "What settled calls used.", "spent", "measure"),
    *in_unit("held", "Sum of open reservations.", "held", "measure"),
    *in_unit("needed", "What the call may use.", "needed", "measure"),
    *in_unit("left", "What the budget has room for.", "left", "measure"),
)
APPROVAL = Shape[Approval](
    text("id", "What `corvus approve` takes."),
    word("state", ApprovalState, "Where it is in its life."),
    instant("parked_at", "When the call was parked."),
    instant("deadline_at", "Until when somebody can decide."),
    text("model", "Model of the call."),
    text("provider", "Who bills it."),
    text("session_id", "Session of the call."),
    optional_text("mission_id", "Mission of the call."),
    optional_text("project", "Project of the call."),
    optional_text("user", "Who makes it."),
    optional_text("agent", "Which agent makes it."),
    text("surface", "Where it comes from."),
    optional_money("estimate", "What it may cost; null is unknown.", "estimate_nano_usd"),
    listing("budgets", BLOCKING, "Those that refuse it, the governing one first.", "blocking"),
    optional_text("decided_by", "Who decided; null while nobody has."),
    optional_instant("decided_at", "When."),
    optional_text("reason", "Why."),
    optional_money("amount", "What it may cost at most, where that was said.", "amount_nano_usd"),
)
APPROVALS = closed(
    {"approvals": array(APPROVAL.schema, "Parked calls that nobody has decided, oldest first.")}
)
