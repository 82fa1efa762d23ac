"""The look-up of names, which ends in time: a name server that is away would hold a caller."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import TypeAlias, TypeVar

from corvus.base.postgres_address import PostgresHost

T = TypeVar("T")
Attempt: TypeAlias = tuple[PostgresHost, str]
"""A server and its address; empty for a socket, which has none."""


def within(seconds: float, task: Callable[[], T]) -> T:
    """Return what a task returns, or raise what it raises.

    Args:
        seconds: How long it may take.
        task: Runs in a thread of its own, which outlives this call where it does not end in time.

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
        raise TimeoutError(f"no answer in {seconds:g} s") from None
    if fault is not None:
        raise fault
    return found  # pyright: ignore[reportReturnType] - there was no fault


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
