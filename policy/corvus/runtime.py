"""The only composition root: from a config and a ledger to objects that answer.

Surfaces call this module and format what it returns; nothing here formats, and nothing below it is
wired elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from corvus.base.context import Opening
from corvus.base.errors import LedgerError, LedgerNotInstalled, StoreError
from corvus.base.extras import has_ledger, ledger_not_installed
from corvus.base.money import NOTHING
from corvus.base.period import Period, Window, window_at
from corvus.base.time import Clock, SystemClock
from corvus.compile import (
    RunLimits,
    compile_policy,
    gateway_options,
    lay_over,
    notify_targets,
    observability_options,
)
from corvus.config.check.documents import LoadedConfig
from corvus.config.layers.load import load_layers
from corvus.config.layers.paths import stated_path
from corvus.diagnostics.model import ConfigError
from corvus.governor.evaluate import NO_CALL, Balance, evaluate
from corvus.model.audit_hash import GENESIS
from corvus.model.budget import Amounts, Budget
from corvus.model.gateway import GatewayOptions
from corvus.model.notify import NotifyTarget
from corvus.model.observability import ObservabilityOptions
from corvus.model.policy import Policy
from corvus.model.spend import Spend
from corvus.model.status_report import StatusReport
from corvus.prices.book import PinnedBook
from corvus.prices.lookup import PriceBooks

if TYPE_CHECKING:
    from corvus.autonomy.decide import Action, ActionAnswer
    from corvus.bookkeeping import Bookkeeping, Health
    from corvus.config.layers.origins import EffectiveSetting
    from corvus.config.toml.document import Document
    from corvus.governor.engine import Listener
    from corvus.governor.governor import Governor
    from corvus.governor.recount import History
    from corvus.governor.shadow.tallies import ShadowCount
    from corvus.ledger.ledger import Ledger
    from corvus.model.decision import Decision
    from corvus.model.parts import PartsPage, PartsQuery
    from corvus.model.request import Request
    from corvus.model.steering import AuditEvent
    from corvus.shadow import Shadow
    from corvus.store.place import StorePlace
    from corvus.store.standing import TargetStanding
    from corvus.store.store import Store
    from corvus.stores import Stores

P = ParamSpec("P")
T = TypeVar("T")

_LEASE_SECONDS = 60
"""For giving back what a host had leased before its config said otherwise."""
_OF_SESSIONS = (Period.SESSION, Period.MISSION)
_LEDGER_PATH = ("governance", "ledger", "path")
_PRICE_BOOK = ("governance", "prices", "book")
_MANAGED_SETTINGS = ("governance", "signin", "managed_settings")


@dataclass(frozen=True)
class Runtime:
    """A config in force, its policy, and where the ledger lies.

    Attributes:
        config_shown: Where the config came from, in words a person understands (CFG-6).
        ledger_path: The ledger file; it need not exist yet.
        store_url: The store that hosts share (STO-1); it may hold a password, so it is shown to
            nobody. ``None`` keeps budgets in a file next to the ledger.
        lease_seconds: How long this host goes on within slices of that store's budgets without
            hearing from it (STO-3); ``None`` asks it for each call.
        retention_days: Days that usage stays in the ledger file itself; 0 keeps it.
        archive_url: Where it goes then; the folder next to the ledger by default.
        gateway: How the gateway listens.
        observability: What it tells about itself.
        notify: Where notifications are sent.
        loaded: The layers that all of this was made of.
        is_ledger_named: Whether the user named the ledger for this run, so that it must exist.
        config_paths: The files that were read, lowest layer first.
        before_reading: Called before the ledger is read, by a process that has the stores open and
            knows best what is to be reported first.
    """

    policy: Policy
    books: PriceBooks
    config_shown: str
    ledger_path: Path
    clock: Clock
    store_url: str | None = field(default=None, repr=False)
    lease_seconds: int | None = None
    retention_days: int = 0
    archive_url: str | None = None
    gateway: GatewayOptions = field(default_factory=GatewayOptions)
    observability: ObservabilityOptions = field(default_factory=ObservabilityOptions)
    notify: tuple[NotifyTarget, ...] = ()
    loaded: LoadedConfig | None = field(default=None, repr=False)
    is_ledger_named: bool = False
    config_paths: tuple[Path, ...] = ()
    before_reading: Callable[[], object] | None = field(default=None, repr=False, compare=False)

    @property
    def governing(self) -> str:
        """The files that govern, by absolute paths; in words when there is none (CFG-6)."""
        return ", ".join(map(os.path.abspath, self.config_paths)) or self.config_shown

    def limited(self, limits: RunLimits) -> Runtime:
        """Return the same with the limits of one run in force, whatever the config says.

        Args:
            limits: What the command line states.
        """
        from corvus.config.toml.values import shown

        stated = {shown(setting.route) for setting in self.effective if not setting.is_default}
        return replace(self, policy=lay_over(self.policy, limits, stated))

    @cached_property
    def effective(self) -> tuple[EffectiveSetting, ...]:
        """Every setting in force with where it came from (CFG-5)."""
        from corvus.config.layers.origins import effective

        return effective(self.loaded) if self.loaded is not None else ()

    @property
    def layers(self) -> tuple[Document, ...]:
        """Files, environment and command line, lowest first."""
        return self.loaded.documents if self.loaded is not None else ()

    @cached_property
    def shadow(self) -> Shadow | None:
        """The shadow policy that the config names; ``None`` when it names none (PLN-2)."""
        from corvus.shadow import open_shadow

        if self.loaded is None:
            return None
        return open_shadow(self.loaded, has_leases=self.has_leases)

    @property
    def shadow_policy(self) -> Policy | None:
        """What calls are judged by and never refused."""
        return self.shadow.policy if self.shadow is not None else None

    def shadow_counts(self) -> list[ShadowCount]:
        """Return what the shadow policy would have done so far, by a look next to any writer.

        Raises:
            StoreError: The store is there and cannot be read.
        """
        from corvus.governor.shadow.tallies import shadow_counts

        policy, place = self.shadow_policy, self.bookkeeping.place
        if policy is None or not place.exists:
            return []
        with place.looking() as look:
            return shadow_counts(look, policy.content_hash) if look.is_current else []

    @cached_property
    def bookkeeping(self) -> Bookkeeping:
        """What keeps the store and the ledger in agreement."""
        from corvus.bookkeeping import Bookkeeping
        from corvus.store.place import place_of

        policy = self.policy.content_hash
        place = place_of(self.ledger_path, self.store_url, policy_hash=policy)
        twin = replace(self)  # else the two would hold each other, and open connections with them
        left = partial(twin._settle_own, counts_slices=False)
        return Bookkeeping(self.ledger_path, place, self.clock, self.before_reading or left)

    @property
    def has_leases(self) -> bool:
        """Whether this host admits calls by itself, from slices of a shared store's budgets."""
        return self.lease_seconds is not None and self.policy.enabled

    def open_stores(self) -> Stores:
        """Open the stores that calls are held in; they are made when missing.

        Raises:
            StoreError: One cannot be opened.
        """
        from corvus.stores import Stores

        seconds = self.lease_seconds if self.has_leases else None
        return Stores(self.bookkeeping.place, self.clock, seconds)

    def _settle_own(self, *, counts_slices: bool) -> None:
        """Report what processes of this host have left in a store of its own (STO-3).

        Args:
            counts_slices: Whether slices that nobody gave back are given back as well.
        """
        path = self.bookkeeping.place.lease_path
        if path is None or not path.exists():
            return
        from corvus.stores import owes

        if owes(path, counts_slices=counts_slices):
            with self._leased():
                pass

    def ledger(self) -> Opening[Ledger]:
        """Open the ledger for reading, with ``with`` or ``async with``.

        It shows what the store has not handed over yet, too.
        """
        return Opening(self.bookkeeping.ledger())

    def governor(self, listeners: Sequence[Listener] = ()) -> Opening[Governor]:
        """Open the governor, with ``with`` or ``async with``; makes the store when it is missing.

        While governance is disabled nothing is made, and a store that cannot be used is passed
        over: every call is allowed without it (EVA-11).

        Args:
            listeners: Get events after they are durable.

        Raises:
            StoreError: Governance is enabled and the store cannot be opened.
            LedgerError: Budgets must be counted again, and the ledger cannot be read.
            LedgerNotInstalled: Governance is enabled, and DuckDB is missing; nothing was made.
        """
        return Opening(self._governor(listeners))

    @contextmanager
    def _governor(self, listeners: Sequence[Listener]) -> Generator[Governor]:
        from corvus.governor.governor import Governor

        if self.has_leases:
            with self._leased(listeners) as governor:
                governor.note_limits(self.governing, local_actor())
                yield governor
            return
        with self._store() as (store, history):
            governor = Governor(
                self.policy,
                store,
                books=self.books,
                listeners=listeners,
                history=history,
                notify=self.notify,
                shadow=self.shadow_policy,
            )
            if self.policy.enabled:
                governor.note_limits(self.governing, local_actor())
            yield governor

    @contextmanager
    def _leased(self, listeners: Sequence[Listener] = ()) -> Generator[Governor]:
        """Open the governor over a store of this host's own, and over the one that gives slices."""
        from corvus.base.extras import require_ledger
        from corvus.stores import Stores

        require_ledger()
        seconds = self.lease_seconds or _LEASE_SECONDS
        with closing(Stores(self.bookkeeping.place, self.clock, seconds)) as stores:
            yield stores.governor(
                self.policy,
                books=self.books,
                history=self.bookkeeping.history(stores.shared),
                listeners=listeners,
                notify=self.notify,
            )

    @contextmanager
    def _store(self) -> Generator[tuple[Store, History]]:
        from corvus.governor.recount import no_history
        from corvus.store.place import open_store

        books = self.bookkeeping
        if self.policy.enabled:
            self._settle_own(counts_slices=True)  # of a config that has leases no more
        with ExitStack() as opened:
            try:
                is_kept = self.policy.enabled or books.place.exists
                kept = opened.enter_context(books.store()) if is_kept else None
            except (StoreError, LedgerNotInstalled):
                if self.policy.enabled:
                    raise
                store, history = open_store(None, self.clock), no_history
            else:
                store = kept or open_store(None, self.clock)
                history = books.history(store)
            opened.callback(store.close)
            yield store, history

    def status(
        self,
        session_id: str | None = None,
        mission_id: str | None = None,
        *,
        recorded: bool = False,
    ) -> StatusReport:
        """Say where every budget stands now (EVA-12): by the store, where there is one.

        Without the library of the ledger, a look at the store answers if it knows every sum; what
        is overdue is shown as held then. Before the first call there are zeros.

        Args:
            session_id: The session whose spend counts against session budgets; ``None`` leaves
                them at 0.
            mission_id: The mission of that session; ``None`` takes the latest that runs.
            recorded: Ask the ledger alone: what was recorded up to the clock's instant, without
                holds, resets and overrides.

        Raises:
            StoreError: The store is there and cannot be used.
            LedgerError: There is nothing to read.
            LedgerNotInstalled: The answer is in the ledger.
        """
        if recorded or not self.bookkeeping.place.exists:
            return self._recorded_status(session_id, mission_id)
        from corvus.store.place import latest_session

        if not has_ledger():
            report = self._full_glance(session_id, mission_id)
            latest = latest_session(self.bookkeeping.place) if session_id is None else None
            return replace(report, latest_session_id=latest)
        with self._stored_governor() as governor:
            report = governor.status(session_id, mission_id)
        latest = latest_session(self._calls_place) if session_id is None else None
        return replace(report, latest_session_id=latest)

    @property
    def _calls_place(self) -> StorePlace:
        """Where the store lies in which this host holds calls."""
        from corvus.store.place import place_at

        place = self.bookkeeping.place
        path = place.lease_path if self.has_leases else None
        return place if path is None or not path.exists() else place_at(path)

    def glance(self) -> StatusReport | None:
        """Say where every budget stands, of sessions for the latest, by a look next to any writer.

        Returns:
            What the store says, of which no byte changes; ``None`` where there is none, or one
            that an older version made.

        Raises:
            StoreError: The store is there and cannot be read.
        """
        from corvus.governor.status import glance

        if not self.bookkeeping.place.exists:
            return None
        with self.bookkeeping.place.looking() as look:
            return glance(look, self.policy, self.clock.now()) if look.is_current else None

    def _full_glance(self, session_id: str | None, mission_id: str | None) -> StatusReport:
        from corvus.governor.resets import Subject
        from corvus.governor.status import full_glance

        subject, now = Subject(session_id, mission_id, None), self.clock.now()
        with self.bookkeeping.place.looking() as look:
            report = full_glance(look, self.policy, now, subject) if look.is_current else None
        if report is None:
            raise ledger_not_installed()
        return report

    def parts(self, query: PartsQuery) -> PartsPage:
        """Say where the parts of a budget with ``per`` stand (EVA-12).

        Raises:
            SteeringRefused: There is no such budget, it has no parts, or its session or mission is
                not named.
            StoreError: The store is there and cannot be used.
        """
        if self.bookkeeping.place.exists:
            with self._stored_governor() as governor:
                return governor.parts(query)
        from corvus.governor.governor import Governor
        from corvus.store.place import open_store

        with closing(open_store(None, self.clock)) as store:
            return Governor(self.policy, store, books=self.books).parts(query)

    def evaluate(self, request: Request) -> Decision:
        """Say what would be decided of a call now, and reserve nothing.

        Before the first call no store is made; what the ledger has counts.

        Raises:
            StoreError: The store is there and cannot be used.
            LedgerError: Budgets must be counted, and the ledger cannot be read.
        """
        if self.bookkeeping.place.exists:
            with self._stored_governor() as governor:
                return governor.evaluate(request)
        from corvus.governor.governor import Governor
        from corvus.store.place import open_store

        with closing(open_store(None, self.clock)) as store:
            history = self.bookkeeping.history(store)
            return Governor(self.policy, store, books=self.books, history=history).evaluate(request)

    async def aparts(self, query: PartsQuery) -> PartsPage:
        """Do what ``parts`` does, without keeping the event loop waiting."""
        return await _aside(self.parts, query)

    def audit(
        self,
        limit: int,
        since: datetime | None = None,
        kinds: Collection[str] = (),
        *,
        until: datetime | None = None,
    ) -> list[AuditEvent]:
        """Return the newest audit events, the newest last (AUD-3).

        Args:
            limit: How many at most, >= 0.
            since: The first instant, inclusive, aware; ``None`` is the beginning.
            kinds: The kinds wanted; none is all.
            until: The end, exclusive, aware; ``None`` is now.
        """
        if not os.path.lexists(self.ledger_path) and self.bookkeeping.place.exists:
            position, _ = self.audit_head()
            if position == 0:
                return []  # nothing was handed over yet, and there is nothing to hand over
        from corvus.ledger.verify import audit_events

        with self.ledger() as ledger:
            return audit_events(ledger, limit=limit, since=since, until=until, kinds=kinds)

    def audit_head(self) -> tuple[int, str]:
        """Return position and hash of the newest audit event, as the store knows it (AUD-2).

        Raises:
            StoreError: The store cannot be read.
            LedgerError: There is no store, and the ledger cannot be read.
        """
        from corvus.store.place import audit_head

        if self.bookkeeping.place.exists:
            return audit_head(self.bookkeeping.place)
        newest = self.audit(1)
        return (newest[0].position, newest[0].hash) if newest else (0, GENESIS)

    def steering(self) -> Opening[Governor]:
        """Open the governor for an operator, with ``with`` or ``async with``.

        It is over the store also while governance is disabled.

        Raises:
            StoreError: The store cannot be opened or made: what is done would not last.
            LedgerError: Budgets must be counted again, and the ledger cannot be read.
        """
        return Opening(self._steering())

    @contextmanager
    def _steering(self) -> Generator[Governor]:
        with self._stored_governor() as governor:
            governor.note_limits(self.governing, local_actor())
            yield governor

    @contextmanager
    def _stored_governor(self) -> Generator[Governor]:
        from corvus.governor.governor import Governor

        if self.has_leases:
            with self._leased() as governor:
                yield governor
            return
        with self.bookkeeping.store() as store:
            history = self.bookkeeping.history(store)
            yield Governor(
                self.policy,
                store,
                books=self.books,
                history=history,
                notify=self.notify,
                shadow=self.shadow_policy,
            )

    def decide(
        self, action: Action, principal: str, *, approved: bool = False, record: bool = False
    ) -> ActionAnswer:
        """Decide whether an agent may act (ACT-1, ACT-2).

        Args:
            action: What is about to be done.
            principal: Who does it.
            approved: Whether a person has approved it.
            record: Whether to count it if it may be done; makes the store when it is missing.

        Raises:
            StoreError: The store is there or needed, and cannot be used.
        """
        from corvus.governor import actions

        if not record and not self.bookkeeping.place.exists:
            return actions.judge(self.policy, action, approved=approved)
        step = actions.step(self.policy, action, principal, approved=approved, record=record)
        with self.bookkeeping.store() as store:
            return store.run(step)

    def notify_standings(self) -> list[TargetStanding]:
        """Say how far each target of notifications has got; nothing changes.

        Raises:
            StoreError: The store cannot be read.
        """
        from corvus.store.standing import standings

        return standings(self.bookkeeping.place, self.notify)

    def health(self) -> Health:
        """Say how store and ledger are; no byte of either changes."""
        return self.bookkeeping.health()

    async def astatus(
        self,
        session_id: str | None = None,
        mission_id: str | None = None,
        *,
        recorded: bool = False,
    ) -> StatusReport:
        """Do what ``status`` does, without keeping the event loop waiting."""
        return await _aside(self.status, session_id, mission_id, recorded=recorded)

    async def aaudit(
        self,
        limit: int,
        since: datetime | None = None,
        kinds: Collection[str] = (),
        *,
        until: datetime | None = None,
    ) -> list[AuditEvent]:
        """Do what ``audit`` does, without keeping the event loop waiting."""
        return await _aside(self.audit, limit, since, kinds, until=until)

    async def aaudit_head(self) -> tuple[int, str]:
        """Do what ``audit_head`` does, without keeping the event loop waiting."""
        return await _aside(self.audit_head)

    async def adecide(
        self, action: Action, principal: str, *, approved: bool = False, record: bool = False
    ) -> ActionAnswer:
        """Do what ``decide`` does, without keeping the event loop waiting."""
        return await _aside(self.decide, action, principal, approved=approved, record=record)

    async def ahealth(self) -> Health:
        """Do what ``health`` does, without keeping the event loop waiting."""
        return await _aside(self.health)

    def _recorded_status(self, session_id: str | None, mission_id: str | None) -> StatusReport:
        now = self.clock.now()
        windows = {
            budget.name: window_at(budget.period, now, budget.timezone)
            for budget in self.policy.budgets
        }
        known = [
            budget for budget in self.policy.budgets if _has_sum(budget, session_id, mission_id)
        ]
        latest: str | None = None
        if not self.is_ledger_named and self.bookkeeping.is_untouched():
            spends = {budget.name: Spend(NOTHING, 0, 0, 0) for budget in known}
        else:
            from corvus.ledger.counts import latest_session, spend_in

            with self.ledger() as ledger:
                spends = {
                    budget.name: spend_in(
                        ledger.connection,
                        window=windows[budget.name],
                        session_id=session_id if budget.period in _OF_SESSIONS else None,
                        mission_id=mission_id if budget.period is Period.MISSION else None,
                        match=budget.match,
                    )
                    for budget in known
                }
                latest = latest_session(ledger.connection)
        balances = [
            _balance(budget, spends.get(budget.name), windows[budget.name])
            for budget in self.policy.budgets
        ]
        return StatusReport(
            now,
            session_id,
            mission_id,
            evaluate(balances, NO_CALL),
            {budget.name: spends.get(budget.name) for budget in self.policy.budgets},
            latest_session_id=latest,
            is_recorded=True,
        )


def _has_sum(budget: Budget, session_id: str | None, mission_id: str | None) -> bool:
    """Return whether the ledger alone has a sum of a budget, for the session and mission named."""
    if budget.period in _OF_SESSIONS and session_id is None:
        return False
    return not is_apart(budget) and (budget.period is not Period.MISSION or mission_id is not None)


def is_apart(budget: Budget) -> bool:
    """Return whether the ledger alone knows no present sum of a budget.

    One with ``per`` has many, and a window that opens with a call is open only in the store.
    """
    return bool(budget.per) or budget.period is Period.WINDOW


def _balance(budget: Budget, spend: Spend | None, window: Window | None) -> Balance:
    used = Amounts(spend.cost_nano_usd, spend.tokens, spend.calls) if spend else NO_CALL
    return Balance(budget, used.of(budget.measure), resets_at=window.end if window else None)


def open_runtime(  # noqa: PLR0913 - where each layer and place comes from
    config: str | Path | Sequence[str | Path] = (),
    *,
    sets: Sequence[str] = (),
    ledger: str | Path | None = None,
    clock: Clock | None = None,
    environment: Mapping[str, str] = os.environ,
    texts: Mapping[Path, bytes] | None = None,
) -> Runtime:
    """Read the config and the ``CORVUS_…`` variables, compile them and find the ledger.

    Args:
        config: A file named by the user, or several, later ones layered over earlier ones; empty
            looks in the usual places.
        sets: ``KEY=VALUE`` words, the highest layer: ``cost.daily_limit_usd=25``.
        ledger: The ledger named by the user; else the config's, else the default place.
        clock: The clock to read; the machine's by default.
        environment: The variables; those of the process by default.
        texts: What is read in place of some of the files, such as their state at a revision.

    Raises:
        ConfigError: A file, a variable or a word has errors; it carries all of them. Or what they
            say cannot be compiled: a malformed glob (CFG-10), or two prices of one model (PRC-4).
    """
    files = (config,) if isinstance(config, str | Path) else config
    located, loaded = load_layers(files, sets, environment, texts)
    assert loaded.settings is not None, "layers with errors are refused"
    try:
        policy = compile_policy(loaded.settings, loaded.deprecated_fields)
        books = _books(policy, loaded)
    except ConfigError as refused:
        raise ConfigError(f"cannot use {located.shown}: {refused}") from None
    return Runtime(
        policy=policy,
        books=books,
        config_shown=located.shown,
        ledger_path=_ledger_path(loaded) if ledger is None else Path(ledger),
        clock=clock or SystemClock(),
        store_url=loaded.settings.governance.ledger.url,
        lease_seconds=_lease_seconds(loaded),
        retention_days=loaded.settings.governance.ledger.retention_days,
        archive_url=loaded.settings.governance.ledger.archive,
        gateway=_gateway(loaded),
        observability=observability_options(loaded.settings),
        notify=notify_targets(loaded.settings),
        loaded=loaded,
        is_ledger_named=ledger is not None,
        config_paths=located.paths,
    )


def _lease_seconds(loaded: LoadedConfig) -> int | None:
    assert loaded.settings is not None, "layers with errors are refused"
    ledger = loaded.settings.governance.ledger
    return ledger.lease_seconds if ledger.leases else None


def _books(policy: Policy, loaded: LoadedConfig) -> PriceBooks:
    stated = loaded.settings.governance.prices.book if loaded.settings else None
    path = stated_path(loaded, _PRICE_BOOK, stated)
    books = PriceBooks(
        policy.prices, pinned=path and PinnedBook(path, policy.pinned_book_sha256 or "")
    )
    if clashes := books.clashes():
        raise ConfigError("; ".join(map(str, clashes)))
    return books


def _gateway(loaded: LoadedConfig) -> GatewayOptions:
    assert loaded.settings is not None, "layers with errors are refused"
    options = gateway_options(loaded.settings)
    stated = loaded.settings.governance.signin.managed_settings
    path = stated_path(loaded, _MANAGED_SETTINGS, stated)
    return replace(options, sign_in=replace(options.sign_in, managed_settings=path))


def _ledger_path(loaded: LoadedConfig) -> Path:
    """Return the config's ledger path, else ``$XDG_STATE_HOME/corvus/ledger.duckdb``."""
    configured = loaded.settings.governance.ledger.path if loaded.settings else None
    if path := stated_path(loaded, _LEDGER_PATH, configured):
        return path
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    if state.startswith("~"):
        raise LedgerError("there is no home directory: name a ledger with --ledger")
    return Path(state) / "corvus" / "ledger.duckdb"


async def _aside(step: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run a step on a thread of its own."""
    from asyncio import to_thread  # a part of the time to start, for those who do without

    return await to_thread(step, *args, **options)


def local_actor() -> str:
    """Return who runs a command, whatever options say (OVR-5): the user of this process.

    Their number stands for those who have no name.
    """
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
