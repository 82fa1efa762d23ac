"""Signing in as an ASGI app, behind the gateway's guards of Host, Origin and size.

It asks for no token: who calls has none yet. What is answered is never kept, framed, or filled with
anything of strangers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corvus.base.errors import GatewayRefused
from corvus.gateway.pages.app import HEADERS
from corvus.gateway.signin.device import ARRIVE, LEAVE, DevicePage
from corvus.gateway.signin.oauth import DEVICE_AUTHORIZATION, DISCOVERY, PAGE, TOKEN, OAuth

if TYPE_CHECKING:
    from corvus.gateway.asgi import Receive, Scope, Send
    from corvus.gateway.auth import Tokens
    from corvus.gateway.signin.oidc.provider import Provider
    from corvus.model.signin import OidcOptions, SignInOptions

_Handler = Callable[[Request], Awaitable[Response]]


class SignInApp:
    """Serves discovery, device authorization, tokens and the page.

    Args:
        tokens: Who knows the tokens, and their store.
        options: How clients log in.
        environment: Where the secret for the OpenID provider is found.

    Raises:
        GatewayRefused: The OpenID provider cannot be used as it is configured.
    """

    def __init__(
        self, tokens: Tokens, options: SignInOptions, environment: Mapping[str, str]
    ) -> None:
        self._provider = None
        if options.oidc is not None and options.enabled:
            self._provider = _provider_of(options.oidc, environment)
        oauth = OAuth(tokens.store, options)
        page = DevicePage(tokens, options, self._provider)
        routes = [
            _route(DISCOVERY, oauth.discovery),
            _route(DEVICE_AUTHORIZATION, oauth.begin, "POST"),
            _route(TOKEN, oauth.token, "POST"),
            _route(PAGE, page.show),
            _route(PAGE, page.decide, "POST"),
            _route(LEAVE, page.leave),
            _route(ARRIVE, page.arrive),
        ]
        self._app = Starlette(routes=routes if options.enabled else [])
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)

    async def close(self) -> None:
        """End the connections to the provider."""
        if self._provider is not None:
            await self._provider.close()


def _provider_of(options: OidcOptions, environment: Mapping[str, str]) -> Provider:
    try:
        from corvus.gateway.signin.oidc.provider import Provider
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise  # no extra brings it: the installation is damaged
        raise GatewayRefused(
            f"governance.signin.oidc needs {missing.name}: pip install 'corvus-policy[oidc]'"
        ) from None
    return Provider(options, environment)


def _route(path: str, handler: _Handler, method: str = "GET") -> Route:
    async def handled(request: Request) -> Response:
        response = await handler(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return Route(path, handled, methods=[method])
