"""What an editor shows at a key: the server of tombi is asked, over its own protocol (SCH-2)."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Generator
from typing import IO, Any

import pytest

from tests.config.model.test_schema_editors import engine, written

TEXT = """\
[cost]
daily_limit_usd = 5
monthly_limit_usd = 5.50
warn_at_percent = 80

[[cost.budgets]]
name = "a"
period = "day"
limit_usd = 1
per = ["user"]
match = { user = "ana", "tag.team" = "x" }
limits = { ana = 3 }

[cost.prices.m]
input = 1
output = 2.5

[autonomy]
level = "full"
"""
SHOWN = {
    "daily_limit_usd": "Limit in USD for each UTC day.",
    "monthly_limit_usd": "Limit in USD for each UTC month.",
    "warn_at_percent": "Threshold in percent",
    "limit_usd": "Hard limit of each sum in USD.",
    "match": "Attribute of calls to a glob",
    "user": "User who makes the call.",
    '"tag.team"': "A tag of the call",
    "ana": "The limit of such a value",
    "input": "USD per million fresh input tokens.",
    "output": "USD per million output tokens",
    "level": "How freely the agent acts",
}


class Server:
    """A language server that is asked over its standard streams."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input: IO[bytes] = process.stdin
        self._output: IO[bytes] = process.stdout
        self._asked = 0

    def tell(self, method: str, **parameters: object) -> None:
        self._send({"method": method, "params": parameters})

    def ask(self, method: str, **parameters: object) -> Any:
        """Return the result of a request; what the server asks meanwhile gets null."""
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if "method" not in message and message.get("id") == self._asked:
                return message.get("result")
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})

    def _send(self, message: dict[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._input.flush()

    def _receive(self) -> dict[str, Any]:
        length = 0
        while line := self._output.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self._output.read(length))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Server, str, list[str]]]:
    """Yield a server with the document open, the document's address, and its lines."""
    folder = tmp_path_factory.mktemp("hover")
    path = written(folder, TEXT)
    process = subprocess.Popen(
        [engine("tombi"), "lsp", "--offline", "--no-cache"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    server = Server(process)
    server.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
    server.tell("initialized")
    document = {"languageId": "toml", "version": 1, "text": path.read_text()}
    server.tell("textDocument/didOpen", textDocument={"uri": path.as_uri(), **document})
    yield server, path.as_uri(), path.read_text().splitlines()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("key", SHOWN)
def test_a_key_shows_its_description(key: str, opened: tuple[Server, str, list[str]]) -> None:
    """Integers, too: with ``"type": "number"`` alone tombi shows nothing at ``5``."""
    server, uri, lines = opened
    found = (re.search(rf"(^|[{{ ]){re.escape(key)}", text) for text in lines)
    line, match = next((number, match) for number, match in enumerate(found) if match)
    position = {"line": line, "character": match.end() - 1}
    hover = None
    for _ in range(100):  # null while the server still reads the schema
        hover = server.ask("textDocument/hover", textDocument={"uri": uri}, position=position)
        if hover is not None:
            break
        time.sleep(0.1)
    assert hover is not None
    assert SHOWN[key] in hover["contents"]["value"]
