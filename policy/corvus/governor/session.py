"""Sessions and missions as objects: an id, and the calls made under it (SES, MIS)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from corvus.base.errors import SteeringRefused
from corvus.base.money import nano_usd
from corvus.governor.call import Call, leaving
from corvus.governor.pricing import CallOptions
from corvus.model.decision import MissionEnded
from corvus.model.status import StatusReport
from corvus.model.steering import MissionOutcome, MissionRecord, MissionRequest, SessionRecord

if TYPE_CHECKING:
    from corvus.governor.governor import Governor


class Session:
    """A session; as a context, it is closed on the way out.

    Attributes:
        id: Its id, to be shown and to be continued by.
        project: The project that it is of; ``None`` is a project of its own.
    """

    def __init__(
        self,
        governor: Governor,
        session_id: str,
        project: str | None = None,
        *,
        is_made: bool = False,
    ) -> None:
        self._governor = governor
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
        return self._governor.call(model, **{**options, **named})

    def mission(
        self,
        mission_id: str,
        *,
        limit_usd: Decimal | int | None = None,
        max_steps: int | None = None,
        max_runtime_seconds: float | None = None,
        resume: bool = False,
    ) -> Mission:
        """Return a mission of this session, with limits of its own.

        Args:
            mission_id: An id under which the session made no call yet, unless it is resumed.
            limit_usd: Its cost limit; 0 is none, ``None`` takes the policy's.
            max_steps: Steps it may take; 0 is no limit, ``None`` takes the policy's.
            max_runtime_seconds: Time it may take; 0 is no limit, ``None`` takes the policy's.
            resume: Join it while it runs, resume it when it has ended, begin it when there is
                none (MIS-5). Of one that there is, the limits stay as they are and the spend goes
                on. The last of those who joined it ends it on the way out.
        """
        limit = None if limit_usd is None else nano_usd(limit_usd)
        wish = MissionRequest(
            self.id, mission_id, limit, max_steps, max_runtime_seconds, self.project, resume
        )
        return Mission(self._governor, wish)

    def status(self) -> StatusReport:
        """Say where every budget stands for this session."""
        return self._governor.status(self.id, project=self.project)

    def close(self) -> SessionRecord:
        """Close the session and return its record, with its outcome (SES-2).

        Where its calls were of several projects, the record is that of the worst outcome.

        Raises:
            SteeringRefused: It is closed already.
        """
        closed = [self._governor.close_session(self.id, one) for one in self._projects_met]
        return max(closed, key=lambda one: one.worst)

    @property
    def _projects_met(self) -> list[str | None]:
        return sorted(self._projects or {self.project}, key=lambda one: one or "")

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
            for one in self._projects_met:
                await self._governor.aclose_session(self.id, one)


class Mission:
    """A mission as a scope guard: it begins on entry and ends on every way out (MIS-2).

    It serves ``with`` and ``async with``. Made by ``Session.mission``.
    """

    def __init__(self, governor: Governor, wish: MissionRequest) -> None:
        self._governor = governor
        self._wish = wish

    @property
    def id(self) -> str:
        """Its id inside its session."""
        return self._wish.id

    @property
    def outcome(self) -> MissionOutcome | None:
        """How it ended, or the limit that will be its outcome; ``None`` while it runs freely."""
        record = self._governor.mission(*self._key)
        return record.outcome or record.stopped_by

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
        return self._governor.call(model, **{**options, **ids})

    @property
    def _key(self) -> tuple[str, str, str | None]:
        return self._wish.session_id, self._wish.id, self._wish.project

    def step(self) -> MissionRecord:
        """Count a step.

        Raises:
            MissionEnded: The mission has ended, perhaps with this step beyond its limits.
        """
        record = self._governor.step_mission(*self._key)
        if record.outcome is not None:
            raise MissionEnded(
                f"mission {record.id!r} has ended with {record.outcome}: it took {record.steps} "
                f"steps of {record.max_steps or 'any number'}",
                record.outcome.value,
            )
        return record

    def end(self, outcome: MissionOutcome = MissionOutcome.COMPLETED) -> MissionRecord:
        """End the mission for all; a limit that stopped it outweighs the outcome given."""
        session_id, mission_id, project = self._key
        return self._governor.end_mission(session_id, mission_id, outcome, project)

    def __enter__(self) -> Self:
        self._governor.start_mission(self._wish)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error):
            self._governor.leave_mission(self._wish, _outcome_of(error))

    async def __aenter__(self) -> Self:
        await self._governor.astart_mission(self._wish)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with leaving(error):
            await self._governor.aleave_mission(self._wish, _outcome_of(error))


def _outcome_of(error: BaseException | None) -> MissionOutcome:
    return MissionOutcome.COMPLETED if error is None else MissionOutcome.FAILED
