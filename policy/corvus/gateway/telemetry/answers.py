"""The answers of OTLP over HTTP, in the form of the request.

A success is an empty message, or names how many log records were rejected and why; a client does
not send these again. A failure is a ``Status`` of google.rpc.

Source:
    opentelemetry.io/docs/specs/otlp, sections "Partial Success" and "Failures"; google.rpc.Status
    and google.rpc.Code, read 2026-11-28.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from corvus.gateway.telemetry.payload import Form

_MESSAGE_CHARACTERS_MAX = 500
_INVALID_ARGUMENT, _UNAVAILABLE, _UNKNOWN = 3, 14, 2
_CODES = {400: _INVALID_ARGUMENT, 503: _UNAVAILABLE}
_REJECTED, _TEXT, _PARTIAL = 0x08, 0x12, 0x0A  # keys of fields 1 (count), 2 (text), 1 (message)


class Answer(NamedTuple):
    """An answer to a delivery.

    Attributes:
        retry_after_seconds: When to send it again; ``None`` where it is not to be sent again.
    """

    status: int
    form: Form
    body: bytes
    retry_after_seconds: int | None = None


def taken(form: Form, rejected: int = 0, why: str = "") -> Answer:
    """Answer that a delivery was taken.

    Args:
        form: As the client writes.
        rejected: Log records that were not taken.
        why: The reason of the first of them.
    """
    if not rejected:
        return Answer(200, form, b"{}" if form is Form.JSON else b"")
    why = _short(why)
    if form is Form.JSON:
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": why}
        return Answer(200, form, json.dumps({"partialSuccess": partial}).encode())
    inner = bytes([_REJECTED, *_varint(rejected)]) + _text(why)
    return Answer(200, form, bytes([_PARTIAL, *_varint(len(inner))]) + inner)


def refused(form: Form, status: int, why: str, retry_after_seconds: int | None = None) -> Answer:
    """Answer that a delivery was not taken."""
    code, why = _CODES.get(status, _UNKNOWN), _short(why)
    if form is Form.JSON:
        body = json.dumps({"code": code, "message": why}).encode()
    else:
        body = bytes([_REJECTED, *_varint(code)]) + _text(why)
    return Answer(status, form, body, retry_after_seconds)


def _short(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode()
    if len(plain) <= _MESSAGE_CHARACTERS_MAX:
        return plain
    return f"{plain[: _MESSAGE_CHARACTERS_MAX - 1]}…"


def _text(text: str) -> bytes:
    data = text.encode()
    return bytes([_TEXT, *_varint(len(data))]) + data


def _varint(number: int) -> list[int]:
    """Return a number as protobuf writes it: seven bits a byte, the least first."""
    digits: list[int] = []
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return [*digits, number]
