"""Hand-made answers of Bedrock."""

from __future__ import annotations

import base64
import json

from corvus.metering.bedrock.eventstream import message_bytes


def event(name: str, payload: object) -> bytes:
    """Return an event of a stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message_bytes(headers, json.dumps(payload).encode())


def exception(name: str, message: str) -> bytes:
    """Return an error in a stream."""
    headers = {":exception-type": name, ":message-type": "exception"}
    return message_bytes(headers, json.dumps({"message": message}).encode())


def chunk(inner: object) -> bytes:
    """Return an event of a vendor, as a model that is invoked directly sends it."""
    payload = base64.b64encode(json.dumps(inner).encode()).decode()
    return event("chunk", {"bytes": payload, "p": "abcd"})


def delta(text: str) -> bytes:
    """Return a piece of text."""
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "ab"})


def metadata(**members: object) -> bytes:
    """Return the last event of Converse."""
    return event("metadata", {"metrics": {"latencyMs": 9}, **members})
