"""Instants and attributes in the forms of exporters."""

from __future__ import annotations

import pytest

from corvus.usage.importers.telemetry.values import attributes_of, end_of, instant

AT = "1794823200.123456"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1794823200123456789", AT),
        (1794823200123456789, AT),
        (1794823200123456, AT),
        (1794823200123, "1794823200.123000"),
        (1794823200, "1794823200.000000"),
        (1794823200.5, "1794823200.500000"),
        ([1794823200, 123456789], AT),
        ("2026-11-16T10:00:00Z", "2026-11-16T10:00:00Z"),
        ("0", None),
        (0, None),
        ([0, 0], None),
        ([1794823200], None),
        (["a", 1], None),
        (None, None),
        (True, None),
        ("", None),
        (float("nan"), None),
        ({}, None),
    ],
    ids=repr,
)
def test_the_unit_of_an_instant_follows_from_its_size(value: object, found: str | None) -> None:
    assert instant(value) == found


def test_an_end_follows_from_start_and_duration() -> None:
    start = 1794823200000000
    assert end_of({"startTime": start, "duration": 1500000}) == "1794823201.500000"
    assert end_of({"timestamp": start, "duration": 1500000}) == "1794823201.500000"
    assert end_of({"timestamp": start}) is None
    assert end_of({"timestamp": 1794823200, "duration": 5}) is None


def test_typed_attributes_become_plain_and_flat() -> None:
    attributes, doubled = attributes_of(
        [
            {"key": "text", "value": {"stringValue": "a"}},
            {"key": "count", "value": {"intValue": "7"}},
            {"key": "one", "value": {"arrayValue": {"values": [{"intValue": "5"}]}}},
            {
                "key": "nested",
                "value": {"kvlistValue": {"values": [{"key": "b", "value": {"doubleValue": 2.0}}]}},
            },
            {"key": "a.usage", "value": {"stringValue": '{"in": {"cached": 3}}'}},
            {"key": "prompt", "value": {"stringValue": '{"in": 3}'}},
            {"key": "broken.usage", "value": {"stringValue": "{"}},
            {"key": "empty", "value": dict[str, object]()},
            "odd",
        ]
    )
    assert attributes == {
        "text": "a",
        "count": "7",
        "one": "5",
        "nested.b": 2.0,
        "a.usage.in.cached": 3,
        "prompt": '{"in": 3}',
        "broken.usage": "{",
        "empty": None,
    }
    assert doubled == frozenset()


def test_an_attribute_that_stands_twice_with_other_values_is_known() -> None:
    pairs = [("same", "1"), ("same", "1"), ("other", "1"), ("other", "2")]
    listed: list[dict[str, object]] = [
        {"key": key, "value": {"intValue": value}} for key, value in pairs
    ]
    assert attributes_of(listed) == ({"same": "1", "other": "1"}, frozenset({"other"}))


def test_what_is_nested_without_end_is_left_alone() -> None:
    deep: object = 1
    for _ in range(500):
        deep = {"a": deep}
    attributes, _ = attributes_of({"usage": deep})
    assert list(attributes) == ["usage" + ".a" * 5]
