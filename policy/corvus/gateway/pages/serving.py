"""Serves pages to visitors: who asks, in which language, and what they are told of an error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from corvus.base.errors import PolicyError
from corvus.diagnostics.secrets import scrub
from corvus.gateway.pages import steering
from corvus.gateway.pages.cookies import COOKIE, Visit, Visits
from corvus.gateway.pages.desk import Desk, Doorkeeper
from corvus.gateway.pages.figures import Figures
from corvus.gateway.pages.ledger import answer
from corvus.gateway.pages.live import Board, Shown
from corvus.gateway.pages.page import MISSING, ROOT, Ask, Page, View, fault_kind
from corvus.gateway.pages.render import live, whole
from corvus.gateway.pages.summary import mark_of
from corvus.gateway.pages.views import LIVE_SECONDS, find_view
from corvus.gateway.pages.views.reports import given_of
from corvus.gateway.statuses import status_of
from corvus.model.token import TokenScope
from corvus.reporting.formats import csv_text
from corvus.reporting.table import Table
from corvus.wording.words import language_of, load_words

LANGUAGE_COOKIE = "corvus_language"
_YEAR_SECONDS = 31_536_000
_HIDDEN = 500
"""From this status on an error's own text stays in the log."""
_log = logging.getLogger("corvus.gateway.pages")


class Pages:
    """Shows pages and carries out what is asked on them.

    Args:
        desk: Where the pages get what they show.
        doorkeeper: Who knows the tokens.
        board: Keeps open pages up to date.
    """

    def __init__(self, desk: Desk, doorkeeper: Doorkeeper, board: Board) -> None:
        self.visits = Visits(doorkeeper)
        self._desk = desk
        self._board = board

    async def show(self, view: View, request: Request) -> Response:
        """Answer with a page, or with the log-in for whoever has no visit."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        ask = self.ask(request, visit)
        number = self._board.next_number()
        page = await _run(view, ask)
        return self.respond(request, ask, page, visit=visit, number=number)

    async def missing(self, request: Request) -> Response:
        """Answer for an address that is no page."""
        return await self.show(_missing, request)

    async def confirm(self, action: steering.Action, request: Request) -> Response:
        """Show what an action would do, before it is done."""
        return await self.show(_only_admin(action.confirm), request)

    async def act(self, action: steering.Action, request: Request) -> Response:
        """Do what was confirmed, and tell the result on the page after."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        ask, form = self.ask(request, visit), await form_of(request)
        if not visit.is_own(form.get("csrf", "")):
            page = Page("fault", {"kind": "csrf", "detail": ""}, 403)
            return self.respond(request, ask, page, visit=visit)
        try:
            if not visit.may_change:
                raise PermissionError
            told = await asyncio.to_thread(action.do, ask, form)
        except steering.Invalid as invalid:
            return self.respond(request, ask, invalid.page.with_status(422), visit=visit)
        except (PolicyError, PermissionError) as error:
            return self.respond(request, ask, fault_page(error), visit=visit)
        visit.told.append(("done", told))
        return RedirectResponse(steering.way_back(form), 303)

    async def download(self, request: Request) -> Response:
        """Answer with a report as a file of comma-separated values."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        ask, name = self.ask(request, visit), request.path_params["name"]
        try:
            table = await asyncio.to_thread(answer, ask, name, **given_of(ask.query))
            text = await asyncio.to_thread(csv_text, table or Table((), ()))
        except PolicyError as error:
            return self.respond(request, ask, fault_page(error), visit=visit)
        headers = {"content-disposition": f'attachment; filename="{name.replace("/", "-")}.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    async def stream(self, request: Request) -> Response:
        """Answer with what changes on a page, as it changes."""
        try:
            made = await self._live(request)
        except PolicyError as error:
            return Response(error.code, status_of(error))
        if made is None:
            return Response("log in first", 401)

        async def again() -> Shown | None:
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

    def ask(self, request: Request, visit: Visit | None, path: str | None = None) -> Ask:
        """Return what a request asks, in the visitor's language."""
        query = _once_each(request.url.query)
        language = language_of(
            query.pop("lang", None),
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language"),
        )
        words = load_words(language)
        return Ask(
            desk=self._desk,
            words=words,
            figures=Figures(language, words("figure.unknown")),
            path=request.url.path.removeprefix(ROOT) if path is None else path,
            query=query,
            scope=visit.scope if visit else TokenScope.READ,
            principal=visit.principal if visit else "",
        )

    def respond(
        self,
        request: Request,
        ask: Ask,
        page: Page,
        *,
        visit: Visit | None = None,
        number: int | None = None,
    ) -> Response:
        """Answer with a page; what was done before is told once."""
        told: list[tuple[str, str]] = []
        if visit is not None:
            told, visit.told = visit.told, []
        has_live = number is not None and page.status == 200 and ask.path in LIVE_SECONDS
        address = quote(ask.link(), safe="")
        html = whole(
            ask,
            page,
            visit=visit,
            told=told,
            headline=page.headline,
            live=f"{ROOT}/live?page={address}" if has_live else "",
            number=number or 0,
            run=self._board.run,
        )
        response = HTMLResponse(html, page.status, headers={"content-language": ask.words.language})
        if "lang" in request.query_params:
            response.set_cookie(
                LANGUAGE_COOKIE,
                ask.words.language,
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
            return self.respond(request, self.ask(request, None), fault_page(error))
        if visit is not None:
            return visit
        if request.headers.get("sec-fetch-site") == "cross-site":
            # NOTE: a browser keeps a Strict cookie to itself when a link on another site leads
            # here; asked once more by this page, it sends it.
            ask = self.ask(request, None)
            return self.respond(request, ask, Page("again", {"address": str(request.url)}))
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        where = f"{ROOT}/login"
        if request.method == "GET" and wanted != ROOT:
            where += f"?next={quote(wanted, safe='')}"
        return RedirectResponse(where, 303)

    async def _live(self, request: Request) -> Shown | None:
        visit = await self.visits.find(request.cookies.get(COOKIE))
        if visit is None:
            return None
        address = urlsplit(request.query_params.get("page", ""))
        path = address.path.removeprefix(ROOT)
        view = find_view(path) if path in LIVE_SECONDS else None
        if view is None:
            return None
        viewed = view
        query = _once_each(address.query)
        asked = self.ask(request, visit, path)
        ask = Ask(asked.desk, asked.words, asked.figures, path, query, asked.scope, asked.principal)

        key = path, tuple(sorted(query.items())), ask.words.language, ask.scope

        async def make() -> tuple[str, str]:
            page = await _run(viewed, ask)
            if page.template == "fault":
                self._board.distrust(key)
            return live(ask, page), page.headline

        async def mark() -> object:
            return await asyncio.to_thread(mark_of, self._desk)

        # NOTE: what the overview shows also changes with time: holds and overrides expire.
        marked = mark if path else None
        return await self._board.show(key, make, LIVE_SECONDS[path], marked)


def fault_page(error: Exception) -> Page:
    """Return the page that tells an error as what it is."""
    if isinstance(error, PermissionError):
        return Page("fault", {"kind": "forbidden", "detail": ""}, 403)
    assert isinstance(error, PolicyError)
    status = status_of(error)
    if status >= _HIDDEN:
        _log.error("%s: %s", error.code, error)
    detail = "" if status >= _HIDDEN else scrub(str(error))
    return Page("fault", {"kind": fault_kind(error), "detail": detail}, status)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent, each once; nothing where it was no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    return _once_each((await request.body()).decode("utf-8", "replace"))


async def _run(view: View, ask: Ask) -> Page:
    try:
        return await asyncio.to_thread(view, ask)
    except (PolicyError, PermissionError) as error:
        return fault_page(error)
    except Exception as error:  # a bug in one page leaves the others
        _log.error("a page failed", exc_info=error)
        return Page("fault", {"kind": "bug", "detail": ""}, 500)


def _missing(_: Ask) -> Page:
    return MISSING


def _only_admin(view: View) -> View:
    def guarded(ask: Ask) -> Page:
        if not ask.may_change:
            raise PermissionError
        return view(ask)

    return guarded


def _once_each(text: str) -> dict[str, str]:
    found: Mapping[str, str] = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
    return {name: value.replace("\x00", "") for name, value in found.items()}
