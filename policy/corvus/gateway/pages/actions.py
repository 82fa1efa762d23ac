"""What can be done on the pages: lift a block, reset a budget, decide about a call (DSH-5).

Each is confirmed on a page that says what will happen. Refuses to do anything itself: the governor
of every other surface does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from corvus.base.errors import SteeringRefused
from corvus.base.money import nano_usd
from corvus.gateway.pages.page import ROOT, Page, PageRequest, View
from corvus.gateway.pages.views.approvals import decision_page, find
from corvus.governor.overrides import require_enabled
from corvus.model.approval import Approval, ApprovalRequest
from corvus.model.request import Surface
from corvus.model.steering import OverrideRequest, ResetRequest

SURFACE = Surface.DASHBOARD
Form: TypeAlias = Mapping[str, str]
_HOURS = {"1": 1, "8": 8, "24": 24}
"""Lives of an override that can be chosen, in hours."""
_REASON_MAX = 1000


class Invalid(Exception):
    """A form that cannot be taken; the page says why, with what was typed still in it."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.template)
        self.page = page


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    Attributes:
        name: Last part of its address.
        confirm: Shows what would happen; changes nothing.
        do: Does it, and returns what was done as a sentence.
    """

    name: str
    confirm: View
    do: Callable[[PageRequest, Form], str]


def way_back(form: Form) -> str:
    """Return where to go after an action: a page of ours."""
    back = form.get("back", "")
    is_ours = back == ROOT or back.startswith((f"{ROOT}/", f"{ROOT}?"))
    return back if is_ours and "\\" not in back else ROOT


def _confirm_reset(request: PageRequest) -> Page:
    reset = _reset_of(request, request.query)
    found = request.service.governor.resettable(reset)
    data = {"reset": reset, "found": found, "part": request.figures.part(found.part)}
    return Page("reset", data | {"back": way_back(request.query)})


def _reset(request: PageRequest, form: Form) -> str:
    done = request.service.governor.reset(_reset_of(request, form))
    part = request.figures.part(done.removed.part)
    return request.words.count(
        "reset.done",
        done.removed_requests,
        number=request.figures.number(done.removed_requests),
        budget=f"{done.scope} ({part})" if part else done.scope,
        amount=request.figures.amount_exact(done.removed.amount, done.removed.measure),
        position=done.audit_event.position,
    )


def _confirm_override(request: PageRequest) -> Page:
    governor = request.service.governor
    require_enabled(governor.policy)
    if not governor.policy.allow_override:
        raise SteeringRefused(request.words("override.off"))
    session = request.query.get("session") or None
    project = _project_of(request, request.query)
    bound = session, project
    known = governor.status(session, project=project).overrides
    data: dict[str, object] = {
        "session": session,
        "project": project,
        "active": [one for one in known if (one.session_id, one.project) == bound],
        "hours": _HOURS,
        "back": way_back(request.query),
    }
    return Page("override", data)


def _override(request: PageRequest, form: Form) -> str:
    hours = _HOURS.get(form.get("hours", ""), 1)
    override = OverrideRequest(
        request.principal,
        _reason(form),
        form.get("session") or None,
        timedelta(hours=hours),
        surface=SURFACE,
        project=_project_of(request, form),
    )
    granted = request.service.governor.override(override)
    whose = "override.done_session" if granted.session_id else "override.done"
    until = request.figures.instant(granted.expires_at)
    return request.words(whose, until=until, session=granted.session_id, id=granted.id)


def _confirm_approval(request: PageRequest) -> Page:
    return decision_page("approve", find(request, request.query.get("id", "")), {}, {})


def _decide(request: PageRequest, form: Form) -> str:
    one = find(request, form.get("id", ""))
    return decide(request, form, one, "approve", (request.principal, request.token_id))


def decide(
    request: PageRequest, form: Form, one: Approval, template: str, who: tuple[str, str | None]
) -> str:
    """Let a parked call pass or refuse it as a form says, and return what was done.

    Args:
        request: The request for the page.
        form: Its form: ``decision``, ``amount`` in USD and ``reason``.
        one: Which call.
        template: The page of the form, which says what is wrong with it.
        who: Who decides: the name for the audit, and the id of the token, if there is one.

    Raises:
        Invalid: The form says no decision, or an amount that is none.
        SteeringRefused: It cannot be decided.
    """

    def invalid(name: str, key: str) -> Invalid:
        return Invalid(decision_page(template, one, form, {name: request.words(key)}))

    decision = form.get("decision")
    if decision not in ("approve", "deny"):
        raise invalid("decision", "approvals.undecided")
    is_granted = decision == "approve"
    amount = form.get("amount", "").strip()
    try:
        most = nano_usd(Decimal(amount)) if amount and is_granted else None
        wanted = ApprovalRequest(one.id, who[0], is_granted, who[1], most, _reason(form), SURFACE)
    except (InvalidOperation, ValueError):
        raise invalid("amount", "approvals.amount_invalid") from None
    decided = request.service.governor.decide_approval(wanted)
    words = "approvals.approved" if is_granted else "approvals.denied"
    return request.words(words, model=decided.model)


def _reset_of(request: PageRequest, form: Form) -> ResetRequest:
    return ResetRequest(
        form.get("budget", ""),
        request.principal,
        _reason(form),
        form.get("session") or None,
        form.get("mission") or None,
        project=_project_of(request, form),
        part=form.get("part") or None,
    )


def _project_of(request: PageRequest, form: Form) -> str | None:
    """Return the project that is named with a session, else the only one that has it."""
    session = form.get("session")
    if not session:
        return None
    return form.get("project") or request.service.governor.project_of(session)


def _reason(form: Form) -> str | None:
    return form.get("reason", "").strip()[:_REASON_MAX] or None


ACTIONS = (
    Action("reset", _confirm_reset, _reset),
    Action("override", _confirm_override, _override),
    Action("approve", _confirm_approval, _decide),
)
