"""The server of gateway and proxy: uvicorn, with the one parser that refuses smuggled requests.

Does not listen to other machines as long as there is no token. The proxy of one run listens here,
too, so nothing of the admin API is imported before it is served.

uvicorn would fall back to another parser when httptools is missing; here that is an error. Its
event loop is uvloop where there is one, which uvicorn finds by itself. Who gets a connection, and
for how long, is decided in ``connections``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from corvus.base.endpoints import listening_host_fault
from corvus.base.errors import GatewayRefused
from corvus.base.hosts import is_loopback
from corvus.gateway.asgi import ASGIApp
from corvus.gateway.connections import Connection, Places, Room
from corvus.gateway.systemd import ServiceManager
from corvus.governor.tokens import good
from corvus.runtime import Runtime

if TYPE_CHECKING:
    from corvus.gateway.app import MakePages
    from corvus.gateway.service import ConfigFile

GRACE_SECONDS = 10
"""How long open requests may take to end once the gateway is to stop."""
_DESCRIPTORS_MAX = 65_536
_DESCRIPTORS_UNKNOWN = 1024


class Server(uvicorn.Server):
    """A server that says when it is ready.

    Args:
        app: What is served.
        on_ready: Called once, when requests are answered.
        on_stop: Called once, when the server is to stop and before it waits for what is
            still open.
        manager: Hears how the server is; by default nobody does.
    """

    def __init__(
        self,
        app: ASGIApp,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None] | None = None,
        manager: ServiceManager | None = None,
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
        self._manager = manager or ServiceManager({})

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()
            self._manager.ready("serving")

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second for what is to be done, overdue connections among it."""
        self.places.tick()
        self._manager.tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, after what never ends by itself was ended."""
        self._manager.stopping()
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)
        if self.force_exit:  # a second Ctrl-C: nothing was cancelled, and the app is still open
            open_requests = [*self.places.tasks]
            for request in open_requests:
                request.cancel()
            if open_requests:
                await asyncio.wait(open_requests, timeout=1)
            await self.lifespan.shutdown()


def serve(
    runtime: Runtime,
    listening: socket.socket,
    *,
    file: ConfigFile | None = None,
    pages: MakePages | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal ends it; open requests are finished first.

    Args:
        runtime: The config in force.
        listening: A bound socket, see ``bind``; it is closed at the end.
        file: As for ``make_app``.
        pages: As for ``make_app``.
        on_ready: Called once, when requests are answered.

    Raises:
        StoreError: The store cannot be opened.
        ConfigError: The config names a sink that is not installed.
    """
    from corvus.gateway.app import make_app
    from corvus.observability.redact import Redactor
    from corvus.observability.sinks import hash_key, open_sinks

    raise_descriptors()
    manager = ServiceManager()
    with listening:
        with runtime.bookkeeping.store() as store:
            key = hash_key(store.run(lambda unit: unit.state.store_id))
        with open_sinks(runtime.observability, Redactor(runtime.books, key)) as telemetry:
            app = make_app(runtime, file=file, telemetry=telemetry, pages=pages)
            Server(app, on_ready, app.stop, manager).run(sockets=[listening])


def bind(runtime: Runtime, host: str, port: int) -> socket.socket:
    """Bind the address to listen on.

    Args:
        runtime: Whose tokens guard the gateway.
        host: An address or name.
        port: 0 takes a free one.

    Raises:
        GatewayRefused: It is no address, or none of this machine's own and there is no token, or it
            cannot be had.
    """
    fault = listening_host_fault(host)
    if fault is not None:
        raise GatewayRefused(f"the host to listen on, {host!r}, {fault.reason}")
    if not is_loopback(host):
        with runtime.bookkeeping.store() as store:
            if not store.run(good):
                raise GatewayRefused(
                    f"{host} is open to other machines and there is no token: make one with "
                    "`corvus token create`, or listen on 127.0.0.1"
                )
    return open_socket(host, port)


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
    most = _DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS_MAX)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # a sandbox may forbid it: fewer fit then
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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
