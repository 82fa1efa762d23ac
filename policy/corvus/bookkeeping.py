"""Keeps the store and the ledger of one place in agreement (LED-2, STO-2).

The store holds what is under way, the ledger what is over; here events go from one to the other,
reports see both, and each is proved against the other. It never guesses when they contradict
each other: it says what is missing, and only ``rebuild`` goes on without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerLocked, StoreError
from corvus.base.extras import has_ledger, ledger_not_installed, require_ledger
from corvus.base.permissions import may_write
from corvus.base.time import Clock, FixedClock, SystemClock
from corvus.governor.audit_chain import append_audit
from corvus.governor.recorded_sums import LedgerHistory
from corvus.governor.recount import Difference, History, recount
from corvus.governor.upkeep import keep_up
from corvus.model.steering import AuditKind
from corvus.store.api import StoreState
from corvus.store.kinds import EXPECTED_OUTPUT, EXPECTED_OUTPUTS
from corvus.store.outbox import StoreOutbox
from corvus.store.place import StorePlace, is_behind, open_store
from corvus.store.store import Store
from corvus.store.unit import Unit

if TYPE_CHECKING:
    from corvus.ledger.archive import ArchiveSummary, MayArchive
    from corvus.ledger.archives.moving import MoveSummary
    from corvus.ledger.archives.records import ArchiveRow
    from corvus.ledger.drain import DrainSummary, Progress
    from corvus.ledger.ledger import Ledger
    from corvus.ledger.seeding import SeedSummary
    from corvus.ledger.verify import AuditHead
    from corvus.model.ledger_health import LedgerHealth
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
        roll_ups: Tables that a rebuild has computed again from the records.
        audit_position: Number of the newest audit event, and …
        audit_head: … its hash, to be kept elsewhere as an anchor.
    """

    findings: tuple[tuple[str, str], ...] = ()
    differences: tuple[Difference, ...] = ()
    lost_events: int = 0
    roll_ups: tuple[str, ...] = ()
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
        place: Where the store of budgets lies, which need not exist yet.
        clock: What the time is; the machine's by default.
        before_reading: Called before what the store has recorded is read or handed over.

    Whether there is a store is a question to its place, which another host may have to answer: each
    method asks once, and whoever is given a store does not ask.
    """

    def __init__(
        self,
        ledger_path: Path,
        place: StorePlace,
        clock: Clock | None = None,
        before_reading: Callable[[], object] = lambda: None,
    ) -> None:
        self.ledger_path = ledger_path
        self._before_reading = before_reading
        self.place = place
        self._clock = clock or SystemClock()

    def is_untouched(self) -> bool:
        """Return whether nothing was ever recorded: there is neither a ledger nor a store.

        Raises:
            StoreError: The place of the store does not answer.
        """
        return not os.path.lexists(self.ledger_path) and not self.place.exists

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

        has_store = self.place.exists
        is_missing = may_be_missing and not os.path.lexists(self.ledger_path)
        if is_missing and not (has_store and self._outbox().newest_seq()):
            with empty_ledger(self.ledger_path) as ledger:
                yield ledger
            return
        if has_store:
            self._before_reading()
            self._keep_up()
        outbox = self._outbox() if has_store else None
        if outbox is not None and outbox.pending(self._handed_over(outbox) + _TAIL_MAX, 1):
            self._try_to_drain(outbox)
        with open_ledger(self.ledger_path, outbox=outbox) as ledger:
            yield ledger

    @contextmanager
    def importing(self) -> Generator[Ledger]:
        """Open the ledger for usage that comes in by another way than the store.

        The store knows before, so that a process which dies in between leaves balances that are
        known to lag behind, and ``settle_import`` or the next governor counts them again. What the
        store has recorded comes first, so that a file which has it as well adds nothing. Where
        hosts share the store, what comes in goes through it into the ledgers of all.
        """
        from corvus.ledger.ledger import open_ledger

        if self.place.is_shared:
            with self._sharing(counts=True) as ledger:
                yield ledger
            return
        self.drain()
        with open_ledger(self.ledger_path, write=True, clock=self._clock) as ledger:
            if self.place.exists:
                with self.store() as store:
                    store.run(_mark_recount_due)
            yield ledger

    @contextmanager
    def _sharing(self, *, counts: bool) -> Generator[Ledger]:
        """Open the ledger so that what is written to it goes into the store, for all hosts."""
        from corvus.ledger.capture import capturing
        from corvus.store.election import elected
        from corvus.store.imports import IMPORT, Imported

        with self.store() as store, elected(store, IMPORT) as office:
            self.drain(store)
            with capturing(self.ledger_path, self._outbox(store)) as ledger:
                yield ledger
                imported = Imported(store, office, ledger.through_seq, counts=counts)
                imported.append(ledger.captured())
            self.drain(store)

    def store_id(self) -> str | None:
        """Return the id of the store; ``None`` without one.

        Raises:
            StoreError: It cannot be read.
        """
        return self._outbox().store_id if self.place.exists else None

    @contextmanager
    def billing(self) -> Generator[Ledger]:
        """Open the ledger for the charges of bills, which no balance counts."""
        from corvus.ledger.ledger import open_ledger

        if self.place.is_shared:
            with self._sharing(counts=False) as ledger:
                yield ledger
            return
        with open_ledger(self.ledger_path, write=True, clock=self._clock) as ledger:
            yield ledger

    def imported_files(self) -> ImportedFiles:
        """Return what the ledger knows of files that were imported; nothing without a ledger.

        Raises:
            LedgerError: It cannot be read.
        """
        from corvus.ledger.ledger import open_ledger
        from corvus.usage.importers.model import ImportedFiles
        from corvus.usage.importers.selection import imported_files

        is_shared = self.place.is_shared and self.place.exists
        outbox = self._outbox() if is_shared else None  # what other hosts have imported
        is_empty = outbox is None or not outbox.newest_seq()
        if is_empty and not os.path.isfile(self.ledger_path):
            return ImportedFiles()
        with open_ledger(self.ledger_path, outbox=outbox) as ledger:
            return imported_files(ledger)

    def settle_import(self) -> None:
        """Count into the balances what was imported."""
        if not self.place.exists:
            return
        with self.store() as store:
            if store.run(lambda unit: unit.state.recount_due):
                recount(store, self.history(store), write=True)

    def upgrade(self, on_progress: Progress | None = None) -> None:
        """Bring a ledger that an older corvus wrote to the shape of this version (LED-1).

        Args:
            on_progress: Called with how many records are summed, and how many there are (LED-5).

        Raises:
            LedgerError: It cannot be read or written; it is as it was.
        """
        from corvus.ledger.ledger import upgrade

        if os.path.isfile(self.ledger_path):
            upgrade(self.ledger_path, on_progress)

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

        if store is None:
            if not self.place.exists:
                return DrainSummary(0, {}, 0)
            self._before_reading()
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

    def seed(self, source: Path, archive: Path | None = None) -> SeedSummary:
        """Take over from the ledger of another host what the store has forgotten (STO-3).

        Args:
            source: That ledger, or a copy of it.
            archive: The folder with its archive; next to it by default.

        Raises:
            LedgerError: One of the ledgers cannot be opened, or ``source`` is no use.
            StoreError: There is no store, or it cannot be read or written.
        """
        from corvus.ledger.seeding import seed

        if not self.place.exists:
            raise LedgerError(f"there is no store at {self.place.name}, so nothing is missing here")
        return seed(self.ledger_path, source, self._outbox(), self._clock, archive=archive)

    def archive(
        self, retention_days: int, url: str | None = None, may_archive: MayArchive | None = None
    ) -> ArchiveSummary:
        """Move months that are older than the retention to Parquet (LED-4).

        Args:
            retention_days: Days that usage stays in the ledger file; 0 keeps it.
            url: Where to; the folder next to the ledger by default.
            may_archive: Whether this host is the one of several that archives to the URL; by
                default those that share the store elect one.

        Raises:
            LedgerError: The ledger or its archive cannot be written; nothing is lost.
        """
        from corvus.ledger.archive import ArchiveSummary, Destination, archive

        if not os.path.isfile(self.ledger_path):
            return ArchiveSummary(0, ())
        if url is None or may_archive is not None or not self.place.is_shared:
            to = None if url is None else Destination(url, may_archive or (lambda: True))
            return archive(self.ledger_path, retention_days, to=to, clock=self._clock)
        from corvus.store.election import electing

        with self.store() as store:  # of the hosts that share it, one archives
            to = Destination(url, electing(store, "archive"))
            return archive(self.ledger_path, retention_days, to=to, clock=self._clock)

    def archived(self) -> list[ArchiveRow]:
        """Return the files of the archive; nothing at a URL is reached.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        from corvus.ledger.archives.records import archive_rows
        from corvus.ledger.ledger import open_file

        if not os.path.isfile(self.ledger_path):
            return []
        with open_file(self.ledger_path) as ledger:
            return archive_rows(ledger)

    def move_archive(self, url: str | None) -> MoveSummary:
        """Move the archive to a URL; ``None`` is the folder next to the ledger (LED-4).

        Raises:
            LedgerError: The ledger, or either archive, cannot be read or written; nothing is lost.
        """
        from corvus.ledger.archives.moving import MoveSummary, move_archive
        from corvus.ledger.archives.place import require_reachable
        from corvus.ledger.archives.records import ArchiveRecords
        from corvus.ledger.ledger import LOCK_TIMEOUT_SECONDS

        if url is not None:
            require_reachable(url)
        if not os.path.isfile(self.ledger_path):
            return MoveSummary(())
        records = ArchiveRecords(self.ledger_path, self._clock, LOCK_TIMEOUT_SECONDS)
        return move_archive(records, url)

    def history(self, store: Store) -> History:
        """Return how the governor reads what is recorded of budgets."""
        return LedgerHistory(
            self.ledger_path, store, lambda: self._outbox(store) if self.place.exists else None
        )

    def verify(
        self, anchor: tuple[int, str] | None = None, *, trust_store: bool = False
    ) -> Verification:
        """Prove that ledger, store and audit agree.

        Args:
            anchor: Position and hash of an audit event, exported earlier, that must still be there.
            trust_store: Whether to look also where the clock has stepped by days, or this host has
                seen a later state of the store: before a rebuild, which goes on all the same.

        Raises:
            LedgerError: The ledger cannot be read at all.
            StoreError: The store cannot be read.
        """
        from corvus.ledger.verify import AuditHead

        if not self.place.exists:
            return Verification(findings=tuple(self._check_ledger({}, None, anchor)))
        self._before_reading()
        with self.store(trust_clock=trust_store) as store:
            state = store.run(_state)
            outbox = self._outbox(store)
            if findings := self._check_watermark(state, outbox):
                return Verification(tuple(findings))
            heads = {state.store_id: AuditHead(state.audit_position, state.audit_head)}
            findings = self._check_ledger(heads, outbox, anchor)
            differences = recount(store, self.history(store), write=False)
        return Verification(
            tuple(dict.fromkeys(findings)),
            tuple(differences),
            audit_position=state.audit_position,
            audit_head=state.audit_head,
        )

    def health(self) -> Health:
        """Say how store and ledger are, each whatever the other is (CLI-6); no byte changes."""
        store = self.place.health(self._clock.now())
        if not has_ledger():
            return Health(store, self._unopened())
        from corvus.ledger.health import ledger_health

        outbox = None
        with suppress(StoreError):  # it was replaced a moment ago; the ledger is examined alone
            outbox = self._outbox() if store.store_id is not None else None
        writable = may_write(self.ledger_path)
        ledger = ledger_health(self.ledger_path, outbox, writable=writable)
        if outbox is not None and outbox.is_shared:
            with suppress(LedgerError, StoreError):  # what the store keeps for others is no lag
                handed_over = max(outbox.drained_seq(), self._handed_over(outbox))
                store = replace(store, undrained_events=outbox.newest_seq() - handed_over)
        return Health(store, ledger)

    def _unopened(self) -> LedgerHealth:
        """Return how the ledger is to an install that cannot open it."""
        from corvus.model.ledger_health import LedgerHealth

        found = LedgerHealth.unopened(self.ledger_path, writable=may_write(self.ledger_path))
        return replace(found, problem=str(ledger_not_installed()), is_installed=False)

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
            roll_ups = self._rebuild_roll_ups()

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
            roll_ups=tuple(roll_ups),
            audit_position=after.audit_position,
            audit_head=after.audit_head,
        )

    def _outbox(self, store: Store | None = None) -> StoreOutbox:
        return StoreOutbox(self.place, store, self._clock)

    def _keep_up(self) -> None:
        """Book what is overdue, as far as the store may be written now (RES-6).

        A clock that stands at a chosen instant says nothing of what is overdue.
        """
        if isinstance(self._clock, FixedClock):
            return
        with suppress(StoreError):
            if is_behind(self.place, self._clock.now()):
                with self.store() as store:
                    keep_up(store)

    def _try_to_drain(self, outbox: StoreOutbox) -> None:
        from corvus.ledger.drain import drain

        try:
            drain(self.ledger_path, outbox, timeout_seconds=_PATIENCE_SECONDS, clock=self._clock)
        except LedgerCorrupt:
            raise
        except LedgerError:
            pass  # locked, or not ours to write: the tail is read from the store

    def _handed_over(self, outbox: StoreOutbox) -> int:
        """Return the number up to which the ledger surely has the events of its store."""
        if not outbox.is_shared:
            return outbox.drained_seq()
        from corvus.ledger.replica import watermark_of

        patience = _PATIENCE_SECONDS
        with suppress(LedgerLocked):
            return watermark_of(self.ledger_path, outbox, timeout_seconds=patience)
        return outbox.newest_seq()  # somebody drains now

    def _watermark(self, store_id: str) -> tuple[int, str | None]:
        """Return the number of the newest event that the ledger has, and its mark."""
        from corvus.ledger.ledger import open_file

        if not os.path.isfile(self.ledger_path):
            return 0, None
        with open_file(self.ledger_path) as ledger:
            return ledger.watermark(store_id), ledger.mark(store_id)

    def _check_watermark(self, state: StoreState, outbox: StoreOutbox) -> list[tuple[str, str]]:
        """Check that ledger and store agree on what was handed over."""
        from corvus.ledger.verify import check_watermark

        findings = check_watermark(outbox, *self._watermark(state.store_id))
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
        if not (findings := self._check_watermark(state, outbox)):
            return 0
        newest = outbox.newest_seq()
        if outbox.is_shared and self._watermark(state.store_id)[0] <= newest:
            # Other hosts have what this ledger lacks: without it, what was spent would be free.
            raise LedgerCorrupt(findings[0][1])
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

    def _rebuild_roll_ups(self) -> list[str]:
        """Compute the roll-ups again where they are not what the records come to.

        Returns:
            The tables that were not.
        """
        from corvus.ledger.ledger import open_ledger
        from corvus.ledger.roll_ups import differing

        if not os.path.isfile(self.ledger_path):
            return []
        with open_ledger(self.ledger_path, write=True, clock=self._clock) as ledger:
            with ledger.explaining():
                found = differing(ledger.connection)
            if found:
                ledger.fill_roll_ups(self._clock)
        return found

    def _check_ledger(
        self,
        heads: dict[str, AuditHead],
        outbox: StoreOutbox | None,
        anchor: tuple[int, str] | None,
    ) -> list[tuple[str, str]]:
        from corvus.ledger import verify
        from corvus.ledger.ledger import open_file, open_ledger

        if not os.path.isfile(self.ledger_path) and outbox is None:
            raise LedgerError(f"there is no ledger at {self.ledger_path} yet")
        if os.path.isfile(self.ledger_path):
            with open_file(self.ledger_path) as ledger:
                found = verify.check_archive(ledger)
            if found:
                return [(finding.code.value, finding.words) for finding in found]
        with open_ledger(self.ledger_path, outbox=outbox) as ledger:
            found = verify.check_audit(ledger, heads)
            if anchor is not None:
                found += verify.check_anchor(ledger, verify.AuditHead(*anchor))
            found += verify.check_settlements(ledger) + verify.check_numbers(ledger)
            found += verify.check_charges(ledger) + verify.check_roll_ups(ledger)
        return [(finding.code.value, finding.words) for finding in found]


def _state(unit: Unit) -> StoreState:
    return copy(unit.state)


def _mark_recount_due(unit: Unit) -> None:
    unit.touch().recount_due = True
