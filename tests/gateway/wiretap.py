"""Runs a program behind a relay of its own that keeps all bytes that pass, in both directions.

``python wiretap.py FOLDER PROGRAM WORD...`` is put in the place of an agent: wherever its
environment or its command line names the address that it shall call, the relay's stands. Each
connection is a file of what the program has sent and one of what it got. Reads nothing and changes
nothing, so that both sides of a proxy can be compared byte for byte.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

_ADDRESS = "ANTHROPIC_BASE_URL"
_NUMBERS = count()


class Half(NamedTuple):
    """One request, or one answer.

    Attributes:
        first: The request line, or the status line.
        headers: With names in lower case.
    """

    first: str
    headers: dict[str, str]
    body: bytes


def requests(folder: Path) -> list[Half]:
    """Return all requests that programs have sent, in the order of connections."""
    return [one for file in sorted(folder.glob("*.sent")) for one in halves(file.read_bytes())]


def answers(folder: Path) -> list[Half]:
    """Return all answers that programs got, in the order of connections."""
    return [one for file in sorted(folder.glob("*.got")) for one in halves(file.read_bytes())]


def halves(raw: bytes) -> Iterator[Half]:
    """Yield what follows each other on one side of a connection; what is not whole is left out."""
    while raw:
        head, found, raw = raw.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, raw = _chunked(raw)
        else:
            length = int(headers.get("content-length", "0"))
            body, raw = raw[:length], raw[length:]
        yield Half(first, headers, body)


def _chunked(raw: bytes) -> tuple[bytes, bytes]:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        body, raw = body + raw[:length], raw[length + 2 :]
        if not length:
            return body, raw
    return body, raw


def _pump(source: socket.socket, target: socket.socket, file: Path) -> None:
    with file.open("wb", buffering=0) as kept:
        try:
            while data := source.recv(65_536):
                kept.write(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for one in (source, target):
                one.close()


def _relay(port: int, folder: Path) -> int:
    """Serve in threads until the process ends; return the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(("127.0.0.1", port))
            file = folder / f"{os.getpid():08}-{next(_NUMBERS):05}"
            for source, target, ending in ((client, server, "sent"), (server, client, "got")):
                words = (source, target, file.with_name(f"{file.name}.{ending}"))
                threading.Thread(target=_pump, args=words, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]


def _led(word: str, before: str, after: str, folder: Path) -> str:
    """Return a word with the address of the relay, also where it names settings with an address."""
    if not word.endswith(".json") or not os.path.isfile(word):
        return word.replace(before, after)
    settings = folder / f"{os.getpid():08}-settings.json"
    settings.write_text(Path(word).read_text("utf-8").replace(before, after), "utf-8")
    return str(settings)


def main(folder: str, program: str, *words: str) -> int:
    """Run the program, and return its exit code."""
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/?", os.environ[_ADDRESS])
    assert found is not None, "corvus names its own address"
    before = f"http://127.0.0.1:{found[1]}"
    after = f"http://127.0.0.1:{_relay(int(found[1]), Path(folder))}"
    environment = {name: text.replace(before, after) for name, text in os.environ.items()}
    command = [program, *(_led(word, before, after, Path(folder)) for word in words)]
    child = subprocess.Popen(command, env=environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: child.send_signal(number))
    code = child.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
