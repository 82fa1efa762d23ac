"""A budget, and the parts of one, as programs see where they stand (API-1, CFG-10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from corvus.answers.amounts import attributes_of, in_unit, match_body
from corvus.answers.denial import STATES
from corvus.answers.policy import WARNS
from corvus.answers.shape import (
    Member,
    Shape,
    array,
    count,
    flag,
    instant,
    instant_words,
    member,
    nested,
    nullable,
    optional_instant,
    optional_nested,
    optional_text,
    parts_of,
    percent,
    text,
    texts,
    word,
)
from corvus.base.period import Period, window_at
from corvus.model.budget import Measure
from corvus.model.decision import BudgetStatus
from corvus.model.parts import PartCounts, PartsPage, PartStanding
from corvus.model.refusals import Refusals
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport

OF_BUDGET = {**STATES, "description": "Of the budget."}


@dataclass(frozen=True, slots=True)
class _Budget:
    """A budget's status within a report."""

    item: BudgetStatus
    report: StatusReport

    @property
    def spend(self) -> Spend | None:
        return self.report.spends[self.item.budget.name]

    @property
    def refused(self) -> Refused:
        budget = self.item.budget
        return Refused(self.report.refusals.get(budget.name), budget.measure)

    @property
    def parts(self) -> PartCounts | None:
        return self.report.parts.get(self.item.budget.name)


class Refused(NamedTuple):
    """What a budget refused, and what it counts; ``None`` while nothing."""

    refusals: Refusals | None
    measure: Measure

    @property
    def last(self) -> Refused | None:
        """The last refusal, if there is one."""
        return None if self.refusals is None else self


_LAST_REFUSAL = Shape[Refused](
    instant("at", "When.", "refusals.last_at"),
    text("model", "The model that was asked for.", "refusals.model"),
    *in_unit("needed", "Estimate of the call.", "refusals.needed", "measure", may_be_null=True),
    *in_unit("left", "What the budget had left.", "refusals.left", "measure"),
)
REFUSALS = Shape[Refused](
    count(
        "refusals",
        "Calls that it refused in the window.",
        lambda refused: refused.refusals.count if refused.refusals else 0,
    ),
    optional_nested("last_refusal", _LAST_REFUSAL, "last"),
)
_MEASURE = "item.budget.measure"
_STANDING = Shape[_Budget](
    text("name", "Name of the budget.", "item.budget.name"),
    word("period", Period, "What its window is.", "item.budget.period"),
    member(
        "match",
        {"type": "object", "description": "Which calls count; empty is all."},
        lambda budget: match_body(budget.item.budget),
    ),
    text("timezone", "IANA zone in which its windows begin.", "item.budget.timezone"),
    member("state", OF_BUDGET, "item.state.word"),
    word("measure", Measure, "What it counts, and the unit of its amounts.", _MEASURE),
    texts("per", "Attributes that divide it.", "item.budget.per"),
    optional_text(
        "part",
        "Of a budget with `per`, the part nearest its limit, of which all amounts are; else null.",
        lambda budget: budget.item.part or None,
    ),
    *in_unit("spent", "What settled calls used.", "item.spent", _MEASURE),
    *in_unit("held", "Sum of open reservations.", "item.held", _MEASURE),
    *in_unit("limit", "The hard ceiling; 0 is off.", "item.budget.limit", _MEASURE),
    *in_unit(
        "headroom",
        "The largest call that would still fit.",
        "item.headroom",
        _MEASURE,
        may_be_null=True,
    ),
    percent("percent_used", "Percent of the limit.", "item.percent_used"),
    count(
        "calls",
        "Settled calls in the window.",
        lambda budget: budget.spend.calls if budget.spend else 0,
    ),
    count(
        "unpriced_calls",
        "Calls among them whose cost is unknown.",
        lambda budget: budget.spend.unpriced_calls if budget.spend else 0,
    ),
    member("warn_at_percent", WARNS, "item.budget.warn_at_percent"),
    member(
        "window_start",
        nullable(instant_words("Start of the window, inclusive.")),
        lambda budget: window_start(budget.item, budget.report),
    ),
    optional_instant("resets_at", "End of the window, exclusive.", "item.resets_at"),
    text("config_key", "The key that sets the limit.", "item.budget.config_key"),
)
"""What the ledger alone knows of a budget as well."""
_REFUSED: list[Member[_Budget]] = parts_of(REFUSALS, "refused")
_PARTS = Shape[PartCounts](
    count("count", "Parts that have a sum in their present window.", "parts"),
    count("blocking", "Those that refuse calls at present."),
    count("refusals", "Calls that they refused in these windows."),
    optional_text(
        "last_refused",
        "The part that refused a call last; null while none did.",
        lambda counts: counts.last_refused or None,
    ),
)
BUDGET = Shape[_Budget](
    *_STANDING.members,
    flag(
        "blocking",
        "Whether it refuses calls: none was admitted since the last refusal, or that was less than "
        "an hour ago and such a call would not fit.",
        lambda budget: budget.report.is_blocking(budget.item.budget.name),
    ),
    *_REFUSED,
    optional_nested("parts", _PARTS),
)


def budget_bodies(
    report: StatusReport, items: Iterable[BudgetStatus] | None = None
) -> list[dict[str, object]]:
    """Return budgets as data.

    Args:
        report: Where they stand; of refusals, a ledger alone says nothing.
        items: Which of them, in order; ``None`` is all, the governing one first.
    """
    shape = _STANDING if report.is_recorded else BUDGET
    statuses = report.decision.statuses if items is None else items
    return shape.bodies(_Budget(item, report) for item in statuses)


def refusals_body(refusals: Refusals | None, measure: Measure) -> dict[str, object]:
    """Return how many calls a budget refused in its window, and what the last of them needed."""
    return REFUSALS.body(Refused(refusals, measure))


def window_start(item: BudgetStatus, report: StatusReport) -> str | None:
    """Return the first instant of the window that a budget counts now; ``None`` without one."""
    window = window_at(item.budget.period, report.now, item.budget.timezone)
    return window.start.isoformat() if window else None


class _Part(NamedTuple):
    """A part within its page."""

    standing: PartStanding
    page: PartsPage

    @property
    def measure(self) -> Measure:
        return self.page.budget.measure

    @property
    def refused(self) -> Refused:
        return Refused(self.standing.refusals, self.measure)

    @property
    def values(self) -> dict[str, str | None]:
        return attributes_of(self.page.budget, self.standing.status.part)


_PART_REFUSED: list[Member[_Part]] = parts_of(REFUSALS, "refused")
_OF_PART = "standing.status.budget.measure"
PART = Shape[_Part](
    text("part", "Its name, as requests give it.", "standing.status.part"),
    member(
        "values",
        {
            "type": "object",
            "additionalProperties": nullable({"type": "string"}),
            "description": "Its values by attribute; null stands for calls without it.",
        },
    ),
    member("state", OF_BUDGET, "standing.status.state.word"),
    *in_unit("spent", "What settled calls used.", "standing.status.spent", _OF_PART),
    *in_unit("held", "Sum of open reservations.", "standing.status.held", _OF_PART),
    *in_unit("limit", "The hard ceiling; 0 is off.", "standing.status.budget.limit", _OF_PART),
    *in_unit(
        "headroom",
        "The largest call that would still fit.",
        "standing.status.headroom",
        _OF_PART,
        may_be_null=True,
    ),
    percent("percent_used", "Percent of the limit.", "standing.status.percent_used"),
    count("calls", "Settled calls in the window.", "standing.spend.calls"),
    count("unpriced_calls", "Those whose cost is unknown.", "standing.spend.unpriced_calls"),
    count("tokens", "Tokens of these calls.", "standing.spend.tokens"),
    optional_instant("window_start", "Start of the window, inclusive.", "standing.window_start"),
    optional_instant("resets_at", "End of the window, exclusive.", "standing.status.resets_at"),
    text("config_key", "The key that sets its limit.", "standing.status.budget.config_key"),
    flag("blocking", "Whether it refuses calls at present.", "standing.is_blocking"),
    *_PART_REFUSED,
)
_PAGE = Shape[PartsPage](
    text("budget", "Name of the budget.", "budget.name"),
    instant("as_of", "Of which this is true.", "now"),
    word("measure", Measure, "What it counts, and the unit of its amounts.", "budget.measure"),
    texts("per", "Attributes that divide it.", "budget.per"),
    nested("parts", _PARTS, "counts"),
    count("found", "Parts that were looked for, on all pages."),
    count("offset", "How many were passed over.", "query.offset"),
    member(
        "items",
        array(PART.schema, "Those of this page."),
        lambda page: PART.bodies(_Part(row, page) for row in page.rows),
    ),
)
PARTS_PAGE = _PAGE.schema


def parts_body(page: PartsPage) -> dict[str, object]:
    """Return a page of the parts of a budget as data."""
    return _PAGE.body(page)
