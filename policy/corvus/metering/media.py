"""What of a call may be anything but text, as far as its request shows it (PRC-7, PRC-8).

A model may charge sound, pictures and films at rates of their own. A request that has none of them
lets an answer without details be priced as text; any other is held at the dearest that may come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from msgspec import Raw

from corvus.metering.content import Content
from corvus.metering.maxima import places_of
from corvus.metering.members import begins_with, decoded, objects_of
from corvus.metering.models import bare
from corvus.metering.provider import Endpoint
from corvus.model.usage import CONTEXT, COUNT_OF, MODALITIES, TokenKind

OUTPUT_OPTIONS = ("modalities", "response_modalities", "responseModalities")
"""Members by which a request says what is to be written, of any vendor."""

READ_KINDS = tuple(kind for kind in MODALITIES if COUNT_OF[kind] in CONTEXT)
"""Kinds of sound, pictures and video that may be read."""

WRITTEN_KINDS = tuple(kind for kind in MODALITIES if kind not in READ_KINDS)
"""Those that may be written."""

PICTURES = tuple(kind for kind in READ_KINDS if kind.endswith("_image"))
"""Those of pictures that may be read."""

_DRAWS_OR_SPEAKS = re.compile(
    r"image|imagen|banana|audio|realtime|voice|speech|tts|omni|live|video|veo|sora|music|lyria"
)
"""In the name of a model that may write more than text although nobody requests it."""

_OPAQUE = re.compile(r"audio|video|media|file(?!_search)")
"""In the type of a part that is sound or video, or may be."""


@dataclass(frozen=True, slots=True)
class Media:
    """Which kinds of tokens a call may use because it may not be all text.

    Attributes:
        read: Kinds of what may be read; empty where all that is read is text.
        written: Kinds of what may be written, likewise.
    """

    read: tuple[TokenKind, ...] = ()
    written: tuple[TokenKind, ...] = ()


def media_of(
    endpoint: Endpoint, members: Mapping[str, Raw], content: Content, models: Iterable[str]
) -> Media:
    """Return what may not be text.

    Args:
        endpoint: Where the call is sent.
        members: Of its request.
        content: Of its messages and tools.
        models: All that may answer.

    Raises:
        Malformed: A member that decides cannot be read.
    """
    read: tuple[TokenKind, ...] = ()
    if (
        content.reads_more
        or _has_parts(endpoint, members)
        or any(map(_OPAQUE.search, content.kinds))
    ):
        read = READ_KINDS
    elif content.pictures or content.documents:
        read = PICTURES
    may_write = endpoint.has_output and (
        any(map(may_draw_or_speak, models)) or _is_requested(members)
    )
    return Media(read, WRITTEN_KINDS if may_write else ())


def may_draw_or_speak(model: str) -> bool:
    """Return whether a model may write more than text although nobody requests it."""
    return _DRAWS_OR_SPEAKS.search(bare(model)) is not None


def is_text_option(value: object) -> bool:
    """Return whether an option of ``OUTPUT_OPTIONS`` lets nothing but text be written."""
    kinds = cast("list[object]", value) if isinstance(value, list | tuple) else [value]
    return all(isinstance(kind, str) and kind.lower() == "text" for kind in kinds)


def _has_parts(endpoint: Endpoint, members: Mapping[str, Raw]) -> bool:
    """Return whether vectors are requested of more than texts and numbers."""
    text = members.get("input")
    if endpoint.has_output or text is None:
        return False
    return begins_with(text, b"{") or (begins_with(text, b"[") and bool(objects_of(text)))


def _is_requested(members: Mapping[str, Raw]) -> bool:
    """Return whether a request lets more than text be written."""
    for place in places_of(members):
        for name in OUTPUT_OPTIONS:
            value = decoded(place.get(name))
            if value is not None and not is_text_option(value):
                return True
    return False
