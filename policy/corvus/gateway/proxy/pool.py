"""The connections to providers: kept, bounded, and looked at before each is made (PRX-5, PRX-7).

Whatever a name resolves to is looked at before each connection: one that leads to a link-local
address, where clouds keep credentials, is not called, also where it led elsewhere before.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import aiohappyeyeballs

from corvus.base.endpoints import is_link_local
from corvus.gateway.proxy.wire import Wire

CONNECT_SECONDS = 10.0
KEPT_SECONDS = 10.0
"""How long a connection without a request is kept."""
CONNECTIONS_MAX = 1000
_NEXT_ADDRESS_SECONDS = 0.25
"""Of several addresses of a name, the next is tried next to the first after so long."""

_untyped: Any = aiohappyeyeballs  # it names its addresses by a bare tuple
_start_connection: Callable[..., Awaitable[socket.socket]] = _untyped.start_connection

_Address: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]
]


class Origin(NamedTuple):
    """Where connections go to."""

    is_tls: bool
    host: str
    port: int


class Pool:
    """Connections to all providers. Made inside the event loop that uses it.

    Args:
        silence_seconds: As ``Wire`` takes it.
        connections_max: Most at one time, those without a request among them; who comes then waits.
    """

    def __init__(self, silence_seconds: float, connections_max: int = CONNECTIONS_MAX) -> None:
        self._silence_seconds = silence_seconds
        self._connections_max = connections_max
        self._loop = asyncio.get_running_loop()
        self._free: dict[Origin, list[Wire]] = {}
        self._open: dict[Wire, Origin] = {}
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    async def take(self, origin: Origin, *, is_new: bool = False) -> tuple[Wire, bool]:
        """Return a connection for one request, and whether it had served others before.

        Args:
            origin: Where to.
            is_new: Whether it must be a new one.

        Raises:
            OSError: There is none to be had.
            TimeoutError: Nor is there within 10 s.
        """
        while True:
            free = self._free.get(origin)
            while free and not is_new:
                wire = free.pop()
                if wire.is_free:
                    return wire, True
            if len(self._open) + self._opening < self._connections_max:
                return await self._opened(origin), False
            if not self._let_one_go():
                await self._turn()

    async def close(self) -> None:
        """End all connections."""
        if self._timer is not None:
            self._timer.cancel()
        for wire in [*self._open]:
            wire.abort()
        until = self._loop.time() + 1
        while self._open and self._loop.time() < until:  # their ends are events of the loop
            await asyncio.sleep(0)

    async def _opened(self, origin: Origin) -> Wire:
        self._opening += 1
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                wire = await self._connected(origin)
            if not wire.is_free:
                raise ConnectionResetError(f"{origin.host} has closed the connection at once")
        except BaseException:
            self._wake()
            raise
        finally:
            self._opening -= 1
        self._open[wire] = origin
        wire.on_free, wire.on_lost = self._keep, self._forget
        return wire

    async def _connected(self, origin: Origin) -> Wire:
        found: list[_Address] = await self._loop.getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM
        )  # type: ignore[assignment]
        if any(is_link_local(address[0]) for *_, address in found):
            raise OSError(f"{origin.host} leads to a link-local address")
        connected = await _start_connection(
            found, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, interleave=1
        )
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, wire = await self._loop.create_connection(
                lambda: Wire(self._silence_seconds),
                sock=connected,
                ssl=self._tls_context() if origin.is_tls else None,
                server_hostname=origin.host if origin.is_tls else None,
            )
        except BaseException:
            connected.close()
            raise
        return wire

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _keep(self, wire: Wire) -> None:
        """Take back a connection whose answer is whole."""
        self._free.setdefault(self._open[wire], []).append(wire)
        if self._timer is None:
            self._timer = self._loop.call_later(KEPT_SECONDS, self._sweep)
        if self._waiting:
            self._wake()

    def _forget(self, wire: Wire) -> None:
        origin = self._open.pop(wire, None)
        with suppress(KeyError, ValueError):
            if origin is not None:
                self._free[origin].remove(wire)
        self._wake()

    def _sweep(self) -> None:
        """Close what nobody needed for a while."""
        self._timer = None
        due = self._loop.time() - KEPT_SECONDS
        for origin, wires in [*self._free.items()]:
            for wire in [*wires]:
                if wire.free_since <= due:
                    wires.remove(wire)
                    wire.close()
            if not wires:
                del self._free[origin]
        if self._free:
            self._timer = self._loop.call_later(KEPT_SECONDS / 2, self._sweep)

    def _let_one_go(self) -> bool:
        """Close the connection that was free for longest; return whether there was one."""
        oldest = min(
            (wires[0] for wires in self._free.values() if wires),
            key=lambda wire: wire.free_since,
            default=None,
        )
        if oldest is None:
            return False
        oldest.abort()
        self._forget(oldest)
        return True

    async def _turn(self) -> None:
        """Wait until there may be room."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done():
                self._wake()  # it was this one's turn, which the next gets
            else:
                self._waiting.remove(turn)
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
