"""What of the served surface is for providers, and is served on its connections (PRX-2)."""

from __future__ import annotations

from collections.abc import Callable

from corvus.gateway.asgi import Scope
from corvus.gateway.exchange import Outlet
from corvus.gateway.paths import is_greeting, is_proxied
from corvus.gateway.proxy.proxy import Proxy
from corvus.gateway.signin import managed
from corvus.gateway.signin.models import OfferedModels
from corvus.gateway.telemetry.routes import is_telemetry
from corvus.runtime import Runtime


class ProxiedCalls:
    """The requests for providers.

    Args:
        proxy: Serves them.
        runtime: Returns what is in force.
    """

    def __init__(self, proxy: Proxy, runtime: Callable[[], Runtime]) -> None:
        self._proxy = proxy
        self._models = OfferedModels(proxy, runtime)

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is one: clients get settings, and bring telemetry, elsewhere."""
        method, path = scope["method"], scope["path"]
        if path == managed.PATH or is_telemetry(method, path):
            return False
        return is_proxied(path) or is_greeting(method, path)

    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None:
        """Serve one that has passed the guards."""
        serving = self._models if self._models.serves(scope) else self._proxy
        await serving.serve(scope, body, outlet)
