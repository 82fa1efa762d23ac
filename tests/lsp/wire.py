"""Bare messages to and from the language server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lsp.editor import PATIENCE_SECONDS


class Wire:
    """Bytes to and from a server, for messages that no client sends."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *words, "-m", "corvus", "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "HOME": str(folder), **environment},
        )

    def send(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, **message: object) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def read(self) -> dict[str, object]:
        """Return the next message; standard output has nothing but messages."""
        assert self.process.stdout is not None
        head = self.process.stdout.readline()
        assert head.startswith(b"Content-Length: "), head
        while self.process.stdout.readline() != b"\r\n":
            pass
        return json.loads(self.process.stdout.read(int(head.split()[1])))

    def until(self, method: str) -> dict[str, object]:
        """Return the next message of a method, and pass over all others."""
        while (message := self.read()).get("method") != method:
            pass
        return message

    def answer(self, number: int) -> dict[str, object]:
        while (message := self.read()).get("id") != number:
            pass
        return message

    def greet(self, capabilities: object = None) -> None:
        self.ask(id=0, method="initialize", params={"capabilities": capabilities or {}})
        self.answer(0)
        self.ask(method="initialized", params={})

    def end(self, last: bytes = b"") -> tuple[int, str]:
        _, errors = self.process.communicate(last, timeout=PATIENCE_SECONDS)
        return self.process.returncode, errors.decode()
