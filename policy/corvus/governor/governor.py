"""The governor: every question and every change about token spend, for every surface.

It holds no state of its own; what is true lies in the store. Each operation is one step of the
store, durable when it returns, and listeners hear of it only then. When the store cannot answer,
nothing is admitted: the store's error reaches the caller (EVA-13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Unpack

from corvus.autonomy.decide import Action, ActionAnswer
from corvus.diagnostics.secrets import scrub
from corvus.governor import actions, calls, overrides, resets, session, settlement
from corvus.governor.call import Call
from corvus.governor.endings import kept_aside, reported
from corvus.governor.endings.kept_aside import BookedSettlements, FindRecorded
from corvus.governor.engine import (
    Constant,
    Engine,
    Listener,
    Operation,
    SharedBudgets,
    Transaction,
    WithEvents,
    awaitable,
    blocking,
)
from corvus.governor.ladder import approvals
from corvus.governor.leases.routing import steered, where_counted
from corvus.governor.options import CallOptions, CallReport
from corvus.governor.part_status import with_parts
from corvus.governor.recount import Difference, History, no_history
from corvus.governor.resets import ResetPreview, Subject
from corvus.governor.session import MissionKey, Session
from corvus.governor.status import project_of, report_status
from corvus.governor.upkeep import Heartbeat
from corvus.model.approval import Approval, ApprovalRequest
from corvus.model.decision import BudgetState, Decision
from corvus.model.ladder import Offers
from corvus.model.notify import NotifyTarget
from corvus.model.parts import PartsPage, PartsQuery
from corvus.model.policy import Policy
from corvus.model.reported import ReportedCall, Reporter, ReportSummary
from corvus.model.request import Request
from corvus.model.reservation import Reservation, Settled
from corvus.model.status_report import StatusReport
from corvus.model.steering import (
    MissionOutcome,
    MissionRecord,
    MissionRequest,
    Override,
    OverrideRequest,
    ResetRequest,
    ResetResult,
    SessionRecord,
)
from corvus.model.usage import Usage
from corvus.prices.lookup import PriceBooks
from corvus.store.store import Store
from corvus.store.unit import Unit


class Governor:
    """Budgets that hold: evaluate, reserve, commit, and everything operators may do about them.

    Each operation has a twin for an event loop: ``areserve`` does what ``reserve`` does, without
    keeping the event loop waiting.

    Args:
        policy: What is enforced.
        store: Where it is kept; closed by whoever opened it.
        books: Prices; by default those of the policy over the bundled book.
        listeners: Hear of events after they are durable. What they raise is logged.
        history: Reads what the ledger has recorded, for budgets that were not counted so far.
        notify: Where notifications are sent; what these want is kept for them.
        shared: Of a store that has only slices of its budgets (``corvus.governor.leases``).
        shadow: Another policy, by which calls are judged and never refused (PLN-2).

    Attributes:
        engine: Runs its operations.

    Raises:
        StoreUnavailable: The store cannot be read or written.
    """

    def __init__(  # noqa: PLR0913 - what all parts of a governor work with
        self,
        policy: Policy,
        store: Store,
        *,
        books: PriceBooks | None = None,
        listeners: Sequence[Listener] = (),
        history: History = no_history,
        notify: Sequence[NotifyTarget] = (),
        shared: SharedBudgets | None = None,
        shadow: Policy | None = None,
    ) -> None:
        self.engine = Engine(
            policy,
            store,
            books=books,
            listeners=listeners,
            history=history,
            notify=notify,
            shared=shared,
            shadow=shadow,
        )

    @property
    def policy(self) -> Policy:
        """What is enforced."""
        return self.engine.policy

    @property
    def store(self) -> Store:
        """Where it is kept."""
        return self.engine.store

    @property
    def books(self) -> PriceBooks:
        """What prices calls."""
        return self.engine.books

    @property
    def session_id(self) -> str:
        """Session of the calls that name none; made when it is first needed (SES-1)."""
        return self.engine.session_id

    @property
    def renewal_seconds(self) -> float | None:
        """Within what time other hosts hear of a reset or an override, seconds.

        ``None`` where all see one store, and hear of it at once.
        """
        shared = self.engine.shared
        return None if shared is None else shared.renewal_seconds

    @property
    def recorded_in(self) -> Store:
        """The store whose events feed the ledgers: the one that hosts share, where they do."""
        return self.engine.steering.store

    @property
    def heartbeat(self) -> Heartbeat:
        """What extends the holds of this process while their calls run (RES-7)."""
        return self.engine.heartbeat

    def request(self, model: str, **options: Unpack[CallOptions]) -> Request:
        """Describe a call that is to be made, with what it is expected to cost.

        Args:
            model: The model, as the provider or the price book names it.
            **options: See ``CallOptions``.

        Raises:
            TypeError: An option is unknown.
            ValueError: A count, an amount or a duration is out of range.
        """
        return calls.describe(self.engine, model, options)

    def call(self, model: str, **options: Unpack[CallOptions]) -> Call:
        """Return a context that admits a call on entry and settles it on every way out.

        ::

            with governor.call("claude-sonnet-4-5", input_tokens=900) as call:
                answer = client.messages.create(...)
                call.used(Usage(input_tokens=..., output_tokens=...))

        Raises:
            BudgetExceeded: On entry: the call is refused.
        """
        return Call(self.engine, self.request(model, **options))

    def session(self, session_id: str | None = None, *, project: str | None = None) -> Session:
        """Return a session to make calls in: the one named, or a new one (SES-1).

        Args:
            session_id: Its id; made when ``None``.
            project: The project that it, its calls and its missions are of; the same id in
                another project is another session (RES-8).
        """
        named = session_id or self.engine.new_id()
        return Session(self.engine, named, project or None, is_made=not session_id)

    @blocking
    def evaluate(self, request: Request, *, offers: Offers | None = None) -> Operation[Decision]:
        """Say what would be decided of a call now, and reserve nothing.

        It never waits: of a call that would, the decision is a refusal with that rung in ``rungs``.

        Args:
            request: The call.
            offers: As for ``reserve``.

        Raises:
            StoreError: The store cannot answer.
        """
        return calls.evaluate(self.engine, request, offers)

    aevaluate = awaitable(evaluate)

    @blocking
    def reserve(
        self,
        request: Request,
        *,
        offers: Offers | None = None,
        reservation_id: str | None = None,
    ) -> Operation[Decision]:
        """Admit a call and hold its estimate in every matching budget, or refuse it.

        Before it is refused, what its budgets list in ``on_exceeded`` is tried (EVA-14): the
        decision may carry a lower maximum or another model, which the caller applies, and may come
        only after a wait for other calls or for a person.

        Args:
            request: The call.
            offers: What can be changed about it; by default, what follows from its description.
            reservation_id: Id for the reservation, a UUIDv7; made by default.

        Returns:
            A decision; only one that is ``allowed`` permits the call, and its reservation is on
            disk already. A denial is a value, too.

        Raises:
            IdempotencyConflict: The request's key was used for another request.
            StoreError: The store cannot answer, so the call must not be made.
        """
        return calls.reserve(self.engine, request, reservation_id, offers=offers)

    areserve = awaitable(reserve)

    @blocking
    def approvals(self) -> Operation[list[Approval]]:
        """Return the calls that are parked and that nobody has decided, the oldest first (EVA-14).

        Raises:
            StoreError: The store cannot answer.
        """
        return Transaction(approvals.pending)

    aapprovals = awaitable(approvals)

    @blocking
    def decide_approval(self, request: ApprovalRequest) -> Operation[Approval]:
        """Let a parked call pass once, or refuse it; the audit keeps who did it (EVA-14).

        Raises:
            ApprovalNotFound: No call is parked under this id.
            SelfApproval: It is the call of the token that decides.
            SteeringRefused: Somebody has decided already, or the call has left.
        """
        scrubbed = replace(request, reason=scrub(request.reason) if request.reason else None)
        return Transaction(lambda unit: approvals.decide(unit, scrubbed))

    adecide_approval = awaitable(decide_approval)

    @blocking
    def approval_of_link(self, approval_id: str, until: str, signature: str) -> Operation[Approval]:
        """Return the parked call of a link that was sent to a person.

        Raises:
            ApprovalNotFound: The link is not valid, or its time is over.
        """
        return Transaction(
            lambda unit: (approvals.by_link(unit, approval_id, until, signature), [])
        )

    aapproval_of_link = awaitable(approval_of_link)

    @blocking
    def commit(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[CallReport]
    ) -> Operation[Settled]:
        """Record what a call used and cost, and free its hold.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``CallReport``.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is committed or released already.
            SettlementPending: The store cannot be written now; the settlement is kept, and written
                when it can be (RES-9): do not repeat it.
            StoreError: The store is damaged, or used after a fork.
        """
        return calls.commit(self.engine, reservation, usage, report)

    acommit = awaitable(commit)

    @blocking
    def correct(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[CallReport]
    ) -> Operation[Settled]:
        """Record what a meter of ours measured of a call that somebody else has settled (RES-8).

        What stands for the call is taken back, what was measured replaces it; audit and listeners
        get both figures. A call that nobody has settled is committed. It may be repeated: the same
        ``settlement_key`` (by default the id of the reservation) counts once.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``CallReport``.

        Raises:
            ReservationNotFound: There is no such reservation.
            StoreError: As for ``commit``.
        """
        return calls.correct(self.engine, reservation, usage, report)

    acorrect = awaitable(correct)

    @blocking
    def record_reports(
        self, calls: Sequence[ReportedCall], reporter: Reporter
    ) -> Operation[ReportSummary]:
        """Record calls that a client reports, each once, and none that a meter measured (PRX-9).

        While governance is disabled nothing is recorded (EVA-11).

        Args:
            calls: What the client says.
            reporter: Whose calls they are.

        Raises:
            ValueError: A text of one is too long to be kept.
            StoreError: Nothing was recorded, as far as the disk can tell.
        """
        return reported.recording(self.engine, calls, reporter)

    arecord_reports = awaitable(record_reports)

    @blocking
    def report_keys(
        self, calls: Sequence[ReportedCall], reporter: Reporter
    ) -> Operation[list[str]]:
        """Return the ``import_key`` that the record of each reported call has in the ledger."""
        return reported.naming(self.engine, calls, reporter)

    areport_keys = awaitable(report_keys)

    @blocking
    def add(
        self, reservation: Reservation, usage: Usage | None = None, **report: Unpack[CallReport]
    ) -> Operation[Settled]:
        """Commit a call whose hold another call may share (RES-2).

        Where that one has settled it, this one is recorded in a reservation of its own, and both
        count: two processes that repeat an idempotency key at once are given one permission.

        Args:
            reservation: As ``reserve`` returned it.
            usage: What the provider reports; ``None`` takes what was held, marked as estimated.
            **report: See ``CallReport``; without a ``settlement_key``.

        Raises:
            ReservationNotFound: There is no such reservation.
            SettlementPending: As for ``commit``.
            StoreError: The store is damaged, or used after a fork.
        """
        return calls.add(self.engine, reservation, usage, report)

    aadd = awaitable(add)

    @blocking
    def release(
        self, reservation: Reservation, *, settlement_key: str | None = None
    ) -> Operation[Settled]:
        """Free a hold of which nothing was spent.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is committed or released already.
            SettlementPending: The store cannot be written now; the settlement is kept, and written
                when it can be (RES-9): do not repeat it.
            StoreError: The store is damaged, or used after a fork.
        """
        return calls.release(self.engine, reservation, settlement_key)

    arelease = awaitable(release)

    @blocking
    def forget(self, reservation_id: str) -> Operation[None]:
        """Release a reservation if there is one: for a caller who never got it."""
        return calls.forget(self.engine, reservation_id)

    aforget = awaitable(forget)

    @blocking
    def extend(
        self,
        reservation: Reservation,
        *,
        ttl_seconds: int | None = None,
        hold_usd: Decimal | int | None = None,
    ) -> Operation[Decision]:
        """Let a long call live longer, or hold more for it (RES-7).

        Args:
            reservation: As ``reserve`` returned it.
            ttl_seconds: Life from now on, 1..=86400.
            hold_usd: The new amount to hold, at least the present one.

        Returns:
            Where the budgets stand now, with the reservation as it is. It is always a permission,
            for an admitted call is never interrupted (EVA-9); ``state`` says whether a threshold
            or a limit is passed now.

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is no longer held.
            ValueError: An argument is out of range.
        """
        return calls.extend(self.engine, reservation, ttl_seconds, hold_usd)

    aextend = awaitable(extend)

    @blocking
    def dispatch(self, reservation: Reservation) -> Operation[Reservation]:
        """Note that a call which was reserved with ``dispatched=False`` is about to leave.

        From then on its hold, should it expire, is presumed spent (RES-6).

        Raises:
            ReservationNotFound: There is no such reservation.
            ReservationSettled: It is no longer held: the call must not leave.
        """
        return Transaction(lambda unit: (settlement.dispatch(unit, reservation.id), []))

    adispatch = awaitable(dispatch)

    @blocking
    def reservation(self, reservation_id: str) -> Operation[Reservation]:
        """Return a reservation by id.

        Raises:
            ReservationNotFound: There is no such reservation.
        """
        return Transaction(lambda unit: (settlement.find(unit, reservation_id), []))

    areservation = awaitable(reservation)

    @blocking
    def reservation_of(
        self, principal: str, surface: str, reservation_id: str
    ) -> Operation[Reservation]:
        """Return a reservation that a principal made on a surface (RES-8).

        Raises:
            ReservationNotFound: There is none; whether somebody else has one is not said.
        """
        return Transaction(
            lambda unit: (settlement.find_own(unit, principal, surface, reservation_id), [])
        )

    areservation_of = awaitable(reservation_of)

    @blocking
    def act(
        self, action: Action, principal: str, *, approved: bool = False
    ) -> Operation[ActionAnswer]:
        """Say whether an agent may act, and count the action if it may (ACT-2).

        No budget is read or changed, and none needs to be enabled.

        Args:
            action: What is about to be done.
            principal: Who does it; each has the whole rate for itself, in all processes together.
            approved: Whether a person has approved it.
        """
        step = actions.step(self.policy, action, principal, approved=approved)
        return steered(self.engine, Transaction(lambda unit: (step(unit), [])))

    aact = awaitable(act)

    @blocking
    def status(
        self,
        session_id: str | None = None,
        mission_id: str | None = None,
        *,
        project: str | None = None,
    ) -> Operation[StatusReport]:
        """Say where every budget stands now, by the rule that enforces (EVA-12).

        Args:
            session_id: Whose session budgets are shown.
            mission_id: Whose mission budget is shown; ``None`` takes the latest that runs.
            project: Of the session. ``None`` means the session's own where only one project has a
                session of that id, else no project.
        """
        return session.report_of_all(self.engine, Subject(session_id, mission_id, project))

    astatus = awaitable(status)

    @blocking
    def parts(self, query: PartsQuery) -> Operation[PartsPage]:
        """Say where the parts of a budget with ``per`` stand that have a sum, in pages.

        Raises:
            SteeringRefused: There is no such budget, it has no parts, or its session or mission is
                not named.
        """
        return session.parts_of_all(self.engine, query)

    aparts = awaitable(parts)

    @blocking
    def project_of(self, session_id: str | None) -> Operation[str | None]:
        """Return the project of a session that one project alone has; ``None`` when it is unclear.

        For operators at hand, who see which session they steer.
        """
        if not session_id:
            return Constant(None)

        def step(unit: Unit) -> WithEvents[str | None]:
            events = settlement.upkeep(unit, self.engine.in_force)
            return project_of(unit, session_id, None), events

        return Transaction(step)

    aproject_of = awaitable(project_of)

    @blocking
    def override(self, request: OverrideRequest) -> Operation[Override]:
        """Lift the next block, once (OVR-1).

        Raises:
            SteeringRefused: The policy allows no override.
        """
        overrides.require_allowed(self.policy)
        clean = replace(request, reason=_clean(request.reason))
        subject, engine = Subject(clean.session_id, None, clean.project), self.engine.steering

        def step(unit: Unit) -> WithEvents[Override]:
            events = settlement.upkeep(unit, engine.in_force)
            rules = engine.rules
            report = report_status(unit, rules, engine.register, subject)
            report = with_parts(report, rules, unit.rows)
            statuses = report.decision.statuses
            blocking = [
                status
                for status in statuses
                if status.state is BudgetState.EXCEEDED or report.is_blocking(status.budget.name)
            ]
            before = overrides.Standing(statuses, blocking)
            granted, more = overrides.grant(unit, self.policy, clean, before)
            return granted, events + more

        return steered(self.engine, Transaction(step))

    aoverride = awaitable(override)

    @blocking
    def reset(self, request: ResetRequest) -> Operation[ResetResult]:
        """Start a new baseline for one scope; nothing is deleted (RST-1).

        Raises:
            SteeringRefused: Governance is disabled (API-3), there is no such scope, or its session
                or mission is not named.
        """
        overrides.require_enabled(self.policy)
        clean = replace(request, reason=_clean(request.reason))

        def reset(engine: Engine) -> Operation[ResetResult]:
            def step(unit: Unit) -> WithEvents[ResetResult]:
                events = settlement.upkeep(unit, engine.in_force)
                result, more = resets.reset(unit, engine.rules, engine.register, clean)
                return result, events + more

            return Transaction(step)

        return where_counted(self.engine, clean, reset)

    areset = awaitable(reset)

    @blocking
    def resettable(self, request: ResetRequest) -> Operation[ResetPreview]:
        """Say what a reset would no longer count, without doing it.

        Raises:
            SteeringRefused: As for ``reset``.
        """
        overrides.require_enabled(self.policy)

        def preview(engine: Engine) -> Operation[ResetPreview]:
            def step(unit: Unit) -> WithEvents[ResetPreview]:
                events = settlement.upkeep(unit, engine.in_force)
                return resets.preview(unit, engine.rules, engine.register, request), events

            return Transaction(step)

        return where_counted(self.engine, request, preview)

    aresettable = awaitable(resettable)

    @blocking
    def note_limits(self, origin: str, actor: str) -> Operation[None]:
        """Keep in the audit when limits in force are other than the last time (AUD-1).

        Args:
            origin: Where the policy came from; each origin is compared with itself.
            actor: Who puts the policy in force.
        """
        return steered(self.engine, self.engine.steering.note_limits(origin, actor))

    anote_limits = awaitable(note_limits)

    @blocking
    def close_session(
        self, session_id: str, project: str | None = None, *, must_exist: bool = False
    ) -> Operation[SessionRecord]:
        """Close a session and record its outcome (SES-2).

        Args:
            session_id: Its id.
            project: Whose it is.
            must_exist: Refuse one that never reserved anything.

        Raises:
            SteeringRefused: It is closed already, or must exist and does not.
        """
        return session.close_session(session_id, project, must_exist=must_exist)

    aclose_session = awaitable(close_session)

    @blocking
    def sessions(self, *, limit: int = 100) -> Operation[list[SessionRecord]]:
        """Return the sessions of all projects, open and closed, those opened last first.

        Args:
            limit: How many at most, >= 1.
        """
        return Transaction(lambda unit: ([*unit.sessions(limit)], []))

    asessions = awaitable(sessions)

    @blocking
    def sessions_of(
        self, project: str | None, *, limit: int = 100
    ) -> Operation[list[SessionRecord]]:
        """Return the sessions of a project, open and closed, those opened last first.

        Args:
            project: ``None`` is a project of its own.
            limit: How many at most, >= 1.
        """
        return Transaction(lambda unit: ([*unit.sessions_of(project, limit)], []))

    asessions_of = awaitable(sessions_of)

    @blocking
    def start_mission(self, request: MissionRequest) -> Operation[MissionRecord]:
        """Begin a mission (MIS-1), or join or resume it when the request says so (MIS-5).

        A mission that made no call begins again at any start, with new limits.

        Raises:
            SteeringRefused: The session already had a mission of this id that made calls, and it
                is not to be resumed.
        """
        return session.start_mission(self.engine, request)

    astart_mission = awaitable(start_mission)

    @blocking
    def step_mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> Operation[MissionRecord]:
        """Count a step of a mission; one beyond its limits ends it (MIS-4).

        Raises:
            SteeringRefused: There is no such mission.
        """
        return session.step_mission(MissionKey(session_id, mission_id, project))

    astep_mission = awaitable(step_mission)

    @blocking
    def end_mission(
        self,
        session_id: str,
        mission_id: str,
        outcome: MissionOutcome,
        project: str | None = None,
    ) -> Operation[MissionRecord]:
        """End a mission, whoever holds it open; may be repeated (MIS-2).

        Raises:
            SteeringRefused: There is no such mission.
        """
        return session.end_mission(MissionKey(session_id, mission_id, project), outcome)

    aend_mission = awaitable(end_mission)

    @blocking
    def leave_mission(
        self, request: MissionRequest, outcome: MissionOutcome = MissionOutcome.COMPLETED
    ) -> Operation[MissionRecord]:
        """Let go of a mission that was started or joined; the last to leave ends it (MIS-5)."""
        key = MissionKey(request.session_id, request.id, request.project)
        return session.leave_mission(key, outcome)

    aleave_mission = awaitable(leave_mission)

    @blocking
    def mission(
        self, session_id: str, mission_id: str, project: str | None = None
    ) -> Operation[MissionRecord]:
        """Return a mission.

        Raises:
            SteeringRefused: There is no such mission.
        """
        return session.find_mission(MissionKey(session_id, mission_id, project))

    amission = awaitable(mission)

    def renew(self, lives: Mapping[str, float]) -> None:
        """Let calls that still run live on, in one step (RES-7).

        Args:
            lives: Seconds to live from now on, by reservation id; those settled are passed over.

        Raises:
            StoreError: The store cannot answer; nothing was renewed.
        """
        self.engine.renew(lives)

    def keep_up(self) -> None:
        """Expire what is overdue, and take in what processes that ended left unsettled.

        It warns once of a newer policy than the one in force.

        Raises:
            StoreError: The store cannot be read or written.
        """
        self.engine.keep_up()

    def book_kept_aside(self, find_recorded: FindRecorded) -> BookedSettlements:
        """Book settlements that could not be applied and were kept in a file (RES-9).

        Args:
            find_recorded: Returns which of some ids of calls the ledger knows.

        Returns:
            What was booked, and what stays in the file.

        Raises:
            StoreError: The file or the store cannot be read or written; nothing was booked.
        """
        return kept_aside.book_all(self.engine, find_recorded)

    def report(self) -> None:
        """Have the store that hosts share know of all that was recorded here so far (STO-3).

        Without leases it knows already.

        Raises:
            StoreError: A store cannot answer; it is reported later.
        """
        if self.engine.shared is not None:
            self.engine.shared.report()

    def recount(self, *, write: bool) -> list[Difference]:
        """Count all balances of the store again (STO-2), and mend them if ``write`` is set.

        Returns:
            The balances that differ from what is recorded.
        """
        return self.engine.recount(write=write)


def _clean(reason: str | None) -> str | None:
    """Return a reason without secrets (AUD-3); a blank one is none."""
    return scrub(reason.strip()) or None if reason else None
