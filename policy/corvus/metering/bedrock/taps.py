"""Taps of Amazon Bedrock: Converse and models that are invoked directly, streamed or not (PRX-3).

A stream comes in binary messages, see ``corvus.metering.bedrock.eventstream``. What a model that is
invoked directly answers is in the words of its vendor: those of Anthropic are read as Messages are,
of all others Bedrock's own counts are, in the last event of a stream or in the headers of a body.
The model is the one of the path: what an answer calls it is a name of the vendor's, which may have
another price.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from corvus.metering.bedrock.eventstream import EventMessages, Message
from corvus.metering.bedrock.reported import (
    METRICS,
    converse_usage,
    header_counts,
    invocation_usage,
    served_tier,
)
from corvus.metering.facts import Json, as_object, json_object, text_or_none
from corvus.metering.providers.anthropic import MessagesBodyTap, MessagesStreamTap
from corvus.metering.tap import BodyTap, Tap
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage, ProviderError

_STOPPED = "guardrail_intervened"
_VECTORS = frozenset(("embedding", "embeddings", "embeddingsByType"))
_METRICS = METRICS.encode()
_BEGINNING = re.compile(rb'\s*\{\s*"bytes"\s*:\s*"([A-Za-z0-9+/=]*)"')


class EventStreamTap(Tap):
    """An answer in binary messages."""

    events: ClassVar[frozenset[str]]
    """Events whose payloads are read."""

    def __init__(self) -> None:
        super().__init__()
        self._messages = EventMessages()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes of the answer and return the bytes to relay, which are the same."""
        for message in self._messages.feed(chunk):
            self._take(message)
        self.is_unreadable = self._messages.is_broken
        return chunk

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not; there is nothing left to relay."""
        return b""

    def payload_of(self, message: Message) -> bytes:
        """Return the JSON that an event carries."""
        return message.payload

    def may_matter(self, payload: bytes) -> bool:
        """Return whether the JSON of such an event may say something of usage."""
        return True

    def _take(self, message: Message) -> None:
        if message.exception is not None:
            if not self.is_settled:
                self.error = _error_of(message)
            return
        payload = self.payload_of(message)
        self._text.add(payload)
        if message.event in self.events and self.may_matter(payload):
            self._read_safely(payload)


class ConverseStreamTap(EventStreamTap):
    """``POST /model/{model}/converse-stream``."""

    events = frozenset(("messageStop", "metadata"))
    output_text = string_of("text", "input", "name", "redactedContent", "bytes", "json")

    def __init__(self) -> None:
        super().__init__()
        self._was_stopped = False

    def read(self, message: Json) -> None:
        """Take the end of the message, or what is known of the call."""
        self._was_stopped |= message.get("stopReason") == _STOPPED
        counts = as_object(message.get("usage"))
        if counts:
            self.usage = converse_usage(
                counts,
                message,
                is_text=self.reads_text and self.writes_text,
                was_stopped=self._was_stopped,
            )
            self.is_settled = not self.usage_unknown


class ConverseBodyTap(BodyTap):
    """``POST /model/{model}/converse``."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        counts = as_object(message.get("usage"))
        if counts:
            self.usage = converse_usage(
                counts,
                message,
                is_text=self.reads_text and self.writes_text,
                was_stopped=message.get("stopReason") == _STOPPED,
            )
        else:
            self.error = _refusal(message)


class InvokeStreamTap(EventStreamTap):
    """``POST /model/{model}/invoke-with-response-stream``: events of a vendor in base64."""

    events = frozenset(("chunk",))
    output_text = string_of(
        "text",
        "thinking",
        "partial_json",
        "name",
        "data",
        "content",
        "generation",
        "outputText",
        "completion",
        "reasoning",
        "reasoning_content",
        "arguments",
        "input",
    )

    def __init__(self) -> None:
        super().__init__()
        self._inner = MessagesStreamTap()

    def payload_of(self, message: Message) -> bytes:
        """Return the event of the vendor; empty where there is none."""
        begun = _BEGINNING.match(message.payload)
        base64 = begun[1] if begun else _bytes_under(message.payload)
        try:
            return binascii.a2b_base64(base64)
        except binascii.Error:
            return b""

    def may_matter(self, payload: bytes) -> bool:
        """Return whether the event of a vendor is one that is read."""
        return _METRICS in payload or MessagesStreamTap.interesting.search(payload) is not None

    def read(self, message: Json) -> None:
        """Take one event of a vendor, and Bedrock's counts in the last one."""
        inner = self._inner
        inner.read(message)
        self.error = inner.error or self.error
        if inner.usage is not None:
            self.usage = _at_path(inner.usage, self._headers)
        metrics = as_object(message.get(METRICS))
        if metrics and self.usage_unknown:
            is_text = self.reads_text and self.writes_text
            found = invocation_usage(metrics, self._headers, is_text=is_text)
            self.usage = found or self.usage
        is_last = inner.is_settled or metrics is not None
        self.is_settled = is_last and not self.usage_unknown


class InvokeBodyTap(BodyTap):
    """``POST /model/{model}/invoke``: the counts of the whole answer come with its head."""

    def __init__(self) -> None:
        super().__init__()
        self._has_output = True

    def read(self, message: Json) -> None:
        """Take the whole answer, of which Anthropic's counts say more than the headers do."""
        self._has_output = message.keys().isdisjoint(_VECTORS)
        counts = as_object(message.get("usage"))
        if counts and counts.get("input_tokens") is not None:
            inner = MessagesBodyTap()
            inner.read(message)
            if inner.usage is not None:
                self.usage = _at_path(inner.usage, self._headers)
        elif text_or_none(message, "message"):
            self.error = _refusal(message)

    def finish(self) -> bytes:
        """Take the end of the answer, clean or not; there is nothing left to relay."""
        super().finish()
        if self.usage_unknown and (counted := header_counts(self._headers)):
            found = invocation_usage(
                counted,
                self._headers,
                is_text=self.reads_text and self.writes_text,
                has_output=self._has_output,
            )
            self.usage = found or self.usage
            self.is_settled = not self.usage_unknown
        return b""


def _at_path(usage: MeteredUsage, headers: Mapping[str, str]) -> MeteredUsage:
    """Return usage of Anthropic's words as that of the model that the path names."""
    tier, states_tier = served_tier(headers)
    own = usage.model
    parts = tuple(
        replace(
            part,
            model=None if part.model == own else part.model,
            service_tier=tier or part.service_tier,
            inference_geo=None,  # the price of an id is that of its region
        )
        for part in usage.parts
    )
    return replace(usage, parts=parts, states_tier=states_tier or usage.states_tier)


def _bytes_under(payload: bytes) -> bytes:
    found = json_object(payload)
    return (text_or_none(found, "bytes") or "").encode() if found else b""


def _error_of(message: Message) -> ProviderError:
    said = json_object(message.payload)
    text = text_or_none(said, "message") if said else message.headers.get(":error-message")
    return ProviderError(message.exception or "", text or "")


def _refusal(message: Json) -> ProviderError | None:
    text = text_or_none(message, "message") or text_or_none(message, "Message")
    return ProviderError(text_or_none(message, "__type") or "", text) if text else None
