"""What the messages and tools of a request say about its cost (PRC-7).

They are decoded into one kind of node that names only what is asked for; all else is passed over
unbuilt. Refuses more than 100,000 nodes, and shapes that no API has, for nobody knows what a vendor
would read in them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
from msgspec import Raw

from policy.metering.endpoints import Endpoint
from policy.metering.members import Malformed, begins_with, decoded, is_null, members_of, number_of

NODES_MAX = 100_000
"""Most messages, parts of them and tools of one request."""

SEARCHES_MAX = 1_000
"""Most searches that are held for one tool, whatever it states."""

_NULL = Raw(b"null")
_ROOTS = ("messages", "input", "system", "instructions", "prompt", "contents")
_OWN_TOOLS = (None, "function", "custom")
_counter = threading.local()


class Node(msgspec.Struct, kw_only=True, gc=False):
    """A message, a part of one, what a part refers to, or a tool."""

    type: str | None = None
    role: str | None = None
    content: str | list[Node] | Node | None = None
    output: str | list[Node] | Node | None = None
    source: str | Node | None = None
    file_id: str | None = None
    file_url: str | None = None
    url: str | None = None
    model: str | None = None
    max_uses: Raw = _NULL
    cache_control: Raw = _NULL
    tools: list[Node] | None = None

    def __post_init__(self) -> None:
        _counter.left -= 1
        if _counter.left < 0:
            raise ValueError("too many nodes")


_NODES = msgspec.json.Decoder(str | list[Node] | Node | None)
_TOOLS = msgspec.json.Decoder(list[Node] | None)


@dataclass(slots=True)
class Content:
    """What was found.

    Attributes:
        reads_more: The provider adds input that is not in the request.
        has_cache_control: Some input is to be written to a cache.
        keeps_hour: Some of it for an hour, which costs more.
        models: Models that tools call.
        searches: Most web searches that the tools state, at least one for each tool that searches.
    """

    reads_more: bool = False
    has_cache_control: bool = False
    keeps_hour: bool = False
    models: list[str] = field(default_factory=list[str])
    searches: int = 0


def content_of(endpoint: Endpoint, members: Mapping[str, Raw]) -> Content:
    """Read the messages and tools of a request; embeddings have none.

    Raises:
        Malformed: They have a shape that no API has, or too many parts.
    """
    found = Content()
    if endpoint is Endpoint.EMBEDDINGS:
        return found
    _counter.left = NODES_MAX
    for name in _ROOTS:
        if name in members and not begins_with(members[name], b'"'):
            for node in _nodes(_NODES.decode, name, members[name]):
                _take(found, node)
    if "tools" in members:
        for tool in _nodes(_TOOLS.decode, "tools", members["tools"]):
            _take_tool(found, tool)
    _take_cache_control(found, members.get("cache_control", _NULL))
    return found


def _nodes(decode: object, name: str, text: Raw) -> Iterator[Node]:
    assert callable(decode)
    try:
        value: object = decode(text)
    except msgspec.ValidationError as wrong:
        if _counter.left < 0:
            detail = f"{name} has more than {NODES_MAX:,} parts"
        else:
            detail = f"{name} cannot be read: {wrong}"
        raise Malformed("json_invalid", detail) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("json_invalid", f"{name} is no valid JSON") from None
    yield from _flat(value)


def _flat(value: object) -> Iterator[Node]:
    """Yield the nodes of a value and those inside them, without recursion."""
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += cast(list[object], one)
        elif isinstance(one, Node):
            yield one
            waiting += (one.content, one.output, one.source, one.tools)


def _take(found: Content, node: Node) -> None:
    found.reads_more |= bool(node.file_id or node.file_url)
    found.reads_more |= node.url is not None and node.url[:5].lower().startswith("http")
    _take_cache_control(found, node.cache_control)


def _take_tool(found: Content, tool: Node) -> None:
    _take_cache_control(found, tool.cache_control)
    if tool.type in _OWN_TOOLS:
        return
    found.reads_more = True
    if tool.model:
        found.models.append(tool.model)
    if tool.type and "search" in tool.type:
        uses = number_of(tool.max_uses) or 1
        found.searches += min(max(uses, 1), SEARCHES_MAX)


def _take_cache_control(found: Content, text: Raw) -> None:
    if is_null(text):
        return
    found.has_cache_control = True
    if not begins_with(text, b"{"):
        found.keeps_hour = True
        return
    ttl = members_of(text).get("ttl")
    found.keeps_hour |= not is_null(ttl) and decoded(ttl) != "5m"
