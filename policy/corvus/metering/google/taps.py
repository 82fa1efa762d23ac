"""Reads the answers of Google's models, in whatever form they come (PRX-3).

- Each piece of a stream repeats the usage so far: the largest of each count holds, and counts that
  a piece leaves out stay as they were. Nothing marks the last piece, and older models say in each
  that it is finished, so a stream is settled at its end, clean or not.
- An answer that was begun and has no ``finishReason`` is not over: its counts are partial. A prompt
  that was blocked has no answer, and is paid for.
- Without ``alt=sse`` a stream is one JSON array. The first byte tells the two apart: no event
  begins with a bracket.
- Searches are billed by the query from Gemini 3 on, by the answer before; queries that repeat or
  are empty are free. What else an answer is grounded in, such as maps or a store of the customer's,
  has a price in no book: a lower bound.
- Vectors may come without usage.

Source:
    ai.google.dev/gemini-api/docs ("Grounding with Google Search", pricing) and google-genai 3.6,
    ``types.GenerateContentResponse``, ``types.GroundingMetadata``, read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, cast

from corvus.metering.facts import Json, as_object, grown, member, objects, text_or_none
from corvus.metering.google.arrays import ArrayElements
from corvus.metering.google.counts import CACHED, GeminiCounts, read_gemini, tier_of_traffic
from corvus.metering.models import bare
from corvus.metering.sse import LIMIT_BYTES, EventBlocks, data_of, events
from corvus.metering.tap import BodyTap, Tap
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage, ProviderError, add_usage
from corvus.model.usage import Usage, UsagePart

_USAGE = "usageMetadata"
_OUTPUT = string_of("text", "code", "output", "name")
_NO_OUTPUT = re.compile(rb"(?!)()")
_SPACE = b" \t\r\n\xef\xbb\xbf"
_QUERIES = ("webSearchQueries", "imageSearchQueries")
_QUERIES_MAX = 1_000
_CANDIDATES_MAX = 100
_VECTORS_MAX_BYTES = 32 * 1024
_BY_ANSWER = re.compile(r"gemini-(?:1|2)\.")
"""Models whose searches are billed once for each answer."""

_UNPRICED_CHUNKS = ("maps", "retrievedContext")


class _Answer:
    """What the pieces of one answer have said so far."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] = {}
        self._model: str | None = None
        self._queries: set[str] = set()
        self._is_grounded = self._is_at_least = False
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._is_blocked = False

    def take(self, message: Json) -> None:
        """Take one piece, or the whole answer."""
        self._model = text_or_none(message, "modelVersion") or self._model
        self._is_blocked |= "blockReason" in member(message, "promptFeedback")
        counts = member(message, _USAGE)
        self.counts = grown(self.counts, counts)
        if counts.get(CACHED) is not None:  # a discount: the last word on it counts
            self.counts[CACHED] = counts[CACHED]
        for place, candidate in enumerate(objects(message, "candidates")[:_CANDIDATES_MAX]):
            index = candidate.get("index", place)
            self._take_candidate(index if isinstance(index, int) else place, candidate)

    def unread(self) -> None:
        """Note that a piece was too long to be read: what it was grounded in is not known."""
        self._is_at_least = True

    def metered(self, tap: Tap, *, has_ended: bool) -> MeteredUsage | None:
        """Return what was used.

        Args:
            tap: Of the answer: what can have been read and written.
            has_ended: Whether there is no more to come than what was taken.

        Raises:
            Unusable: A count is none.
        """
        if not self.counts:
            return None
        found = read_gemini(self.counts)
        tier, states_tier = tier_of_traffic(self.counts)
        part = UsagePart(
            self._model,
            add_usage(found.usage, Usage(web_search_requests=self._searches)),
            tier,
            states_modalities=(found.states_input or tap.reads_text)
            and (found.states_output or tap.writes_text),
        )
        return MeteredUsage(
            (part,),
            is_partial=not self._is_whole(found, has_ended=has_ended),
            is_estimated=found.is_estimated,
            is_at_least=self._is_at_least,
            states_tier=states_tier,
        )

    def _is_whole(self, found: GeminiCounts, *, has_ended: bool) -> bool:
        if not found.says_read:
            return False
        is_finished = bool(self._finished) and self._open <= self._finished
        return is_finished or self._is_blocked or (has_ended and found.says_written)

    @property
    def _searches(self) -> int:
        is_once = self._model is not None and _BY_ANSWER.match(bare(self._model))
        if is_once:
            return int(bool(self._queries) or self._is_grounded)
        return len(self._queries) or int(self._is_grounded)

    def _take_candidate(self, index: int, candidate: Json) -> None:
        self._open.add(index)
        if candidate.get("finishReason"):  # a word, or its number
            self._finished.add(index)
        grounding = member(candidate, "groundingMetadata")
        for name in _QUERIES:
            self._queries.update(_queries(grounding, name))
        if len(self._queries) > _QUERIES_MAX:
            self._queries = set(sorted(self._queries)[:_QUERIES_MAX])
            self._is_at_least = True
        chunks = objects(grounding, "groundingChunks")
        self._is_grounded |= any("web" in chunk or "image" in chunk for chunk in chunks)
        self._is_at_least |= bool(grounding.get("retrievalQueries")) or any(
            name in chunk for chunk in chunks for name in _UNPRICED_CHUNKS
        )


class GenerateBodyTap(BodyTap):
    """``:generateContent``, whose answer comes in one body."""

    usage_member: ClassVar[str] = _USAGE
    kept_members: ClassVar[tuple[str, ...]] = ("modelVersion",)

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = google_error_of(message)
        answer = _Answer()
        answer.take(message)
        if self.has_overflowed:
            answer.unread()
        self.usage = answer.metered(self, has_ended=True)


class EmbedTap(BodyTap):
    """``:embedContent`` and ``:batchEmbedContents``; of long vectors only both ends are read."""

    output_text = _NO_OUTPUT
    has_output = False
    usage_member: ClassVar[str] = _USAGE
    kept_members: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__(limit_bytes=_VECTORS_MAX_BYTES)

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = google_error_of(message)
        counts = member(message, _USAGE)
        if not counts:
            return
        found = read_gemini(counts)
        tier, states_tier = tier_of_traffic(counts)
        states = found.states_input or self.reads_text
        part = UsagePart(None, found.usage, tier, states_modalities=states)
        self.usage = MeteredUsage(
            (part,),
            is_partial=not found.says_read,
            is_estimated=found.is_estimated,
            states_tier=states_tier,
        )


class GenerateStreamTap(Tap):
    """``:streamGenerateContent``: events, or the elements of one array.

    Args:
        limit_bytes: Longest event or element that is read.
    """

    output_text = _OUTPUT

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._cutter: _Events | _Elements | None = None
        self._answer = _Answer()
        self._has_ended = False

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay: all of them."""
        if self._cutter is None:
            first = chunk.lstrip(_SPACE)[:1]
            if not first:
                return chunk
            kind = _Elements if first in b"[{" else _Events
            self._cutter = kind(self._limit_bytes)
            self.takes_events = kind is _Events
        self._take(self._cutter, self._cutter.feed(chunk))
        return chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not; nothing is held back."""
        if self._cutter is not None and not self._has_ended:
            self._take(self._cutter, self._cutter.finish())
        self._has_ended = True
        self.is_settled = self.is_settled or not self.usage_unknown
        return b""

    def read(self, message: Json) -> None:
        """Take one piece of the answer."""
        self.error = google_error_of(message) or self.error
        self._answer.take(message)
        self.usage = self._answer.metered(self, has_ended=False)

    def _take(self, cutter: _Events | _Elements, pieces: Iterable[_Piece]) -> None:
        for text, data in pieces:
            self._text.add(text)
            if data:
                self._read_safely(data)
        if cutter.has_overflowed and not self.has_overflowed:
            self.has_overflowed = True
            self._answer.unread()


_Piece = tuple[bytes, bytes]
"""Text that was relayed, and the JSON in it; empty where it has none."""


class _Events:
    """Cuts a stream of events into pieces."""

    def __init__(self, limit_bytes: int) -> None:
        self._blocks = EventBlocks(limit_bytes)

    @property
    def has_overflowed(self) -> bool:
        return self._blocks.has_overflowed

    def feed(self, chunk: bytes) -> Iterator[_Piece]:
        unread, block = self._blocks.feed(chunk)
        if unread:
            yield unread, b""
        yield from self._pieces(block)

    def finish(self) -> Iterator[_Piece]:
        return self._pieces(self._blocks.finish())

    def _pieces(self, block: bytes) -> Iterator[_Piece]:
        for event in events(block):
            text = block[event.start : event.end]
            yield text, data_of(text)


class _Elements:
    """Cuts a stream that is one array into pieces."""

    def __init__(self, limit_bytes: int) -> None:
        self._array = ArrayElements(limit_bytes)

    @property
    def has_overflowed(self) -> bool:
        return self._array.has_overflowed

    def feed(self, chunk: bytes) -> Iterator[_Piece]:
        return ((element, element) for element in self._array.feed(chunk))

    def finish(self) -> Iterator[_Piece]:
        left = self._array.finish()
        return iter([(left, b"")] if left else [])


def google_error_of(message: Json) -> ProviderError | None:
    """Return the error that an answer reports, by its word for the status."""
    error = as_object(message.get("error"))
    if error is None:
        return None
    return ProviderError(text_or_none(error, "status") or "", text_or_none(error, "message") or "")


def _queries(grounding: Json, name: str) -> Iterator[str]:
    """Yield the queries that are billed: those that say something."""
    found: object = grounding.get(name)
    for query in cast("list[object]", found) if isinstance(found, list) else ():
        if isinstance(query, str) and query.strip():
            yield f"{name}:{query}"
