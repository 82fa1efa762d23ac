"""Moves of stores between any two engines: a full store, and kills on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from corvus.base.errors import StoreMoved
from corvus.base.time import instant_at
from corvus.model.audit_hash import audit_hash
from corvus.model.steering import AuditEvent, AuditKind
from corvus.store.api import Backend, Changes, StoreState
from corvus.store.kinds import KINDS, OUTBOX, STATE, THE_STATE
from corvus.store.moving import MoveSummary, move_store
from corvus.store.operations.move_event import Mover
from corvus.store.place import StorePlace, open_store
from tests.fakes import FrozenClock
from tests.store.contract import NOW
from tests.store.test_kinds import ROWS

CLOCK = FrozenClock(NOW)
EVENTS = 23
PAGE = 10
Rows = dict[str, list[list[Any]]]


def fill(place: StorePlace) -> Rows:
    """Make a store that has rows of every kind, and more events than go over at once."""
    backend = place.backend()
    backend.begin()
    (made,) = backend.find(STATE.where(""))
    new: dict[Any, dict[Any, Any]] = {}
    for kind, row, _ in ROWS:
        if kind is not STATE:
            new.setdefault(kind, {})[kind.key_of(row)] = row
    (event,) = new[OUTBOX].values()
    new[OUTBOX] = {seq: event._replace(seq=seq) for seq in range(4, 4 + EVENTS)}
    state = StoreState(
        made.store_id,
        last_us=5,
        next_seq=4 + EVENTS,
        drained_seq=3,
        audit_position=2,
        audit_head="a" * 64,
        recount_due=True,
        witness="1 2 3 boot",
    )
    backend.commit(Changes(state=state, new=new))
    backend.close()
    return rows_of(place)


def rows_of(place: StorePlace) -> Rows:
    """Return all rows of a store, but for what other clocks have said."""
    with place.looking() as look:
        found = {
            kind.table: [
                kind.stored(row) for row in look.find(kind.where(f"ORDER BY {', '.join(kind.key)}"))
            ]
            for kind in KINDS
        }
    for state in found[STATE.table]:
        state[STATE.columns.index("witness")] = ""
    return found


HEAD = [STATE.columns.index(name) for name in ("last_us", "audit_head")]


def without_head(rows: Rows) -> Rows:
    """Return rows without what every event changes in the store's own."""
    (state,) = rows[STATE.table]
    return rows | {STATE.table: [["" if n in HEAD else it for n, it in enumerate(state)]]}


def without_event(rows: Rows) -> Rows:
    """Return the rows of a store that was moved, without the event of its move."""
    *events, event = rows[OUTBOX.table]
    assert "store_moved" in str(event)
    (state,) = rows[STATE.table]
    before = [*state]
    for name in ("next_seq", "audit_position"):
        before[STATE.columns.index(name)] -= 1
    return without_head(rows | {OUTBOX.table: events, STATE.table: [before]})


def assert_both_say_so(places: Places) -> None:
    """Check that both places end with the same event, which goes on from the chain before."""
    here, there = (_last_event(place) for place in (places.source, places.target))
    assert here == there
    event = json.loads(there[2])
    assert (event["kind"], event["actor"]) == ("store_moved", "ana")
    assert json.loads(event["details"]) == {"target": places.target.full_name}
    (before,), (after,) = places.rows[STATE.table], rows_of(places.target)[STATE.table]
    head = STATE.columns.index("audit_head")
    assert (event["previous_hash"], event["hash"]) == (before[head], after[head])
    typed = {"kind": AuditKind(event["kind"]), "recorded_at": instant_at(event["recorded_at"])}
    link = AuditEvent(**event | typed)
    assert audit_hash(link) == link.hash


def _last_event(place: StorePlace) -> list[Any]:
    """Return the newest event, also of a place that the store has left."""
    backend = place.admin.sole_backend()
    try:
        backend.begin()
        (state,) = backend.find(THE_STATE)
        event = backend.get(OUTBOX, state.next_seq - 1)
        assert event is not None
        return [*OUTBOX.stored(event)]
    finally:
        backend.roll_back()
        backend.close()


def is_usable(place: StorePlace) -> bool:
    """Return whether calls may be made with a store; one that is new and empty is none."""
    if not place.exists:
        return False
    try:
        with closing(open_store(place)) as store:
            return store.run(lambda unit: unit.state.next_seq) > 1
    except StoreMoved:
        return False


def move(source: Any, target: Any) -> MoveSummary:
    return move_store(source, target, Mover("ana", CLOCK), page=PAGE)


@dataclass
class Places:
    """A store that is full, and a place where nothing is.

    Attributes:
        rows: Those of the store.
    """

    source: StorePlace
    target: StorePlace
    rows: Rows = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = fill(self.source)

    def let_go(self) -> None:
        """Close what this process has open of both, as a command that has ended does."""
        for place in (self.source, self.target):
            place.admin.let_go()

    def move(self) -> MoveSummary:
        self.let_go()
        return move(self.source, self.target)

    def turn(self) -> None:
        """Let the target be the source, with what it has now."""
        self.source, self.target = self.target, self.source
        self.rows = rows_of(self.source)

    def assert_moved(self) -> None:
        assert without_event(rows_of(self.target)) == without_head(self.rows)
        assert not is_usable(self.source)
        assert is_usable(self.target)


class Wrapped:
    """A place whose backends do something before each of their calls."""

    def __init__(self, place: StorePlace, before: Callable[[str], None]) -> None:
        self.place = place
        self.before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self.place, name)

    @property
    def admin(self) -> Any:
        return self

    def sole_backend(self) -> Any:
        self.before("open")
        return WrappedBackend(self.place.admin.sole_backend(), self.before)


class WrappedBackend:
    def __init__(self, backend: Backend, before: Callable[[str], None]) -> None:
        self.backend = backend
        self.before = before

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.backend, name)
        if not callable(value):
            return value

        def call(*args: Any, **more: Any) -> Any:
            self.before(name)
            return value(*args, **more)

        return call


def kill_at(step: int, source: StorePlace, target: StorePlace) -> None:
    """Move in a child that is killed before its call of that number."""
    child = os.fork()
    if child == 0:
        calls: list[str] = []

        def before(name: str) -> None:
            calls.append(name)
            if len(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            move(Wrapped(source, before), Wrapped(target, before))
        finally:
            os._exit(9)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def steps_of_a_move(places: Places) -> list[int]:
    """Return the calls of a backend before which to die: all near its ends, some in the middle."""
    calls: list[str] = []
    places.let_go()
    move(Wrapped(places.source, calls.append), Wrapped(places.target, calls.append))
    count = len(calls)
    assert count > 3 * len(KINDS)
    return sorted({*range(1, 12), *range(12, count - 12, 11), *range(count - 12, count + 1)})
