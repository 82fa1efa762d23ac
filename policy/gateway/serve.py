"""Runs the gateway under uvicorn, with the one parser that refuses smuggled requests.

uvicorn would fall back to another parser when httptools is missing; here that is an error. Refuses
to listen to other machines as long as there is no token.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import httptools  # pyright: ignore[reportUnusedImport] # noqa: F401 - a missing parser fails here
import uvicorn

from policy.errors import GatewayRefused
from policy.gateway.app import make_app
from policy.gateway.guards import ASGIApp, is_loopback
from policy.gateway.service import Reload
from policy.governor.tokens import good
from policy.observability.redact import Redactor
from policy.observability.sinks import hash_key, open_sinks
from policy.runtime import Runtime

GRACE_SECONDS = 10
"""How long open requests may take to end once the gateway is asked to stop."""
_CONNECTIONS_MAX = 1000


class Server(uvicorn.Server):
    """A server that says when it is ready.

    Args:
        app: What is served.
        on_ready: Called once, when requests are answered.
    """

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
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
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve(
    runtime: Runtime,
    listening: socket.socket,
    *,
    reload: Reload | None = None,
    config_path: Path | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal asks for the end; open requests are finished first.

    Args:
        runtime: The config in force.
        listening: A bound socket, see ``bind``.
        reload: As for ``make_app``.
        config_path: As for ``make_app``.
        on_ready: Called once, when requests are answered.

    Raises:
        StoreError: The store cannot be opened.
        ConfigError: The config asks for a sink that is not installed.
    """
    with runtime.bookkeeping.store() as store:
        key = hash_key(store.run(lambda unit: unit.state.store_id))
    with open_sinks(runtime.observability, Redactor(runtime.books, key)) as telemetry:
        app = make_app(runtime, reload=reload, config_path=config_path, telemetry=telemetry)
        Server(app, on_ready).run(sockets=[listening])


def bind(runtime: Runtime, host: str, port: int) -> socket.socket:
    """Bind the address to listen on.

    Args:
        runtime: Whose tokens guard the gateway.
        host: An address or name.
        port: 0 takes a free one.

    Raises:
        GatewayRefused: It is no address of this machine's own and there is no token, or it cannot
            be had.
    """
    if not is_loopback(host):
        with runtime.bookkeeping.store() as store:
            if not store.run(good):
                raise GatewayRefused(
                    f"{host} is open to other machines and there is no token: make one with "
                    "`corvus token create`, or listen on 127.0.0.1"
                )
    try:
        family = socket.AF_INET6 if _is_v6(host) else socket.AF_INET
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise GatewayRefused(f"cannot listen on {host} port {port}: {reason}") from fault


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).version == 6
    except ValueError:
        return False
