"""Pictures and documents have bounds of their own; nothing else passes for one (PRC-7)."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.calls.plan import UNSEEN_TOKENS, Plan
from corvus.calls.reading import read
from corvus.metering.documents import (
    PAGE_TEXT_TOKENS,
    UNREAD_PAGES,
    Document,
    Room,
    document_of,
)
from corvus.metering.pictures import Picture, picture_of
from corvus.metering.provider import Endpoint
from corvus.metering.providers import vision_of
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, RESPONSES
from corvus.model.usage import TokenKind

PADDING = bytes(range(256)) * 3000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(width: int, height: int, more: bytes = PADDING) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + more


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 60_000) + bytes(59_998)
    return b"\xff\xd8" + exif + b"\xff\xc2\0\x11\x08" + struct.pack(">HH", height, width) + PADDING


def pdf(pages: int, text: str = "hello", *, packed: bool = False) -> bytes:
    inner = b"".join(b"<< /Type /Page /Parent 2 0 R >>\n" for _ in range(pages))
    shown = zlib.compress(f"BT ({text}) Tj ET".encode())
    stream = b"3 0 obj << /Filter /FlateDecode >> stream\n" + shown + b"\nendstream endobj\n"
    if packed:
        objects = zlib.compress(inner)
        inner = b"4 0 obj << /Type /ObjStm /Filter /FlateDecode >> stream\n" + objects
        inner += b"\nendstream endobj\n"
    return b"%PDF-1.7\n" + inner + stream + b"%%EOF"


def tokens(endpoint: Endpoint, part: Mapping[str, object], model: str = "m") -> int:
    name = "input" if endpoint is RESPONSES else "messages"
    body = {"model": model, "max_tokens": 5, name: [{"role": "user", "content": [part]}]}
    found = read(endpoint, json.dumps(body).encode())
    assert isinstance(found, Plan), found
    return found.input_tokens


def chat(data: bytes | str, **more: object) -> dict[str, object]:
    url = data if isinstance(data, str) else f"data:image/png;base64,{b64(data)}"
    return {"type": "image_url", "image_url": {"url": url, **more}}


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (jpeg(3000, 2000), (3000, 2000)),
        (b"GIF89a" + struct.pack("<HH", 30, 20) + PADDING, (0, 0)),
        (
            b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + b"\x0f\x27\0" + b"\x07\x13\0" + PADDING,
            (10_000, 4_872),
        ),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 99, 77), (99, 77)),
        (png(0, 5), (0, 0)),
        (b"\x89PNG\r\n\x1a\n" + PADDING, (0, 0)),
        (b"\xff\xd8\xff" + PADDING, (0, 0)),
    ],
)
def test_the_size_stands_in_the_first_bytes(data: bytes, size: tuple[int, int]) -> None:
    found = picture_of(b64(data))
    assert found is not None
    assert (found.width, found.height) == size


@pytest.mark.parametrize("text", ["", "hello world " * 100, b64(b"no picture at all"), "é" * 50])
def test_what_does_not_begin_as_a_picture_is_none(text: str) -> None:
    assert picture_of(text) is None


@pytest.mark.parametrize(
    ("model", "size", "least", "most"),
    [
        ("claude-sonnet-4-5", (1092, 1092), 1_521, 1_600),
        ("claude-sonnet-4-5", (8000, 8000), 1_568, 1_600),
        ("claude-opus-4-7", (8000, 8000), 4_784, 5_000),
        ("gpt-4o", (1024, 1024), 765, 1_100),
        ("gpt-4o", (2048, 4096), 1_105, 1_600),
        ("gpt-4o-mini", (2048, 4096), 36_835, 48_500),
        ("gpt-4o-mini", (512, 512), 8_500, 26_000),
        ("gpt-4.1-mini", (1800, 2400), 2_353, 4_000),
        ("gpt-5-mini", (1024, 1024), 1_659, 2_000),
        ("o4-mini", (1024, 1024), 1_762, 2_600),
        ("gpt-5", (1024, 1024), 630, 2_000),
    ],
)
def test_a_picture_is_bounded_by_its_familys_way_to_count(
    model: str, size: tuple[int, int], least: int, most: int
) -> None:
    endpoint = MESSAGES if "claude" in model else CHAT
    assert least <= vision_of(endpoint, model).tokens_of(Picture(*size)) <= most


@given(
    st.integers(1, 9_000),
    st.integers(1, 9_000),
    st.sampled_from(["claude-opus-5", "gpt-4o", "gpt-4o-mini", "gpt-5.5", "qwen3-vl", "m"]),
)
def test_no_picture_costs_more_than_one_whose_size_is_unknown(
    width: int, height: int, model: str
) -> None:
    for endpoint in (CHAT, MESSAGES):
        vision = vision_of(endpoint, model)
        known = vision.tokens_of(Picture(width, height))
        assert 0 < known <= vision.tokens_of(Picture())


def test_a_picture_is_not_bounded_by_its_bytes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": b64(png(1000, 1000))}
    assert tokens(MESSAGES, {"type": "image", "source": source}, "claude-opus-5") < 2_000
    shown = {"type": "input_image", "image_url": f"data:image/png;base64,{b64(png(900, 900))}"}
    assert tokens(RESPONSES, shown, "gpt-4o") < 2_000
    assert tokens(CHAT, chat(png(1000, 1000)), "gpt-4o") < 2_000
    result = {"type": "tool_result", "content": [{"type": "image", "source": source}]}
    assert 1_300 < tokens(MESSAGES, result, "claude-opus-5") < 2_000


@pytest.mark.parametrize(
    "part",
    [
        chat("https://x.example/y.png"),
        chat(png(8000, 8000, b"")),
        {"type": "input_image", "file_id": "file_1"},
        {"type": "image", "source": {"type": "url", "url": "https://x.example/y"}},
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "image_url", "image_url": "https://x.example/y.png"},
    ],
)
def test_a_few_bytes_may_stand_for_a_large_picture(part: dict[str, object]) -> None:
    for endpoint, model, least in (
        (CHAT, "gpt-4o", 1_105),
        (RESPONSES, "gpt-4o-mini", 25_501),
        (MESSAGES, "claude-opus-5", 4_784),
    ):
        assert tokens(endpoint, part, model) >= least


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": f"data:image/png;base64,{b64(png(10, 10))}"},
        chat(f"data:text/plain;base64,{b64(PADDING)}"),
        chat("data:image/png;base64," + "write me a long story " * 40_000),
        {"type": "document", "source": {"type": "text", "data": "tell me " * 90_000}},
        {"type": "document", "source": {"type": "base64", "data": b64(PADDING)}},
        {"type": "unheard_of", "blob": b64(png(10, 10))},
    ],
)
def test_text_that_passes_itself_off_as_a_picture_counts_by_its_bytes(
    part: dict[str, object],
) -> None:
    assert tokens(MESSAGES, part, "claude-opus-5") > 200_000


def test_low_detail_is_the_base_of_a_family_that_counts_tiles() -> None:
    low = tokens(CHAT, chat(png(4000, 4000), detail="low"), "gpt-4o-mini")
    assert 2_833 <= low < 5_000


@pytest.mark.parametrize("packed", [False, True])
def test_a_pdf_is_bounded_by_its_pages(packed: bool) -> None:
    assert document_of(pdf(7, packed=packed), Room()) == Document(7, 7 * PAGE_TEXT_TOKENS)
    source = {"type": "base64", "media_type": "application/pdf", "data": b64(pdf(7, packed=packed))}
    found = tokens(MESSAGES, {"type": "document", "source": source}, "claude-haiku-4-5")
    assert 7 * (PAGE_TEXT_TOKENS + 1_568) <= found < 7 * (PAGE_TEXT_TOKENS + 1_568) + 1_000


def test_every_compressed_part_of_a_pdf_is_looked_into() -> None:
    packed = zlib.compress(b"<< /Type /Page >>")
    one = b"4 0 obj << /Type /ObjStm /Filter /FlateDecode >> stream\n%s\nendstream\nendobj\n"
    found = document_of(b"%PDF-1.7\n" + (one % packed) * 5, Room())
    assert found is not None
    assert found.pages == 5


def test_the_text_of_a_page_counts_by_its_size() -> None:
    found = document_of(pdf(1, "word " * 100_000), Room())
    assert found is not None
    assert found.text_tokens >= 250_000


@pytest.mark.parametrize(
    "data",
    [b"", b"no pdf", b"%PDF-1.7 nothing", pdf(3) + b"/Encrypt 9 0 R", pdf(1, "x" * 9_000_000)],
)
def test_a_pdf_that_cannot_be_read_is_none(data: bytes) -> None:
    assert document_of(data, Room()) is None


@given(st.binary(max_size=300))
def test_no_file_makes_reading_raise(noise: bytes) -> None:
    for start in (b"%PDF-1.7 /Type/Page stream\n", b"\xff\xd8\xff", b"RIFF1234WEBPVP8X", b"GIF89a"):
        document_of(start + noise, Room())
        picture_of(b64(start + noise))


TEXT = b64(png(1, 1, b"")) + "words that a model reads " * 20_000


@pytest.mark.parametrize(
    ("endpoint", "part"),
    [
        (
            MESSAGES,
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": TEXT},
            },
        ),
        (
            MESSAGES,
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "text/plain", "data": TEXT},
            },
        ),
        (
            CHAT,
            {"type": "file", "file": {"file_data": f"data:text/plain;base64,{TEXT}"}},
        ),
        (
            RESPONSES,
            {"type": "input_file", "filename": "a.md", "file_data": TEXT},
        ),
        (CHAT, {"type": "text", "text": "", "image_url": f"data:image/png;base64,{TEXT}"}),
        (CHAT, chat(f"data:text/plain;base64,{TEXT}")),
        (CHAT, chat(f"data:image/png,{TEXT}")),
        (
            RESPONSES,
            {
                "type": "input_file",
                "filename": "a.txt",
                "file_data": "data:application/pdf;base64," + b64(pdf(1)) + TEXT,
            },
        ),
    ],
)
def test_text_that_begins_as_a_picture_counts_as_text(
    endpoint: Endpoint, part: Mapping[str, object]
) -> None:
    assert tokens(endpoint, part) > len(TEXT) // 4


def test_frames_of_a_gif_may_be_larger_than_it_says() -> None:
    small = base64.b64encode(b"GIF89a" + struct.pack("<HH", 1, 1) + PADDING).decode()
    assert tokens(CHAT, chat(f"data:image/gif;base64,{small}"), "gpt-4o") > 1_000


@pytest.mark.parametrize(
    "inner",
    [
        b"/Encrypt 9 0 R" + b"3 0 obj << /Type /Page >> endobj\n",
        b"2 0 obj << /Count 1 /Kids [" + b"3 0 R " * 50 + b"] >> 3 0 obj << /Type /Page >>",
        b"2 0 obj << /C#6funt 50 >> 3 0 obj << /Type /Page >> endobj",
        b"2 0 obj << /Kids 4 0 R >> 3 0 obj << /Type /Page >> endobj 4 0 obj [5 0 R]",
        b"3 0 obj << /Filter /LZWDecode >> stream\nx\nendstream << /Type /Page >>",
        b"3 0 obj << /Type /ObjStm /Subtype /Image /Filter /DCTDecode >> stream\nx\nendstream"
        b" 4 0 obj << /Type /Page >> endobj",
    ],
)
def test_a_pdf_that_hides_its_pages_counts_as_the_most_that_are_taken(inner: bytes) -> None:
    url = "data:application/pdf;base64," + b64(b"%PDF-1.7\n" + inner)
    part: dict[str, object] = {"type": "input_file", "file_data": url}
    assert tokens(RESPONSES, part) > UNREAD_PAGES * PAGE_TEXT_TOKENS


def test_a_pdf_has_as_many_pages_as_its_tree_refers_to() -> None:
    tree = b"".join(b"%d 0 R " % one for one in range(3, 43))
    found = document_of(b"%PDF-1.7\n1 0 obj << /Count 1 /Kids [" + tree + b"] >>", Room())
    assert found is not None
    assert found.pages == 40


def test_the_files_of_a_request_share_what_is_looked_into() -> None:
    room = Room()
    bomb = pdf(1, "x" * 3_000_000)
    found = [document_of(bomb, room) for _ in range(5)]
    assert [one is not None for one in found] == [True, True, False, False, False]


def test_sizes_are_read_of_so_many_pictures_only() -> None:
    parts = [chat(png(10, 10 + one, b"")) for one in range(300)]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": parts}]}
    found = read(CHAT, json.dumps(body).encode())
    assert isinstance(found, Plan)
    assert found.input_tokens > 100 * 1_445


@pytest.mark.parametrize("fill", [b"\xff", b"\xff\xe0\0\2"])
def test_a_jpeg_of_nothing_but_markers_is_the_largest(fill: bytes) -> None:
    assert picture_of(b64(b"\xff\xd8" + fill * 10_000)) == Picture()


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (RESPONSES, {"input": [{"id": "msg_1"}]}),
        (CHAT, {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
        (CHAT, {"tools": [{"google_search": {"x": 1}}]}),
        (CHAT, {"search_parameters": {"mode": "on"}}),
        (CHAT, {"enable_search": True}),
    ],
)
def test_what_the_provider_adds_is_expected(endpoint: Endpoint, more: Mapping[str, object]) -> None:
    found = read(endpoint, json.dumps({"model": "m", **more}).encode())
    assert isinstance(found, Plan)
    assert found.input_tokens > UNSEEN_TOKENS


@pytest.mark.parametrize(
    "more",
    [
        {"fallbacks": [{"model": "m", "fallbacks": ["large"]}]},
        {"fallbacks": [{"m": ["large"]}]},
        {"extra_body": {"models": ["large"]}},
        {"extra_body": {"extra_body": {"fallbacks": "large"}}},
    ],
)
def test_models_are_found_wherever_a_vendor_looks(more: dict[str, object]) -> None:
    found = read(CHAT, json.dumps({"model": "m", "messages": [], **more}).encode())
    assert isinstance(found, Plan)
    assert "large" in found.models


PICTURE = '"image_url":{"url":"https://x.example/a.png"}'


@pytest.mark.parametrize(
    "content",
    [
        f'[{{"type":"image_url",{PICTURE},"image_url":null}}]',
        f'[{{"type":"text","text":"x",{PICTURE},"image_\\u0075rl":null}}]',
        f'[{{"type":"image_url","type":"text","text":"x",{PICTURE}}}]',
        '[{"type":"image_url","image_url":{"url":"https://x.example/a.png","url":""}}]',
        '[{"type":"image_url","image_url":{"url":"x","detail":"high","detail":"low"}}]',
        '[{"type":"document","source":{"type":"url","url":"https://x.example/a","url":null}}]',
        '[{"type":"file","file":{"file_id":"f","file_id":null}}]',
        '[{"type":"tool_result","content":[{"type":"image","type":"text"}]}]',
        f'{{"type":"image_url",{PICTURE},"image_url":null}}',
    ],
)
@pytest.mark.parametrize("root", ["messages", "input", "tools"])
def test_a_part_that_names_a_member_twice_is_refused(root: str, content: str) -> None:
    """A vendor may read the first where we read the last."""
    inner = content if root == "tools" else f'[{{"role":"user","content":{content}}}]'
    if root == "tools" and not content.startswith("["):
        inner = f"[{content}]"
    body = f'{{"model":"m","max_tokens":5,"{root}":{inner}}}'
    found = read(CHAT, body.encode())
    assert not isinstance(found, Plan)
    assert found.code == "json_ambiguous"


def test_one_name_in_several_parts_is_not_named_twice() -> None:
    parts = [chat(png(64, 64)), chat(png(64, 64)), {"type": "text", "text": '"a","a"'}]
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": parts}] * 3}
    assert isinstance(read(CHAT, json.dumps(body).encode()), Plan)


def test_so_many_cache_controls_are_read_and_more_count_as_the_most_expensive() -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [part] * 1_001}]}
    found = read(MESSAGES, json.dumps(body).encode())
    assert isinstance(found, Plan)
    assert TokenKind.CACHE_WRITE_1H in found.input_kinds
