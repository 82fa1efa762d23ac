"""What can be done on the pages: lift the next block, reset a budget (DSH-5).

Each is confirmed on a page that says what will happen. Refuses to do anything itself: the governor
of every other surface does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from corvus.base.errors import SteeringRefused
from corvus.gateway.pages.page import ROOT, Ask, Page, View
from corvus.governor.overrides import require_enabled
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
    do: Callable[[Ask, Form], str]


def way_back(form: Form) -> str:
    """Return where to go after an action: a page of ours."""
    back = form.get("back", "")
    is_ours = back == ROOT or back.startswith((f"{ROOT}/", f"{ROOT}?"))
    return back if is_ours and "\\" not in back else ROOT


def _confirm_reset(ask: Ask) -> Page:
    wish = _reset_of(ask, ask.query)
    found = ask.desk.governor.resettable(wish)
    return Page("reset", {"wish": wish, "found": found, "back": way_back(ask.query)})


def _reset(ask: Ask, form: Form) -> str:
    done = ask.desk.governor.reset(_reset_of(ask, form))
    return ask.words.count(
        "reset.done",
        done.removed_requests,
        number=ask.figures.number(done.removed_requests),
        budget=done.scope,
        amount=ask.figures.usd_exact(done.removed_cost_nano_usd),
        position=done.audit_event.position,
    )


def _confirm_override(ask: Ask) -> Page:
    governor = ask.desk.governor
    require_enabled(governor.policy)
    if not governor.policy.allow_override:
        raise SteeringRefused(ask.words("override.off"))
    session = ask.query.get("session") or None
    project = _project_of(ask, ask.query)
    bound = session, project
    known = governor.status(session, project=project).overrides
    data: dict[str, object] = {
        "session": session,
        "project": project,
        "active": [one for one in known if (one.session_id, one.project) == bound],
        "hours": _HOURS,
        "back": way_back(ask.query),
    }
    return Page("override", data)


def _override(ask: Ask, form: Form) -> str:
    hours = _HOURS.get(form.get("hours", ""), 1)
    wish = OverrideRequest(
        ask.principal,
        _reason(form),
        form.get("session") or None,
        timedelta(hours=hours),
        surface=SURFACE,
        project=_project_of(ask, form),
    )
    granted = ask.desk.governor.override(wish)
    whose = "override.done_session" if granted.session_id else "override.done"
    until = ask.figures.instant(granted.expires_at)
    return ask.words(whose, until=until, session=granted.session_id, id=granted.id)


def _reset_of(ask: Ask, form: Form) -> ResetRequest:
    return ResetRequest(
        form.get("budget", ""),
        ask.principal,
        _reason(form),
        form.get("session") or None,
        form.get("mission") or None,
        project=_project_of(ask, form),
    )


def _project_of(ask: Ask, form: Form) -> str | None:
    """Return the project that is named with a session, else the only one that has it."""
    session = form.get("session")
    if not session:
        return None
    return form.get("project") or ask.desk.governor.project_of(session)


def _reason(form: Form) -> str | None:
    return form.get("reason", "").strip()[:_REASON_MAX] or None


ACTIONS = (
    Action("reset", _confirm_reset, _reset),
    Action("override", _confirm_override, _override),
)
