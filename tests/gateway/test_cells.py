"""Every cell of the table in the guide to clients works: metered whole, passed on untouched.

PRX-1, PRX-2, PRX-3: each answer comes in pieces of random length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import httpx2
import pytest

from tests.fakes import NO_AUTHORITIES
from tests.gateway import proxied
from tests.gateway.cells import CELLS, GUIDE, SIGNED, Answer, Cell, written
from tests.gateway.provider import Call, Provider, Script
from tests.gateway.proxied import Proxied, Settings

MORE = """
[governance.upstreams.gemini]
kind = "gemini"
base_url = "{url}"
api_key_env = "TEST_OPENAI_KEY"

[governance.upstreams.vertex]
kind = "vertex"
base_url = "{url}"
api_key_env = "TEST_OPENAI_KEY"
project = "acme"
location = "us-east5"

[governance.upstreams.bedrock]
kind = "bedrock"
base_url = "{url}"
region = "us-east-1"

[governance.upstreams.azure]
kind = "azure"
base_url = "{url}"
api_key_env = "TEST_OPENAI_KEY"
deployments = {{ d = "m" }}
"""
AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
PIECES = (1, 2, 3, 7, 16, 100, 1000)
SIGNATURE = "Credential={}/20261129/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """One gateway for all cells, with an upstream of each kind."""
    provider = Provider()
    settings = Settings(openai=MORE.format(url=provider.url))
    with pytest.MonkeyPatch.context() as patch:  # the paths of Azure begin with /openai/
        patch.setattr(
            proxied, "CONFIG", proxied.CONFIG.replace("upstreams.openai]", "upstreams.o]")
        )
        running = Proxied(tmp_path_factory.mktemp("cells"), provider, settings)
    yield running
    running.stop()
    provider.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in AWS.items():
        monkeypatch.setenv(name, text)


def saying(answer: Answer, seed: int) -> Script:
    """Return a script that answers in pieces of random length."""
    chance = random.Random(seed)

    async def script(call: Call) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {answer.media_type}\r\n"
        await call.raw(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        left = answer.body
        while left:
            size = chance.choice(PIECES)
            await call.chunk(left[:size])
            left = left[size:]
        await call.end()

    return script


def send(gateway: Proxied, cell: Cell) -> httpx2.Response:
    bearer = f"Bearer {gateway.secret}" if cell.token == "authorization" else gateway.secret
    token = {cell.token: bearer}
    if cell.token == SIGNED:
        signature = SIGNATURE.format(gateway.secret)
        token = {"authorization": f"AWS4-HMAC-SHA256 {signature}", "x-amz-date": "20261129T000000Z"}
    packed = {"content-encoding": "zstd"} if cell.is_packed else {}
    headers = {"content-type": "application/json", **cell.headers, **token, **packed}
    with httpx2.Client(timeout=30, trust_env=False, verify=NO_AUTHORITIES) as client:
        return client.post(gateway.url + cell.target, content=cell.body, headers=headers)


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell.client}-{cell.provider}-{cell.what}"
)
def test_a_cell_of_the_guide_works(gateway: Proxied, cell: Cell) -> None:
    gateway.settled()
    before = gateway.spent()
    gateway.provider.script = saying(cell.answer, CELLS.index(cell))
    gateway.provider.calls.clear()
    answer = send(gateway, cell)
    assert answer.status_code == 200, answer.text
    assert answer.content == cell.answer.body
    gateway.settled()
    assert gateway.spent() - before == cell.answer.nano_usd
    (call,) = gateway.provider.calls
    assert call.target.partition("?")[0] == cell.reaches
    assert not any(gateway.secret in value for _, value in call.headers)
    assert gateway.secret not in call.target


def test_the_guide_has_the_table_as_it_is_tested() -> None:
    guide = GUIDE.read_text("utf-8")
    assert written(guide) == guide, "write it: python -m tests.gateway.cells"
