"""What a client is given that has logged in: the settings of a file (PRX-8)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from corvus.gateway.asgi import Message
from corvus.gateway.signin.managed import ManagedSettings


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def fetch(path: Path | None, method: str = "GET", **headers: str) -> Answer:
    """Ask for the settings."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/managed/settings", "headers": pairs}
    sent: list[Message] = []

    async def scene() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await ManagedSettings(path)(scope, receive, send)

    asyncio.run(scene())
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], given, b"".join(each.get("body", b"") for each in sent[1:]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "claude.json"
    path.write_text('{"env": {"A": "1"}}')
    return path


def test_the_settings_are_given_in_an_envelope_and_only_when_they_changed(file: Path) -> None:
    first = fetch(file)
    found = json.loads(first.body)
    assert (first.status, found["settings"]) == (200, {"env": {"A": "1"}})
    assert first.headers["etag"] == f'"{found["checksum"]}"'
    for known in (
        first.headers["etag"],
        f"W/{first.headers['etag']}",
        f'"x", {first.headers["etag"]}',
    ):
        again = fetch(file, if_none_match=known)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    file.write_text("{}")
    changed = fetch(file, if_none_match=first.headers["etag"])
    assert changed.status == 200
    assert json.loads(changed.body)["settings"] == {}  # an empty policy, not none


def test_the_checksum_is_the_one_that_clients_compute(file: Path) -> None:
    """Of compact JSON with sorted keys, whatever the file looks like."""
    file.write_text('{ "z": ["\u00e9", true], "a": {"d": 1, "c": null} }')
    plain = '{"a":{"c":null,"d":1},"z":["\u00e9",true]}'
    wanted = f"sha256:{hashlib.sha256(plain.encode()).hexdigest()}"
    assert json.loads(fetch(file).body)["checksum"] == wanted


def test_without_a_file_there_is_no_policy() -> None:
    answer = fetch(None)
    assert answer.status == 404
    assert json.loads(answer.body)["type"] == "error"


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{", b"\xff", b'{"a": NaN}', b"{}" + b" " * 1_048_576]
)
def test_a_file_that_cannot_be_read_drops_nobodys_policy(file: Path, content: Any) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    answer = fetch(file)
    assert answer.status == 503
    assert str(file) not in answer.body.decode()


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert fetch(tmp_path).status == 503


def test_settings_are_only_read(file: Path) -> None:
    assert fetch(file, "PUT").status == 405
    assert fetch(file, "HEAD").body == b""
