"""Sessions and missions as objects: an id, and the calls made under it (SES, MIS)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from policy.errors import MissionEnded, SteeringRefused
from policy.governor.call import Call
from policy.governor.pricing import CallOptions
from policy.governor.scopes import LIMITS
from policy.governor.status import StatusReport
from policy.model.steering import MissionOutcome, MissionRecord, MissionRequest, SessionRecord
from policy.money import nano_usd

if TYPE_CHECKING:
    from policy.governor.governor import Governor


class Session:
    """A session; as a context, it is closed on the way out.

    Attributes:
        id: Its id, to be shown and to be continued by.
    """

    def __init__(self, governor: Governor, session_id: str) -> None:
        self._governor = governor
        self.id = session_id

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a governed call of this session; see ``Governor.call``."""
        return self._governor.call(model, **{**options, "session_id": self.id})

    def mission(
        self,
        mission_id: str,
        *,
        limit_usd: Decimal | int | None = None,
        max_steps: int | None = None,
        max_runtime_seconds: float | None = None,
    ) -> Mission:
        """Return a mission of this session, with limits of its own.

        Args:
            mission_id: An id that the session has not used.
            limit_usd: Its cost limit; 0 is none, ``None`` takes the policy's.
            max_steps: Steps it may take; 0 is no limit, ``None`` takes the policy's.
            max_runtime_seconds: Time it may take; 0 is no limit, ``None`` takes the policy's.
        """
        limit = None if limit_usd is None else nano_usd(limit_usd)
        wish = MissionRequest(self.id, mission_id, limit, max_steps, max_runtime_seconds)
        return Mission(self._governor, wish)

    def status(self) -> StatusReport:
        """Say where every budget stands for this session."""
        return self._governor.status(self.id)

    def close(self) -> SessionRecord:
        """Close the session and return its record, with its outcome (SES-2).

        Raises:
            SteeringRefused: It is closed already.
        """
        return self._governor.close_session(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(SteeringRefused):  # it was closed inside
            self.close()


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
        record = self._governor.mission(self._wish.session_id, self._wish.id)
        return record.outcome or record.stopped_by

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a governed call of this mission; see ``Governor.call``."""
        ids: CallOptions = {"session_id": self._wish.session_id, "mission_id": self._wish.id}
        return self._governor.call(model, **{**options, **ids})

    def step(self) -> MissionRecord:
        """Count a step.

        Raises:
            MissionEnded: The step is beyond the limits of the mission, which has ended with it.
        """
        record = self._governor.step_mission(self._wish.session_id, self._wish.id)
        if record.outcome is not None and record.outcome in LIMITS:
            raise MissionEnded(
                f"mission {record.id!r} has ended with {record.outcome}: it took {record.steps} "
                f"steps of {record.max_steps or 'any number'}",
                record.outcome.value,
            )
        return record

    def end(self, outcome: MissionOutcome = MissionOutcome.COMPLETED) -> MissionRecord:
        """End the mission; a limit that stopped it outweighs the outcome given."""
        return self._governor.end_mission(self._wish.session_id, self._wish.id, outcome)

    def __enter__(self) -> Self:
        self._governor.start_mission(self._wish)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(MissionOutcome.COMPLETED if error is None else MissionOutcome.FAILED)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)
