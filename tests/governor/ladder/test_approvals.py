"""Parked calls: who may let them pass, once, and until when (EVA-14, AUD-1)."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from corvus import Decision
from corvus.base.errors import ApprovalNotFound, SelfApproval, SteeringRefused
from corvus.base.money import nano_usd
from corvus.events import ApprovalDecided, CallParked
from corvus.governor.ladder import approvals
from corvus.model.approval import Approval, ApprovalRequest, ApprovalState
from corvus.model.decision import Denial
from corvus.model.outbox import LedgerTable
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.governor.ladder.climbing import (
    ASK,
    CAP,
    WAIT,
    Aside,
    Place,
    day,
    opened,
    policy_of,
    until,
)


def parked(place: Place) -> Approval:
    """Return the one call that is parked, once there is one."""
    until(lambda: len(place.governor.approvals()) == 1)
    return place.governor.approvals()[0]


def parkings(place: Place) -> list[CallParked]:
    return [one for one in place.events if isinstance(one, CallParked)]


def decide(place: Place, approval: Approval, *, granted: bool = True, **more: Any) -> Approval:
    return place.governor.decide_approval(
        ApprovalRequest(approval.id, "ana", is_granted=granted, **more)
    )


def state_of(place: Place, approval: Approval) -> ApprovalState:
    def read(unit: Unit) -> ApprovalState:
        found = unit.approval(approval.id)
        assert found is not None
        return found.state

    return place.governor.store.run(read)


def audit(place: Place) -> list[tuple[str, str, str | None]]:
    rows = place.rows(LedgerTable.AUDIT_EVENT)
    return [(row["kind"], row["actor"], row.get("reason")) for row in rows]


class TestAsk:
    """EVA-14, ``ask``: the call is parked, and passes once when somebody lets it."""

    def test_an_approved_call_passes_beyond_the_limit(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            decided = decide(place, approval, reason="release day")
            decision: Decision = call.join()
            row = place.rows()[-1]
            assert audit(place)[-1] == ("approval_granted", "ana", "release day")
            assert state_of(place, approval) is ApprovalState.USED
            assert place.governor.approvals() == []
        assert decided.state is ApprovalState.APPROVED
        assert decision.allowed
        assert (decision.rungs, decision.approval_id) == ((ASK,), approval.id)
        assert decision.waited_seconds > 0
        assert (row["kind"], row["rungs"], row["approval_id"]) == ("reserved", "ask", approval.id)

    def test_it_says_what_is_asked_for(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            Aside(lambda: place.reserve("0.5", user="ben", principal="token-1"))
            approval = parked(place)
            decide(place, approval, granted=False)
        assert (approval.model, approval.user, approval.principal) == ("m", "ben", "token-1")
        assert approval.estimate_nano_usd == nano_usd(1) // 2
        assert '"needed": 500000000' in approval.budgets
        assert '"left": 100000000' in approval.budgets

    def test_a_refused_call_is_refused(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            decide(place, approval, granted=False, reason="no")
            decision: Decision = call.join()
            assert audit(place)[-1] == ("approval_denied", "ana", "no")
            row = place.rows()[-1]
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.approval_id == approval.id
        assert (row["kind"], row["approval_id"]) == ("denied", approval.id)

    def test_nobody_decides_in_time(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK), ask_seconds=1)) as place:
            place.spend("0.9")
            decision = place.reserve("0.5")
            assert audit(place)[-1][0] == "approval_expired"
            assert place.governor.approvals() == []
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.waited_seconds > 0.5

    def test_it_passes_one_call_and_no_other(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            calls = [Aside(lambda: place.reserve("0.5")) for _ in range(2)]
            until(lambda: len(place.governor.approvals()) == 2)
            first, second = place.governor.approvals()
            decide(place, first)
            until(lambda: any(call.is_over for call in calls))
            assert not all(call.is_over for call in calls)
            decide(place, second, granted=False)
            allowed = sorted(call.join().allowed for call in calls)
        assert allowed == [False, True]

    def test_nobody_floods_those_who_approve(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(approvals, "PARKED_MAX", 2)
        with opened(tmp_path, policy_of(day(ASK), ask_seconds=30)) as place:
            place.spend("0.9")
            Aside(lambda: place.reserve("0.5", principal="loud"))
            left = parked(place)
            decide_later = Aside(lambda: place.reserve("0.5", principal="loud"))
            until(lambda: len(place.governor.approvals()) == 2)
            place.governor.store.run(lambda unit: approvals.let_go(unit, left.id))
            refused = place.reserve("0.5", principal="loud")
            assert refused.denial is Denial.BUDGET_EXCEEDED
            assert refused.approval_id is None
            other = Aside(lambda: place.reserve("0.5", principal="quiet"))
            until(lambda: len(place.governor.approvals()) == 2)
            for approval in place.governor.approvals():
                decide(place, approval, granted=approval.principal == "quiet")
            assert other.join().allowed
            assert not decide_later.join().allowed
        assert sum(isinstance(event, CallParked) for event in place.events) == 3

    def test_an_approved_call_that_is_released_leaves_nothing_behind(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            decide(place, approval)
            place.governor.release(call.join().reservation)
            assert state_of(place, approval) is ApprovalState.USED
            again = Aside(lambda: place.reserve("0.5"))
            decide(place, parked(place), granted=False)
            assert not again.join().allowed

    def test_up_to_an_amount(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK, CAP), cap_at_least_tokens=1_000)) as place:
            place.spend("1")
            for usd, cap in (("0.3", 20_000), ("2", None)):
                call = Aside(lambda: place.talk(64_000))
                decide(place, parked(place), amount_nano_usd=nano_usd(Decimal(usd)))
                decision: Decision = call.join()
                assert decision.allowed
                assert decision.output_cap_tokens == cap
            call = Aside(lambda: place.talk(64_000))
            decide(place, parked(place), amount_nano_usd=nano_usd(Decimal("0.001")))
            assert not call.join().allowed  # too little for a call of any use

    def test_a_parked_call_passes_by_itself_when_there_is_room(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            first = place.reserve("0.9").reservation
            assert first is not None
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            place.governor.release(first)
            decision: Decision = call.join()
            assert state_of(place, approval) is ApprovalState.EXPIRED
        assert decision.allowed
        assert (decision.rungs, decision.approval_id) == ((), None)

    def test_it_waits_first_and_asks_then(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(WAIT, ASK), wait_seconds=1)) as place:
            first = place.reserve("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            until(lambda: place.waiting() == 1)
            approval = parked(place)
            assert place.waiting() == 0
            decide(place, approval)
            decision: Decision = call.join()
            assert first.allowed
        assert decision.rungs == (WAIT, ASK)
        assert decision.waited_seconds >= 1

    def test_a_repeated_key_does_not_pass_twice(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            calls = [Aside(lambda: place.reserve("0.5", idempotency_key="k")) for _ in range(2)]
            until(lambda: len(place.governor.approvals()) == 2)
            decide(place, place.governor.approvals()[0])
            decisions: list[Decision] = [call.join() for call in calls]
            assert place.governor.approvals() == []
        assert sorted(decision.replayed for decision in decisions) == [False, True]
        ids = {decision.reservation.id for decision in decisions if decision.reservation}
        assert len(ids) == 1


class TestRaces:
    """EVA-14: two approvers never both pay, and nobody approves what is over."""

    def test_of_two_who_decide_at_once_the_second_is_told_so(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)

            def approve() -> object:
                try:
                    return decide(place, approval)
                except SteeringRefused as refused:
                    return str(refused)

            answers = [one.join() for one in [Aside(approve) for _ in range(8)]]
            assert call.join().allowed
            status = place.governor.status().decision.statuses[0]
            granted = [kind for kind, *_ in audit(place) if kind == "approval_granted"]
        assert sum(isinstance(answer, Approval) for answer in answers) == 1
        assert sum("ana has let this call pass" in str(answer) for answer in answers) == 7
        assert status.held == nano_usd(1) // 2
        assert granted == ["approval_granted"]

    def test_a_decision_after_the_deadline_is_refused(self, tmp_path: Path):
        clock = FrozenClock()
        with opened(tmp_path, policy_of(day(ASK)), clock) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            clock.move(timedelta(seconds=6))
            with pytest.raises(SteeringRefused, match="this call is over"):
                decide(place, approval)
            assert not call.join().allowed

    def test_a_decision_after_the_client_left_is_refused(self, tmp_path: Path):
        async def main(place: Place) -> None:
            governor = place.governor
            request = governor.request("m", estimate_usd=Decimal("0.5"), session_id="s")
            call = asyncio.create_task(governor.areserve(request))
            while not (waiting := await governor.aapprovals()):
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await governor.aapprovals() == []
            with pytest.raises(SteeringRefused, match="has left"):
                decide(place, waiting[0])
            assert audit(place)[-1][0] == "approval_expired"
            until(lambda: ApprovalDecided(waiting[0].id, "expired", "s", "python") in place.events)

        with opened(tmp_path, policy_of(day(ASK), ask_seconds=600)) as place:
            place.spend("0.9")
            asyncio.run(main(place))
            assert place.governor.status().decision.statuses[0].held == 0

    def test_the_call_of_a_process_that_died_is_over_after_a_while(self, tmp_path: Path):
        clock = FrozenClock()
        with opened(tmp_path, policy_of(day(ASK), ask_seconds=600), clock) as place:
            place.spend("0.9")
            Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
        clock.move(timedelta(seconds=11))  # nobody has said that it is still there
        with opened(tmp_path, policy_of(day(ASK), ask_seconds=600), clock) as place:
            assert place.governor.approvals() == []
            with pytest.raises(SteeringRefused, match="this call is over"):
                decide(place, approval)

    def test_nothing_is_parked_under_an_id(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place, pytest.raises(ApprovalNotFound):
            place.governor.decide_approval(ApprovalRequest("x", "ana", is_granted=True))


class TestWho:
    """EVA-14: a governed agent does not approve itself."""

    def test_the_token_of_the_call_cannot_decide(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5", principal="token-1"))
            approval = parked(place)
            for granted in (True, False):
                with pytest.raises(SelfApproval):
                    decide(place, approval, granted=granted, principal="token-1")
            decide(place, approval, principal="token-2")
            assert call.join().allowed

    def test_the_local_user_decides_about_local_calls(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            decide(place, parked(place), principal="local")
            assert call.join().allowed


class TestLink:
    """EVA-14: whoever has the signed link may decide, until the deadline."""

    def test_a_link_leads_to_its_call_and_to_no_other(self, tmp_path: Path):
        clock = FrozenClock()
        with opened(tmp_path, policy_of(day(ASK)), clock) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            approval = parked(place)
            until(lambda: bool(parkings(place)))  # listeners hear of it after the commit
            (event,) = parkings(place)
            link = urlsplit(event.link)
            query = {name: values[0] for name, values in parse_qs(link.query).items()}
            governor = place.governor
            assert link.path == f"/dashboard/approve/{approval.id}"
            found = governor.approval_of_link(approval.id, query["until"], query["signature"])
            assert found.id == approval.id
            wrong = [
                (approval.id, query["until"], "0" * 64),
                (approval.id, query["until"], "\u00e9"),
                (approval.id, str(int(query["until"]) + 1), query["signature"]),
                ("x", query["until"], query["signature"]),
            ]
            for other in wrong:
                with pytest.raises(ApprovalNotFound):
                    governor.approval_of_link(*other)
            clock.move(timedelta(seconds=6))
            with pytest.raises(ApprovalNotFound):
                governor.approval_of_link(approval.id, query["until"], query["signature"])
            assert not call.join().allowed

    def test_the_link_is_in_no_audit(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(ASK))) as place:
            place.spend("0.9")
            call = Aside(lambda: place.reserve("0.5"))
            decide(place, parked(place))
            call.join()
            (event,) = [one for one in place.events if isinstance(one, CallParked)]
            signature = event.link.rpartition("=")[2]
            rows = [*place.rows(), *place.rows(LedgerTable.AUDIT_EVENT)]
            assert not [row for row in rows if signature in str(row)]
            decided = [one.state for one in place.events if isinstance(one, ApprovalDecided)]
        assert decided == ["approved"]


def test_old_approvals_are_forgotten(tmp_path: Path):
    clock = FrozenClock()
    with opened(tmp_path, policy_of(day(ASK), ask_seconds=1), clock) as place:
        place.spend("0.9")
        place.reserve("0.5")
        for _ in range(9):
            clock.move(timedelta(days=1))
            place.spend("0.1")
        place.spend("0.8")
        place.reserve("0.5")
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        (count,) = connection.execute("SELECT count(*) FROM approval").fetchone()
    connection.close()
    assert count == 1
