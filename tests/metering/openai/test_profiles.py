"""Each vendor's stream is read right, however it is cut; its ways are one line (PRX-3, PRC-9)."""

from __future__ import annotations

import json

import pytest

from corvus.metering.openai.profiles import PROFILES, USUAL, owner_of, profile_of
from corvus.metering.openai.taps import ChatBodyTap, ChatStreamTap
from tests.metering.streams import read_every_way
from tests.metering.vendors import RECORDED, Message, Recorded

EACH = pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)


@EACH
def test_a_stream_is_read_to_the_token_and_to_the_nano_usd(recorded: Recorded) -> None:
    tap = read_every_way(ChatStreamTap, recorded.stream)
    assert tap.is_settled
    assert tap.usage is not None
    assert tap.usage.total == recorded.usage
    assert not tap.usage.is_estimated
    stated = None if tap.stated_cost is None else tap.stated_cost.nano_usd
    assert stated == (None if recorded.cost_usd is None else int(recorded.cost_usd * 10**9))


@EACH
def test_the_same_counts_are_read_from_a_body(recorded: Recorded) -> None:
    last = [event for event in recorded.events if "usage" in json.dumps(event)][-1]
    assert isinstance(last, dict)
    answer: Message = {"model": "m", "choices": [{"message": {"content": "Hi"}}], **last}
    tap = read_every_way(ChatBodyTap, json.dumps(answer).encode())
    assert tap.usage is not None
    assert tap.usage.total == recorded.usage


@EACH
def test_what_a_client_did_not_request_is_left_out_and_nothing_else(recorded: Recorded) -> None:
    surplus = [
        event
        for event in recorded.events
        if isinstance(event, dict) and not event["choices"] and event.get("usage")
    ]
    kept = [event for event in recorded.events if event not in surplus]
    relayed = recorded._replace(events=kept).stream
    read_every_way(lambda: ChatStreamTap(drops_usage_chunk=True), recorded.stream, relayed)


def test_a_vendor_is_known_by_its_hosts() -> None:
    for name, profile in PROFILES.items():
        hosts = [*profile.hosts, *(f"team{end}" for end in profile.host_ends)]
        assert hosts
        assert {owner_of(host) for host in hosts} == {name}
    for host in ("localhost", "openai.azure.com", "evil-openai.azure.com.example.org", ""):
        assert owner_of(host) is None


@pytest.mark.parametrize(
    ("vendor", "version", "takes"),
    [
        ("openai", "", True),
        ("mistral", "", False),
        ("azure", "", True),
        ("azure", "preview", True),
        ("azure", "2024-06-01", False),
        ("azure", "2024-08-01-preview", False),
        ("azure", "2024-09-01-preview", True),
        ("azure", "2024-10-21", True),
        ("azure", "2025-04-01-preview", True),
        (None, "2020-01-01", True),
    ],
)
def test_usage_is_requested_only_of_who_takes_the_option(
    vendor: str | None, version: str, takes: bool
) -> None:
    assert profile_of(vendor).takes_usage_option(version) is takes


def test_nobody_known_does_as_most_do() -> None:
    assert profile_of("a-server-of-ours") is profile_of(None) is USUAL
