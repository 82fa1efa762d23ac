"""The pages as an ASGI app, behind the gateway's guards of Host, Origin and size.

Every page but the log-in needs a visit. Refuses to be framed, to load anything of strangers, to run
a script or a style that stands in a page, and to be kept by a cache.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from corvus.gateway.auth import Tokens
from corvus.gateway.pages import linked, login
from corvus.gateway.pages.actions import ACTIONS
from corvus.gateway.pages.limits import LIMITS
from corvus.gateway.pages.live import Board
from corvus.gateway.pages.page import ROOT, View
from corvus.gateway.pages.render import asset
from corvus.gateway.pages.serving import Pages
from corvus.gateway.pages.token_actions import TOKEN_ACTIONS
from corvus.gateway.pages.views import PAGES
from corvus.gateway.service import Service

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""What every answer carries; ``same-origin``, as without a referrer forms would have no Origin."""
_FOREVER = "public, max-age=31536000, immutable"
_Handler = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """The pages.

    Args:
        service: Where they get what they show.
        tokens: Who may look.
    """

    def __init__(self, service: Service, tokens: Tokens) -> None:
        self.board = Board()
        pages = Pages(service, tokens, self.board)
        self._app = Starlette(routes=[*_routes(pages)])

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the open streams."""
        self.board.close()


def _routes(pages: Pages) -> list[Route]:
    routes: list[Route] = [
        _route("/", _home),
        _route(f"{ROOT}/static/{{name}}", _static),
        _route(f"{ROOT}/login", functools.partial(login.show, pages)),
        _route(f"{ROOT}/login", functools.partial(login.log_in, pages), "POST"),
        _route(f"{ROOT}/logout", functools.partial(login.log_out, pages), "POST"),
        _route(f"{ROOT}/approve/{{id}}", functools.partial(linked.show, pages)),
        _route(f"{ROOT}/approve/{{id}}", functools.partial(linked.decide, pages), "POST"),
        _route(f"{ROOT}/live", pages.stream),
        _route(f"{ROOT}/live/once", pages.once),
        _route(f"{ROOT}/csv/{{name:path}}", pages.table_file),
        _route(f"{ROOT}/svg/{{name:path}}", pages.chart_file),
    ]
    for action in (*ACTIONS, *TOKEN_ACTIONS, LIMITS):
        path = f"{ROOT}/{action.name}"
        routes += [
            _route(path, functools.partial(pages.confirm, action)),
            _route(path, functools.partial(pages.act, action), "POST"),
        ]
    routes += [_route(ROOT + path, _shown(pages, entry.view)) for path, entry in PAGES.items()]
    routes.append(_route(f"{ROOT}/{{rest:path}}", pages.missing))
    return routes


def _route(path: str, handler: _Handler, method: str = "GET") -> Route:
    async def handled(request: Request) -> Response:
        response = await handler(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return Route(path, handled, methods=[method])


def _shown(pages: Pages, view: View) -> _Handler:
    return functools.partial(pages.show, view)


async def _home(_: Request) -> Response:
    return RedirectResponse(ROOT, 303)


async def _static(request: Request) -> Response:
    routes = asset(request.path_params["name"])
    if routes is None:
        return Response("not routes", 404)
    content, kind = routes
    return Response(content, media_type=kind, headers={"cache-control": _FOREVER})
