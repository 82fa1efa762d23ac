"""An offer of another protocol is declined, and its request is served whole (PRX-1)."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import socket
import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.gateway.asgi import Message, Receive, Scope, Send, send_whole
from corvus.gateway.connections import Connection, Places, Room
from corvus.gateway.upgrades import LINE_BYTES_MAX
from tests.gateway.proxied import Proxied

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
CHAT = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}
BODY = b'{"a": "Upgrade: h2c\\n"}\r\nupgrade: h2c\r\n\r\nPOST /x HTTP/1.1\r\n'


def post(head: str = OFFER, body: bytes = BODY, *, is_chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
    return f"POST /p HTTP/1.1\r\nHost: h\r\n{head}{length}\r\n\r\n".encode() + sent


class Sink(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True


class Seen:
    """What an app was given of the requests of one connection."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.written = b""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message: Message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        self.headers.append(dict(scope["headers"]))
        await send_whole(send, 200, [(b"content-length", b"2")], b"ok")


def serve(pieces: Iterable[bytes]) -> Seen:
    """Give bytes to a connection, piece by piece, without a socket."""
    seen = Seen()

    async def scene() -> None:
        config: Any = uvicorn.Config(
            seen.app,  # pyright: ignore[reportArgumentType]
            ws="none",
            lifespan="off",
            log_config=None,
            interface="asgi3",
        )
        config.load()
        places = Places(Room(9, 9, 9))
        connection = Connection(config, places, {}, asyncio.get_running_loop())
        sink = Sink()
        connection.connection_made(sink)
        for piece in pieces:
            connection.data_received(piece)
            for _ in range(20):
                await asyncio.sleep(0)
        connection.connection_lost(None)
        seen.written = sink.written

    asyncio.run(scene())
    return seen


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(at), len(data)]
    return [data[a:b] for a, b in pairwise(places) if a < b]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_body_is_kept_and_the_connection_goes_on(*, is_chunked: bool) -> None:
    sent = post(is_chunked=is_chunked)
    seen = serve([sent, sent, sent])
    assert seen.bodies == [BODY] * 3
    assert seen.written.count(b"HTTP/1.1 200") == 3
    assert b"connection: close" not in seen.written.lower()
    assert not {b"upgrade", b"x-offer"} & set(seen.headers[0])


@settings(max_examples=60)
@given(
    st.sampled_from(["Upgrade: h2c", "upgrade:h2c,TLS/1.0", "UPGRADE: a\r\nUpgrade: b", "up: x"]),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_wherever_the_bytes_are_cut(offer: str, is_chunked: bool, at: list[int]) -> None:
    head = f"Connection: Upgrade\r\n{offer}\r\nX: upgrade\r\nUp: u\r\n"
    sent = b"\r\n" + post(head, is_chunked=is_chunked) + post("X: 1\r\n")
    seen = serve(cut(sent, at))
    assert seen.bodies == [BODY, BODY]
    assert seen.headers[0][b"x"] == b"upgrade"
    assert seen.headers[0][b"up"] in (b"u", b"x")


def test_one_byte_at_a_time() -> None:
    assert serve(bytes([byte]) for byte in post() + post(is_chunked=True)).bodies == [BODY, BODY]


@pytest.mark.parametrize("value", ["websocket", "WebSocket", "h2c, websocket", "websocket/13"])
def test_an_offer_of_a_websocket_stays(value: str) -> None:
    """And what follows it is no request, in the same piece or in a later one."""
    sent = post(f"Connection: Upgrade\r\nUpgrade: {value}\r\n", b"") + post("")
    for pieces in ([sent], cut(sent, [20, 60, 90]), [bytes([byte]) for byte in sent]):
        seen = serve(pieces)
        assert [headers[b"upgrade"] for headers in seen.headers] == [value.encode()]
        assert seen.bodies == [b""]


@pytest.mark.parametrize(
    "lines",
    [
        "Upgrade: h2c\r\n Content-Length: 0\r\n",
        "Upgrade: h2c\r\n\tTransfer-Encoding: chunked\r\n",
        "Upgrade : h2c\r\n",
        "Upgrade: h2c\rContent-Length: 0\r\n",
        "Upgrade: h2c\x00\r\n",
        "Upgrade: h2c\r\nContent-Length: 1\r\n",
        "Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n",
        "Upgrade: h2c\r\nX-Offer: Content-Length: 0\r\nContent-Length : 2\r\n",
    ],
)
def test_nothing_can_be_smuggled_behind_an_offer(lines: str) -> None:
    """A request is refused, or its body is what its own length says."""
    seen = serve([post(lines)])
    assert all(body == BODY for body in seen.bodies)
    assert b"HTTP/1.1 400" in seen.written or seen.bodies


def test_a_line_without_end_is_not_kept() -> None:
    sent = post(f"Connection: Upgrade\r\nUpgrade: h2c{',x' * LINE_BYTES_MAX}\r\n")
    seen = serve(cut(sent, range(0, len(sent), 1000)))
    assert seen.bodies == [b""], "it is served as it was before: without what follows the offer"


JAVA = """
import java.net.*; import java.net.http.*; import java.time.Duration;
public class Ask {
  public static void main(String[] words) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (int n = 0; n < 3; n++) {
      byte[] body = words[2].getBytes("UTF-8");
      var whole = HttpRequest.BodyPublishers.ofByteArray(body);
      var open = HttpRequest.BodyPublishers.ofInputStream(
          () -> new java.io.ByteArrayInputStream(body));
      HttpRequest request = HttpRequest.newBuilder(URI.create(words[0]))
          .header("authorization", "Bearer " + words[1])
          .header("content-type", "application/json")
          .timeout(Duration.ofSeconds(20))
          .POST(n == 1 ? open : whole).build();
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.version());
    }
  }
}
"""
"""Java's own client, which offers HTTP/2 by default: of known length, chunked, and known again."""


def has_compiler() -> bool:
    """Return whether there is a JDK that runs a program from its source."""
    return shutil.which("java") is not None and shutil.which("javac") is not None


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="there is no JDK, whose HttpClient offers h2c")
def test_the_http_client_of_java_is_served(gateway: Proxied, tmp_path: Path) -> None:
    source = tmp_path / "Ask.java"
    source.write_text(JAVA)
    words = [f"{gateway.url}/v1/chat/completions", gateway.secret, json.dumps(CHAT)]
    done = subprocess.run(
        ["java", str(source), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["200", "HTTP_1_1"] * 3, done.stderr
    assert [call.json["model"] for call in gateway.provider.calls] == ["m"] * 3
    gateway.settled()
    assert len(gateway.records()) == 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl_with_an_offer_is_served_twice_on_one_connection(gateway: Proxied) -> None:
    url = f"{gateway.url}/v1/chat/completions"
    headers = [f"authorization: Bearer {gateway.secret}", "content-type: application/json"]
    said = [word for header in headers for word in ("-H", header)]
    one = ["--http2", *said, "-d", json.dumps(CHAT), "-o", "-", "-w", "|%{num_connects}|", url]
    done = subprocess.run(
        ["curl", "-sS", *one, "--next", *one], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"usage"') == 2
    assert done.stdout.count("|0|") == 1, "the second came on the connection of the first"


def test_a_socket_of_websockets_is_still_refused_by_name(gateway: Proxied) -> None:
    head = (
        f"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {gateway.secret}"
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(head.encode() + random.Random(1).randbytes(100))
        assert client.recv(65_536).startswith(b"HTTP/1.1 426")
