"""The server under gateway and proxy: uvicorn, with the one parser that refuses smuggled requests.

uvicorn would fall back to another parser when httptools is missing; here that is an error.
Its event loop is uvloop where there is one, which uvicorn finds by itself.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable

import httptools  # pyright: ignore[reportUnusedImport] # noqa: F401 - a missing parser fails here
import uvicorn

from policy.errors import GatewayRefused
from policy.gateway.guards import ASGIApp

GRACE_SECONDS = 10
"""How long open requests may take to end once the gateway is asked to stop."""
_CONNECTIONS_MAX = 1000


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
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_ours_to_tell)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, after what never ends by itself was told to."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)


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


def _is_ours_to_tell(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of upgrades: to install what would serve them.

    They are refused on purpose, with 426, and Codex with its own log-in asks for one in each run.
    """
    return record.funcName != "_unsupported_upgrade_warning"


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).version == 6
    except ValueError:
        return False
