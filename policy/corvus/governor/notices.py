"""Keeps what is to be sent to people, in the transaction that made it true (OBS-4).

A notice is a row of the store: when a step is durable, so is what it has to say, and when it is
not, nothing was said. Its id is made of what makes it the same as another (budget, part, window,
threshold), so that whoever brings it about, and however often, it is kept once. What no target
wants is not kept. Nothing is sent here: ``corvus.observability.notify`` does, in its own time.

An event is kept as it is, ids of sessions included: the store knows those anyway. How much of it
leaves the process is decided when it is sent (OBS-3).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, cast, get_args, get_type_hints

from corvus.base.period import Period
from corvus.events import (
    EVENTS,
    ApprovalDecided,
    BudgetOverride,
    BudgetRefusal,
    CallParked,
    Event,
    LimitPassed,
    Overrun,
    ResetApplied,
    ShadowOutcomeNoted,
    Threshold,
    ThresholdReached,
    UnpricedCall,
)
from corvus.governor.shadow.marks import ShadowOutcome
from corvus.model.notify import Notice, NotifyTarget, TargetProgress, Topic
from corvus.store.kinds import NOTICE
from corvus.store.unit import Unit

NOTICES_MAX: Final = 100_000
"""Most notices of a store; the oldest go first, delivered or not."""
KEEP: Final = timedelta(days=31)
"""How long the same is not kept again where no window ends."""
TRY_FOR: Final = timedelta(days=1)
"""How long a notice is tried to be delivered."""
LARGE_OVERRUN_NANO_USD: Final = 10**9

T = TypeVar("T")


class _Draft(NamedTuple):
    """A notice in the making.

    Attributes:
        same: What makes it the same as another; empty is nothing.
        budget: Name of the budget that it is about.
        until: Until when another one is left out.
    """

    same: tuple[object, ...] = ()
    budget: str | None = None
    until: datetime | None = None


class Notices:
    """Keeps what targets want.

    Args:
        targets: Where notifications are sent.
    """

    def __init__(self, targets: Sequence[NotifyTarget] = ()) -> None:
        self.targets = tuple(targets)
        topics = {topic for target in targets for topic in target.events}
        self._topics = {kind: of for kind, of in _TOPICS.items() if of.topic in topics}

    def keep(self, unit: Unit, events: Iterable[Event]) -> None:
        """Keep the events of a step that a target wants and that are not kept yet.

        Args:
            unit: The transaction of the step.
            events: What the step made true.
        """
        for event in events:
            of = self._topics.get(type(event))
            if of is not None:
                self._keep(unit, event, of.topic, of.draft(unit, event))

    def _keep(self, unit: Unit, event: Event, topic: Topic, draft: _Draft | None) -> None:
        if draft is None or not any(each.wants(topic, draft.budget) for each in self.targets):
            return
        seq = unit.state.next_notice
        same = (event.kind.name, *draft.same) if draft.same else (seq,)
        notice_id = _id(unit.state.store_id, same)
        if unit.get(NOTICE, notice_id) is not None:
            return
        for target in self.targets:
            if unit.target(target.name) is None:
                unit.put_target(TargetProgress(target.name, done_seq=seq - 1))
        until = max(draft.until or unit.now + KEEP, unit.now + 2 * TRY_FOR)
        text = event_text(event)
        kind = event.kind.name
        notice = Notice(notice_id, seq, topic, kind, unit.now, until, draft.budget, text)
        unit.add_notice(notice, NOTICES_MAX)


def is_sent(event: Event) -> bool:
    """Return whether a target could want an event."""
    return type(event) in _TOPICS


def event_text(event: Event) -> str:
    """Write an event as JSON; ``event_of`` reads it."""
    values = asdict(cast("Any", event))
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False, default=_plain)


def event_of(notice: Notice) -> Event:
    """Return the event of a notice.

    Raises:
        ValueError: No version of ours that is as old as this one wrote it.
    """
    for kind in EVENTS:
        if kind.kind.name == notice.event:
            try:
                return _read(kind, json.loads(notice.fields))
            except (TypeError, KeyError) as fault:
                raise ValueError(f"a notice of {notice.event!r} cannot be read") from fault
    raise ValueError(f"there is no event {notice.event!r}")


def _id(store_id: str, same: tuple[object, ...]) -> str:
    """Return the id of a notice: it says nothing about what it was made of."""
    text = json.dumps([store_id, *same], default=_plain)
    return f"msg_{sha256(text.encode()).hexdigest()[:32]}"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is never a part of an event")


def _read(of: type[T], values: dict[str, Any]) -> T:
    hints = _hints(of)
    known = {each.name for each in fields(cast("Any", of))}
    return of(**{name: _value(hints[name], values[name]) for name in values if name in known})


@cache
def _hints(of: type) -> dict[str, Any]:
    return get_type_hints(of)


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(hint):
        return _read(cast("type[Any]", hint), value)
    if hint is datetime or datetime in get_args(hint):
        return datetime.fromisoformat(value)
    return value


def _of_threshold(threshold: Threshold, *more: object) -> _Draft:
    """Return what makes something that happened to a sum the same as another.

    It is the sum in its window since its last reset, and under the same limit.
    """
    period = threshold.period
    same = (
        threshold.budget,
        period,
        threshold.part,
        threshold.session_id if period in (Period.SESSION, Period.MISSION) else None,
        threshold.mission_id if period == Period.MISSION else None,
        threshold.resets_at,
        threshold.since_us,
        threshold.measure,
        threshold.limit_nano_usd or threshold.limit_amount,
        *more,
    )
    return _Draft(same, threshold.budget, threshold.resets_at)


def _threshold(unit: Unit, event: ThresholdReached) -> _Draft:
    return _of_threshold(event.threshold, event.percent)


def _limit_passed(unit: Unit, event: LimitPassed) -> _Draft:
    return _of_threshold(event.threshold)


def _refusal(unit: Unit, event: BudgetRefusal) -> _Draft:
    return _of_threshold(event.threshold)


def _override(unit: Unit, event: BudgetOverride) -> _Draft | None:
    if event.action not in ("granted", "consumed"):
        return None
    return _Draft((event.override_id, event.action))


def _reset(unit: Unit, event: ResetApplied) -> _Draft:
    return _Draft(budget=event.budget)


def _parked(unit: Unit, event: CallParked) -> _Draft:
    return _Draft((event.approval_id,), event.budget)


def _decided(unit: Unit, event: ApprovalDecided) -> _Draft:
    return _Draft((event.approval_id, event.state))


def _unpriced(unit: Unit, event: UnpricedCall) -> _Draft:
    midnight = datetime(unit.now.year, unit.now.month, unit.now.day, tzinfo=UTC)
    return _Draft((event.provider, event.model, midnight), until=midnight + timedelta(days=1))


def _overrun(unit: Unit, event: Overrun) -> _Draft | None:
    if event.overrun_nano_usd < LARGE_OVERRUN_NANO_USD:
        return None
    return _Draft((event.reservation_id,))


def _shadow(unit: Unit, event: ShadowOutcomeNoted) -> _Draft | None:
    if event.outcome != ShadowOutcome.REFUSED:
        return None
    midnight = datetime(unit.now.year, unit.now.month, unit.now.day, tzinfo=UTC)
    same = event.policy, event.budget, midnight
    return _Draft(same, event.budget, midnight + timedelta(days=1))


class _Topic(NamedTuple):
    topic: Topic
    draft: Callable[[Unit, Any], _Draft | None]


_TOPICS: Final[Mapping[type[Event], _Topic]] = MappingProxyType(
    {
        ThresholdReached: _Topic(Topic.THRESHOLDS, _threshold),
        LimitPassed: _Topic(Topic.LIMITS, _limit_passed),
        BudgetRefusal: _Topic(Topic.REFUSALS, _refusal),
        BudgetOverride: _Topic(Topic.OVERRIDES, _override),
        ResetApplied: _Topic(Topic.RESETS, _reset),
        CallParked: _Topic(Topic.PARKED, _parked),
        ApprovalDecided: _Topic(Topic.PARKED, _decided),
        UnpricedCall: _Topic(Topic.UNPRICED, _unpriced),
        ShadowOutcomeNoted: _Topic(Topic.SHADOW, _shadow),
        Overrun: _Topic(Topic.OVERRUNS, _overrun),
    }
)
"""Which kinds of events are sent, and what makes one the same as another."""
