"""What the routes work on: one open store, the policy in force, the ledger for moments.

The policy can be replaced while the gateway runs (API-4); each request gets the governor in force
then. Ledger reads and drains of this process go one after the other. A config that no file names is
not changed, and a file stays as it was when its policy cannot be put in force.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from corvus.base.errors import EditRefused, LedgerError, PolicyError, StoreError
from corvus.base.files import hold_file
from corvus.config.edit.change import set_keys
from corvus.config.toml.values import Route, shown
from corvus.gateway.metrics import Metrics
from corvus.gateway.patch import keys_of_patch, refuse_decided_above
from corvus.governor.governor import Governor
from corvus.observability.notify.delivery import Notifier
from corvus.observability.redact import Redactor
from corvus.observability.sinks import Telemetry
from corvus.runtime import Runtime
from corvus.store.store import Store
from corvus.stores import Stores

if TYPE_CHECKING:
    from datetime import datetime

    from corvus.events import Event
    from corvus.ledger.ledger import Ledger
    from corvus.reporting.catalog import Report
    from corvus.reporting.table import Table

T = TypeVar("T")

_log = logging.getLogger("corvus.gateway")
_LEARN_SECONDS = 3600.0
"""How long what was learned of recorded calls stands."""


class ConfigFile(NamedTuple):
    """The config as it can be changed.

    Attributes:
        path: The file that a change is written to.
        reload: Reads the config again, all layers, as it was read at the start.
    """

    path: Path
    reload: Callable[[], Runtime]


class _Reading(threading.local):
    """The ledger that a thread has open for several reports, and what closes it."""

    opened: ExitStack | None = None
    ledger: Ledger | None = None


class Service:
    """The things behind the routes.

    Args:
        runtime: The config in force at the start.
        stores: Those in which calls are held, open; closed with this.
        file: Where a change is written to; ``None`` makes the config unchangeable.
        telemetry: Sinks next to the metrics; closed by whoever opened them.
    """

    def __init__(
        self,
        runtime: Runtime,
        stores: Stores,
        *,
        file: ConfigFile | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.stores = stores
        if stores.has_leases:
            runtime = replace(runtime, before_reading=stores.report)
        self._redactor = telemetry.redactor if telemetry else Redactor(runtime.books)
        self.metrics = Metrics(self._redactor)
        self._notifier = self._notifier_of(runtime)
        self._listeners = [
            self.metrics.hear,
            self._hear_for_notifier,
            *([telemetry.listener] if telemetry else []),
        ]
        self.drain_fault: PolicyError | None = None
        self._learned_at: float | None = None
        self.config_is_broken = False
        self._file = file
        self._ledger_lock = threading.RLock()
        self._reading = _Reading()
        self._config_lock = threading.Lock()
        self._in_force = runtime, self._governor_of(runtime)
        self.governor.note_limits(runtime.governing, "corvus")
        self._say_shadow()

    @property
    def store(self) -> Store:
        """The store that holds the calls of this gateway."""
        return self.stores.own

    @property
    def runtime(self) -> Runtime:
        """The config in force."""
        return self._in_force[0]

    @property
    def governor(self) -> Governor:
        """The governor in force."""
        return self._in_force[1]

    @property
    def shadow_problem(self) -> str | None:
        """Why nothing is counted for the shadow policy that the config names; ``None`` if it is."""
        shadow = self.runtime.shadow
        if shadow is None:
            return None
        return shadow.problem or self.governor.engine.shadow_fault

    @property
    def can_change(self) -> bool:
        """Whether there is a config file to change."""
        return self._file is not None

    def change_config(self, patch: Mapping[str, Any], actor: str) -> Runtime:
        """Set keys of the config file, and put the new policy in force; all or nothing (API-4).

        Args:
            patch: Tables and keys as the body of ``PATCH admin/config`` has them.
            actor: Who changes them, for the audit.

        Raises:
            ConfigError: The file, or all layers together, would have an error.
            EditRefused: There is no file to write to, it cannot be written, or a key cannot be
                changed while the gateway runs.
            StoreError: The change cannot be audited.
        """
        return self._change(
            lambda raw, path: keys_of_patch(patch, raw, path, self.runtime.layers), actor
        )

    def change_keys(self, values: Mapping[Route, str], actor: str) -> Runtime:
        """Set keys of the config file by their routes, as ``change_config`` does.

        Args:
            values: Values as TOML writes them.
            actor: Who changes them, for the audit.

        Raises:
            ConfigError: As for ``change_config``.
            EditRefused: As for ``change_config``.
            StoreError: As for ``change_config``.
        """

        def keys_of(_raw: bytes, _path: str) -> dict[str, str]:
            refuse_decided_above(values, self.runtime.layers)
            return {shown(route): text for route, text in values.items()}

        return self._change(keys_of, actor)

    def reload_config(self) -> None:
        """Read the config again, for somebody has edited it; a broken one changes nothing.

        The fault is kept for ``readyz`` and logged; the policy in force stays.
        """
        if self._file is None:
            return
        with self._config_lock:
            try:
                runtime = self._put_in_force(self._file.reload(), "corvus")
            except (PolicyError, OSError) as fault:
                self.config_is_broken = True
                _log.error("the config cannot be put in force, the policy stays: %s", fault)
            else:
                _log.info("the config was read again: policy %s", runtime.policy.content_hash)
                self._say_shadow()

    def _say_shadow(self) -> None:
        if self.shadow_problem is not None:
            _log.error("nothing is counted for the shadow policy: %s", self.shadow_problem)

    def _change(self, keys_of: Callable[[bytes, str], Mapping[str, str]], actor: str) -> Runtime:
        """Write keys, found in what the file holds now, and put them in force, or neither."""
        if self._file is None:
            raise EditRefused("the gateway was started without a config file")
        path, reload = self._file
        with self._config_lock, hold_file(path) as held:
            before = held.data
            held.replace(set_keys(before, str(path), keys_of(before, str(path))).after)
            try:
                return self._put_in_force(reload(), actor)
            except BaseException:
                held.replace(before)
                raise

    def _put_in_force(self, read: Runtime, actor: str) -> Runtime:
        """Judge by another config from now on; the ledger stays that of the open store."""
        old = self.runtime
        runtime = replace(
            read,
            ledger_path=old.ledger_path,
            store_url=old.store_url,
            lease_seconds=old.lease_seconds,
            before_reading=old.before_reading,
        )
        governor = self._governor_of(runtime)
        try:
            if runtime.notify != old.notify:
                self._replace_notifier(runtime)
            governor.note_limits(runtime.governing, actor)
        except BaseException:
            self.stores.follow(self.governor)
            raise
        self.stores.shared.backend.policy = runtime.policy.content_hash
        self._in_force = runtime, governor
        self._redactor.use(runtime.books)
        self.config_is_broken = False
        listens = replace(old.gateway, metrics=read.gateway.metrics)
        kept = old.ledger_path, old.store_url, old.lease_seconds, listens
        if (read.ledger_path, read.store_url, read.lease_seconds, read.gateway) != kept:
            _log.warning("changes of ledger, gateway and upstreams take effect at a restart")
        return runtime

    def mark(self) -> object:
        """Return what is another one once anything was recorded or the config was changed.

        Usage that was imported changes the ledger's file alone.

        Raises:
            StoreError: The store cannot answer.
        """
        seq = self.store.run(lambda unit: unit.state.next_seq)
        try:
            file = os.stat(self.runtime.ledger_path)
        except OSError:
            return self.runtime.policy.content_hash, seq, None
        return self.runtime.policy.content_hash, seq, file.st_mtime_ns, file.st_size

    def run_report(self, report: Report, given: Mapping[str, object]) -> Table:
        """Run a report over the ledger and what the store has not handed over yet.

        Raises:
            ReportError: It cannot be run as asked.
            LedgerError: The ledger cannot be read.
        """
        from corvus.reporting.header import IN_FORCE
        from corvus.reporting.in_force import show_budgets
        from corvus.reporting.run import run_report

        now = self.runtime.clock.now()
        with self._opened() as ledger:
            if IN_FORCE.intersection(report.header.reads):
                show_budgets(ledger.connection, self.runtime.policy.budgets, now)
            return run_report(ledger.connection, report, given, now=now)

    @contextmanager
    def one_reading(self) -> Generator[None]:
        """Open the ledger once for all reports that are run within, in this thread.

        To open a large ledger takes as long as many a report. It is opened by the first of them, so
        that they all tell of one moment, and the next drain waits for the end.
        """
        with ExitStack() as opened:
            self._reading.opened = opened
            try:
                yield
            finally:
                self._reading.opened = self._reading.ledger = None

    @contextmanager
    def _opened(self) -> Generator[Ledger]:
        reading = self._reading
        if reading.opened is None:
            with self._ledger_lock, self.runtime.ledger() as ledger:
                yield ledger
            return
        if reading.ledger is None:
            reading.opened.enter_context(self._ledger_lock)
            reading.ledger = reading.opened.enter_context(self.runtime.ledger())
        yield reading.ledger

    def look_at_ledger(self, read: Callable[[Ledger], T]) -> T:
        """Return what a read finds in the ledger and what the store has not handed over yet.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        bookkeeping = self.runtime.bookkeeping
        with self._ledger_lock, bookkeeping.ledger(may_be_missing=True) as ledger:
            return read(ledger)

    def audit(
        self,
        limit: int,
        kinds: list[str],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[dict[str, object]]:
        """Return the newest audit events as bodies, the newest last; ``until`` is exclusive."""
        from corvus.answers.audit import AUDIT_EVENT

        with self._ledger_lock:
            try:
                events = self.runtime.audit(limit, since, kinds, until=until)
            except LedgerError:
                if self.runtime.audit_head()[0]:
                    raise
                events = []  # nothing was ever audited, and there is no ledger yet
        return AUDIT_EVENT.bodies(events)

    def drain(self) -> None:
        """Hand events over to the ledger; a fault is kept for ``readyz``, and nothing is lost."""
        found: PolicyError | None = None
        with self._ledger_lock:
            try:
                self.stores.report()
                self.runtime.bookkeeping.drain(self.stores.shared, learns=self._learns())
            except PolicyError as fault:
                if not (isinstance(fault, StoreError) and self.stores.goes_on()):
                    found = fault  # else it is drained once the store is back
        self.drain_fault = found

    def _learns(self) -> bool:
        """Return whether it is time to learn from what is recorded: at first, and each hour."""
        if self.runtime.policy.hold != "expected":
            return False
        now = time.monotonic()
        if self._learned_at is not None and now - self._learned_at < _LEARN_SECONDS:
            return False
        self._learned_at = now
        return True

    def close(self) -> None:
        """Drain a last time, and let go of the store."""
        self._notifier.close()
        with suppress(PolicyError):
            self.drain()
        self.stores.close()

    def _notifier_of(self, runtime: Runtime) -> Notifier:
        return Notifier(
            self.stores.each,
            runtime.notify,
            self._redactor,
            on_result=self.metrics.count_notification,
        )

    def _replace_notifier(self, runtime: Runtime) -> None:
        """Deliver to other targets from now on; the old threads end when they are through.

        Raises:
            ConfigError: A target needs what is not installed; the targets stay as they are.
        """
        before, self._notifier = self._notifier, self._notifier_of(runtime)
        before.close(0)

    def _hear_for_notifier(self, event: Event) -> None:
        self._notifier(event)

    def _governor_of(self, runtime: Runtime) -> Governor:
        return self.stores.governor(
            runtime.policy,
            books=runtime.books,
            listeners=self._listeners,
            history=runtime.bookkeeping.history(self.stores.shared),
            notify=runtime.notify,
            shadow=runtime.shadow_policy,
        )
