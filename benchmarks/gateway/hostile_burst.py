"""Measures what 100 hostile clients at once cost on a budget of 0.05 USD, by the provider's count.

    python benchmarks/gateway/hostile_burst.py

The mock provider is truthful: it decodes each request as providers do, writes as much as the
request lets it, and charges for that. Each kind of client gets a gateway and a day of its own;
then all kinds come at once; then honest clients come, and one of them goes on alone until it is
refused, which shows how much of the limit can be used. Prints a table, and exits 1 when the true
cost passed the limit by more than the overruns reported, when less was recorded than was charged,
or when honest clients could use less than 90 % of the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

LIMIT_NANO_USD = 50_000_000
HONEST_SHARE_MIN = 0.9
ALONE_MOST = 200
NANO_USD = {"demo": (3_000, 15_000), "demo-large": (30_000, 150_000)}
"""Nano-USD for a token of input and of output."""
OUTPUT_MOST = 4_000
"""Tokens that the provider writes when nothing that it understands says less."""
PICTURE_EDGE = 2_000
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"

CONFIG = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 0.05
monthly_limit_usd = 0

[cost.prices.demo]
input = 3
output = 15
[cost.prices.demo-large]
input = 30
output = 150

[governance.upstreams.openai]
base_url = "{url}/v1"
kind = "openai"
api_key_env = "MEASURED_KEY"

[governance.upstreams.anthropic]
base_url = "{url}"
kind = "anthropic"
api_key_env = "MEASURED_KEY"
"""


class Sent(NamedTuple):
    """One request of a client."""

    path: str
    body: bytes
    headers: tuple[str, ...] = ()


def said(path: str = CHAT, **members: object) -> Sent:
    """Return a request in plain JSON."""
    asked = {"model": "demo", "messages": [{"role": "user", "content": "hello"}], **members}
    if path == RESPONSES:
        asked["input"] = asked.pop("messages")
    return Sent(path, json.dumps(asked).encode())


def raw(text: str, encoding: str = "utf-8", *headers: str) -> Sent:
    """Return a chat request whose members are spelt by hand."""
    start = '{"model": "demo", "messages": [{"role": "user", "content": "hello"}], '
    return Sent(CHAT, (start + text + "}").encode(encoding), headers)


def picture() -> bytes:
    """Return a PNG of one colour: few bytes, many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    head = struct.pack(">IIBBBBB", PICTURE_EDGE, PICTURE_EDGE, 1, 0, 0, 0, 0)
    row = b"\0" + bytes(PICTURE_EDGE // 8)
    data = zlib.compress(row * PICTURE_EDGE, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PNG = base64.b64encode(picture()).decode()
SHOWN = {"type": "base64", "media_type": "image/png", "data": PNG}
LINKED = {"type": "url", "url": "https://pictures.example/large.png"}


def looking(source: object) -> Sent:
    content = [{"type": "text", "text": "what is it"}, {"type": "image", "source": source}]
    return said(MESSAGES, max_tokens=20, messages=[{"role": "user", "content": content}])


HOSTILE = {
    "two maxima, the small one is not known": said(max_completion_tokens=1, max_tokens=4_000),
    "two maxima, the other way round": said(max_tokens=1, max_completion_tokens=4_000),
    "no maximum": said(),
    "no maximum, responses": said(RESPONSES),
    "a maximum of null": said(max_tokens=None),
    "a maximum of ten digits": said(max_tokens=9_999_999_999),
    "a maximum below zero": said(max_tokens=-1),
    "a maximum in a text": said(max_tokens="4000"),
    "a maximum that is no whole number": said(max_tokens=0.5),
    "escaped keys": raw(r'"max_completion_tokens": 1, "max_\u0074okens": 4000'),
    "escaped n": raw(r'"max_tokens": 200, "\u006e": 20'),
    "a key twice": raw('"max_tokens": 4000, "max_tokens": 1'),
    "UTF-16": raw('"max_completion_tokens": 1, "max_tokens": 4000', "utf-16"),
    "UTF-16 without a mark": raw('"max_tokens": 200, "n": 20', "utf-16-le"),
    "n": said(max_tokens=200, n=20),
    "n of ten digits": said(max_tokens=200, n=9_999_999_999),
    "a dearer model among the fallbacks": said(models=["demo", "demo-large"], max_tokens=200),
    "a picture of few bytes": looking(SHOWN),
    "a picture behind a link": looking(LINKED),
}
HONEST = said(max_tokens=200)


def squeezed(one: Sent) -> Sent:
    return Sent(one.path, gzip.compress(one.body), ("Content-Encoding: gzip",))


HOSTILE["a compressed body without a maximum"] = squeezed(HOSTILE["no maximum"])


def usable(value: object) -> bool:
    return type(value) is int and 0 < value <= OUTPUT_MOST


@dataclass
class Provider:
    """Charges what each request lets it do. Serves in a thread of its own.

    Attributes:
        nano_usd: What it has charged.
        knows: Names of maxima that it reads; others it ignores, as many vendors do.
        waits: Seconds before it answers, so that all clients run at once.
    """

    nano_usd: int = 0
    calls: int = 0
    waits: float = 1.0
    knows: tuple[str, ...] = ("max_tokens", "max_output_tokens")
    port: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        self._ready.wait(10)

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1_024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                path, headers, body = await received(reader)
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                await asyncio.sleep(self.waits)
                answer = json.dumps(self._charged(path, json.loads(body))).encode()
                head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                writer.write(f"{head}{len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (OSError, EOFError):
            writer.close()

    def _charged(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        stated = [asked[name] for name in self.knows if usable(asked.get(name))]
        choices = asked.get("n", 1)
        written = min(stated, default=OUTPUT_MOST) * (min(choices, 128) if usable(choices) else 1)
        read = 10 + sum(_picture_tokens(one) for one in _parts(asked))
        model = (asked.get("models") or [asked["model"]])[-1]
        prices = NANO_USD[model]
        self.calls += 1
        self.nano_usd += read * prices[0] + written * prices[1]
        return _answer(path, model, read, written)


def _parts(asked: dict[str, Any]) -> list[dict[str, Any]]:
    found = [one.get("content") for one in asked.get("messages", ())]
    return [part for content in found if isinstance(content, list) for part in content]


def _picture_tokens(part: dict[str, Any]) -> int:
    """Anthropic scales a picture down to 1,568 pixels and charges a token for 750 of them."""
    return 1_568 * 1_568 // 750 if part.get("type") == "image" else 0


def _answer(path: str, model: str, read: int, written: int) -> dict[str, Any]:
    own = {"input_tokens": read, "output_tokens": written}
    if path == MESSAGES:
        head = {"id": "m", "type": "message", "role": "assistant", "content": []}
        return {**head, "model": model, "stop_reason": "end_turn", "usage": own}
    if path == RESPONSES:
        head = {"id": "r", "object": "response", "status": "completed", "output": []}
        return {**head, "model": model, "usage": {**own, "total_tokens": read + written}}
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {"id": "c", "object": "chat.completion", "model": model, "choices": [], "usage": usage}


async def received(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Read a message; its first word but one, its headers and its body."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    found = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip().lower() for name, _, value in found}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return first.split(" ")[1], headers, body


@dataclass
class Gateway:
    """A gateway that governs, with a token for calls and one to look."""

    port: int
    secret: str
    eye: str
    where: list[str]

    async def send(self, sent: Sent, token: str = "", method: str = "POST") -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [
            f"{method} {sent.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {token or self.secret}",
            "Content-Type: application/json",
            f"Content-Length: {len(sent.body)}",
            *sent.headers,
        ]
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + sent.body)
            await writer.drain()
            status, _, body = await received(reader)
            return int(status), body
        except (OSError, EOFError):
            return 0, b""
        finally:
            writer.close()

    async def burst(self, sent: list[Sent]) -> Counter[int]:
        return Counter([status for status, _ in await asyncio.gather(*map(self.send, sent))])

    async def spent_nano_usd(self) -> int:
        """Return what is recorded, once nothing is held."""
        for _ in range(200):
            _, body = await self.send(Sent("/web/cost/budgets", b""), self.eye, "GET")
            budgets = json.loads(body)["budgets"]
            (day,) = [one for one in budgets if one["name"] == "day"]
            if int(day["held_nano_usd"]) == 0:
                return int(day["spent_nano_usd"])
            await asyncio.sleep(0.05)
        raise AssertionError("a hold was left open")

    def overrun_nano_usd(self) -> int:
        """Return by how much calls are reported to have passed their holds."""
        words = [sys.executable, "-m", "corvus", "report", "overruns", "--format", "json"]
        words += self.where
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return sum(int(row["overrun_nano_usd"]) for row in json.loads(done.stdout)["rows"])


@contextmanager
def gateway(provider: Provider, folder: Path) -> Generator[Gateway]:
    """Start a gateway, a process of its own, on a day of its own."""
    place = Path(tempfile.mkdtemp(dir=folder))
    config = place / "corvus.toml"
    config.write_text(CONFIG.format(url=f"http://127.0.0.1:{provider.port}"))
    where = ["--config", str(config), "--ledger", str(place / "ledger.duckdb")]
    base = [sys.executable, "-m", "corvus"]
    subprocess.run([*base, "store", "init", *where], capture_output=True, check=True)

    def token(scope: str) -> str:
        words = [*base, "token", "create", scope, "--scope", scope, "--format", "json", *where]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["token"]

    secret, eye = token("proxy"), token("read")
    with (place / "log").open("w") as log:
        words = [*base, "gateway", "--port", "0", *where]
        environment = {**os.environ, "MEASURED_KEY": "key"}
        process = subprocess.Popen(words, stderr=log, stdout=log, env=environment)
    try:
        while not (found := re.search(r"listening on \S+:(\d+)\n", (place / "log").read_text())):
            assert process.poll() is None, (place / "log").read_text()
            time.sleep(0.02)
        yield Gateway(int(found[1]), secret, eye, where)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(place)


def usd(nano_usd: int) -> str:
    return f"{nano_usd / 1e9:.6f}"


async def measure(name: str, sent: list[Sent], folder: Path) -> bool:
    """Let clients come at once, print what it has cost, and return whether the limit held."""
    provider = Provider()
    if "other way round" in name:
        provider.knows = ("max_completion_tokens",)
    is_honest = name.startswith("honest")
    with gateway(provider, folder) as side:
        statuses = await side.burst(sent)
        if is_honest:
            provider.waits = 0.0
            for _ in range(ALONE_MOST):
                if (await side.send(sent[0]))[0] != 200:
                    break
        spent, overrun = await side.spent_nano_usd(), side.overrun_nano_usd()
    true = provider.nano_usd
    holds = true <= LIMIT_NANO_USD + overrun and true <= spent
    enough = not is_honest or true >= HONEST_SHARE_MIN * LIMIT_NANO_USD
    shown = ", ".join(f"{many} x {status}" for status, many in sorted(statuses.items()))
    verdict = "ok" if holds and enough else "BREACH"
    share = f"{true / LIMIT_NANO_USD:.0%}"
    print(
        f"| {name} | {shown} | {usd(true)} | {share} | {usd(spent)} | {usd(overrun)} | {verdict} |"
    )
    sys.stdout.flush()
    return holds and enough


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on a real disk")
    asked = parser.parse_args()
    kinds = list(HOSTILE.values())
    mixed = [kinds[number % len(kinds)] for number in range(asked.clients)]
    rows = {name: [sent] * asked.clients for name, sent in HOSTILE.items()}
    rows |= {"all kinds at once": mixed, "honest, then one alone": [HONEST] * asked.clients}
    print("| clients | answers | true USD | of the limit | recorded USD | overruns USD | |")
    print("|---|---|---|---|---|---|---|")
    held = [asyncio.run(measure(name, sent, asked.folder)) for name, sent in rows.items()]
    sys.exit(not all(held))


if __name__ == "__main__":
    main()
