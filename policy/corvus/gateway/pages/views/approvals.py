"""Calls that wait for a person, and the page of the link that was sent to one (EVA-14)."""

from __future__ import annotations

from collections.abc import Mapping

from corvus.base.errors import ApprovalNotFound
from corvus.gateway.pages.page import Page, PageRequest, page
from corvus.model.approval import Approval, ApprovalState


@page("/approvals", live_seconds=1.0, menu=5)
def approvals(request: PageRequest) -> Page:
    """Show the parked calls that nobody has decided, the oldest first."""
    parked = request.service.governor.approvals()
    headline = request.words.count(
        "approvals.waiting", len(parked), number=request.figures.number(len(parked))
    )
    return Page("approvals", {"parked": parked}, headline=headline)


def find(request: PageRequest, approval_id: str) -> Approval:
    """Return a parked call that can still be decided.

    Raises:
        ApprovalNotFound: There is none.
    """
    for one in request.service.governor.approvals():
        if one.id == approval_id:
            return one
    raise ApprovalNotFound(request.words("approvals.over"))


def linked(request: PageRequest) -> Page:
    """Show the parked call of a signed link, and who may decide: whoever has the link."""
    return decision_page("approve_linked", of_link(request), {}, {})


def decision_page(
    template: str, one: Approval, form: Mapping[str, str], mistakes: Mapping[str, str]
) -> Page:
    """Return the page on which a parked call is decided, with what was typed still in it."""
    return Page(template, {"one": one, "form": form, "mistakes": {"decision": "", **mistakes}})


def of_link(request: PageRequest) -> Approval:
    """Return the parked call of a signed link.

    Raises:
        ApprovalNotFound: The link is not valid, or nobody can decide any more.
    """
    approval = request.service.governor.approval_of_link(
        request.path.rpartition("/")[2],
        request.query.get("until", ""),
        request.query.get("signature", ""),
    )
    if approval.state is not ApprovalState.PENDING:
        raise ApprovalNotFound(request.words("approvals.over"))
    return approval
