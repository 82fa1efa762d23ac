"""The server under gateway and proxy: uvicorn, with the one parser that refuses smuggled requests.

uvicorn would fall back to another parser when httptools is missing; here that is an error. Its
event loop is uvloop where there is one, which uvicorn finds by itself. Who gets a connection, and
for how long, is decided in ``connections``.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from corvus.base.errors import GatewayRefused
from corvus.gateway.asgi import ASGIApp
from corvus.gateway.connections import Connection, Places, Room

GRACE_SECONDS = 10
"""How long open requests may take to end once the gateway is asked to stop."""
_DESCRIPTORS_MAX = 65_536
_DESCRIPTORS_UNKNOWN = 1024


class Server(uvicorn.Server):
    """A server that says when it is ready.

    Args:
        app: What is served.
        on_ready: Called once, when requests are answered.
        on_stop: Called once, when the server was asked to stop and before it waits for what is
            still open.
    """

    def __init__(
        self, app: ASGIApp, on_ready: Callable[[], None], on_stop: Callable[[], None] | None = None
    ) -> None:
        config = uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType] - uvicorn knows its own spelling of ASGI
            http=Connection,
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self.places = Places(Room.within(descriptors()))
        self.server_state = self.places
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second for what is to be done, overdue connections among it."""
        self.places.tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, after what never ends by itself was told to."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)


def descriptors() -> int:
    """Return how many files and connections this process may have open."""
    if sys.platform == "win32":
        return _DESCRIPTORS_UNKNOWN
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _DESCRIPTORS_MAX if soft == resource.RLIM_INFINITY else soft


def raise_descriptors() -> None:
    """Let this process have as many files and connections open as the system allows it.

    Its children get the same; so it is for a process that has none.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may forbid it: fewer fit then
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_socket(host: str, port: int) -> socket.socket:
    """Bind an address.

    Args:
        host: An address or name.
        port: 0 takes a free one.

    Raises:
        GatewayRefused: It cannot be had.
    """
    try:
        family = socket.AF_INET6 if _is_v6(host) else socket.AF_INET
        listening = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise GatewayRefused(f"cannot listen on {host} port {port}: {reason}") from fault
    # NOTE: asyncio sets this only on sockets that name their protocol, which those of create_server
    # do not. Without it an answer in two pieces waits 40 ms for the client's delayed ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).version == 6
    except ValueError:
        return False
