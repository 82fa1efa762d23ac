"""What all taps share: bytes go through, and what they say about usage is kept aside (PRX-2).

A tap belongs to one answer of one endpoint. It is chosen by the endpoint that was called, never by
looking at the bytes: events of an unknown kind may carry counts that mean something else. Whatever
the bytes are, a tap does not raise; what it cannot read leaves the usage unknown, never 0.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import ClassVar

from corvus.metering.facts import Json, Unusable, as_object, json_object, text_or_none
from corvus.metering.sse import LIMIT_BYTES, EventBlocks, data_of, events
from corvus.metering.text import WHOLE_BODY, RelayedText
from corvus.metering.usage import MeteredUsage, ProviderError, add_usage
from corvus.model.usage import Usage, UsagePart


class Tap(ABC):
    """One answer on its way from the provider to the client.

    Attributes:
        usage: What the provider has reported so far; ``None`` when nothing.
        error: The error that it reported, if any.
        is_settled: Nothing more will be reported: settle now, and do not wait for the end of the
            body, which clients often do not read.
        has_overflowed: Something was too long to be read.
    """

    output_text: ClassVar[re.Pattern[bytes]]
    """Finds the pieces of text that the model wrote, as the first group."""

    def __init__(self) -> None:
        self.usage: MeteredUsage | None = None
        self.error: ProviderError | None = None
        self.is_settled = False
        self.has_overflowed = False
        self._text = RelayedText(self.output_text)

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
            part = UsagePart(model, Usage(input_tokens=input_tokens, output_tokens=output))
            return MeteredUsage((part,), is_estimated=True)
        first = reported.parts[0]
        missing = max(0, output - first.usage.output_tokens - first.usage.reasoning_tokens)
        read = 0 if first.usage.context_tokens else input_tokens
        usage = add_usage(first.usage, Usage(input_tokens=read, output_tokens=missing))
        part = UsagePart(first.model or model, usage, first.service_tier, first.inference_geo)
        return MeteredUsage((part, *reported.parts[1:]), is_estimated=True)

    def _read_safely(self, data: bytes) -> Json | None:
        """Hand a JSON object to ``read``; return it, or ``None`` when it is none.

        What comes after the final usage is not read: whether it came with it or later must make no
        difference, for the call is settled by then.
        """
        message = json_object(data)
        if message is None or self.is_settled:
            return message
        try:
            self.read(message)
        except Unusable:
            self.usage = None
        return message

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
    """An answer in one JSON body, which as a whole stands for the text that the model wrote."""

    output_text = WHOLE_BODY

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._body = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay."""
        if len(self._body) + len(chunk) > self._limit_bytes:
            self.has_overflowed = True
        if self.has_overflowed:
            self._text.add(bytes(self._body) + chunk)
            self._body.clear()
        else:
            self._body += chunk
        return chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not, and return the bytes still to relay."""
        body = bytes(self._body)
        self._body.clear()
        self._text.add(body)
        if body and not self.has_overflowed:  # nothing is left when it has ended already
            self._read_safely(body)
        self.is_settled = not self.usage_unknown
        return b""


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
