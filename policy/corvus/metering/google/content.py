"""What the contents and tools of a request to Google's models say about its cost (PRC-7).

Every name may be spelt in two ways, ``inlineData`` and ``inline_data``, as in all JSON that stands
for protocol buffers, and a list of one may be that one. Pictures and PDFs in the request have
bounds of their own. Sound and films count by their bytes, and as input that is not in the request:
nothing in it says how long they are. So do files by address, caches and the tools of the provider.
What is not known here is taken for the most that it may be. Shapes that the API does not have are
refused, and members that are named twice.

Source:
    google-genai 3.6, ``types.Part``, ``types.Tool`` and ``types.EmbedContentConfig``, read
    2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Raw

from corvus.metering.content import NODES_MAX, Content
from corvus.metering.members import (
    Malformed,
    begins_with,
    is_null,
    members_of,
    objects_of,
    text_of,
)
from corvus.prices.names import tier_of

_TEXT_PARTS = frozenset(
    (
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "executableCode",
        "codeExecutionResult",
        "toolCall",
        "toolResponse",
        "partMetadata",
        "mediaResolution",
    )
)
"""Members of a part that hold, or describe, text of the request itself."""

_ROUTES = ("routingConfig", "modelSelectionConfig", "modelConfig")
"""Options by which a call is answered by a model of the provider's choice."""

_FUNCTION = "functionDeclarations"
_SEARCHES = (
    "googleSearch",
    "googleSearchRetrieval",
    "enterpriseWebSearch",
    "parallelAiSearch",
    "exaAiSearch",
)
_TEXT_TOOLS = (*_SEARCHES, "googleMaps", "retrieval")
"""Tools whose results are text."""

_UNPRICED = (*_SEARCHES[2:], "googleMaps", "retrieval")
"""Tools that are billed by use, at prices that no book has."""

_URL_SAFE = str.maketrans("-_", "+/")
_OPAQUE = "file"
"""Stands for what may be of any modality."""


def camel(name: str) -> str:
    """Return the spelling of a name without underscores, as protocol buffers derive it."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def google_content(members: Mapping[str, Raw]) -> Content:
    """Read the contents and tools of a request, for an answer or for vectors.

    Raises:
        Malformed: They have a shape that the API does not have, or too many parts.
    """
    found = Content()
    room = _Room()
    for name, text in members.items():
        if not is_null(text):
            _MEMBERS.get(camel(name), _take_unknown)(found, text, room)
    return found


class _Room:
    """How many more objects of a request are looked into."""

    def __init__(self) -> None:
        self._left = NODES_MAX

    def take(self, many: int) -> None:
        self._left -= many
        if self._left < 0:
            raise Malformed("json_invalid", f"the request has more than {NODES_MAX:,} parts")


def _objects(text: Raw, room: _Room) -> list[dict[str, Raw]]:
    """Return the objects of a list, or the one that stands in its place.

    Raises:
        Malformed: There is anything else.
    """
    if is_null(text):
        return []
    if begins_with(text, b"{"):
        room.take(1)
        return [members_of(text)]
    found = objects_of(text) if begins_with(text, b"[") else []
    if not found and bytes(memoryview(text)[1:]).strip() != b"]":
        raise Malformed("json_invalid", "contents, parts and tools must be objects")
    room.take(len(found))
    return found


def _take_contents(found: Content, text: Raw, room: _Room) -> None:
    for content in _objects(text, room):
        for name, parts in content.items():
            if camel(name) == "parts":
                for part in _objects(parts, room):
                    _take_part(found, part, room)
            elif name != "role":
                _take_unknown(found)


def _take_requests(found: Content, text: Raw, room: _Room) -> None:
    for request in _objects(text, room):
        _take_request(found, request, room)


def _take_request(found: Content, request: Mapping[str, Raw], room: _Room) -> None:
    """Take one of several texts that vectors are requested of."""
    for name, text in request.items():
        if name == "content":
            _take_contents(found, text, room)
        elif name == "model" and not is_null(text):
            _take_model(found, text, room)


def _refuse_other_models(found: Content, text: Raw, room: _Room) -> None:
    """Refuse options that let another model answer than the one that the path names.

    Raises:
        Malformed: There is one.
    """
    for name, value in members_of(text).items() if begins_with(text, b"{") else ():
        if camel(name) in _ROUTES and not is_null(value):
            detail = f"with {name} another model may answer, at another price: leave it out"
            raise Malformed("request_invalid", detail)


def _take_model(found: Content, text: Raw, room: _Room) -> None:
    """Take a model that a body names next to its path: it may be the one that is billed."""
    found.models.append(text_of(text).removeprefix("models/"))


def _take_part(found: Content, part: Mapping[str, Raw], room: _Room) -> None:
    for name, text in part.items():
        spelt = camel(name)
        if spelt in _TEXT_PARTS or is_null(text):
            continue
        match spelt:
            case "inlineData":
                for blob in _objects(text, room):
                    _take_blob(found, blob)
            case "functionResponse":
                for response in _objects(text, room):
                    _take_response(found, response, room)
            case "videoMetadata":
                found.kinds.add("video")
            case _:
                _take_unknown(found)


def _take_response(found: Content, response: Mapping[str, Raw], room: _Room) -> None:
    """Take the result of a function, which may come with files."""
    for name, text in response.items():
        if name == "parts":
            for part in _objects(text, room):
                _take_part(found, part, room)


def _take_blob(found: Content, blob: Mapping[str, Raw]) -> None:
    """Take a file of the request by the type that it says it has; in doubt it is everything."""
    kinds = [text_of(text).lower() for name, text in blob.items() if camel(name) == "mimeType"]
    data = [text_of(text) for name, text in blob.items() if name == "data"]
    kind = kinds[0] if len(kinds) == 1 else ""
    base64 = data[0].translate(_URL_SAFE) if data and kind.startswith(_READ) else ""
    if kind.startswith("image/"):
        is_read = found.picture(base64)
    elif kind == "application/pdf":
        is_read = found.document(base64)
    elif kind.startswith("text/"):
        return
    else:
        found.kinds.update(kind.split("/")[:1] if kind else ())
        _take_unknown(found)
        return
    if is_read:
        found.media_bytes += len(base64)


_READ = ("image/", "application/pdf")


def _take_unknown(found: Content, *_: object) -> None:
    """Take what may be read as anything, and as more than its bytes."""
    found.reads_more = True
    found.kinds.add(_OPAQUE)


def _take_tools(found: Content, text: Raw, room: _Room) -> None:
    for tool in _objects(text, room):
        _take_tool(found, tool)


def _take_tool(found: Content, tool: Mapping[str, Raw]) -> None:
    """Take a tool: all but functions of the caller's own are run by the provider."""
    for name, text in tool.items():
        spelt = camel(name)
        if spelt == _FUNCTION or is_null(text):
            continue
        is_text = spelt in _TEXT_TOOLS and not _searches_pictures(text)
        found.adds_text |= is_text
        found.reads_more |= not is_text
        found.kinds.add(spelt)
        found.bills_more |= spelt in _UNPRICED
        if spelt in _SEARCHES:
            found.searches += 1


def _searches_pictures(text: Raw) -> bool:
    """Return whether the options of a search choose what is searched, which may be pictures."""
    options = members_of(text) if begins_with(text, b"{") else {}
    return any(camel(name) == "searchTypes" for name in options)


def _take_tier(found: Content, text: Raw, room: _Room) -> None:
    """Take the tier that is to serve the call, which does not care about capitals.

    Raises:
        Malformed: There are two.
    """
    if found.tier is not None:
        raise Malformed("json_ambiguous", "the body names two service tiers")
    tier = text_of(text).lower()
    found.tier = None if tier == "unspecified" else tier_of(tier)


def _pass_over(*_: object) -> None:
    """Take what adds nothing to what is read beyond its bytes."""


_MEMBERS: Mapping[str, Callable[[Content, Raw, _Room], None]] = {
    "content": _take_contents,
    "contents": _take_contents,
    "systemInstruction": _take_contents,
    "requests": _take_requests,
    "tools": _take_tools,
    "model": _take_model,
    "generationConfig": _refuse_other_models,
    "serviceTier": _take_tier,
    **dict.fromkeys(
        ("toolConfig", "safetySettings", "labels", "store", "modelArmorConfig"),
        _pass_over,
    ),
    **dict.fromkeys(
        ("taskType", "title", "outputDimensionality", "embedContentConfig"), _pass_over
    ),
}
"""What is done with each member of a body; a cache, and what is not known, may be anything."""
