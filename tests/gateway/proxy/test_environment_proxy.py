"""Proxies of the environment: used where the config says so, and nowhere else (PRX-7)."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.gateway.proxied import INPUT, OUTPUT, Settings, proxied

CHAT = {"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("uses_proxies", [False, True])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_proxy_of_the_environment_counts_where_the_config_lets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uses_proxies: bool, is_stream: bool
) -> None:
    setting = f"use_environment_proxy = {str(uses_proxies).lower()}"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        seen: list[bytes] = []
        answering = threading.Thread(target=serve, args=(listening, seen), daemon=True)
        answering.start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with proxied(tmp_path, Settings(gateway=setting)) as gateway:
            answer = gateway.post("/v1/chat/completions", {**CHAT, "stream": is_stream})
            assert answer.status_code == 200
            record = gateway.record()
            assert (record.source, record.outcome) == ("priced", "completed")
            if uses_proxies:
                assert seen[0].startswith(f"POST {gateway.provider.url}/v1/chat/".encode())
                assert gateway.provider.calls == []
                assert record.cost_nano_usd == 3 * INPUT + 2 * OUTPUT
            else:
                assert len(gateway.provider.calls) == 1
                assert seen == []


def serve(listening: socket.socket, seen: list[bytes]) -> None:
    """Answer as a proxy that has asked the provider."""
    with listening.accept()[0] as client:
        seen.append(client.recv(65_536))
        usage = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
        if b'"stream":true' in seen[0].replace(b" ", b""):
            body = b'data: {"choices":[],%s}\n\ndata: [DONE]\n\n' % usage
            kind = b"text/event-stream"
        else:
            body, kind = b'{"choices":[],%s}' % usage, b"application/json"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
        client.sendall(head % (kind, len(body)) + body)
