"""Puts the served surface together: guards around the admin API and the proxy.

The proxy gets every path of a provider, behind the same guards but without the framework.
Documentation pages are not served: they would load scripts of strangers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from corvus.base.errors import PolicyError
from corvus.diagnostics.secrets import scrub
from corvus.gateway.api import actions, admin, approvals, cost, ops, reports, reservations, scopes
from corvus.gateway.asgi import ASGIApp, Receive, Scope, Send
from corvus.gateway.auth import Tokens
from corvus.gateway.guards import Guards
from corvus.gateway.paths import is_page, is_sign_in
from corvus.gateway.problems import MEDIA_TYPE, Problem, problem_of
from corvus.gateway.proxied_calls import ProxiedCalls
from corvus.gateway.proxy.proxy import Proxy
from corvus.gateway.service import ConfigFile, Service
from corvus.gateway.signin import managed
from corvus.gateway.signin.surface import SignInApp
from corvus.gateway.telemetry.receiver import Receiver
from corvus.gateway.telemetry.routes import is_telemetry
from corvus.governor.upkeep import keeping_up
from corvus.observability.sinks import Telemetry
from corvus.runtime import Runtime
from corvus.version import __version__

if TYPE_CHECKING:
    from corvus.gateway.pages.app import Dashboard

DRAIN_SECONDS = 5.0
"""How often events are handed over to the ledger."""

_PREFIXES = ("/web", "/api/web")
_HTTP = {
    400: ("json-invalid", "the body cannot be read as JSON"),
    404: ("not-found", "there is no such route"),
    405: ("method-not-allowed", "this route has no such method"),
}
_log = logging.getLogger("corvus.gateway")
_PROBLEM = {
    "description": "A problem (RFC 9457)",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
_STATUSES = (400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 421, 422, 429, 431, 500, 503)
_PROBLEMS: dict[int | str, dict[str, Any]] = dict.fromkeys(_STATUSES, _PROBLEM)


MakePages: TypeAlias = "Callable[[Service, Tokens], Dashboard]"
"""Makes the pages over what the gateway serves and whose tokens are good."""


def make_app(
    runtime: Runtime,
    *,
    file: ConfigFile | None = None,
    telemetry: Telemetry | None = None,
    pages: MakePages | None = None,
) -> Guards:
    """Return the gateway as an ASGI app, which owns its store from now to the end of its lifespan.

    Args:
        runtime: The config in force at the start.
        file: Where a change of the config is written to; ``None`` makes it unchangeable.
        telemetry: Sinks next to the metrics; closed by whoever opened them.
        pages: Makes the pages of the dashboard; ``None`` serves none.

    Raises:
        GatewayRefused: An upstream cannot be forwarded to as it is configured.
        StoreError: The store cannot be opened.
        LedgerError: Budgets must be counted again, and the ledger cannot be read.
    """
    stores = runtime.open_stores()
    try:
        service = Service(runtime, stores, file=file, telemetry=telemetry)
        proxy = Proxy(lambda: service.governor, runtime.gateway)
        proxy.on_overhead = service.metrics.time_overhead
        tokens = Tokens(stores.shared, goes_on=stores.goes_on)
        sign_in = SignInApp(tokens, runtime.gateway.sign_in, os.environ)
    except BaseException:
        stores.close()
        raise
    app = _api(service, proxy, sign_in)
    shown = pages(service, tokens) if pages is not None else None
    surfaces = _Surfaces(app, _settings(service), _receiver(service), sign_in, shown)
    guards = Guards(_routed(surfaces), runtime.gateway, tokens, is_route=_is_route(proxy))
    guards.takes_form = proxy.takes_form
    guards.calls = ProxiedCalls(proxy, lambda: service.runtime)
    if shown is not None:
        guards.stop = shown.close
    return guards


def _receiver(service: Service) -> Receiver:
    receiver = Receiver(lambda: service.governor, service.look_at_ledger, service.store.clock)
    receiver.on_delivery = service.metrics.count_delivery
    return receiver


def _is_route(proxy: Proxy) -> Callable[[Scope], bool]:
    def is_route(scope: Scope) -> bool:
        is_own = scope["path"] == managed.PATH or is_telemetry(scope["method"], scope["path"])
        return is_own or proxy.has_route(scope)

    return is_route


def openapi_of(service: Service) -> dict[str, Any]:
    """Return the OpenAPI document of the admin API."""
    return _api(service).openapi()


def _api(service: Service, proxy: Proxy | None = None, sign_in: SignInApp | None = None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        draining = asyncio.create_task(_drain(service))
        try:
            with _reloading(service), keeping_up(lambda: service.governor.keep_up()):
                yield
        finally:
            draining.cancel()
            if proxy is not None:
                await proxy.close()  # what its calls have cost is recorded first
            if sign_in is not None:
                await sign_in.close()
            await asyncio.to_thread(service.close)

    api = FastAPI(
        title="corvus admin API",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=_PROBLEMS,
        redirect_slashes=False,
    )
    bearer = HTTPBearer(auto_error=False, description="`corvus token create` makes one")
    areas = APIRouter(dependencies=[Security(bearer)])  # for the OpenAPI: the guards judge
    for area in (cost, admin, approvals, reports, reservations, scopes, actions):
        areas.include_router(area.routes(service))
    for prefix in _PREFIXES:
        api.include_router(areas, prefix=prefix)
    for prefix in ("", *_PREFIXES):
        api.include_router(ops.routes(service), prefix=prefix)
    api.add_exception_handler(PolicyError, _policy_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(ValueError, _value_error)
    api.add_exception_handler(Exception, _bug)
    return api


def _settings(service: Service) -> ASGIApp:
    options = service.runtime.gateway.sign_in
    return managed.ManagedSettings(options.managed_settings if options.enabled else None)


class _Surfaces(NamedTuple):
    """The surfaces that a framework serves; ``pages`` may be none."""

    api: ASGIApp
    settings: ASGIApp
    receiver: ASGIApp
    sign_in: ASGIApp
    pages: ASGIApp | None


def _routed(surfaces: _Surfaces) -> ASGIApp:
    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            serving = surfaces.api
        elif is_telemetry(scope["method"], scope["path"]):
            serving = surfaces.receiver
        elif scope["path"] == managed.PATH:
            serving = surfaces.settings
        elif is_sign_in(scope["path"]):
            serving = surfaces.sign_in
        elif surfaces.pages is not None and is_page(scope["path"]):
            serving = surfaces.pages
        else:
            serving = surfaces.api
        await serving(scope, receive, send)

    return routed


@contextmanager
def _reloading(service: Service) -> Generator[None]:
    """Read the config again on SIGHUP, where signals reach the loop: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(
        signal.SIGHUP, lambda: loop.run_in_executor(None, service.reload_config)
    )
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def _drain(service: Service) -> None:
    before: PolicyError | None = None
    while True:
        await asyncio.sleep(DRAIN_SECONDS)
        await asyncio.to_thread(service.drain)
        if service.drain_fault is not None:
            _log.warning("the ledger takes no events: %s", service.drain_fault)
        elif before is not None:
            _log.warning("the ledger takes events again")
        before = service.drain_fault


def _answer(problem: Problem) -> Response:
    return Response(problem.body, problem.status, problem.headers)


async def _policy_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, PolicyError)
    problem = problem_of(error)
    if problem.status >= 500:
        _log.error("%s: %s", error.code, error)
    return _answer(problem)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        (scrub(".".join(map(str, fault["loc"]))), fault["type"], scrub(fault["msg"]))
        for fault in error.errors()
    ]
    is_broken = any(kind == "json_invalid" for _, kind, _ in errors)
    status, code = (400, "json-invalid") if is_broken else (422, "request-invalid")
    faults = [{"field": field, "code": kind, "message": words} for field, kind, words in errors]
    return _answer(Problem(status, code, "the request breaks its rules", {"errors": faults}))


async def _value_error(_: Request, error: Exception) -> Response:
    return _answer(Problem(422, "request-invalid", "a value is out of its range"))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = _HTTP.get(error.status_code, ("request-refused", "this cannot be served"))
    answer = _answer(Problem(error.status_code, code, detail))
    answer.headers.update(error.headers or {})
    return answer


async def _bug(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return _answer(Problem(500, "internal", "the request failed; the server's own log says why"))
