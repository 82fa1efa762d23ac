"""Shares: what a session or a mission gives to a mission of what it has left (MIS-5).

A share is the limit of the mission that has it, and while that runs, what it has not used of it is
kept free in whatever gave it: no other call can spend it. Nothing is moved for this. What is kept
free follows from the limits and the sums of the missions whenever a budget is judged, so that it
can neither get lost nor count twice, and is free again as soon as the mission ends. What a mission
with a share spends counts in the session and in all missions above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD, usd_text
from corvus.governor.evaluate import Balance
from corvus.governor.rules import MISSION, Rules
from corvus.model.steering import MissionRecord, MissionRequest, SessionRecord
from corvus.store.api import BalanceKey
from corvus.store.unit import Unit

DEPTH_MAX = 20
"""How many missions may stand above one with a share."""
MISSIONS_MAX = 1000
"""How many missions a session may have when another share is given."""
_SESSION = "session"
_HUNDRED = 100


class Shares:
    """The missions of a session, and what they give each other.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        session_id: The session.
        project: The project of the session.
    """

    def __init__(self, unit: Unit, rules: Rules, session_id: str, project: str | None) -> None:
        self._unit = unit
        self._place = session_id, project
        self._ids = {budget.name: budget_id for budget_id, budget in rules.budgets.items()}
        self._budgets = {budget.name: budget for budget in rules.budgets.values()}
        self.missions = {one.id: one for one in unit.missions_of(session_id, project)}
        self._below: dict[str | None, list[MissionRecord]] = {}
        for one in self.missions.values():
            if one.is_share:
                self._below.setdefault(one.parent_id, []).append(one)

    def seen(self, balance: Balance, mission: MissionRecord | None) -> Balance:
        """Return what stands against a budget for calls of a mission, or of none.

        What others keep free counts as held, and so does what a mission above has no room for.
        """
        if balance.budget.name == MISSION and mission is not None:
            return self._of_mission(balance, mission)
        if balance.budget.name == _SESSION:
            *_, root = [None] if mission is None else [one.id for one in self._line(mission)]
            kept = self._kept(None, root)
            return balance._replace(held=balance.held + kept, kept=kept)
        return balance

    def left_of(self, request: MissionRequest) -> int | None:
        """Return what a mission that shall begin may have of what gives it its share.

        Returns:
            Nano-USD; below 0 where more is promised than there is; ``None`` without a limit.

        Raises:
            SteeringRefused: There is no such mission, it has ended, or it stands too deep, or below
                the one that shall begin.
        """
        if request.parent_id is None:
            budget = self._budgets.get(_SESSION)
            if budget is None or not budget.limit:
                return None
            spent, held = self._sum(self._ids[_SESSION], "")
            return budget.limit - spent - held - self._kept(None, request.id)
        parent = self._parent(request)
        if not parent.limit_nano_usd:
            return None
        return self._room(parent, request.id)

    def used(self, mission: MissionRecord) -> tuple[int, int]:
        """Return what a mission and all below it have spent and hold, nano-USD."""
        spent, held = self._sum(self._ids[MISSION], mission.id)
        for child in self._below.get(mission.id, ()):
            more = self.used(child)
            spent, held = spent + more[0], held + more[1]
        return spent, held

    def _of_mission(self, balance: Balance, mission: MissionRecord) -> Balance:
        spent, held = self.used(mission)
        kept = self._kept(mission.id)
        tight = self._room(mission)
        room = balance.budget.limit - spent - held - kept
        if balance.budget.limit and tight is not None:
            kept += max(0, room - tight)
        return balance._replace(spent=spent, held=held + kept, kept=kept)

    def _room(self, mission: MissionRecord, but: str | None = None) -> int | None:
        """Return what a mission and all above it have room for; ``None`` without any limit.

        Args:
            mission: The mission.
            but: A mission below it that keeps nothing free from itself.
        """
        rooms: list[int] = []
        for one in self._line(mission):
            if one.limit_nano_usd:
                used = sum(self.used(one))
                rooms.append(one.limit_nano_usd - used - self._kept(one.id, but))
            but = one.id
        return min(rooms, default=None)

    def _kept(self, parent_id: str | None, but: str | None = None) -> int:
        """Return what a session or a mission keeps free for those that have a share of it."""
        below = self._below.get(parent_id, ())
        return sum(self._unused(child) for child in below if child.id != but)

    def _unused(self, mission: MissionRecord) -> int:
        if not mission.is_open:
            return self._kept(mission.id)  # those below run on
        return max(0, mission.limit_nano_usd - sum(self.used(mission)))

    def _line(self, mission: MissionRecord) -> Iterator[MissionRecord]:
        """Yield a mission and those above it, as far as they have shares."""
        above: MissionRecord | None = mission
        for _ in range(DEPTH_MAX + 1):
            if above is None:
                return
            yield above
            parent_id = above.parent_id if above.is_share else None
            above = self.missions.get(parent_id) if parent_id is not None else None

    def _parent(self, request: MissionRequest) -> MissionRecord:
        parent = self.missions.get(request.parent_id or "")
        if parent is None:
            raise SteeringRefused(
                f"session {request.session_id!r} has no mission {request.parent_id!r} to have a "
                "share of"
            )
        if not parent.is_open:
            raise SteeringRefused(f"mission {parent.id!r} has ended: it has nothing to share")
        line = [one.id for one in self._line(parent)]
        if request.id in line:
            raise SteeringRefused(f"mission {parent.id!r} has its own share of {request.id!r}")
        if len(line) > DEPTH_MAX:
            raise SteeringRefused(
                f"mission {parent.id!r} has {DEPTH_MAX} missions above it already"
            )
        return parent

    def _sum(self, budget_id: int, mission_id: str) -> tuple[int, int]:
        session_id, project = self._place
        key = BalanceKey(budget_id, 0, session_id, mission_id, project or "")
        stored = self._unit.balance(key)
        return stored.spent_nano_usd, stored.held_nano_usd


def with_shares(
    unit: Unit,
    rules: Rules,
    balances: Sequence[Balance],
    mission: MissionRecord | None,
    session: SessionRecord | None,
) -> Sequence[Balance]:
    """Return what stands against budgets for the calls of a mission, or of a session alone.

    Args:
        unit: The transaction under way.
        rules: The policy in force.
        balances: What stands there without shares.
        mission: The mission of the call.
        session: Its session; one that gave no share costs no look.
    """
    if session is None or not session.has_shares:
        return balances
    shares = Shares(unit, rules, session.id, session.project)
    return [shares.seen(balance, mission) for balance in balances]


def share_of(unit: Unit, rules: Rules, request: MissionRequest) -> NanoUSD:
    """Return the limit of a mission that shall begin with a share.

    Raises:
        SteeringRefused: There is not so much left, nothing to have a share of, or there are too
            many missions.
    """
    shares = Shares(unit, rules, request.session_id, request.project)
    if len(shares.missions) >= MISSIONS_MAX:
        raise SteeringRefused(f"session {request.session_id!r} has {MISSIONS_MAX:,} missions")
    left = shares.left_of(request)
    giver = f"mission {request.parent_id!r}" if request.parent_id else "the session"
    if request.share_nano_usd is not None:
        amount = request.share_nano_usd
    elif left is None:
        raise SteeringRefused(f"{giver} has no limit to have a percentage of; name a share in USD")
    else:
        amount = left * (request.share_percent or 0) // _HUNDRED
    if left is not None and (amount > left or left <= 0):
        raise SteeringRefused(
            f"{giver} has {usd_text(max(0, left))} USD left to share, which is less than "
            f"{usd_text(amount)} USD"
            if left > 0
            else f"{giver} has nothing left to share"
        )
    if amount <= 0:
        raise SteeringRefused(f"a share of {giver} would be nothing")
    return NanoUSD(amount)


def keep_share(unit: Unit, session_id: str, project: str | None) -> SessionRecord | None:
    """Note that a session has missions with shares.

    Returns:
        The session, if this opened it.
    """
    session = unit.session(session_id, project)
    if session is not None:
        if not session.has_shares:
            unit.put_session(replace(session, has_shares=True))
        return None
    session = SessionRecord(session_id, unit.now, project=project, has_shares=True)
    unit.put_session(session)
    return session


def renewed(unit: Unit, rules: Rules, mission: MissionRecord) -> MissionRecord:
    """Return a mission that runs again with as much of its share as there is by now."""
    if not mission.is_share:
        return mission
    shares = Shares(unit, rules, mission.session_id, mission.project)
    request = MissionRequest(
        mission.session_id, mission.id, project=mission.project, parent_id=mission.parent_id
    )
    try:
        left = shares.left_of(request)
    except SteeringRefused:
        left = 0  # what gave it is over
    if left is None:
        return mission
    used = sum(shares.used(mission))
    return replace(
        mission, limit_nano_usd=NanoUSD(max(1, min(mission.limit_nano_usd, used + max(0, left))))
    )
