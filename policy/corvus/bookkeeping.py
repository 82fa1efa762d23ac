"""Keeps the store and the ledger of one place in agreement (LED-2, STO-2).

The store holds what is under way, the ledger what is over; here events go from one to the other,
reports see both, and each is proved against the other. It never guesses when they contradict
each other: it says what is missing, and only ``rebuild`` goes on without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerCorrupt, LedgerError, StoreError
from corvus.base.extras import require_ledger
from corvus.base.time import Clock, FixedClock, SystemClock
from corvus.governor.audit_chain import append_audit
from corvus.governor.recorded_sums import LedgerHistory
from corvus.governor.recount import Difference, History, recount
from corvus.governor.upkeep import keep_up
from corvus.model.steering import AuditKind
from corvus.store.api import StoreState
from corvus.store.kinds import EXPECTED_OUTPUT, EXPECTED_OUTPUTS
from corvus.store.place import StoreOutbox, is_behind, open_store, place_at
from corvus.store.store import Store
from corvus.store.unit import Unit

if TYPE_CHECKING:
    from corvus.ledger.archive import ArchiveSummary
    from corvus.ledger.drain import DrainSummary, Progress
    from corvus.ledger.health import LedgerHealth
    from corvus.ledger.ledger import Ledger
    from corvus.ledger.verify import AuditHead
    from corvus.store.health import StoreHealth
    from corvus.usage.importers.model import ImportedFiles

_TAIL_MAX = 1000
"""Undrained events up to which a report reads them from the store rather than drain them first."""
_PATIENCE_SECONDS = 1.0
"""How long such a drain waits for others who hold the ledger; then the tail is read instead."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found.

    Attributes:
        findings: Code and words of each contradiction of the ledger, of itself or with the store.
        differences: Balances that are not what is recorded.
        lost_events: Events that the ledger has lost, and that a rebuild went on without.
        audit_position: Number of the newest audit event, and …
        audit_head: … its hash, to be kept elsewhere as an anchor.
    """

    findings: tuple[tuple[str, str], ...] = ()
    differences: tuple[Difference, ...] = ()
    lost_events: int = 0
    audit_position: int = 0
    audit_head: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether nothing contradicts anything."""
        return not self.findings and not self.differences


@dataclass(frozen=True, slots=True)
class Health:
    """How store and ledger are."""

    store: StoreHealth
    ledger: LedgerHealth

    @property
    def is_usable(self) -> bool:
        """Whether calls can be admitted, and reports read."""
        return self.store.problem is None and self.ledger.problem is None


class Bookkeeping:
    """The store and the ledger of one place.

    Args:
        ledger_path: The ledger file; it need not exist yet.
        clock: What the time is; the machine's by default.

    Attributes:
        store_path: The store of budgets, next to the ledger; it need not exist yet.
        place: The same, to be opened and looked at.
    """

    def __init__(self, ledger_path: Path, clock: Clock | None = None) -> None:
        self.ledger_path = ledger_path
        self.store_path = Path(f"{ledger_path}.store")
        self.place = place_at(self.store_path)
        self._clock = clock or SystemClock()

    @property
    def has_store(self) -> bool:
        """Whether anything was ever governed here."""
        return self.place.exists

    @contextmanager
    def store(self, *, trust_clock: bool = False) -> Generator[Store]:
        """Open the store for a moment; it is made when missing.

        Raises:
            StoreError: It cannot be opened.
            LedgerError: The ledger is a folder, next to which no store belongs.
            LedgerNotInstalled: What is recorded in it could not be counted again.
        """
        require_ledger()
        if os.path.isdir(self.ledger_path):
            raise LedgerError(
                f"{self.ledger_path} is a folder, no ledger; name a file with --ledger"
            )
        store = open_store(self.place, self._clock, trust_clock=trust_clock)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def ledger(self, *, may_be_missing: bool = False) -> Generator[Ledger]:
        """Open the ledger for reading, with what the store has not handed over yet.

        Args:
            may_be_missing: Show an empty one before the first call.

        Raises:
            LedgerError: It cannot be opened, or there is nothing to read.
            StoreError: The store is there and cannot be read.
        """
        from corvus.ledger.ledger import empty_ledger, open_ledger

        if may_be_missing and not self.has_store and not os.path.lexists(self.ledger_path):
            with empty_ledger(self.ledger_path) as ledger:
                yield ledger
            return
        self._keep_up()
        outbox = self._outbox() if self.has_store else None
        if outbox is not None and outbox.pending(outbox.drained_seq() + _TAIL_MAX, 1):
            self._try_to_drain()
        with open_ledger(self.ledger_path, outbox=outbox) as ledger:
            yield ledger

    @contextmanager
    def importing(self) -> Generator[Ledger]:
        """Open the ledger for usage that comes in by another way than the store.

        The store knows before, so that a process which dies in between leaves balances that are
        known to lag behind, and ``settle_import`` or the next governor counts them again.
        """
        from corvus.ledger.ledger import open_ledger

        with open_ledger(self.ledger_path, write=True, clock=self._clock) as ledger:
            if self.has_store:
                with self.store() as store:
                    store.run(_mark_recount_due)
            yield ledger

    def imported_files(self) -> ImportedFiles:
        """Return what the ledger knows of files that were imported; nothing without a ledger.

        Raises:
            LedgerError: It cannot be read.
        """
        from corvus.ledger.ledger import open_ledger
        from corvus.usage.importers.model import ImportedFiles
        from corvus.usage.importers.selection import imported_files

        if not os.path.isfile(self.ledger_path):
            return ImportedFiles()
        with open_ledger(self.ledger_path) as ledger:
            return imported_files(ledger)

    def settle_import(self) -> None:
        """Count into the balances what was imported."""
        if not self.has_store:
            return
        with self.store() as store:
            if store.run(lambda unit: unit.state.recount_due):
                recount(store, self.history(store), write=True)

    def drain(
        self,
        store: Store | None = None,
        on_progress: Progress | None = None,
        *,
        learns: bool = False,
    ) -> DrainSummary:
        """Hand the events of the store over to the ledger.

        Args:
            store: The open store of this process, if it has one.
            on_progress: Called with events done, and with all.
            learns: Whether to keep in the store what recorded calls wrote, too.

        Raises:
            LedgerError: The ledger cannot be written; nothing is lost.
            StoreError: The store cannot be read, or written.
        """
        from corvus.ledger.drain import DrainSummary, drain
        from corvus.ledger.ledger import upgrade

        if not self.has_store:
            return DrainSummary(0, {}, 0)
        if store is None:
            self._keep_up()
        outbox = self._outbox(store)
        done = drain(self.ledger_path, outbox, on_progress=on_progress, clock=self._clock)
        if not done.events:
            outbox.forget(done.through_seq)  # time alone has made things old
            if store is None and os.path.isfile(self.ledger_path):
                upgrade(self.ledger_path)  # it was drained by an older corvus
        if learns and store is not None:
            self._learn(store)
        elif learns:
            with self.store() as opened:
                self._learn(opened)
        return done

    def _learn(self, store: Store) -> None:
        """Keep in the store what recorded calls wrote, for ``hold = "expected"``."""
        from corvus.ledger.expectation import expected_outputs
        from corvus.ledger.ledger import open_ledger

        if not os.path.isfile(self.ledger_path):
            return
        with open_ledger(self.ledger_path) as ledger:
            learned = expected_outputs(ledger.connection, self._clock.now())

        def keep(unit: Unit) -> None:
            known = {(one.model, one.agent): one for one in unit.rows.find(EXPECTED_OUTPUTS)}
            too_few = [one._replace(calls=0) for one in known.values()]
            latest = {(one.model, one.agent): one for one in [*too_few, *learned]}
            for pair, one in latest.items():
                if known.get(pair) != one:
                    unit.put(EXPECTED_OUTPUT, one)

        store.run(keep)

    def archive(self, retention_days: int) -> ArchiveSummary:
        """Move months that are older than the retention to Parquet (LED-4).

        Raises:
            LedgerError: The ledger or its archive cannot be written; nothing is lost.
        """
        from corvus.ledger.archive import ArchiveSummary, archive

        if not os.path.isfile(self.ledger_path):
            return ArchiveSummary(0, ())
        return archive(self.ledger_path, retention_days, clock=self._clock)

    def history(self, store: Store) -> History:
        """Return how the governor reads what is recorded of budgets."""
        return LedgerHistory(
            self.ledger_path, store, lambda: self._outbox(store) if self.has_store else None
        )

    def verify(self, anchor: tuple[int, str] | None = None) -> Verification:
        """Prove that ledger, store and audit agree.

        Args:
            anchor: Position and hash of an audit event, exported earlier, that must still be there.

        Raises:
            LedgerError: The ledger cannot be read at all.
            StoreError: The store cannot be read.
        """
        from corvus.ledger.verify import AuditHead

        if not self.has_store:
            return Verification(findings=tuple(self._check_ledger({}, anchor)))
        with self.store() as store:
            state = store.run(_state)
            if findings := self._check_watermark(state, self._outbox(store)):
                return Verification(tuple(findings))
            heads = {state.store_id: AuditHead(state.audit_position, state.audit_head)}
            findings = self._check_ledger(heads, anchor)
            differences = recount(store, self.history(store), write=False)
        return Verification(
            tuple(dict.fromkeys(findings)),
            tuple(differences),
            audit_position=state.audit_position,
            audit_head=state.audit_head,
        )

    def health(self) -> Health:
        """Say how store and ledger are, each whatever the other is (CLI-6); no byte changes."""
        from corvus.ledger.health import ledger_health

        writable = _is_writable(self.store_path)
        store = self.place.health(self._clock.now(), writable=writable)
        outbox = None
        with suppress(StoreError):  # it was replaced a moment ago; the ledger is examined alone
            outbox = self._outbox() if store.store_id is not None else None
        writable = _is_writable(self.ledger_path)
        return Health(store, ledger_health(self.ledger_path, outbox, writable=writable))

    def rebuild(self, actor: str, reason: str | None) -> Verification:
        """Make the balances what is recorded, and take note of events that are lost for good.

        Args:
            actor: Who asks for it, for the audit.
            reason: Why, without secrets.

        Raises:
            LedgerError: The ledger cannot be read or written.
            StoreError: The store cannot be read or written.
        """
        with self.store(trust_clock=True) as store:
            lost = self._accept_loss(store)
            differences = recount(store, self.history(store), write=True)

            def tell(unit: Unit) -> StoreState:
                details = {"balances": len(differences), "lost_events": lost}
                text = json.dumps(details, sort_keys=True, separators=(",", ":"))
                append_audit(unit, AuditKind.LEDGER_REBUILT, actor, reason, details=text)
                return unit.state

            after = store.run(tell)
        return Verification(
            findings=self.verify().findings,  # what was lost stays lost, also of the audit
            differences=tuple(differences),
            lost_events=lost,
            audit_position=after.audit_position,
            audit_head=after.audit_head,
        )

    def _outbox(self, store: Store | None = None) -> StoreOutbox:
        return StoreOutbox(self.place, store, self._clock)

    def _keep_up(self) -> None:
        """Book what is overdue, as far as the store may be written now (RES-6).

        A clock that stands at a chosen instant says nothing of what is overdue.
        """
        if not self.has_store or isinstance(self._clock, FixedClock):
            return
        with suppress(StoreError):
            if is_behind(self.place, self._clock.now()):
                with self.store() as store:
                    keep_up(store)

    def _try_to_drain(self) -> None:
        from corvus.ledger.drain import drain

        outbox = self._outbox()
        try:
            drain(self.ledger_path, outbox, timeout_seconds=_PATIENCE_SECONDS, clock=self._clock)
        except LedgerCorrupt:
            raise
        except LedgerError:
            pass  # locked, or not ours to write: the tail is read from the store

    def _watermark(self, store_id: str) -> int:
        from corvus.ledger.ledger import open_file

        if not os.path.isfile(self.ledger_path):
            return 0
        with open_file(self.ledger_path) as ledger:
            return ledger.watermark(store_id)

    def _check_watermark(self, state: StoreState, outbox: StoreOutbox) -> list[tuple[str, str]]:
        """Check that ledger and store agree on what was handed over."""
        from corvus.ledger.verify import check_watermark

        findings = check_watermark(outbox, self._watermark(state.store_id))
        return [(finding.code.value, finding.words) for finding in findings]

    def _accept_loss(self, store: Store) -> int:
        """Make ledger and store agree on what was handed over, as far as they still know it.

        Returns:
            How many events the ledger had and has lost.
        """
        from corvus.ledger.ledger import open_file
        from corvus.ledger.verify import newest_audit

        state = store.run(_state)
        outbox = self._outbox(store)
        if not self._check_watermark(state, outbox):
            return 0
        with open_file(self.ledger_path, write=True, clock=self._clock) as ledger:
            watermark, newest = (
                ledger.watermark(state.store_id),
                newest_audit(ledger, state.store_id),
            )
            if watermark < state.drained_seq:
                return ledger.accept_loss(state.store_id, state.drained_seq, self._clock)

        def go_on(unit: Unit) -> None:
            """Go on behind the ledger, which knows more than a store that was set back."""
            state = unit.touch()
            state.next_seq = watermark + 1
            state.audit_position, state.audit_head = newest
            unit.forget(watermark, 0)

        store.run(go_on)
        return 0

    def _check_ledger(
        self, heads: dict[str, AuditHead], anchor: tuple[int, str] | None
    ) -> list[tuple[str, str]]:
        from corvus.ledger import verify
        from corvus.ledger.ledger import open_file, open_ledger

        if not os.path.isfile(self.ledger_path) and not self.has_store:
            raise LedgerError(f"there is no ledger at {self.ledger_path} yet")
        if os.path.isfile(self.ledger_path):
            with open_file(self.ledger_path) as ledger:
                found = verify.check_archive(ledger)
            if found:
                return [(finding.code.value, finding.words) for finding in found]
        outbox = self._outbox() if self.has_store else None
        with open_ledger(self.ledger_path, outbox=outbox) as ledger:
            found = verify.check_audit(ledger, heads)
            if anchor is not None:
                found += verify.check_anchor(ledger, verify.AuditHead(*anchor))
            found += verify.check_settlements(ledger) + verify.check_numbers(ledger)
        return [(finding.code.value, finding.words) for finding in found]


def _state(unit: Unit) -> StoreState:
    return copy(unit.state)


def _mark_recount_due(unit: Unit) -> None:
    unit.touch().recount_due = True


def _is_writable(path: Path) -> bool:
    """Return whether a file may be written, or made with the folders above it."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False  # its name is too long, or what stands above it is no folder
    else:
        return _may(path, os.W_OK) and _may(path.parent, os.W_OK)
    folder = next(filter(os.path.lexists, path.absolute().parents), path.parent)
    return os.path.isdir(folder) and _may(folder, os.W_OK | os.X_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
