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
        _alive(proxy),
        options,
        key,
        is_route=proxy.has_route,
        serves_own_machine=not needs_key,
    )
    guarded.takes_form = proxy.takes_form
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


def _alive(proxy: Proxy) -> ASGIApp:
    """Return the proxy as an app that knows its own end."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await proxy(scope, receive, send)
            return
        while (await receive())["type"] != "lifespan.shutdown":
            await proxy.prepare()
            await send({"type": "lifespan.startup.complete"})
        await proxy.close()
        await send({"type": "lifespan.shutdown.complete"})

    return app
