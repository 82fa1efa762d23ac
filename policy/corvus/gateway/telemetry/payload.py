"""What stands in a delivery of OTLP: the log records, each with the program that wrote it.

A delivery is read whole or not at all: what is not of the shape that OTLP gives it is malformed.
Bounded are its records and the attributes of each; how deep values nest is bounded by the parsers.
Numbers with a fraction stay the text that was sent.

Source:
    opentelemetry.io/docs/specs/otlp and the messages of opentelemetry-proto 1.x, read 2026-11-28:
    names in JSON are in lower camel case, 64-bit integers may be text, unknown members are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, NoReturn, TypeAlias, cast

RECORDS_MAX = 10_000
"""Log records of one delivery that are read; those beyond are rejected."""
ATTRIBUTES_MAX = 256
"""Attributes of one record; one with more is rejected."""

Object: TypeAlias = dict[str, object]
_ATTRIBUTES = "attributes"


class Form(Enum):
    """How a delivery is written, by its content type."""

    JSON = "application/json"
    PROTOBUF = "application/x-protobuf"


class SignalKind(Enum):
    """What a delivery holds, by the end of its path: the member of its JSON that lists it."""

    LOGS = "resourceLogs"
    METRICS = "resourceMetrics"
    TRACES = "resourceSpans"


class PayloadMalformed(Exception):
    """A delivery that is no OTLP; the message says what is wrong with it."""


class LogRecord(NamedTuple):
    """One record as OTLP writes it in JSON.

    Attributes:
        resource: The batch that it stands in, with the resource.
        record: The record.
    """

    resource: Object
    record: Object


def log_records(body: bytes, form: Form) -> list[LogRecord]:
    """Return the log records of a delivery, in their order.

    Raises:
        PayloadMalformed: It is no delivery of logs.
    """
    if form is Form.PROTOBUF:
        from corvus.gateway.telemetry.protobuf import records_of

        return list(records_of(body))
    return list(_of_json(_parsed(body, SignalKind.LOGS)))


def check(body: bytes, form: Form, kind: SignalKind) -> None:
    """Check a delivery of which nothing is kept.

    Raises:
        PayloadMalformed: It is no delivery of its kind.
    """
    if form is Form.PROTOBUF:
        from corvus.gateway.telemetry.protobuf import parse

        parse(body, kind)
    else:
        _parsed(body, kind)


def _parsed(body: bytes, kind: SignalKind) -> list[Object]:
    """Return the batches of a delivery in JSON."""
    if not body:
        return []
    try:
        found: object = json.loads(body, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise PayloadMalformed("the body is no JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise PayloadMalformed("the body must be a JSON object")
    return _objects(cast("Object", found), kind.value)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _of_json(batches: list[Object]) -> Iterator[LogRecord]:
    for batch in batches:
        resource = _object(batch, "resource")
        _objects(resource, _ATTRIBUTES)
        for scope in _objects(batch, "scopeLogs"):
            for record in _objects(scope, "logRecords"):
                for pair in _objects(record, _ATTRIBUTES):
                    _check_pair(pair)
                yield LogRecord(batch, record)


def _check_pair(pair: Object) -> None:
    if not isinstance(pair.get("key", ""), str):
        raise PayloadMalformed("key must be a text")
    _object(pair, "value")


def _object(owner: Object, name: str) -> Object:
    value = owner.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PayloadMalformed(f"{name} must be an object")
    return cast("Object", value)


def _objects(owner: Object, name: str) -> list[Object]:
    value = owner.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise PayloadMalformed(f"{name} must be a list")
    items = cast("list[object]", value)
    if not all(isinstance(item, dict) for item in items):
        raise PayloadMalformed(f"{name} must be a list of objects")
    return cast("list[Object]", items)
