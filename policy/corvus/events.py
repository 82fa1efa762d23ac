"""What listeners hear (OBS-1), after the transaction that made it true was committed.

A kind of event is one class, and whoever raises it. The class declares the name and level of its
line in the log and of its span, what counts it, and how much of each field may leave the process
(OBS-3); log, OpenTelemetry and metrics derive from that. An event carries amounts and names, never
who did something or why: those stay in the audit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum, auto
from functools import cache
from typing import ClassVar, Literal, NamedTuple, TypeAlias, TypeVar, dataclass_transform

OverrideAction: TypeAlias = Literal["granted", "consumed", "restored", "replaced", "expired"]


class Redaction(Enum):
    """How much of a field leaves the process."""

    PLAIN = auto()
    """As it is: an amount, a count, a word of a closed set, a name of the config."""
    USD = auto()
    """Nano-USD, as exact text in USD."""
    ID = auto()
    """An id of ours as it is; one that a caller chose as a keyed hash."""
    HASH = auto()
    """What a caller chose: a keyed hash."""
    SURFACE = auto()
    """A surface of the closed set; any other word is ``other``."""
    PROVIDER = auto()
    """As the price book names it, else ``other``."""
    MODEL = auto()
    """As the price book names it, else a keyed hash."""
    PARTS = auto()
    """An object whose fields say it themselves."""
    HIDDEN = auto()
    """Not at all."""


def _shown(redaction: Redaction) -> Mapping[str, Redaction]:
    return {"redaction": redaction}


PLAIN = _shown(Redaction.PLAIN)
USD = _shown(Redaction.USD)
ID = _shown(Redaction.ID)
HASH = _shown(Redaction.HASH)
SURFACE = _shown(Redaction.SURFACE)
PROVIDER = _shown(Redaction.PROVIDER)
MODEL = _shown(Redaction.MODEL)
PARTS = _shown(Redaction.PARTS)
HIDDEN = _shown(Redaction.HIDDEN)


class EventCounter(NamedTuple):
    """A counter of one kind of event.

    Attributes:
        name: With dots, without the prefix ``corvus``.
        about: What it counts, for people.
        labels: Fields of the event, as they are shown; closed sets and names of the config only.
    """

    name: str
    about: str
    labels: tuple[str, ...]


class EventKind(NamedTuple):
    """How one kind of event is shown.

    Attributes:
        name: Of the line in the log and of the span.
        level: Of the line in the log.
        figures: Properties of the event that are shown after its fields, as they are.
        counter: What counts it, in all metrics.
        budget_event: What happened to a budget, by the metric ``budget_events``.
        failure: Status of the span; ``None`` is well.
    """

    name: str
    level: int
    figures: tuple[str, ...] = ()
    counter: EventCounter | None = None
    budget_event: str | None = None
    failure: str | None = None


class Event:
    """Something that happened."""

    __slots__ = ()
    kind: ClassVar[EventKind]

    @property
    def is_repetition(self) -> bool:
        """Whether it repeats what was reported before, and is only counted."""
        return False


E = TypeVar("E", bound=Event)
EVENTS: list[type[Event]] = []
"""All kinds of events."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _event(kind: EventKind) -> Callable[[type[E]], type[E]]:
    def declare(plain: type[E]) -> type[E]:
        made = dataclass(frozen=True, slots=True)(plain)
        made.kind = kind
        EVENTS.append(made)
        return made

    return declare


class ShownField(NamedTuple):
    """A field of an event, and how it is shown.

    Attributes:
        attribute: Its name in the class.
        name: Its name wherever it is shown.
    """

    attribute: str
    name: str
    redaction: Redaction


@cache
def shown_fields(of: type) -> tuple[ShownField, ...]:
    """Return the fields of an event, or of a part of one, in the order in which they are shown."""
    declared = [(each.name, each.metadata["redaction"]) for each in fields(of)]
    return tuple(
        ShownField(name, _shown_name(name, redaction), redaction)
        for name, redaction in declared
        if redaction is not Redaction.HIDDEN
    )


def _shown_name(attribute: str, redaction: Redaction) -> str:
    if redaction is Redaction.USD:
        return attribute.removesuffix("_nano_usd") + "_usd"
    return attribute.removesuffix("_id") if redaction is Redaction.HASH else attribute


@dataclass(frozen=True, slots=True)
class Threshold:
    """A budget that a call brought to a threshold.

    Attributes:
        budget_state: ``warning`` or ``exceeded``.
        current_nano_usd: Spent, without what is held; ``None`` for a budget of tokens or calls.
        projected_nano_usd: Spent, held and reserved by the call; a settlement reserves nothing.
        percent_used: Of the limit, two decimals, for reading.
        measure: ``usd``, ``tokens`` or ``calls``.
        part: Whose sum, of a budget with ``per``.
        current_amount: Spent, in tokens or calls; ``None`` for a budget of money. So are the
            other two amounts.
        resets_at: End of the window that it counts in, aware UTC; ``None`` without one.
        since_us: When the sum was reset last, microseconds since 1970; 0 when it was not.
    """

    budget_state: str = field(metadata=PLAIN)
    period: str = field(metadata=PLAIN)
    budget: str = field(metadata=PLAIN)
    current_nano_usd: int | None = field(metadata=USD)
    projected_nano_usd: int | None = field(metadata=USD)
    limit_nano_usd: int | None = field(metadata=USD)
    percent_used: float = field(metadata=PLAIN)
    session_id: str = field(metadata=HASH)
    mission_id: str | None = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)
    measure: str = field(metadata=PLAIN, default="usd")
    part: str | None = field(metadata=HASH, default=None)
    current_amount: int | None = field(metadata=PLAIN, default=None)
    projected_amount: int | None = field(metadata=PLAIN, default=None)
    limit_amount: int | None = field(metadata=PLAIN, default=None)
    resets_at: datetime | None = field(default=None, metadata=HIDDEN)
    since_us: int = field(default=0, metadata=HIDDEN)


_BY_PERIOD = ("period", "surface")


@_event(
    EventKind(
        "budget.warning",
        logging.WARNING,
        counter=EventCounter(
            "budget.warnings", "Calls that came to a warning threshold.", _BY_PERIOD
        ),
        budget_event="warning",
    )
)
class BudgetWarning(Event):
    """A call came to the warning threshold of a budget, when it was admitted or when it settled.

    Attributes:
        threshold: Its state is ``exceeded`` where a settlement passed threshold and limit at once.
        is_transition: Whether the budget was below it before; true once per transition and window.
    """

    threshold: Threshold = field(metadata=PARTS)
    is_transition: bool = field(metadata=HIDDEN)

    @property
    def is_repetition(self) -> bool:
        """Whether the budget was at the threshold before."""
        return not self.is_transition


@_event(
    EventKind(
        "budget.exceeded",
        logging.WARNING,
        counter=EventCounter("budget.exceeded", "Calls that a budget refused.", _BY_PERIOD),
        budget_event="exceeded",
        failure="budget exceeded",
    )
)
class BudgetRefusal(Event):
    """A call was refused by a budget."""

    threshold: Threshold = field(metadata=PARTS)


@_event(
    EventKind(
        "budget.limit_passed",
        logging.WARNING,
        counter=EventCounter("budget.limit_passed", "Costs that passed a limit.", _BY_PERIOD),
        budget_event="limit_passed",
        failure="limit passed",
    )
)
class LimitPassed(Event):
    """What a call really cost, or holds by now, brought a budget over its limit (EVA-15).

    No call was refused by it: the next one may be. It comes once per transition and window.
    """

    threshold: Threshold = field(metadata=PARTS)


@_event(EventKind("budget.threshold", logging.WARNING, budget_event="threshold"))
class ThresholdReached(Event):
    """What was spent of a budget came to one of its thresholds: once for each, window and sum.

    Attributes:
        percent: The threshold, percent of the limit.
        window_start_us: Start of the window, microseconds since 1970; 0 without one.
    """

    threshold: Threshold = field(metadata=PARTS)
    percent: int = field(metadata=PLAIN)
    window_start_us: int = field(metadata=HIDDEN)


@_event(
    EventKind(
        "budget.override",
        logging.WARNING,
        counter=EventCounter(
            "budget.overrides", "What became of overrides.", ("action", "scope", "surface")
        ),
    )
)
class BudgetOverride(Event):
    """An override was granted or used, or ended otherwise.

    Attributes:
        previous_state: State of the budgets just before: when it was granted, of the summary; when
            it was used, of the call. ``None`` when it ended otherwise.
        period: Of the budget that governed then.
        session_id: That of the call which used it or gave it back; else the one it is bound to.
    """

    action: OverrideAction = field(metadata=PLAIN)
    scope: str = field(metadata=PLAIN)
    previous_state: str | None = field(metadata=PLAIN)
    period: str | None = field(metadata=PLAIN)
    override_id: str = field(metadata=ID)
    session_id: str | None = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)


@_event(
    EventKind(
        "budget.ladder",
        logging.INFO,
        counter=EventCounter(
            "ladder", "Calls that passed by a rung of the ladder.", ("rung", "surface")
        ),
    )
)
class LadderUsed(Event):
    """A call was admitted that would have been refused, by one rung of the ladder (EVA-14).

    Attributes:
        rung: ``cap``, ``wait``, ``downgrade`` or ``ask``.
    """

    rung: str = field(metadata=PLAIN)
    surface: str = field(metadata=SURFACE)


@_event(
    EventKind(
        "budget.shadow",
        logging.INFO,
        counter=EventCounter(
            "shadow.calls",
            "Calls that a shadow policy would not have let pass as they were.",
            ("outcome", "budget"),
        ),
    )
)
class ShadowOutcomeNoted(Event):
    """A call was admitted that the shadow policy would not have let pass as it was (PLN-2).

    Attributes:
        outcome: ``refused``, ``capped``, ``waited``, ``downgraded`` or ``asked``.
        budget: Of the shadow; of a refusal for another reason, that reason.
        policy: The shadow, by the first digits of its hash.
    """

    outcome: str = field(metadata=PLAIN)
    budget: str = field(metadata=PLAIN)
    policy: str = field(metadata=PLAIN)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("call.parked", logging.WARNING))
class CallParked(Event):
    """A call waits for a person to let it pass (EVA-14).

    Attributes:
        approval_id: What `corvus approve` takes.
        budget: The governing one of those that refuse it.
        part: Of a budget with ``per``: whose sum.
        deadline_at: Aware UTC; until then somebody can decide.
        link: Path of the page that decides, with its signature. Whoever has it may decide, so it is
            for notifications to people alone.
    """

    approval_id: str = field(metadata=ID)
    budget: str = field(metadata=PLAIN)
    part: str | None = field(metadata=HIDDEN)
    provider: str = field(metadata=PROVIDER)
    model: str = field(metadata=MODEL)
    estimate_nano_usd: int | None = field(metadata=USD)
    deadline_at: datetime = field(metadata=HIDDEN)
    link: str = field(metadata=HIDDEN)
    session_id: str = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("call.approval", logging.WARNING))
class ApprovalDecided(Event):
    """A parked call was let pass or refused by a person, or is over.

    Attributes:
        state: ``approved``, ``denied`` or ``expired``.
        surface: Where the decision comes from; of one that is over, that of the call.
    """

    approval_id: str = field(metadata=ID)
    state: str = field(metadata=PLAIN)
    session_id: str = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("budget.reset", logging.WARNING, budget_event="reset"))
class ResetApplied(Event):
    """A budget has a new baseline."""

    budget: str = field(metadata=PLAIN)
    period: str = field(metadata=PLAIN)
    removed_nano_usd: int = field(metadata=USD)
    removed_requests: int = field(metadata=PLAIN)


@_event(EventKind("limits.changed", logging.WARNING))
class LimitsChanged(Event):
    """Limits are other than before."""

    policy_hash: str = field(metadata=PLAIN)


@_event(EventKind("reservation.expired", logging.WARNING))
class ReservationExpired(Event):
    """A hold outlived its holder; ``presumed_nano_usd`` was recorded as spent, ``None`` if none."""

    reservation_id: str = field(metadata=ID)
    presumed_nano_usd: int | None = field(metadata=USD)
    session_id: str = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("settlement.corrected", logging.WARNING))
class SettlementCorrected(Event):
    """A meter found a call of its own settled by somebody else, and recorded what it measured.

    Attributes:
        was: ``committed`` or ``released``.
        recorded_nano_usd: What stood before; ``None`` is unknown, or nothing.
        measured_nano_usd: What stands now; ``None`` is unknown.
    """

    reservation_id: str = field(metadata=ID)
    was: str = field(metadata=PLAIN)
    recorded_nano_usd: int | None = field(metadata=USD)
    measured_nano_usd: int | None = field(metadata=USD)
    session_id: str = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("call.unpriced", logging.WARNING))
class UnpricedCall(Event):
    """A call has no price; it was refused, or its cost is unknown."""

    provider: str = field(metadata=PROVIDER)
    model: str = field(metadata=MODEL)
    refused: bool = field(metadata=PLAIN)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("call.overrun", logging.WARNING))
class Overrun(Event):
    """A call cost more than was held for it."""

    reservation_id: str = field(metadata=ID)
    overrun_nano_usd: int = field(metadata=USD)
    surface: str = field(metadata=SURFACE)


@_event(EventKind("call.denied", logging.INFO))
class CallDenied(Event):
    """A call was refused, for whatever reason.

    Attributes:
        denial: One of ``Denial``.
    """

    denial: str = field(metadata=PLAIN)
    surface: str = field(metadata=SURFACE)


_INPUT = ("input", "cache_")
_OUTPUT = ("output", "reasoning")
"""How the names of kinds begin that a model reads or writes."""


@_event(
    EventKind(
        "call.settled",
        logging.INFO,
        figures=("input_tokens", "output_tokens", "duration_seconds"),
    )
)
class CallSettled(Event):
    """An admitted call is over.

    Attributes:
        outcome: ``completed``, ``failed``, ``cancelled``, ``expired``, or ``released`` when nothing
            was spent.
        source: How the cost is known (LED-3); empty when released.
        cost_nano_usd: ``None`` is unknown, or nothing was spent.
        replaced_nano_usd: What had been presumed of it, and reported, before.
        tokens: Counts that are not 0 by kind, the names of ``TokenKind``.
        first_token_at: Aware UTC; ``None`` when nobody said.
        computed_cost_nano_usd: What the price books make of it, where that is not its cost.
        is_at_least: Whether the cost is a lower bound; ``None`` where it is not.
    """

    reservation_id: str = field(metadata=ID)
    provider: str = field(metadata=PROVIDER)
    model: str = field(metadata=MODEL)
    answering_model: str | None = field(metadata=HIDDEN)
    session_id: str = field(metadata=HASH)
    mission_id: str | None = field(metadata=HASH)
    surface: str = field(metadata=SURFACE)
    outcome: str = field(metadata=PLAIN)
    source: str = field(metadata=PLAIN)
    cost_nano_usd: int | None = field(metadata=USD)
    replaced_nano_usd: int = field(metadata=HIDDEN)
    tokens: tuple[tuple[str, int], ...] = field(metadata=HIDDEN)
    admitted_at: datetime = field(metadata=HIDDEN)
    settled_at: datetime = field(metadata=HIDDEN)
    first_token_at: datetime | None = field(default=None, metadata=HIDDEN)
    computed_cost_nano_usd: int | None = field(default=None, metadata=USD)
    is_at_least: bool | None = field(default=None, metadata=PLAIN)

    @property
    def input_tokens(self) -> int | None:
        """All that the call read, cached or not; ``None`` when nothing was spent."""
        return self._sum(_INPUT)

    @property
    def output_tokens(self) -> int | None:
        """All that the call wrote, reasoning included; ``None`` when nothing was spent."""
        return self._sum(_OUTPUT)

    @property
    def duration_seconds(self) -> float:
        """From admission to settlement."""
        return round((self.settled_at - self.admitted_at).total_seconds(), 3)

    def _sum(self, beginnings: tuple[str, ...]) -> int | None:
        counts = (n for kind, n in self.tokens if kind.startswith(beginnings))
        return sum(counts) if self.source else None
