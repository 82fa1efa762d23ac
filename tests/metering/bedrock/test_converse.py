"""What the parts of a Converse request say about its cost (PRC-7)."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from corvus.metering.bedrock.converse import converse_content, nova_content
from corvus.metering.bedrock.tiers import tier_stated
from corvus.metering.content import NODES_MAX, Content
from corvus.metering.documents import unread
from corvus.metering.members import Malformed, members_of
from corvus.metering.pictures import Picture

FILM_TOKENS = 276_480
S3 = {"s3Location": {"uri": "s3://bucket/key"}}


def png(width: int, height: int) -> str:
    head = struct.pack("!II5B", width, height, 8, 2, 0, 0, 0)
    part = struct.pack("!I", len(head)) + b"IHDR" + head
    whole = b"\x89PNG\r\n\x1a\n" + part + struct.pack("!I", zlib.crc32(part[4:]))
    return base64.b64encode(whole + bytes(200)).decode()


def read(**members: Any) -> Content:
    return converse_content(members_of(json.dumps(members).encode()))


def said(*parts: Any, **more: Any) -> Content:
    return read(messages=[{"role": "user", "content": [*parts]}], **more)


def test_text_is_plain() -> None:
    found = said(
        {"text": "hi"},
        {"toolUse": {"toolUseId": "1", "name": "metadata", "input": {"image": {}}}},
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "x"}}},
        system=[{"text": "be kind"}],
        inferenceConfig={"maxTokens": 5},
    )
    assert found.kinds == {"role:user", "last:user", "text", "toolUse", "reasoningContent"}
    assert not any((found.reads_more, found.adds_hidden, found.has_cache_control))
    assert not any((found.pictures, found.documents, found.bills_more))


@pytest.mark.parametrize("place", ["message", "tool result", "guard"])
def test_a_picture_counts_by_its_size_wherever_it_stands(place: str) -> None:
    picture = {"image": {"format": "png", "source": {"bytes": png(640, 480)}}}
    part: Any = {
        "message": picture,
        "tool result": {"toolResult": {"toolUseId": "1", "content": [picture]}},
        "guard": {"guardContent": picture},
    }[place]
    found = said(part)
    assert found.pictures == {Picture(640, 480): 1}
    assert found.media_bytes == len(png(640, 480))


def test_what_lies_in_s3_counts_as_the_largest() -> None:
    found = said(
        {"image": {"format": "png", "source": S3}},
        {"document": {"format": "pdf", "name": "d", "source": S3}},
    )
    assert found.pictures == {Picture(): 1}
    assert found.documents == [unread()]
    assert found.media_bytes == 0


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("source", [S3, {"bytes": "AAAA"}])
def test_films_and_sound_count_as_the_longest_that_are_read(kind: str, source: Any) -> None:
    found = said({kind: {"format": "mp4", "source": source}})
    assert sum(one.text_tokens for one in found.documents) == FILM_TOKENS
    assert kind in found.kinds


def test_documents_count_as_their_format_says() -> None:
    text = base64.b64encode(b"a,b").decode()
    for kind in ("csv", "txt", "md", "html"):
        found = said({"document": {"format": kind, "name": "d", "source": {"bytes": text}}})
        assert (found.documents, found.media_bytes) == ([], 0)
    for kind in ("docx", "xls", "pdf"):
        found = said({"document": {"format": kind, "name": "d", "source": {"bytes": text}}})
        assert (found.documents, found.media_bytes) == ([unread()], 0)
    inner = {"content": [{"text": "a"}]}
    found = said({"document": {"name": "d", "source": inner, "citations": {"enabled": True}}})
    assert (found.documents, found.adds_hidden) == ([], True)


@pytest.mark.parametrize(
    ("point", "keeps_hour"),
    [
        ({"type": "default"}, False),
        ({"ttl": "5m"}, False),
        ({"ttl": "1h"}, True),
        ({"ttl": "x"}, True),
    ],
)
def test_a_cache_point_says_for_how_long(point: Any, keeps_hour: bool) -> None:
    for found in (
        said({"cachePoint": point}),
        read(system=[{"text": "x"}, {"cachePoint": point}]),
        read(toolConfig={"tools": [{"cachePoint": point}]}),
        said({"toolResult": {"content": [{"cachePoint": point}]}}),
    ):
        assert (found.has_cache_control, found.keeps_hour) == (True, keeps_hour)


def test_tools_add_hidden_input_and_those_of_the_provider_more() -> None:
    found = read(toolConfig={"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]})
    assert (found.adds_hidden, found.reads_more, found.bills_more) == (True, False, False)
    found = read(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]})
    assert (found.reads_more, found.bills_more, found.searches) == (True, True, 1)
    found = read(toolConfig={"tools": [{"systemTool": {"name": "nova_code_interpreter"}}]})
    assert (found.containers, found.searches) == (1, 0)


def test_a_guardrail_is_billed_apart() -> None:
    assert read(guardrailConfig={"guardrailIdentifier": "g", "guardrailVersion": "1"}).bills_more


ELSEWHERE: list[Any] = [
    {"promptVariables": {"a": {"text": "b"}}},
    {"additionalModelRequestFields": {"tools": [{"type": "bash_20250124"}]}},
    {"additionalModelRequestFields": {"mcp_servers": [{"url": "https://a.example"}]}},
    {"contextFromElsewhere": {"id": "x"}},
    {"messages": [{"role": "user", "content": [{"somethingNew": {}}]}]},
]


@pytest.mark.parametrize("members", ELSEWHERE)
def test_input_that_is_not_in_the_request_or_not_known(members: Any) -> None:
    assert read(**members).reads_more


@pytest.mark.parametrize("written", ['{"cache_control":{}}', '{"c\\u0061che_control":{}}'])
def test_words_of_a_model_may_write_to_a_cache(written: str) -> None:
    text = f'{{"additionalModelRequestFields":{written}}}'
    found = converse_content(members_of(text.encode()))
    assert (found.has_cache_control, found.keeps_hour) == (True, True)


def test_tier_and_latency() -> None:
    assert read(serviceTier={"type": "priority"}).tier == "priority"
    assert read(performanceConfig={"latency": "optimized"}).tier == "fast"
    assert (
        read(serviceTier={"type": "reserved"}, performanceConfig={"latency": "standard"}).tier
        is None
    )
    with pytest.raises(Malformed):
        tier_stated("priority", "optimized")


@pytest.mark.parametrize(
    "members",
    [
        '{"messages":"hi"}',
        '{"messages":["hi"]}',
        '{"messages":{"role":"user"}}',
        '{"messages":[{"role":"user","content":"hi"}]}',
        '{"messages":[{"role":"user","content":[{"text":"a","text":"b"}]}]}',
        '{"messages":[{"content":[{"image":{"source":{},"source":{}}}]}]}',
        '{"messages":[{"content":[{"cachePoint":{"ttl":"5m","ttl":"1h"}}]}]}',
        '{"messages":[{"role":1,"content":[]}]}',
        '{"toolConfig":[]}',
        '{"toolConfig":{"tools":{}}}',
        '{"serviceTier":"priority"}',
        '{"serviceTier":{"type":7}}',
        '{"additionalModelRequestFields":[]}',
        '{"additionalModelRequestFields":{"tools":[],"tools":[]}}',
    ],
)
def test_shapes_that_the_api_does_not_have_are_refused(members: str) -> None:
    with pytest.raises(Malformed):
        converse_content(members_of(members.encode()))


def test_parts_are_bounded() -> None:
    with pytest.raises(Malformed):
        said(*[{"text": "a"}] * NODES_MAX)


def test_deep_results_are_refused_and_do_not_overflow() -> None:
    part: Any = {"text": "a"}
    for _ in range(300):
        part = {"toolResult": {"content": [part]}}
    with pytest.raises(Malformed):
        said(part)


def test_a_model_of_amazons_has_the_same_parts() -> None:
    message = {"role": "user", "content": [{"image": {"format": "png", "source": S3}}]}
    found = nova_content(members_of(json.dumps({"messages": [message]}).encode()))
    assert found.pictures == {Picture(): 1}
