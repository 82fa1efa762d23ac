"""What a request needs of the model that answers it (EVA-14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Raw

from corvus.metering.abilities import Feature, Needed, Vocabulary, all_of
from corvus.metering.content import Content
from corvus.metering.members import Malformed, decoded, is_null, objects_of
from corvus.metering.provider import Endpoint


def needs_of(
    endpoint: Endpoint, members: Mapping[str, Raw], content: Content, betas: Iterable[str] = ()
) -> frozenset[Feature] | None:
    """Return all features that a request uses; ``None`` where it says something that nobody knows.

    Args:
        endpoint: Where it is sent.
        members: Of its body.
        content: Of its messages and tools.
        betas: What its header switches on.
    """
    words = endpoint.vocabulary
    if words is None:
        return None
    try:
        switched = (words.of_beta(name) for name in betas)
        return all_of((*_needs(words, members, content), *switched))
    except Malformed:
        return None


def _needs(words: Vocabulary, members: Mapping[str, Raw], content: Content) -> Iterator[Needed]:
    yield words.always
    for name, text in members.items():
        if name not in words.plain and not is_null(text):
            yield words.members[name](decoded(text)) if name in words.members else None
    for kind in content.kinds:
        yield words.kinds.get(kind)
    if content.pictures:
        yield (Feature.PICTURES,)
    if content.documents:
        yield (Feature.DOCUMENTS,)
    for tool in objects_of(members["tools"]) if "tools" in members else ():
        for name, text in tool.items():
            yield words.tool_members.get(name) if not is_null(text) else ()
