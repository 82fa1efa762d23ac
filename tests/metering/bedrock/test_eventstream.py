"""The binary event stream of AWS: read as botocore reads it, and bounded (PRX-2, PRX-10)."""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.bedrock.eventstream import (
    HEADER_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    EventMessages,
    Message,
    message_bytes,
)

NAMES = st.text(min_size=1, max_size=60)
HEADERS = st.dictionaries(NAMES, st.text(max_size=300), max_size=5)
MESSAGES = st.lists(st.tuples(HEADERS, st.binary(max_size=400)), max_size=6)
EVENT = {":message-type": "event", ":event-type": "chunk"}


def framed(
    header_block: bytes, payload: bytes = b"{}", *, total: int | None = None, crc: int | None = None
) -> bytes:
    """Frame a block of headers, with lengths and checksums that may lie."""
    whole = 16 + len(header_block) + len(payload) if total is None else total
    lengths = struct.pack("!II", whole, len(header_block))
    begun = lengths + struct.pack("!I", crc32(lengths)) + header_block + payload
    return begun + struct.pack("!I", crc32(begun) if crc is None else crc)


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes((len(name),)) + name + bytes((kind,)) + value


def text(name: bytes, value: bytes) -> bytes:
    return header(name, 7, struct.pack("!H", len(value)) + value)


def messages_of(*chunks: bytes) -> list[Message]:
    reader = EventMessages()
    return [message for chunk in chunks for message in reader.feed(chunk)]


@given(messages=MESSAGES, data=st.data())
def test_wherever_it_is_cut_it_reads_as_botocore_does(
    messages: list[tuple[dict[str, str], bytes]], data: st.DataObject
) -> None:
    body = b"".join(message_bytes(*message) for message in messages)
    official: Any = EventStreamBuffer()
    official.add_data(body)
    expected = [Message(one.headers, one.payload) for one in official]
    chunks: list[bytes] = []
    at = 0
    while at < len(body):
        size = data.draw(st.integers(1, 120))
        chunks.append(body[at : at + size])
        at += size
    assert messages_of(*chunks) == expected == [Message(*message) for message in messages]


def test_values_of_every_type_are_passed_over_but_for_texts() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    block = b"".join(header(b"h%d" % kind, kind, bytes(size)) for kind, size in sizes.items())
    block += header(b"raw", 6, b"\x00\x02ab") + text(b":event-type", b"chunk")
    (message,) = messages_of(framed(block))
    assert message == Message({":event-type": "chunk"}, b"{}")


@given(flipped=st.integers(0, 8 * len(message_bytes(EVENT, b"{}")) - 1))
def test_a_flipped_bit_ends_the_reading(flipped: int) -> None:
    body = bytearray(message_bytes(EVENT, b"{}"))
    body[flipped // 8] ^= 1 << flipped % 8
    reader = EventMessages()
    assert list(reader.feed(bytes(body))) == []
    assert reader.is_broken
    assert list(reader.feed(message_bytes(EVENT, b"{}"))) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(framed(b"", b"", total=0), id="no length"),
        pytest.param(framed(b"", b"", total=15), id="shorter than any"),
        pytest.param(framed(b"", total=MESSAGE_BYTES_MAX + 1), id="longer than any"),
        pytest.param(framed(bytes(HEADER_BYTES_MAX + 1)), id="long headers"),
        pytest.param(framed(text(b"a", b"b"), b"", total=17), id="headers longer than the whole"),
        pytest.param(framed(text(b"a", b"b"), crc=1), id="checksum"),
        pytest.param(framed(text(b"a", b"b") * 2), id="a header twice"),
        pytest.param(framed(header(b"a", 10, b"")), id="a type of no value"),
        pytest.param(framed(header(b"a", 7, b"\x00\x09b")), id="a text beyond the headers"),
        pytest.param(framed(header(b"a", 5, b"1234")), id="a number beyond the headers"),
        pytest.param(framed(b"\x09a"), id="a name beyond the headers"),
        pytest.param(framed(b"\x00\x07\x00\x01b"), id="no name"),
        pytest.param(framed(b"\x01"), id="a length alone"),
        pytest.param(framed(text(b"a", b"\xff")), id="no UTF-8"),
    ],
)
def test_what_cannot_be_trusted_ends_the_reading(body: bytes) -> None:
    reader = EventMessages()
    assert list(reader.feed(message_bytes(EVENT, b"1") + body)) == [Message(EVENT, b"1")]
    assert reader.is_broken
    assert not reader.has_rest


def test_a_length_that_lies_keeps_no_more_than_what_came() -> None:
    reader = EventMessages()
    lengths = struct.pack("!II", MESSAGE_BYTES_MAX, 0)
    assert list(reader.feed(lengths + struct.pack("!I", crc32(lengths)))) == []
    assert (reader.is_broken, reader.has_rest) == (False, True)


def test_only_headers_say_what_a_message_is() -> None:
    event, exception, error, other = messages_of(
        message_bytes(EVENT, b'{":message-type": "exception"}')
        + message_bytes({":message-type": "exception", ":exception-type": "throttled"}, b"{}")
        + message_bytes({":message-type": "error", ":error-code": "500"}, b"")
        + message_bytes({":event-type": "metadata"}, b"{}")
    )
    assert (event.event, event.exception) == ("chunk", None)
    assert (exception.event, exception.exception) == (None, "throttled")
    assert (error.event, error.exception) == (None, "500")
    assert (other.event, other.exception) == (None, None)
