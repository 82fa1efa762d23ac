"""Serves the proxy alone, on a free loopback port, for one run of an agent (CLI-4).

Nothing of the admin API is loaded or served. It does not listen to other machines.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from corvus.base.errors import GatewayRefused
from corvus.gateway.asgi import ASGIApp, Receive, Scope, Send
from corvus.gateway.auth import RunKey
from corvus.gateway.guards import Guards
from corvus.gateway.proxy.proxy import Proxy
from corvus.gateway.serve import Server, open_socket
from corvus.model.gateway import GatewayOptions

_START_SECONDS = 30.0


@contextmanager
def serve_locally(
    proxy: Proxy, options: GatewayOptions, key: RunKey, *, needs_key: bool
) -> Generator[int]:
    """Serve until the context is left; calls that are open then are settled first.

    Args:
        proxy: What is served.
        options: What the guards let in.
        key: What the agent is given in place of a real key.
        needs_key: Refuse calls without it; ``False`` where an agent brings its own log-in.

    Yields:
        The port on 127.0.0.1.

    Raises:
        GatewayRefused: There is no port to be had, or the server does not start.
    """
    listening = open_socket("127.0.0.1", 0)
    ready = threading.Event()
    guarded = Guards(
        _lifespan(proxy),
        options,
        key,
        is_route=proxy.has_route,
        serves_own_machine=not needs_key,
    )
    guarded.takes_form = proxy.takes_form
    guarded.calls = _Alone(proxy)
    server = Server(guarded, ready.set)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="corvus-proxy", daemon=True
    )
    thread.start()
    if not ready.wait(_START_SECONDS):
        server.should_exit = True
        raise GatewayRefused("the proxy did not start")
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class _Alone:
    """The proxy, to which every request goes."""

    def __init__(self, proxy: Proxy) -> None:
        self.serve = proxy.serve

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is for it."""
        return scope["type"] == "http"


def _lifespan(proxy: Proxy) -> ASGIApp:
    """Return an app that knows its own end, and serves nothing else."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan", "all requests go to the proxy"
        while (await receive())["type"] != "lifespan.shutdown":
            await proxy.prepare()
            await send({"type": "lifespan.startup.complete"})
        await proxy.close()
        await send({"type": "lifespan.shutdown.complete"})

    return app
