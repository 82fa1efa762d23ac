"""What all taps share: bytes go through, and what they say about usage is kept aside (PRX-2).

A tap belongs to one answer of one endpoint. It is chosen by the endpoint that was called, never by
looking at the bytes: events of an unknown kind may carry counts that mean something else. Whatever
the bytes are, a tap does not raise; what it cannot read leaves the usage unknown, never 0.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from corvus.metering.facts import (
    Json,
    Unusable,
    as_object,
    decode,
    object_text_at,
    text_or_none,
)
from corvus.metering.sse import LIMIT_BYTES, EventBlocks, data_of, events
from corvus.metering.stated_cost import StatedCost, names_cost_twice, stated_cost
from corvus.metering.text import WHOLE_BODY, RelayedText
from corvus.metering.usage import MeteredUsage, ProviderError, add_usage
from corvus.model.usage import Usage, UsagePart


class Tap(ABC):
    """One answer on its way from the provider to the client.

    Attributes:
        usage: What the provider has reported so far; ``None`` when nothing.
        error: The error that it reported, if any.
        stated_cost: What the provider says that the call costs; the last figure counts (PRC-9).
        reads_text: Nothing but text can have been read, as far as its request shows.
        writes_text: Nor can anything else have been written.
        is_settled: Nothing more will be reported: settle now, and do not wait for the end of the
            body, which clients often do not read.
        has_overflowed: Something was too long to be read.
        is_unreadable: Something came that cannot be trusted, and nothing after it was read.
    """

    output_text: ClassVar[re.Pattern[bytes]]
    """Finds the pieces of text that the model wrote, as the first group."""

    has_output: ClassVar[bool] = True
    """Whether a model writes the answer; vectors are none."""

    costs_hold: ClassVar[bool] = False
    """Whether nothing but the hold bounds an answer whose usage is not known, such as a picture."""
    takes_events = True
    """Whether an event of ours may be put into what is relayed."""

    def __init__(self) -> None:
        self.usage: MeteredUsage | None = None
        self.error: ProviderError | None = None
        self.stated_cost: StatedCost | None = None
        self.reads_text = self.writes_text = False
        self.is_settled = False
        self.has_overflowed = False
        self.is_unreadable = False
        self._is_doubtful = False
        self._text = RelayedText(self.output_text)
        self._headers: Mapping[str, str] = {}

    def take_head(self, headers: Mapping[str, str]) -> None:
        """Take the head of the answer, where some APIs say what was used.

        Args:
            headers: By name in lower case.
        """
        self._headers = headers

    @abstractmethod
    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""

    @abstractmethod
    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""

    @property
    def usage_unknown(self) -> bool:
        """Whether the final counts are missing, so that an estimate must stand in."""
        return self.usage is None or self.usage.is_partial

    @property
    def output_bytes_relayed(self) -> int:
        """Bytes of text that the model wrote and that were relayed, as JSON has them.

        The framing of events is not in it; a body in one piece counts whole.
        """
        return self._text.bytes_seen

    def usage_or_estimate(self, *, model: str, input_tokens: int) -> MeteredUsage:
        """Return the reported usage, or else an upper bound marked as estimated (PRC-7).

        Args:
            model: The model of the request; it stands in for one that the answer does not name.
            input_tokens: What the request was taken to read, for an answer that does not say.
        """
        reported = self.usage
        if reported is not None and not reported.is_partial:
            return reported
        output = self._text.token_bound
        if reported is None:
            usage = Usage(input_tokens=input_tokens, output_tokens=output)
            is_text = self.reads_text and self.writes_text
            part = UsagePart(model, usage, states_modalities=is_text)
            return MeteredUsage((part,), is_estimated=True)
        first = reported.parts[0]
        written = first.usage.total_tokens - first.usage.context_tokens
        missing = max(0, output - written)
        read = 0 if first.usage.context_tokens else input_tokens
        usage = add_usage(first.usage, Usage(input_tokens=read, output_tokens=missing))
        part = replace(first, model=first.model or model, usage=usage)
        return replace(
            reported, parts=(part, *reported.parts[1:]), is_partial=False, is_estimated=True
        )

    def _read_safely(self, data: bytes) -> Json | None:
        """Hand a JSON object to ``read``; return it, or ``None`` when it is none.

        What comes after the final usage is not read: whether it came with it or later must make no
        difference, for the call is settled by then.
        """
        message, is_doubtful = decode(data)
        if message is None or self.is_settled:
            return message
        before, usage = self.stated_cost, self.usage
        try:
            self.read(message)
        except Unusable:
            self.usage = None
        self._is_doubtful |= is_doubtful and self.usage is not usage
        if self._is_doubtful and self.usage is not None:
            self.usage = replace(self.usage, is_estimated=True)
        stated = self.stated_cost
        if stated is not before and stated is not None and names_cost_twice(data):
            self.stated_cost = StatedCost(stated.field, None, "named twice")
        return message

    def take_cost(self, counts: Json) -> None:
        """Take the cost that a usage object states, if it states any."""
        self.stated_cost = stated_cost(counts) or self.stated_cost

    @abstractmethod
    def read(self, message: Json) -> None:
        """Take one JSON object of the answer.

        Raises:
            Unusable: It has counts that are none.
        """


class StreamTap(Tap):
    """An answer in server-sent events.

    Args:
        drops_usage_chunk: Leave out the events that ``is_surplus`` names. Bytes of an event are
            then relayed only when it is complete.
        limit_bytes: Longest event that is read.
    """

    interesting: ClassVar[re.Pattern[bytes]]
    """What an event must contain to be decoded."""

    def __init__(self, *, drops_usage_chunk: bool = False, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._blocks = EventBlocks(limit_bytes)
        self._drops = drops_usage_chunk

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        unread, block = self._blocks.feed(chunk)
        if unread:
            self.has_overflowed = True
            self._text.add(unread)
        kept = self._pass(block) if block else block
        return unread + kept if self._drops else chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        block = self._blocks.finish()
        kept = self._pass(block) if block else block
        return kept if self._drops else b""

    @staticmethod
    @abstractmethod
    def may_matter(block: bytes) -> bool:
        """Return whether a block may hold an interesting event; far cheaper than the pattern."""

    def is_surplus(self, message: Json) -> bool:
        """Return whether an event is there only because the gateway requested it."""
        return False

    def on_done(self) -> None:
        """Take the ``[DONE]`` that some providers end a stream with."""

    def _pass(self, block: bytes) -> bytes:
        """Read the events of a block that matter, and return the block without surplus ones."""
        self._text.add(block)
        if not self.may_matter(block):
            return block
        kept: list[bytes] = []
        start = 0
        for event in events(block):
            if self.interesting.search(block, event.start, event.end) is None:
                continue
            data = data_of(block[event.start : event.end])
            if data.strip() == b"[DONE]":
                self.on_done()
                continue
            message = self._read_safely(data)
            if self._drops and message is not None and self.is_surplus(message):
                kept.append(block[start : event.start])
                start = event.end
        if not start:
            return block
        return b"".join([*kept, block[start:]])


class BodyTap(Tap):
    """An answer in one JSON body, which as a whole stands for the text that the model wrote.

    Of a body that is longer than ``limit_bytes``, such as one with vectors, pictures or sound, both
    ends are read: what a vendor says about usage stands there, and what looks like it is it, for in
    texts every quotation mark is escaped.
    """

    output_text = WHOLE_BODY
    usage_member: ClassVar[str] = "usage"
    """Under which name an answer has its usage."""

    kept_members: ClassVar[tuple[str, ...]] = ("model", "service_tier")
    """Texts of the answer that say how its usage is priced."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._body = bytearray()
        self._head = self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        if len(self._body) + len(chunk) > self._limit_bytes:
            self.has_overflowed = True
        if self.has_overflowed:
            more = bytes(self._body) + chunk
            self._head = self._head or more[:_ENDS_BYTES]
            self._tail = (self._tail + more)[-_ENDS_BYTES:]
            self._text.add(more)
            self._body.clear()
        else:
            self._body += chunk
        return chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        body = bytes(self._body)
        self._body.clear()
        self._text.add(body)
        if self.has_overflowed:
            self._read_ends()
        elif body:  # nothing is left when it has ended already
            self._read_safely(body)
        self.is_settled = not self.usage_unknown
        return b""

    def _read_ends(self) -> None:
        head, tail = (end.decode(errors="replace") for end in (self._head, self._tail))
        self._head = self._tail = b""
        kept = [f'"{name}":{_string_under(name, (head, tail))},' for name in self.kept_members]
        start = re.compile(rf'"{self.usage_member}"\s*:\s*(?=\{{)')
        for end in (tail, head):
            for found in reversed([*start.finditer(end)]):
                if (usage := object_text_at(end, found.end())) is not None:
                    self._read_safely(f'{{{"".join(kept)}"{self.usage_member}":{usage}}}'.encode())
                    if self.usage is not None:
                        return


_ENDS_BYTES = 16 * 1024


def _string_under(name: str, ends: Iterable[str]) -> str:
    """Return the JSON of the first text under a name; ``null`` where there is none."""
    found = (re.search(rf'"{name}"\s*:\s*("(?:[^"\\]|\\.)*")', end) for end in ends)
    return next((one[1] for one in found if one), "null")


def error_of(message: Json) -> ProviderError | None:
    """Return the error that a message reports under ``error``, in any of the usual forms."""
    value: object = message.get("error")
    if isinstance(value, str) and value:
        return ProviderError("", value)
    error = as_object(value)
    if error is None:
        return None
    kind = text_or_none(error, "type") or text_or_none(error, "code") or ""
    return ProviderError(kind, text_or_none(error, "message") or "")
