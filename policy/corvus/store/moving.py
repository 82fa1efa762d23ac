"""Moves a whole store to another place, between any two engines (STO-5).

The source stays the store until its last row has arrived and was read back. All the while one
transaction holds it, so that nobody changes what was copied, and a command that dies leaves it as
it was. What has arrived so far is marked, and used by nobody. Then two commits follow: the source
is marked as moved, the copy takes over. Who dies between them runs the same move again, which finds
the two marks of one move and ends it. There is no instant at which both can be used.

Refuses a source that somebody has open, and a target that has a life of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any, TypeAlias

from corvus.base.errors import StoreCorrupt, StoreMoveRefused
from corvus.base.ids import new_id
from corvus.base.time import instant_at, microseconds
from corvus.model.outbox import OutboxEvent
from corvus.store.api import Backend, Changes, Collided, Rows, StoreState
from corvus.store.codec import Kind, Query, encoded, values_of
from corvus.store.kinds import (
    BUDGET,
    KINDS,
    LEASE_HOSTS,
    LEASES,
    OUTBOX,
    STATE,
    SUM_HELD,
    THE_STATE,
)
from corvus.store.lease import THE_STORE
from corvus.store.moved import MoveMark, MovePhase, mark_of
from corvus.store.operations.move_event import Mover, last_event, move_event, with_event
from corvus.store.place import StorePlace
from corvus.store.spill import waiting

Progress: TypeAlias = Callable[[int, int], None]
"""Takes how many rows are done, and of how many; each is copied, and read back."""

_PAGE = 1_000
"""Rows of one transaction at the target."""
_TRIES = 5
"""How often a transaction at the target is run that meets another."""
_DAY_US = 24 * 3600 * 10**6
_MOVED_KINDS = tuple(kind for kind in KINDS if kind is not STATE)
_DIGEST_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class MoveSummary:
    """What a move has done.

    Attributes:
        store_id: Of the store, the same in both places.
        source: Name of the place that it left.
        target: Name of the place where it goes on.
        rows: How many there are now, by table; of a move that was only finished, none.
        open_holds: Calls that are held.
        undrained_events: Those that the ledger may not have yet.
        is_resumed: Whether an earlier try had copied all, and only the end was missing.
    """

    store_id: str
    source: str
    target: str
    rows: dict[str, int] = field(default_factory=dict[str, int])
    open_holds: int = 0
    undrained_events: int = 0
    is_resumed: bool = False


def move_store(
    source: StorePlace,
    target: StorePlace,
    by: Mover,
    *,
    on_progress: Progress | None = None,
    page: int = _PAGE,
) -> MoveSummary:
    """Move a store; from then on it goes on at the target, and the source is refused.

    Args:
        source: Where it is; nobody may have it open.
        target: Where it goes: nothing is there, or a store that was never used, or what an earlier
            move of this very store has left.
        by: Who moves it.
        on_progress: Hears of the rows.
        page: Rows that one transaction copies, >= 1.

    Raises:
        StoreMoveRefused: There is nothing to move, or the target is another store.
        StoreMoved: The source is at some other place already.
        StoreUnavailable: Somebody has one of the two open, or it failed; the source is as it was,
            unless the message says that it is not known.
        StoreCorrupt: A row cannot be read, or came back as another.
    """
    if source.name == target.name:
        raise StoreMoveRefused(f"the store {source.name} is there already; name another place")
    if not source.exists:
        raise StoreMoveRefused(f"there is no store at {source.name}, so there is nothing to move")
    at_us = microseconds(by.clock.now())
    with _held(source) as leaving:
        state = _bare_state(leaving)
        if (gone := mark_of(state.moved, source.name)) is not None:
            return _finish(leaving, gone, source, target)
        _refuse_unsettled(source)
        _refuse_leased(leaving, state, source.name)
        mark = MoveMark(MovePhase.ARRIVING, source.full_name, new_id(at_us), at_us)
        with _opened(target) as arriving:
            copy = _Copy(leaving, arriving, replace(state, moved=mark.text), page, on_progress)
            copy.prepare(target.name)
            copy.copy()
            copy.read_back(target.name)
            summary = MoveSummary(
                state.store_id,
                source.name,
                target.name,
                {kind.table: len(sums) for kind, sums in copy.sums.items() if len(sums)},
                open_holds=_open_holds(leaving),
                undrained_events=len(copy.sums[OUTBOX]),
            )
            moved = replace(mark, phase=MovePhase.MOVED, place=target.full_name)
            after, event = move_event(state, moved, by.actor)
            leaving.commit(with_event(replace(after, moved=moved.text), event))
            _take_over(arriving, after, event)
    return summary


def _finish(leaving: Rows, gone: MoveMark, source: StorePlace, target: StorePlace) -> MoveSummary:
    """End a move of which all but the last commit was done.

    Raises:
        StoreMoved: The source did not move to this target.
    """
    if gone.phase is not MovePhase.MOVED or not target.exists:
        raise gone.refusal(source.name)
    state = _bare_state(leaving)
    with _opened(target) as arriving:
        arriving.begin()
        there = _bare_state(arriving)
        here = mark_of(there.moved, target.name)
        events = len(_Sums.of(arriving, OUTBOX, _PAGE)) if here is not None else 0
        holds = _open_holds(arriving)
        arriving.roll_back()
        is_this = there.store_id == state.store_id
        if not is_this or (here is not None and here.move != gone.move):
            raise gone.refusal(source.name)
        if here is not None:
            _take_over(arriving, state, last_event(leaving, state))
    return MoveSummary(
        state.store_id,
        source.name,
        target.name,
        open_holds=holds,
        undrained_events=events,
        is_resumed=True,
    )


def _take_over(arriving: Backend, state: StoreState, event: OutboxEvent) -> None:
    """Let the copy be the store; other clocks at its new place have witnessed nothing yet."""
    arriving.begin()
    arriving.commit(with_event(replace(state, moved="", witness=""), event))


class _Sums:
    """How many rows of a kind there are, and a sum of their hashes, whatever their order."""

    def __init__(self) -> None:
        self._rows = 0
        self._hashes = 0

    @staticmethod
    def of(rows: Rows, kind: Kind[Any], page: int) -> _Sums:
        """Return the sums of all rows of a kind."""
        sums = _Sums()
        for some in _pages(rows, kind, page):
            sums.add(kind, some)
        return sums

    def add(self, kind: Kind[Any], some: list[Any]) -> None:
        for row in some:
            digest = sha256(encoded(kind.stored(row)).encode("utf-8", "surrogatepass")).digest()
            self._hashes = (self._hashes + int.from_bytes(digest)) % _DIGEST_MODULUS
        self._rows += len(some)

    def __len__(self) -> int:
        return self._rows

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Sums):
            return NotImplemented
        return (self._rows, self._hashes) == (other._rows, other._hashes)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it changes


class _Copy:
    """Brings the rows of one store into another.

    Attributes:
        state: The store's own row at the target, with the mark of what has not arrived.
        sums: What was read of each kind at the source.
    """

    def __init__(
        self,
        leaving: Backend,
        arriving: Backend,
        state: StoreState,
        page: int,
        on_progress: Progress | None,
    ) -> None:
        self._leaving, self._arriving = leaving, arriving
        self.state = state
        self._page = page
        self._on_progress = on_progress
        self._done = self._total = 0
        self.sums: dict[Kind[Any], _Sums] = {}

    def prepare(self, name: str) -> None:
        """Mark the target as a copy that is used by nobody, and empty what is of no use there.

        Raises:
            StoreMoveRefused: It is the store of somebody else, or its clock is behind.
        """
        begun = self._arriving.begin()
        try:
            _refuse_clock(begun.now_us, self.state, name)
            there = _bare_state(self._arriving)
            is_left = mark_of(there.moved, name) is not None
            if is_left and there.store_id != self.state.store_id:
                raise StoreMoveRefused(
                    f"{name} has a copy of another store; name an empty place, or delete it"
                )
            if not is_left and not _is_unused(self._arriving, there):
                raise StoreMoveRefused(
                    f"{name} has a store that is in use; name an empty place: two stores are "
                    "never made one"
                )
        except BaseException:
            self._arriving.roll_back()
            raise
        if there.store_id == self.state.store_id:
            self._arriving.commit(Changes(state=self.state))
        else:
            new = {STATE: {self.state.store_id: self.state}}
            self._arriving.commit(Changes(dropped={STATE: {there.store_id}}, new=new))
        for kind in _MOVED_KINDS if is_left else (BUDGET,):
            self._empty(kind)

    def copy(self) -> None:
        """Bring all rows over, some in each transaction."""
        counts = [next(iter(self._leaving.find(_count(kind)))) for kind in _MOVED_KINDS]
        self._total = 2 * sum(counts)
        for kind in _MOVED_KINDS:
            sums = self.sums[kind] = _Sums()
            for some in _pages(self._leaving, kind, self._page):
                sums.add(kind, some)
                self._write(new={kind: {kind.key_of(row): row for row in some}})
                self._tell(len(some))

    def read_back(self, name: str) -> None:
        """Prove that what has arrived is what was sent.

        Raises:
            StoreCorrupt: It is not; the source is still the store.
        """
        self._arriving.begin()
        try:
            for kind in _MOVED_KINDS:
                arrived = _Sums()
                for some in _pages(self._arriving, kind, self._page):
                    arrived.add(kind, some)
                    self._stay()
                    self._tell(len(some))
                if arrived != self.sums[kind]:
                    raise StoreCorrupt(
                        f"rows of {kind.table} came back from {name} as others than were sent: "
                        f"{len(self.sums[kind])} were sent, {len(arrived)} are there; nothing was "
                        f"moved"
                    )
            if _bare_state(self._arriving) != self.state:
                raise StoreCorrupt(f"{name} changed meanwhile; nothing was moved")
        finally:
            self._arriving.roll_back()

    def _empty(self, kind: Kind[Any]) -> None:
        while True:
            self._arriving.begin()
            some = self._arriving.find(_looks(kind)[0], self._page)
            self._arriving.roll_back()
            if not some:
                return
            self._write(dropped={kind: {kind.key_of(row) for row in some}})

    def _write(self, **changes: Any) -> None:
        for is_last in (*(_TRIES - 1) * (False,), True):
            self._arriving.begin()
            try:
                self._arriving.commit(Changes(state=self.state, **changes))
                break
            except Collided:
                if is_last:
                    raise
        self._stay()

    def _stay(self) -> None:
        """Let the source see that we are alive: a server ends transactions that stand idle."""
        self._leaving.find(THE_STATE)

    def _tell(self, rows: int) -> None:
        self._done += rows
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


@contextmanager
def _opened(place: StorePlace) -> Generator[Backend]:
    """Open a store for one who is alone with it, until the end."""
    backend = place.admin.sole_backend()
    try:
        yield backend
    finally:
        backend.close()


@contextmanager
def _held(place: StorePlace) -> Generator[Backend]:
    """Hold a store in a transaction from beginning to end."""
    with _opened(place) as backend:
        backend.begin()
        try:
            yield backend
        except BaseException:
            backend.roll_back()
            raise
        backend.roll_back()


def _bare_state(rows: Rows) -> StoreState:
    """Return the store's own row, whatever mark it has."""
    for state in rows.find(THE_STATE):
        return state
    raise StoreCorrupt("a store that was to be moved has lost its own row")


def _refuse_unsettled(source: StorePlace) -> None:
    path = source.unsettled_path
    if path is not None and (files := waiting(path)):
        raise StoreMoveRefused(
            f"settlements wait in {files[0]} to be taken in; run `corvus cost summary` once, and "
            "move then"
        )


def _refuse_leased(leaving: Rows, state: StoreState, name: str) -> None:
    """Refuse a store of whose budgets hosts have slices: they would report to the old place."""
    hosts = {host.id: host for host in leaving.find(LEASE_HOSTS) if host.id != THE_STORE}
    if state.store_id in hosts:
        raise StoreMoveRefused(
            f"{name} is what this host has of a store that others share; move that one instead"
        )
    holding = {lease.key.host for lease in leaving.find(LEASES) if lease.outstanding}
    if holding:
        names = ", ".join(sorted(hosts[host].name for host in holding if host in hosts))
        raise StoreMoveRefused(
            f"hosts have slices of {name} and something to report: {names}; end every agent and "
            "gateway there, and run `corvus cost summary` where one was killed, or "
            "`corvus ledger reclaim` and `corvus cost reset` where the host is gone"
        )


def _refuse_clock(now_us: int | None, state: StoreState, name: str) -> None:
    """Refuse a place whose clock every call would be refused by (EVA-8)."""
    if now_us is None or now_us > state.last_us - _DAY_US:
        return
    raise StoreMoveRefused(
        f"the clock of {name} says {instant_at(now_us):%Y-%m-%d %H:%M} UTC, but the store has "
        f"stamped {instant_at(state.last_us):%Y-%m-%d %H:%M}; set it right, and move then"
    )


def _is_unused(rows: Rows, state: StoreState) -> bool:
    """Return whether nothing ever happened in a store; a look at budgets registers their names."""
    if state.next_seq > 1 or state.audit_position or state.forgotten_times:
        return False
    return not any(rows.find(_looks(kind)[0], 1) for kind in _MOVED_KINDS if kind is not BUDGET)


def _open_holds(rows: Rows) -> int:
    ((count, *_),) = rows.find(SUM_HELD, 0)
    return count


def _pages(rows: Rows, kind: Kind[Any], page: int) -> Iterator[list[Any]]:
    """Yield all rows of a kind in the order of their key, some at a time."""
    first, following = _looks(kind)
    some = rows.find(first, page)
    while some:
        yield some
        if len(some) < page:
            return
        some = rows.find(following, *values_of(kind.key_of(some[-1])), page)


@cache
def _looks(kind: Kind[Any]) -> tuple[Query[Any], Query[Any]]:
    """Return the looks for the first rows of a kind, and for those after a key."""
    key = ", ".join(kind.key)
    places = ", ".join("?" for _ in kind.key)
    order = f"ORDER BY {key} LIMIT ?"
    return kind.where(order), kind.where(f"WHERE ({key}) > ({places}) {order}")


@cache
def _count(kind: Kind[Any]) -> Query[int]:
    return Query(f"SELECT count(*) FROM {kind.table}", lambda row: row[0])  # noqa: S608 - our table
