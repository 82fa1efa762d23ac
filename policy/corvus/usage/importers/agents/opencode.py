"""Reads messages of OpenCode: its files, and what ``opencode export`` writes.

Until version 1.2 each message is a file of
``~/.local/share/opencode/storage/message/<session>/``; since then they are in a database, of which
``opencode export`` writes a session as one document. A message of the assistant is a call. Its
counts are disjoint: ``input`` leaves out what was cached, ``output`` leaves out reasoning. Where
``total`` says that reasoning is part of the output, as old versions wrote it, it is.

``cost`` is what OpenCode reckons from prices of its own; it serves only where the book has no
price, and 0 (a subscription, or a model without a price) is no cost. The program sends and gets
text, so its tokens are text.

Source: github.com/sst/opencode, ``packages/opencode/src/session`` (``getUsage``) and
``packages/opencode/src/cli/cmd/export.ts``, read on 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator

from corvus.prices.names import provider_id
from corvus.usage.importers.importer import (
    Home,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.heads import first_keys
from corvus.usage.importers.reading.unread import doubt, unread_counts
from corvus.usage.importers.seller import seller_of

_MESSAGE = {"sessionID", "role"}
_EXPORT = {"info", "messages", "messages.info", "messages.info.sessionID"}
_READ = {"input", "output", "reasoning", "total"}
_CACHE = {"read", "write"}
_PROVIDERS = {"google-vertex-anthropic": "google"}


def is_opencode(head: bytes) -> bool:
    """Return whether a JSON file that begins so is a message or an export of OpenCode."""
    keys = first_keys(head) if b'"sessionID"' in head else frozenset[str]()
    is_message = keys >= _MESSAGE and bool(keys & {"modelID", "model.modelID", "time.created"})
    return is_message or keys >= _EXPORT


def messages(found: Object) -> Iterator[Object | Notice]:
    """Yield the calls of a message, or of an exported session.

    Raises:
        BadRecord: A count is none.
    """
    for item in objects_at(found, "messages"):
        yield from _call(object_at(item, "info"))
    yield from _call(found)


def _call(message: Object) -> Iterator[Object | Notice]:
    tokens = object_at(message, "tokens")
    used = _counts(tokens)
    if text_at(message, "role") != "assistant" or not any(used.values()):
        return
    unread = unread_counts(tokens, _READ, "tokens")
    unread += unread_counts(object_at(tokens, "cache"), _CACHE, "tokens.cache")
    yield from map(doubt, unread)
    time, place = object_at(message, "time"), object_at(message, "path")
    session, model = text_at(message, "sessionID"), text_at(message, "modelID")
    provider = (text_at(message, "providerID") or "").lower()
    yield {
        "id": f"{session}:{text_at(message, 'id')}",
        "timestamp": text_at(time, "created"),
        "settled_at": text_at(time, "completed"),
        "model": model,
        "provider": seller_of(model) or _PROVIDERS.get(provider) or provider_id(provider) or None,
        "estimated_cost_usd": _cost(message),
        "session_id": session,
        "project": text_at(place, "root", "cwd"),
        "agent": "opencode",
        "outcome": "failed" if object_at(message, "error") else "completed",
        "client": "opencode",
        "mode": text_at(message, "agent", "mode"),
        "states_modalities": True,
        "unknown_cost": bool(unread) or None,
        **used,
    }


def _counts(tokens: Object) -> dict[str, int]:
    cache = object_at(tokens, "cache")
    read, written = count_at(cache, "read") or 0, count_at(cache, "write") or 0
    plain, output = count_at(tokens, "input") or 0, count_at(tokens, "output") or 0
    reasoning = count_at(tokens, "reasoning") or 0
    is_inside = count_at(tokens, "total") == plain + read + written + output
    return {
        "input_tokens": plain,
        "output_tokens": output - reasoning if is_inside and reasoning <= output else output,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": written,
        "reasoning_tokens": reasoning,
    }


def _cost(message: Object) -> str | None:
    cost = text_at(message, "cost")
    return cost if cost and cost.strip("0.") else None


IMPORTER = Importer(
    name="opencode",
    suffixes={".json", ".jsonl"},
    layouts={Layout.LINES, Layout.DOCUMENT},
    recognise=is_opencode,
    read=messages,
    tags=("client", "mode"),
    home=Home(
        "OpenCode",
        "~/.local/share/opencode/storage/message",
        "~/.local/share",
        "XDG_DATA_HOME",
    ),
)
