"""Serves pages to visitors: who asks, in which language, and how errors are shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from corvus.base.errors import PolicyError
from corvus.gateway.auth import Tokens
from corvus.gateway.pages import actions as steering
from corvus.gateway.pages.cookies import COOKIE, Visit, Visits
from corvus.gateway.pages.figures import Figures
from corvus.gateway.pages.live import Board, LivePart
from corvus.gateway.pages.page import MISSING, ROOT, Page, PageRequest, View, fault_kind, find_page
from corvus.gateway.pages.render import live, whole
from corvus.gateway.pages.summary import answer, mark_of, show_change
from corvus.gateway.pages.views.reports import chart_file, given_of
from corvus.gateway.problems import status_of
from corvus.gateway.service import Service
from corvus.model.token import TokenScope
from corvus.reporting.formats import csv_text
from corvus.reporting.table import Table
from corvus.wording.words import language_of, load_words

LANGUAGE_COOKIE = "corvus_language"
_YEAR_SECONDS = 31_536_000
_HIDDEN = 500
"""From this status on an error's own text stays in the log."""
_NOT_KEPT = ("csrf", "decision", "amount", "reason")
"""Fields of a form that are typed again after a log-in: they are in no address."""
_log = logging.getLogger("corvus.gateway.pages")


class Pages:
    """Shows pages and carries out what is requested on them.

    Args:
        service: Where the pages get what they show.
        tokens: Who knows the tokens.
        board: Keeps open pages up to date.
    """

    def __init__(self, service: Service, tokens: Tokens, board: Board) -> None:
        self.visits = Visits(tokens)
        self._service = service
        self._board = board

    async def show(self, view: View, request: Request) -> Response:
        """Answer with a page, or with the log-in for whoever has no visit."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        page_request = self.page_request(request, visit)
        number = self._board.next_number()
        page = await _run(view, page_request)
        return self.respond(request, page_request, page, visit=visit, number=number)

    async def missing(self, request: Request) -> Response:
        """Answer for an address that is no page."""
        return await self.show(_missing, request)

    async def confirm(self, action: steering.Action, request: Request) -> Response:
        """Show what an action would do, before it is done."""
        return await self.show(_only_admin(action.confirm), request)

    async def act(self, action: steering.Action, request: Request) -> Response:
        """Do what was confirmed, and show the result on the next page."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        page_request, form = self.page_request(request, visit), await form_of(request)
        if not visit.is_own(form.get("csrf", "")):
            page = Page("fault", {"kind": "csrf", "detail": ""}, 403)
            return self.respond(request, page_request, page, visit=visit)
        try:
            if not visit.may_change:
                raise PermissionError
            notice = await asyncio.to_thread(action.do, page_request, form)
        except steering.Invalid as invalid:
            return self.respond(request, page_request, invalid.page.with_status(422), visit=visit)
        except (PolicyError, PermissionError) as error:
            return self.respond(request, page_request, fault_page(page_request, error), visit=visit)
        await asyncio.to_thread(show_change, self._service)
        visit.notices.append(("done", notice))
        return RedirectResponse(steering.way_back(form), 303)

    async def table_file(self, request: Request) -> Response:
        """Answer with a report as a file of comma-separated values."""

        def text(page_request: PageRequest, name: str) -> str:
            table = answer(page_request, name, **given_of(page_request.query))
            return csv_text(table or Table((), ()))

        return await self._file(request, text, ("csv", "text/csv; charset=utf-8"))

    async def chart_file(self, request: Request) -> Response:
        """Answer with the chart of a report as a file."""
        return await self._file(request, chart_file, ("svg", "image/svg+xml"))

    async def _file(
        self, request: Request, text: Callable[[PageRequest, str], str], kind: tuple[str, str]
    ) -> Response:
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        page_request, name = self.page_request(request, visit), request.path_params["name"]
        try:
            content = await asyncio.to_thread(text, page_request, name)
        except PolicyError as error:
            return self.respond(request, page_request, fault_page(page_request, error), visit=visit)
        file = f"{name.replace('/', '-')}.{kind[0]}"
        headers = {"content-disposition": f'attachment; filename="{file}"'}
        return Response(content, media_type=kind[1], headers=headers)

    async def stream(self, request: Request) -> Response:
        """Answer with what changes on a page, as it changes."""
        try:
            made = await self._live(request)
        except PolicyError as error:
            return Response(error.code, status_of(error))
        if made is None:
            return Response("log in first", 401)

        async def again() -> LivePart | None:
            return await self._live(request)

        return StreamingResponse(self._board.stream(again), media_type="text/event-stream")

    async def once(self, request: Request) -> Response:
        """Answer with what a page shows now, for browsers whose stream is cut off."""
        try:
            shown = await self._live(request)
        except PolicyError as error:
            return Response(error.code, status_of(error))
        if shown is None:
            return Response("log in first", 401)
        return Response(self._board.data(shown), media_type="application/json")

    def page_request(
        self, request: Request, visit: Visit | None, path: str | None = None
    ) -> PageRequest:
        """Return what a request asks, in the visitor's language."""
        query = _once_each(request.url.query)
        language = language_of(
            query.pop("lang", None),
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language"),
        )
        words = load_words(language)
        return PageRequest(
            service=self._service,
            words=words,
            figures=Figures(words),
            path=request.url.path.removeprefix(ROOT) if path is None else path,
            query=query,
            scope=visit.scope if visit else TokenScope.READ,
            principal=visit.principal if visit else "",
            token_id=visit.token_id if visit else None,
        )

    def respond(
        self,
        request: Request,
        page_request: PageRequest,
        page: Page,
        *,
        visit: Visit | None = None,
        number: int | None = None,
    ) -> Response:
        """Answer with a page; notices of what was done before are shown once."""
        notices: list[tuple[str, str]] = []
        if visit is not None:
            notices, visit.notices = visit.notices, []
        is_live = _live_seconds(page_request.path) is not None
        has_live = number is not None and page.status == 200 and is_live
        address = quote(page_request.link(), safe="")
        html = whole(
            page_request,
            page,
            visit=visit,
            notices=notices,
            headline=page.headline,
            live=f"{ROOT}/live?page={address}" if has_live else "",
            number=number or 0,
            run=self._board.run,
        )
        response = HTMLResponse(
            html, page.status, headers={"content-language": page_request.words.language}
        )
        if "lang" in request.query_params:
            response.set_cookie(
                LANGUAGE_COOKIE,
                page_request.words.language,
                _YEAR_SECONDS,
                path=ROOT,
                samesite="strict",
                httponly=True,
            )
        return response

    async def _visit(self, request: Request) -> Visit | Response:
        try:
            visit = await self.visits.find(request.cookies.get(COOKIE))
        except PolicyError as error:
            page_request = self.page_request(request, None)
            return self.respond(request, page_request, fault_page(page_request, error))
        if visit is not None:
            return visit
        if request.headers.get("sec-fetch-site") == "cross-site":
            # NOTE: a browser keeps a Strict cookie to itself when a link on another site leads
            # here; requested once more by this page, it sends it.
            page_request = self.page_request(request, None)
            return self.respond(request, page_request, Page("again", {"address": str(request.url)}))
        query = request.url.query
        if request.method != "GET":  # its form, to be filled in again
            form = await form_of(request)
            query = urlencode({name: form[name] for name in form if name not in _NOT_KEPT})
        wanted = request.url.path + (f"?{query}" if query else "")
        asked = {"next": wanted} if wanted != ROOT else {}
        if request.method != "GET":
            asked["ended"] = "1"
        return RedirectResponse(f"{ROOT}/login" + (f"?{urlencode(asked)}" if asked else ""), 303)

    async def _live(self, request: Request) -> LivePart | None:
        visit = await self.visits.find(request.cookies.get(COOKIE))
        if visit is None:
            return None
        address = urlsplit(request.query_params.get("page", ""))
        path = address.path.removeprefix(ROOT)
        entry, live_seconds = find_page(path), _live_seconds(path)
        if entry is None or live_seconds is None:
            return None
        query = _once_each(address.query)
        page_request = replace(self.page_request(request, visit, path), query=query)
        key = path, tuple(sorted(query.items())), page_request.words.language, page_request.scope

        async def make() -> tuple[str, str]:
            page = await _run(entry.view, page_request)
            if page.template == "fault":
                self._board.distrust(key)
            return live(page_request, page), page.headline

        async def mark() -> object:
            return await asyncio.to_thread(mark_of, self._service)

        # NOTE: what the overview shows also changes with time: holds and overrides expire.
        marked = mark if path else None
        return await self._board.show(key, make, live_seconds, marked)


def fault_page(page_request: PageRequest, error: Exception) -> Page:
    """Return the page that shows an error as what it is, in the visitor's language."""
    if isinstance(error, PermissionError):
        return Page("fault", {"kind": "forbidden", "detail": ""}, 403)
    assert isinstance(error, PolicyError)
    status = status_of(error)
    if status >= _HIDDEN:
        _log.error("%s: %s", error.code, error)
    detail = "" if status >= _HIDDEN else page_request.detail(error)
    return Page("fault", {"kind": fault_kind(error), "detail": detail}, status)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent, each once; nothing where it was no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    return _once_each((await request.body()).decode("utf-8", "replace"))


async def _run(view: View, page_request: PageRequest) -> Page:
    try:
        return await asyncio.to_thread(_view_at_once, view, page_request)
    except (PolicyError, PermissionError) as error:
        return fault_page(page_request, error)
    except Exception as error:  # a bug in one page leaves the others
        _log.error("a page failed", exc_info=error)
        return Page("fault", {"kind": "bug", "detail": ""}, 500)


def _view_at_once(view: View, page_request: PageRequest) -> Page:
    with page_request.service.one_reading():
        return view(page_request)


def _live_seconds(path: str) -> float | None:
    entry = find_page(path)
    return entry.live_seconds if entry is not None else None


def _missing(_: PageRequest) -> Page:
    return MISSING


def _only_admin(view: View) -> View:
    def guarded(page_request: PageRequest) -> Page:
        if not page_request.may_change:
            raise PermissionError
        return view(page_request)

    return guarded


def _once_each(text: str) -> dict[str, str]:
    found: Mapping[str, str] = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
    return {name: value.replace("\x00", "") for name, value in found.items()}
