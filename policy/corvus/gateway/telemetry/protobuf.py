"""Deliveries of OTLP in the binary form of protobuf, as the same objects that JSON gives.

Refuses what does not parse as the message that its path names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage

from corvus.gateway.telemetry.payload import LogRecord, Object, PayloadMalformed, SignalKind

_MESSAGES: dict[SignalKind, type[Message]] = {
    SignalKind.LOGS: ExportLogsServiceRequest,
    SignalKind.METRICS: ExportMetricsServiceRequest,
    SignalKind.TRACES: ExportTraceServiceRequest,
}


def parse(body: bytes, kind: SignalKind) -> Message:
    """Return a delivery as its message.

    Raises:
        PayloadMalformed: It is none.
    """
    message = _MESSAGES[kind]()
    try:
        message.ParseFromString(body)
    except (DecodeError, ValueError):
        raise PayloadMalformed("the body is no message of OTLP in protobuf") from None
    return message


def records_of(body: bytes) -> Iterator[LogRecord]:
    """Yield the log records of a delivery of logs.

    Raises:
        PayloadMalformed: It is none.
    """
    request = parse(body, SignalKind.LOGS)
    assert isinstance(request, ExportLogsServiceRequest)
    for batch in request.resource_logs:
        resource: Object = {"resource": {"attributes": _pairs(batch.resource.attributes)}}
        for scope in batch.scope_logs:
            for record in scope.log_records:
                yield LogRecord(resource, _record(record))


def _record(record: LogMessage) -> Object:
    found: Object = {"attributes": _pairs(record.attributes), "body": _value(record.body)}
    if record.time_unix_nano:
        found["timeUnixNano"] = str(record.time_unix_nano)
    if record.observed_time_unix_nano:
        found["observedTimeUnixNano"] = str(record.observed_time_unix_nano)
    if record.event_name:
        found["eventName"] = record.event_name
    return found


def _pairs(pairs: Iterable[KeyValue]) -> list[Object]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(value: AnyValue) -> Object:
    """Return a value with its type, as JSON has it."""
    found: Object = {}
    match value.WhichOneof("value"):
        case "string_value":
            found["stringValue"] = value.string_value
        case "int_value":
            found["intValue"] = value.int_value
        case "double_value":
            found["doubleValue"] = repr(value.double_value)
        case "bool_value":
            found["boolValue"] = value.bool_value
        case "array_value":
            found["arrayValue"] = {"values": [_value(one) for one in value.array_value.values]}
        case "kvlist_value":
            found["kvlistValue"] = {"values": _pairs(value.kvlist_value.values)}
        case _:
            pass  # bytes, or nothing: no attribute that is read
    return found
