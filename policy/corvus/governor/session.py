"""Sessions and missions: an id, the calls made under it, and its end (SES, MIS)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias, Unpack

from corvus.base.errors import SteeringRefused, StoreError
from corvus.base.money import NanoUSD, nano_usd
from corvus.governor import calls, scopes, settlement
from corvus.governor.call import Call, leaving
from corvus.governor.engine import (
    Engine,
    Operation,
    Prepared,
    Transaction,
    WithEvents,
    awaitable,
    blocking,
)
from corvus.governor.leases.budgets import spans_hosts
from corvus.governor.leases.routing import steered
from corvus.governor.leases.standing import merged
from corvus.governor.options import CallOptions
from corvus.governor.part_status import parts_page, with_parts
from corvus.governor.resets import Subject, find_budget
from corvus.governor.status import report_status
from corvus.model.decision import MissionEnded
from corvus.model.parts import PartsPage, PartsQuery
from corvus.model.status_report import StatusReport
from corvus.model.steering import MissionOutcome, MissionRecord, MissionRequest, SessionRecord
from corvus.store.unit import Unit

Share: TypeAlias = str | Decimal | int
"""What a mission gets of what its parent has left: ``"40%"`` of it, or an amount in USD."""


class MissionKey(NamedTuple):
    """Which mission: an id inside a session of a project."""

    session_id: str
    id: str
    project: str | None


def close_session(
    session_id: str, project: str | None, *, must_exist: bool = False
) -> Operation[SessionRecord]:
    """Close a session and record its outcome (SES-2)."""

    def step(unit: Unit) -> WithEvents[SessionRecord]:
        return scopes.close_session(unit, session_id, project, must_exist=must_exist), []

    return Transaction(step, keep=True)


def start_mission(engine: Engine, request: MissionRequest) -> Operation[MissionRecord]:
    """Begin a mission (MIS-1), or join or resume it when the request says so (MIS-5)."""
    return Transaction(lambda unit: (scopes.start_mission(unit, request, engine.rules), []))


def step_mission(key: MissionKey) -> Operation[MissionRecord]:
    """Count a step of a mission; one beyond its limits ends it (MIS-4)."""
    return Transaction(lambda unit: (scopes.step_mission(unit, *key), []))


def end_mission(key: MissionKey, outcome: MissionOutcome) -> Operation[MissionRecord]:
    """End a mission, whoever holds it open; may be repeated (MIS-2)."""

    def step(unit: Unit) -> WithEvents[MissionRecord]:
        return scopes.end_mission(unit, scopes.find_mission(unit, *key), outcome), []

    return Transaction(step, keep=True)


def leave_mission(key: MissionKey, outcome: MissionOutcome) -> Operation[MissionRecord]:
    """Let go of a mission that was started or joined; the last to leave ends it (MIS-5)."""

    def step(unit: Unit) -> WithEvents[MissionRecord]:
        return scopes.leave_mission(unit, scopes.find_mission(unit, *key), outcome), []

    return Transaction(step, keep=True)


def find_mission(key: MissionKey) -> Operation[MissionRecord]:
    """Return a mission."""
    return Transaction(lambda unit: (scopes.find_mission(unit, *key), []))


def report(engine: Engine, subject: Subject) -> Transaction[StatusReport]:
    """Say where every budget stands now, by the rule that enforces (EVA-12)."""

    def look(report: StatusReport) -> StatusReport:
        if not any(budget.per for budget in engine.rules.budgets.values()):
            return report
        return engine.store.look(lambda rows: with_parts(report, engine.rules, rows))

    def step(unit: Unit) -> WithEvents[StatusReport]:
        events = settlement.upkeep(unit, engine.in_force)
        return report_status(unit, engine.rules, engine.register, subject), events

    return Transaction(step, look=look)


def report_of_all(engine: Engine, subject: Subject) -> Operation[StatusReport]:
    """Say where every budget stands, those that span hosts as the store says that they share.

    While that store is away, they are as this host last heard of them.
    """
    shared = engine.shared
    if shared is None:
        return report(engine, subject)

    def ask() -> StatusReport | None:
        try:
            shared.report()
            return engine.steering.run(report(engine.steering, subject))
        except StoreError:
            return None

    def own(seen: StatusReport | None) -> Operation[StatusReport]:
        mine = report(engine, subject)
        if seen is None:
            return mine
        complete = mine.look
        assert complete is not None, "a report is completed by a look"

        def look(incomplete: StatusReport) -> StatusReport:
            return merged(complete(incomplete), seen, engine.rules)

        return replace(mine, look=look)

    return Prepared(ask, own)


def parts_of_all(engine: Engine, query: PartsQuery) -> Operation[PartsPage]:
    """Return a page of the parts of a budget, from the store where its calls are counted."""
    shared = engine.shared
    is_own = shared is None or not any(
        each.name == query.budget and spans_hosts(each) for each in engine.rules.budgets.values()
    )
    return parts(engine, query) if is_own else steered(engine, parts(engine.steering, query))


def parts(engine: Engine, query: PartsQuery) -> Operation[PartsPage]:
    """Return a page of the parts of a budget."""

    def step(unit: Unit) -> WithEvents[PartsPage]:
        events = settlement.upkeep(unit, engine.in_force)
        _, budget = find_budget(engine.rules, query.budget)
        return PartsPage(unit.now, budget, query), events

    def look(page: PartsPage) -> PartsPage:
        return engine.store.look(lambda rows: parts_page(rows, engine.rules, query, page.now))

    return Transaction(step, look=look)


class Session:
    """A session; as a context, it is closed on the way out.

    It serves ``with`` and ``async with``. Made by ``Governor.session``.

    Attributes:
        id: Its id, to be shown and to be continued by.
        project: The project that it is of; ``None`` is a project of its own.
        engine: Runs its operations.
    """

    def __init__(
        self,
        engine: Engine,
        session_id: str,
        project: str | None = None,
        *,
        is_made: bool = False,
    ) -> None:
        self.engine = engine
        self._is_made = is_made
        self.id = session_id
        self.project = project
        self._projects: set[str | None] = set()

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a governed call of this session; see ``Governor.call``.

        A call that names another project belongs to the session of this id there, which is closed
        with this one.
        """
        project = options.get("project") or self.project
        self._projects.add(project)
        named: CallOptions = {"session_id": self.id, "project": project}
        if self._is_made:
            named = {"session_id": None, "made_session_id": self.id, "project": project}
        return Call(self.engine, calls.describe(self.engine, model, {**options, **named}))

    def mission(  # noqa: PLR0913 - each is a limit of its own
        self,
        mission_id: str,
        *,
        limit_usd: Decimal | int | None = None,
        share: Share | None = None,
        max_steps: int | None = None,
        max_runtime_seconds: float | None = None,
        resume: bool = False,
    ) -> Mission:
        """Return a mission of this session, with limits of its own.

        Args:
            mission_id: An id under which the session made no call yet, unless it is resumed.
            limit_usd: Its cost limit; 0 is none, ``None`` takes the policy's.
            share: Its cost limit is so much of what the session has left when it begins, and is
                kept free for it while it runs (MIS-5).
            max_steps: Steps it may take; 0 is no limit, ``None`` takes the policy's.
            max_runtime_seconds: Time it may take; 0 is no limit, ``None`` takes the policy's.
            resume: Join it while it runs, resume it when it has ended, begin it when there is
                none (MIS-5). Of one that there is, the limits stay as they are and the spend goes
                on. The last of those who joined it ends it on the way out.
        """
        request = MissionRequest(
            self.id,
            mission_id,
            None if limit_usd is None else nano_usd(limit_usd),
            max_steps,
            max_runtime_seconds,
            self.project,
            resume,
            *_parts_of(share),
        )
        return Mission(self.engine, request)

    @blocking
    def status(self) -> Operation[StatusReport]:
        """Say where every budget stands for this session."""
        return report_of_all(self.engine, Subject(self.id, None, self.project))

    def close(self) -> SessionRecord:
        """Close the session and return its record, with its outcome (SES-2).

        Where its calls were of several projects, the record is that of the worst outcome.

        Raises:
            SteeringRefused: It is closed already.
        """
        return _worst([self.engine.run(closing) for closing in self._closings])

    async def aclose(self) -> SessionRecord:
        """Do what ``close`` does, without keeping the event loop waiting."""
        return _worst([await self.engine.arun(closing) for closing in self._closings])

    astatus = awaitable(status)

    @property
    def _closings(self) -> list[Operation[SessionRecord]]:
        projects = sorted(self._projects or {self.project}, key=lambda project: project or "")
        return [close_session(self.id, project) for project in projects]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error), suppress(SteeringRefused):  # it was closed inside
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error), suppress(SteeringRefused):  # it was closed inside
            await self.aclose()


class Mission:
    """A mission as a scope guard: it begins on entry and ends on every way out (MIS-2).

    It serves ``with`` and ``async with``. Made by ``Session.mission``.

    Attributes:
        engine: Runs its operations.
    """

    def __init__(self, engine: Engine, request: MissionRequest) -> None:
        self.engine = engine
        self._request = request
        self._key = MissionKey(request.session_id, request.id, request.project)

    @property
    def id(self) -> str:
        """Its id inside its session."""
        return self._key.id

    @property
    def outcome(self) -> MissionOutcome | None:
        """How it ended, or the limit that will be its outcome; ``None`` while it runs freely."""
        return _outcome_so_far(self.engine.run(find_mission(self._key)))

    async def aoutcome(self) -> MissionOutcome | None:
        """Return what ``outcome`` is, without keeping the event loop waiting."""
        return _outcome_so_far(await self.engine.arun(find_mission(self._key)))

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a governed call of this mission; see ``Governor.call``.

        Raises:
            ValueError: The call names another project than that of the mission.
        """
        session_id, mission_id, project = self._key
        named = options.get("project") or None
        if named not in (None, project):
            own = f"project {project!r}" if project else "no project"
            raise ValueError(
                f"mission {mission_id!r} is of {own}, so its limits do not hold "
                f"for calls of project {named!r}; make it with "
                f"governor.session({session_id!r}, project={named!r})"
            )
        ids: CallOptions = {
            "session_id": session_id,
            "mission_id": mission_id,
            "project": project,
        }
        return Call(self.engine, calls.describe(self.engine, model, {**options, **ids}))

    def mission(
        self,
        mission_id: str,
        *,
        share: Share,
        max_steps: int | None = None,
        max_runtime_seconds: float | None = None,
        resume: bool = False,
    ) -> Mission:
        """Return a mission that has a share of what this one has left when it begins (MIS-5).

        What it spends counts in this one, too. The arguments are those of ``Session.mission``.

        Raises:
            ValueError: The share is no amount and no percentage of 1 to 100.
        """
        session_id, parent_id, project = self._key
        request = MissionRequest(
            session_id,
            mission_id,
            None,
            max_steps,
            max_runtime_seconds,
            project,
            resume,
            *_parts_of(share),
            parent_id,
        )
        return Mission(self.engine, request)

    def step(self) -> MissionRecord:
        """Count a step.

        Raises:
            MissionEnded: The mission has ended, perhaps with this step beyond its limits.
        """
        return _running(self.engine.run(step_mission(self._key)))

    async def astep(self) -> MissionRecord:
        """Do what ``step`` does, without keeping the event loop waiting."""
        return _running(await self.engine.arun(step_mission(self._key)))

    @blocking
    def end(self, outcome: MissionOutcome = MissionOutcome.COMPLETED) -> Operation[MissionRecord]:
        """End the mission for all; a limit that stopped it outweighs the outcome given."""
        return end_mission(self._key, outcome)

    aend = awaitable(end)

    def __enter__(self) -> Self:
        self.engine.run(start_mission(self.engine, self._request))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error):
            self.engine.run(leave_mission(self._key, _outcome_of(error)))

    async def __aenter__(self) -> Self:
        await self.engine.arun(start_mission(self.engine, self._request))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error):
            await self.engine.arun(leave_mission(self._key, _outcome_of(error)))


def _parts_of(share: Share | None) -> tuple[int | None, NanoUSD | None]:
    """Return the percentage of a share, or else its amount."""
    if not isinstance(share, str):
        return None, None if share is None else nano_usd(share)
    number = share.removesuffix("%").strip()
    if number == share or not number.isdecimal():
        raise ValueError(f'a share is "40%" or an amount in USD, got {share!r}')
    return int(number), None


def _worst(records: list[SessionRecord]) -> SessionRecord:
    return max(records, key=lambda record: record.worst)


def _outcome_so_far(mission: MissionRecord) -> MissionOutcome | None:
    return mission.outcome or mission.stopped_by


def _outcome_of(error: BaseException | None) -> MissionOutcome:
    return MissionOutcome.COMPLETED if error is None else MissionOutcome.FAILED


def _running(mission: MissionRecord) -> MissionRecord:
    if mission.outcome is not None:
        raise MissionEnded(
            f"mission {mission.id!r} has ended with {mission.outcome}: it took {mission.steps} "
            f"steps of {mission.max_steps or 'any number'}",
            mission.outcome.value,
        )
    return mission
