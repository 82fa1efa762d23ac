"""What the attributes of a span state of tokens, and what about them cannot be known.

Two names of one count are never added: the preferred one counts, and if they contradict each other
the cost of the call is unknown. So it is where an attribute that is in no table may count what has
another price: cached tokens that are taken for plain input cost eight times as much
(langfuse/langfuse#12306).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from corvus.usage.importers.importer import Object, count_at
from corvus.usage.importers.reading.unread import doubt, whole
from corvus.usage.importers.telemetry.attributes import (
    Suspicion,
    field_of,
    preference,
    shown,
    suspicion,
)
from corvus.usage.importers.telemetry.shapes import Signal
from corvus.usage.importers.telemetry.spellings import MODALITIES, Field

_NOT_USED = {Field.TOTAL, Field.RESTATED, Field.UNCACHED}


@dataclass(slots=True)
class Stated:
    """What the attributes of a span state.

    Attributes:
        counts: Count by field. Of several names that of the preferred one that is not 0.
        is_apart: Whether cached tokens are known to stand next to the input.
        doubts: Sentences that say why the cost of the call is unknown.
        uncounted: Names in no table that count something; it has no price of its own.
    """

    counts: dict[Field, int] = field(default_factory=dict[Field, int])
    is_apart: bool = False
    doubts: list[str] = field(default_factory=list[str])
    uncounted: list[str] = field(default_factory=list[str])

    def of(self, name: Field) -> int:
        """Return a count; what is not stated is 0."""
        return self.counts.get(name, 0)

    @property
    def is_zero(self) -> bool:
        """Whether nothing was used, as far as is known."""
        return not any(count for name, count in self.counts.items() if name not in _NOT_USED)

    def notices(self) -> Iterator[str]:
        """Yield the sentences for the user."""
        yield from self.doubts
        for name in self.uncounted:
            yield f"{shown(name)} is in no table of names and was not counted"


def stated(signal: Signal) -> Stated:
    """Read the attributes of a span.

    Raises:
        BadRecord: A count is none.
    """
    found = Stated()
    named, others = _sorted_out(signal.attributes)
    values = {
        kind: _values(signal.attributes, sorted(names, key=preference) if names[1:] else names)
        for kind, names in named.items()
    }
    found.counts = {kind: _preferred(counts) for kind, counts in values.items() if counts}
    for kind, counts in values.items():
        if kind not in _NOT_USED and (pair := _contradiction(kind, counts, found)):
            found.doubts.append(_contradicting(*pair))
    for name in signal.doubled:
        if field_of(name) is not None:
            found.doubts.append(_contradicting(name, name))
    if others:
        _judge(others, signal.attributes, found)
    return found


def _sorted_out(attributes: Object) -> tuple[dict[Field, list[str]], list[str]]:
    """Return the known names by what they count, and those that may count something."""
    named: dict[Field, list[str]] = {}
    others: list[str] = []
    for name in attributes:
        kind = field_of(name)
        if kind is not None:
            named.setdefault(kind, []).append(name)
        elif suspicion(name) is not Suspicion.NONE:
            others.append(name)
    return named, others


def _values(attributes: Object, names: Sequence[str]) -> Mapping[str, int]:
    counts = {name: count_at(attributes, name) for name in names}
    return {name: count for name, count in counts.items() if count is not None}


def _preferred(counts: Mapping[str, int]) -> int:
    return next((count for count in counts.values() if count), 0)


def _contradiction(kind: Field, counts: Mapping[str, int], found: Stated) -> tuple[str, str] | None:
    """Return two names that state different counts; a whole may stand with and without its parts.

    Of such two the greater one is the whole.
    """
    first, *others = [name for name, count in counts.items() if count] or [""]
    for other in others:
        low, high = sorted((counts[first], counts[other]))
        if low == high:
            continue
        if high - low not in _parts(kind, found):
            return first, other
        found.counts[kind] = max(found.of(kind), high)
    return None


def _parts(kind: Field, found: Stated) -> set[int]:
    """Return what may be the difference between two counts of a whole."""
    if kind is Field.INPUT:
        read, put = found.of(Field.CACHE_READ), written(found)
        return {read, put, read + put} - {0}
    if kind is Field.OUTPUT:
        return {found.of(Field.REASONING), found.of(Field.THOUGHTS)} - {0}
    return set()


def _contradicting(first: str, second: str) -> str:
    both = f"{shown(first)} is stated twice, with other values"
    if first != second:
        both = f"{shown(first)} and {shown(second)} contradict each other"
    return f"{both}: the cost of these calls is unknown"


def _judge(others: Sequence[str], attributes: Object, found: Stated) -> None:
    """Look at attributes that are in no table; what repeats a known count is no news."""
    apart = {count for kind, count in found.counts.items() if _is_priced_apart(kind)}
    known = set(found.counts.values())
    for name in others:
        if not (count := whole(attributes[name])):
            continue
        suspected = suspicion(name)
        if suspected is Suspicion.PRICED_APART and count not in apart:
            found.doubts.append(doubt(name).text)
        elif suspected is Suspicion.COUNT and count not in known:
            found.uncounted.append(name)


def _is_priced_apart(kind: Field) -> bool:
    return "cache" in kind or kind is Field.UNCACHED or kind.startswith(MODALITIES[1:])


def written(found: Stated) -> int:
    """Return the tokens that were written to a cache, however long it holds."""
    parts = found.of(Field.CACHE_WRITE_5M) + found.of(Field.CACHE_WRITE_1H)
    return found.of(Field.CACHE_WRITE) or parts
