"""Delivers notices: a thread for each target, so that one that hangs holds up no other (OBS-4).

Nothing here is on the path of a call: calls put rows into the store, and these threads take them
out. They look when something happens in this process, and every few seconds for what other
processes have put there. A fault never ends them.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

from corvus.base.errors import PolicyError
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.events import Event
from corvus.governor.notices import is_sent
from corvus.model.notify import Notice, NotifyTarget
from corvus.observability.notify import queue
from corvus.observability.notify.message import message_for_test, message_of
from corvus.observability.notify.senders import Outcome, Sender, sender_of
from corvus.observability.redact import Redactor
from corvus.store.store import Store

LOOK_SECONDS: Final = 5.0
"""How often a process looks for what others have put into the store."""
CLOSE_SECONDS: Final = 3.0
"""How long the end of a process waits for what is under way."""

Result: TypeAlias = Literal["delivered", "failed", "refused"]
OnResult: TypeAlias = Callable[[str, Result], object]
"""Hears the name of a target, and what came of a try."""

_log = logging.getLogger("corvus.notify")


class Courier:
    """Delivers the notices of one target.

    Args:
        store: Where they are kept.
        target: Where they are sent.
        sender: Sends them.
        redactor: Decides what they show.
        on_result: Hears of each try.
    """

    def __init__(
        self,
        store: Store,
        target: NotifyTarget,
        sender: Sender,
        redactor: Redactor,
        on_result: OnResult = lambda name, result: None,
    ) -> None:
        self.target = target
        self._store = store
        self._sender = sender
        self._redactor = redactor
        self._on_result = on_result
        made = new_id(microseconds(store.clock.now()))
        self._holder = f"{socket.gethostname()} {os.getpid()} {made}"
        self._is_failing = False

    def deliver(self, go_on: Callable[[], bool] = lambda: True) -> float:
        """Deliver what is due, until nothing is left or the target fails.

        Args:
            go_on: Called before each notice.

        Returns:
            Seconds until there may be something to do, as far as that is known; else infinity.

        Raises:
            StoreError: The store cannot be written; nothing is lost.
        """
        while go_on():
            claim = self._store.run(
                partial(queue.claim, target=self.target, holder=self._holder), alone=True
            )
            if not claim.notices:
                if claim.wait_until is None:
                    return float("inf")
                return max(0.0, (claim.wait_until - self._store.clock.now()).total_seconds())
            for notice in claim.notices:
                if not go_on():
                    return 0.0
                seconds = self._deliver(notice)
                if seconds is not None:
                    return seconds
        return 0.0

    def release(self) -> None:
        """Let another process go on at once.

        Raises:
            StoreError: The store cannot be written; another goes on in a minute.
        """
        self._store.run(lambda unit: queue.release(unit, self.target.name, self._holder))

    def send_test(self) -> Outcome:
        """Send a message that says it is a test, whatever waits; it is not kept."""
        now = self._store.clock.now()
        made = f"msg_{new_id(microseconds(now)).replace('-', '')}"
        name, language = self.target.name, self.target.language
        return self._sender.send(message_for_test(name, made, now.isoformat(), language))

    def _deliver(self, notice: Notice) -> float | None:
        """Deliver a notice; return the seconds to wait after a failure."""
        outcome = self._send(notice)
        name = self.target.name
        tried = queue.Try(name, notice.seq, self._holder)
        self._on_result(name, outcome.result)
        if outcome.result == "delivered":
            self._store.run(lambda unit: queue.delivered(unit, tried), keep=True)
            if self._is_failing:
                _log.info("notifications to %s are delivered again", name)
            self._is_failing = False
            return None
        failure = queue.Failure(outcome.detail, outcome.result == "refused")
        again = self._store.run(
            lambda unit: queue.failed(unit, tried, failure, jitter=random.random())
        )
        if not self._is_failing:
            _log.warning("notifications to %s wait: %s", name, outcome.detail)
        self._is_failing = True
        return max(0.0, (again - self._store.clock.now()).total_seconds())

    def _send(self, notice: Notice) -> Outcome:
        try:
            target = self.target
            message = message_of(notice, self._redactor, target.language, target.gateway_url)
            return self._sender.send(message)
        except Exception as fault:
            _log.exception("a notification to %s failed", self.target.name)
            return Outcome("refused", f"it could not be written: {type(fault).__name__}")


class Notifier:
    """Delivers the notices of all targets from now on, each on a thread of its own.

    It is a listener of the governor: an event that is sent wakes the threads.

    Args:
        stores: Where notices are kept; they are to stay open until ``close``.
        targets: Where they are sent.
        redactor: Decides what they show.
        environment: Holds URLs and secrets.
        on_result: Hears of each try, on the thread of the target.

    Raises:
        ConfigError: A target is for apprise, and that is not installed.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        targets: Sequence[NotifyTarget],
        redactor: Redactor,
        *,
        environment: Mapping[str, str] = os.environ,
        on_result: OnResult = lambda name, result: None,
    ) -> None:
        self._closing = threading.Event()
        self._deadline = float("inf")
        couriers = [
            Courier(store, target, sender_of(target, environment, store.clock), redactor, on_result)
            for store in stores
            for target in targets
        ]
        self._wakes = [threading.Event() for _ in couriers]
        self._threads = [
            threading.Thread(
                target=self._serve,
                args=(courier, wake),
                name=f"corvus-notify-{courier.target.name}",
                daemon=True,
            )
            for courier, wake in zip(couriers, self._wakes, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, event: Event) -> None:
        """Have what happened delivered, and return at once."""
        if self._wakes and is_sent(event):
            self.wake()

    def wake(self) -> None:
        """Have every thread look at once."""
        for wake in self._wakes:
            wake.set()

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Deliver what is due, for so long at most; what is left stays in the store."""
        self._deadline = time.monotonic() + timeout_seconds
        self._closing.set()
        self.wake()
        for thread in self._threads:
            thread.join(max(0.0, self._deadline - time.monotonic()))

    def _go_on(self) -> bool:
        return time.monotonic() < self._deadline

    def _serve(self, courier: Courier, wake: threading.Event) -> None:
        is_logged = False
        while True:
            is_last = self._closing.is_set()
            seconds = LOOK_SECONDS
            try:
                seconds = min(courier.deliver(self._go_on), LOOK_SECONDS)
                if is_last:
                    courier.release()
                is_logged = False
            except PolicyError as fault:
                if not is_logged:
                    _log.warning("notifications to %s wait: %s", courier.target.name, fault)
                is_logged = True
            except Exception:
                _log.exception("notifications to %s wait", courier.target.name)
            if is_last:
                return
            wake.wait(max(seconds, 0.05))
            wake.clear()
