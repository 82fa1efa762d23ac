"""Tells systemd how the gateway is, where systemd has started it with ``Type=notify``.

It hears when requests are answered, while the event loop turns, and when the gateway is to stop.
The socket of another one, such as that of a parent, is left alone.

Source:
    sd_notify(3) and sd_watchdog_enabled(3) of systemd 252, read 2026-11-29.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

_SOCKET = "NOTIFY_SOCKET"
_EVERY = "WATCHDOG_USEC"
_WHOM = "WATCHDOG_PID"


class ServiceManager:
    """The service manager that started this process; without one, nothing is sent.

    Args:
        environment: Its variables are taken out, so that no child speaks for this process.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = _address(environment.pop(_SOCKET, ""))
        every_us, whom = environment.pop(_EVERY, ""), environment.pop(_WHOM, "")
        is_ours = not whom or whom == str(os.getpid())
        self._every_seconds = int(every_us) / 2e6 if every_us.isdecimal() and is_ours else 0.0
        self._next = 0.0

    def ready(self, status: str) -> None:
        """Say that requests are answered.

        Args:
            status: What ``systemctl status`` shows, one line.
        """
        self._send(f"READY=1\nSTATUS={status}")

    def tick(self) -> None:
        """Say now and then that the event loop turns; cheap, to be called often."""
        if self._every_seconds and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_seconds
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that open requests are finished and no new ones are answered."""
        self._send("STOPPING=1\nSTATUS=finishing open requests")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
                opened.setblocking(False)
                opened.sendto(text.encode(), self._address)
        except OSError:
            return  # it has gone, or is busy: the next one reaches it


def _address(name: str) -> str:
    """Return the address of a socket; ``@`` stands for the zero byte of an abstract one."""
    return f"\0{name[1:]}" if name.startswith("@") else name if name.startswith("/") else ""
