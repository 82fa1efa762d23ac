"""Routes of OpenAI's API next to chats, and Ollama's own, through the proxy with real SDKs.

Each call is held at no less than it is recorded at (PRC-7), and its bytes pass (PRX-2).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.gateway.provider import Call
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, proxied

COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
DRAWN = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 272,
    "total_tokens": 322,
}
HEARD = {
    "type": "tokens",
    "input_tokens": 114,
    "input_token_details": {"text_tokens": 14, "audio_tokens": 100},
    "output_tokens": 20,
    "total_tokens": 134,
}


@pytest.fixture
def gpt(gateway: Proxied) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=gateway.secret, base_url=f"{gateway.url}/v1") as client:
        yield client


class Held:
    """What was held while the provider answered, and what it was sent."""

    def __init__(self, gateway: Proxied, body: object, kind: str = "application/json") -> None:
        self._gateway, self._body, self._kind = gateway, body, kind
        self.nano_usd = 0
        gateway.provider.script = self._answer

    async def _answer(self, call: Call) -> None:
        self.nano_usd = self._gateway.held_nano_usd()
        text = self._body if isinstance(self._body, bytes) else json.dumps(self._body).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {self._kind}\r\ncontent-length: {len(text)}"
        await call.raw(f"{head}\r\n\r\n".encode() + text)

    def cost(self) -> int:
        """Return what was recorded, which is no more than was held."""
        record = self._gateway.record()
        assert record.cost_nano_usd is not None
        assert record.cost_nano_usd <= self.nano_usd
        return record.cost_nano_usd


def completion(**members: object) -> dict[str, object]:
    choices = [{"index": 0, "text": "Hi", "finish_reason": "stop", "logprobs": None}]
    base = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
    return {**base, "choices": choices, **members}


def test_completions(gateway: Proxied, gpt: openai.OpenAI) -> None:
    held = Held(gateway, completion(usage=COUNTS))
    answer = gpt.completions.create(model="m", prompt=["a", "b"], n=2)
    assert answer.choices[0].text == "Hi"
    assert held.cost() == 10 * INPUT + 5 * OUTPUT
    assert gateway.provider.calls[0].json["max_tokens"] == 16
    assert held.nano_usd >= 4 * 16 * OUTPUT


def test_completions_in_a_stream(gateway: Proxied, gpt: openai.OpenAI) -> None:
    chunks: list[dict[str, Any]] = [completion(), {**completion(), "choices": [], "usage": COUNTS}]
    events = b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in chunks)
    held = Held(gateway, events + b"data: [DONE]\n\n", "text/event-stream")
    with gpt.completions.create(model="m", prompt="a", max_tokens=9, stream=True) as stream:
        assert [chunk.choices[0].text for chunk in stream] == ["Hi"]
    assert held.cost() == 10 * INPUT + 5 * OUTPUT


def test_fill_in_the_middle(gateway: Proxied) -> None:
    held = Held(gateway, completion(usage=COUNTS))
    body = {"model": "m", "prompt": "def f(", "suffix": "return", "max_tokens": 20}
    assert gateway.post("/v1/fim/completions", body).status_code == 200
    assert held.cost() == 10 * INPUT + 5 * OUTPUT
    assert gateway.provider.calls[0].target == "/v1/fim/completions"


@pytest.mark.parametrize("path", ["/api/chat", "/v1/api/chat", "/openai/api/chat"])
def test_ollama_answers_in_lines(gateway: Proxied, path: str) -> None:
    said = {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": False}
    end = {"model": "m", "done": True, "prompt_eval_count": 10, "eval_count": 5}
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in (said, end))
    held = Held(gateway, lines, "application/x-ndjson")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    answer = gateway.post(path, body)
    assert answer.content == lines
    assert held.cost() == 10 * INPUT + 5 * OUTPUT
    (sent,) = gateway.provider.calls
    assert sent.target == "/api/chat"
    assert sent.json["options"]["num_predict"] > 0


def test_ollama_generates_and_embeds(gateway: Proxied) -> None:
    end = {"model": "m", "response": "Hi", "done": True, "prompt_eval_count": 10, "eval_count": 5}
    held = Held(gateway, end)
    body = {"model": "m", "prompt": "hi", "stream": False, "options": {"num_predict": 8}}
    assert gateway.post("/api/generate", body).json() == end
    assert held.cost() == 10 * INPUT + 5 * OUTPUT
    Held(gateway, {"model": "m", "embeddings": [[0.5]], "prompt_eval_count": 7})
    gateway.post("/api/embed", {"model": "m", "input": ["a", "b"]})
    gateway.settled()
    assert gateway.spent() == 17 * INPUT + 5 * OUTPUT


def test_what_is_free_of_ollama_and_openai_passes_without_charge(gateway: Proxied) -> None:
    Held(gateway, {"ok": True})
    with gateway.client() as client:
        for path in ("/api/tags", "/api/version", "/api/ps", "/v1/files/file-1"):
            assert client.get(path).json() == {"ok": True}
        assert client.get("/v1/files").status_code == 404  # those of everybody in the account
        assert client.post("/api/show", json={"model": "m"}).status_code == 200
        assert client.post("/v1/moderations", json={"input": "a"}).status_code == 200
        files = {"file": ("a.jsonl", b"{}\n")}
        assert client.post("/v1/files", files=files, data={"purpose": "user_data"}).is_success
    assert [call.target for call in gateway.provider.calls][:3] == [
        "/api/tags",
        "/api/version",
        "/api/ps",
    ]
    assert gateway.records() == []


def test_pictures(gateway: Proxied, gpt: openai.OpenAI) -> None:
    held = Held(gateway, {"created": 1, "data": [{"b64_json": "QUFB" * 50_000}], "usage": DRAWN})
    answer = gpt.images.generate(model="gpt-image-1.5", prompt="a cat", n=2, size="1024x1024")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 272
    assert held.cost() == 10 * 5_000 + 40 * 8_000 + 272 * 32_000
    assert held.nano_usd >= 2 * 6_240 * 32_000


def test_edits_of_pictures_go_on_as_the_form_that_they_are(
    gateway: Proxied, gpt: openai.OpenAI
) -> None:
    held = Held(gateway, {"created": 1, "data": [{"b64_json": "QUFB"}], "usage": DRAWN})
    png = ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(2_000), "image/png")
    gpt.images.edit(model="gpt-image-1.5", image=[png, png], prompt="a cat")
    assert held.cost() == 10 * 5_000 + 40 * 8_000 + 272 * 32_000
    (sent,) = gateway.provider.calls
    assert sent.body.count(b"\x89PNG") == 2
    assert (sent.header("content-type") or "").startswith("multipart/form-data; boundary=")


def test_recordings(gateway: Proxied, gpt: openai.OpenAI) -> None:
    held = Held(gateway, {"text": "hello", "usage": HEARD})
    answer = gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF"))
    assert answer.text == "hello"
    assert held.cost() == 14 * 2_500 + 100 * 6_000 + 20 * 10_000


def test_a_recording_that_counts_no_tokens_costs_what_was_held(
    gateway: Proxied, gpt: openai.OpenAI
) -> None:
    held = Held(gateway, {"text": "hello", "usage": {"type": "duration", "seconds": 3}})
    gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF"))
    assert held.cost() == held.nano_usd
    assert gateway.record().source == "estimated"


def speech(gpt: openai.OpenAI) -> object:
    return gpt.audio.speech.create(model="gpt-4o-mini-tts", voice="a", input="a")


def batch(gpt: openai.OpenAI) -> object:
    return gpt.batches.create(
        input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"
    )


def unknown_picture(gpt: openai.OpenAI) -> object:
    return gpt.images.generate(model="gpt-image-2.5-flare", prompt="a")


def seconds(gpt: openai.OpenAI) -> object:
    return gpt.audio.transcriptions.create(model="whisper-1", file=("a", b"a"))


@pytest.mark.parametrize(
    ("send", "words"),
    [
        (speech, "speech is not passed on"),
        (batch, "batches are not passed on"),
        (unknown_picture, "nobody knows what one answer"),
        (seconds, "nobody knows what one answer"),
    ],
)
def test_what_cannot_be_held_is_refused_in_words_that_a_client_shows(
    gateway: Proxied, gpt: openai.OpenAI, send: Callable[[openai.OpenAI], object], words: str
) -> None:
    with pytest.raises(openai.NotFoundError, match=words):
        send(gpt)
    assert gateway.provider.calls == []


def test_a_form_with_two_models_is_refused(gateway: Proxied) -> None:
    form = {"model": (None, "gpt-4o-mini-transcribe"), "file": ("a.wav", b"a")}
    body = httpx2.Request("POST", "http://a/", files=form)
    doubled = body.read().replace(b'name="file"; filename="a.wav"', b'name="model"')
    with gateway.client(**{"content-type": body.headers["content-type"]}) as client:
        answer = client.post("/v1/audio/transcriptions", content=doubled)
    assert answer.status_code == 400
    assert gateway.provider.calls == []


def test_a_form_is_refused_where_none_belongs(gateway: Proxied) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/chat/completions", files={"a": ("a", b"a")})
    assert answer.status_code == 415


def test_mistral_is_not_requested_to_say_what_it_says_anyway(tmp_path: Path) -> None:
    """It refuses the option; and a chunk that it sends unasked is the client's."""
    with proxied(tmp_path) as gateway:
        text = gateway.config.read_text()
        gateway.config.write_text(
            text + f'\n[governance.upstreams.mistral]\nbase_url = "{gateway.provider.url}/v1"\n'
            'kind = "openai"\nmodels = []\n'
        )
        gateway.stop()
        gateway.start()
        chunk: dict[str, Any] = {"id": "c", "model": "m", "choices": [], "usage": COUNTS}
        events = b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
        held = Held(gateway, events, "text/event-stream")
        body: dict[str, Any] = {"model": "m", "messages": [], "stream": True, "max_tokens": 9}
        assert gateway.post("/mistral/v1/chat/completions", body).content == events
        assert gateway.provider.calls[0].json == body
        assert held.cost() == 10 * INPUT + 5 * OUTPUT
        assert gateway.record().provider == "mistral"
