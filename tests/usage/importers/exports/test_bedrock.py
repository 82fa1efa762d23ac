"""The invocation log of Amazon Bedrock, from S3 and from CloudWatch."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from corvus.usage.importers.exports.bedrock import invocations, is_bedrock
from corvus.usage.importers.importer import Notice

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

PROFILE = (
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-v1:0"
)
RECORD: dict[str, Any] = {
    "schemaType": "ModelInvocationLog",
    "schemaVersion": "1.0",
    "timestamp": "2026-11-16T10:00:00Z",
    "accountId": "123456789012",
    "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/dev/ada@example.com"},
    "region": "eu-west-1",
    "requestId": "3f0e2c9d-1",
    "operation": "Converse",
    "modelId": PROFILE,
    "input": {
        "inputContentType": "application/json",
        "inputTokenCount": 100,
        "cacheReadInputTokenCount": 4000,
        "cacheWriteInputTokenCount": 300,
    },
    "output": {"outputContentType": "application/json", "outputTokenCount": 50},
}
COUNTS = (
    "SELECT provider, requested_model, user_name, tags['region'], input_tokens, "
    "cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens FROM usage_call"
)
USED = ("aws", PROFILE, "ada@example.com", "eu-west-1", 100, 4000, 300, 0, 50)


def read(**rest: Any) -> dict[str, Any]:
    (record,) = [one for one in invocations(RECORD | rest) if not isinstance(one, Notice)]
    return dict(record)


def test_a_packed_file_of_s3_is_read(desk: Desk) -> None:
    path = desk.folder / "log.json.gz"
    path.write_bytes(gzip.compress(json.dumps(RECORD).encode() + b"\n"))
    assert desk.take(path).files == {"bedrock": 1}
    assert desk.ask(COUNTS) == [USED]


def test_every_envelope_of_cloudwatch_holds_the_same_call(desk: Desk) -> None:
    text = json.dumps(RECORD)
    batch = {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": text}]}
    events = {"events": [{"timestamp": 1, "message": text}]}
    desk.take(desk.write("a.jsonl", [batch]))
    desk.take(desk.write("b.jsonl", [events]))
    summary = desk.take(desk.write("c.jsonl", [{"@message": RECORD, "@timestamp": "x"}]))
    assert summary.duplicate == 1
    assert desk.ask(COUNTS) == [USED]


def test_the_body_says_how_long_a_cache_holds() -> None:
    converse = {"usage": {"cacheDetails": [{"ttl": "1h", "inputTokens": 200}]}}
    stream = [
        {
            "type": "message_start",
            "message": {
                "usage": {
                    "cache_creation": {
                        "ephemeral_1h_input_tokens": 200,
                        "ephemeral_5m_input_tokens": 100,
                    }
                }
            },
        },
        {"type": "message_delta", "usage": {"output_tokens": 50}},
    ]
    for body in (converse, stream, json.dumps(stream)):
        record = read(output=RECORD["output"] | {"outputBodyJson": body})
        assert (record["cache_write_5m_tokens"], record["cache_write_1h_tokens"]) == (100, 200)


def test_older_records_have_cached_tokens_in_the_body_alone() -> None:
    usage = {"cache_read_input_tokens": 4000, "cache_creation_input_tokens": 300}
    record = read(
        input={"inputTokenCount": 100},
        output={"outputTokenCount": 50, "outputBodyJson": {"usage": usage}},
    )
    assert (record["cache_read_tokens"], record["cache_write_5m_tokens"]) == (4000, 300)


def test_pictures_are_named_and_not_imported() -> None:
    pictures = RECORD | {"input": {}, "output": {"outputImageCount": 2}}
    (notice,) = invocations(pictures)
    assert isinstance(notice, Notice)
    failed: dict[str, Any] = {"input": {}, "output": {}, "errorCode": "Throttling"}
    assert list(invocations(RECORD | failed)) == []


def test_what_a_caller_added_are_tags() -> None:
    assert read(requestMetadata={"team": "growth", "n": 1})["tags"] == {"team": "growth"}


def test_a_quotation_in_another_log_is_no_record() -> None:
    assert is_bedrock(json.dumps(RECORD).encode())
    assert not is_bedrock(json.dumps({"sessionId": "s", "text": json.dumps(RECORD)}).encode())
