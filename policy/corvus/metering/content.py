"""What the messages and tools of a request say about its cost (PRC-7).

They are decoded into one kind of node that names only what is needed; all else is passed over
unbuilt. Pictures and documents that stand in a member for them, say that they are such and begin as
such, have bounds of their own; whatever else is there counts by its bytes. More than 20,000 nodes
are refused, and shapes that no API has, for nobody knows what a vendor would read in them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
from msgspec import Raw

from corvus.metering.documents import Document, Room, document_of, unread
from corvus.metering.members import (
    Malformed,
    begins_with,
    decoded,
    is_null,
    members_of,
    number_of,
    objects_of,
)
from corvus.metering.pictures import Picture, picture_of
from corvus.metering.pictures import decoded as decoded_base64
from corvus.metering.provider import Endpoint
from corvus.metering.providers import vision_of

NODES_MAX = 20_000
"""Most messages, parts of them and tools of one request.

Long sessions of coding agents have a few thousand. Each costs some 0.02 ms to look into, and while
one body is read no other call moves on (PRX-10).
"""

SEARCHES_MAX = 1_000
"""Most searches that are held for one tool, whatever it states."""

VALUES_MAX = 1_000_000
"""Most JSON values of one request; no use of an API has so many."""

_NULL = Raw(b"null")
_ROOTS = ("messages", "input", "system", "instructions", "prompt", "contents")
_INSTRUCTIONS = ("systemInstruction", "system_instruction")
_TEXTS = frozenset((*_ROOTS, *_INSTRUCTIONS, "tools", "functions", "documents", "prediction"))
_INNER = ("content", "output", "source", "file", "image_url", "tools")
_HEAD_MAX = 1_000
_PDF = "JVBERi0"  # %PDF-
_OWN_TOOLS = ("function", "custom")
_PICTURES = ("image_url", "input_image", "image", "computer_screenshot")
_FILES = ("file", "input_file")
_STORED = ("item_reference", "container_upload")
_READ_MAX = 200
"""Pictures, and files, that are looked into; those beyond count as the largest."""
_LIFETIMES_MAX = 1_000
"""Cache controls that are looked into; with more, all input counts as kept for an hour."""
_counter = threading.local()
_SIX_TIMES_NONE = (None,) * 6
_FOUR_TIMES_NONE = (None,) * 4


class Node(msgspec.Struct, kw_only=True, gc=False):
    """A message, a part of one, what a part refers to, or a tool."""

    type: str | None = None
    role: str | None = None
    content: str | list[Node] | Node | None = None
    output: str | list[Node] | Node | None = None
    source: str | Node | None = None
    image_url: str | Node | None = None
    detail: str | None = None
    file: str | Node | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    media_type: str | None = None
    audio: str | Node | None = None
    id: Raw = _NULL
    data: str | None = None
    url: str | None = None
    video_url: Raw = _NULL
    document_url: Raw = _NULL
    audio_url: Raw = _NULL
    images: Raw = _NULL
    citations: Raw = _NULL
    tool: Raw = _NULL
    model: str | None = None
    name: Raw = _NULL
    function: Raw = _NULL
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
        reads_more: The provider adds input that is not in the request, of whatever modality.
        adds_text: The provider adds text that is not in the request.
        adds_hidden: The provider informs the model about citations or tools of its own accord.
        has_cache_control: Some input is to be written to a cache.
        keeps_hour: Some of it for an hour, which costs more.
        models: Models that tools call.
        pictures: Pictures in the request, or named by an address, and how many there are of each.
        documents: PDFs in the request that could be read.
        media_bytes: Bytes of the body that those are, which are no text.
        searches: Most web searches that the tools state, at least one for each tool that searches.
        file_searches: Tools that search files.
        containers: Tools that run code where the provider is.
        drawings: Tools that make pictures with a model of their own.
        recordings: Files of sound that come with the request.
        kinds: Every ``type`` of a message, a part or a tool; ``role:NAME`` for those who speak, and
            ``last:NAME`` for who speaks last.
        tier: Tier of the call, where the request names it in words of its API alone.
        bills_more: Something is billed that neither a count nor a fee of an answer shows.
        output_tokens: Maximum that stands elsewhere than an endpoint's own; 0 for none.
        is_open: Nothing in the request can lower that.
        writes: A model writes the answer; vectors are none.
        room: What may still be looked into of its files.
        lifetimes: Cache controls so far.
    """

    reads_more: bool = False
    adds_text: bool = False
    adds_hidden: bool = False
    has_cache_control: bool = False
    keeps_hour: bool = False
    models: list[str] = field(default_factory=list[str])
    pictures: Counter[Picture] = field(default_factory=Counter[Picture])
    documents: list[Document] = field(default_factory=list[Document])
    media_bytes: int = 0
    searches: int = 0
    file_searches: int = 0
    containers: int = 0
    drawings: int = 0
    recordings: int = 0
    kinds: set[str] = field(default_factory=set[str])
    tier: str | None = None
    bills_more: bool = False
    output_tokens: int = 0
    is_open: bool = False
    writes: bool = True
    room: Room = field(default_factory=Room)
    lifetimes: int = 0

    def media_tokens(self, endpoint: Endpoint, models: Iterable[str]) -> int:
        """Return the most tokens that any of some models reads in all pictures and documents."""
        pages = sum(document.pages for document in self.documents)
        texts = sum(document.text_tokens for document in self.documents)
        shown = [
            sum(vision.tokens_of(picture) * times for picture, times in self.pictures.items())
            + pages * vision.tokens_of(Picture())
            for vision in {vision_of(endpoint, model) for model in models}
        ]
        return texts + max(shown, default=0)

    def note(self, node: Node) -> None:
        """Take what a message, a part of one or a tool says that it is."""
        if node.type is not None:
            self.kinds.add(node.type)
        if node.role is not None:
            self.kinds.add(f"role:{node.role}")

    def note_last(self, messages: object) -> None:
        """Take who speaks last in a list of messages."""
        last = cast(list[object], messages)[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, Node) and last.role is not None:
            self.kinds.add(f"last:{last.role}")

    def picture(self, base64: str, *, is_low: bool = False) -> bool:
        """Take what is said to be a picture; return whether it begins as one."""
        largest = Picture(is_low=is_low)
        can_read = self.pictures.total() < _READ_MAX
        found = picture_of(base64, is_low=is_low) if can_read else None
        self.pictures[found or largest] += 1
        return found is not None

    def document(self, base64: str) -> bool:
        """Take what may be a document; return whether it could be read as one."""
        can_read = len(self.documents) < _READ_MAX and base64.startswith(_PDF)
        data = decoded_base64(base64) if can_read else None
        found = document_of(data, self.room) if data is not None else None
        self.documents.append(found or unread())
        return found is not None


def content_of(endpoint: Endpoint, members: Mapping[str, Raw]) -> Content:
    """Read the messages and tools of a request; embeddings have none.

    Raises:
        Malformed: They have a shape that no API has, or too many parts.
    """
    found = Content()
    if not endpoint.has_output:
        return found
    _counter.left = NODES_MAX
    for name in _ROOTS:
        is_text = name not in members or begins_with(members[name], b'"')
        if not is_text and name != endpoint.prompt:
            _require_single(members[name])
            value = _decoded(_NODES.decode, name, members[name])
            found.note_last(value)
            for node in _flat(value):
                _take(found, node)
    if "tools" in members:
        _require_single(members["tools"])
        for tool in _flat(_decoded(_TOOLS.decode, "tools", members["tools"])):
            _take_tool(found, tool)
    _take_cache_control(found, members.get("cache_control", _NULL))
    if endpoint.prompt is not None:
        _take_pictures(found, members.get("images", _NULL))
    found.adds_hidden |= endpoint.adds_hidden
    return found


def has_too_many_values(members: Mapping[str, Raw]) -> bool:
    """Whether a request has more values than ``VALUES_MAX``, by a bound that is quick to count.

    Where texts stand, only what has quotes around it is counted, for commas are part of prose and
    code; elsewhere every comma and bracket counts.
    """
    if sum(len(memoryview(text)) for text in members.values()) <= 2 * VALUES_MAX:
        return False
    return sum(_values(name, text) for name, text in members.items()) > VALUES_MAX


def _values(name: str, text: Raw) -> int:
    if begins_with(text, b'"'):
        return 1
    data = bytes(memoryview(text))
    if name in _TEXTS:
        return (data.count(b'"') - data.count(b'\\"')) // 2
    objects = data.count(b"{")
    if objects > VALUES_MAX:
        return objects  # each of the counts takes its time
    return 1 + objects + data.count(b",") + data.count(b"[")


def _require_single(text: Raw) -> None:
    """Refuse messages and tools whose parts name a member twice: vendors may read either.

    Raises:
        Malformed: One does.
    """
    waiting = [text] if _is_nested(text) else []
    while waiting:
        text = waiting.pop()
        parts = objects_of(text) if begins_with(text, b"[") else [members_of(text)]
        waiting += [
            part[name]
            for part in parts
            for name in _INNER
            if name in part and _is_nested(part[name])
        ]


def _is_nested(text: Raw) -> bool:
    return bytes(memoryview(text)[:1]) in b"[{"


def _decoded(decode: Callable[[Raw], object], name: str, text: Raw) -> object:
    try:
        return decode(text)
    except msgspec.ValidationError as wrong:
        if _counter.left < 0:
            detail = f"{name} has more than {NODES_MAX:,} parts"
        else:
            detail = f"{name} cannot be read: {wrong}"
        raise Malformed("json_invalid", detail) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("json_invalid", f"{name} is no valid JSON") from None


def _flat(value: object) -> Iterator[Node]:
    """Yield the nodes of a value and those inside them, without recursion."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += cast(list[object], item)
        elif isinstance(item, Node):
            yield item
            waiting += (item.content, item.output, item.source, item.file, item.tools)


def _is_plain(node: Node) -> bool:
    """Whether a node has nothing but text, as most have."""
    absent = (node.source, node.file, node.image_url, node.data, node.url, node.tools)
    files = (node.file_data, node.file_id, node.file_url, node.audio)
    raw = (node.cache_control, node.citations, node.tool, node.images)
    links = (node.video_url, node.document_url, node.audio_url)
    return (
        absent == _SIX_TIMES_NONE
        and files == _FOUR_TIMES_NONE
        and all(text is _NULL for text in (*raw, *links))
        and (node.type is None or "image" not in node.type)
        and not _is_stored(node)
    )


def _is_stored(node: Node) -> bool:
    """Whether a node stands for something that the provider keeps."""
    if node.type in _STORED:
        return True
    return node.type is None and node.role is None and node.id is not _NULL


def _take(found: Content, node: Node) -> None:
    found.note(node)
    if _is_plain(node):
        return
    refers = (node.source, node.file) if node.image_url is None else ()
    held = (node, *(node_or_text for node_or_text in refers if isinstance(node_or_text, Node)))
    is_picture = node.type is not None and "image" in node.type
    if node.image_url is not None:
        _take_picture(found, node)
    elif is_picture and not any(holder.type == "base64" and holder.data for holder in held):
        found.pictures[Picture()] += 1
    elif any(holder.file_id or holder.file_url or holder.url for holder in held):
        found.reads_more = True
    if node.data and node.type == "base64":
        _take_file(found, node.data, node.media_type or "")
    for holder in (node, node.file):
        if isinstance(holder, Node) and holder.file_data and node.type in _FILES:
            _take_file_data(found, holder.file_data, holder.filename)
    _take_other_media(found, node)
    found.reads_more |= node.audio is not None or _is_stored(node)
    found.adds_hidden |= node.tools is not None
    found.adds_hidden |= not (is_null(node.citations) and is_null(node.tool))
    _take_cache_control(found, node.cache_control)


def _take_picture(found: Content, node: Node) -> None:
    """Take the address or the content of a picture; it is one where an API has pictures."""
    url, detail = node.image_url, node.detail
    if isinstance(url, Node):
        url, detail = url.url, url.detail or detail
    kind, base64 = _data_of(url or "")
    is_one = node.type in _PICTURES and kind.startswith("image/")
    if found.picture(base64 if is_one else "", is_low=detail == "low"):
        found.media_bytes += len(url or "")


def _take_file_data(found: Content, text: str, filename: str | None) -> None:
    """Take a file that says by its head, or by its name, what it is."""
    kind, base64 = _data_of(text)
    ending = (filename or "").lower().rpartition(".")[2]
    if not kind and ending == "pdf":
        kind = "application/pdf"
    elif kind == "application/pdf" and ending not in ("", "pdf"):
        kind = "?"  # either may be believed
    _take_file(found, base64, kind)


def _take_file(found: Content, base64: str, kind: str) -> None:
    """Take a file of some media type; what is neither picture nor PDF counts by its bytes, too."""
    kind = kind.lower()
    if kind.startswith("text/"):
        return
    if kind.startswith("image/"):
        is_read = found.picture(base64)
    else:
        is_read = found.document(base64) and kind == "application/pdf"
    if is_read:
        found.media_bytes += len(base64)


def _take_other_media(found: Content, node: Node) -> None:
    """Take what some vendors read: films and documents by address, lists of pictures."""
    for text in (node.video_url, node.document_url, node.audio_url):
        found.reads_more |= not is_null(text)
    _take_pictures(found, node.images)


def _take_pictures(found: Content, text: Raw) -> None:
    """Take a list of pictures, whose size nobody reads."""
    if not is_null(text):
        found.pictures[Picture()] += bytes(memoryview(text)).count(b",") + 1


def _data_of(text: str) -> tuple[str, str]:
    """Split a data URL into its media type and its base64; a text that is none has no type."""
    comma = text.find(",", 0, _HEAD_MAX)
    if text[:5].lower() != "data:" or comma < 0:
        return "", text
    head = text[5:comma].lower()
    kind = head.partition(";")[0].strip()
    return (kind if head.endswith("base64") else "text/plain"), text[comma + 1 :]


def _take_tool(found: Content, tool: Node) -> None:
    found.note(tool)
    _take_cache_control(found, tool.cache_control)
    is_own = tool.type in _OWN_TOOLS
    if is_own or (tool.type is None and not (is_null(tool.name) and is_null(tool.function))):
        return
    found.reads_more = True
    if tool.model:
        found.models.append(tool.model)
    _take_uses(found, tool)


def _take_uses(found: Content, tool: Node) -> None:
    """Take what a tool of the provider may be billed by use, at least once each."""
    kind = tool.type or ""
    if kind == "shell" or "code" in kind:
        found.containers += 1
    elif kind == "image_generation":
        found.drawings += 1
    elif "file_search" in kind or "collections" in kind:
        found.file_searches += 1
    elif "search" in kind and not kind.startswith("tool_search"):
        uses = number_of(tool.max_uses) or 1
        found.searches += min(max(uses, 1), SEARCHES_MAX)


def _take_cache_control(found: Content, text: Raw) -> None:
    if is_null(text):
        return
    found.has_cache_control = True
    if found.keeps_hour:
        return
    found.lifetimes += 1
    if found.lifetimes > _LIFETIMES_MAX or not begins_with(text, b"{"):
        found.keeps_hour = True
        return
    ttl = members_of(text).get("ttl")
    found.keeps_hour |= not is_null(ttl) and decoded(ttl) != "5m"
