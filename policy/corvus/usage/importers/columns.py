"""Where each field of a record stands in a file of any shape: by its own name, or a usual one.

What the user maps comes first, then the field's own name, then ``corvus.usage.importers.synonyms``.
Refuses to choose between two columns that both seem to be one count and differ. Nothing that looks
like usage is passed over in silence: what no field takes is named, and may make calls doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from corvus.base.errors import ImportRefused
from corvus.model.columns import STATED
from corvus.model.usage import CONTEXT, COUNTS
from corvus.usage.importers.importer import Object
from corvus.usage.importers.synonyms import (
    CURRENCY,
    DETAILS,
    EXACT,
    STATING,
    TOTAL_TOKENS,
    WRITTEN_TOKENS,
    Place,
    is_part_of_cost,
    looks_like_usage,
    names_of,
    spelling,
)

_STATED = tuple(column.name for column in STATED)
REQUIRED = ("timestamp", "model", "input_tokens", "output_tokens")
_LAST = ("service_tier", "outcome", "provider_request_id", "calls")
_UNMAPPED = ("import_key", "admitted_at", "requested_model", "tags")
OPTIONAL = (
    "id",
    *(name for name in _STATED if name not in {*REQUIRED, *_UNMAPPED, *_LAST}),
    "cost_usd",
    "estimated_cost_usd",
    *_LAST,
)
FIELDS = (*REQUIRED, *OPTIONAL)
"""What a user may map to a column."""
OWN = ("is_fork", "is_free", "at_least", "unknown_cost", "states_modalities", "tags")
"""What only readers of this package state: whether a call is of a fork, is known to be free, has a
cost that is too low or must not be computed, says of which modality its tokens are, its tags."""
HELPERS = (TOTAL_TOKENS, WRITTEN_TOKENS, CURRENCY)
"""What is read to understand the other fields."""
READ = (*FIELDS, *OWN, *HELPERS)
"""Every field, in the order in which a statement reads them."""

TAG = "tags."
_DEPTH_MAX = 6
_SHOWN = 40


class Doubtful(NamedTuple):
    """A column that looks like usage and that no field takes.

    Attributes:
        twin: The field that another column of the same meaning stands for.
    """

    place: Place
    twin: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field stands in a file.

    Attributes:
        places: By field of ``READ``; a field that is absent stands under its own name.
        tags: By name of the tag.
        doubtful: Columns that look like usage, and that no field takes.
        stating: Columns that say of which modality tokens are.
        includes: Whether counts of input and of output include their parts, as far as the names of
            the columns say so.
        unused: Names of the other columns that nothing reads.
    """

    places: Mapping[str, Place] = field(default_factory=dict[str, Place])
    tags: Mapping[str, Place] = field(default_factory=dict[str, Place])
    doubtful: tuple[Doubtful, ...] = ()
    stating: tuple[Place, ...] = ()
    includes: tuple[bool | None, bool | None] = (False, False)
    unused: tuple[str, ...] = ()

    def paths(self) -> list[str]:
        """Return a JSON path for each field of ``READ``, then for each tag."""
        places = [self.places.get(name, (name,)) for name in READ]
        return [path_of(place) for place in (*places, *self.tags.values())]

    def used(self) -> dict[str, str]:
        """Return the column of each field that a column was found for."""
        found = {name: shown(place) for name, place in self.places.items()}
        return found | {f"{TAG}{name}": shown(place) for name, place in self.tags.items()}


def path_of(place: Place) -> str:
    """Return the JSON path of a place."""
    names = (name.replace("\\", "\\\\").replace('"', '\\"') for name in place)
    return "$" + "".join(f'."{name}"' for name in names)


def shown(place: Place) -> str:
    """Return a place as the user writes it."""
    return ".".join(place)


def check_fields(columns: Mapping[str, str]) -> None:
    """Check the fields of a map as the user wrote it.

    Raises:
        ImportRefused: One does not exist.
    """
    for name in columns:
        if name not in FIELDS and (not name.startswith(TAG) or name == TAG):
            shown_name = TAG if name == TAG else name
            raise ImportRefused(
                f"--map {shown_name}=…: no such field; choose from {', '.join(FIELDS)} or tags.NAME"
            )


def covers_required(columns: AbstractSet[str]) -> bool:
    """Return whether a table with these columns has all that a call needs."""
    named = {spelling((column,)) for column in columns}
    return all(not named.isdisjoint(names_of(name)) for name in REQUIRED)


def places_of(record: Object, above: Place = ()) -> Iterator[tuple[Place, object]]:
    """Yield the places of a record and their values, without what stands in lists."""
    for name, value in record.items():
        place = (*above, name)
        if isinstance(value, dict) and value and len(place) < _DEPTH_MAX:
            yield from places_of(cast("Object", value), place)
        else:
            yield place, value


def resolve(
    samples: Sequence[Object], columns: Mapping[str, str], *, has: Iterable[Place] = ()
) -> ColumnMap:
    """Find the columns of a file.

    Args:
        samples: Some of its records.
        columns: What the user maps: field or tag to column or dotted path.
        has: Places that stand only in records that are no samples.

    Raises:
        ImportRefused: A field that every call needs, or a column that the user names, is missing,
            or two columns seem to be one field and differ; names the columns that are there.
    """
    return _Resolution(samples, columns, tuple(has)).resolve()


class _Resolution:
    """The columns of one file."""

    def __init__(
        self, samples: Sequence[Object], columns: Mapping[str, str], has: tuple[Place, ...]
    ) -> None:
        self._samples = [dict(places_of(record)) for record in samples]
        self._tops = list(dict.fromkeys(name for record in samples for name in record))
        self._objects = {name for record in samples for name, value in record.items() if value}
        seen = [place for sample in self._samples for place in sample]
        self._places = list(dict.fromkeys((*seen, *has)))
        self._mapped = columns
        self._by_spelling: dict[str, list[Place]] = {}
        for place in self._places:
            self._by_spelling.setdefault(spelling(place), []).append(place)

    def resolve(self) -> ColumnMap:
        tags = {
            name.removeprefix(TAG): self._named(name, column)
            for name, column in self._mapped.items()
            if name.startswith(TAG)
        }
        places = {
            name: self._named(name, column)
            for name, column in self._mapped.items()
            if not name.startswith(TAG)
        }
        for name in (*FIELDS, *HELPERS):
            if name not in places and (place := self._found(name, places)) is not None:
                places[name] = place
        for name in REQUIRED:
            if name not in places:
                raise self._missing(name, name)
        taken = {*places.values(), *tags.values()}
        rest = [place for place in self._places if place not in taken]
        doubtful = tuple(self._doubtful(rest, places))
        doubted = {one.place for one in doubtful}
        stating = tuple(place for place in self._places if spelling(place) in STATING)
        own = {(name,) for name in OWN} | {place for place in rest if place[0] == "tags"}
        unused = [place for place in rest if place not in doubted and place not in own]
        return ColumnMap(
            places,
            tags,
            doubtful,
            stating,
            _includes(places),
            tuple(dict.fromkeys(shown(place) for place in unused)),
        )

    def _named(self, name: str, column: str) -> Place:
        """Return the place that the user names: a column of that literal name, or a path."""
        for place in ((column,), tuple(column.split("."))):
            if place in self._places or any(one[: len(place)] == place for one in self._places):
                return place
        raise self._missing(name, column)

    def _found(self, name: str, places: Mapping[str, Place]) -> Place | None:
        """Return the place of a field by its own name, or by a usual one."""
        taken = set(places.values())
        found = [
            place
            for one in names_of(name)
            for place in self._by_spelling.get(one, ())
            if place not in taken
        ]
        own = [place for place in found if place == (name,)]
        if not found or own:
            return own[0] if own else None
        first, *others = found
        if name in EXACT:
            for other in others:
                if self._differ(first, other):
                    raise ImportRefused(
                        f"both {shown(first)!r} and {shown(other)!r} may be {name}, and they "
                        f"differ; say which one it is with --map {name}=COLUMN"
                    )
        return first

    def _differ(self, one: Place, other: Place) -> bool:
        return any(
            sample[one] != sample[other]
            for sample in self._samples
            if sample.get(one) not in (None, "") and sample.get(other) not in (None, "")
        )

    def _doubtful(self, rest: Iterable[Place], places: Mapping[str, Place]) -> Iterator[Doubtful]:
        fields = {one: name for name in EXACT for one in names_of(name)}
        for place in rest:
            if not looks_like_usage(place) or place[0] == "tags" or (place[0] in OWN):
                continue
            twin = fields.get(spelling(place))
            if twin is not None and twin in self._mapped:
                continue  # the user has chosen
            if twin not in places and "cost_usd" in places and is_part_of_cost(place):
                continue
            yield Doubtful(place, twin if twin in places else None)

    def _missing(self, name: str, column: str) -> ImportRefused:
        return ImportRefused(
            f"no column {column!r} for {name}; the columns are {', '.join(self._tops[:_SHOWN])}. "
            f"Say which one it is with --map {name}=COLUMN"
        )


def _includes(places: Mapping[str, Place]) -> tuple[bool | None, bool | None]:
    """Return whether input and output include their parts, as far as names say so."""
    written = ("output_", "reasoning_")
    context = {*CONTEXT, WRITTEN_TOKENS} - {"input_tokens"}
    answer = {name for name in COUNTS if name.startswith(written)} - {"output_tokens"}
    return (
        _side("input_tokens", context & places.keys(), places),
        _side("output_tokens", answer & places.keys(), places),
    )


def _side(whole: str, parts: AbstractSet[str], places: Mapping[str, Place]) -> bool | None:
    found = {name: spelling(places[name]) for name in parts}
    is_own = all(places[name] == (name,) for name in parts)
    if not parts or (is_own and places[whole] == (whole,)):
        return False  # the generic format itself, whose counts are disjoint
    if all(name.startswith(DETAILS) for name in found.values()):
        return True
    # Anthropic's own names: what is cached is not in the input.
    anthropic = ("cachereadinputtokens", "cachecreationinputtokens", "ephemeral", "cachecreation.")
    is_anthropic = all(name.startswith(anthropic) for name in found.values())
    return False if is_anthropic and spelling(places[whole]) == "inputtokens" else None
