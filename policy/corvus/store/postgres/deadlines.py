"""Waits that end: the client of PostgreSQL bounds neither the look-up of a name nor a statement.

A name server that is away, and a pooler whose server is, would hold a caller for minutes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import cache, partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from corvus.store.postgres.address import PostgresHost

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")
Attempt: TypeAlias = tuple[PostgresHost, str]
"""A server and its address; empty for a socket, which has none."""


def within(seconds: float, task: Callable[[], T], give_up: Callable[[], None] | None = None) -> T:
    """Return what a task returns, or raise what it raises.

    Args:
        seconds: How long it may take.
        task: Runs in a thread of its own, which outlives this call where it does not end in time.
        give_up: Called when it did not end in time; should end it.

    Raises:
        TimeoutError: It did not end in time.
    """
    answers: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def work() -> None:
        try:
            answers.put((task(), None))
        except BaseException as fault:
            answers.put((None, fault))

    threading.Thread(target=work, name="corvus-postgres", daemon=True).start()
    try:
        found, fault = answers.get(timeout=seconds)
    except Empty:
        if give_up is not None:
            give_up()
        raise TimeoutError(f"no answer in {seconds:g} s") from None
    if fault is not None:
        raise fault
    return found  # pyright: ignore[reportReturnType] - there was no fault


def shut(descriptor: int) -> None:
    """Shut a connection that another thread waits for; its wait ends with a fault."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@cache
def impatient_kind(seconds: float) -> type[psycopg.Connection[Any]]:
    """Return a kind of connection that gives a server up which says nothing while it is made.

    Args:
        seconds: How long it may say nothing; the whole may take as long as ``connect_timeout``
            says, which counts in whole seconds, 2 at least.
    """
    import psycopg

    class ImpatientConnection(psycopg.Connection[Any]):
        @classmethod
        def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Self]:
            steps = super()._connect_gen(conninfo)
            heard_at = time.monotonic()
            ready: Any = None
            try:
                while True:
                    ready = yield steps.send(ready)
                    if ready:
                        heard_at = time.monotonic()
                    elif time.monotonic() - heard_at > seconds:
                        steps.close()
                        raise psycopg.errors.ConnectionTimeout(f"no answer in {seconds:g} s")
            except StopIteration as done:
                return done.value

    return ImpatientConnection


def attempts(hosts: Sequence[PostgresHost], seconds: float) -> list[Attempt]:
    """Return the addresses of servers, in their order; a name may have several.

    Args:
        hosts: A name that is not known is passed over while another one is.
        seconds: How long looking up may take.

    Raises:
        TimeoutError: It took longer.
        OSError: No name is known.
    """
    if all(host.is_socket or _is_address(host.name) for host in hosts):
        return [(host, "" if host.is_socket else host.name) for host in hosts]
    return within(seconds, partial(_looked_up, hosts))


def _looked_up(hosts: Sequence[PostgresHost]) -> list[Attempt]:
    found: list[Attempt] = []
    unknown: OSError | None = None
    for host in hosts:
        if host.is_socket or _is_address(host.name):
            found.append((host, "" if host.is_socket else host.name))
            continue
        try:
            known = socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        except OSError as fault:
            unknown = fault
        else:
            found += ((host, str(entry[4][0])) for entry in known)
    if not found and unknown is not None:
        raise unknown
    return found


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
