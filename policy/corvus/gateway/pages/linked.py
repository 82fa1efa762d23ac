"""The page of a signed link: whoever was sent it decides of one parked call, without a log-in.

The signature is the permission (EVA-14). Looking changes nothing, for mail programs look at links
by themselves; the decision is a form. The link works until somebody has decided, or its time is
over.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from corvus.base.errors import PolicyError
from corvus.gateway.pages import actions
from corvus.gateway.pages.page import Page
from corvus.gateway.pages.serving import Pages, fault_page, form_of
from corvus.gateway.pages.views import approvals

WHO = "link"
"""Who decided, in the audit: nobody knows more of him."""


async def show(pages: Pages, request: Request) -> Response:
    """Show the parked call of a link."""
    page_request = pages.page_request(request, None)
    try:
        page = await asyncio.to_thread(approvals.linked, page_request)
    except PolicyError as error:
        page = fault_page(page_request, error)
    return pages.respond(request, page_request, page)


async def decide(pages: Pages, request: Request) -> Response:
    """Let the parked call of a link pass, or refuse it."""
    page_request, form = pages.page_request(request, None), await form_of(request)

    def done() -> str:
        approval = approvals.of_link(page_request)
        return actions.decide(page_request, form, approval, "approve_linked", (WHO, None))

    try:
        page = Page("approve_done", {"notice": await asyncio.to_thread(done)})
    except actions.Invalid as invalid:
        page = invalid.page.with_status(422)
    except PolicyError as error:
        page = fault_page(page_request, error)
    return pages.respond(request, page_request, page)
