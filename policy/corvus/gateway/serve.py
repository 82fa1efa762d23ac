"""Runs the gateway. Refuses to listen to other machines as long as there is no token."""

from __future__ import annotations

import socket
from collections.abc import Callable

from corvus.base.errors import GatewayRefused
from corvus.gateway.app import MakePages, make_app
from corvus.gateway.guards import is_loopback
from corvus.gateway.listening import Server, open_socket, raise_descriptors
from corvus.gateway.service import ConfigFile
from corvus.governor.tokens import good
from corvus.observability.redact import Redactor
from corvus.observability.sinks import hash_key, open_sinks
from corvus.runtime import Runtime


def serve(
    runtime: Runtime,
    listening: socket.socket,
    *,
    file: ConfigFile | None = None,
    pages: MakePages | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal asks for the end; open requests are finished first.

    Args:
        runtime: The config in force.
        listening: A bound socket, see ``bind``.
        file: As for ``make_app``.
        pages: As for ``make_app``.
        on_ready: Called once, when requests are answered.

    Raises:
        StoreError: The store cannot be opened.
        ConfigError: The config asks for a sink that is not installed.
    """
    raise_descriptors()
    with runtime.bookkeeping.store() as store:
        key = hash_key(store.run(lambda unit: unit.state.store_id))
    with open_sinks(runtime.observability, Redactor(runtime.books, key)) as telemetry:
        app = make_app(runtime, file=file, telemetry=telemetry, pages=pages)
        Server(app, on_ready, app.stop).run(sockets=[listening])


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
    return open_socket(host, port)
