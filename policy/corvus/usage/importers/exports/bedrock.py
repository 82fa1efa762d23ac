"""Reads the model invocation log of Amazon Bedrock, as it comes to S3 or CloudWatch Logs.

In S3 it is packed JSON lines; from CloudWatch it comes as ``logEvents`` (subscriptions), ``events``
(``filter-log-events``) or ``@message`` (Insights), each with the record as text. Counts are
disjoint: ``inputTokenCount`` leaves out what was read from and written to a cache. How long a cache
holds stands in the body of the answer, where bodies are logged; else it is five minutes.

AWS bills by region and by the profile that was called, so the id of the model stays as it is, and
the regions are tags. Who called is the last part of the identity. Invocations that are not counted
in tokens, such as pictures, are named and not imported. Batch jobs are in no such log.

Source: docs.aws.amazon.com/bedrock, "Monitor model invocation using CloudWatch Logs and Amazon S3"
and "Prompt caching", and records in public repositories, read on 2026-11-28.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import cast

from corvus.usage.importers.importer import (
    LINES_SUFFIXES,
    Importer,
    Layout,
    Notice,
    Object,
    count_at,
    object_at,
    objects_at,
    text_at,
)
from corvus.usage.importers.reading.unread import doubt, unread_counts

_OWN = re.compile(rb'"schemaType"\s*:\s*"ModelInvocationLog"')
_QUOTED = re.compile(rb'\\"schemaType\\"\s*:\s*\\"ModelInvocationLog\\"')
_ENVELOPES = (b'"logEvents"', b'"events"', b'"@message"')
_READ = {
    "inputTokenCount",
    "outputTokenCount",
    "cacheReadInputTokenCount",
    "cacheWriteInputTokenCount",
    "totalTokenCount",
}
_STANDARD = {"default", "standard", "on-demand", "on_demand"}
_OTHER_UNITS = (
    "invocations counted in pictures, seconds or characters and not in tokens are not imported"
)


def is_bedrock(head: bytes) -> bool:
    """Return whether a JSON file that begins so is an invocation log."""
    if _OWN.search(head):
        return True
    return any(mark in head for mark in _ENVELOPES) and _QUOTED.search(head) is not None


def invocations(found: Object) -> Iterator[Object | Notice]:
    """Yield the calls of a record, or of an envelope of CloudWatch.

    Raises:
        BadRecord: A count is none.
    """
    for event in [*objects_at(found, "logEvents", "events"), found]:
        record = object_at(event, "message", "@message")
        if "modelId" in record:
            yield from _call(record)
    if "modelId" in found:
        yield from _call(found)


def _call(record: Object) -> Iterator[Object | Notice]:
    given, made = object_at(record, "input"), object_at(record, "output")
    usage = _usage(made)
    counts = _counts(given, made, usage)
    if not any(counts.values()):
        if any(name.endswith("Count") and made[name] for name in made):
            yield Notice(_OTHER_UNITS)
        return
    unread = unread_counts(given, _READ, "input") + unread_counts(made, _READ, "output")
    yield from map(doubt, unread)
    metadata = object_at(record, "requestMetadata")
    tier = (text_at(record, "serviceTier") or text_at(usage, "service_tier") or "standard").lower()
    identity = text_at(object_at(record, "identity"), "arn") or ""
    yield {
        "id": text_at(record, "requestId"),
        "timestamp": text_at(record, "timestamp"),
        "model": text_at(record, "modelId"),
        "provider": "aws",
        "service_tier": None if tier in _STANDARD else tier,
        "user_name": identity.rpartition("/")[2] or None,
        "outcome": "failed" if text_at(record, "errorCode") else "completed",
        "provider_request_id": text_at(record, "requestId"),
        "client": "bedrock invocation log",
        "operation": text_at(record, "operation"),
        "account": text_at(record, "accountId"),
        "region": text_at(record, "region"),
        "inference_region": text_at(record, "inferenceRegion"),
        "tags": {name: str(value) for name, value in metadata.items() if isinstance(value, str)},
        "unknown_cost": bool(unread) or None,
        **counts,
    }


def _counts(given: Object, made: Object, usage: Object) -> dict[str, int]:
    read = count_at(given, "cacheReadInputTokenCount")
    written = count_at(given, "cacheWriteInputTokenCount")
    if read is None:
        read = count_at(usage, "cache_read_input_tokens", "cacheReadInputTokens")
    if written is None:
        written = count_at(usage, "cache_creation_input_tokens", "cacheWriteInputTokens")
    hour = min(_written_for_an_hour(usage), written or 0)
    return {
        "input_tokens": count_at(given, "inputTokenCount") or 0,
        "output_tokens": count_at(made, "outputTokenCount") or 0,
        "cache_read_tokens": read or 0,
        "cache_write_5m_tokens": (written or 0) - hour,
        "cache_write_1h_tokens": hour,
    }


def _usage(made: Object) -> Object:
    """Return the usage in the body of an answer; a stream has it in one of its parts."""
    body = made.get("outputBodyJson")
    if isinstance(body, str):
        body = _parsed(body)
    parts = cast("list[object]", body) if isinstance(body, list) else [body]
    found: dict[str, object] = {}
    for part in parts:
        if isinstance(part, dict):
            answer = cast("Object", part)
            for holder in (answer, object_at(answer, "message"), object_at(answer, "metadata")):
                found |= object_at(holder, "usage")
    return found


def _written_for_an_hour(usage: Object) -> int:
    hour = count_at(object_at(usage, "cache_creation"), "ephemeral_1h_input_tokens")
    listed = (
        count_at(one, "inputTokens") or 0
        for one in objects_at(usage, "cacheDetails")
        if text_at(one, "ttl") == "1h"
    )
    return hour if hour is not None else sum(listed)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


IMPORTER = Importer(
    name="bedrock",
    suffixes=LINES_SUFFIXES | {".json"},
    layouts={Layout.LINES, Layout.DOCUMENT},
    recognise=is_bedrock,
    read=invocations,
    tags=("client", "operation", "account", "region", "inference_region"),
)
