"""Takes tokens of sound, pictures and video out of the counts that include them.

The kinds of a record are disjoint: a token of sound is not also one of text. Refuses to guess which
of several modalities was cached: such a call has no known cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from corvus.usage.importers.importer import BadRecord, Object, count_at

Parts = Mapping[str, int]
"""Tokens by modality, of those in ``MODALITIES``."""

_CACHED = ("audio", "image")
MODALITIES = (*_CACHED, "video")
_NOTHING: Parts = {}


@dataclass(frozen=True, slots=True)
class Split:
    """What is said of the modalities of a call.

    Attributes:
        read: Tokens of the input, cached ones included.
        cached: Those of ``read`` that were cached; ``None`` is not said.
        written: Tokens of the output.
        is_stated: Whether anything is said at all.
    """

    read: Parts = field(default_factory=lambda: _NOTHING)
    cached: Parts | None = None
    written: Parts = field(default_factory=lambda: _NOTHING)
    is_stated: bool = False

    def applied(self, counts: Mapping[str, object]) -> dict[str, object]:
        """Return the fields of a record, with a count for each modality that was used.

        Args:
            counts: Its disjoint counts, without modalities.

        Raises:
            BadRecord: A modality has more tokens than the count that includes it.
        """
        fields = {name: count for name, count in counts.items() if isinstance(count, int)}
        for kind in MODALITIES:
            cached = (self.cached or _NOTHING).get(kind, 0)
            _move(fields, "cache_read_tokens", f"cache_read_{kind}_tokens", cached)
            read = max(self.read.get(kind, 0) - cached, 0)
            _move(fields, "input_tokens", f"input_{kind}_tokens", read)
            _move(fields, "output_tokens", f"output_{kind}_tokens", self.written.get(kind, 0))
        is_mixed = any(self.read.values()) and bool(fields.get("cache_read_tokens"))
        found: dict[str, object] = {**counts, **fields, "states_modalities": self.is_stated}
        return {**found, "unknown_cost": True} if is_mixed and self.cached is None else found


def details_of(
    read: Object, cached: Object, written: Object, *, names: Mapping[str, str] | None = None
) -> Split:
    """Return what the details of OpenAI's form say: ``audio_tokens``, ``image_tokens``, ….

    Args:
        read: Details of the input.
        cached: Details of its cached tokens; empty where they are not said.
        written: Details of the output.
        names: The member that counts each modality; by default ``<modality>_tokens``.
    """
    by_kind = names or {kind: f"{kind}_tokens" for kind in MODALITIES}
    stated = [*by_kind.values(), "text_tokens"]
    return Split(
        parts_at(read, by_kind),
        parts_at(cached, by_kind) if cached else None,
        parts_at(written, by_kind),
        is_stated=states(read, stated) or states(written, stated),
    )


def parts_at(details: Object, names: Mapping[str, str]) -> Parts:
    """Return the tokens of each modality.

    Raises:
        BadRecord: A count is none.
    """
    found = {kind: count_at(details, name) for kind, name in names.items()}
    return {kind: count for kind, count in found.items() if count}


def states(details: Object, names: Iterable[str]) -> bool:
    """Return whether a count is stated; an empty cell of a table states none."""
    return any(count_at(details, name) is not None for name in names)


def _move(fields: dict[str, int], source: str, target: str, count: int) -> None:
    if not count:
        return
    if count > fields.get(source, 0):
        raise BadRecord("its parts are more than the count of tokens that includes them")
    fields[source] -= count
    fields[target] = count
