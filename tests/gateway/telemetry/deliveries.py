"""Deliveries of OTLP as Claude Code and Codex make them, in both forms."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Attributes = dict[str, object]


def claude(at: datetime, **other: object) -> Attributes:
    """The attributes of an ``api_request``; those named with two underscores have a dot."""
    stated: Attributes = {
        "event.name": "api_request",
        "session.id": "cc-1",
        "event.timestamp": at.isoformat().replace("+00:00", "Z"),
        "prompt.id": "p1",
        "model": "m",
        "input_tokens": 100,
        "output_tokens": 10,
        "cache_read_tokens": 0,
        "cache_creation_tokens": 0,
        "cost_usd": 0.25,
        "cost_usd_micros": 250_000,
        "request_id": "req_1",
        "speed": "normal",
    }
    return stated | {name.replace("__", "."): value for name, value in other.items()}


def codex(at: datetime, **other: object) -> Attributes:
    """The attributes of a ``response.completed``, whose counts are partly text."""
    stated: Attributes = {
        "event.name": "codex.sse_event",
        "event.kind": "response.completed",
        "conversation.id": "cx-1",
        "event.timestamp": at.isoformat().replace("+00:00", "Z"),
        "model": "m",
        "slug": "m",
        "input_token_count": "100",
        "output_token_count": "10",
        "cached_token_count": 40,
        "cache_write_token_count": 0,
        "reasoning_token_count": 4,
        "tool_token_count": "110",
    }
    return stated | {name.replace("__", "."): value for name, value in other.items()}


def _typed(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # as 64-bit numbers are written
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}


def in_json(records: Iterable[Attributes], service: str = "claude-code") -> bytes:
    """Write a delivery as JSON."""
    written = [
        {"attributes": [{"key": key, "value": _typed(value)} for key, value in one.items()]}
        for one in records
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    batch = {"resource": resource, "scopeLogs": [{"logRecords": written}]}
    return json.dumps({"resourceLogs": [batch]}).encode()


def in_protobuf(records: Iterable[Attributes], service: str = "claude-code") -> bytes:
    """Write a delivery in protobuf."""
    request = ExportLogsServiceRequest()
    batch = request.resource_logs.add()
    batch.resource.attributes.append(KeyValue(key="service.name", value=_any(service)))
    scope = batch.scope_logs.add()
    for one in records:
        record = scope.log_records.add(observed_time_unix_nano=1)
        record.attributes.extend(KeyValue(key=key, value=_any(one[key])) for key in one)
    return request.SerializeToString()


def _any(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))
