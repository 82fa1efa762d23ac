"""Reads the messages and tools of a Converse request, which name their parts by a member (PRC-7).

Amazon's Nova models take the same parts when they are invoked directly. A part that is not known
here, and whatever lies in S3, counts as input that is not in the request; films and sound in it
count as the longest that a model reads, for their size says nothing of their length.

Source:
    botocore 1.44, ``bedrock-runtime/2023-09-30/service-2.json`` (``ConverseRequest``), read
    2026-11-29; for films https://docs.aws.amazon.com/nova/latest/userguide/modalities-video.html
    ("Video tokens": at most 276,480), read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from corvus.metering.added_input import adds_input, is_given
from corvus.metering.bedrock.tiers import tier_stated
from corvus.metering.content import NODES_MAX, SEARCHES_MAX, Content
from corvus.metering.documents import Document, unread
from corvus.metering.members import (
    Malformed,
    begins_with,
    decoded,
    is_null,
    members_of,
    objects_of,
)
from corvus.metering.pictures import Picture
from corvus.prices.names import tier_of

EXTRA = "additionalModelRequestFields"
"""Member whose members a model reads in its own words."""

_FILM = Document(1, 276_480)
"""The longest film or sound that a model reads, in tokens."""

_TEXTS = frozenset(
    ("text", "toolUse", "reasoningContent", "citationsContent", "json", "toolRemoval", "error")
)
"""Parts whose bytes are what is read of them."""

_TEXT_FILES = frozenset(("csv", "html", "txt", "md"))
_MEMBERS = frozenset(
    (
        "messages",
        "system",
        "inferenceConfig",
        "toolConfig",
        "guardrailConfig",
        EXTRA,
        "promptVariables",
        "additionalModelResponseFieldPaths",
        "requestMetadata",
        "performanceConfig",
        "serviceTier",
        "outputConfig",
        "projectIdentifier",
    )
)
"""Members of a request; another one may add to its input."""

_PROMPT = re.compile(r"arn:[^/]*:prompt/")
_LONGEST_ANSWER = 131_072
"""Most that any model writes whose name is not known.

Source:
    The table of models of litellm 1.110.2, of Bedrock's but for those of xAI; read 2026-11-29.
"""

_BOUNDED_EFFORTS = (None, "low", "medium")
"""How much a model may think that still keeps to a maximum."""

_DEPTH_MAX = 8
"""How deep results of tools may stand in each other; the API has no such nesting."""


def converse_content(members: Mapping[str, Raw], model: str = "") -> Content:
    """Read a request.

    Args:
        members: Of its body.
        model: The model that its path names, or a prompt that the provider keeps: its text, its
            model and its maximum are not in the request, and no request may state another.

    Raises:
        Malformed: It has a shape that the API does not have, or too many parts.
    """
    walk = _Walk()
    walk.messages(members.get("messages"))
    walk.blocks(members.get("system"))
    walk.tools(members.get("toolConfig"))
    found = walk.found
    if _PROMPT.match(model):
        found.reads_more = found.is_open = True
        found.output_tokens = _LONGEST_ANSWER
    others = (text for name, text in members.items() if name not in _MEMBERS)
    found.reads_more |= is_given(members.get("promptVariables")) or any(map(is_given, others))
    if EXTRA in members:
        _take_extra(found, members[EXTRA])
    found.adds_hidden |= is_given(members.get("outputConfig"))
    found.bills_more |= is_given(members.get("guardrailConfig"))
    own = tier_stated(
        _inner_text(members, "serviceTier", "type"),
        _inner_text(members, "performanceConfig", "latency"),
    )
    found.tier = own or _tier_in_words_of_model(members)
    return found


def nova_content(members: Mapping[str, Raw]) -> Content:
    """Read a request to a model of Amazon's that is invoked directly.

    Raises:
        Malformed: It has a shape that the model does not read, or too many parts.
    """
    walk = _Walk()
    walk.messages(members.get("messages"))
    walk.blocks(members.get("system"))
    walk.tools(members.get("toolConfig"))
    return walk.found


class _Walk:
    """The parts of one request, each counted once."""

    def __init__(self) -> None:
        self.found = Content()
        self._left = NODES_MAX
        self._depth = 0

    def messages(self, text: Raw | None) -> None:
        """Take all messages."""
        role: str | None = None
        for message in self._list(text, "messages"):
            role = _text(message, "role")
            self.found.kinds.add(f"role:{role}")
            self.blocks(message.get("content"))
        if role is not None:
            self.found.kinds.add(f"last:{role}")

    def blocks(self, text: Raw | None) -> None:
        """Take a list of parts."""
        for block in self._list(text, "content"):
            for name, value in block.items():
                if not is_null(value):
                    self._part(name, value)

    def tools(self, text: Raw | None) -> None:
        """Take what a request says of tools."""
        if text is None or is_null(text):
            return
        self.found.adds_hidden = True
        for tool in self._list(_object(text, "toolConfig").get("tools"), "tools"):
            for name, value in tool.items():
                if name == "cachePoint":
                    self._cache(value)
                elif name != "toolSpec" and not is_null(value):
                    self._own_tool(name, value)

    def _list(self, text: Raw | None, name: str) -> list[dict[str, Raw]]:
        if text is None or is_null(text):
            return []
        entries = objects_of(text)
        is_empty = begins_with(text, b"[") and not bytes(memoryview(text)[1:-1]).strip()
        if not entries and not is_empty:
            raise Malformed("json_invalid", f"{name} must be a list of objects")
        self._left -= len(entries)
        if self._left < 0:
            raise Malformed("json_invalid", f"{name} has more than {NODES_MAX:,} parts")
        return entries

    def _part(self, name: str, value: Raw) -> None:
        self.found.kinds.add(name)
        if name in _TEXTS:
            return
        readers = {
            "image": self._picture,
            "document": self._document,
            "video": self._film,
            "audio": self._film,
            "toolResult": self._result,
            "guardContent": self._guarded,
            "searchResult": self._cited,
            "cachePoint": self._cache,
        }
        readers.get(name, self._unknown)(value)

    def _unknown(self, value: Raw) -> None:
        self.found.reads_more = True

    def _cited(self, value: Raw) -> None:
        self.found.adds_hidden = True

    def _film(self, value: Raw) -> None:
        self.found.documents.append(_FILM)

    def _result(self, value: Raw) -> None:
        if self._depth == _DEPTH_MAX:
            raise Malformed("json_invalid", "results of tools are nested too deeply")
        self._depth += 1
        self.blocks(_object(value, "toolResult").get("content"))
        self._depth -= 1

    def _picture(self, value: Raw) -> None:
        base64 = _bytes_of(_object(value, "image"))
        if base64 is None:
            self.found.pictures[Picture()] += 1
        elif self.found.picture(base64):
            self.found.media_bytes += len(base64)

    def _document(self, value: Raw) -> None:
        found, members = self.found, _object(value, "document")
        kind = _text(members, "format")
        found.adds_hidden |= is_given(members.get("citations"))
        source = _object(members.get("source"), "source")
        if source.keys() <= {"text", "content"}:
            self.blocks(source.get("content"))
        elif (base64 := _bytes_of(members)) is None:
            found.documents.append(unread())
        elif kind not in _TEXT_FILES and found.document(base64) and kind == "pdf":
            found.media_bytes += len(base64)

    def _guarded(self, value: Raw) -> None:
        for name, inner in _object(value, "guardContent").items():
            if name == "image":
                self._picture(inner)
            elif name != "text":
                self.found.reads_more = True

    def _cache(self, value: Raw) -> None:
        self.found.has_cache_control = True
        ttl = _text(_object(value, "cachePoint"), "ttl")
        self.found.keeps_hour |= ttl is not None and ttl != "5m"

    def _own_tool(self, name: str, value: Raw) -> None:
        """Take a tool of the provider's: its name says what it does, and the answer does not."""
        self.found.reads_more = self.found.bills_more = True
        named = _text(_object(value, name), "name") if begins_with(value, b"{") else None
        if named is not None and "code" in named:
            self.found.containers += 1
        else:
            self.found.searches = min(self.found.searches + 1, SEARCHES_MAX)


def _take_extra(found: Content, text: Raw) -> None:
    """Take what a model reads in words of its own, which may be of any vendor."""
    members = _object(text, EXTRA)
    found.adds_hidden |= bool(members)
    found.reads_more |= adds_input(members) or is_given(members.get("tools"))
    written = bytes(memoryview(text))
    if not is_null(reasoning := members.get("reasoningConfig")):
        _take_reasoning(found, reasoning)
    if b"cache" in written or b"\\" in written:  # an escape may spell it
        found.has_cache_control = found.keeps_hour = True


def _tier_in_words_of_model(members: Mapping[str, Raw]) -> str | None:
    """Return the tier that a model may read in words of its own; ``None`` for the usual one."""
    words = (_inner_text(members, EXTRA, name) for name in ("service_tier", "speed"))
    return next(filter(None, map(tier_of, words)), None)


def _take_reasoning(found: Content, text: Raw | None) -> None:
    """Take how much a model of Amazon's may think: at the most, it takes no maximum.

    Source:
        https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html, read
        2026-11-29.
    """
    if _text(_object(text, "reasoningConfig"), "maxReasoningEffort") not in _BOUNDED_EFFORTS:
        found.output_tokens, found.is_open = _LONGEST_ANSWER, True


def _bytes_of(members: Mapping[str, Raw]) -> str | None:
    """Return the base64 of a picture or a document; ``None`` where it lies elsewhere."""
    source = members.get("source")
    if source is None or not begins_with(source, b"{"):
        return None
    held = members_of(source)
    text = held.get("bytes")
    if text is None or len(held) > 1 or not begins_with(text, b'"'):
        return None
    return msgspec.json.decode(text, type=str)


def _object(text: Raw | None, name: str) -> dict[str, Raw]:
    if text is None or is_null(text):
        return {}
    if not begins_with(text, b"{"):
        raise Malformed("json_invalid", f"{name} must be an object")
    return members_of(text)


def _inner_text(members: Mapping[str, Raw], name: str, inner: str) -> str | None:
    return _text(_object(members.get(name), name), inner)


def _text(members: Mapping[str, Raw], name: str) -> str | None:
    value = decoded(members.get(name))
    if value is None or isinstance(value, str):
        return value
    raise Malformed("json_invalid", f"{name} must be a text")
