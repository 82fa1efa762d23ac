"""Log-in and log-out. Refuses to lead anywhere but to a page of ours afterwards."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from corvus.base.errors import PolicyError
from corvus.gateway.pages.cookies import COOKIE, VISIT_SECONDS
from corvus.gateway.pages.page import ROOT, Page
from corvus.gateway.pages.serving import Pages, fault_page, form_of

_TOKEN_MAX = 200


async def show(pages: Pages, request: Request) -> Response:
    """Show the form that asks for a token."""
    return _form(pages, request, 200, "login.ended" if "ended" in request.query_params else "")


async def log_in(pages: Pages, request: Request) -> Response:
    """Begin a visit, and lead to the page that was requested."""
    form = await form_of(request)
    secret = form.get("token", "").strip()
    try:
        begun = await pages.visits.log_in(secret) if 0 < len(secret) <= _TOKEN_MAX else None
    except PermissionError:
        return _form(pages, request, 403, "login.proxy")
    except PolicyError as error:
        page_request = pages.page_request(request, None)
        return pages.respond(request, page_request, fault_page(page_request, error))
    if begun is None:
        return _form(pages, request, 401, "login.unknown" if secret else "login.empty")
    response = RedirectResponse(_wanted(request), 303)
    response.set_cookie(
        COOKIE,
        begun[0],
        max_age=int(VISIT_SECONDS),
        path="/",
        secure=request.headers.get("origin", "").startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return response


async def log_out(pages: Pages, request: Request) -> Response:
    """End a visit."""
    key = request.cookies.get(COOKIE)
    visit = await pages.visits.find(key)
    if visit is not None and visit.is_own((await form_of(request)).get("csrf", "")):
        pages.visits.log_out(key)
    response = RedirectResponse(f"{ROOT}/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _form(pages: Pages, request: Request, status: int, mistake: str) -> Response:
    data = {"mistake": mistake, "wanted": request.query_params.get("next", "")}
    return pages.respond(request, pages.page_request(request, None), Page("login", data, status))


def _wanted(request: Request) -> str:
    wanted = request.query_params.get("next", "")
    is_ours = wanted == ROOT or wanted.startswith((f"{ROOT}/", f"{ROOT}?"))
    return wanted if is_ours and "\\" not in wanted else ROOT
