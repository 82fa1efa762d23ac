"""Requests to AWS are signed as they are sent, with credentials that last (PRX-5)."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.session import Session
from yarl import URL

from corvus.gateway.proxy.aws_signature import BEARER, AwsSignature
from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.model.gateway import Kind, Upstream
from tests.gateway.signatures import SECRET, is_signed_right

HOST = "https://bedrock-runtime.eu-west-1.amazonaws.com"
PATH = "/model/eu.anthropic.claude-x-v1%3A0/converse"
JSON = [("content-type", "application/json"), ("user-agent", "boto3"), ("x-amzn-trace", "1")]


def upstream(**more: Any) -> Upstream:
    return Upstream("aws", HOST, Kind.BEDROCK, **more)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away every credential that this machine may have."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", BEARER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def own_keys(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


async def headers_of(
    signature: AwsSignature, url: str = HOST + PATH, body: bytes = b"{}"
) -> dict[str, str]:
    made = await signature.headers("POST", URL(url, encoded=True), JSON, body)
    assert len({name for name, _ in made}) == len(made)
    return dict(made)


def sent(url: str, made: dict[str, str]) -> dict[str, str]:
    """Return the headers as they reach the provider."""
    host = URL(url, encoded=True)
    default = {"https": 443, "http": 80}[host.scheme]
    name = f"{host.host}" if host.port in (None, default) else f"{host.host}:{host.port}"
    return {**dict(JSON), **made, "host": name}


@pytest.mark.usefixtures("own_keys")
@pytest.mark.parametrize(
    ("url", "body"),
    [
        (HOST + PATH, b"{}"),
        (HOST + PATH, b""),
        (HOST + PATH, b"x" * 3_000_000),
        ("http://127.0.0.1:8123" + PATH, b"{}"),
        (HOST + "/model/arn%3Aaws%3Abedrock%3A%3A1%3Ainference-profile%2Fa.b/invoke", b"{}"),
        (HOST + PATH + "?b=2&a=1&c", b"{}"),
    ],
)
def test_a_request_is_signed_as_it_is_sent(url: str, body: bytes) -> None:
    made = asyncio.run(headers_of(AwsSignature(upstream(region="us-east-1")), url, body))
    target = URL(url, encoded=True)
    path, query = target.raw_path, target.raw_query_string
    assert is_signed_right("POST", path, query, sent(url, made), body)
    assert "/us-east-1/bedrock/aws4_request" in made["authorization"]
    assert not is_signed_right("POST", path, query, sent(url, made), body + b" ")
    assert not is_signed_right("POST", path + "x", query, sent(url, made), body)
    assert not is_signed_right("POST", path, query, {**sent(url, made), "host": "evil"}, body)


@pytest.mark.usefixtures("own_keys")
def test_a_session_token_comes_along_and_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-session")
    made = asyncio.run(headers_of(AwsSignature(upstream(region="us-east-1"))))
    assert made["x-amz-security-token"] == "the-session"
    assert "x-amz-security-token" in made["authorization"]
    assert is_signed_right("POST", PATH, "", sent(HOST, made), b"{}")


@pytest.mark.usefixtures("own_keys")
def test_the_region_is_that_of_the_config_then_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    made = asyncio.run(headers_of(AwsSignature(upstream())))
    assert "/eu-west-1/bedrock/" in made["authorization"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    made = asyncio.run(headers_of(AwsSignature(upstream()), "https://proxy.example" + PATH))
    assert "/ap-south-1/bedrock/" in made["authorization"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(UpstreamFailed, match="region"):
        asyncio.run(headers_of(AwsSignature(upstream()), "https://proxy.example" + PATH))


@pytest.mark.usefixtures("own_keys")
def test_an_api_key_of_bedrock_is_sent_in_place_of_a_signature() -> None:
    environment = {BEARER: " the-key ", "OWN_KEY": "another"}
    made = asyncio.run(headers_of(AwsSignature(upstream(), environment)))
    assert made == {"authorization": "Bearer the-key"}
    made = asyncio.run(headers_of(AwsSignature(upstream(api_key_env="OWN_KEY"), environment)))
    assert made == {"authorization": "Bearer another"}


def test_a_search_that_found_none_says_so_and_is_not_repeated_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[int] = []

    def none(self: Session) -> None:
        searches.append(1)

    monkeypatch.setattr(Session, "get_credentials", none)
    signature = AwsSignature(upstream())

    async def three() -> list[Any]:
        return await asyncio.gather(*[headers_of(signature)] * 1, return_exceptions=True)

    for _ in range(3):
        (failed,) = asyncio.run(three())
        assert isinstance(failed, UpstreamFailed)
        assert (failed.refusal.status, failed.refusal.code) == (502, "upstream_credentials")
        assert "AWS_PROFILE" in failed.refusal.message
    assert len(searches) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[default]\ncredential_process = /no/such/program\n",
        "[default]\ncredential_process = false\n",
        "[default]\ncredential_process = echo not-json\n",
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n",
        "[default\n",
    ],
)
def test_a_search_that_fails_is_told_to_the_operator(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(UpstreamFailed) as failed:
        asyncio.run(headers_of(AwsSignature(upstream())))
    assert failed.value.refusal.code == "upstream_credentials"


class _Frozen(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class _Lasting:
    """Credentials that are renewed, in which whoever renews them must wait."""

    def __init__(self, *, fails: bool = False) -> None:
        self.ends = True
        self.renewed: list[threading.Thread] = []
        self._fails = fails

    def refresh_needed(self) -> bool:
        return self.ends

    def get_frozen_credentials(self) -> _Frozen:
        if self.ends:
            self.renewed.append(threading.current_thread())
            time.sleep(0.05)
            self.ends = self._fails
        return _Frozen("AKIDEXAMPLE", SECRET, f"token-{len(self.renewed)}")


def give(monkeypatch: pytest.MonkeyPatch, found: _Lasting) -> None:
    def get_credentials(self: Session) -> _Lasting:
        return found

    monkeypatch.setattr(Session, "get_credentials", get_credentials)


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> _Lasting:
    found = _Lasting()
    give(monkeypatch, found)
    return found


def test_many_calls_wait_for_one_renewal_off_the_loop(lasting: _Lasting) -> None:
    async def many() -> list[dict[str, str]]:
        signature = AwsSignature(upstream())
        first = await asyncio.gather(*(headers_of(signature) for _ in range(40)))
        assert len(lasting.renewed) == 1
        return first

    made = asyncio.run(many())
    assert {each["x-amz-security-token"] for each in made} == {"token-1"}
    assert threading.main_thread() not in lasting.renewed


def test_what_ends_is_renewed_before_it_is_used(
    lasting: _Lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()

    async def twice() -> None:
        signature = AwsSignature(upstream())
        await headers_of(signature)
        lasting.ends = True
        monkeypatch.setattr(time, "monotonic", lambda: now + 60)
        made = await headers_of(signature)
        assert made["x-amz-security-token"] == "token-2"

    asyncio.run(twice())


def test_what_could_not_be_renewed_yet_is_used_and_not_renewed_for_each_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = _Lasting(fails=True)
    give(monkeypatch, found)

    async def many() -> None:
        signature = AwsSignature(upstream())
        for _ in range(5):
            await headers_of(signature)

    asyncio.run(many())
    assert len(found.renewed) == 1


def test_a_program_of_the_operator_gives_credentials(tmp_path: Path) -> None:
    """The real chain of botocore."""
    said = {"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET}
    program = tmp_path / "program.py"
    program.write_text(f"print({json.dumps(said)!r})")
    (tmp_path / "config").write_text(
        f"[default]\ncredential_process = {sys.executable} {program}\nregion = us-west-2\n"
    )
    made = asyncio.run(headers_of(AwsSignature(upstream()), "https://proxy.example" + PATH))
    assert "/us-west-2/bedrock/" in made["authorization"]
    assert is_signed_right("POST", PATH, "", sent("https://proxy.example", made), b"{}")
