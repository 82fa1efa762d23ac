"""A network of chosen latency and chosen faults between a client and a PostgreSQL server.

It forwards what passes message by message, counts it, and calls a hook before a message goes on,
so that a test can kill, stop or cut off either side between any two messages. While a way is cut,
what was sent on it waits, as TCP would send it again: it arrives late, if ever.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple, Self


class Way(StrEnum):
    """Where a message goes."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


class Message(NamedTuple):
    """A message of PostgreSQL's protocol that passes.

    Attributes:
        number: Which of its way, counted over all connections, from 1.
        kind: Its first byte (``Q``, ``P``, ``S`` …); empty for those that begin a connection.
    """

    way: Way
    number: int
    kind: str
    body: bytes


Hook = Callable[[Message], object]
"""Called before a message goes on, on a thread of the proxy; returns ``False`` to swallow it."""

BEGINS = ""

_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # of Linux; Python has no names for them
_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # "return 0 bytes"
_TAKE_NOTHING = struct.pack("HL", 1, ctypes.addressof(_NOTHING))


class DelayProxy:
    """Listens at ``port``, and forwards to a server.

    Args:
        target_port: Of the server.
        latency_seconds: Each way, >= 0.
        host: The address to listen at, that of a network namespace for instance.
        target_host: Of the server.

    Attributes:
        hook: Called for each message; ``None`` calls nothing.
        counted: How many messages of each kind have passed, by way.
        round_trips: How often the server has said that it is ready for more, since connected:
            once for each pipeline.
    """

    def __init__(
        self,
        target_port: int,
        latency_seconds: float = 0.0,
        *,
        host: str = "127.0.0.1",
        target_host: str = "127.0.0.1",
    ) -> None:
        self.latency_seconds = latency_seconds
        self.hook: Hook | None = None
        self.counted: dict[Way, Counter[str]] = {way: Counter() for way in Way}
        self._target = target_host, target_port
        self._numbers = dict.fromkeys(Way, 0)
        self._lock = threading.Lock()
        self._open = {way: threading.Event() for way in Way}
        self._connections: set[_Connection] = set()
        self._listener = socket.create_server((host, 0), backlog=128)
        self.host, self.port = host, int(self._listener.getsockname()[1])
        self.heal()
        threading.Thread(target=self._accept, name="delay-proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    @property
    def round_trips(self) -> int:
        """How many pipelines or simple queries the server has answered."""
        return self.counted[Way.TO_SERVER]["S"] + self.counted[Way.TO_SERVER]["Q"]

    def cut(self, *ways: Way) -> None:
        """Let nothing pass on the ways given, both by default; nobody is told."""
        for way in ways or tuple(Way):
            self._open[way].clear()

    def heal(self) -> None:
        """Let all pass again, first what has waited."""
        for each in self._open.values():
            each.set()

    def pull(self) -> None:
        """Lose every packet of the clients, of new ones, too: not even the kernel acknowledges."""
        with self._lock:
            ends = [each.client for each in self._connections]
        for end in (self._listener, *ends):
            end.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, _TAKE_NOTHING)

    def plug(self) -> None:
        """Take packets again."""
        with self._lock:
            ends = [each.client for each in self._connections]
        for end in (self._listener, *ends):
            with suppress(OSError):  # it has none, or is closed
                end.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)

    def drop(self) -> None:
        """End all connections; new ones are taken."""
        with self._lock:
            connections = [*self._connections]
        for connection in connections:
            connection.end()

    def lose_clients(self) -> None:
        """End the side of the clients alone: what they have sent still reaches the server."""
        with self._lock:
            connections = [*self._connections]
        for connection in connections:
            connection.lose_client()

    def close(self) -> None:
        """Listen no more, and end all connections: nobody is there."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self.heal()

    def pass_on(self, way: Way, kind: str, body: bytes) -> bool:
        """Count a message; return whether it goes on."""
        with self._lock:
            self._numbers[way] += 1
            self.counted[way][kind] += 1
            message = Message(way, self._numbers[way], kind, body)
        hook = self.hook
        return hook is None or hook(message) is not False

    def wait_open(self, way: Way, connection: _Connection) -> bool:
        """Wait while a way is cut; return whether its connection is still there."""
        while not self._open[way].wait(0.1):
            if connection.is_over:
                return False
        return not connection.is_over

    def forget(self, connection: _Connection) -> None:
        """Let go of a connection that is over."""
        with self._lock:
            self._connections.discard(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._open[Way.TO_SERVER].wait()
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        connection = _Connection(self, client, server)
        with self._lock:
            self._connections.add(connection)
        connection.start()


class _Connection:
    """Two sockets, and two threads for each way between them."""

    def __init__(self, proxy: DelayProxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.is_over = False
        self._sockets = client, server
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def client(self) -> socket.socket:
        """The side of the client."""
        return self._sockets[0]

    def start(self) -> None:
        client, server = self._sockets
        for way, source, target in (
            (Way.TO_SERVER, client, server),
            (Way.TO_CLIENT, server, client),
        ):
            queue = _Queue()
            for work in (self._read, self._write):
                threading.Thread(
                    target=work, args=(way, source, target, queue), name=f"proxy {way}", daemon=True
                ).start()

    def end(self) -> None:
        """Close both sides at once, as a machine does that has forgotten the connection."""
        self.is_over = True
        for each in self._sockets:
            _reset(each)
        self.proxy.forget(self)

    def lose_client(self) -> None:
        """Close the side of the client; the server learns of it when all has been sent."""
        _reset(self._sockets[0])

    def _read(self, _way: Way, source: socket.socket, _target: object, queue: _Queue) -> None:
        while True:
            try:
                chunk = source.recv(1 << 16)
            except OSError:
                chunk = b""
            queue.put(time.monotonic() + self.proxy.latency_seconds, chunk)
            if not chunk:
                return

    def _write(self, way: Way, _source: object, target: socket.socket, queue: _Queue) -> None:
        messages = _Messages(way)
        while True:
            due, chunk = queue.get()
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            if not self.proxy.wait_open(way, self):
                return
            if not chunk:
                self.end()
                return
            if not self._forward(way, messages.split(chunk), target):
                return

    def _forward(
        self, way: Way, messages: Iterator[tuple[str, bytes]], target: socket.socket
    ) -> bool:
        """Send what a chunk completes in one go, unless a hook holds it up."""
        ready = b""
        for kind, body in messages:
            if self.proxy.hook is not None and ready:
                if not _send(target, ready):
                    return False
                ready = b""
            if self.proxy.pass_on(way, kind, body):
                ready += body
            if not self.proxy.wait_open(way, self):
                return False
        return _send(target, ready)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _send(target: socket.socket, content: bytes) -> bool:
    try:
        target.sendall(content)
    except OSError:
        return False
    return True


class _Queue:
    """Chunks, with when they are due."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._filled = threading.Semaphore(0)

    def put(self, due: float, chunk: bytes) -> None:
        self._chunks.append((due, chunk))
        self._filled.release()

    def get(self) -> tuple[float, bytes]:
        self._filled.acquire()
        return self._chunks.popleft()


class _Messages:
    """Cuts a stream of bytes into the messages of one way.

    Source: PostgreSQL 18, "Message Formats": a byte for the kind, then the length with itself in
    four bytes; those that begin a connection have no kind, and the answer to ``SSLRequest`` and
    ``GSSENCRequest`` is one byte. Read 2026-11-29.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._rest = b""
        self._is_beginning = True

    def split(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Return the messages that a chunk completes; what is left waits for the next one."""
        self._rest += chunk
        while length := self._length():
            message, self._rest = self._rest[:length], self._rest[length:]
            yield self._kind(message), message

    def _kind(self, message: bytes) -> str:
        if not self._is_beginning:
            return chr(message[0])
        if self._way is Way.TO_SERVER:
            self._is_beginning = message[4:6] == b"\x04\xd2"  # a request before the start itself
            return BEGINS
        self._is_beginning = len(message) == 1
        return BEGINS if len(message) == 1 else chr(message[0])

    def _length(self) -> int:
        """Return how long the next message is; 0 while it is not complete."""
        rest = self._rest
        if self._is_beginning and rest:
            if self._way is Way.TO_CLIENT and rest[:1] in (b"N", b"S", b"G") and len(rest) == 1:
                return 1
            if self._way is Way.TO_SERVER:
                return self._whole(0)
        return self._whole(1)

    def _whole(self, offset: int) -> int:
        if len(self._rest) < offset + 4:
            return 0
        length = offset + int(struct.unpack_from("!i", self._rest, offset)[0])
        return length if len(self._rest) >= length else 0
