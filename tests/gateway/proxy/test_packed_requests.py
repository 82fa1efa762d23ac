"""Compressed requests through the gateway: metered, and forwarded decoded (PRX-1, PRX-2)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.gateway.proxied import Proxied, proxied
from tests.packers import PACKERS

CHAT: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Say hi"}],
}
JSON = {"content-type": "application/json"}


def send(
    gateway: Proxied, path: str, content: bytes | Iterable[bytes], **headers: str
) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with gateway.client() as client:
        return client.post(path, content=content, headers={**JSON, **named})


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_packed_request_is_metered_and_leaves_decoded(
    standing_proxy: Proxied, name: str, path: str
) -> None:
    """As if it had come plain: the same bytes at the provider, the same cost."""
    plain = json.dumps(CHAT).encode()
    before = len(standing_proxy.records())
    for body, more in ((plain, {}), (PACKERS[name](plain), {"content_encoding": name.upper()})):
        assert send(standing_proxy, path, body, content_md5="x", **more).status_code == 200
    standing_proxy.settled()
    first, second = standing_proxy.provider.calls[-2:]
    assert first.body == second.body
    assert json.loads(second.body)["messages"] == CHAT["messages"]
    assert second.header("content-encoding") is None
    assert second.header("content-md5") is None
    assert second.header("content-length") == str(len(second.body))
    costs = [record.cost_nano_usd for record in standing_proxy.records()[before:]]
    assert costs[0] == costs[1]


def test_two_encodings_and_a_chunked_body_are_read(standing_proxy: Proxied) -> None:
    packed = PACKERS["br"](PACKERS["gzip"](json.dumps(CHAT).encode()))

    def pieces() -> Iterator[bytes]:
        for place in range(0, len(packed), 7):
            yield packed[place : place + 7]

    answer = send(standing_proxy, "/v1/chat/completions", pieces(), content_encoding="gzip, br")
    assert answer.status_code == 200
    assert standing_proxy.provider.calls[-1].json["model"] == "m"


def test_what_decides_is_read_of_what_the_body_holds(standing_proxy: Proxied) -> None:
    """A maximum, a number of answers or a background job hides in no encoding."""
    for hidden, code in (
        ({"max_tokens": 10**9}, "maximum_invalid"),
        ({"n": 10**6}, "budget_exceeded"),
        ({"background": True}, "background_refused"),
        ({"model": "nobody"}, "unpriced_model"),
    ):
        body = PACKERS["zstd"](json.dumps({**CHAT, **hidden}).encode())
        answer = send(standing_proxy, "/v1/chat/completions", body, content_encoding="zstd")
        assert answer.json()["error"]["code"] == code, answer.text


def test_what_costs_nothing_is_decoded_too(standing_proxy: Proxied) -> None:
    body = PACKERS["gzip"](json.dumps(CHAT).encode())
    path = "/v1/messages/count_tokens"
    send(standing_proxy, path, body, content_encoding="gzip")
    assert standing_proxy.provider.calls[-1].json == CHAT
    assert standing_proxy.provider.calls[-1].header("content-encoding") is None


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_reaches_no_provider(standing_proxy: Proxied, name: str) -> None:
    calls = len(standing_proxy.provider.calls)
    bomb = PACKERS[name](b'{"model": "m", "x": "' + b"0" * 50_000_000 + b'"}')
    assert len(bomb) < 200_000
    answer = send(standing_proxy, "/v1/chat/completions", bomb, content_encoding=name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert len(standing_proxy.provider.calls) == calls


@pytest.mark.slow
def test_large_packed_bodies_do_not_hold_up_the_others(tmp_path: Path) -> None:
    """PRX-10: while they are decoded, a probe is answered over and over."""
    body = json.dumps({**CHAT, "messages": [{"role": "user", "content": "x" * 20_000_000}]})
    packed = PACKERS["gzip"](body.encode())
    with proxied(tmp_path) as gateway:
        text = gateway.config.read_text().replace("max_body_bytes = 200000", "")
        gateway.stop()
        gateway.config.write_text(text)
        gateway.start()
        senders = [
            threading.Thread(
                target=send,
                args=(gateway, "/v1/chat/completions", packed),
                kwargs={"content_encoding": "gzip"},
            )
            for _ in range(4)
        ]
        for sender in senders:
            sender.start()
        answered = 0
        with gateway.client() as client:
            while any(sender.is_alive() for sender in senders):
                assert client.get("/healthz").status_code == 200
                answered += 1
                time.sleep(0.01)
        assert answered > 1
